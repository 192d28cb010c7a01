//! The natives behind `net.websocket` and the methods of sockets; `prelude/websocket.luau` calls them.

use std::rc::Rc;

use mlua::{AnyUserData, Function, IntoLuaMulti, Lua, MultiValue, Table, Value};

use crate::bindings::types::ErrorCode;
use crate::bindings::websocket::{self, Farewell, Kind, Socket};
use crate::content::{NoMemory, bytes_of};
use crate::fields::{shown, whole_number};
use crate::net::websocket::{Connection, METATABLE, Owner, Site, SocketRef};
use crate::net::{error, websocket_options};
use crate::problem::{Problem, handed_over};

/// Bytes of a ping's payload, and of a close frame's reason behind its code (RFC 6455, section 5.5).
const LONGEST_PING: usize = 125;
const LONGEST_REASON: usize = 123;

/// Adds the natives `connect` and `socket_…`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, site: &Rc<Site>) -> mlua::Result<()> {
    let shared = site.clone();
    let connect = lua.create_function(move |lua, (url, options): (Value, Value)| {
        handed_over(lua, connect(lua, &shared, &url, &options))
    })?;
    natives.raw_set("connect", connect)?;

    let metatable =
        lua.create_function(|lua, metatable: Table| lua.set_named_registry_value(METATABLE, metatable))?;
    natives.raw_set("socket_metatable", metatable)?;

    let fields = lua.create_function(|lua, (socket, key): (AnyUserData, Value)| match of(&socket) {
        Some(connection) if is_key(&key, b"connected") => connection.is_connected().into_lua_multi(lua),
        Some(connection) if is_key(&key, b"protocol") => connection.protocol.as_deref().into_lua_multi(lua),
        _ => Ok(MultiValue::new()),
    })?;
    natives.raw_set("socket_field", fields)?;

    let is_server = lua.create_function(|_, socket: AnyUserData| {
        Ok(of(&socket).is_some_and(|connection| connection.is_server()))
    })?;
    natives.raw_set("socket_is_server", is_server)?;

    let next = lua.create_function(|_, socket: AnyUserData| match of(&socket) {
        Some(connection) => connection.next(),
        None => Ok((None, Value::Nil, Value::Nil, Value::Nil)),
    })?;
    natives.raw_set("socket_next", next)?;

    let send = lua.create_function(|lua, (socket, message): (Value, Value)| {
        sent(
            lua,
            method(&socket, "send").and_then(|connection| send(&connection, &message)),
        )
    })?;
    natives.raw_set("socket_send", send)?;

    let ping = lua.create_function(|lua, (socket, payload): (Value, Value)| {
        sent(
            lua,
            method(&socket, "ping").and_then(|connection| ping(&connection, &payload)),
        )
    })?;
    natives.raw_set("socket_ping", ping)?;

    let shared = site.clone();
    let wait = lua
        .create_function(move |lua, socket: AnyUserData| handed_over(lua, wait(lua, &shared, of(&socket))))?;
    natives.raw_set("socket_wait", wait)?;

    let shared = site.clone();
    let close = lua.create_function(move |lua, (socket, code, reason): (Value, Value, Value)| {
        let closing =
            method(&socket, "close").and_then(|socket| close(lua, &shared, &socket, &code, &reason));
        handed_over(lua, closing)
    })?;
    natives.raw_set("socket_close", close)?;

    let bind = lua.create_function(|lua, (socket, event, function): (Value, String, Value)| {
        handed_over(lua, bind(&socket, &event, function))
    })?;
    natives.raw_set("socket_bind", bind)
}

/// Parks the running coroutine; its call returns true and a socket, or false and a message.
fn connect(lua: &Lua, site: &Rc<Site>, url: &Value, options: &Value) -> Result<(), Problem> {
    let request = websocket_options::read(url, options)?;
    let max_message_size = request.as_ref().map_or(0, |request| request.max_message_size);
    let shared = site.clone();
    let handshake = async move {
        match request {
            None => Err(error::invalid_url("the URL is not UTF-8")),
            Some(request) => websocket::connect(request)
                .await
                .map_err(|failure| error::words(&failure)),
        }
    };
    site.scheduler
        .park(lua, handshake, move |lua, outcome| match outcome {
            Ok(socket) => {
                let handle = Connection::start(
                    &shared,
                    socket,
                    Owner::Client(Default::default()),
                    max_message_size,
                )?;
                (true, handle).into_lua_multi(lua)
            }
            Err(message) => (false, message).into_lua_multi(lua),
        })
}

/// The connection behind a userdata; none where it is another one's.
fn of(socket: &AnyUserData) -> Option<Rc<Connection>> {
    socket.borrow::<SocketRef>().ok().map(|socket| socket.0.clone())
}

fn is_key(key: &Value, name: &[u8]) -> bool {
    matches!(key, Value::String(text) if text.as_bytes() == name)
}

/// The connection that a method was called on.
fn method(socket: &Value, name: &str) -> Result<Rc<Connection>, Problem> {
    let connection = socket.as_userdata().and_then(of);
    connection.ok_or_else(|| {
        Problem(format!(
            "WebSocket: {name} is a method, called as websocket:{name}(…)"
        ))
    })
}

/// Whether the host has taken something over, or has no room for it yet.
enum Sent {
    Yes,
    Full,
    Failed(String),
}

impl From<Result<bool, ErrorCode>> for Sent {
    fn from(outcome: Result<bool, ErrorCode>) -> Self {
        match outcome {
            Ok(true) => Self::Yes,
            Ok(false) => Self::Full,
            Err(failure) => Self::Failed(error::words(&failure)),
        }
    }
}

/// For the prelude: a problem; or nil and what `send` returns, which is nothing where it has to wait.
fn sent(lua: &Lua, outcome: Result<Sent, Problem>) -> mlua::Result<MultiValue> {
    match outcome {
        Err(Problem(text)) => text.into_lua_multi(lua),
        Ok(Sent::Yes) => (Value::Nil, true).into_lua_multi(lua),
        Ok(Sent::Full) => Ok(MultiValue::new()),
        Ok(Sent::Failed(message)) => (Value::Nil, false, message).into_lua_multi(lua),
    }
}

/// The host's side of a connection that the script has not closed.
fn open_socket(connection: &Connection) -> Result<Rc<Socket>, Sent> {
    let socket = connection.socket().filter(|_| !connection.is_hanging_up());
    socket.ok_or_else(|| Sent::Failed(error::words(&ErrorCode::ConnectionClosed)))
}

fn send(connection: &Connection, message: &Value) -> Result<Sent, Problem> {
    // Wrong arguments are wrong on a closed socket too.
    match message {
        Value::String(text) => {
            let bytes = text.as_bytes();
            if std::str::from_utf8(&bytes).is_err() {
                return Err(Problem(
                    "WebSocket:send: the text is not UTF-8; send a buffer for a binary message".to_owned(),
                ));
            }
            Ok(match open_socket(connection) {
                Ok(socket) => socket.send(Kind::Text, &bytes).into(),
                Err(closed) => closed,
            })
        }
        Value::Buffer(_) => match (bytes_of(message), open_socket(connection)) {
            (Some(Ok(bytes)), Ok(socket)) => Ok(socket.send(Kind::Binary, &bytes).into()),
            (Some(Err(NoMemory)), _) => Err(Problem(error::limit_exceeded(
                "there is no memory left to send the message (limit memory)",
            ))),
            (_, Err(closed)) => Ok(closed),
            (None, _) => Ok(Sent::Full),
        },
        other => Err(Problem(format!(
            "WebSocket:send: the message must be a string (text) or a buffer (binary), got {}",
            shown(other)
        ))),
    }
}

fn ping(connection: &Connection, payload: &Value) -> Result<Sent, Problem> {
    let bytes = match payload {
        Value::Nil => Vec::new(),
        other => match bytes_of(other) {
            Some(Ok(bytes)) if bytes.len() <= LONGEST_PING => bytes,
            _ => {
                return Err(Problem(format!(
                    "WebSocket:ping: the payload must be a string or a buffer of at most {LONGEST_PING} bytes, got {}",
                    shown(other)
                )));
            }
        },
    };
    Ok(match open_socket(connection) {
        Ok(socket) => socket.ping(&bytes).into(),
        Err(closed) => closed,
    })
}

/// Parks the running coroutine until there is room for its message, or the connection is closed.
fn wait(lua: &Lua, site: &Site, connection: Option<Rc<Connection>>) -> Result<(), Problem> {
    let socket = connection.and_then(|connection| connection.socket());
    let room = async move {
        if let Some(socket) = socket {
            socket.writable().await;
        }
    };
    site.scheduler.park(lua, room, |_, ()| Ok(MultiValue::new()))
}

/// Parks the running coroutine until the connection is closed.
fn close(
    lua: &Lua,
    site: &Site,
    connection: &Rc<Connection>,
    code: &Value,
    reason: &Value,
) -> Result<(), Problem> {
    let farewell = farewell(code, reason)?;
    let socket = connection.socket();
    let goodbye = async move {
        if let Some(socket) = socket {
            socket.close(farewell).await;
        }
    };
    site.scheduler.park(lua, goodbye, |_, ()| Ok(MultiValue::new()))?;
    connection.hang_up();
    Ok(())
}

fn farewell(code: &Value, reason: &Value) -> Result<Farewell, Problem> {
    let code = match code {
        Value::Nil => 1000,
        given => match whole_number(given) {
            Some(code @ (1000 | 1001 | 3000..=4999)) => u16::try_from(code).unwrap_or(1000),
            _ => {
                return Err(Problem(format!(
                    "WebSocket:close: the code must be 1000, 1001 or an integer from 3000 to 4999, got {}",
                    shown(given)
                )));
            }
        },
    };
    let reason = match reason {
        Value::Nil => String::new(),
        Value::String(text) if text.as_bytes().len() <= LONGEST_REASON && text.to_str().is_ok() => {
            text.to_string_lossy()
        }
        other => {
            return Err(Problem(format!(
                "WebSocket:close: the reason must be UTF-8 text of at most {LONGEST_REASON} bytes, got {}",
                shown(other)
            )));
        }
    };
    Ok(Farewell { code, reason })
}

/// Binds a function, or none, to an event of a client's socket.
fn bind(socket: &Value, event: &str, function: Value) -> Result<(), Problem> {
    let name = format!("bind{event}");
    let connection = method(socket, &name)?;
    let function: Option<Function> = match function {
        Value::Nil => None,
        Value::Function(function) => Some(function),
        other => {
            return Err(Problem(format!(
                "WebSocket:{name}: expected a function or nil, got {}",
                shown(&other)
            )));
        }
    };
    let Some(handle) = socket.as_userdata().cloned() else {
        return Ok(());
    };
    connection.bind(handle, |hooks| match event {
        "Open" => hooks.open = function,
        "Message" => hooks.message = function,
        _ => hooks.close = function,
    });
    Ok(())
}
