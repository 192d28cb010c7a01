//! Header fields between what scripts say and what `wasi:http` carries. Framing is the host's, as it is on Atoll's own.

use wasip2::http::types::{Fields, HeaderError, Headers};

use super::types::Header;
use crate::net::header::is_token;
use crate::wire::coding::ACCEPTED;
use crate::wire::framing::{FRAMING, REQUEST_ONLY};

/// Fields that a request has unless the script gives them.
const USUAL: [(&str, &str); 2] = [
    ("user-agent", concat!("Atoll/", env!("CARGO_PKG_VERSION"))),
    ("accept", "*/*"),
];

/// The fields of a response with so many bytes of content, where that is known.
///
/// # Errors
///
/// The field that can't go on the wire.
pub(super) fn of_response(headers: &[Header], length: Option<usize>) -> Result<Fields, String> {
    with_length(headers, length, |name| is_one_of(FRAMING, name))
}

/// The fields of a request. `decompress`: whether the response may be compressed.
///
/// # Errors
///
/// The field that can't go on the wire.
pub(super) fn of_request(
    headers: &[Header],
    length: Option<usize>,
    decompress: bool,
) -> Result<Fields, String> {
    let fields = with_length(headers, length, |name| {
        is_one_of(FRAMING, name) || is_one_of(REQUEST_ONLY, name)
    })?;
    let compressed = Some(("accept-encoding", ACCEPTED)).filter(|_| decompress);
    for (name, value) in USUAL.into_iter().chain(compressed) {
        if !fields.has(name) {
            append(&fields, name, value.as_bytes())?;
        }
    }
    Ok(fields)
}

/// The fields as scripts get them: names in lower case.
pub(super) fn to_headers(fields: &Fields) -> Vec<Header> {
    let entries = fields.entries().into_iter();
    entries
        .map(|(name, value)| Header {
            name: name.to_ascii_lowercase(),
            value,
        })
        .collect()
}

fn with_length(
    headers: &[Header],
    length: Option<usize>,
    is_ours: impl Fn(&str) -> bool,
) -> Result<Fields, String> {
    let fields = Headers::new();
    for header in headers.iter().filter(|header| !is_ours(&header.name)) {
        append(&fields, &header.name, &header.value)?;
    }
    if let Some(length) = length {
        append(&fields, "content-length", length.to_string().as_bytes())?;
    }
    Ok(fields)
}

fn append(fields: &Fields, name: &str, value: &[u8]) -> Result<(), String> {
    fields.append(name, value).map_err(|error| match error {
        HeaderError::InvalidSyntax if is_token(name.as_bytes()) => {
            format!("the value of header {name:?} has a forbidden byte (CR, LF, NUL or another control)")
        }
        HeaderError::InvalidSyntax => format!("{name:?} is no header name (RFC 9110: a token)"),
        _ => format!("the host does not take the header {name:?}"),
    })
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
