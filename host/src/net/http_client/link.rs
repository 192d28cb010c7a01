//! One connection of a pool: its bytes, and what requests need to know of it later.
//!
//! Whether it has answered before: a request that fails on such a connection may be sent once more, where its
//! method allows it (RFC 9110, section 9.2.2), as a server may close a kept connection at any time, also just as a
//! request is on its way. And the last response's head as it was on the wire, as hyper sorts fields by name.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::HeaderMap;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use super::super::headers::Field;
use super::super::stream::Stream;

/// Bytes of a head that are kept at most; of a longer one the order of fields is hyper's.
const LONGEST_HEAD: usize = 64 << 10;

/// Fields of a head that are looked at.
const MOST_FIELDS: usize = 256;

/// The bytes, watched on their way.
pub(super) struct Link {
    stream: Stream,
    notes: Notes,
    /// Without one it serves one request only.
    place: Option<OwnedSemaphorePermit>,
}

/// What is known of a connection. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    answered: AtomicBool,
    head: Mutex<Head>,
}

/// The head of the response that is awaited.
#[derive(Default)]
enum Head {
    /// Nothing is awaited, or HTTP/2 is spoken, whose heads are no text.
    #[default]
    Nothing,
    /// Some of it is there.
    Begun(Vec<u8>),
    /// All of it is there.
    Whole(Vec<u8>),
}

impl Link {
    /// `place`: its place among the connections that are kept for a next request.
    pub(super) fn new(stream: Stream, place: Option<OwnedSemaphorePermit>) -> Link {
        Link {
            stream,
            place,
            notes: Notes::default(),
        }
    }
}

impl Notes {
    /// The notes on the connection that a response came over, or a failure happened on.
    pub(super) fn of(extensions: &http::Extensions) -> Option<Notes> {
        extensions.get::<Notes>().cloned()
    }

    /// Whether the request failed on a connection that had answered before.
    pub(super) fn had_answered(failure: &legacy::Error) -> bool {
        let mut extensions = http::Extensions::new();
        if let Some(connection) = failure.connect_info() {
            connection.get_extras(&mut extensions);
        }
        Notes::of(&extensions).is_some_and(|notes| notes.0.answered.load(Ordering::Relaxed))
    }

    /// A response came. Its fields in the order of the wire, where that is another than hyper's; and whether it was not
    /// the connection's first.
    pub(super) fn answered(&self, headers: &HeaderMap) -> (Option<Vec<Field>>, bool) {
        let reused = self.0.answered.swap(true, Ordering::Relaxed);
        (self.order(headers), reused)
    }

    fn order(&self, headers: &HeaderMap) -> Option<Vec<Field>> {
        let Head::Whole(bytes) = std::mem::take(&mut *self.head()) else {
            return None;
        };
        let fields = fields(&bytes)?;
        // What was watched is this response's head only if it has just the fields that hyper found.
        let is_the_same = fields.len() == headers.len()
            && headers.keys().all(|name| {
                let here = fields.iter().filter(|(other, _)| other == name.as_str());
                here.map(|(_, value)| value.as_slice())
                    .eq(headers.get_all(name).iter().map(|value| value.as_bytes()))
            });
        is_the_same.then_some(fields)
    }

    fn head(&self) -> std::sync::MutexGuard<'_, Head> {
        self.0.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sent(&self, bytes: &[u8]) {
        if begins_a_request(bytes) {
            let mut head = self.head();
            if matches!(*head, Head::Nothing) {
                *head = Head::Begun(Vec::new());
            }
        }
    }

    fn received(&self, bytes: &[u8]) {
        let mut head = self.head();
        let Head::Begun(begun) = &mut *head else { return };
        // Its end may have begun in what came before; all else of that was looked at then.
        let mut seen = begun.len().saturating_sub(3);
        begun.extend_from_slice(bytes);
        while let Some(end) = end_of_head(&begun[seen..]).map(|end| seen + end) {
            // An interim response (RFC 9110, section 15.2) is followed by another.
            if begun[..end].get(9) != Some(&b'1') {
                begun.truncate(end);
                *head = Head::Whole(std::mem::take(begun));
                return;
            }
            begun.drain(..end);
            seen = 0;
        }
        if begun.len() > LONGEST_HEAD {
            *head = Head::Nothing;
        }
    }
}

/// Whether these bytes are the start of a request's head and not more of its content: `TOKEN /…`.
fn begins_a_request(bytes: &[u8]) -> bool {
    let token = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase() || **byte == b'-')
        .count();
    token > 0 && bytes[token..].starts_with(b" /")
}

/// The fields of the response that comes in these pieces, as [`Notes::answered`] tells them where hyper found `headers`.
#[cfg(any(test, fuzzing))]
pub(crate) fn watched<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    headers: &HeaderMap,
) -> Option<Vec<Field>> {
    let notes = Notes::default();
    notes.sent(b"GET / HTTP/1.1\r\n\r\n");
    for piece in pieces {
        notes.received(piece);
    }
    notes.answered(headers).0
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|start| start + 4)
}

/// The fields of a head, names in lower case.
fn fields(head: &[u8]) -> Option<Vec<Field>> {
    let mut room = vec![httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut room);
    response.parse(head).ok()?;
    let field = |field: &httparse::Header<'_>| (field.name.to_ascii_lowercase(), field.value.to_vec());
    Some(response.headers.iter().map(field).collect())
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.notes.clone());
        if self.place.is_none() {
            connected.poison();
        }
        if self.stream.speaks_h2() {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.notes.received(&buffer.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.notes.sent(bytes);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = slices.first() {
            self.notes.sent(first);
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, value.parse().expect("a value"));
        }
        map
    }

    #[test]
    fn the_order_of_the_wire() {
        let notes = Notes::default();
        notes.sent(b"GET / HTTP/1.1\r\n\r\n");
        notes.received(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a\r\n");
        notes.received(b"vary: b\r\nset-cookie: c\r\n\r\ncontent");
        let (fields, reused) =
            notes.answered(&map(&[("set-cookie", "a"), ("set-cookie", "c"), ("vary", "b")]));
        assert!(!reused);
        let shown: Vec<_> = fields
            .expect("it is the same head")
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(shown, ["set-cookie", "vary", "set-cookie"]);
        assert_eq!(notes.answered(&map(&[])), (None, true), "it is handed out once");
    }

    #[test]
    fn another_head_is_not_taken_for_it() {
        let notes = Notes::default();
        notes.sent(b"PUT /x HTTP/1.1\r\n\r\n");
        notes.received(b"HTTP/1.1 200 OK\r\na: 1\r\n\r\n");
        assert!(notes.answered(&map(&[("a", "2")])).0.is_none());
        notes.received(b"HTTP/1.1 200 OK\r\na: 1\r\n\r\n");
        assert!(
            notes.answered(&map(&[("a", "1")])).0.is_none(),
            "nothing was asked for"
        );
    }
}
