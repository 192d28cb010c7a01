//! Keeps a script going: an instance that a limit ended while it served starts afresh, within reason.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::state::Run;
use super::{Event, Output, RunError, Script, Shared, Stop, instance, isolation, tell};
use crate::bindings::generated::Mode;
use crate::observe::WALL;

/// Fresh starts that are allowed in one `WINDOW`; a script that needs more would not serve anyway.
const RESTARTS: usize = 5;

/// The time in which they are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Runs the script within its wall time, and again where a limit ended it while it was serving. True where it ended the program.
pub(super) async fn run(shared: &Shared, script: &Script, stop: &Stop) -> Result<bool, RunError> {
    let Some(wall) = shared.limits.wall else {
        return keep_going(shared, script, stop).await;
    };
    match tokio::time::timeout(wall, keep_going(shared, script, stop)).await {
        Ok(result) => result,
        Err(_) => {
            let error = RunError::Limit(format!(
                "the script ran for {} (raise it with --timeout SECONDS)",
                instance::seconds(wall)
            ));
            shared.observer.instance_killed(&script.name, WALL, &error);
            Err(error)
        }
    }
}

async fn keep_going(shared: &Shared, script: &Script, stop: &Stop) -> Result<bool, RunError> {
    let run = Run::new(script, &shared.limits);
    if script.is_isolated {
        return isolation::run(shared, script, &run, stop).await;
    }
    let guest = tokio::select! {
        biased;
        guest = shared.guests.of(script.guest.as_ref()) => guest?,
        () = stop.stopped() => return Err(RunError::Stopped),
    };
    let mut restarts = VecDeque::new();
    loop {
        let ended = instance::run(shared, &guest, script, &run, stop).await;
        let broken = match ended.result {
            Err(error @ (RunError::Limit(_) | RunError::Crashed(_)))
                if ended.was_serving && script.mode != Mode::Test =>
            {
                error
            }
            result => return result.map(|()| ended.has_exited),
        };
        let now = Instant::now();
        restarts.retain(|then| now.duration_since(*then) < WINDOW);
        if stop.is_stopped() || restarts.len() == RESTARTS {
            return Err(broken);
        }
        restarts.push_back(now);
        if let Some(kept) = &shared.kept {
            // Those of the instance before last.
            kept.close_unused();
        }
        shared.observer.restarted(&script.name);
        let console = &shared.console;
        tell(console, Output::Err, 0, move |console| {
            console.event(&Event::Restarting(&broken));
        })
        .await;
    }
}
