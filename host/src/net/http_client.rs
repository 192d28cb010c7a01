//! Outgoing HTTP requests: pooled connections, redirects, bounds. `bindings::http_client` calls it.
//!
//! Every hop is checked by name here and by address in `dial`; the pool belongs to one instance, whose
//! permissions never change, so a connection in it was granted to the very URLs that may reuse it.

mod kept;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use self::kept::Kept;
use super::body::{Body, Wire};
use super::dial::Dialer;
use super::error::Error;
use super::headers::{self, Field, Message};
use super::redirect;
use crate::limits::Limits;
use crate::permissions::Target;

/// What `PermissionDenied` names as the refused action.
const ACTION: &str = "net.request";

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);

/// Unused connections kept for one origin.
const IDLE_PER_ORIGIN: usize = 8;

/// One request, as the guest asks for it.
pub(crate) struct Request {
    /// A token.
    pub(crate) method: String,
    /// An absolute URL.
    pub(crate) url: String,
    /// Without those that are the host's to set.
    pub(crate) headers: Vec<Field>,
    /// Sent whole.
    pub(crate) content: Bytes,
    /// At most ten.
    pub(crate) follow_redirects: bool,
    /// For everything, redirects and content included.
    pub(crate) timeout: Duration,
    /// Bytes of content that the response may have.
    pub(crate) max_body_size: u64,
}

/// One response, its content perhaps still on the wire.
pub(crate) struct Response {
    /// 200 to 599.
    pub(crate) status: u16,
    /// The reason phrase.
    pub(crate) reason: String,
    /// Names in lower case.
    pub(crate) headers: Vec<Field>,
    /// At most `max_body_size` bytes.
    pub(crate) body: Body,
}

/// Sends requests for one instance.
pub(crate) struct Client {
    dialer: Arc<Dialer>,
    pool: legacy::Client<Connector, Full<Bytes>>,
    kept: Kept,
    outgoing: Arc<Semaphore>,
    limits: Arc<Limits>,
}

impl Client {
    /// A client that connects through `dialer`.
    pub(crate) fn new(dialer: Dialer, limits: Arc<Limits>) -> Client {
        let dialer = Arc::new(dialer);
        let head = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_ORIGIN)
            .http1_max_buf_size(head.max(64 << 10))
            .http1_max_headers(limits.header_fields as usize)
            .build(Connector {
                dialer: dialer.clone(),
            });
        Client {
            dialer,
            pool,
            kept: Kept::default(),
            outgoing: Arc::new(Semaphore::new(limits.outgoing as usize)),
            limits,
        }
    }

    /// Sends the request and waits for the response's head and the first piece of its content.
    ///
    /// Cancel safety: dropping the future closes the connection; the peer may have seen the request.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, Error> {
        let held = self.outgoing.clone().try_acquire_owned().map_err(|_| {
            Error::limit(
                "outgoing",
                self.limits.outgoing,
                "too many requests are under way",
            )
        })?;
        let timeout = request.timeout;
        // A time too long for the clock is no bound at all.
        let deadline = Instant::now().checked_add(timeout);
        let max_body_size = request.max_body_size;
        let exchange = async {
            let response = self.follow(request).await?;
            headers::check(response.headers(), &self.limits)?;
            let (head, incoming) = response.into_parts();
            if announced(&head.headers).is_some_and(|length| length > max_body_size) {
                return Err(Error::BodyTooLarge(max_body_size));
            }
            let wire = Wire {
                incoming: Box::pin(incoming),
                limit: max_body_size,
                seen: 0,
                deadline,
            };
            Ok(Response {
                status: head.status.as_u16(),
                reason: reason(&head),
                headers: headers::from_map(&head.headers),
                body: Body::from_wire(wire, Some(held)).await?,
            })
        };
        match deadline {
            None => exchange.await,
            Some(deadline) => tokio::time::timeout_at(deadline, exchange)
                .await
                .map_err(|_| Error::Timeout(format!("no whole response within {timeout:?}")))?,
        }
    }

    async fn follow(&self, request: Request) -> Result<http::Response<Incoming>, Error> {
        let mut url = parse(&request.url)?;
        let mut method = method(&request.method)?;
        let mut fields = headers::to_map(request.headers, Message::Request).map_err(Error::InvalidUrl)?;
        let mut content = request.content;
        for _ in 0..=redirect::MOST {
            let response = self.hop(&url, &method, &fields, &content).await?;
            if !request.follow_redirects {
                return Ok(response);
            }
            let Some(next) = redirect::next(&url, &method, response.status(), response.headers())? else {
                return Ok(response);
            };
            redirect::strip(&mut fields, &next);
            if !next.keeps_content {
                content = Bytes::new();
            }
            (url, method) = (next.url, next.method);
        }
        Err(Error::TooManyRedirects)
    }

    async fn hop(
        &self,
        url: &Url,
        method: &Method,
        fields: &HeaderMap,
        content: &Bytes,
    ) -> Result<http::Response<Incoming>, Error> {
        let target = target(url)?;
        // Once more when a connection is opened: this one is for those that come from the pool.
        self.dialer.check(&target)?;
        let mut request = http::Request::new(Full::new(content.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri(url)?;
        *request.headers_mut() = fields.clone();
        let own = request.headers_mut();
        own.entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!(
                "Atoll/",
                env!("CARGO_PKG_VERSION")
            )));
        own.entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        // Methods that stand for content say that there is none (RFC 9110, section 8.6).
        if content.is_empty() && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
            own.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut tries = if method.is_idempotent() {
            IDLE_PER_ORIGIN
        } else {
            0
        };
        loop {
            let failure = match self.pool.request(request.clone()).await {
                Ok(response) => {
                    self.kept.answered(response.extensions());
                    return Ok(response);
                }
                Err(failure) => failure,
            };
            match Error::exchange(&failure) {
                Error::ConnectionReset | Error::ConnectionClosed
                    if tries > 0 && self.kept.carried(&failure) =>
                {
                    tries -= 1;
                }
                error => return Err(error),
            }
        }
    }
}

/// A URL that can be asked for (WHATWG URL), with nothing in it that two readers could read differently.
fn parse(text: &str) -> Result<Url, Error> {
    if let Some(odd) = text.chars().find(|c| c.is_control() || matches!(c, ' ' | '\\')) {
        return Err(Error::InvalidUrl(format!(
            "{odd:?} in {text:?}; percent-encode it"
        )));
    }
    Url::parse(text).map_err(|error| {
        let problem = match error {
            url::ParseError::EmptyHost => "missing host".to_owned(),
            other => other.to_string(),
        };
        Error::InvalidUrl(format!("{problem} in {text:?}"))
    })
}

/// The method, in capitals where it is one of those that everybody means so (WHATWG Fetch, "normalize a method").
fn method(text: &str) -> Result<Method, Error> {
    const NORMALIZED: [Method; 6] = [
        Method::DELETE,
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::POST,
        Method::PUT,
    ];
    if let Some(method) = NORMALIZED
        .into_iter()
        .find(|method| method.as_str().eq_ignore_ascii_case(text))
    {
        return Ok(method);
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| Error::InvalidUrl(format!("{text:?} is no method")))
}

/// What the permissions are asked about.
fn target(url: &Url) -> Result<Target, Error> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::InvalidUrl(
            "a user name in the URL; send an `authorization` header instead".to_owned(),
        ));
    }
    match url.scheme() {
        "http" => Target::from_url(ACTION, url).map_err(|error| Error::InvalidUrl(error.to_string())),
        "https" => Err(Error::UnsupportedScheme(
            "https is not supported by this version".to_owned(),
        )),
        other => Err(Error::UnsupportedScheme(format!("{other:?}; use http"))),
    }
}

fn uri(url: &Url) -> Result<Uri, Error> {
    let mut bare = url.clone();
    bare.set_fragment(None);
    bare.as_str()
        .parse()
        .map_err(|error| Error::InvalidUrl(format!("{error} in {:?}", bare.as_str())))
}

/// The length that the message says its content has.
pub(super) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The reason phrase: hyper keeps it only where it is not the usual one.
fn reason(head: &http::response::Parts) -> String {
    match head.extensions.get::<hyper::ext::ReasonPhrase>() {
        Some(phrase) => String::from_utf8_lossy(phrase.as_bytes()).into_owned(),
        None => StatusCode::canonical_reason(&head.status)
            .unwrap_or_default()
            .to_owned(),
    }
}

/// Opens the pool's connections through the dialer.
#[derive(Clone)]
struct Connector {
    dialer: Arc<Dialer>,
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.dialer.clone();
        Box::pin(async move {
            let url = parse(&uri.to_string())?;
            Ok(TokioIo::new(dialer.dial(&target(&url)?).await?))
        })
    }
}
