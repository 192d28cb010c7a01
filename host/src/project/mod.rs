//! The files that a script may read: Luau sources for `require`, and nothing else.
//!
//! [`Modules`] says where they are, and `bindings/modules.rs` asks a [`Project`], one for each run. Which file a `require` means
//! is the guest's business; that it is a Luau source of the project, and no more of them than the limits allow, is decided
//! here. Refuses every other name, and whatever leads out of the root.

mod around;
mod folder;
mod packed;
mod rules;
mod seen;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::around::{around, around_within};
use self::folder::{Folder, Naming};
pub(crate) use self::packed::Files;
pub(crate) use self::rules::{Rules, Target};
pub(crate) use self::seen::Seen;
use crate::limits::{self, Limits};

/// How many times the longest module all of them together may have.
const ALL_MODULES: u64 = 16;

/// Where the modules come from that a script requires by a path (`./x`, `../x`, `@alias/x`).
///
/// Whatever it is, a script reads only `*.luau`, `*.lua` and `.luaurc` of it.
#[derive(Debug, Clone, Default)]
pub struct Modules(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    /// There are none.
    #[default]
    Nowhere,
    /// From a folder, as they are when they are first required.
    Folder(Arc<Folder>),
    /// From texts, by path.
    Texts(Arc<BTreeMap<String, Vec<u8>>>),
    /// From an app.
    App(Arc<Files>),
}

impl Modules {
    /// No files: a script can require Atoll's libraries and nothing else.
    pub fn none() -> Modules {
        Modules::default()
    }

    /// The files in a folder, the project's root, and in all folders below it. Nothing leads out of it: no `..`, no symbolic
    /// link. Messages call a module by its path from there.
    ///
    /// # Errors
    ///
    /// Where it cannot be opened as a folder.
    pub fn folder(path: impl AsRef<Path>) -> io::Result<Modules> {
        let folder = Folder::open(path.as_ref(), Naming::FromRoot, None)?;
        Ok(Modules(Source::Folder(Arc::new(folder))))
    }

    /// Texts by their paths from the project's root: `lib/x.luau`, with `/` on every system.
    pub fn sources<P: Into<String>, T: Into<Vec<u8>>>(texts: impl IntoIterator<Item = (P, T)>) -> Modules {
        let texts = texts
            .into_iter()
            .map(|(path, text)| (path.into(), text.into()))
            .collect();
        Modules(Source::Texts(Arc::new(texts)))
    }

    /// Those of an app: no file of the disk is one of them.
    pub(crate) fn app(files: Files) -> Modules {
        Modules(Source::App(Arc::new(files)))
    }

    /// Where the root is on the disk, if it is there.
    pub(crate) fn root(&self) -> Option<&Path> {
        match &self.0 {
            Source::Folder(folder) => Some(folder.path()),
            Source::Nowhere | Source::Texts(_) | Source::App(_) => None,
        }
    }
}

/// What a path leads to; as in `wit/modules.wit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// No file. What messages call the path.
    Nothing(String),
    /// A file that can be read: its own path, and what messages call it.
    File {
        /// Behind all symbolic links.
        path: String,
        /// As the user would type it.
        name: String,
    },
    /// Which, and why not.
    Refused(String),
}

/// The modules of one run: each is read once, so that a server that starts afresh has the sources that it had.
pub(crate) struct Project {
    modules: Modules,
    /// The main script's path.
    script: String,
    /// Files that may be read.
    most: u32,
    /// Bytes of each.
    longest: u64,
    kept: Mutex<Kept>,
}

/// What was read so far.
#[derive(Default)]
struct Kept {
    /// By path.
    files: BTreeMap<String, File>,
    /// Bytes of all of them.
    bytes: u64,
}

struct File {
    name: String,
    text: Arc<[u8]>,
}

impl Project {
    /// The modules of a run of the script that lies at this path among them, within its limits.
    pub(crate) fn new(modules: Modules, script: String, limits: &Limits) -> Project {
        Project {
            modules,
            script,
            most: limits.modules,
            longest: limits.module_bytes,
            kept: Mutex::default(),
        }
    }

    /// The script's path, and what messages call the root where it has a name; none where there are no modules.
    pub(crate) fn of_script(&self) -> Option<(String, Option<String>)> {
        let root = match &self.modules.0 {
            Source::Nowhere => return None,
            Source::Folder(folder) => Some(folder.root()),
            Source::Texts(_) | Source::App(_) => None,
        };
        Some((self.script.clone(), root))
    }

    /// What the path leads to.
    pub(crate) fn look(&self, path: &str) -> Entry {
        if let Err(reason) = check(path) {
            return Entry::Refused(format!("{path:?} {reason}"));
        }
        match &self.modules.0 {
            Source::Nowhere => Entry::Nothing(path.to_owned()),
            Source::Folder(folder) => folder.look(path),
            Source::Texts(texts) if texts.contains_key(path) => Entry::File {
                path: path.to_owned(),
                name: path.to_owned(),
            },
            Source::Texts(_) => Entry::Nothing(path.to_owned()),
            Source::App(files) => {
                let own = files.links.get(path).map_or(path, String::as_str);
                match files.texts.contains_key(own) {
                    true => Entry::File {
                        path: own.to_owned(),
                        name: own.to_owned(),
                    },
                    false => Entry::Nothing(path.to_owned()),
                }
            }
        }
    }

    /// The file's content, or which file cannot be read, and why.
    pub(crate) fn read(&self, path: &str) -> Result<Arc<[u8]>, Unread> {
        check(path).map_err(|reason| format!("{path:?} {reason}"))?;
        let name = match &self.modules.0 {
            Source::Folder(folder) => folder.name(path),
            Source::Nowhere | Source::Texts(_) | Source::App(_) => path.to_owned(),
        };
        {
            let kept = self.kept();
            if let Some(file) = kept.files.get(path) {
                return Ok(file.text.clone());
            }
            self.admit(&kept, &name, 0)?;
        }
        // The disk may be slow, and nobody else has to wait for it.
        let text: Arc<[u8]> = self.text(path, &name)?.into();
        let mut kept = self.kept();
        self.admit(&kept, &name, text.len() as u64)?;
        kept.bytes += text.len() as u64;
        let file = File {
            name,
            text: text.clone(),
        };
        kept.files.insert(path.to_owned(), file);
        Ok(text)
    }

    /// Whether one more file of so many bytes is within the limits.
    fn admit(&self, kept: &Kept, name: &str, bytes: u64) -> Result<(), Unread> {
        if kept.files.len() >= self.most as usize {
            let most = self.most;
            return Err(Unread {
                limit: Some("modules"),
                reason: format!(
                    "{name} is one file too many (limit modules={most}; raise it with --limit modules=N)"
                ),
            });
        }
        if kept.bytes + bytes > self.longest.saturating_mul(ALL_MODULES) {
            return Err(self.too_long(format!(
                "{name} is too much: all modules together may have {ALL_MODULES} times as many bytes as one"
            )));
        }
        Ok(())
    }

    /// The text of the module that messages call `name`, as it was read in this run. Bytecode is none.
    pub(crate) fn source(&self, name: &str) -> Option<Arc<[u8]>> {
        if matches!(&self.modules.0, Source::App(files) if files.is_bytecode) {
            return None;
        }
        let kept = self.kept();
        let file = kept.files.values().find(|file| file.name == name)?;
        Some(file.text.clone())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self, path: &str, name: &str) -> Result<Vec<u8>, Unread> {
        let missing = || format!("{name} is not there any more");
        let text = match &self.modules.0 {
            Source::Nowhere => return Err(missing().into()),
            Source::Folder(folder) => folder
                .read(path, self.longest.saturating_add(1))
                .map_err(|reason| format!("{name} {reason}"))?,
            Source::Texts(texts) => texts.get(path).ok_or_else(missing)?.clone(),
            Source::App(files) => files.texts.get(path).ok_or_else(missing)?.to_vec(),
        };
        if text.len() as u64 > self.longest {
            let longest = limits::size(self.longest);
            return Err(self.too_long(format!("{name} has more than {longest} bytes")));
        }
        Ok(text)
    }

    fn too_long(&self, what: String) -> Unread {
        let longest = limits::size(self.longest);
        Unread {
            limit: Some("module-bytes"),
            reason: format!("{what} (limit module-bytes={longest}; raise it with --limit module-bytes=SIZE)"),
        }
    }
}

/// Why a file is not read.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The limit that was met, if one was.
    pub(crate) limit: Option<&'static str>,
    /// Which file, and what is wrong.
    pub(crate) reason: String,
}

impl From<String> for Unread {
    fn from(reason: String) -> Unread {
        Unread { limit: None, reason }
    }
}

/// Whether the guest may ask for the path, or what is wrong with it.
pub(crate) fn check(path: &str) -> Result<(), &'static str> {
    check_place(path)?;
    if !is_source(path) {
        return Err("is no Luau source: only *.luau, *.lua and .luaurc can be read");
    }
    Ok(())
}

/// Whether the path can be one of a project, or what is wrong with it.
pub(crate) fn check_place(path: &str) -> Result<(), &'static str> {
    let is_plain = |name: &str| !matches!(name, "" | "." | "..");
    // Control characters would get into messages, on terminals.
    if path.contains(|letter: char| letter == '\\' || letter.is_control()) || !path.split('/').all(is_plain) {
        return Err("is no path of a project");
    }
    Ok(())
}

/// Whether the path ends as a file that scripts may read.
fn is_source(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == ".luaurc" || name.ends_with(".luau") || name.ends_with(".lua")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(limits: &[&str]) -> Project {
        let modules = Modules::sources([
            ("main.luau", "return 1"),
            ("lib/x.lua", "return 2"),
            (".env", "SECRET=1"),
            (".luaurc", "{}"),
        ]);
        let mut bounds = Limits::default();
        for limit in limits {
            bounds.set(limit).expect("a limit");
        }
        Project::new(modules, "main.luau".to_owned(), &bounds)
    }

    #[test]
    fn only_sources_can_be_read() {
        let project = project(&[]);
        for path in ["main.luau", "lib/x.lua", ".luaurc"] {
            assert!(matches!(project.look(path), Entry::File { .. }), "{path}");
            assert!(project.read(path).is_ok(), "{path}");
        }
        for path in ["lib/x.luau", "none/.luaurc"] {
            assert_eq!(project.look(path), Entry::Nothing(path.to_owned()));
            assert!(project.read(path).is_err(), "{path}");
        }
        for path in [
            "",
            ".env",
            "atoll.toml",
            "x.luau/",
            "/main.luau",
            "../main.luau",
            "lib/../main.luau",
            "./main.luau",
            "lib//x.lua",
            "lib\\x.lua",
            "main.luau\0",
            "ma\nin.luau",
            "\u{1b}[31m.luau",
            "main.luau\0.luau",
            "luaurc",
            "x.luaurc",
            ".luaurc/x",
        ] {
            assert!(matches!(project.look(path), Entry::Refused(_)), "{path}");
            assert!(project.read(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_file_is_kept_and_found_by_its_name() {
        let project = project(&[]);
        assert!(project.source("lib/x.lua").is_none());
        let text = project.read("lib/x.lua").expect("a text");
        assert!(Arc::ptr_eq(&text, &project.read("lib/x.lua").expect("a text")));
        assert!(Arc::ptr_eq(&text, &project.source("lib/x.lua").expect("a text")));
    }

    #[test]
    fn the_limits_hold() {
        let bounded = project(&["modules=1"]);
        assert!(bounded.read("main.luau").is_ok());
        assert!(bounded.read("main.luau").is_ok());
        let refusal = bounded.read(".luaurc").expect_err("a refusal");
        assert_eq!(
            (refusal.reason.as_str(), refusal.limit),
            (
                ".luaurc is one file too many (limit modules=1; raise it with --limit modules=N)",
                Some("modules")
            )
        );
        let modules = Modules::sources((0..20).map(|number| (format!("{number}.luau"), vec![b' '; 1024])));
        let mut limits = Limits::default();
        limits.set("module-bytes=1k").expect("a limit");
        let bounded = Project::new(modules, String::new(), &limits);
        for number in 0..16 {
            assert!(bounded.read(&format!("{number}.luau")).is_ok());
        }
        let refusal = bounded.read("16.luau").expect_err("a refusal");
        assert!(refusal.reason.contains("module-bytes=1k"), "{refusal:?}");
        assert_eq!(refusal.limit, Some("module-bytes"));
        let modules = Modules::sources([("x.luau", vec![b' '; 1025])]);
        let bounded = Project::new(modules, String::new(), &limits);
        let refusal = bounded.read("x.luau").expect_err("a refusal");
        assert!(
            refusal.reason.starts_with("x.luau has more than 1k bytes"),
            "{refusal:?}"
        );
    }
}
