//! The arguments of `net.request`: a URL and a script's table, checked field by field.

use std::time::Duration;

use mlua::{Table, Value};

use crate::bindings::http_client;
use crate::content::{NoMemory, bytes_of};
use crate::fields::{Fields, options_of, shown};
use crate::net::header;
use crate::net::target::{Pairs, with_query, with_scheme};
use crate::problem::Problem;

/// Bytes of content that a response may have unless the script says otherwise.
const MAX_BODY_SIZE: u64 = 16 * 1024 * 1024;

/// More than any content has: what is read in pieces is not held.
const UNBOUNDED: u64 = 1 << 53;

/// The time for everything unless the script says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Makes the host's request of a script's arguments; none where the URL is not UTF-8, which no
/// URL is.
///
/// # Errors
///
/// The first argument or field that is wrong.
pub(crate) fn read(url: &Value, options: &Value) -> Result<Option<http_client::Request>, Problem> {
    let Value::String(url) = url else {
        let got = shown(url);
        return Err(Problem(format!(
            "net.request: the URL must be a string, got {got}"
        )));
    };
    let fields = Fields::new("net.request", options_of("net.request", options)?);
    let query = match fields.table("query")? {
        Some(table) => query_of(&fields, &table)?,
        None => Vec::new(),
    };
    let headers = match fields.table("headers")? {
        Some(table) => header::from_table(&table).map_err(|problem| fields.refused("headers", &problem))?,
        None => Vec::new(),
    };
    let authorities = fields.pems("tls", ["ca"])?.and_then(|[ca]| ca);
    let stream = fields.boolean("stream", false)?;
    let request = http_client::Request {
        method: method_of(&fields)?,
        url: String::new(),
        headers,
        content: content_of(&fields)?,
        follow_redirects: fields.boolean("allowRedirects", true)?,
        timeout: fields.seconds("timeout", TIMEOUT)?,
        max_body_size: fields.integer("maxBodySize", 0, UNBOUNDED)?.unwrap_or(if stream {
            UNBOUNDED
        } else {
            MAX_BODY_SIZE
        }),
        decompress: fields.boolean("decompress", true)?,
        stream,
        authorities,
    };
    let Ok(url) = url.to_str() else { return Ok(None) };
    Ok(Some(http_client::Request {
        url: with_query(&with_scheme("http", &url), &query),
        ..request
    }))
}

fn method_of(fields: &Fields<'_>) -> Result<String, Problem> {
    match fields.value("method")? {
        Value::Nil => Ok("GET".to_owned()),
        Value::String(method) if header::is_token(&method.as_bytes()) => Ok(method.to_string_lossy()),
        other => Err(fields.wrong("method", "must be a method name such as \"GET\"", &other)),
    }
}

fn content_of(fields: &Fields<'_>) -> Result<Vec<u8>, Problem> {
    let body = fields.value("body")?;
    if body.is_nil() {
        return Ok(Vec::new());
    }
    match bytes_of(&body) {
        Some(Ok(content)) => Ok(content),
        Some(Err(NoMemory)) => {
            Err(fields.refused("body", "is too large: there is no memory left to send it"))
        }
        None => Err(fields.wrong("body", "must be a string or a buffer", &body)),
    }
}

/// Names and values of the query table, ordered by name.
fn query_of(fields: &Fields<'_>, table: &Table) -> Result<Pairs, Problem> {
    let mut query = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        let (name, value) = pair?;
        let Value::String(name) = name else {
            return Err(fields.wrong("query", "must have strings as names", &name));
        };
        let value = match &value {
            Value::String(text) => text.as_bytes().to_vec(),
            Value::Integer(_) | Value::Number(_) | Value::Boolean(_) => value.to_string()?.into_bytes(),
            other => {
                return Err(fields.wrong("query", "must have strings, numbers or booleans as values", other));
            }
        };
        query.push((name.as_bytes().to_vec(), value));
    }
    query.sort();
    Ok(query)
}
