//! One run of one script: a fresh store and instance, driven to its end, and thrown away whole.

use std::future::poll_fn;
use std::num::NonZeroU8;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio_util::task::TaskTracker;
use wasmtime::{Store, Trap, UpdateDeadline};

use super::chunks::Chunks;
use super::state::{LastWords, Servers};
use super::turns::Pulse;
use super::{Script, ScriptError, Shared, State, Stop};
use crate::bindings::generated::{Program, ScriptPre};
use crate::limits::{self, Limits};
use crate::observe::{CRASH, MEMORY};
use crate::project::Project;

/// How a run ended, where it did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The script's own error: it is the script's author's to mend.
    #[error(transparent)]
    Script(ScriptError),
    /// It ended itself, with this exit code; with 0 it ended well.
    #[error("the script ended itself with exit code {0}")]
    Exited(NonZeroU8),
    /// A limit ended it: the text names the limit, and how to raise it.
    #[error("{0}")]
    Limit(String),
    /// [`Stop`] ended it.
    #[error("stopped")]
    Stopped,
    /// Its output can't be written any more.
    #[error("cannot write the script's output: {0}")]
    Output(#[source] std::io::Error),
    /// The guest that an app brings can't be used: it is no guest of this version of Atoll.
    #[error("the guest that the app brings does not run here: {0}; build the app again with this Atoll")]
    Guest(String),
    /// The virtual machine broke: a defect of Atoll's, or an attack that failed.
    #[error("the script's instance broke down: {0}")]
    Crashed(String),
}

/// How long the connections of an instance that has ended may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Handles that the guest needs besides those of its calls and resources.
const OWN_HANDLES: usize = 10_000;

/// A guest that ran on although its host had asked for a pause.
#[derive(Debug, thiserror::Error)]
#[error("the guest did not wait for {0:?}")]
struct Spinning(Duration);

/// The trap of a guest whose script has ended the program with this exit code.
#[derive(Debug, thiserror::Error)]
#[error("the script ended itself with exit code {0}")]
pub(crate) struct Exited(pub(crate) u8);

/// How one instance ended.
pub(super) struct Ended {
    /// The script's result.
    pub(super) result: Result<(), RunError>,
    /// Whether a server of its was open to the last.
    pub(super) was_serving: bool,
    /// Whether the script ended the program, and well.
    pub(super) has_exited: bool,
}

/// Runs the script once.
pub(super) async fn run(
    shared: &Shared,
    guest: &ScriptPre<State>,
    script: &Script,
    project: &Arc<Project>,
    stop: &Stop,
) -> Ended {
    let limits = &shared.limits;
    let (servers, sockets, last_words) = (Servers::default(), TaskTracker::new(), LastWords::new());
    let chunks = Arc::new(Chunks::new(script, project.clone()));
    shared.observer.instance_began(&script.name);
    let pulse = Pulse::new(shared.turns.clone());
    let state = State::new(
        shared,
        script,
        chunks.clone(),
        servers.clone(),
        sockets.clone(),
        &last_words,
        pulse.clone(),
    );
    let mut store = Store::new(&shared.engine, state);
    bound(&mut store, limits, pulse.clone());
    let stopped = async {
        stop.stopped().await;
        servers.close().await;
    };
    let ended = tokio::select! {
        ended = script.meter.watch(drive(shared, guest, script, &mut store, pulse)) => Some(ended),
        () = stopped => None,
    };
    let has_exited = matches!(&ended, Some(Err(error)) if matches!(error.downcast_ref(), Some(Exited(0))));
    let (result, killed) = match ended {
        None => (Err(RunError::Stopped), None),
        Some(Ok(Ok(()))) => (Ok(()), None),
        Some(Ok(Err(error))) => (Err(RunError::Script(error.locate(&*chunks))), None),
        Some(Err(error)) => classify(error, store.data().memory.denied, limits, &last_words),
    };
    match (&result, killed) {
        (Err(error), Some(reason)) => shared.observer.instance_killed(&script.name, reason, error),
        _ => shared.observer.instance_ended(&script.name),
    }
    let was_serving = servers.any_open();
    // With the store go its servers and sockets, and they have a word to say to their peers.
    drop(store);
    sockets.close();
    let goodbyes = join(servers.ended(), sockets.wait());
    drop(tokio::time::timeout(GOODBYE, goodbyes).await);
    Ended {
        result,
        was_serving,
        has_exited,
    }
}

/// Puts the limits on a fresh store.
fn bound(store: &mut Store<State>, limits: &Limits, pulse: Pulse) {
    store.limiter(|state| &mut state.memory);
    // wasmtime has bounds of its own for what a guest may hold and hand over at once. They must not be lower than ours, which
    // are errors and not the end of the instance. A call is a task and a waitable.
    store.set_max_component_handles(limits.calls().saturating_mul(2).saturating_add(OWN_HANDLES));
    let fuel = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    store.set_hostcall_fuel(fuel.max(store.hostcall_fuel()));
    store.set_epoch_deadline(1);
    let longest = limits.run + limits.grace;
    store.epoch_deadline_callback(move |_| {
        if pulse.silence() > longest {
            return Err(Spinning(longest).into());
        }
        if pulse.is_fresh() {
            return Ok(UpdateDeadline::Continue(1));
        }
        // The host's other tasks come first: connections, timers, signals, and instances that compute less.
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(pulse.clone().wait_for_turn()),
        ))
    });
}

/// Instantiates the guest and runs the script to its end.
async fn drive(
    shared: &Shared,
    guest: &ScriptPre<State>,
    script: &Script,
    store: &mut Store<State>,
    pulse: Pulse,
) -> wasmtime::Result<Result<(), ScriptError>> {
    let program = Program {
        name: script.name.clone(),
        source: script.source.to_vec(),
        arguments: script.arguments.clone(),
        environment: script.environment.clone(),
        heap: shared.limits.heap(),
        longest_run: u64::try_from(shared.limits.run.as_nanos()).unwrap_or(u64::MAX),
        parked: shared.limits.parked,
        mode: script.mode,
        compiled: script.is_bytecode,
    };
    let guest = guest.instantiate_async(&mut *store).await?;
    let result = store
        .run_concurrent(async |accessor| {
            let mut call = pin!(guest.call_run(accessor, program));
            // wasmtime's event loop polls this future each time the guest has given way to it, and never
            // while guest code is on a stack: that is what a pulse is.
            poll_fn(|context| {
                pulse.beat();
                call.as_mut().poll(context)
            })
            .await
        })
        .await??;
    Ok(result.map_err(Into::into))
}

/// What a trap means to the user, and what metrics call it where it was neither the output nor the script that ended it.
fn classify(
    error: wasmtime::Error,
    denied: bool,
    limits: &Limits,
    last_words: &LastWords,
) -> (Result<(), RunError>, Option<&'static str>) {
    if let Some(Exited(code)) = error.downcast_ref() {
        let result = NonZeroU8::new(*code).map_or(Ok(()), |code| Err(RunError::Exited(code)));
        return (result, None);
    }
    let error = match error.downcast::<std::io::Error>() {
        Ok(error) => return (Err(RunError::Output(error)), None),
        Err(error) => error,
    };
    if error.is::<Spinning>() {
        let text = format!(
            "the script ran for {} without waiting, and for {} more after it was told \
             (limits run and grace; raise them with --limit run=SECONDS)",
            seconds(limits.run),
            seconds(limits.grace)
        );
        return (Err(RunError::Limit(text)), Some("run"));
    }
    let (error, reason) = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            let text = format!(
                "the script needs more than {} of native stack (limit stack; raise it with --limit stack=SIZE)",
                limits::size(limits.stack)
            );
            (RunError::Limit(text), "stack")
        }
        _ if denied => {
            let text = format!(
                "the script needs more than {} of memory (limit memory; raise it with --limit memory=SIZE)",
                limits::size(limits.memory)
            );
            (RunError::Limit(text), MEMORY)
        }
        _ => {
            let words = last_words.text();
            let separator = if words.is_empty() { "" } else { "; it said: " };
            (RunError::Crashed(format!("{error:#}{separator}{words}")), CRASH)
        }
    };
    (Err(error), Some(reason))
}

/// A time as a person would write it.
pub(super) fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
