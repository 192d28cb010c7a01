//! A folder with scripts in it, as `types` and `init` write to it. It may be a stranger's: what lies there is never
//! overwritten, and no link in it leads out.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use sha2::{Digest, Sha256};

use super::settings::{self, Wish};

/// Bytes that a file of settings may have; a bigger one is no file of settings.
const LONGEST: u64 = 1 << 20;

/// What the first line of a file of ours begins with; the hash of what follows ends it.
const STAMP: &str = "-- Written by atoll";

/// The folder.
pub(super) struct Project {
    folder: Dir,
    /// What became of its files, a line each.
    report: String,
}

/// A file of the project that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {path}: {cause}", path = .path.display())]
pub(super) struct FileError {
    verb: &'static str,
    path: PathBuf,
    cause: io::Error,
}

impl Project {
    /// Opens a folder that is there.
    pub(super) fn open(path: &Path) -> Result<Project, FileError> {
        let folder = Dir::open_ambient_dir(path, ambient_authority());
        Ok(Project {
            folder: folder.map_err(|cause| failed("open", path, cause))?,
            report: String::new(),
        })
    }

    /// Opens a folder, and creates it where it is missing.
    pub(super) fn create(path: &Path) -> Result<Project, FileError> {
        Dir::create_ambient_dir_all(path, ambient_authority())
            .map_err(|cause| failed("create", path, cause))?;
        Project::open(path)
    }

    /// Whether something of that name is there, a link that leads nowhere included.
    pub(super) fn has(&self, path: &str) -> bool {
        self.folder.symlink_metadata(path).is_ok()
    }

    /// What became of the files.
    pub(super) fn into_report(self) -> String {
        self.report
    }

    /// Writes a file that must not be there.
    pub(super) fn write_new(&mut self, path: &str, text: &str) -> Result<(), FileError> {
        self.put(path, text, true)?;
        self.note("wrote", path);
        Ok(())
    }

    /// Writes a file of Luau that Atoll keeps up to date. One that was edited stays as it is.
    pub(super) fn write_own(&mut self, path: &str, content: &str) -> Result<(), FileError> {
        let text = stamped(content);
        match self.read(path)? {
            None => self.write_new(path, &text)?,
            Some(found) if found == text => self.note("unchanged", path),
            Some(found) if is_unedited(&found) => {
                self.put(path, &text, false)?;
                self.note("updated", path);
            }
            Some(_) => self.note(
                "kept",
                format_args!("{path}: it was edited; remove it and run this again to have it anew"),
            ),
        }
        Ok(())
    }

    /// Adds what is missing to a file of settings, and leaves all else.
    pub(super) fn merge(&mut self, path: &str, wishes: &[Wish]) -> Result<(), FileError> {
        let found = self.read(path)?;
        let merged = settings::merge(found.as_deref().unwrap_or_default(), wishes);
        match (&found, &merged.text) {
            (None, Some(text)) => self.write_new(path, text)?,
            (Some(_), Some(text)) => {
                self.put(path, text, false)?;
                self.note("added to", path);
            }
            (_, None) if merged.refused.is_empty() => self.note("unchanged", path),
            (_, None) => {}
        }
        for (wish, why) in merged.refused {
            self.note("kept", format_args!("{path}: {why}; Atoll wants {wish}"));
        }
        Ok(())
    }

    /// The file's text; none where there is no such file.
    fn read(&self, path: &str) -> Result<Option<String>, FileError> {
        let mut text = String::new();
        let read = self
            .folder
            .open(path)
            .and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
        match read {
            Ok(length) if length as u64 > LONGEST => {
                let cause = io::Error::other(format!("it has more than {LONGEST} bytes"));
                Err(failed("read", path, cause))
            }
            Ok(_) => Ok(Some(text)),
            // A link that leads nowhere is found by `put`.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed("read", path, cause)),
        }
    }

    fn put(&self, path: &str, text: &str, new: bool) -> Result<(), FileError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(new).truncate(!new);
        let parent = Path::new(path).parent().unwrap_or(Path::new(""));
        let folder = match parent.as_os_str().is_empty() {
            true => Ok(()),
            false => self.folder.create_dir_all(parent),
        };
        folder
            .and_then(|()| self.folder.open_with(path, &options))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|cause| failed("write", path, cause))
    }

    fn note(&mut self, verb: &str, what: impl fmt::Display) {
        self.report.push_str(&format!("{verb:<10} {what}\n"));
    }
}

fn failed(verb: &'static str, path: impl AsRef<Path>, cause: io::Error) -> FileError {
    FileError {
        verb,
        path: path.as_ref().to_owned(),
        cause,
    }
}

/// The content behind a line that says whose it is.
fn stamped(content: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let hash = hash(content);
    format!("{STAMP} {version}, which updates this file until it is edited: {hash}\n{content}")
}

/// Whether a version of Atoll wrote exactly this.
fn is_unedited(text: &str) -> bool {
    text.split_once('\n').is_some_and(|(stamp, content)| {
        stamp.starts_with(STAMP) && stamp.rsplit(' ').next() == Some(hash(content).as_str())
    })
}

fn hash(content: &str) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_shows() {
        let text = stamped("return net\n");
        assert!(is_unedited(&text));
        assert!(is_unedited(&text.replace(env!("CARGO_PKG_VERSION"), "9.8.7")));
        for edited in [
            "",
            "return net\n",
            &format!("{text}-- mine"),
            &text.replace("net", "task"),
        ] {
            assert!(!is_unedited(edited), "{edited:?}");
        }
    }
}
