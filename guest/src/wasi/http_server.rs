//! Incoming HTTP requests: what `net.serve` gets of `wasi:http/incoming-handler`. The host listens, so there is one server, and
//! its address is the host's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasip2::http::types::{IncomingRequest, Method, ResponseOutparam};

use super::answer::Answer;
use super::body::{IncomingBody, OutgoingBody, Patience};
use super::types::{Body, ErrorCode, Header};
use super::websocket::{NO_WEBSOCKETS, Socket};
use super::{app, fields, timer};
use crate::net::head::Head;

thread_local! {
    static LISTENING: RefCell<Option<Rc<Listening>>> = const { RefCell::new(None) };
}

/// What a server proves its name with.
pub(crate) struct Identity {
    /// PEM.
    #[allow(dead_code, reason = "TLS is the host's")]
    pub(crate) certificates: String,
    /// PEM.
    #[allow(dead_code, reason = "TLS is the host's")]
    pub(crate) key: String,
}

/// What a script wants served.
#[allow(dead_code, reason = "what concerns sockets is the host's to choose")]
pub(crate) struct Options {
    /// An IP address, or `localhost`.
    pub(crate) address: String,
    /// Any.
    pub(crate) port: u16,
    /// Whether several processes share the port.
    pub(crate) reuse_address: bool,
    /// Bytes of content that a request may have.
    pub(crate) max_body_size: u64,
    /// Connections at once.
    pub(crate) max_connections: u32,
    /// Nanoseconds that a handler has.
    pub(crate) timeout: u64,
    /// With one the server would speak TLS.
    pub(crate) identity: Option<Identity>,
    /// Whether a request for a WebSocket is one.
    pub(crate) websockets: bool,
}

/// A request on its way to the script.
pub(crate) struct Request {
    /// Its short strings, packed. The peer's address is always empty: WASI does not say.
    pub(crate) head: Vec<u8>,
    /// Its content.
    pub(crate) body: Body,
    /// Never.
    pub(crate) is_upgrade: bool,
}

/// A response that is there in full.
pub(crate) struct Response {
    /// 200 to 599.
    pub(crate) status: u16,
    /// The script's fields.
    pub(crate) headers: Vec<Header>,
    /// The content.
    pub(crate) content: Vec<u8>,
}

/// The start of a response.
pub(crate) struct ResponseHead {
    /// 200 to 599.
    pub(crate) status: u16,
    /// The script's fields.
    pub(crate) headers: Vec<Header>,
}

/// A request, and the way back.
pub(crate) struct Incoming {
    /// The way back.
    pub(crate) exchange: Exchange,
    /// The request.
    pub(crate) request: Request,
}

/// The script's server.
struct Listening {
    queue: RefCell<VecDeque<Incoming>>,
    waiting: RefCell<Option<Waker>>,
    is_closed: Cell<bool>,
    max_body_size: u64,
    timeout: u64,
}

/// A server, as the script holds it.
pub(crate) struct Server(Rc<Listening>);

impl Server {
    /// Has the requests that the host gets handed to the script.
    pub(crate) fn listen(options: &Options) -> Result<Server, ErrorCode> {
        let refuse = |why: &str| Err(ErrorCode::NotSupported(why.to_owned()));
        if options.identity.is_some() {
            return refuse(
                "net.serve: the field 'tls'; the host of a component of the target wasi-http has it",
            );
        }
        if options.websockets {
            return refuse(&format!("net.serve: {NO_WEBSOCKETS}"));
        }
        if !app::is_building() {
            return refuse("net.serve: a component's server starts while it is built, not in a request");
        }
        if open().is_some() {
            return refuse("net.serve: a component of the target wasi-http has one server");
        }
        let listening = Rc::new(Listening {
            queue: RefCell::default(),
            waiting: RefCell::default(),
            is_closed: Cell::new(false),
            max_body_size: options.max_body_size,
            timeout: options.timeout,
        });
        LISTENING.set(Some(listening.clone()));
        Ok(Server(listening))
    }

    /// The host's to know.
    pub(crate) fn address(&self) -> String {
        String::new()
    }

    /// The host's to know.
    pub(crate) fn port(&self) -> u16 {
        0
    }

    /// Waits for requests. Empty once the server is closed.
    pub(crate) async fn accept(&self, _max: u32) -> Vec<Incoming> {
        poll_fn(|context| {
            let there: Vec<Incoming> = self.0.queue.borrow_mut().drain(..).collect();
            if !there.is_empty() || self.0.is_closed.get() {
                return Poll::Ready(there);
            }
            *self.0.waiting.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Takes no more requests. There is at most one under way, and it may be the one that closes.
    pub(crate) async fn close(&self) {
        self.0.is_closed.set(true);
        self.0.wake();
    }
}

/// Whether the script has a server.
pub(super) fn is_open() -> bool {
    open().is_some()
}

fn open() -> Option<Rc<Listening>> {
    LISTENING.with_borrow(|listening| listening.clone().filter(|listening| !listening.is_closed.get()))
}

/// Hands a request to the script's server; none where that is answered already.
pub(super) fn take_in(request: &IncomingRequest, out: ResponseOutparam) -> Option<Rc<Answer>> {
    let answer = Rc::new(Answer::new(out));
    let Some(listening) = open() else {
        answer.refuse(503, "the script takes no more requests");
        return None;
    };
    let mut headers = fields::to_headers(&request.headers());
    if let Some(authority) = request.authority()
        && !headers.iter().any(|header| header.name == "host")
    {
        headers.push(Header {
            name: "host".to_owned(),
            value: authority.into_bytes(),
        });
    }
    let most = listening.max_body_size;
    if crate::net::stated_length(&headers).is_some_and(|length| length > most) {
        answer.is_too_large(most);
        answer.give_up();
        return None;
    }
    answer.deadline.set(timer::ahead(listening.timeout));
    let content = request.consume().ok().and_then(|content| {
        let patience = Patience::Until(answer.deadline.get());
        IncomingBody::new(content, Vec::new(), most, patience).ok()
    });
    let incoming = Incoming {
        exchange: Exchange(answer.clone()),
        request: Request {
            head: head(request, &headers),
            body: match content {
                Some(content) => Body::Pieces(content.of_request(answer.clone())),
                None => Body::Whole(Vec::new()),
            },
            is_upgrade: false,
        },
    };
    listening.queue.borrow_mut().push_back(incoming);
    listening.wake();
    Some(answer)
}

/// A request's short strings in one.
fn head(request: &IncomingRequest, fields: &[Header]) -> Vec<u8> {
    let method = method(request.method());
    let target = request.path_with_query().unwrap_or_else(|| "/".to_owned());
    let start = [method.as_bytes(), target.as_bytes(), b""];
    let fields = fields
        .iter()
        .flat_map(|field| [field.name.as_bytes(), &field.value]);
    Head::pack(start.into_iter().chain(fields)).into_packed()
}

impl Listening {
    fn wake(&self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

/// A request that waits for its response. Dropped without one, its client gets a 500.
pub(crate) struct Exchange(Rc<Answer>);

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// Sends the response.
pub(crate) fn respond(exchange: Exchange, response: &Response) -> Result<(), String> {
    let answer = &exchange.0;
    // What a response may not have (RFC 9110, section 6.4.1).
    let is_bare = matches!(response.status, 204 | 304);
    let length = Some(response.content.len()).filter(|_| !is_bare);
    if let Some(content) = answer.start(response.status, &response.headers, length)? {
        let bytes = match is_bare {
            true => Vec::new(),
            false => response.content.clone(),
        };
        answer.give_content(content, bytes);
    }
    Ok(())
}

/// Sends the head and takes the content in pieces.
pub(crate) fn respond_in_pieces(exchange: Exchange, head: &ResponseHead) -> Result<OutgoingBody, String> {
    let answer = exchange.0.clone();
    match answer.start(head.status, &head.headers, None)? {
        Some(content) => Ok(OutgoingBody::new(content, answer)),
        None => Err("the client has been answered already".to_owned()),
    }
}

/// Makes no WebSocket.
pub(crate) fn upgrade(
    _exchange: Exchange,
    _protocols: &[String],
    _max_message_size: u64,
) -> Result<Socket, ErrorCode> {
    Err(ErrorCode::NotSupported(NO_WEBSOCKETS.to_owned()))
}

fn method(method: Method) -> String {
    match method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    }
}
