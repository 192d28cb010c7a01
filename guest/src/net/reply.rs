//! The answer to a request: what a handler returned, checked and sent.
//!
//! The natives here are called by the prelude's `handle_request`. A result that cannot be sent is a problem for
//! the prelude to report; nothing of it reaches the client.

use mlua::prelude::LuaString;
use mlua::{Lua, Table, UserData, UserDataRefMut, Value};

use crate::bindings::http_server::{Exchange, Response, respond};
use crate::bindings::types::Header;
use crate::console;
use crate::fields::{shown, whole_number};
use crate::net::header;
use crate::problem::{Problem, handed_over};

/// Statuses that a handler may send; 1xx is never a final response.
const FINAL: std::ops::RangeInclusive<u64> = 200..=599;

/// A request that waits for its response; dropped without one, the host answers 500.
pub(crate) struct Pending {
    /// The host's side, until the response is sent.
    exchange: Option<Exchange>,
    /// What reports call its handler.
    origin: String,
}

impl UserData for Pending {}

impl Pending {
    /// The exchange, whose handler reports call `origin`.
    pub(crate) fn new(exchange: Exchange, origin: String) -> Self {
        Self {
            exchange: Some(exchange),
            origin,
        }
    }

    /// Reports why there is no response; the host answers 500.
    pub(crate) fn give_up(self, why: &str) {
        console::report(&self.origin, why, "");
    }

    /// Gives up the exchange now, and not when Luau collects this value.
    fn fail(&mut self) {
        self.exchange = None;
    }

    fn send(&mut self, response: &Response) {
        if let Some(exchange) = self.exchange.take()
            && let Err(problem) = respond(exchange, response)
        {
            console::report(&self.origin, &format!("the response was not sent: {problem}"), "");
        }
    }
}

/// Adds the natives `respond`, `fail` and `blame`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table) -> mlua::Result<()> {
    let respond = lua.create_function(|lua, (mut pending, result): (UserDataRefMut<Pending>, Value)| {
        handed_over(lua, to_response(&result).map(|response| pending.send(&response)))
    })?;
    natives.raw_set("respond", respond)?;

    let fail = lua.create_function(|_, mut pending: UserDataRefMut<Pending>| {
        pending.fail();
        Ok(())
    })?;
    natives.raw_set("fail", fail)?;

    let blame = lua.create_function(
        |_, (pending, message, trace): (UserDataRefMut<Pending>, LuaString, LuaString)| {
            console::report(
                &pending.origin,
                &message.to_string_lossy(),
                &trace.to_string_lossy(),
            );
            Ok(())
        },
    )?;
    natives.raw_set("blame", blame)
}

/// The response that a handler's result stands for.
fn to_response(result: &Value) -> Result<Response, Problem> {
    match result {
        Value::String(_) | Value::Buffer(_) => {
            let (content, kind) = content_of(result)?;
            Ok(Response {
                status: 200,
                headers: vec![content_type(kind)],
                content,
            })
        }
        Value::Table(table) => table_to_response(table),
        other => Err(Problem(format!(
            "the request handler must return a string, a buffer or a table, got {}",
            shown(other)
        ))),
    }
}

fn table_to_response(table: &Table) -> Result<Response, Problem> {
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
    Ok(Response {
        status,
        headers,
        content,
    })
}

/// The bytes of a body, and what they are unless the script says it.
fn content_of(body: &Value) -> Result<(Vec<u8>, &'static str), Problem> {
    let (length, kind) = match body {
        Value::String(text) => (text.as_bytes().len(), "text/plain; charset=utf-8"),
        Value::Buffer(bytes) => (bytes.len(), "application/octet-stream"),
        other => return Err(wrong("body", "must be a string or a buffer", other)),
    };
    let mut content = Vec::new();
    content
        .try_reserve_exact(length)
        .map_err(|_| Problem("the response: there is no memory left to send its body".to_owned()))?;
    match body {
        Value::String(text) => content.extend_from_slice(&text.as_bytes()),
        Value::Buffer(bytes) => content.extend_from_slice(&bytes.to_vec()),
        _ => {}
    }
    Ok((content, kind))
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
