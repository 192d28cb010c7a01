//! What an app says of itself: its name and version, and the permissions that it asks for.
//!
//! The project's own `atoll.toml` may say them, as an app's wishes grant nothing.

use std::path::{Path, PathBuf};

use crate::app::{Wishes, check_word};
use crate::cli::BuildArgs;
use crate::config::{Entry, Policy};

/// The file that says them where `--config` names no other.
const CONFIG: &str = "atoll.toml";

pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) wishes: Wishes,
}

impl Package {
    /// What the flags say, else the config, else the script's name.
    pub(super) fn of(args: &BuildArgs, root: &Path) -> Result<Package, String> {
        let mut permissions = args.permissions.clone();
        let own = || Some(root.join(CONFIG)).filter(|path| path.is_file());
        permissions.config = permissions.config.or_else(own).map(as_typed);
        let place = |flag: &str, key: &str, is_flag: bool| match (is_flag, &permissions.config) {
            (false, Some(config)) => format!("{}: package.{key}", config.display()),
            _ => flag.to_owned(),
        };
        let (policy, package) = Policy::of_app(permissions.clone()).map_err(|error| error.to_string())?;
        let name = args.name.clone().or(package.name);
        let version = args.app_version.clone().or(package.version);
        if let Some(name) = &name {
            let place = place("--name", "name", args.name.is_some());
            check_word(name).map_err(|problem| format!("{place} {problem}"))?;
        }
        if let Some(version) = &version {
            let place = place("--app-version", "version", args.app_version.is_some());
            check_word(version).map_err(|problem| format!("{place} {problem}"))?;
        }
        Ok(Package {
            name: name.unwrap_or_else(|| name_of(&args.script)),
            version,
            wishes: wishes(&policy.entries),
        })
    }
}

/// How the user would type the path.
fn as_typed(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.unwrap_or(path)
}

/// The script's name without its ending, as far as an app can be called that.
fn name_of(script: &Path) -> String {
    let stem = script.file_stem().unwrap_or_default().to_string_lossy();
    let fit = |letter: char| match check_word(letter.encode_utf8(&mut [0; 4])) {
        Ok(()) => letter,
        Err(_) => '-',
    };
    let name: String = stem.chars().map(fit).take(64).collect();
    match name.is_empty() {
        true => "app".to_owned(),
        false => name,
    }
}

fn wishes(entries: &[Entry]) -> Wishes {
    let of = |flag: &str| -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for entry in entries.iter().filter(|entry| entry.flag == flag) {
            if !rules.contains(&entry.rule) {
                rules.push(entry.rule.clone());
            }
        }
        rules
    };
    Wishes {
        allow_net: of("--allow-net"),
        deny_net: of("--deny-net"),
        allow_listen: of("--allow-listen"),
        deny_listen: of("--deny-listen"),
        allow_env: of("--allow-env"),
        allow_all: entries.iter().any(|entry| entry.flag == "--allow-all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_scripts() {
        let table = [
            ("hello.luau", "hello"),
            ("src/my app.luau", "my-app"),
            ("über.luau", "über"),
            ("a\u{1b}[31m.luau", "a--31m"),
            ("x", "x"),
            ("/", "app"),
        ];
        for (script, name) in table {
            assert_eq!(name_of(Path::new(script)), name);
            assert!(check_word(name).is_ok());
        }
        assert_eq!(name_of(Path::new(&"x".repeat(100))).len(), 64);
    }
}
