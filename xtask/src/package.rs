//! `cargo xtask package`: a release as one archive, with the program and what belongs beside it.
//!
//! The program itself writes its completions and manual pages, so they are those of this very build. The archive's entries are
//! sorted and carry no owner, and the time of the last commit, so that the same files make the same bytes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::licences::{self, LicenceError};
use crate::process::{self, ProcessError};

/// What goes into the archive as it is, by its path below the project's root.
const FILES: [&str; 4] = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// The types of the libraries, for editors.
const TYPES: &str = "guest/types";

/// Shells, and what each one's file of completions is called.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "atoll.bash"),
    ("elvish", "atoll.elv"),
    ("fish", "atoll.fish"),
    ("powershell", "_atoll.ps1"),
    ("zsh", "_atoll"),
];

/// Why there is no archive.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A program did not do its work.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file can't be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The licences of what is in the program can't be put together.
    #[error(transparent)]
    Licences(#[from] LicenceError),
    /// The program's help does not name its commands where it used to.
    #[error("`atoll --help` lists no commands: the manual pages can't be made")]
    NoCommands,
}

/// An archive that was made.
#[derive(Debug)]
pub struct Package {
    /// Where it is.
    pub archive: PathBuf,
    /// Bytes of the program in it.
    pub program: u64,
}

/// Builds the program for a release.
///
/// # Errors
/// [`PackageError::Process`] when cargo fails.
pub fn build(root: &Path, target: &Path) -> Result<PathBuf, PackageError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    process::run(
        Command::new(cargo)
            .current_dir(root)
            .args([
                "build",
                "--locked",
                "--release",
                "--package=atoll",
                "--target-dir",
            ])
            .arg(target),
    )?;
    Ok(target.join("release/atoll"))
}

/// Makes the archive of this program in `folder`.
///
/// # Errors
/// [`PackageError`] when a file is missing or the program, `git` or `tar` fail.
pub fn package(root: &Path, program: &Path, folder: &Path) -> Result<Package, PackageError> {
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    let name = format!("atoll-{}-{arch}-{os}", env!("CARGO_PKG_VERSION"));
    let stage = folder.join(&name);
    if stage.exists() {
        fs::remove_dir_all(&stage).map_err(at(&stage))?;
    }
    create(&stage)?;
    copy(program, &stage.join("atoll"))?;
    for file in FILES {
        copy(&root.join(file), &stage.join(file))?;
    }
    write(&stage.join("LICENSE-THIRD-PARTY"), &licences::text(root)?)?;
    let types = root.join(TYPES);
    create(&stage.join("types"))?;
    for entry in fs::read_dir(&types).map_err(at(&types))? {
        let entry = entry.map_err(at(&types))?;
        copy(&entry.path(), &stage.join("types").join(entry.file_name()))?;
    }
    create(&stage.join("completions"))?;
    for (shell, file) in SHELLS {
        let text = process::output(Command::new(program).args(["completions", shell]))?;
        write(&stage.join("completions").join(file), &text)?;
    }
    let pages = stage.join("man/man1");
    create(&pages)?;
    let text = process::output(Command::new(program).arg("man"))?;
    write(&pages.join("atoll.1"), &text)?;
    for command in commands(&process::output(Command::new(program).arg("--help"))?)? {
        let text = process::output(Command::new(program).args(["man", &command]))?;
        write(&pages.join(format!("atoll-{command}.1")), &text)?;
    }
    let archive = folder.join(format!("{name}.tar.gz"));
    let time = process::output(
        Command::new("git")
            .current_dir(root)
            .args(["log", "-1", "--format=@%ct"]),
    )?;
    process::run(
        Command::new("tar")
            .current_dir(folder)
            .args([
                "--sort=name",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
                "--mode=u+rw,go=u-w",
            ])
            .arg(format!("--mtime={}", time.trim()))
            // Without its own time in the head.
            .args(["--use-compress-program=gzip -6n", "-cf"])
            .arg(format!("{name}.tar.gz"))
            .arg(&name),
    )?;
    let program = fs::metadata(stage.join("atoll")).map_err(at(&stage))?.len();
    fs::remove_dir_all(&stage).map_err(at(&stage))?;
    Ok(Package { archive, program })
}

/// The commands that the program's help lists, without `help`.
fn commands(help: &str) -> Result<Vec<String>, PackageError> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<String> = listed
        .take_while(|line| !line.is_empty())
        // What a long description goes on with is further in.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .map(str::to_owned)
        .collect();
    if commands.is_empty() {
        return Err(PackageError::NoCommands);
    }
    Ok(commands)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PackageError {
    let path = path.to_owned();
    move |source| PackageError::File { path, source }
}

fn create(folder: &Path) -> Result<(), PackageError> {
    fs::create_dir_all(folder).map_err(at(folder))
}

fn copy(from: &Path, to: &Path) -> Result<(), PackageError> {
    fs::copy(from, to).map(drop).map_err(at(from))
}

fn write(path: &Path, text: &str) -> Result<(), PackageError> {
    fs::write(path, text).map_err(at(path))
}
