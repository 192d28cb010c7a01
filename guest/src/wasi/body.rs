//! Contents in pieces, by `wasi:io/streams`.
//!
//! A stream is the child of its body, so it is dropped first; so are the waits for it, which live in the futures.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use wasip2::http::types as http;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::answer::Answer;
use super::decode::Decoded;
use super::types::ErrorCode;
use super::{executor, timer, words};
use crate::wire::coding::Coding;

/// Bytes that one call takes or brings at most.
const PIECE: usize = 1 << 20;

/// How long the next piece may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Everything until this instant; none is no bound.
    Until(Option<u64>),
    /// Nanoseconds, each piece anew.
    EachPiece(u64),
}

/// Content as the host brings it.
pub(super) struct Wire {
    stream: InputStream,
    /// Kept as long as its stream.
    _body: http::IncomingBody,
    patience: Patience,
}

/// Content on its way to the script.
enum Source {
    Plain(Wire),
    Decoded(Decoded),
}

/// Content that is fetched in pieces. Dropping it gives up the rest.
pub(crate) struct IncomingBody {
    source: Source,
    /// Bytes that it may have.
    most: u64,
    seen: Cell<u64>,
    /// The request that it belongs to, which is refused where it is too large.
    request: Option<Rc<Answer>>,
}

impl IncomingBody {
    /// The content of a message with these encodings taken off, of which then `most` bytes are let through.
    pub(super) fn new(
        body: http::IncomingBody,
        codings: Vec<Coding>,
        most: u64,
        patience: Patience,
    ) -> Result<Self, ErrorCode> {
        let stream = body
            .stream()
            .map_err(|()| ErrorCode::InvalidResponse("the host gave away the content".to_owned()))?;
        let wire = Wire {
            stream,
            _body: body,
            patience,
        };
        Ok(Self {
            source: match codings.is_empty() {
                true => Source::Plain(wire),
                false => Source::Decoded(Decoded::new(wire, codings)),
            },
            most,
            seen: Cell::new(0),
            request: None,
        })
    }

    /// The same, as the content of this request.
    pub(super) fn of_request(self, request: Rc<Answer>) -> Self {
        Self {
            request: Some(request),
            ..self
        }
    }

    /// The next piece, at most `max` bytes; empty at the end.
    pub(crate) async fn read(&self, max: u32) -> Result<Vec<u8>, ErrorCode> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let piece = match &self.source {
            Source::Plain(wire) => wire.read(max).await,
            Source::Decoded(decoded) => decoded.read(max).await,
        };
        self.count(piece?)
    }

    fn count(&self, piece: Vec<u8>) -> Result<Vec<u8>, ErrorCode> {
        let seen = self.seen.get().saturating_add(piece.len() as u64);
        self.seen.set(seen);
        if seen <= self.most {
            return Ok(piece);
        }
        if let Some(request) = &self.request {
            request.is_too_large(self.most);
        }
        Err(too_large(self.most))
    }
}

impl Wire {
    /// The next piece, at most `max` bytes; empty at the end.
    pub(super) async fn read(&self, max: usize) -> Result<Vec<u8>, ErrorCode> {
        let end = match self.patience {
            Patience::Until(end) => end,
            Patience::EachPiece(time) => timer::ahead(time),
        };
        loop {
            match self.stream.read(max.min(PIECE) as u64) {
                Ok(piece) if piece.is_empty() => self.wait(end).await?,
                Ok(piece) => return Ok(piece),
                Err(StreamError::Closed) => return Ok(Vec::new()),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(words::of_stream(&error));
                }
            }
        }
    }

    async fn wait(&self, end: Option<u64>) -> Result<(), ErrorCode> {
        let more = executor::ready(self.stream.subscribe());
        let Some(end) = end else {
            more.await;
            return Ok(());
        };
        match select(more, pin!(timer::sleep_until(end))).await {
            Either::Left(_) => Ok(()),
            Either::Right(_) => Err(ErrorCode::Timeout(match self.patience {
                Patience::Until(_) => "the content did not come in time".to_owned(),
                Patience::EachPiece(time) => {
                    format!("no content came within {:?}", Duration::from_nanos(time))
                }
            })),
        }
    }
}

/// The failure of content that passed its limit.
pub(super) fn too_large(most: u64) -> ErrorCode {
    ErrorCode::BodyTooLarge(format!("the content has more than {most} bytes"))
}

/// Content that is sent in pieces. Dropping it before `finish` breaks the message off.
pub(crate) struct OutgoingBody {
    stream: Option<OutputStream>,
    body: Option<http::OutgoingBody>,
    answer: Rc<Answer>,
}

impl OutgoingBody {
    /// The content of a response whose head is sent; none where the host takes none.
    pub(super) fn new(body: http::OutgoingBody, answer: Rc<Answer>) -> Self {
        Self {
            stream: body.write().ok(),
            body: Some(body),
            answer,
        }
    }

    /// Sends a piece; waits while the peer is slow.
    pub(crate) async fn write(&self, piece: Vec<u8>) -> Result<(), ErrorCode> {
        match &self.stream {
            Some(stream) => write_all(stream, &piece).await,
            None => Err(ErrorCode::ConnectionClosed),
        }
    }

    /// Ends the content.
    pub(crate) fn finish(mut body: Self) {
        drop(body.stream.take());
        if let Some(body) = body.body.take() {
            // Where it fails the peer has gone.
            let _ = http::OutgoingBody::finish(body, None);
        }
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        drop(self.stream.take());
        drop(self.body.take());
        self.answer.finish();
    }
}

/// Sends a whole content and ends it.
pub(super) async fn send(body: http::OutgoingBody, content: &[u8]) -> Result<(), ErrorCode> {
    if !content.is_empty() {
        let stream = body.write().map_err(|()| ErrorCode::ConnectionClosed)?;
        write_all(&stream, content).await?;
    }
    http::OutgoingBody::finish(body, None).map_err(|_| ErrorCode::ConnectionClosed)
}

/// Writes and flushes.
async fn write_all(stream: &OutputStream, bytes: &[u8]) -> Result<(), ErrorCode> {
    let mut left = bytes;
    while !left.is_empty() {
        let room = usize::try_from(stream.check_write().map_err(closed)?).unwrap_or(usize::MAX);
        let (now, later) = left.split_at(left.len().min(room).min(PIECE));
        if now.is_empty() {
            executor::ready(stream.subscribe()).await;
        } else {
            stream.write(now).map_err(closed)?;
            left = later;
        }
    }
    stream.flush().map_err(closed)?;
    executor::ready(stream.subscribe()).await;
    stream.check_write().map(drop).map_err(closed)
}

fn closed(_: StreamError) -> ErrorCode {
    ErrorCode::ConnectionClosed
}
