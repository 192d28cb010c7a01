//! `net.request`: sends a request and makes the `Response` table of what comes back.
//!
//! Called by the prelude, whose function of the same name parks the coroutine.

use std::rc::Rc;

use mlua::{IntoLuaMulti, Lua, Table, Value};

use crate::bindings::http_client;
use crate::bindings::types::{Body, Header, IncomingBody};
use crate::net::intake::{Intake, stated_length};
use crate::net::pieces::Reader;
use crate::net::{error, header, request_options};
use crate::problem::{Problem, handed_over};
use crate::scheduler::Scheduler;

/// A response that is there, but for content that the script wants to read itself.
struct Reply {
    /// 100 to 599, as received.
    status: u16,
    /// The reason phrase as received.
    reason: String,
    /// The header fields.
    headers: Vec<Header>,
    /// The fields in the order of the wire, where that is not `headers`.
    raw_headers: Option<Vec<Header>>,
    /// The content.
    content: Content,
}

/// A response's content: there in full, or to be read by the script.
enum Content {
    Whole(Vec<u8>),
    Pieces(IncomingBody),
}

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
    let (scheduler, intake) = (scheduler.clone(), intake.clone());
    let request = lua.create_function(move |lua, (url, options): (Value, Value)| {
        handed_over(lua, request(lua, &scheduler, &intake, &url, &options))
    })?;
    natives.raw_set("request", request)
}

/// Parks the running coroutine; its call returns true and a `Response`, or false and a message.
fn request(
    lua: &Lua,
    scheduler: &Scheduler,
    intake: &Rc<Intake>,
    url: &Value,
    options: &Value,
) -> Result<(), Problem> {
    let request = request_options::read(url, options)?;
    let intake = intake.clone();
    let shared = scheduler.clone();
    scheduler.park(
        lua,
        exchange(request, intake),
        move |lua, outcome| match outcome {
            Ok(reply) => {
                if let Content::Whole(content) = &reply.content {
                    shared.make_room(lua, content.len());
                }
                (true, to_table(lua, reply)?).into_lua_multi(lua)
            }
            Err(message) => (false, message).into_lua_multi(lua),
        },
    )
}

async fn exchange(request: Option<http_client::Request>, intake: Rc<Intake>) -> Result<Reply, String> {
    let Some(request) = request else {
        return Err(error::invalid_url("the URL is not UTF-8"));
    };
    let (most, stream) = (request.max_body_size, request.stream);
    let response = http_client::send(request)
        .await
        .map_err(|failure| error::words(&failure))?;
    let expected = stated_length(&response.headers).map(|length| length.min(most));
    let content = match response.body {
        Body::Pieces(body) if stream => Content::Pieces(body),
        body => {
            let content = intake.read(body, expected, most).await;
            Content::Whole(content.map_err(|shortfall| shortfall.words())?)
        }
    };
    Ok(Reply {
        status: response.status,
        reason: response.reason,
        headers: response.headers,
        raw_headers: response.raw_headers,
        content,
    })
}

/// `Response = { ok, statusCode, statusReason, headers, rawHeaders, body }`, or `read` and `close` in place of `body`.
fn to_table(lua: &Lua, reply: Reply) -> mlua::Result<Table> {
    let wire = reply.raw_headers.as_ref().unwrap_or(&reply.headers);
    let raw = lua.create_table_with_capacity(wire.len(), 0)?;
    for field in wire {
        let pair = lua.create_table_with_capacity(0, 2)?;
        pair.raw_set("name", field.name.as_str())?;
        pair.raw_set("value", lua.create_string(&field.value)?)?;
        raw.raw_push(pair)?;
    }
    let fields = header::joined(&reply.headers);
    let response = lua.create_table_with_capacity(0, 6)?;
    response.raw_set("ok", (200..300).contains(&reply.status))?;
    response.raw_set("statusCode", reply.status)?;
    response.raw_set("statusReason", reply.reason)?;
    response.raw_set("headers", header::to_table(lua, &fields)?)?;
    response.raw_set("rawHeaders", raw)?;
    match reply.content {
        Content::Whole(content) => response.raw_set("body", lua.create_string(&content)?)?,
        // The prelude puts its methods in place of it.
        Content::Pieces(body) => response.raw_set("body", lua.create_userdata(Reader::new(body))?)?,
    }
    Ok(response)
}
