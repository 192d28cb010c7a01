//! Outgoing HTTP requests: pooled connections, redirects, bounds. `bindings::http_client` calls it.
//!
//! Every hop is checked by name here and by address in `dial`.

mod connection;
mod flights;
pub(crate) mod link;
mod place;
mod pool;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use self::connection::{Connection, Http1};
use self::place::{Place, Places};
use self::pool::{IDLE_PER_ORIGIN, Pool, Pools};
use super::body::{Body, Patience, Source, Wire};
use super::decode;
use super::dial::Dialer;
use super::error::Error;
use super::headers::{self, Field, Message};
use super::redirect::{self, Next};
use super::tls::Trust;
use crate::limits::Limits;
use crate::observe::{Observer, Outgoing};
use crate::permissions::{self, NamePass, Scheme, Target};

pub(crate) use self::connection::Content;
pub(crate) use self::flights::{Flights, Landed};
#[cfg(any(test, fuzzing))]
pub(crate) use self::place::uri;

/// Bytes of a method that is looked at before the limits are.
const LONGEST_METHOD: usize = 64;

/// What requests say of their sender unless the script says otherwise.
pub(super) const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Atoll/", env!("CARGO_PKG_VERSION")));

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
    /// For everything, redirects and content included; with `stream` up to the head, and for each piece.
    pub(crate) timeout: Duration,
    /// Bytes of content that the response may have, once decoded.
    pub(crate) max_body_size: u64,
    /// Whether to decode compressed content.
    pub(crate) decompress: bool,
    /// Whether the response is wanted as soon as its head is there.
    pub(crate) stream: bool,
    /// PEM: certificates to trust beside the usual ones.
    pub(crate) authorities: Option<String>,
}

/// One response, its content perhaps still on the wire.
pub(crate) struct Response {
    /// 200 to 599.
    pub(crate) status: u16,
    /// The reason phrase and the fields, names in lower case, as `wit/http-client.wit` packs them.
    pub(crate) head: Vec<u8>,
    /// As they were on the wire, where `head` is not that.
    pub(crate) raw_head: Option<Vec<u8>>,
    /// At most `max_body_size` bytes.
    pub(crate) body: Body,
}

/// Sends requests for one instance.
pub(crate) struct Client {
    dialer: Arc<Dialer>,
    pools: Pools,
    places: Places,
    outgoing: Arc<Semaphore>,
    limits: Arc<Limits>,
    observer: Arc<Observer>,
}

/// What came back, and its fields as they were on the wire, where that is known and another order than hyper's.
type Answer = (http::Response<Content>, Option<Vec<Field>>);

impl Client {
    /// A client that connects through `dialer`.
    pub(crate) fn new(
        dialer: Arc<Dialer>,
        trust: Arc<Trust>,
        outgoing: Arc<Semaphore>,
        limits: Arc<Limits>,
    ) -> Client {
        Client {
            observer: dialer.observer().clone(),
            places: Places::default(),
            pools: Pools::new(dialer.clone(), trust, limits.clone()),
            dialer,
            outgoing,
            limits,
        }
    }

    /// Sends the request and waits for the response's head and the first piece of its content.
    ///
    /// Cancel safety: dropping the future closes the connection; the peer may have seen the request.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, Error> {
        // What is no method may be as long as the guest's memory.
        let known = match request.method.len() {
            0..=LONGEST_METHOD => method(&request.method).ok(),
            _ => None,
        };
        let sent = request.content.len() as u64;
        let mut account = Outgoing::begin(&self.observer, known, &request.url, sent);
        match self.send_within_limits(request, &mut account).await {
            Ok(mut response) => {
                account.answered(response.status);
                response.body.account_to(account);
                Ok(response)
            }
            Err(error) => {
                account.failed(error.code(), || error.to_string(), error.limit_met());
                Err(error)
            }
        }
    }

    async fn send_within_limits(&self, request: Request, account: &mut Outgoing) -> Result<Response, Error> {
        let held = self
            .outgoing
            .clone()
            .try_acquire_owned()
            .map_err(|_| Error::too_many_outgoing(&self.limits))?;
        headers::check_given(&[&request.method, &request.url], &request.headers, &self.limits)?;
        let (timeout, stream, limit) = (request.timeout, request.stream, request.max_body_size);
        let decompress = request.decompress;
        // A time too long for the clock is no bound at all.
        let deadline = Instant::now().checked_add(timeout);
        let exchange = async {
            let (response, order) = self.follow(request, account).await?;
            headers::check(response.headers(), &self.limits)?;
            let (mut head, incoming) = response.into_parts();
            let reason = reason(&head);
            let mut raw_head = order.map(|fields| headers::pack_fields(&reason, &fields));
            let source = if decompress && head.headers.contains_key(header::CONTENT_ENCODING) {
                raw_head = raw_head.or_else(|| Some(headers::pack(&reason, &head.headers)));
                decode::decode(&mut head.headers, incoming)
            } else {
                Source::Response(incoming)
            };
            // Decoded content may have another length, which is not announced any more.
            if announced(&head.headers).is_some_and(|length| length > limit) {
                return Err(Error::BodyTooLarge(limit));
            }
            let patience = if stream {
                Patience::EachPiece(timeout)
            } else {
                Patience::Until(deadline)
            };
            let wire = Wire {
                source,
                limit,
                seen: 0,
                patience,
                account: None,
            };
            let status = head.status.as_u16();
            let head = headers::pack(&reason, &head.headers);
            Ok(Response {
                status,
                raw_head: raw_head.filter(|raw| *raw != head),
                head,
                body: if stream {
                    Body::as_it_comes(wire, Some(held))
                } else {
                    Body::from_wire(wire, Some(held)).await?
                },
            })
        };
        match deadline {
            None => exchange.await,
            Some(deadline) => tokio::time::timeout_at(deadline, exchange)
                .await
                .map_err(|_| Error::Timeout(format!("no whole response within {timeout:?}")))?,
        }
    }

    async fn follow(&self, request: Request, account: &mut Outgoing) -> Result<Answer, Error> {
        let pool = self.pools.get(request.authorities.as_deref())?;
        let mut place = self.places.get(&request.url);
        let mut method = method(&request.method)?;
        let mut fields = headers::to_map(request.headers, Message::Request).map_err(Error::InvalidUrl)?;
        if request.decompress {
            fields.entry(header::ACCEPT_ENCODING).or_insert(decode::ACCEPTED);
        }
        let mut content = request.content;
        for _ in 0..=redirect::MOST {
            let at = place?;
            complete(&mut fields, &method, content.is_empty());
            let (answer, reused) = self.hop(&pool, &at, &method, &fields, &content).await?;
            account.hopped(reused);
            if !request.follow_redirects {
                return Ok(answer);
            }
            let response = &answer.0;
            let Some(next) = redirect::next(&at.url, &method, response.status(), response.headers())? else {
                return Ok(answer);
            };
            redirect::strip(&mut fields, &next);
            let Next {
                url,
                method: its_method,
                keeps_content,
                ..
            } = next;
            if !keeps_content {
                content = Bytes::new();
            }
            account.redirected(&url);
            (place, method) = (Place::of(url).map(Arc::new), its_method);
        }
        Err(Error::TooManyRedirects)
    }

    /// One request and its response, and whether it came over a connection that had answered before.
    async fn hop(
        &self,
        pool: &Pool,
        place: &Place,
        method: &Method,
        fields: &HeaderMap,
        content: &Bytes,
    ) -> Result<(Answer, bool), Error> {
        // For connections that come from the pool, too.
        let pass = self.dialer.check(&place.target).await?;
        let mut tries = IDLE_PER_ORIGIN;
        loop {
            let (kept, connection) = pool.get(&pass).await?;
            let content = Full::new(content.clone());
            let (mut failure, had_answered) = match connection {
                Connection::Http1(mut connection) => {
                    let mut request = place.request(place.form(method), method, fields, content);
                    request
                        .headers_mut()
                        .entry(header::HOST)
                        .or_insert_with(|| place.host.clone());
                    match connection.ask(request).await {
                        Ok(response) => {
                            return Ok(over_http1(connection, pool, &pass, response));
                        }
                        Err(failure) => (failure, connection.notes.have_answer()),
                    }
                }
                Connection::Http2(mut connection) => {
                    let request = place.request(place.uri.clone(), method, fields, content);
                    match connection.sender.try_send_request(request).await {
                        Ok(response) => {
                            let (_, reused) = connection.notes.answered(response.headers());
                            return Ok(((response.map(Content::new), None), reused));
                        }
                        Err(failure) => (failure, connection.notes.have_answer()),
                    }
                }
            };
            // A kept connection that ended before anything of the request was sent.
            let is_unsent = kept && failure.take_message().is_some();
            let error = Error::exchange(&failure.into_error());
            let is_gone = matches!(error, Error::ConnectionReset | Error::ConnectionClosed);
            if tries == 0 || !(is_unsent || is_gone && had_answered && method.is_idempotent()) {
                return Err(error);
            }
            tries -= 1;
        }
    }
}

/// A URL that can be asked for (WHATWG URL), with nothing in it that two readers could read differently.
pub(crate) fn parse(text: &str) -> Result<Url, Error> {
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
pub(crate) fn method(text: &str) -> Result<Method, Error> {
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
    target_of(permissions::REQUEST, url, &[Scheme::Http, Scheme::Https])
}

/// What the permissions are asked about when `action` wants a connection to a URL of one of these schemes.
pub(crate) fn target_of(action: &'static str, url: &Url, schemes: &[Scheme]) -> Result<Target, Error> {
    if !schemes.iter().any(|scheme| scheme.to_string() == url.scheme()) {
        let known: Vec<_> = schemes.iter().map(Scheme::to_string).collect();
        return Err(Error::UnsupportedScheme(format!(
            "{:?}; use {}",
            url.scheme(),
            known.join(" or ")
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::InvalidUrl(
            "a user name in the URL; send an `authorization` header instead".to_owned(),
        ));
    }
    Target::from_url(action, url).map_err(|error| Error::InvalidUrl(error.to_string()))
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

/// Adds what a request has in any case.
fn complete(fields: &mut HeaderMap, method: &Method, is_empty: bool) {
    fields.entry(header::USER_AGENT).or_insert(USER_AGENT);
    fields
        .entry(header::ACCEPT)
        .or_insert(HeaderValue::from_static("*/*"));
    // Methods that stand for content say that there is none (RFC 9110, section 8.6).
    if is_empty && matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    } else {
        fields.remove(header::CONTENT_LENGTH);
    }
}

/// The response that came over a connection, which goes back to its pool behind the content.
fn over_http1(
    connection: Box<Http1>,
    pool: &Pool,
    pass: &NamePass,
    response: http::Response<Incoming>,
) -> (Answer, bool) {
    let (order, reused) = connection.notes.answered(response.headers());
    let target = pass.target().clone();
    let response = response.map(|incoming| Content::over(connection, pool.clone(), target, incoming));
    ((response, order), reused)
}
