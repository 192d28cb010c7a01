//! Outgoing HTTP requests, by `wasi:http/outgoing-handler`: the host decides where to.
//!
//! Content that comes compressed is decoded here (`decode`), as no host does it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Poll, Waker};

use futures_util::future::{Either, select};
use url::Url;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{IncomingResponse, Method, OutgoingRequest, RequestOptions, Scheme};

use super::body::{self, IncomingBody, Patience};
use super::redirect::{self, Hop};
use super::types::{Body, ErrorCode, Header};
use super::{app, decode, executor, fields, timer, words};
use crate::net::head::Head;

/// Nanoseconds that the host has beyond the script's time, so that it is the script's that is told.
const GRACE: u64 = 1_000_000_000;

/// A request under way.
type Flight = Pin<Box<dyn Future<Output = Result<Response, ErrorCode>>>>;

thread_local! {
    /// The requests under way, by their numbers.
    static FLIGHTS: RefCell<BTreeMap<u64, Flight>> = const { RefCell::new(BTreeMap::new()) };
    /// The number of the last one.
    static LAST: Cell<u64> = const { Cell::new(0) };
    /// Who waits for outcomes.
    static WAITING: Cell<Option<Waker>> = const { Cell::new(None) };
}

/// How a request came out.
pub(crate) struct Outcome {
    /// Its number.
    pub(crate) number: u64,
    /// Its response, or why there is none.
    pub(crate) response: Result<Response, ErrorCode>,
}

/// One request, as the script asks for it.
#[derive(Clone)]
pub(crate) struct Request {
    /// A token.
    pub(crate) method: String,
    /// An absolute URL.
    pub(crate) url: String,
    /// The script's fields.
    pub(crate) headers: Vec<Header>,
    /// Sent whole.
    pub(crate) content: Vec<u8>,
    /// At most ten.
    pub(crate) follow_redirects: bool,
    /// Nanoseconds for everything; with `stream` up to the head, and for each piece.
    pub(crate) timeout: u64,
    /// Bytes of content that the response may have.
    pub(crate) max_body_size: u64,
    /// Whether the script wants content that is decoded.
    pub(crate) decompress: bool,
    /// Whether the response is wanted as soon as its head is there.
    pub(crate) stream: bool,
    /// PEM: certificates to trust beside the usual ones.
    pub(crate) authorities: Option<String>,
}

/// One response.
pub(crate) struct Response {
    /// 100 to 599.
    pub(crate) status: u16,
    /// The reason phrase, which is always empty as WASI does not say, and the fields.
    pub(crate) head: Vec<u8>,
    /// As it came, where content was decoded.
    pub(crate) raw_head: Option<Vec<u8>>,
    /// Read until its end.
    pub(crate) body: Body,
}

/// Begins a request and returns its number.
pub(crate) fn begin(request: &Request) -> u64 {
    let number = LAST.get() + 1;
    LAST.set(number);
    let flight = Box::pin(send(request.clone()));
    FLIGHTS.with_borrow_mut(|flights| flights.insert(number, flight));
    if let Some(waiting) = WAITING.take() {
        waiting.wake();
    }
    number
}

/// Gives a request up.
pub(crate) fn give_up(number: u64) {
    // Dropped outside of the borrow: it calls the host.
    drop(FLIGHTS.with_borrow_mut(|flights| flights.remove(&number)));
}

/// Waits for requests to come out, and takes those that have.
pub(crate) async fn outcomes(max: u32) -> Vec<Outcome> {
    poll_fn(|context| {
        let mut out = Vec::new();
        FLIGHTS.with_borrow_mut(|flights| {
            flights.retain(|&number, flight| {
                if out.len() >= max as usize {
                    return true;
                }
                let Poll::Ready(response) = flight.as_mut().poll(context) else {
                    return true;
                };
                out.push(Outcome { number, response });
                false
            });
        });
        if out.is_empty() {
            WAITING.set(Some(context.waker().clone()));
            return Poll::Pending;
        }
        Poll::Ready(out)
    })
    .await
}

/// Sends the request and waits for the response's head.
async fn send(request: Request) -> Result<Response, ErrorCode> {
    if app::is_building() {
        return Err(ErrorCode::NotSupported(
            "net.request does not work while the component is built; call it in the request handler"
                .to_owned(),
        ));
    }
    if request.authorities.is_some() {
        return Err(ErrorCode::NotSupported(
            "net.request: the field 'tls'; whom to trust is the host's to say".to_owned(),
        ));
    }
    let timeout = request.timeout;
    let deadline = timer::ahead(timeout);
    let exchange = pin!(follow(request, deadline));
    let Some(end) = deadline else {
        return exchange.await;
    };
    match select(exchange, pin!(timer::sleep_until(end))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Err(ErrorCode::Timeout(format!(
            "no whole response within {:?}",
            std::time::Duration::from_nanos(timeout)
        ))),
    }
}

async fn follow(request: Request, deadline: Option<u64>) -> Result<Response, ErrorCode> {
    let mut hop = Hop {
        url: parse(&request.url)?,
        method: request.method,
        headers: request.headers,
        content: request.content,
    };
    for _ in 0..=redirect::MOST {
        let response = exchange(&hop, request.timeout, request.decompress).await?;
        let (status, mut headers) = (response.status(), fields::to_headers(&response.headers()));
        if request.follow_redirects && hop.follow(status, &headers)? {
            continue;
        }
        let wire = headers.clone();
        let codings = match request.decompress && has_content(&hop.method, status, &headers) {
            true => decode::take(&mut headers),
            false => Vec::new(),
        };
        let announced = crate::net::stated_length(&headers);
        if announced.is_some_and(|length| length > request.max_body_size) {
            return Err(body::too_large(request.max_body_size));
        }
        let patience = match request.stream {
            true => Patience::EachPiece(request.timeout),
            false => Patience::Until(deadline),
        };
        let content = response
            .consume()
            .map_err(|()| ErrorCode::InvalidResponse("the host gave away the content".to_owned()))?;
        return Ok(Response {
            status,
            raw_head: (wire != headers).then(|| pack(&wire)),
            head: pack(&headers),
            body: Body::Pieces(IncomingBody::new(
                content,
                codings,
                request.max_body_size,
                patience,
            )?),
        });
    }
    Err(ErrorCode::TooManyRedirects)
}

/// Whether a response may have content: none is never compressed, whatever its fields say.
fn has_content(method: &str, status: u16, headers: &[Header]) -> bool {
    let is_bare = method.eq_ignore_ascii_case("HEAD") || matches!(status, 204 | 304);
    !is_bare && crate::net::stated_length(headers) != Some(0)
}

fn pack(fields: &[Header]) -> Vec<u8> {
    let fields = fields
        .iter()
        .flat_map(|field| [field.name.as_bytes(), &field.value]);
    Head::pack(std::iter::once(&b""[..]).chain(fields)).into_packed()
}

/// One request and the head of its response.
async fn exchange(hop: &Hop, timeout: u64, decompress: bool) -> Result<IncomingResponse, ErrorCode> {
    let refused =
        |part: &str| ErrorCode::InvalidUrl(format!("the host does not take the {part} of {}", hop.url));
    let has_length = !hop.content.is_empty() || matches!(hop.method.as_str(), "POST" | "PUT" | "PATCH");
    let length = Some(hop.content.len()).filter(|_| has_length);
    let headers = fields::of_request(&hop.headers, length, decompress).map_err(ErrorCode::InvalidUrl)?;
    let request = OutgoingRequest::new(headers);
    request
        .set_method(&method(&hop.method))
        .map_err(|()| refused("method"))?;
    let scheme = match hop.url.scheme() {
        "https" => Scheme::Https,
        _ => Scheme::Http,
    };
    request
        .set_scheme(Some(&scheme))
        .map_err(|()| refused("scheme"))?;
    request
        .set_authority(Some(hop.url.authority()))
        .map_err(|()| refused("authority"))?;
    let path = match hop.url.query() {
        Some(query) => format!("{}?{query}", hop.url.path()),
        None => hop.url.path().to_owned(),
    };
    request
        .set_path_with_query(Some(&path))
        .map_err(|()| refused("path"))?;
    let content = request.body().map_err(|()| refused("content"))?;
    let failed = |error| words::of(hop.url.as_str(), error);
    let coming = outgoing_handler::handle(request, Some(options(timeout))).map_err(failed)?;
    // Where the peer has gone, or answers without listening, the response says so.
    let _ = body::send(content, &hop.content).await;
    executor::ready(coming.subscribe()).await;
    match coming.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(error))) => Err(failed(error)),
        Some(Err(())) | None => Err(ErrorCode::ConnectionClosed),
    }
}

/// The time, for hosts that keep one of their own: not every host takes each.
fn options(timeout: u64) -> RequestOptions {
    let options = RequestOptions::new();
    let timeout = timeout.saturating_add(GRACE);
    let _ = options.set_connect_timeout(Some(timeout));
    let _ = options.set_first_byte_timeout(Some(timeout));
    let _ = options.set_between_bytes_timeout(Some(timeout));
    options
}

/// A URL that can be asked for, with nothing in it that two readers could read differently.
fn parse(text: &str) -> Result<Url, ErrorCode> {
    if let Some(odd) = text.chars().find(|c| c.is_control() || matches!(c, ' ' | '\\')) {
        return Err(ErrorCode::InvalidUrl(format!(
            "{odd:?} in {text:?}; percent-encode it"
        )));
    }
    let url = Url::parse(text).map_err(|error| {
        let problem = match error {
            url::ParseError::EmptyHost => "missing host".to_owned(),
            other => other.to_string(),
        };
        ErrorCode::InvalidUrl(format!("{problem} in {text:?}"))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ErrorCode::UnsupportedScheme(format!(
            "{:?}; use http or https",
            url.scheme()
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ErrorCode::InvalidUrl(
            "a user name in the URL; send an `authorization` header instead".to_owned(),
        ));
    }
    Ok(url)
}

/// The method, in capitals where it is one of those that everybody means so (WHATWG Fetch, "normalize a method").
fn method(text: &str) -> Method {
    match text.to_ascii_uppercase().as_str() {
        "DELETE" => Method::Delete,
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "OPTIONS" => Method::Options,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        _ => Method::Other(text.to_owned()),
    }
}
