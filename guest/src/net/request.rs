//! `net.request`: begins requests, and hands over what comes of them.
//!
//! Called by the prelude, whose function of the same name parks the coroutine and makes the `Response` table. One operation
//! waits for the outcomes of all requests, so that those that come out together cross together.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::{AbortHandle, Abortable, Aborted};
use mlua::{IntoLua, Lua, Table, Value};

use crate::bindings::http_client::{self, Outcome, Response};
use crate::bindings::types::{Body, ErrorCode};
use crate::net::intake::Intake;
use crate::net::pieces::Reader;
use crate::net::{error, head, request_options};
use crate::problem::{Problem, handed_over};
use crate::scheduler::{Parked, Scheduler};

/// Outcomes that one crossing from the host brings at most.
const BATCH: u32 = 64;

/// Bytes of Luau values that are made for each response, besides its strings.
const OVERHEAD: usize = 1024;

/// Bytes of tables and strings that a byte of a head can lead to: nine bytes are a field of two strings and a table.
const PER_BYTE_OF_HEAD: usize = 32;

/// The requests of one script.
struct Flights {
    lua: Lua,
    scheduler: Scheduler,
    intake: Rc<Intake>,
    /// Those that are under way, by their numbers.
    waiting: RefCell<BTreeMap<u64, Waiting>>,
    /// The operation that waits for outcomes.
    fetching: RefCell<Option<AbortHandle>>,
}

/// A coroutine that waits for its response.
struct Waiting {
    parked: Parked,
    /// Whether it reads the content itself.
    reads: bool,
    /// Bytes of content that it takes.
    most: u64,
}

/// A response's content: there in full, or to be read by the script.
enum Content {
    Whole(Vec<u8>),
    Pieces(Reader),
}

/// What a coroutine gets: true and all that a `Response` is made of, or false and a message.
type Results = (bool, Value, Value, Value, Value);

/// Adds the native `request`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(
    lua: &Lua,
    natives: &Table,
    scheduler: &Scheduler,
    intake: &Rc<Intake>,
) -> mlua::Result<()> {
    let flights = Rc::new(Flights {
        lua: lua.clone(),
        scheduler: scheduler.clone(),
        intake: intake.clone(),
        waiting: RefCell::default(),
        fetching: RefCell::default(),
    });
    let request = lua.create_function(move |lua, (url, options): (Value, Value)| {
        handed_over(lua, flights.begin(lua, &url, &options))
    })?;
    natives.raw_set("request", request)
}

impl Flights {
    /// Parks the running coroutine until its request has come out.
    fn begin(self: &Rc<Self>, lua: &Lua, url: &Value, options: &Value) -> Result<(), Problem> {
        let request = request_options::read(url, options)?;
        let parked = self.scheduler.park_for_others(lua)?;
        let Some(request) = request else {
            let message = error::invalid_url("the URL is not UTF-8");
            let lua = lua.clone();
            parked.end(move || failed(&lua, message));
            return Ok(());
        };
        let number = http_client::begin(&request);
        let flights = self.clone();
        parked.when_closed(move || flights.give_up(number));
        let waiting = Waiting {
            parked,
            reads: request.stream,
            most: request.max_body_size,
        };
        self.waiting.borrow_mut().insert(number, waiting);
        self.fetch();
        Ok(())
    }

    fn give_up(&self, number: u64) {
        http_client::give_up(number);
        self.waiting.borrow_mut().remove(&number);
        // Nothing would come out any more.
        if self.waiting.borrow().is_empty()
            && let Some(fetching) = self.fetching.borrow_mut().take()
        {
            fetching.abort();
        }
    }

    /// Waits for outcomes as long as there are any to come.
    fn fetch(self: &Rc<Self>) {
        if self.waiting.borrow().is_empty() || self.fetching.borrow().is_some() {
            return;
        }
        let (handle, registration) = AbortHandle::new_pair();
        *self.fetching.borrow_mut() = Some(handle);
        let flights = self.clone();
        self.scheduler.start(
            Abortable::new(http_client::outcomes(BATCH), registration),
            move |outcomes| flights.landed(outcomes),
        );
    }

    fn landed(self: &Rc<Self>, outcomes: Result<Vec<Outcome>, Aborted>) {
        // An operation that was given up is followed by another already, or by none.
        let Ok(outcomes) = outcomes else { return };
        self.fetching.borrow_mut().take();
        for Outcome { number, response } in outcomes {
            let waiting = self.waiting.borrow_mut().remove(&number);
            if let Some(waiting) = waiting {
                self.hand_over(waiting, response);
            }
        }
        self.fetch();
    }

    fn hand_over(self: &Rc<Self>, waiting: Waiting, response: Result<Response, ErrorCode>) {
        let Waiting { parked, reads, most } = waiting;
        let flights = self.clone();
        let Response {
            status,
            head,
            raw_head,
            body,
        } = match response {
            Ok(response) => response,
            Err(failure) => return parked.end(move || failed(&flights.lua, error::words(&failure))),
        };
        match body {
            Body::Whole(content) => {
                parked.end(move || flights.results(status, &head, raw_head, Content::Whole(content)));
            }
            Body::Pieces(pieces) if reads => {
                let content = Content::Pieces(Reader::new(pieces));
                parked.end(move || flights.results(status, &head, raw_head, content));
            }
            pieces => {
                let stated = head::stated_length(head::strings(&head).skip(1));
                let expected = stated.map(|length| length.min(most));
                let intake = self.intake.clone();
                let content = async move { intake.read(pieces, expected, most).await };
                parked.end_after(content, move |content| match content {
                    Ok(content) => flights.results(status, &head, raw_head, Content::Whole(content)),
                    Err(shortfall) => failed(&flights.lua, shortfall.words()),
                });
            }
        }
    }

    fn results(
        &self,
        status: u16,
        head: &[u8],
        raw_head: Option<Vec<u8>>,
        content: Content,
    ) -> mlua::Result<Results> {
        let lua = &self.lua;
        let length = match &content {
            Content::Whole(content) => content.len(),
            Content::Pieces(_) => 0,
        };
        // The prelude makes tables of the heads.
        let coming =
            (head.len() + raw_head.as_ref().map_or(0, Vec::len)) * PER_BYTE_OF_HEAD + length + OVERHEAD;
        self.scheduler.with_room(lua, coming, || {
            Ok((
                true,
                status.into_lua(lua)?,
                lua.create_string(head)?.into_lua(lua)?,
                raw_head
                    .map(|raw| lua.create_string(raw))
                    .transpose()?
                    .into_lua(lua)?,
                match content {
                    Content::Whole(content) => lua.create_string(content)?.into_lua(lua)?,
                    Content::Pieces(reader) => lua.create_userdata(reader)?.into_lua(lua)?,
                },
            ))
        })
    }
}

/// What the coroutine of a request gets that has no response.
fn failed(lua: &Lua, message: String) -> mlua::Result<Results> {
    let nil = Value::Nil;
    Ok((false, message.into_lua(lua)?, nil.clone(), nil.clone(), nil))
}
