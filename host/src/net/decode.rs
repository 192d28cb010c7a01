//! Compressed content (RFC 9110, section 8.4): gzip, br and zstd, decoded as it arrives. `http_client` asks for it.
//!
//! What comes out is counted against the size limit by `body`, so a small message that swells up meets the limit
//! before it fills the memory.

#[path = "../../shared/wire/coding.rs"]
mod coding;

use std::pin::Pin;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, BufReader};
use tokio_util::io::StreamReader;

use self::coding::{CHUNK, Coding, codings};
use super::body::Source;
use super::error::Error;
use super::http_client::Content;

/// What `accept-encoding` says.
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static(coding::ACCEPTED);

/// Content behind its decoders.
pub(crate) struct Decoded {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    /// Kept between reads, so that a read that is given up loses nothing.
    buffer: BytesMut,
}

/// The content as its author meant it. Takes out of `headers` what then is no longer true of it; content in an
/// encoding that is not known, or of none, stays as it is.
pub(crate) fn decode(headers: &mut HeaderMap, incoming: Content) -> Source {
    let values = headers.get_all(header::CONTENT_ENCODING).into_iter();
    let codings = codings(values.map(HeaderValue::as_bytes)).unwrap_or_default();
    if codings.is_empty() || hyper::body::Body::is_end_stream(&incoming) {
        return Source::Response(incoming);
    }
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    let data = incoming
        .into_data_stream()
        .map_err(|error| std::io::Error::other(Error::exchange(&error)));
    let mut reader: Pin<Box<dyn AsyncBufRead + Send>> = Box::pin(StreamReader::new(data));
    // The one applied last is listed last, and comes off first.
    for coding in codings.into_iter().rev() {
        let decoded: Pin<Box<dyn AsyncRead + Send>> = match coding {
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
    Source::Decoded(Decoded {
        reader,
        buffer: BytesMut::new(),
    })
}

impl Decoded {
    /// The next bytes; `None` at the end.
    ///
    /// Cancel safety: dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.buffer.reserve(CHUNK);
        match self.reader.read_buf(&mut self.buffer).await {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(self.buffer.split().freeze())),
            Err(error) => {
                let own = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
                Err(match own {
                    Some(own) => own.clone(),
                    None => Error::InvalidResponse(format!("the content can't be decompressed: {error}")),
                })
            }
        }
    }
}
