//! Fields of a head, from what the guest says to what the peer reads.

use http::HeaderMap;

use crate::limits::Limits;
use crate::net::headers::{self, Field, Message};

/// Fields of a head, `name US value` with RS between them, as a guest may ask for them: none frames the message, none
/// ends the line, and each that is left reaches the peer as it was given.
pub(crate) fn head(data: &[u8]) {
    let fields: Vec<Field> = data
        .split(|byte| *byte == 0x1e)
        .map(|field| {
            let middle = field.iter().position(|byte| *byte == 0x1f).unwrap_or(field.len());
            let value = field.get(middle + 1..).unwrap_or_default();
            (
                String::from_utf8_lossy(&field[..middle]).into_owned(),
                value.to_vec(),
            )
        })
        .collect();
    for message in [Message::Request, Message::Response] {
        let Ok(map) = headers::to_map(fields.clone(), message) else {
            continue;
        };
        let left: Vec<Field> = fields
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .filter(|(name, value)| match name.as_str() {
                "connection" => message == Message::Response && value.eq_ignore_ascii_case(b"close"),
                "content-length" | "keep-alive" | "proxy-connection" | "te" | "trailer"
                | "transfer-encoding" | "upgrade" => false,
                "host" | "expect" => message == Message::Response,
                _ => true,
            })
            .collect();
        let carried = headers::from_map(&map);
        assert_eq!(sorted(&carried), sorted(&left));
        let again = headers::to_map(carried, message).expect("it was one");
        assert_eq!(again, map);
        let names = left.iter().map(|(name, _)| name.as_str());
        assert!(names.clone().all(|name| {
            map.get_all(name).iter().eq(left
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, value)| value.as_slice()))
        }));
        let limits = Limits {
            header_fields: 3,
            header_bytes: 64,
            ..Limits::default()
        };
        let bytes: usize = left
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        assert_eq!(
            headers::check(&map, &limits).is_ok(),
            left.len() <= 3 && bytes <= 64
        );
        reaches_the_peer(&map, left.len());
    }
}

/// A parser of heads finds the same fields in what is written.
fn reaches_the_peer(map: &HeaderMap, count: usize) {
    let mut wire = Vec::new();
    for (name, value) in map {
        wire.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    wire.extend(b"\r\n");
    let mut room = vec![httparse::EMPTY_HEADER; count];
    let parsed = httparse::parse_headers(&wire, &mut room).expect("a head");
    let httparse::Status::Complete((length, fields)) = parsed else {
        panic!("the head has no end")
    };
    assert_eq!(length, wire.len());
    let written = map
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes().trim_ascii()));
    assert!(written.eq(fields.iter().map(|field| (field.name, field.value.trim_ascii()))));
}

fn sorted(fields: &[Field]) -> Vec<Field> {
    let mut fields = fields.to_vec();
    fields.sort();
    fields
}
