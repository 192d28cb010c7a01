//! The files that a run depends on, as they were when it looked at them. Called by `folder`, which notes them, and by
//! `atoll run --watch`, which starts afresh when one of them is another.
//!
//! It asks the system for them a few times a second. That is the same on every file system, networks and containers
//! included, and an editor that puts a new file in the place of the old one is nothing special.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two looks at the files.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long files that have changed must then stay as they are: an editor may still write, and write others.
const QUIET: Duration = Duration::from_millis(100);

/// Files that are watched; what a script looks for without end is not.
const MOST: usize = 4096;

/// What was seen. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<BTreeMap<PathBuf, Stamp>>>);

/// What tells one state of a file from another; none where it is not there.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl Seen {
    /// Notes the file as it is now: before it is read, so that no change is missed.
    pub(crate) fn note(&self, path: &Path) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() < MOST && !files.contains_key(path) {
            files.insert(path.to_owned(), stamp(path));
        }
    }

    /// Waits until one of the files is another, and all have been quiet for a moment; returns which.
    ///
    /// Cancel safety: nothing is lost.
    pub(crate) async fn changed(&self) -> PathBuf {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let Some(path) = self.aside(Seen::first_change).await else {
                continue;
            };
            let mut before = self.aside(Seen::now).await;
            loop {
                tokio::time::sleep(QUIET).await;
                let now = self.aside(Seen::now).await;
                if now == before {
                    return path;
                }
                before = now;
            }
        }
    }

    fn first_change(&self) -> Option<PathBuf> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let changed = files.into_iter().find(|(path, then)| stamp(path) != *then);
        changed.map(|(path, _)| path)
    }

    fn now(&self) -> Vec<Stamp> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        files.keys().map(|path| stamp(path)).collect()
    }

    /// Asks the disk on a thread of its own, as it may be slow.
    async fn aside<T: Send + 'static + Default>(&self, ask: fn(&Seen) -> T) -> T {
        let seen = self.clone();
        // It fails only where the program ends.
        tokio::task::spawn_blocking(move || ask(&seen))
            .await
            .unwrap_or_default()
    }
}

fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.len(),
        found.mtime(),
        found.mtime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of the test's own.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("atoll-seen-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    #[tokio::test]
    async fn every_way_to_change_is_seen() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 5] = [
            ("written", |path| {
                std::fs::write(path, "longer than it was").expect("written")
            }),
            ("touched", |path| {
                let file = std::fs::File::options().append(true).open(path).expect("opened");
                file.set_modified(std::time::UNIX_EPOCH).expect("touched");
            }),
            ("replaced", |path| {
                let new = path.with_extension("new");
                std::fs::write(&new, "text").expect("written");
                std::fs::rename(new, path).expect("renamed");
            }),
            ("removed", |path| std::fs::remove_file(path).expect("removed")),
            ("created", |path| {
                std::fs::write(path.with_file_name("other.luau"), "").expect("written");
            }),
        ];
        for (name, change) in changes {
            let folder = folder(name);
            let (path, other) = (folder.join("main.luau"), folder.join("other.luau"));
            std::fs::write(&path, "text").expect("written");
            let seen = Seen::default();
            seen.note(&path);
            seen.note(&other);
            assert_eq!(seen.first_change(), None, "{name}");
            change(&path);
            let changed = seen.changed().await;
            assert_eq!(changed, if name == "created" { other } else { path }, "{name}");
            std::fs::remove_dir_all(folder).expect("removed");
        }
    }

    #[test]
    fn what_is_looked_for_without_end_is_not_watched() {
        let seen = Seen::default();
        for number in 0..2 * MOST {
            seen.note(Path::new(&format!("/nowhere/{number}.luau")));
        }
        assert_eq!(seen.now().len(), MOST);
    }
}
