//! A folder of sources on the disk, behind a `Dir` of cap-std: no path leads out of it, whatever links it meets.
//!
//! Reads regular files only. A named pipe or a device is refused without waiting for it.

use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, FileType, OpenOptions};

use super::{Entry, Seen, is_source};

/// An opened root.
#[derive(Debug)]
pub(super) struct Folder {
    dir: Dir,
    /// Where it is.
    path: PathBuf,
    naming: Naming,
    /// Where the files are noted that are looked for.
    seen: Option<Seen>,
}

/// What messages call the files.
#[derive(Debug)]
pub(super) enum Naming {
    /// By their paths from the root.
    FromRoot,
    /// By their whole paths.
    Absolute,
    /// By their paths from this folder. Both it and the root are absolute and free of links.
    From(PathBuf),
}

impl Folder {
    /// Opens a folder that the user or embedder chose.
    pub(super) fn open(path: &Path, naming: Naming, seen: Option<Seen>) -> io::Result<Folder> {
        Ok(Folder {
            dir: Dir::open_ambient_dir(path, ambient_authority())?,
            path: path.to_owned(),
            naming,
            seen,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What messages call the root.
    pub(super) fn root(&self) -> String {
        match &self.naming {
            Naming::FromRoot | Naming::Absolute => self.path.display().to_string(),
            Naming::From(folder) => match relative(folder, &self.path) {
                path if path.as_os_str().is_empty() => ".".to_owned(),
                path => path.display().to_string(),
            },
        }
    }

    /// What messages call the file at this path.
    pub(super) fn name(&self, path: &str) -> String {
        match &self.naming {
            Naming::FromRoot => path.to_owned(),
            Naming::Absolute => self.path.join(path).display().to_string(),
            Naming::From(folder) => relative(folder, &self.path.join(path)).display().to_string(),
        }
    }

    /// What a checked path leads to.
    pub(super) fn look(&self, path: &str) -> Entry {
        if let Some(seen) = &self.seen {
            seen.note(&self.path.join(path));
        }
        let refused = |reason: String| Entry::Refused(format!("{} {reason}", self.name(path)));
        let kind = match self.dir.symlink_metadata(path) {
            Ok(found) => found.file_type(),
            Err(error) => match reason(&error) {
                None => return Entry::Nothing(self.name(path)),
                Some(reason) => return refused(reason),
            },
        };
        if kind.is_dir() {
            return Entry::Nothing(self.name(path));
        }
        if !kind.is_file() && !kind.is_symlink() {
            return refused(no_file(kind));
        }
        // Other folders on the way may be links as well.
        let own = match self.dir.canonicalize(path) {
            Ok(own) => own,
            Err(error) => {
                let reason = reason(&error);
                return refused(
                    reason.unwrap_or_else(|| "is a symbolic link that leads to nothing".to_owned()),
                );
            }
        };
        match own.to_str() {
            Some(own) if own == path => {}
            Some(own) if is_source(own) => match self.dir.symlink_metadata(own) {
                Ok(found) if found.is_file() => {}
                Ok(found) if found.is_dir() => return Entry::Nothing(self.name(path)),
                Ok(found) => return refused(no_file(found.file_type())),
                Err(error) => return refused(format!("cannot be read: {error}")),
            },
            _ => return refused("is a symbolic link to a file that is no Luau source".to_owned()),
        }
        let own = own.to_string_lossy().into_owned();
        Entry::File {
            name: self.name(&own),
            path: own,
        }
    }

    /// The first `most` bytes of a file that `look` found, or why it cannot be read.
    pub(super) fn read(&self, path: &str, most: u64) -> Result<Vec<u8>, String> {
        let because = |error: io::Error| reason(&error).unwrap_or_else(|| "is not there any more".to_owned());
        let mut options = OpenOptions::new();
        // The path is a file's own. One that has become a link may lead to any file of the project, and a pipe would wait
        // for its writer.
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let file = self.dir.open_with(path, &options).map_err(because)?;
        let found = file.metadata().map_err(because)?;
        if !found.is_file() {
            return Err(no_file(found.file_type()));
        }
        let mut text = Vec::new();
        file.take(most).read_to_end(&mut text).map_err(because)?;
        Ok(text)
    }
}

/// Why something that is there cannot be read; none where nothing is there.
fn reason(error: &io::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => None,
        // What cap-std says of a path that leaves its folder; the system's own refusals have a number.
        ErrorKind::PermissionDenied if error.raw_os_error().is_none() => {
            Some("is a symbolic link that leads out of the project".to_owned())
        }
        _ => Some(format!("cannot be read: {error}")),
    }
}

fn no_file(kind: FileType) -> String {
    let what = if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else {
        "a pipe, a socket or a device"
    };
    format!("is {what}, and no regular file")
}

/// How to get from one folder to a path. Both are absolute and free of links.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from
        .components()
        .zip(to.components())
        .take_while(|(one, other)| one == other);
    let common = common.count();
    let up = from.components().skip(common).map(|_| Path::new(".."));
    up.chain(
        to.components()
            .skip(common)
            .map(|name| Path::new(name.as_os_str())),
    )
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_from_a_folder() {
        let table = [
            ("/a", "/a/x.luau", "x.luau"),
            ("/a", "/a/lib/x.luau", "lib/x.luau"),
            ("/a/b", "/a/x.luau", "../x.luau"),
            ("/a/b", "/a/c/x.luau", "../c/x.luau"),
            ("/", "/a/x.luau", "a/x.luau"),
            ("/a/b", "/c/x.luau", "../../c/x.luau"),
            ("/a", "/a", ""),
            ("/ab", "/a/x.luau", "../a/x.luau"),
        ];
        for (from, to, expected) in table {
            assert_eq!(
                relative(Path::new(from), Path::new(to)),
                Path::new(expected),
                "{from} {to}"
            );
        }
    }
}
