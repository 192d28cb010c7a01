//! Compressed content (RFC 9110, section 8.4): gzip, br and zstd, decoded as it arrives. `http_client` asks for it.
//!
//! What comes out is counted against the size limit by `body`, so a small message that swells up meets the limit
//! before it fills the memory.

use std::pin::Pin;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, BufReader};
use tokio_util::io::StreamReader;

use super::body::Source;
use super::error::Error;
use super::http_client::Content;

/// What `accept-encoding` says.
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static("gzip, br, zstd");

/// Bytes decoded at once.
const CHUNK: usize = 32 << 10;

/// Encodings one over the other that are taken off; nobody sends more.
const LAYERS: usize = 3;

/// Content behind its decoders.
pub(crate) struct Decoded {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    /// Kept between reads, so that a read that is given up loses nothing.
    buffer: BytesMut,
}

/// One encoding that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

/// The content as its author meant it. Takes out of `headers` what then is no longer true of it; content in an
/// encoding that is not known, or of none, stays as it is.
pub(crate) fn decode(headers: &mut HeaderMap, incoming: Content) -> Source {
    let codings = codings(headers).unwrap_or_default();
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

/// The encodings in the order in which they were applied; `None` where one of them is not known.
fn codings(headers: &HeaderMap) -> Option<Vec<Coding>> {
    let mut found = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for name in value.to_str().ok()?.split(',') {
            match name.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => found.push(Coding::Gzip),
                "br" => found.push(Coding::Brotli),
                "zstd" => found.push(Coding::Zstd),
                "" | "identity" => {}
                _ => return None,
            }
        }
    }
    Some(found).filter(|found| found.len() <= LAYERS)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_content_encoding_says() {
        use Coding::{Brotli, Gzip, Zstd};
        let cases: [(&[&str], Option<Vec<Coding>>); 8] = [
            (&[], Some(vec![])),
            (&["gzip"], Some(vec![Gzip])),
            (&["X-GZIP"], Some(vec![Gzip])),
            (&["identity"], Some(vec![])),
            (&["br, zstd"], Some(vec![Brotli, Zstd])),
            (&["gzip", "br"], Some(vec![Gzip, Brotli])),
            (&["gzip, unheard-of"], None),
            (&["gzip, gzip, gzip, gzip"], None),
        ];
        for (values, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(codings(&headers), expected, "{values:?}");
        }
    }
}
