//! Contents in pieces, as a script reads those of a response and writes those of its own.
//!
//! The natives here are called by `prelude/net.luau`: `response:read()` and the `write` of a body function.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::{AbortHandle, Abortable};
use mlua::{IntoLuaMulti, Lua, Table, UserData, UserDataRef, Value};

use crate::bindings::types::{ErrorCode, IncomingBody, OutgoingBody};
use crate::content::{NoMemory, bytes_of};
use crate::fields::shown;
use crate::net::error;
use crate::problem::{Problem, handed_over};
use crate::scheduler::Scheduler;

/// Bytes asked for at once.
const PIECE: u32 = 256 * 1024;

/// A response's content, until its end or until the script gives it up.
pub(super) struct Reader(Rc<Reading>);

struct Reading {
    /// The host's side.
    body: RefCell<Option<Rc<IncomingBody>>>,
    /// The read that is under way.
    waiting: RefCell<Option<AbortHandle>>,
}

/// A read under way, until it ends or is given up.
struct Waiting(Rc<Reading>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.borrow_mut().take();
    }
}

/// Takes a response's content, until it is whole or broken off.
pub(super) struct Writer(RefCell<Option<Rc<Outgoing>>>);

/// The host's side. It ends with the last write that is under way.
struct Outgoing {
    /// There until the end.
    body: Option<OutgoingBody>,
    is_whole: Cell<bool>,
}

impl UserData for Reader {}
impl UserData for Writer {}

impl Reader {
    pub(super) fn new(body: IncomingBody) -> Self {
        Self(Rc::new(Reading {
            body: RefCell::new(Some(Rc::new(body))),
            waiting: RefCell::default(),
        }))
    }
}

impl Writer {
    pub(super) fn new(body: OutgoingBody) -> Self {
        Self(RefCell::new(Some(Rc::new(Outgoing {
            body: Some(body),
            is_whole: Cell::new(false),
        }))))
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|_| self.is_whole.get()) {
            OutgoingBody::finish(body);
        }
    }
}

/// Adds the natives `read_piece`, `give_up_pieces`, `write_piece` and `end_pieces`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, scheduler: &Scheduler) -> mlua::Result<()> {
    let shared = scheduler.clone();
    let read = lua.create_function(move |lua, reader: UserDataRef<Reader>| {
        handed_over(lua, read(lua, &shared, &reader))
    })?;
    natives.raw_set("read_piece", read)?;

    let give_up = lua.create_function(|_, reader: UserDataRef<Reader>| {
        reader.0.body.borrow_mut().take();
        let waiting = reader.0.waiting.borrow_mut().take();
        if let Some(read) = waiting {
            read.abort();
        }
        Ok(())
    })?;
    natives.raw_set("give_up_pieces", give_up)?;

    let shared = scheduler.clone();
    let write = lua.create_function(move |lua, (writer, piece): (UserDataRef<Writer>, Value)| {
        handed_over(lua, write(lua, &shared, &writer, &piece))
    })?;
    natives.raw_set("write_piece", write)?;

    let end = lua.create_function(|_, (writer, is_whole): (UserDataRef<Writer>, bool)| {
        if let Some(outgoing) = writer.0.borrow_mut().take() {
            outgoing.is_whole.set(is_whole);
        }
        Ok(())
    })?;
    natives.raw_set("end_pieces", end)
}

/// Parks the running coroutine; its call returns a buffer, nil at the end, or nil and a message.
fn read(lua: &Lua, scheduler: &Scheduler, reader: &Reader) -> Result<(), Problem> {
    let (place, shared) = (reader.0.clone(), scheduler.clone());
    if place.waiting.borrow().is_some() {
        return Err(Problem(
            "Response:read: another coroutine waits for a piece of it".to_owned(),
        ));
    }
    let body = place.body.borrow().clone();
    let (handle, registration) = AbortHandle::new_pair();
    *place.waiting.borrow_mut() = Some(handle);
    let waiting = Waiting(place.clone());
    let reading = async move {
        let _waiting = waiting;
        match body {
            Some(body) => Abortable::new(body.read(PIECE), registration).await,
            None => Ok(Ok(Vec::new())),
        }
    };
    scheduler.park(lua, reading, move |lua, outcome| {
        match outcome.unwrap_or(Err(ErrorCode::Cancelled)) {
            Ok(piece) if piece.is_empty() => {
                place.body.borrow_mut().take();
                Value::Nil.into_lua_multi(lua)
            }
            Ok(piece) => {
                shared.make_room(lua, piece.len());
                lua.create_buffer(piece)?.into_lua_multi(lua)
            }
            Err(failure) => {
                place.body.borrow_mut().take();
                (Value::Nil, error::words(&failure)).into_lua_multi(lua)
            }
        }
    })
}

/// Parks the running coroutine; its call returns true, or false and a message.
fn write(lua: &Lua, scheduler: &Scheduler, writer: &Writer, piece: &Value) -> Result<(), Problem> {
    let bytes = match bytes_of(piece) {
        Some(Ok(bytes)) => bytes,
        Some(Err(NoMemory)) => {
            return Err(Problem(error::limit_exceeded(
                "there is no memory left to send the piece (limit memory)",
            )));
        }
        None => {
            return Err(Problem(format!(
                "write: the piece must be a string or a buffer, got {}",
                shown(piece)
            )));
        }
    };
    let outgoing = writer.0.borrow().clone();
    let writing = async move {
        match outgoing.as_ref().and_then(|outgoing| outgoing.body.as_ref()) {
            Some(body) => body.write(bytes).await,
            None => Err(ErrorCode::ConnectionClosed),
        }
    };
    scheduler.park(lua, writing, |lua, outcome| match outcome {
        Ok(()) => true.into_lua_multi(lua),
        Err(failure) => (false, error::words(&failure)).into_lua_multi(lua),
    })
}
