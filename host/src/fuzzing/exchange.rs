//! What goes to a server, and what comes back.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::net::http_client::link::watched;
use crate::net::http_client::{method, parse, target_of, uri};
use crate::permissions::Scheme;

/// Lines with a method and a URL: both are refused, or stand in one request line, where a server reads them as they were
/// given.
pub(crate) fn request_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (Ok(method), Ok(url)) = (method(first), parse(rest)) else {
        return;
    };
    let schemes = [Scheme::Http, Scheme::Https, Scheme::Ws, Scheme::Wss];
    if target_of("net.request", &url, &schemes).is_err() {
        return;
    }
    let Ok(uri) = uri(&url) else { return };
    let target = uri.path_and_query().expect("it has a path");
    assert!(method.as_str() == first || method.as_str().eq_ignore_ascii_case(first));
    let wire = format!("{method} {target} HTTP/1.1\r\n\r\n");
    let mut request = httparse::Request::new(&mut []);
    let length = request.parse(wire.as_bytes()).expect("a request");
    assert_eq!(length, httparse::Status::Complete(wire.len()), "{wire:?}");
    assert_eq!(request.method, Some(method.as_str()));
    assert_eq!(request.path, Some(target.as_str()));
    assert!(!target.as_str().contains('#'));
}

/// A byte that says how the rest comes in pieces, and what a server sends: however it comes, the same fields are seen, and
/// those of the first response that is final.
pub(crate) fn response_head(data: &[u8]) {
    let Some((size, wire)) = data.split_first() else {
        return;
    };
    let mut room = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut room);
    let mut headers = HeaderMap::new();
    if let Ok(httparse::Status::Complete(_)) = response.parse(wire) {
        for field in &*response.headers {
            let name = HeaderName::from_bytes(field.name.as_bytes()).expect("a token");
            let Ok(value) = HeaderValue::from_bytes(field.value) else {
                return;
            };
            headers.append(name, value);
        }
    }
    let at_once = watched([wire], &headers);
    let in_pieces = watched(wire.chunks(usize::from(*size).max(1)), &headers);
    assert_eq!(at_once, in_pieces);
    if let Some(fields) = at_once {
        assert_eq!(fields.len(), headers.len());
        assert!(fields.iter().all(|(name, value)| {
            let name = name.as_str();
            headers
                .get_all(name)
                .iter()
                .any(|own| own.as_bytes() == value.as_slice())
        }));
    }
}
