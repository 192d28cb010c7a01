//! The guest, from source to the stamped components.
//!
//! Called by `cargo xtask guest`. It refuses to stamp sources that changed while they were compiled, and with
//! [`Mode::Check`] a committed component that these sources and these tools would not have made.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use thiserror::Error;

use super::component::{self, ComponentError, Flavour};
use super::exceptions::{self, ExceptionsError};
use super::luau::{self, LuauError};
use super::recipe::{self, Folders};
use super::stamp::{self, STAMP, Stale, Stamp, StampError};
use super::toolchain::{Toolchain, ToolchainError};
use crate::process::{self, ProcessError};

/// What to do with the component once it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Put it and its stamp into `guest/prebuilt/`.
    Write,
    /// Compare it with the committed one, and leave that as it is.
    Check,
}

/// How the component that was built relates to the one in `guest/prebuilt/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was there to compare with.
    First,
    /// The same bytes.
    Same,
    /// Other bytes, and this is why.
    Inputs(Vec<Stale>),
    /// Other bytes, because these tools, named with both versions, are others.
    Tools(Vec<String>),
}

/// Why there is no fresh component.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The compilers are not there, or don't work.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The C++ runtime could not be built.
    #[error(transparent)]
    Exceptions(#[from] ExceptionsError),
    /// Luau's sources are not those that the guest changes.
    #[error(transparent)]
    Luau(#[from] LuauError),
    /// cargo failed; it has said why.
    #[error(transparent)]
    Cargo(#[from] ProcessError),
    /// The module is none of the world's.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// An input or the stamp could not be read.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// A file could not be read or written.
    #[error("cannot use `{0}`: {1}")]
    File(PathBuf, io::Error),
    /// Somebody edited while cargo ran: the component may be made from either state.
    #[error("the sources changed during the build ({0}); run `cargo xtask guest` again")]
    Edited(Stale),
    /// The committed component is stale.
    #[error("the committed guest is stale: {0}")]
    Stale(Stale),
    /// Same sources, same tools, other bytes.
    #[error(
        "`{component}` is not what its sources and tools make: the stamp says {committed}, this build made {built}; \
         it was built with changes that were not committed, or the build is not reproducible"
    )]
    Differs {
        /// Its path below the project's root.
        component: String,
        /// SHA-256 of the committed component.
        committed: String,
        /// SHA-256 of the one that was built now.
        built: String,
    },
}

/// Builds the component of the project at `root`, whose build folder is `target`, and says how it relates to
/// the one that was in `guest/prebuilt/`.
///
/// # Errors
/// [`BuildError`] names the step that failed and what to do.
pub fn build(root: &Path, target: &Path, mode: Mode) -> Result<Outcome, BuildError> {
    let _lock = lock(target)?;
    let toolchain = Toolchain::find()?;
    let inputs = stamp::inputs(root)?;
    let tools = toolchain.versions()?;
    let mut components = BTreeMap::new();
    for flavour in Flavour::ALL {
        let module = compile(root, target, &toolchain, &tools, flavour)?;
        let module = fs::read(&module).map_err(|error| BuildError::File(module, error))?;
        components.insert(flavour.path(), component::encode(flavour, &module)?);
    }
    if let Some(edited) = stamp::compare(&inputs, &stamp::inputs(root)?).into_iter().next() {
        return Err(BuildError::Edited(edited));
    }
    let built = Stamp {
        components: components
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), stamp::hash(bytes)))
            .collect(),
        tools,
        inputs,
    };
    match mode {
        Mode::Write => write(root, &components, &built),
        Mode::Check => check(&stamp::read(root)?, &built),
    }
}

/// Waits until no other build uses the folders below `target`: two would empty each other's. Held until dropped.
fn lock(target: &Path) -> Result<File, BuildError> {
    let path = target.join("guest.lock");
    let locked = fs::create_dir_all(target)
        .and_then(|()| File::create(&path))
        .and_then(|file| {
            file.lock()?;
            Ok(file)
        });
    locked.map_err(|error| BuildError::File(path, error))
}

/// Runs cargo on the guest and returns the path of the core module.
fn compile(
    root: &Path,
    target: &Path,
    toolchain: &Toolchain,
    tools: &BTreeMap<String, String>,
    flavour: Flavour,
) -> Result<PathBuf, BuildError> {
    let cpp = recipe::cxx_flags(&toolchain.cpp);
    let version = stamp::hash(
        format!(
            "{tools:?} {cpp:?} {} {}",
            exceptions::ZIGLANG,
            include_str!("exceptions.rs")
        )
        .as_bytes(),
    );
    let runtime = exceptions::ensure(toolchain, &target.join("guest-eh"), &version)?;
    let luau = luau::ensure(toolchain, &root.join("guest"), &target.join("guest-luau"))?;
    let guest_target = target.join("guest");
    let home = cargo_home();
    let folders = Folders {
        root,
        cargo_home: &home,
        target: &guest_target,
        exceptions: &runtime,
        luau: &luau,
    };
    let variables = recipe::variables(toolchain, folders);
    forget_other_recipe(
        &guest_target,
        &stamp::hash(format!("{version} {variables:?} {}", luau::version()).as_bytes()),
    )?;

    let mut cargo = Command::new(&toolchain.cargo);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(recipe::interferes) {
            cargo.env_remove(name);
        }
    }
    cargo
        .current_dir(root.join("guest"))
        .args(recipe::CARGO)
        .args(flavour.features())
        .arg("--target-dir")
        .arg(&guest_target);
    process::run(cargo.envs(variables))?;
    Ok(guest_target.join(recipe::TARGET).join("release/atoll_guest.wasm"))
}

/// Empties the build folder when it was filled by another recipe: the build script of Luau's sources does not
/// tell cargo that it depends on the flags.
fn forget_other_recipe(folder: &Path, recipe: &str) -> Result<(), BuildError> {
    let mark = folder.join("recipe");
    let failed = |error| BuildError::File(mark.clone(), error);
    if fs::read_to_string(&mark).is_ok_and(|mark| mark == recipe) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&mark, recipe))
        .map_err(failed)
}

fn write(root: &Path, components: &BTreeMap<&str, Vec<u8>>, built: &Stamp) -> Result<Outcome, BuildError> {
    let outcome = match stamp::read(root) {
        Ok(before) => relation(&before, built),
        // Damaged or none: this writes a new one.
        Err(_) => Outcome::First,
    };
    let put = |name: &str, bytes: &[u8]| {
        let path = root.join(name);
        // Left alone when nothing changed, so that cargo does not rebuild what includes it.
        if fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        folder
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|error| BuildError::File(path, error))
    };
    for (path, bytes) in components {
        put(path, bytes)?;
    }
    put(STAMP, built.to_text().as_bytes())?;
    Ok(outcome)
}

fn check(committed: &Stamp, built: &Stamp) -> Result<Outcome, BuildError> {
    if let Some(stale) = stamp::compare(&committed.inputs, &built.inputs)
        .into_iter()
        .next()
    {
        return Err(BuildError::Stale(stale));
    }
    match relation(committed, built) {
        Outcome::Tools(differences) if differences.is_empty() => {
            let of = |stamp: &Stamp, path: &str| stamp.components.get(path).cloned().unwrap_or_default();
            let mut paths = built.components.keys();
            let other = paths.find(|path| of(committed, path) != of(built, path));
            let component = other.cloned().unwrap_or_default();
            Err(BuildError::Differs {
                committed: of(committed, &component),
                built: of(built, &component),
                component,
            })
        }
        outcome => Ok(outcome),
    }
}

fn relation(before: &Stamp, built: &Stamp) -> Outcome {
    let changed = stamp::compare(&before.inputs, &built.inputs);
    if before.components == built.components {
        Outcome::Same
    } else if changed.is_empty() {
        Outcome::Tools(differences(&before.tools, &built.tools))
    } else {
        Outcome::Inputs(changed)
    }
}

fn differences(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let version =
        |tools: &BTreeMap<String, String>, name| tools.get(name).map_or("none", |v| v.as_str()).to_owned();
    now.keys()
        .filter(|name| before.get(*name) != now.get(*name))
        .map(|name| {
            format!(
                "{name}: {} then, {} now",
                version(before, name),
                version(now, name)
            )
        })
        .collect()
}

fn cargo_home() -> PathBuf {
    env::var_os("CARGO_HOME").map_or_else(
        || env::home_dir().unwrap_or_default().join(".cargo"),
        PathBuf::from,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::stamp::COMPONENT;

    fn stamp(component: &str, rustc: &str, source: &str) -> Stamp {
        let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        Stamp {
            components: one(COMPONENT, component),
            tools: one("rustc", rustc),
            inputs: one("guest/src/lib.rs", source),
        }
    }

    fn made(bytes: &[u8]) -> BTreeMap<&'static str, Vec<u8>> {
        BTreeMap::from([(COMPONENT, bytes.to_vec())])
    }

    #[test]
    fn a_check_tells_why_the_bytes_differ() {
        let committed = stamp("aa", "1.96", "s1");
        assert_eq!(check(&committed, &committed).expect("the same"), Outcome::Same);
        assert_eq!(
            check(&committed, &stamp("aa", "1.97", "s1")).expect("same bytes"),
            Outcome::Same
        );
        assert_eq!(
            check(&committed, &stamp("bb", "1.97", "s1")).expect("another compiler is no fault"),
            Outcome::Tools(vec!["rustc: 1.96 then, 1.97 now".to_owned()])
        );
        assert!(matches!(
            check(&committed, &stamp("bb", "1.96", "s1")),
            Err(BuildError::Differs { .. })
        ));
        assert!(matches!(
            check(&committed, &stamp("aa", "1.96", "s2")),
            Err(BuildError::Stale(Stale::Changed(_)))
        ));
    }

    #[test]
    fn what_is_written_is_fresh_and_left_alone_the_second_time() {
        let root = env::temp_dir().join(format!("atoll-xtask-write-{}", std::process::id()));
        let built = stamp(&stamp::hash(b"wasm"), "1.96", "s1");
        assert_eq!(
            write(&root, &made(b"wasm"), &built).expect("written"),
            Outcome::First
        );
        assert_eq!(stamp::read(&root).expect("readable"), built);
        let written = |name| {
            fs::metadata(root.join(name))
                .and_then(|data| data.modified())
                .expect("there")
        };
        let before = (written(COMPONENT), written(STAMP));
        assert_eq!(
            write(&root, &made(b"wasm"), &built).expect("written"),
            Outcome::Same
        );
        assert_eq!((written(COMPONENT), written(STAMP)), before);
        let changed = Stale::Changed("guest/src/lib.rs".to_owned());
        let other = stamp(&stamp::hash(b"other"), "1.96", "s2");
        assert_eq!(
            write(&root, &made(b"other"), &other).expect("written"),
            Outcome::Inputs(vec![changed])
        );
        assert_eq!(fs::read(root.join(COMPONENT)).expect("readable"), b"other");
        fs::remove_dir_all(root).expect("its own folder");
    }
}
