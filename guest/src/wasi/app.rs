//! The two ways in: the start of a script while its component is built, and a request.
//!
//! The memory that the start leaves is part of the component, and each instance begins with it. So nothing that belongs to
//! the host may be left in it: no stream, no wait, no time.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::{Pin, pin};

use mlua::Function;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use wasip2::random::random::get_random_u64;

use self::generated::exports::atoll::build::app::{
    Failure, Guest as StartGuest, Program as Given, ScriptError as Told,
};
use super::console::{self, Output};
use super::executor::{Pause, drive};
use super::types::{Mode, Program, ScriptError, ScriptErrorKind};
use super::{answer, http_server, modules, timer};
use crate::vm;

/// What wit-bindgen makes of `app.wit`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; the documentation is in the WIT file"
)]
mod generated {
    wit_bindgen::generate!({ path: "src/wasi/app.wit", world: "application" });
}

/// The script, on its way to its end.
type Run = Pin<Box<dyn Future<Output = Result<(), ScriptError>>>>;

thread_local! {
    /// The script that was started, while it is not running.
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
    /// Whether a script was started.
    static IS_STARTED: Cell<bool> = const { Cell::new(false) };
    /// Whether no request has come yet.
    static IS_BUILDING: Cell<bool> = const { Cell::new(true) };
    /// `math.randomseed`.
    static SEEDER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

struct Component;

generated::export!(Component with_types_in generated);
wasip2::http::proxy::export!(Component);

impl StartGuest for Component {
    fn start(given: Given) -> Result<(), Failure> {
        if IS_STARTED.replace(true) {
            return Err(Failure::Unfit("the component has its script already".to_owned()));
        }
        // std's own hook writes through libc, which would keep a stream of the build's.
        std::panic::set_hook(Box::new(|panic| {
            console::write_line(Output::Err, panic.to_string().as_bytes());
        }));
        let files = given.files.into_iter();
        modules::keep(
            given.script,
            files.map(|file| (file.path, file.content)),
            given.links,
        );
        let mut run: Run = Box::pin(vm::run(Program {
            name: given.name,
            source: given.source,
            arguments: Vec::new(),
            environment: Vec::new(),
            heap: given.heap,
            longest_run: given.longest_run,
            parked: given.parked,
            mode: Mode::Script,
            compiled: given.compiled,
        }));
        let deadline = Cell::new(timer::ahead(given.patience));
        match drive(run.as_mut(), pin!(pending()), || false, &deadline) {
            Pause::Ended(Err(error)) => Err(Failure::Script(told(error))),
            Pause::Late => Err(Failure::Unfit(format!(
                "the script still waits {:?} after its start, and not for requests; a component is built of what the script \
                 has set up, so tasks that wait (task.wait, task.delay) must end by then, or start in the request handler",
                std::time::Duration::from_nanos(given.patience)
            ))),
            Pause::Stalled | Pause::Reached if http_server::is_open() => {
                RUN.set(Some(run));
                Ok(())
            }
            Pause::Ended(Ok(())) | Pause::Stalled | Pause::Reached => Err(Failure::Unfit(
                "the script has no server: a component of the target wasi-http answers requests, so call net.serve".to_owned(),
            )),
        }
    }
}

impl wasip2::exports::http::incoming_handler::Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        begin();
        let Some(mut run) = RUN.take() else {
            answer::refuse(out, 503, "there is no script");
            return;
        };
        let Some(answer) = http_server::take_in(&request, out) else {
            RUN.set(Some(run));
            return;
        };
        drop(request);
        let mut content = pin!(answer.send_content());
        let pause = drive(
            run.as_mut(),
            content.as_mut(),
            || answer.is_finished(),
            &answer.deadline,
        );
        match pause {
            Pause::Reached => RUN.set(Some(run)),
            Pause::Late | Pause::Stalled => {
                answer.refuse(504, "the handler did not answer in time");
                RUN.set(Some(run));
            }
            Pause::Ended(end) => {
                if let Err(error) = end {
                    console::report(&error);
                }
                // What it had not answered is answered by that; what it had is sent to its end.
                drop(run);
                if !answer.is_finished() {
                    let script = pin!(pending::<()>());
                    drive(script, content, || answer.is_finished(), &Cell::new(None));
                }
            }
        }
    }
}

/// Whether the component is being built, so that there is no network.
pub(super) fn is_building() -> bool {
    IS_BUILDING.get()
}

/// Takes over `math.randomseed`, for the first request: otherwise all instances would throw the same dice.
pub(crate) fn keep_seeder(seeder: Function) {
    SEEDER.set(Some(seeder));
}

/// The instance's first request has come.
fn begin() {
    if !IS_BUILDING.replace(false) {
        return;
    }
    if let Some(seeder) = SEEDER.take()
        && let Err(error) = seeder.call::<()>((get_random_u64() >> 33) as u32)
    {
        console::write_line(
            Output::Err,
            format!("error: no random numbers: {error}").as_bytes(),
        );
    }
}

fn told(error: ScriptError) -> Told {
    Told {
        is_syntax: error.kind == ScriptErrorKind::Syntax,
        origin: error.origin,
        message: error.message,
        trace: error.trace,
    }
}
