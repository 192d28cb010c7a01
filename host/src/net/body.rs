//! Content on its way to the guest: whole where it is small, in pieces where it is not.
//!
//! `http_client`, `http_server` and `websocket` make it, `bindings` hands it over.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Incoming};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::decode::Decoded;
use super::error::Error;
use super::http_client::Content;
use crate::observe::Outgoing;

/// The most that crosses into the guest at once; more would have to fit its memory in one go.
pub(crate) const PIECE: usize = 1 << 20;

/// Counts content against a limit for as long as the host holds it.
pub(crate) type Held = Option<OwnedSemaphorePermit>;

/// Content that counts against a limit for as long as any of it is there.
pub(crate) fn counted(content: Vec<u8>, place: OwnedSemaphorePermit) -> Bytes {
    struct Counted {
        content: Vec<u8>,
        _place: OwnedSemaphorePermit,
    }
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.content
        }
    }
    Bytes::from_owner(Counted {
        content,
        _place: place,
    })
}

/// The content of one message.
pub(crate) enum Body {
    /// All of it.
    Whole(Bytes, Held),
    /// More than one piece.
    Pieces(Pieces),
}

/// Content that is handed over piece by piece.
pub(crate) struct Pieces {
    /// Read, but not handed over.
    ready: BytesMut,
    /// What is still on the wire; `None` once all of it was read.
    wire: Option<Wire>,
    /// Whether a piece is as large as may be, or handed over as soon as there is anything.
    filled: bool,
    /// Given back with the last piece.
    _held: Held,
}

/// Content that still arrives, with its bounds.
pub(crate) struct Wire {
    /// Where it comes from.
    pub(crate) source: Source,
    /// Bytes that it may have altogether.
    pub(crate) limit: u64,
    /// Bytes that it had so far.
    pub(crate) seen: u64,
    /// How long it may take.
    pub(crate) patience: Patience,
    /// Told of what comes, where it is a response's.
    pub(crate) account: Option<Box<Outgoing>>,
}

/// Where content comes from.
pub(crate) enum Source {
    /// The connection, which a task drives.
    Plain(Pin<Box<Incoming>>),
    /// A response's connection.
    Response(Content),
    /// A decoder on top of the connection.
    Decoded(Decoded),
}

/// How long content may take.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// All of it until then; as long as it takes, where the time was too long for the clock.
    Until(Option<Instant>),
    /// So long for each piece.
    EachPiece(Duration),
}

impl Source {
    /// Whether nothing more comes, as far as that is known before the end.
    fn has_ended(&self) -> bool {
        match self {
            Source::Decoded(_) => false,
            Source::Plain(incoming) => incoming.is_end_stream(),
            Source::Response(content) => content.is_end_stream(),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Source::Decoded(decoded) => decoded.next().await,
            Source::Plain(incoming) => next_data(incoming).await,
            Source::Response(content) => next_data(content).await,
        }
    }
}

async fn next_data<B>(content: &mut B) -> Result<Option<Bytes>, Error>
where
    B: HttpBody<Data = Bytes, Error = hyper::Error> + Unpin,
{
    loop {
        let Some(frame) = content.frame().await else {
            return Ok(None);
        };
        let frame = frame.map_err(|error| Error::exchange(&error))?;
        // Trailers are no content.
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
}

impl Wire {
    /// The next bytes; `None` at the end.
    ///
    /// Cancel safety: dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let next = self.next_within_bounds().await;
        if let Some(account) = &mut self.account {
            account.received(self.seen);
            if let Err(error) = &next {
                account.failed(error.code(), || error.to_string(), error.limit_met());
            }
        }
        next
    }

    async fn next_within_bounds(&mut self) -> Result<Option<Bytes>, Error> {
        let late = || Error::Timeout("the content was not whole in time".to_owned());
        let next = self.source.next();
        let data = match self.patience {
            Patience::Until(None) => next.await?,
            Patience::Until(Some(deadline)) => tokio::time::timeout_at(deadline, next)
                .await
                .map_err(|_| late())??,
            Patience::EachPiece(time) => tokio::time::timeout(time, next)
                .await
                .map_err(|_| Error::Timeout(format!("no content came within {time:?}")))??,
        };
        self.count(data)
    }

    /// The next bytes, for a caller that keeps the time and tells the account.
    async fn next_in_time(&mut self) -> Result<Option<Bytes>, Error> {
        let data = self.source.next().await?;
        self.count(data)
    }

    fn count(&mut self, data: Option<Bytes>) -> Result<Option<Bytes>, Error> {
        if let Some(data) = &data {
            self.seen += data.len() as u64;
            if self.seen > self.limit {
                return Err(Error::BodyTooLarge(self.limit));
            }
        }
        Ok(data)
    }
}

impl Body {
    /// Content that was read already.
    pub(crate) fn from_bytes(content: BytesMut, held: Held) -> Body {
        match content.len() {
            0..=PIECE => Body::Whole(content.freeze(), held),
            _ => Body::Pieces(Pieces {
                ready: content,
                wire: None,
                filled: true,
                _held: held,
            }),
        }
    }

    /// Content of a response: reads as much as one piece, and leaves the rest on the wire. So long the caller keeps the time.
    ///
    /// Cancel safety: dropping the future gives up the content.
    pub(crate) async fn from_wire(mut wire: Wire, held: Held) -> Result<Body, Error> {
        let Some(first) = wire.next_in_time().await? else {
            return Ok(Body::Whole(Bytes::new(), held));
        };
        if first.len() <= PIECE && wire.source.has_ended() {
            return Ok(Body::Whole(first, held));
        }
        let mut ready = BytesMut::from(first);
        while ready.len() < PIECE {
            let Some(data) = wire.next_in_time().await? else {
                return Ok(Body::Whole(ready.freeze(), held));
            };
            ready.extend_from_slice(&data);
        }
        Ok(Body::Pieces(Pieces {
            ready,
            wire: Some(wire),
            filled: true,
            _held: held,
        }))
    }

    /// Content whose pieces are wanted as they come.
    pub(crate) fn as_it_comes(wire: Wire, held: Held) -> Body {
        Body::Pieces(Pieces {
            ready: BytesMut::new(),
            wire: Some(wire),
            filled: false,
            _held: held,
        })
    }

    /// Has what still comes of a response told to its account; without any it is over.
    pub(crate) fn account_to(&mut self, mut account: Outgoing) {
        match self {
            Body::Whole(content, _) => account.received(content.len() as u64),
            Body::Pieces(pieces) => {
                if let Some(wire) = &mut pieces.wire {
                    account.received(wire.seen);
                    wire.account = Some(Box::new(account));
                }
            }
        }
    }

    /// Bytes of it that are here.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Body::Whole(content, _) => content.len(),
            Body::Pieces(pieces) => pieces.ready.len(),
        }
    }

    /// Bytes that handing it over takes at once.
    pub(crate) fn first_piece(&self) -> usize {
        match self {
            Body::Whole(content, _) => content.len(),
            Body::Pieces(_) => 0,
        }
    }
}

impl Pieces {
    /// The next piece, at most `max` bytes; empty at the end.
    ///
    /// Cancel safety: dropping the future loses nothing.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Bytes, Error> {
        let max = max.clamp(1, PIECE);
        let wanted = if self.filled { max } else { 1 };
        while self.ready.len() < wanted {
            let Some(wire) = &mut self.wire else { break };
            match wire.next().await? {
                Some(data) => self.ready.extend_from_slice(&data),
                None => self.wire = None,
            }
        }
        Ok(self.ready.split_to(self.ready.len().min(max)).freeze())
    }
}
