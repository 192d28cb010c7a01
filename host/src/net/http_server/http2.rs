//! One HTTP/2 connection (RFC 9113): many requests at once, each answered as on any other connection.

use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::answer::{self, Visit};
use super::connection::{HEAD_SLACK, Io};
use crate::observe::HTTP;

/// Requests that one connection may have under way.
const STREAMS: u32 = 100;

/// Bytes of content that one request, and one connection, may send ahead of being read.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// Serves the connection to its end. One without requests is let go after `timeout`, as with HTTP/1.1, and one whose
/// client takes nothing of a response for so long (or for up to twice as long) as well.
pub(super) async fn serve(io: Io, visit: Arc<Visit>) {
    let shared = visit.shared.clone();
    let timeout = shared.options.timeout;
    let head = u32::try_from(shared.limits.header_bytes).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(head.saturating_add(HEAD_SLACK))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        // A peer that vanished is found out.
        .keep_alive_interval(timeout)
        .keep_alive_timeout(timeout)
        .serve_connection(TokioIo::new(io), answer::service(visit.clone()));
    let mut connection = pin!(connection);
    let mut closing = pin!(shared.closing.cancelled());
    let mut told = false;
    let mut seen = 0;
    loop {
        tokio::select! {
            () = shared.aborting.cancelled() => return,
            () = &mut closing, if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(timeout) => {
                if visit.deliveries.any_stalled() {
                    tracing::debug!(target: HTTP, peer = %visit.peer, "the client does not take its responses");
                    return;
                }
                let (begun, is_idle) = visit.requests();
                if !told && is_idle && begun == seen {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                }
                seen = begun;
            }
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(target: HTTP, peer = %visit.peer, error = error.to_string(), "connection");
                }
                return;
            }
        }
    }
}
