//! Header fields between what the guest says and what hyper carries.
//!
//! `http_client` and `http_server` call it. Framing is the host's: fields that say how long a message is,
//! or what becomes of its connection, are never taken from a script.

#[path = "../../shared/wire/framing.rs"]
mod framing;

use http::{HeaderMap, HeaderName, HeaderValue};

use self::framing::{FRAMING, REQUEST_ONLY};
use super::error::{Error, HEADER_BYTES};
use crate::limits::Limits;

/// A header field: its name, and a value of any bytes but CR, LF and NUL.
pub(crate) type Field = (String, Vec<u8>);

/// Which message the fields are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// One that goes out: its `host` is the URL's, so that what was checked is what is asked for.
    Request,
    /// One that answers. `connection: close` is the handler's to ask for.
    Response,
}

/// The fields as a map, without those that are the host's to set.
///
/// Fails with the field that can't go on the wire (RFC 9110, section 5).
pub(crate) fn to_map(fields: Vec<Field>, message: Message) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::with_capacity(fields.len() + 4);
    for (name, value) in fields {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{name:?} is no header name (RFC 9110: a token)"))?;
        let value = HeaderValue::from_maybe_shared(bytes::Bytes::from(value)).map_err(|_| {
            format!("the value of header {name:?} has a forbidden byte (CR, LF, NUL or another control)")
        })?;
        let closes = message == Message::Response
            && key == http::header::CONNECTION
            && value.as_bytes().eq_ignore_ascii_case(b"close");
        let ours = FRAMING.contains(&key.as_str())
            || message == Message::Request && REQUEST_ONLY.contains(&key.as_str());
        if closes || !ours {
            map.try_append(key, value)
                .map_err(|_| "too many headers".to_owned())?;
        }
    }
    Ok(map)
}

/// A reason phrase and fields as the guest gets them (`wit/http-client.wit`): names in lower case, in the order of the wire as
/// far as hyper keeps it (fields of one name stand together).
pub(crate) fn pack(reason: &str, map: &HeaderMap) -> Vec<u8> {
    let fields = || {
        map.iter()
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
    };
    pack_all(reason, fields)
}

/// The same, of fields in another order.
pub(crate) fn pack_fields(reason: &str, fields: &[Field]) -> Vec<u8> {
    let fields = || fields.iter().map(|(name, value)| (name.as_bytes(), &**value));
    pack_all(reason, fields)
}

fn pack_all<'a, F>(reason: &str, fields: impl Fn() -> F) -> Vec<u8>
where
    F: Iterator<Item = (&'a [u8], &'a [u8])>,
{
    let lengths = fields().map(|(name, value)| 8 + name.len() + value.len());
    let mut packed = Vec::with_capacity(4 + reason.len() + lengths.sum::<usize>());
    let mut add = |string: &[u8]| {
        // Heads have limits far below.
        let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(string);
    };
    add(reason.as_bytes());
    for (name, value) in fields() {
        add(name);
        add(value);
    }
    packed
}

/// The fields one by one, as [`pack`] orders them.
#[cfg(any(test, fuzzing))]
pub(crate) fn from_map(map: &HeaderMap) -> Vec<Field> {
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// Refuses a head that is over the limits.
pub(crate) fn check(map: &HeaderMap, limits: &Limits) -> Result<(), Error> {
    let fields = map.iter().map(|(name, value)| name.as_str().len() + value.len());
    check_lengths(map.len(), fields, limits)
}

/// Refuses a head that is over the limits before anything is made of it: what the guest says may be as long as its
/// memory. `start` is what stands in the first line.
pub(crate) fn check_given(start: &[&str], fields: &[Field], limits: &Limits) -> Result<(), Error> {
    let lengths = fields.iter().map(|(name, value)| name.len() + value.len());
    let start = start.iter().map(|text| text.len());
    check_lengths(fields.len(), start.chain(lengths), limits)
}

fn check_lengths(fields: usize, lengths: impl Iterator<Item = usize>, limits: &Limits) -> Result<(), Error> {
    if fields > limits.header_fields as usize {
        return Err(Error::HeadersTooLarge {
            limit: "header-fields",
            text: format!("{fields} fields (limit header-fields={})", limits.header_fields),
        });
    }
    let bytes: u64 = lengths.map(|length| length as u64 + 4).sum();
    if bytes > limits.header_bytes {
        return Err(Error::HeadersTooLarge {
            limit: HEADER_BYTES,
            text: format!("{bytes} bytes (limit header-bytes={})", limits.header_bytes),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Vec<Field> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn framing_is_the_hosts() {
        let given = fields(&[
            ("Host", "evil"),
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
            ("X-A", "1"),
            ("x-a", "2"),
        ]);
        let request = to_map(given.clone(), Message::Request).expect("valid");
        assert_eq!(from_map(&request), fields(&[("x-a", "1"), ("x-a", "2")]));
        let response = to_map(given, Message::Response).expect("valid");
        assert_eq!(
            from_map(&response),
            fields(&[
                ("host", "evil"),
                ("connection", "close"),
                ("x-a", "1"),
                ("x-a", "2")
            ])
        );
    }

    #[test]
    fn what_cannot_go_on_the_wire() {
        for (name, value) in [
            ("a b", "1"),
            ("", "1"),
            ("a:", "1"),
            ("a", "1\r\nb: 2"),
            ("a", "\0"),
            ("a", "1\n"),
        ] {
            assert!(
                to_map(fields(&[(name, value)]), Message::Response).is_err(),
                "{name:?} {value:?}"
            );
        }
        assert!(to_map(vec![("a".to_owned(), vec![0xff, b'\t'])], Message::Response).is_ok());
    }

    #[test]
    fn heads_have_limits() {
        let limits = Limits {
            header_fields: 2,
            header_bytes: 40,
            ..Limits::default()
        };
        let map = |list: &[(&str, &str)]| to_map(fields(list), Message::Response).expect("valid");
        assert!(check(&map(&[("a", "1"), ("b", "2")]), &limits).is_ok());
        assert!(check(&map(&[("a", "1"), ("b", "2"), ("c", "3")]), &limits).is_err());
        assert!(check(&map(&[("a", &"x".repeat(40))]), &limits).is_err());
    }
}
