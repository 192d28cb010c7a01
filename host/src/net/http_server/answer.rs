//! From a request on the wire to the script, and back: what is refused on the way, and the bounds of each wait.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, Version, header};
use http_body_util::{Either, Full};
use hyper::body::Body as _;
use hyper::service::{HttpService, service_fn};
use tokio::sync::{mpsc, oneshot};

use super::super::error::Error;
use super::super::headers;
use super::super::websocket::{Offer, Pending};
use super::delivery::{Delivered, Deliveries};
use super::outgoing::Outgoing;
use super::{Exchange, Incoming, Reply, Shared, content};
use crate::observe::{Counting, Served};

/// What a script's failure tells its client: nothing.
const SERVER_ERROR: &str = "An error occurred on the server";

/// A response's content: there already, or made while it is sent.
pub(super) type Content = Either<Full<Bytes>, Outgoing>;

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
    /// Responses whose clients answer for each by itself.
    pub(super) deliveries: Deliveries,
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
            deliveries: Deliveries::default(),
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
type Answering = Pin<Box<dyn Future<Output = Result<Response<Counting<Delivered>>, Infallible>> + Send>>;

/// Answers the requests of one connection.
pub(super) fn service(
    visit: Arc<Visit>,
) -> impl HttpService<hyper::body::Incoming, ResBody = Counting<Delivered>, Error = Infallible, Future = Answering>
{
    service_fn(move |request| {
        let visit = visit.clone();
        let answering = async move {
            let _counted = Counted::new(&visit);
            let is_http2 = request.version() == Version::HTTP_2;
            let (head, content) = request.into_parts();
            let mut account = Served::begin(&visit.shared.observer, visit.peer, &head);
            let response = match answer(head, content, &visit, &mut account).await {
                Ok(response) => response,
                Err(refusal) => {
                    visit.refused.store(true, Ordering::Relaxed);
                    account.refused(refusal.status.as_u16(), &refusal.reason, refusal.limit);
                    refusal.into_response()
                }
            };
            let response = response.map(|content| match is_http2 && !content.is_end_stream() {
                true => visit.deliveries.watch(content),
                false => content.into(),
            });
            Ok::<_, Infallible>(account.sends(response))
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
    /// The limit that was met.
    limit: Option<&'static str>,
}

impl Refusal {
    fn new(status: StatusCode, reason: impl Into<String>) -> Refusal {
        Refusal {
            status,
            reason: reason.into(),
            version: None,
            limit: None,
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
            Error::HeadersTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Error::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Timeout(_) => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        };
        Refusal {
            limit: error.limit_met(),
            ..Refusal::new(status, error.to_string())
        }
    }
}

/// The script's response to one request.
async fn answer(
    mut head: http::request::Parts,
    incoming: hyper::body::Incoming,
    visit: &Visit,
    account: &mut Served,
) -> Result<Response<Content>, Refusal> {
    let shared = &visit.shared;
    let mut wire = content::wire(incoming, shared);
    let taken = async {
        let offer = admit(&head, shared)?;
        Ok((offer, content::read(&mut wire, &head.headers, shared).await?))
    };
    let (offer, body) = match taken.await {
        Ok(taken) => taken,
        Err(refusal) => {
            if head.version == Version::HTTP_2 {
                content::let_go(wire);
            }
            return Err(refusal);
        }
    };
    let is_head = head.method == Method::HEAD;
    let is_http2 = head.version == Version::HTTP_2;
    let target = target(&mut head);
    let (reply, replied) = oneshot::channel();
    let incoming = Incoming {
        exchange: Exchange {
            reply,
            offer,
            is_shared: is_http2,
            limits: shared.limits.clone(),
            handling: account.queued(wire.seen),
            observer: shared.observer.clone(),
            peer: visit.peer,
        },
        method: head.method,
        target,
        headers: head.headers,
        body,
        peer: visit.peer,
    };
    let handled = async {
        visit.sender.send(incoming).await.ok()?;
        replied.await.ok()
    };
    match tokio::time::timeout(shared.options.timeout, handled).await {
        Ok(Some(Reply::Response(response))) if is_http2 => Ok(without_content(response, is_head)),
        Ok(Some(Reply::Response(response))) => Ok(response),
        Ok(Some(Reply::Upgrade(response, pending))) => {
            *visit.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
            Ok(response.map(|()| Either::Left(Full::default())))
        }
        Ok(None) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            account.refused(status.as_u16(), "the script gave no answer", None);
            Ok(plain(status, SERVER_ERROR))
        }
        Err(_) => Err(Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the handler did not answer in time",
        )),
    }
}

/// Whether the request may go on to the script, and the WebSocket that it asks for.
fn admit(head: &http::request::Parts, shared: &Shared) -> Result<Option<Offer>, Refusal> {
    headers::check(&head.headers, &shared.limits)?;
    match Offer::of(head).filter(|_| shared.options.websockets) {
        None => Ok(None),
        Some(Ok(offer)) => Ok(Some(offer)),
        Some(Err(bad)) => Err(Refusal {
            status: bad.status,
            reason: bad.reason,
            version: bad.version,
            limit: None,
        }),
    }
}

/// Leaves out the content that a response may not have (RFC 9110, section 6.4.1). hyper does so over HTTP/1.1 only.
fn without_content(mut response: Response<Content>, is_head: bool) -> Response<Content> {
    let bare = matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    );
    if !is_head && !bare {
        return response;
    }
    // What a GET would have said.
    if is_head
        && !bare
        && let Some(length) = response.body().size_hint().exact()
    {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
    }
    response.map(|_| Either::Left(Full::default()))
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
