//! One run of one script: a fresh store and instance, driven to its end, and thrown away whole.

use std::future::poll_fn;
use std::num::NonZeroU8;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::join;
use tokio_util::task::TaskTracker;
use wasmtime::component::{self, ComponentNamedList, InstancePre, Lift, Lower};
use wasmtime::{Store, Trap, UpdateDeadline};

use super::state::{LastWords, Run, Servers};
use super::turns::Pulse;
use super::{Script, ScriptError, Shared, State, Stop};
use crate::bindings::generated::Program;
use crate::bindings::wit;
use crate::limits::{self, Limits};
use crate::observe::{CRASH, MEMORY};

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

/// A function that guests export.
pub(super) struct Export {
    /// The interface that it is in; none where it is the world's own.
    pub(super) interface: Option<&'static str>,
    /// Its name there.
    pub(super) name: &'static str,
}

/// Runs a program to its end.
const RUN: Export = Export {
    interface: None,
    name: "run",
};

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
    guest: &InstancePre<State>,
    script: &Script,
    run: &Run,
    stop: &Stop,
) -> Ended {
    shared.observer.instance_began(&script.name);
    let mut instance = Instance::new(shared, script, run);
    let (servers, program) = (instance.servers.clone(), instance.program());
    let ended = tokio::select! {
        ended = instance.call::<_, (Result<(), wit::ScriptError>,)>(guest, &RUN, (program,)) => Some(ended),
        () = stopped(stop, &servers) => None,
    };
    let has_exited = matches!(&ended, Some(Err(error)) if matches!(error.downcast_ref(), Some(Exited(0))));
    let result = match ended {
        None => {
            shared.observer.instance_ended(&script.name);
            Err(RunError::Stopped)
        }
        Some(ended) => instance.judge(ended.map(|(_, (result,))| result.map_err(Into::into))),
    };
    let was_serving = servers.any_open();
    instance.leave().await;
    Ended {
        result,
        was_serving,
        has_exited,
    }
}

/// Waits until it is told to stop and the servers have closed.
pub(super) async fn stopped(stop: &Stop, servers: &Servers) {
    stop.stopped().await;
    servers.close().await;
}

/// One instance of the guest, and what outlives it for a moment.
pub(super) struct Instance<'a> {
    shared: &'a Shared,
    script: &'a Script,
    run: &'a Run,
    pub(super) store: Store<State>,
    pulse: Pulse,
    pub(super) servers: Servers,
    sockets: TaskTracker,
    last_words: LastWords,
    /// Whether its end is not worth a word.
    pub(super) is_one_of_many: bool,
}

impl<'a> Instance<'a> {
    /// A store with its bounds; nothing in it.
    pub(super) fn new(shared: &'a Shared, script: &'a Script, run: &'a Run) -> Instance<'a> {
        let (servers, sockets, last_words) = (Servers::default(), TaskTracker::new(), LastWords::new());
        let pulse = Pulse::new(shared.turns.clone());
        let state = State::new(
            shared,
            script,
            run,
            servers.clone(),
            sockets.clone(),
            &last_words,
            pulse.clone(),
        );
        let mut store = Store::new(&shared.engine, state);
        bound(&mut store, &shared.limits, pulse.clone());
        Instance {
            shared,
            script,
            run,
            store,
            pulse,
            servers,
            sockets,
            last_words,
            is_one_of_many: false,
        }
    }

    /// The script, for the guest.
    pub(super) fn program(&self) -> Program {
        let (script, limits) = (self.script, &self.shared.limits);
        Program {
            name: script.name.clone(),
            source: script.source.to_vec(),
            arguments: script.arguments.clone(),
            environment: script.environment.clone(),
            heap: limits.heap(),
            longest_run: u64::try_from(limits.run.as_nanos()).unwrap_or(u64::MAX),
            parked: limits.parked,
            mode: script.mode,
            compiled: script.is_bytecode,
        }
    }

    /// Instantiates the guest, and calls what it exports; returns how that ended, and the instance.
    ///
    /// Cancel safety: the guest is wherever it was; the store is to be dropped.
    pub(super) async fn call<P, R>(
        &mut self,
        guest: &InstancePre<State>,
        export: &Export,
        parameters: P,
    ) -> wasmtime::Result<(component::Instance, R)>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let (store, pulse) = (&mut self.store, &self.pulse);
        let call = async {
            let component = guest.component();
            let missing = || wasmtime::Error::msg(format!("the guest does not export {}", export.name));
            let interface = match export.interface {
                None => None,
                Some(interface) => Some(component.get_export_index(None, interface).ok_or_else(missing)?),
            };
            let function = component.get_export_index(interface.as_ref(), export.name);
            let function = function.ok_or_else(missing)?;
            let instance = guest.instantiate_async(&mut *store).await?;
            let function = instance.get_typed_func::<P, R>(&mut *store, function)?;
            store
                .run_concurrent(async |accessor| {
                    let mut call = pin!(function.call_concurrent(accessor, parameters));
                    // wasmtime's event loop polls this future each time the guest has given way to it, and never
                    // while guest code is on a stack: that is what a pulse is.
                    poll_fn(|context| {
                        pulse.beat();
                        call.as_mut().poll(context)
                    })
                    .await
                })
                .await?
                .map(|returned| (instance, returned))
        };
        self.script.meter.watch(call).await
    }

    /// What an end means to the user; the observer is told.
    pub(super) fn judge(&self, ended: wasmtime::Result<Result<(), ScriptError>>) -> Result<(), RunError> {
        let Shared { limits, observer, .. } = self.shared;
        let (result, killed) = match ended {
            Ok(Ok(())) => (Ok(()), None),
            Ok(Err(error)) => (Err(RunError::Script(error.locate(&*self.run.chunks))), None),
            Err(error) => classify(error, self.store.data().memory.denied, limits, &self.last_words),
        };
        match (&result, killed) {
            (Err(error), Some(reason)) => observer.instance_killed(&self.script.name, reason, error),
            _ if self.is_one_of_many => {}
            _ => observer.instance_ended(&self.script.name),
        }
        result
    }

    /// Drops the store, and lets what was in it say goodbye to its peers.
    pub(super) async fn leave(self) {
        drop(self.store);
        self.sockets.close();
        let goodbyes = join(self.servers.ended(), self.sockets.wait());
        drop(tokio::time::timeout(GOODBYE, goodbyes).await);
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
