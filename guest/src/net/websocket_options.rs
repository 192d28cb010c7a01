//! The options of WebSockets, checked field by field: those of `net.websocket`, and the `webhook` of `net.serve`.

use std::time::Duration;

use mlua::{Function, Value};

use crate::bindings::websocket;
use crate::fields::{Fields, shown};
use crate::net::header;
use crate::net::target::with_scheme;
use crate::problem::Problem;

/// Bytes that a message may have unless the script says otherwise.
const MAX_MESSAGE_SIZE: u64 = 1024 * 1024;

/// The time for connecting unless the script says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a server does with WebSockets.
pub(crate) struct Webhook {
    /// Decides about a request for one; without it every one is accepted.
    pub(crate) upgrade: Option<Function>,
    /// Called for events.
    pub(crate) hooks: Hooks,
    /// The protocols that it speaks.
    pub(crate) protocols: Vec<String>,
    /// Bytes that a message may have.
    pub(crate) max_message_size: u64,
}

/// The functions of a script that are called for events.
#[derive(Default)]
pub(crate) struct Hooks {
    /// `open(websocket)`; a client's has no argument.
    pub(crate) open: Option<Function>,
    /// `message(websocket, message, kind)`; a client's begins with the message.
    pub(crate) message: Option<Function>,
    /// `close(websocket, code, reason)`; a client's begins with the code.
    pub(crate) close: Option<Function>,
}

impl Webhook {
    /// Reads the table of handlers, which `net.serve` knows as `webhook`.
    ///
    /// # Errors
    ///
    /// The first field that is wrong.
    pub(crate) fn read(handlers: &mlua::Table) -> Result<Self, Problem> {
        let fields = Fields::new("net.serve: webhook", Some(handlers));
        Ok(Self {
            upgrade: fields.function("upgrade")?,
            hooks: Hooks {
                open: fields.function("open")?,
                message: fields.function("message")?,
                close: fields.function("close")?,
            },
            protocols: checked(&fields, fields.strings("protocols")?)?,
            max_message_size: max_message_size(&fields)?,
        })
    }
}

/// Makes the host's request of the arguments of `net.websocket`; none where the URL is not UTF-8, which no URL is.
///
/// # Errors
///
/// The first argument or field that is wrong.
pub(crate) fn read(url: &Value, options: &Value) -> Result<Option<websocket::Request>, Problem> {
    const CALL: &str = "net.websocket";
    let Value::String(url) = url else {
        let got = shown(url);
        return Err(Problem(format!("{CALL}: the URL must be a string, got {got}")));
    };
    let table = match options {
        Value::Nil => None,
        Value::Table(table) => Some(table),
        other => {
            let got = shown(other);
            return Err(Problem(format!(
                "{CALL}: the second argument must be an array of protocols or a table of options, got {got}"
            )));
        }
    };
    let fields = Fields::new(CALL, table);
    // The seed's form is an array: just the protocols.
    let listed = match table {
        Some(list) if list.raw_len() > 0 => Some(fields.strings_of("protocols", list)?),
        _ => None,
    };
    let protocols = match listed {
        Some(listed) => listed,
        None => fields.strings("protocols")?,
    };
    let headers = match fields.table("headers")? {
        Some(table) => header::from_table(&table).map_err(|problem| fields.refused("headers", &problem))?,
        None => Vec::new(),
    };
    let request = websocket::Request {
        url: String::new(),
        protocols: checked(&fields, protocols)?,
        headers,
        timeout: fields.seconds("timeout", TIMEOUT)?,
        max_message_size: max_message_size(&fields)?,
        authorities: fields.pems("tls", ["ca"])?.and_then(|[ca]| ca),
    };
    let Ok(url) = url.to_str() else { return Ok(None) };
    Ok(Some(websocket::Request {
        url: with_scheme("ws", &url),
        ..request
    }))
}

fn max_message_size(fields: &Fields<'_>) -> Result<u64, Problem> {
    let given = fields.integer("maxMessageSize", 1, u64::from(u32::MAX))?;
    Ok(given.unwrap_or(MAX_MESSAGE_SIZE))
}

/// Protocols that can be named on the wire: tokens, each once (RFC 6455, section 4.1).
fn checked(fields: &Fields<'_>, protocols: Vec<String>) -> Result<Vec<String>, Problem> {
    for (index, protocol) in protocols.iter().enumerate() {
        if !header::is_token(protocol.as_bytes()) {
            return Err(fields.refused(
                "protocols",
                &format!("has {protocol:?}, which is no token (RFC 9110)"),
            ));
        }
        if protocols[..index].contains(protocol) {
            return Err(fields.refused("protocols", &format!("has {protocol:?} twice")));
        }
    }
    Ok(protocols)
}
