//! Compressed content, decoded as it arrives, by the crates that Atoll's own host has. `http_client` asks for it.
//!
//! What comes out is counted against the size limit by `body`, so a small message that swells up meets the limit before it fills
//! the memory.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use async_compression::futures::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use futures_util::io::{AsyncBufRead, AsyncRead, BufReader};
use futures_util::stream::{self, TryStreamExt};

use super::body::Wire;
use super::types::{ErrorCode, Header};
use crate::wire::coding::{CHUNK, Coding, codings};

/// Content behind its decoders.
pub(super) struct Decoded(RefCell<Pin<Box<dyn AsyncBufRead>>>);

/// The encodings of content with these fields. Takes out of them what is no longer true once it is decoded; content in an encoding
/// that is not known, or of none, stays as it is.
pub(super) fn take(headers: &mut Vec<Header>) -> Vec<Coding> {
    let values = headers.iter().filter(|field| field.name == "content-encoding");
    let found = codings(values.map(|field| field.value.as_slice())).unwrap_or_default();
    if !found.is_empty() {
        headers.retain(|field| !matches!(field.name.as_str(), "content-encoding" | "content-length"));
    }
    found
}

impl Decoded {
    /// The content with these encodings taken off.
    pub(super) fn new(wire: Wire, codings: Vec<Coding>) -> Self {
        let pieces = stream::try_unfold(wire, |wire| async move {
            match wire.read(CHUNK).await {
                Ok(piece) => Ok(Some((piece, wire)).filter(|(piece, _)| !piece.is_empty())),
                Err(error) => Err(io::Error::other(Failure(error))),
            }
        });
        let mut reader: Pin<Box<dyn AsyncBufRead>> = Box::pin(Box::pin(pieces).into_async_read());
        // The one applied last is listed last, and comes off first.
        for coding in codings.into_iter().rev() {
            let decoded: Pin<Box<dyn AsyncRead>> = match coding {
                Coding::Gzip => {
                    let mut decoder = GzipDecoder::new(reader);
                    decoder.multiple_members(true);
                    Box::pin(decoder)
                }
                Coding::Brotli => Box::pin(BrotliDecoder::new(reader)),
                Coding::Zstd => {
                    let mut decoder = ZstdDecoder::new(reader);
                    decoder.multiple_members(true);
                    Box::pin(decoder)
                }
            };
            reader = Box::pin(BufReader::with_capacity(CHUNK, decoded));
        }
        Self(RefCell::new(reader))
    }

    /// The next bytes, at most `max`; empty at the end.
    pub(super) async fn read(&self, max: usize) -> Result<Vec<u8>, ErrorCode> {
        let mut buffer = vec![0; max.min(CHUNK)];
        let read = poll_fn(|context| self.0.borrow_mut().as_mut().poll_read(context, &mut buffer)).await;
        match read {
            Ok(length) => {
                buffer.truncate(length);
                Ok(buffer)
            }
            Err(error) => Err(
                match error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()) {
                    Some(Failure(own)) => own.clone(),
                    None => ErrorCode::InvalidResponse(format!("the content can't be decompressed: {error}")),
                },
            ),
        }
    }
}

/// A failure of the wire, on its way through the decoders.
#[derive(Debug)]
struct Failure(ErrorCode);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl std::error::Error for Failure {}
