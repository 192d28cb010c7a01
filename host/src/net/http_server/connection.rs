//! One connection: TLS where the server speaks it, then HTTP, and what is left to say when it ends.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

use super::super::error::HEADER_BYTES;
use super::super::stream::Stream;
use super::answer::{self, Visit};
use super::http2;
use crate::observe::HTTP;

/// Bytes of a head beyond the limit that are still read, to answer it with a reason and not a bare status.
pub(super) const HEAD_SLACK: u32 = 48 << 10;

/// Why a slow head is refused.
const SLOW_HEAD: &str = "timeout: the request's head was not whole in time";

/// How long a refused client may go on sending before the connection is closed on it.
const LINGER: Duration = Duration::from_secs(1);

/// A connection's bytes. A client that does not take its response may not keep the connection for ever.
pub(super) type Io = Pin<Box<TimeoutStream<Stream>>>;

/// Serves one connection to its end; `places` are those that it takes as long as it lasts.
pub(super) async fn serve(stream: TcpStream, visit: Visit, places: impl Send + 'static) {
    let visit = Arc::new(visit);
    let shared = visit.shared.clone();
    let timeout = shared.options.timeout;
    let stream = match &shared.tls {
        None => Stream::Plain(stream),
        Some(tls) => {
            let handshake = shared.closing.run_until_cancelled(tls.shake_hands(stream));
            match tokio::time::timeout(timeout, handshake).await {
                Ok(Some(Ok(stream))) => stream,
                Ok(Some(Err(error))) => {
                    tracing::debug!(target: HTTP, peer = %visit.peer, error = error.to_string(), "TLS handshake");
                    return;
                }
                Ok(None) | Err(_) => return,
            }
        }
    };
    let is_http2 = stream.speaks_h2();
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(timeout));
    // Pinned on the heap, as only a connection that is not pinned itself gives its stream back.
    let io = Box::pin(stream);
    if is_http2 {
        http2::serve(io, visit).await;
    } else {
        serve_http1(io, visit, places).await;
    }
}

async fn serve_http1(io: Io, visit: Arc<Visit>, places: impl Send + 'static) {
    let shared = visit.shared.clone();
    let head = usize::try_from(shared.limits.header_bytes).unwrap_or(usize::MAX);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.options.timeout)
        .max_buf_size(head.saturating_add(HEAD_SLACK as usize))
        .max_headers((shared.limits.header_fields as usize).saturating_mul(4))
        .half_close(true)
        .serve_connection(TokioIo::new(io), answer::service(visit.clone()));
    let mut closing = pin!(shared.closing.cancelled());
    let mut told = false;
    let ended = loop {
        tokio::select! {
            () = shared.aborting.cancelled() => return,
            () = &mut closing, if !told => {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            ended = &mut connection => break ended,
        }
    };
    let parts = connection.into_parts();
    let mut io = parts.io.into_inner();
    if let Some(pending) = visit.upgraded() {
        // A task of its own: this one is made for HTTP and holds more than an idle WebSocket needs.
        let signals = shared.signals();
        shared.tasks.spawn(async move {
            pending.run(io, parts.read_buf, Some(signals)).await;
            drop(places);
        });
        return;
    }
    if let Err(error) = ended {
        tracing::debug!(target: HTTP, peer = %visit.peer, error = error.to_string(), "connection");
        if let Some(status) = answered_by_hyper(&error) {
            shared
                .observer
                .unread_request(visit.peer, status, &error.to_string());
            if status == 431 {
                shared.observer.limit_hit(HEADER_BYTES);
            }
        }
        // A client that was slow gets an answer; one that was only idle is let go without a word.
        if error.is_timeout() && !parts.read_buf.is_empty() {
            let reply = format!(
                "HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{SLOW_HEAD}",
                SLOW_HEAD.len()
            );
            // The client may be gone: then nobody reads it.
            drop(io.write_all(reply.as_bytes()).await);
            shared.observer.unread_request(visit.peer, 408, SLOW_HEAD);
        }
    }
    drop(io.shutdown().await);
    if visit.was_refused() {
        linger(io).await;
    }
}

/// The status that hyper has answered with, where it could not read a request's head.
fn answered_by_hyper(error: &hyper::Error) -> Option<u16> {
    if error.is_parse_too_large() {
        return Some(431);
    }
    if !error.is_parse() || error.is_parse_version_h2() {
        return None;
    }
    // It has no name for this one.
    Some(if error.to_string() == "URI too long" {
        414
    } else {
        400
    })
}

/// Reads what a refused client still sends: a close with unread bytes would reset the connection, and the
/// refusal could be lost on its way (RFC 9112, section 9.6).
async fn linger(mut io: Io) {
    let mut sink = vec![0; 16 << 10];
    let unread = async { while matches!(io.read(&mut sink).await, Ok(count) if count > 0) {} };
    drop(tokio::time::timeout(LINGER, unread).await);
}
