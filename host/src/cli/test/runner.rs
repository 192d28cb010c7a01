//! Runs the files, several at once, each in an instance of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::Semaphore;

use super::log::{FileLog, Rules, plain};
use super::report::FileReport;
use crate::cli::run::unreadable;
use crate::runtime::{Runtime, Script};

/// Files that may have ended before their turn to be reported has come, for each that runs.
const AHEAD: usize = 8;

/// What each file is run with.
pub(super) struct Suite {
    pub(super) runtime: Runtime,
    pub(super) rules: Arc<Rules>,
    /// Gives a script its arguments and variables.
    pub(super) equip: Box<dyn Fn(Script) -> Script + Send + Sync>,
}

/// What becomes of the files, in their order, of which `jobs` run at once.
pub(super) fn run(suite: Suite, files: Vec<PathBuf>, jobs: usize) -> impl Stream<Item = FileReport> {
    let (suite, places) = (Arc::new(suite), Arc::new(Semaphore::new(jobs)));
    let runs = stream::iter(files).map(move |file| {
        let (suite, places) = (suite.clone(), places.clone());
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _place = places.acquire_owned().await.ok();
            suite.run(file).await
        })
    });
    // A run that panicked has said so on standard error.
    runs.buffered(jobs.saturating_mul(AHEAD))
        .filter_map(async |report| report.ok())
}

impl Suite {
    async fn run(&self, file: PathBuf) -> FileReport {
        let (name, start) = (file.display().to_string(), Instant::now());
        let log = Arc::new(FileLog::new(self.rules.clone()));
        if self.rules.give_up.is_cancelled() {
            return log.finish(&name, None, start.elapsed());
        }
        let script = match Script::from_path(&file) {
            Ok(script) => (self.equip)(script).with_tests(),
            Err(error) => return log.failed(&name, plain(&unreadable(&file, &error))),
        };
        let runtime = self.runtime.for_tests(&log);
        let ended = tokio::select! {
            biased;
            () = self.rules.give_up.cancelled() => None,
            ended = runtime.run(&script) => Some(ended),
        };
        log.finish(&name, ended, start.elapsed())
    }
}
