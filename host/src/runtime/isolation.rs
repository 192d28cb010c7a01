//! An instance for each request (`--isolate request`): the script's start runs once, what it leaves in memory is kept, and each
//! request is answered by an instance that begins with that and is thrown away.
//!
//! What the start leaves becomes a component (`snapshot`), which is compiled for an engine with places for many instances. The
//! guest is the ordinary one; its servers are the run's, but each instance sees only the request that it is for.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wasmtime::component::{InstancePre, Resource};

use super::engine::{self, Purpose};
use super::guests::Guests;
use super::instance::{self, Export, Instance};
use super::script::MAIN;
use super::snapshot::Plan;
use super::state::{Run, Servers};
use super::{Event, Output, RunError, Script, ScriptError, ScriptErrorKind, Shared, State, Stop, tell};
use crate::bindings::{ServerHandle, wit};
use crate::net::http_server::Incoming;

/// The interface of guests whose programs can be copied.
const INTERFACE: Option<&str> = Some("atoll:net/isolation@0.1.0");

/// Runs a program until it waits for requests.
const PREPARE: Export = Export {
    interface: INTERFACE,
    name: "prepare",
};

/// Goes on from there.
const RESUME: Export = Export {
    interface: INTERFACE,
    name: "resume",
};

/// Runs the script's start, and then an instance for each request, until its servers are closed. True where the start ended the
/// program.
pub(super) async fn run(shared: &Shared, script: &Script, run: &Run, stop: &Stop) -> Result<bool, RunError> {
    shared.observer.instance_began(&script.name);
    let (site, open) = match prepare(shared, script, run, stop).await? {
        Start::Over { has_exited } => return Ok(has_exited),
        Start::Done(site, open) => (site, open),
    };
    let (tell, mut told) = mpsc::channel(1);
    let crew = Crew {
        tasks: TaskTracker::new(),
        abort: CancellationToken::new(),
        tell,
    };
    let _last = crew.abort.clone().drop_guard();
    let every_request = async {
        join_all((0..site.servers.len()).map(|server| site.accept(server, &crew))).await;
        crew.tasks.close();
        crew.tasks.wait().await;
    };
    let result = tokio::select! {
        () = every_request => Ok(false),
        Some(error) = told.recv() => Err(error),
        () = instance::stopped(stop, &open) => Err(RunError::Stopped),
    };
    shared.observer.instance_ended(&script.name);
    result
}

/// What the start of a script has led to.
enum Start {
    /// The end of the program, which the script may have asked for.
    Over { has_exited: bool },
    /// It waits for requests, to servers that can be closed.
    Done(Arc<Site>, Servers),
}

/// What a start that ended well without coming to its end has done.
const EXITED: Start = Start::Over { has_exited: true };

/// Runs the script's start, and compiles what it leaves.
async fn prepare(shared: &Shared, script: &Script, run: &Run, stop: &Stop) -> Result<Start, RunError> {
    let unusable = |error: wasmtime::Error| RunError::Guest(format!("{error:#}"));
    let guest = script
        .guest
        .clone()
        .unwrap_or_else(|| shared.guests.own().clone());
    let plan = Plan::of(&guest).map_err(unusable)?;
    let guest = Bytes::copy_from_slice(plan.instrumented());
    let guest = shared.guests.of(Some(&guest)).await?;
    let mut start = Instance::new(shared, script, run);
    let (open, program) = (start.servers.clone(), start.program());
    let patience = shared.limits.start;
    let ended = tokio::select! {
        ended = start.call::<_, (Prepared,)>(&guest, &PREPARE, (program,)) => ended,
        () = tokio::time::sleep(patience) => return Err(still_waits(shared, script)),
        () = instance::stopped(stop, &open) => return Err(RunError::Stopped),
    };
    let (instance, given) = match ended {
        Ok((instance, (Ok(given),))) => (instance, given),
        Ok((_, (Err(error),))) => return start.judge(Ok(Err(error.into()))).map(|()| EXITED),
        Err(error) => return start.judge(Err(error)).map(|()| EXITED),
    };
    let state = start.store.data_mut();
    let servers: wasmtime::Result<Vec<_>> = given.into_iter().map(|server| state.take(server)).collect();
    let servers = servers.map_err(unusable)?;
    if servers.is_empty() {
        return start
            .judge(Ok(Ok(())))
            .map(|()| Start::Over { has_exited: false });
    }
    if !state.is_free() {
        return start.judge(Ok(Err(held_on(script)))).map(|()| EXITED);
    }
    let component = plan.take(&mut start.store, instance).await.map_err(unusable)?;
    drop(start);
    let own = shared.clone();
    let compiled = tokio::task::spawn_blocking(move || own_engine(&own, component.into()));
    let shared = tokio::select! {
        compiled = compiled => compiled.map_err(|error| RunError::Crashed(error.to_string()))??,
        () = instance::stopped(stop, &open) => return Err(RunError::Stopped),
    };
    let site = Site {
        guest: shared.guests.of(None).await?,
        places: Arc::new(Semaphore::new(shared.limits.instances as usize)),
        shared,
        script: script.clone(),
        run: run.clone(),
        servers,
    };
    Ok(Start::Done(Arc::new(site), open))
}

/// What a start gives: its servers.
type Prepared = Result<Vec<Resource<ServerHandle>>, wit::ScriptError>;

/// The same, with an engine that has places for instances of this guest.
fn own_engine(shared: &Shared, guest: Bytes) -> Result<Shared, RunError> {
    let broken = |error: &dyn std::fmt::Display| RunError::Crashed(error.to_string());
    // No start leaves the same bytes twice (times are among them), so a cache would only fill.
    let engine = engine::new(&shared.limits, None, Purpose::Requests);
    let engine = engine.map_err(|error| broken(&error))?;
    engine::tick(&engine).map_err(|error| broken(&error))?;
    let guests = Guests::new(&engine, guest).map_err(|error| broken(&format!("{error:#}")))?;
    Ok(Shared {
        engine,
        guests,
        ..shared.clone()
    })
}

/// The start does not come to an end.
fn still_waits(shared: &Shared, script: &Script) -> RunError {
    let text = format!(
        "the script's start still waits after {}, and not for requests; with --isolate request tasks that wait must end by then, \
         or start in the handler (limit start; raise it with --limit start=SECONDS)",
        instance::seconds(shared.limits.start)
    );
    let error = RunError::Limit(text);
    shared.observer.instance_killed(&script.name, "start", &error);
    error
}

/// The start left something that only its own instance could have used.
fn held_on(script: &Script) -> ScriptError {
    ScriptError {
        kind: ScriptErrorKind::Runtime,
        origin: MAIN.to_owned(),
        message: format!(
            "{}: the script's start keeps a WebSocket or the content of a response, which the instances of its requests could \
             not use (--isolate request); read or close it there, or open it in the handler",
            script.name
        ),
        trace: String::new(),
        excerpts: Vec::new(),
    }
}

/// What the instances of one run are made of.
struct Site {
    shared: Shared,
    guest: InstancePre<State>,
    script: Script,
    run: Run,
    servers: Vec<ServerHandle>,
    places: Arc<Semaphore>,
}

/// The instances under way.
struct Crew {
    tasks: TaskTracker,
    /// Said once: end them.
    abort: CancellationToken,
    /// Where what ends the run is told.
    tell: mpsc::Sender<RunError>,
}

impl Site {
    /// Starts an instance for each request to the server of this number, until that is closed.
    async fn accept(self: &Arc<Self>, server: usize, crew: &Crew) {
        // The semaphore is never closed.
        while let Ok(place) = self.places.clone().acquire_owned().await {
            let mut batch = self.servers[server].accept(1).await;
            let Some(request) = batch.pop() else { return };
            let (site, tell) = (self.clone(), crew.tell.clone());
            let answer = async move {
                if let Err(error) = site.answer(server, request, place).await {
                    // One is enough.
                    drop(tell.try_send(error));
                }
            };
            crew.tasks
                .spawn(crew.abort.clone().run_until_cancelled_owned(answer));
        }
    }

    /// Answers a request in an instance of its own. Fails where that ends the run.
    async fn answer(
        &self,
        server: usize,
        request: Incoming,
        _place: OwnedSemaphorePermit,
    ) -> Result<(), RunError> {
        self.shared.observer.instance_resumed(&self.script.name);
        let mut instance = Instance::new(&self.shared, &self.script, &self.run);
        instance.is_one_of_many = true;
        let mut request = Some(request);
        let state = instance.store.data_mut();
        let handles = self.servers.iter().enumerate().map(|(number, own)| {
            let request = request.take_if(|_| number == server);
            state.push(own.only(request))
        });
        let Ok(handles) = handles.collect::<Result<Vec<_>, _>>() else {
            return Ok(());
        };
        let ended = instance
            .call::<_, (Result<(), wit::ScriptError>,)>(&self.guest, &RESUME, (handles,))
            .await;
        let result = instance.judge(ended.map(|(_, (result,))| result.map_err(Into::into)));
        instance.leave().await;
        match result {
            Err(error @ RunError::Output(_)) => return Err(error),
            // A script that ends its program has ended this instance.
            Ok(()) | Err(RunError::Exited(_)) => {}
            Err(error) if self.run.may_warn() => {
                let console = &self.shared.console;
                tell(console, Output::Err, 0, move |console| {
                    console.event(&Event::Ended(&error))
                })
                .await;
            }
            Err(_) => self.shared.observer.limit_hit("log-lines"),
        }
        Ok(())
    }
}
