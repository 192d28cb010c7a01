//! Ctrl-C and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use super::Exit;

/// Waits for signals. Without one of these, they end the process at once.
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    last: Last,
}

/// Which signal came last.
#[derive(Clone, Default)]
pub(super) struct Last(Arc<AtomicBool>);

impl Last {
    /// The exit code of whom it ended.
    pub(super) fn exit(&self) -> Exit {
        if self.0.load(Ordering::Relaxed) {
            Exit::Interrupted
        } else {
            Exit::Terminated
        }
    }
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            last: Last::default(),
        })
    }

    /// Tells the last one to whom needs it later.
    pub(super) fn last(&self) -> Last {
        self.last.clone()
    }

    /// The first signal drains, the second one stops at once.
    pub(super) async fn obey(mut self, drain: impl FnOnce()) -> Exit {
        self.next().await;
        drain();
        self.next().await
    }

    /// Waits for the next one; returns the exit code of whom it ends.
    ///
    /// Cancel safety: no signal is lost.
    pub(super) async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => self.last.0.store(true, Ordering::Relaxed),
            _ = self.terminate.recv() => self.last.0.store(false, Ordering::Relaxed),
        }
        self.last.exit()
    }
}
