//! The answer to a request: what a handler returned, checked and sent.
//!
//! The natives here are called by the prelude's `handle_request`. A result that cannot be sent is a problem for
//! the prelude to report; nothing of it reaches the client.

use std::rc::Rc;

use mlua::prelude::LuaString;
use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Table, UserData, UserDataRefMut, Value};

use crate::bindings::http_server::{Exchange, Response, ResponseHead, respond, respond_in_pieces, upgrade};
use crate::bindings::types::Header;
use crate::console;
use crate::content::{NoMemory, bytes_of};
use crate::fields::{shown, whole_number};
use crate::net::head::Head;
use crate::net::pieces::Writer;
use crate::net::websocket::{Connection, Owner, Site};
use crate::net::websocket_options::Hooks;
use crate::net::{error, header};
use crate::problem::Problem;

/// Statuses that a handler may send; 1xx is never a final response.
const FINAL: std::ops::RangeInclusive<u64> = 200..=599;

/// A request that waits for its response; dropped without one, the host answers 500.
pub(crate) struct Pending {
    /// The host's side, until the response is sent.
    exchange: Option<Exchange>,
    /// The request's start, for reports.
    head: Head,
    /// The server's handlers of WebSockets, where the request asks for one.
    upgrade: Option<Upgrade>,
}

/// What makes a WebSocket of an exchange.
#[derive(Clone)]
pub(crate) struct Upgrade {
    /// The script's connections.
    pub(crate) site: Rc<Site>,
    /// What is called for the events of this server's.
    pub(crate) hooks: Rc<Hooks>,
    /// The protocols that it speaks.
    pub(crate) protocols: Rc<[String]>,
    /// Bytes that a message may have.
    pub(crate) max_message_size: u64,
}

impl UserData for Pending {}

impl Pending {
    /// The exchange of a request.
    pub(crate) fn new(exchange: Exchange, head: Head, upgrade: Option<Upgrade>) -> Self {
        Self {
            exchange: Some(exchange),
            head,
            upgrade,
        }
    }

    /// Reports why there is no response; the host answers 500.
    pub(crate) fn give_up(self, why: &str) {
        console::report(&self.head.origin(), why, "");
    }

    /// Gives up the exchange now, and not when Luau collects this value.
    pub(crate) fn fail(&mut self) {
        self.exchange = None;
    }

    fn send(&mut self, response: &Response) {
        if let Some(exchange) = self.exchange.take()
            && let Err(problem) = respond(exchange, response)
        {
            self.not_sent(&problem);
        }
    }

    /// Sends the head; what takes the content is none where nobody waits for it.
    fn begin(&mut self, head: &ResponseHead) -> Option<Writer> {
        match respond_in_pieces(self.exchange.take()?, head) {
            Ok(body) => Some(Writer::new(body)),
            Err(problem) => {
                self.not_sent(&problem);
                None
            }
        }
    }

    /// Makes a WebSocket of the exchange.
    fn upgrade(&mut self) -> mlua::Result<()> {
        let (Some(exchange), Some(to)) = (self.exchange.take(), self.upgrade.take()) else {
            return Ok(());
        };
        match upgrade(exchange, &to.protocols, to.max_message_size) {
            Ok(socket) => {
                Connection::start(&to.site, socket, Owner::Server(to.hooks), to.max_message_size)?;
            }
            Err(failure) => self.not_sent(&error::words(&failure)),
        }
        Ok(())
    }

    fn not_sent(&self, problem: &str) {
        console::report(
            &self.head.origin(),
            &format!("the response was not sent: {problem}"),
            "",
        );
    }
}

/// A handler's result, ready to be sent.
enum Answer {
    Whole(Response),
    /// The head, and the script's function that makes the content.
    Pieces(ResponseHead, Function),
}

/// Adds the natives `respond`, `upgrade`, `fail` and `blame`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table) -> mlua::Result<()> {
    let respond =
        lua.create_function(
            |lua, (mut pending, result): (UserDataRefMut<Pending>, Value)| match to_answer(&result) {
                Err(Problem(text)) => text.into_lua_multi(lua),
                Ok(Answer::Whole(response)) => {
                    pending.send(&response);
                    Ok(MultiValue::new())
                }
                Ok(Answer::Pieces(head, body)) => match pending.begin(&head) {
                    Some(writer) => (Value::Nil, lua.create_userdata(writer)?, body).into_lua_multi(lua),
                    None => Ok(MultiValue::new()),
                },
            },
        )?;
    natives.raw_set("respond", respond)?;

    let upgrade = lua.create_function(|_, mut pending: UserDataRefMut<Pending>| pending.upgrade())?;
    natives.raw_set("upgrade", upgrade)?;

    let fail = lua.create_function(|_, mut pending: UserDataRefMut<Pending>| {
        pending.fail();
        Ok(())
    })?;
    natives.raw_set("fail", fail)?;

    let blame = lua.create_function(
        |_, (pending, message, trace): (UserDataRefMut<Pending>, LuaString, LuaString)| {
            console::report(
                &pending.head.origin(),
                &message.to_string_lossy(),
                &trace.to_string_lossy(),
            );
            Ok(())
        },
    )?;
    natives.raw_set("blame", blame)
}

/// The response that a handler's result stands for.
fn to_answer(result: &Value) -> Result<Answer, Problem> {
    match result {
        Value::String(_) | Value::Buffer(_) => {
            let (content, kind) = content_of(result)?;
            Ok(Answer::Whole(Response {
                status: 200,
                headers: vec![content_type(kind)],
                content,
            }))
        }
        Value::Table(table) => table_to_answer(table),
        other => Err(Problem(format!(
            "the request handler must return a string, a buffer or a table, got {}",
            shown(other)
        ))),
    }
}

fn table_to_answer(table: &Table) -> Result<Answer, Problem> {
    let status = match table.get("statusCode")? {
        Value::Nil => 200,
        given => match whole_number(&given).filter(|status| FINAL.contains(status)) {
            Some(status) => u16::try_from(status).unwrap_or(500),
            None => return Err(wrong("statusCode", "must be an integer from 200 to 599", &given)),
        },
    };
    let mut headers = match table.get("headers")? {
        Value::Nil => Vec::new(),
        Value::Table(fields) => header::from_table(&fields)
            .map_err(|problem| Problem(format!("the response: field 'headers' {problem}")))?,
        other => return Err(wrong("headers", "must be a table", &other)),
    };
    let content = match table.get("body")? {
        Value::Nil => Vec::new(),
        Value::Function(body) => return Ok(Answer::Pieces(ResponseHead { status, headers }, body)),
        body => {
            let (content, kind) = content_of(&body)?;
            if !headers
                .iter()
                .any(|field| field.name.eq_ignore_ascii_case("content-type"))
            {
                headers.push(content_type(kind));
            }
            content
        }
    };
    Ok(Answer::Whole(Response {
        status,
        headers,
        content,
    }))
}

/// The bytes of a body, and what they are unless the script says it.
fn content_of(body: &Value) -> Result<(Vec<u8>, &'static str), Problem> {
    let kind = match body {
        Value::String(_) => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    match bytes_of(body) {
        Some(Ok(content)) => Ok((content, kind)),
        Some(Err(NoMemory)) => Err(Problem(
            "the response: there is no memory left to send its body".to_owned(),
        )),
        None => Err(wrong("body", "must be a string, a buffer or a function", body)),
    }
}

fn content_type(kind: &str) -> Header {
    Header {
        name: "content-type".to_owned(),
        value: kind.as_bytes().to_vec(),
    }
}

fn wrong(field: &str, rule: &str, got: &Value) -> Problem {
    Problem(format!(
        "the response: field '{field}' {rule}, got {}",
        shown(got)
    ))
}
