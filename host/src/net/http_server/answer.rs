//! From a request on the wire to the script, and back: what is refused on the way, and the bounds of each wait.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{Channel, Either, Full};
use hyper::body::Body as _;
use hyper::service::{HttpService, service_fn};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::super::body::{Body, Held, Patience, Source, Wire};
use super::super::error::Error;
use super::super::websocket::{Offer, Pending};
use super::super::{headers, http_client};
use super::{Exchange, Incoming, Reply, Shared};

/// What a script's failure tells its client: nothing.
const SERVER_ERROR: &str = "An error occurred on the server";

/// A response's content: there already, or made while it is sent.
pub(super) type Content = Either<Full<Bytes>, Channel<Bytes, Error>>;

/// One connection as its requests see it.
pub(super) struct Visit {
    /// Who is there.
    pub(super) peer: IpAddr,
    /// The server's.
    pub(super) shared: Arc<Shared>,
    sender: mpsc::Sender<Incoming>,
    /// A request was refused, and its client may not have stopped sending.
    refused: AtomicBool,
    /// What the connection becomes once HTTP is over.
    upgrade: Mutex<Option<Pending>>,
    /// Requests that came, and those that were answered.
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Visit {
    pub(super) fn new(peer: IpAddr, shared: Arc<Shared>, sender: mpsc::Sender<Incoming>) -> Visit {
        Visit {
            peer,
            shared,
            sender,
            refused: AtomicBool::new(false),
            upgrade: Mutex::new(None),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }

    pub(super) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// What the connection is to become, if the script agreed to it.
    pub(super) fn upgraded(&self) -> Option<Pending> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How many requests came, and whether none is under way.
    pub(super) fn requests(&self) -> (u64, bool) {
        let begun = self.begun.load(Ordering::Relaxed);
        (begun, begun == self.ended.load(Ordering::Relaxed))
    }
}

/// A request under way; its client may give it up at any point.
struct Counted<'a>(&'a Visit);

impl<'a> Counted<'a> {
    fn new(visit: &'a Visit) -> Counted<'a> {
        visit.begun.fetch_add(1, Ordering::Relaxed);
        Counted(visit)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A response on its way. Boxed, so that the connection is not pinned and gives its stream back.
type Answering = Pin<Box<dyn Future<Output = Result<Response<Content>, Infallible>> + Send>>;

/// Answers the requests of one connection.
pub(super) fn service(
    visit: Arc<Visit>,
) -> impl HttpService<hyper::body::Incoming, ResBody = Content, Error = Infallible, Future = Answering> {
    service_fn(move |request| {
        let visit = visit.clone();
        let answering = async move {
            let _counted = Counted::new(&visit);
            Ok::<_, Infallible>(answer(request, &visit).await.unwrap_or_else(|refusal| {
                visit.refused.store(true, Ordering::Relaxed);
                refusal.into_response()
            }))
        };
        Box::pin(answering) as Answering
    })
}

/// A request that does not reach the script.
struct Refusal {
    status: StatusCode,
    reason: String,
    /// The WebSocket versions that are spoken, where that is the matter.
    version: Option<HeaderValue>,
}

impl Refusal {
    fn new(status: StatusCode, reason: impl Into<String>) -> Refusal {
        Refusal {
            status,
            reason: reason.into(),
            version: None,
        }
    }

    fn into_response(self) -> Response<Content> {
        let mut response = plain(self.status, &self.reason);
        if let Some(version) = self.version {
            response
                .headers_mut()
                .insert(header::SEC_WEBSOCKET_VERSION, version);
        }
        response
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
    visit: &Visit,
) -> Result<Response<Content>, Refusal> {
    let shared = &visit.shared;
    let (mut head, incoming) = request.into_parts();
    headers::check(&head.headers, &shared.limits)?;
    let offer = match Offer::of(&head).filter(|_| shared.options.websockets) {
        None => None,
        Some(Ok(offer)) => Some(offer),
        Some(Err(bad)) => {
            return Err(Refusal {
                status: bad.status,
                reason: bad.reason,
                version: bad.version,
            });
        }
    };
    let body = content(incoming, &head.headers, shared).await?;
    let target = target(&mut head);
    let (reply, replied) = oneshot::channel();
    let incoming = Incoming {
        exchange: Exchange {
            reply,
            offer,
            limits: shared.limits.clone(),
        },
        method: head.method.as_str().to_owned(),
        target,
        headers: headers::from_map(&head.headers),
        body,
        peer: visit.peer,
    };
    let handled = async {
        visit.sender.send(incoming).await.ok()?;
        replied.await.ok()
    };
    match tokio::time::timeout(shared.options.timeout, handled).await {
        Ok(Some(Reply::Response(response))) => Ok(response),
        Ok(Some(Reply::Upgrade(response, pending))) => {
            *visit.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
            Ok(response.map(|()| Either::Left(Full::default())))
        }
        Ok(None) => Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR)),
        Err(_) => Err(Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the handler did not answer in time",
        )),
    }
}

/// The request-target as HTTP/1.1 would have it. HTTP/2 takes it apart (RFC 9113, section 8.3.1): its authority is
/// what `host` says elsewhere.
fn target(head: &mut http::request::Parts) -> String {
    if head.version != Version::HTTP_2 {
        return head.uri.to_string();
    }
    if let Some(authority) = head.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        head.headers.entry(header::HOST).or_insert(host);
    }
    match head.uri.path_and_query() {
        Some(path) => path.to_string(),
        None => head.uri.to_string(),
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
            source: Source::Plain(Box::pin(incoming)),
            limit,
            seen: 0,
            patience: Patience::Until(deadline),
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
fn plain(status: StatusCode, text: &str) -> Response<Content> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::copy_from_slice(text.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain"),
    );
    response
}
