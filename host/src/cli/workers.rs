//! `--workers`: one script on several threads, each with an instance and an executor of its own. They share the ports of their
//! servers and what the host knows (permissions, counts, logs), and nothing that the script has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc as threads;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::net::kept::Kept;
use crate::net::ports::Ports;
use crate::runtime::{RunError, Runtime, Script, Stop};

/// How long workers may take to end once they are to end at once.
const GOODBYE: Duration = Duration::from_secs(2);

/// What `--workers auto` takes: a worker for each processor that there is for this process.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The workers of one script, from run to run.
pub(super) struct Workers {
    /// Where each keeps its sockets; none where there is one worker that keeps none.
    seats: Vec<Kept>,
}

impl Workers {
    /// So many. With `keeps` even a single one keeps its sockets from one run to the next.
    pub(super) fn new(count: usize, keeps: bool) -> Workers {
        let seats = match count {
            0 | 1 if keeps => vec![Kept::default()],
            0 | 1 => Vec::new(),
            count => {
                let ports = Ports::default();
                (0..count).map(|_| Kept::sharing(&ports)).collect()
            }
        };
        Workers { seats }
    }

    /// Closes the sockets that are kept.
    pub(super) fn close(&self) {
        self.seats.iter().for_each(Kept::close);
    }

    /// Closes those that the last run did not use.
    pub(super) fn close_unused(&self) {
        self.seats.iter().for_each(Kept::close_unused);
    }

    /// Runs the script until all have ended, or one has ended the program: by `process.exit`, an error or a limit.
    ///
    /// Cancel safety: dropping the future ends the script.
    pub(super) async fn run(&self, runtime: &Runtime, script: &Script, stop: &Stop) -> Result<(), RunError> {
        match self.seats.as_slice() {
            [] => runtime.run_until(script, stop).await,
            [kept] => runtime.seated(kept, true).run_until(script, stop).await,
            seats => together(seats, runtime, script, stop).await,
        }
    }
}

async fn together(seats: &[Kept], runtime: &Runtime, script: &Script, stop: &Stop) -> Result<(), RunError> {
    let (tell, mut told) = mpsc::channel(seats.len());
    let (alive, ended) = threads::channel();
    let crew = Crew {
        abort: CancellationToken::new(),
        ended,
    };
    for (number, kept) in seats.iter().enumerate() {
        let worker = Worker {
            runtime: runtime.seated(kept, number == 0),
            kept: kept.clone(),
            script: script.clone(),
            stop: stop.clone(),
            abort: crew.abort.clone(),
        };
        let (tell, alive) = (tell.clone(), alive.clone());
        std::thread::Builder::new()
            .name(format!("atoll-worker-{number}"))
            .spawn(move || {
                let ended = catch_unwind(AssertUnwindSafe(|| worker.run()));
                let ended = ended.unwrap_or_else(|_| Err(broken("it has panicked")));
                // Nobody listens where another has ended the program.
                drop(tell.blocking_send(ended));
                drop(alive);
            })
            .map_err(broken)?;
    }
    drop((tell, alive));
    let end = all(&mut told).await;
    drop(crew);
    end
}

/// The threads. Dropped, it ends those that are left and waits for them a while, so that what comes next finds their sockets free.
struct Crew {
    abort: CancellationToken,
    /// Closed when the last one has ended.
    ended: threads::Receiver<()>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.abort.cancel();
        // Nothing is ever sent.
        self.ended.recv_timeout(GOODBYE).ok();
    }
}

/// Waits until all workers have ended, or one has ended the program.
async fn all(told: &mut mpsc::Receiver<Result<bool, RunError>>) -> Result<(), RunError> {
    let mut end = Ok(());
    while let Some(ended) = told.recv().await {
        match ended {
            Ok(false) => {}
            Ok(true) => return Ok(()),
            Err(RunError::Stopped) => end = Err(RunError::Stopped),
            Err(error) => return Err(error),
        }
    }
    end
}

/// What a thread needs.
struct Worker {
    runtime: Runtime,
    kept: Kept,
    script: Script,
    stop: Stop,
    abort: CancellationToken,
}

impl Worker {
    /// Runs the script to its end; true where it has ended the program.
    fn run(self) -> Result<bool, RunError> {
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(broken)?;
        let ended = executor.block_on(async {
            tokio::select! {
                ended = self.runtime.run_seated(&self.script, &self.stop) => ended,
                () = self.abort.cancelled() => Err(RunError::Stopped),
            }
        });
        if ended.is_ok() && !self.stop.is_stopped() {
            // It has ended by itself and needs its ports no more: nobody is to wait in their backlog.
            self.kept.close();
        }
        // A name that the system still looks up must not hold up the end.
        executor.shutdown_background();
        ended
    }
}

fn broken(cause: impl std::fmt::Display) -> RunError {
    RunError::Crashed(format!("a worker of --workers: {cause}"))
}
