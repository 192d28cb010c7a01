//! One connection: hyper reads its requests, the script answers them, and every wait has a bound.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;

use super::super::body::{Body, Held, Wire};
use super::super::error::Error;
use super::super::{headers, http_client};
use super::{Exchange, Incoming, Reply, Shared};

/// What a script's failure tells its client: nothing.
const SERVER_ERROR: &str = "An error occurred on the server";

/// Bytes of a head beyond the limit that are still read, to answer it with a reason and not a bare status.
const HEAD_SLACK: usize = 48 << 10;

/// Why a slow head is refused.
const SLOW_HEAD: &str = "timeout: the request's head was not whole in time";

/// How long a refused client may go on sending before the connection is closed on it.
const LINGER: Duration = Duration::from_secs(1);

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    shared: Arc<Shared>,
    sender: mpsc::Sender<Incoming>,
) {
    let refused = Arc::new(AtomicBool::new(false));
    let answer = {
        let (shared, refused) = (shared.clone(), refused.clone());
        service_fn(move |request| {
            let (shared, sender, refused) = (shared.clone(), sender.clone(), refused.clone());
            // Boxed, as only a connection that is not pinned gives its stream back.
            Box::pin(async move {
                Ok::<_, Infallible>(match answer(request, peer, &shared, &sender).await {
                    Ok(response) => response,
                    Err(Refusal { status, reason }) => {
                        refused.store(true, Ordering::Relaxed);
                        plain(status, &reason)
                    }
                })
            })
        })
    };
    let head = usize::try_from(shared.limits.header_bytes).unwrap_or(usize::MAX);
    // A client that does not read its response may not keep the connection for ever.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(shared.options.timeout));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.options.timeout)
        .max_buf_size(head.saturating_add(HEAD_SLACK))
        .max_headers((shared.limits.header_fields as usize).saturating_mul(4))
        .half_close(true)
        .serve_connection(TokioIo::new(Box::pin(stream)), answer);
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
    let mut stream = parts.io.into_inner();
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection");
        // A client that was slow gets an answer; one that was only idle is let go without a word.
        if error.is_timeout() && !parts.read_buf.is_empty() {
            let reply = format!(
                "HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{SLOW_HEAD}",
                SLOW_HEAD.len()
            );
            // The client may be gone: then nobody reads it.
            drop(stream.write_all(reply.as_bytes()).await);
        }
    }
    drop(stream.shutdown().await);
    if refused.load(Ordering::Relaxed) {
        linger(stream).await;
    }
}

/// Reads what a refused client still sends: a close with unread bytes would reset the connection, and the
/// refusal could be lost on its way (RFC 9112, section 9.6).
async fn linger(mut stream: Pin<Box<TimeoutStream<TcpStream>>>) {
    let mut sink = vec![0; 16 << 10];
    let unread = async { while matches!(stream.read(&mut sink).await, Ok(count) if count > 0) {} };
    drop(tokio::time::timeout(LINGER, unread).await);
}

/// A request that does not reach the script.
struct Refusal {
    status: StatusCode,
    reason: String,
}

impl Refusal {
    fn new(status: StatusCode, reason: impl Into<String>) -> Refusal {
        Refusal {
            status,
            reason: reason.into(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let status = match &error {
            Error::HeadersTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Error::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Timeout(_) => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        };
        Refusal::new(status, error.to_string())
    }
}

/// The script's response to one request.
async fn answer(
    request: Request<hyper::body::Incoming>,
    peer: IpAddr,
    shared: &Shared,
    sender: &mpsc::Sender<Incoming>,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let (head, incoming) = request.into_parts();
    headers::check(&head.headers, &shared.limits)?;
    let body = content(incoming, &head.headers, shared).await?;
    let (reply, replied) = oneshot::channel();
    let incoming = Incoming {
        exchange: Exchange(reply),
        method: head.method.as_str().to_owned(),
        target: head.uri.to_string(),
        headers: headers::from_map(&head.headers),
        body,
        peer,
    };
    let handled = async {
        sender.send(incoming).await.ok()?;
        replied.await.ok()
    };
    match tokio::time::timeout(shared.options.timeout, handled).await {
        Ok(Some(reply)) => Ok(reply.into()),
        Ok(None) => Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR)),
        Err(_) => Err(Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the handler did not answer in time",
        )),
    }
}

/// Reads a request's content, within its own bounds and those of all content that waits for the script.
async fn content(
    incoming: hyper::body::Incoming,
    headers: &http::HeaderMap,
    shared: &Shared,
) -> Result<Body, Error> {
    let limit = shared.options.max_body_size;
    if http_client::announced(headers).is_some_and(|length| length > limit) {
        return Err(Error::BodyTooLarge(limit));
    }
    let mut content = BytesMut::new();
    let mut held = None;
    if !incoming.is_end_stream() {
        let deadline = Instant::now().checked_add(shared.options.timeout);
        let mut wire = Wire {
            incoming: Box::pin(incoming),
            limit,
            seen: 0,
            deadline,
        };
        while let Some(data) = wire.next().await? {
            hold(&mut held, content.len() + data.len(), deadline, shared).await?;
            content.extend_from_slice(&data);
        }
    }
    Ok(Body::from_bytes(content, held))
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

/// A response of the host's own, with a short reason.
fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain"),
    );
    response
}

impl From<Reply> for Response<Full<Bytes>> {
    fn from(reply: Reply) -> Self {
        let mut response = Response::new(Full::new(reply.content));
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        response
    }
}
