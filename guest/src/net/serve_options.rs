//! The options of `net.serve`: a script's table, checked field by field.

use std::net::IpAddr;
use std::time::Duration;

use mlua::{Function, Value};

use crate::bindings::http_server;
use crate::fields::{Fields, shown};
use crate::net::websocket_options::Webhook;
use crate::problem::Problem;

/// What a server binds to unless the script says otherwise.
const EVERY_ADDRESS: &str = "0.0.0.0";

/// Bytes of content that a request may have unless the script says otherwise.
const MAX_BODY_SIZE: u64 = 1024 * 1024;

/// Connections at once unless the script says otherwise.
const MAX_CONNECTIONS: u64 = 1024;

/// The time for a head, a content and a handler, each, unless the script says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a script wants served.
pub(crate) struct ServeOptions {
    /// The host's part.
    pub(crate) listen: http_server::Options,
    /// Answers requests.
    pub(crate) handler: Function,
    /// Answers requests whose handler failed.
    pub(crate) recover: Option<Function>,
    /// Handles WebSockets; without it a request for one is as any other.
    pub(crate) webhook: Option<Webhook>,
}

impl ServeOptions {
    /// Checks the argument of `net.serve`.
    ///
    /// # Errors
    ///
    /// The first field that is missing or wrong.
    pub(crate) fn read(options: &Value) -> Result<Self, Problem> {
        let Value::Table(table) = options else {
            let got = shown(options);
            return Err(Problem(format!(
                "net.serve: the options must be a table, got {got}"
            )));
        };
        let fields = Fields::new("net.serve", Some(table));
        let webhook = webhook(&fields)?;
        let Some(port) = fields.integer("port", 0, u64::from(u16::MAX))? else {
            return Err(fields.wrong("port", "must be an integer from 0 to 65535", &Value::Nil));
        };
        let Some(handler) = fields.function("request")? else {
            return Err(fields.wrong("request", "must be a function", &Value::Nil));
        };
        let max_connections = fields.integer("maxConnections", 1, u64::from(u32::MAX))?;
        let exact = 1 << 53;
        Ok(Self {
            listen: http_server::Options {
                address: address(&fields)?,
                port: u16::try_from(port).unwrap_or(u16::MAX),
                reuse_address: fields.boolean("reuseAddress", false)?,
                max_body_size: fields.integer("maxBodySize", 0, exact)?.unwrap_or(MAX_BODY_SIZE),
                max_connections: u32::try_from(max_connections.unwrap_or(MAX_CONNECTIONS))
                    .unwrap_or(u32::MAX),
                timeout: fields.seconds("timeout", TIMEOUT)?,
                identity: identity(&fields)?,
                websockets: webhook.is_some(),
            },
            handler,
            recover: fields.function("error")?,
            webhook,
        })
    }
}

/// The handlers of WebSockets, under either of their names.
fn webhook(fields: &Fields<'_>) -> Result<Option<Webhook>, Problem> {
    let handlers = match (fields.table("webhook")?, fields.table("websocket")?) {
        (Some(_), Some(_)) => {
            return Err(
                fields.mistaken("'webhook' and 'websocket' are two names of one option, but both were given")
            );
        }
        (one, other) => one.or(other),
    };
    handlers.map(|handlers| Webhook::read(&handlers)).transpose()
}

/// `tls = { cert = PEM, key = PEM }`.
fn identity(fields: &Fields<'_>) -> Result<Option<http_server::Identity>, Problem> {
    match fields.pems("tls", ["cert", "key"])? {
        None => Ok(None),
        Some([Some(certificates), Some(key)]) => Ok(Some(http_server::Identity { certificates, key })),
        Some(_) => Err(fields.refused("tls", "must have a PEM string as 'cert' and another as 'key'")),
    }
}

fn address(fields: &Fields<'_>) -> Result<String, Problem> {
    let value = fields.value("address")?;
    let given = match &value {
        Value::Nil => return Ok(EVERY_ADDRESS.to_owned()),
        Value::String(text) => text.to_string_lossy(),
        _ => String::new(),
    };
    if given == "localhost" || given.parse::<IpAddr>().is_ok() {
        return Ok(given);
    }
    Err(fields.wrong(
        "address",
        "must be an IPv4 address, an IPv6 address or \"localhost\"",
        &value,
    ))
}
