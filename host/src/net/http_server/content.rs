//! A request's content on its way in: its own bounds, and those of all content that waits for the script.

use std::time::Duration;

use bytes::BytesMut;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::super::body::{Body, Held, Patience, Source, Wire};
use super::super::error::Error;
use super::super::http_client;
use super::Shared;

/// How long the rest of a refused request is still read.
const LINGER: Duration = Duration::from_secs(1);

/// A request's content, not read yet.
pub(super) fn wire(incoming: Incoming, shared: &Shared) -> Wire {
    Wire {
        source: Source::Plain(Box::pin(incoming)),
        limit: shared.options.max_body_size,
        seen: 0,
        patience: Patience::Until(Instant::now().checked_add(shared.options.timeout)),
        account: None,
    }
}

/// Reads all of it.
pub(super) async fn read(wire: &mut Wire, headers: &http::HeaderMap, shared: &Shared) -> Result<Body, Error> {
    if http_client::announced(headers).is_some_and(|length| length > wire.limit) {
        return Err(Error::BodyTooLarge(wire.limit));
    }
    let mut content = BytesMut::new();
    let mut held = None;
    while let Some(data) = wire.next().await? {
        let deadline = match wire.patience {
            Patience::Until(deadline) => deadline,
            Patience::EachPiece(time) => Instant::now().checked_add(time),
        };
        hold(&mut held, content.len() + data.len(), deadline, shared).await?;
        content.extend_from_slice(&data);
    }
    Ok(Body::from_bytes(content, held))
}

/// Reads and drops the rest of a refused request, for a while. Over HTTP/2 a request that is dropped unread takes its
/// response with it.
pub(super) fn let_go(mut wire: Wire) {
    wire.limit = u64::MAX;
    let rest = async move { while matches!(wire.next().await, Ok(Some(_))) {} };
    tokio::spawn(tokio::time::timeout(LINGER, rest));
}

/// Counts so many bytes of content against the buffer that all requests share, and waits until it has room.
async fn hold(
    held: &mut Held,
    bytes: usize,
    deadline: Option<Instant>,
    shared: &Shared,
) -> Result<(), Error> {
    let have = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    // By the whole, not by what just came: many small chunks count no more than one large one.
    let missing = bytes.div_ceil(1024).saturating_sub(have);
    if missing == 0 {
        return Ok(());
    }
    let kibibytes = u32::try_from(missing).unwrap_or(u32::MAX);
    let room = shared.buffer.clone().acquire_many_owned(kibibytes);
    let more = match deadline {
        None => room.await,
        Some(deadline) => tokio::time::timeout_at(deadline, room).await.map_err(|_| {
            shared.observer.limit_hit("request-buffer");
            Error::Timeout("too much content waits for the script (limit request-buffer)".to_owned())
        })?,
    };
    // The semaphore is never closed.
    if let Ok(more) = more {
        match held {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
    }
    Ok(())
}
