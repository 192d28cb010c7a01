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

    /// What is known of it, to be kept beside it.
    pub(super) fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// Whether it may serve another request.
    pub(super) fn has_place(&self) -> bool {
        self.place.is_some()
    }

    /// Whether both ends agreed on HTTP/2.
    pub(super) fn speaks_h2(&self) -> bool {
        self.stream.speaks_h2()
    }

    /// Whether it is TLS, whose end is said.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }
}

impl Notes {
    /// Whether the connection has answered before.
    pub(super) fn have_answer(&self) -> bool {
        self.0.answered.load(Ordering::Relaxed)
    }

    /// A request goes out, over HTTP/1.1: what comes next is the head of its response.
    pub(super) fn asked(&self) {
        *self.head() = Head::Begun(Vec::new());
    }

    /// A response came. Its fields in the order of the wire, where that is another than hyper's; and whether it was not
    /// the connection's first.
    pub(super) fn answered(&self, headers: &HeaderMap) -> (Option<Vec<Field>>, bool) {
        let reused = self.0.answered.swap(true, Ordering::Relaxed);
        let head = std::mem::take(&mut *self.head());
        // hyper keeps the order of names, and puts fields of one name together.
        if headers.keys_len() == headers.len() {
            return (None, reused);
        }
        (order(head, headers), reused)
    }

    fn head(&self) -> std::sync::MutexGuard<'_, Head> {
        self.0.head.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The fields of the head that was watched, where it is the one in which hyper found `headers`.
fn order(head: Head, headers: &HeaderMap) -> Option<Vec<Field>> {
    let Head::Whole(bytes) = head else {
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

/// The fields of the response that comes in these pieces, as [`Notes::answered`] tells them where hyper found `headers`.
#[cfg(any(test, fuzzing))]
pub(crate) fn watched<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    headers: &HeaderMap,
) -> Option<Vec<Field>> {
    let notes = Notes::default();
    notes.asked();
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
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
        notes.asked();
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
        let twice = map(&[("a", "1"), ("a", "2")]);
        notes.asked();
        notes.received(b"HTTP/1.1 200 OK\r\na: 2\r\na: 1\r\n\r\n");
        assert!(notes.answered(&twice).0.is_none());
        notes.received(b"HTTP/1.1 200 OK\r\na: 1\r\na: 2\r\n\r\n");
        assert!(notes.answered(&twice).0.is_none(), "nothing was asked for");
    }

    #[test]
    fn an_order_that_is_hypers() {
        let notes = Notes::default();
        notes.asked();
        notes.received(b"HTTP/1.1 200 OK\r\nb: 1\r\na: 2\r\n\r\n");
        assert!(notes.answered(&map(&[("b", "1"), ("a", "2")])).0.is_none());
    }
}
