//! The client's half of the handshake (RFC 6455, section 4.1): dial, TLS, one HTTP/1.1 request, and its answer checked.
//!
//! Every connection goes through `dial`; redirects are not followed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::task::TaskTracker;
use url::Url;

use super::super::dial::Dialer;
use super::super::error::Error;
use super::super::headers::{self, Field, Message};
use super::super::http_client::{USER_AGENT, parse, target_of};
use super::super::stream::Stream;
use super::super::tls::{self, Protocols, Trust};
use super::offer::{listed, lists};
use super::{Account, Io, Pending, Socket};
use crate::limits::Limits;
use crate::observe::{Observer, Party};
use crate::permissions::{self, Scheme};

/// How long a server may take nothing of what is sent before it is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What the guest asks for.
pub(crate) struct Request {
    /// An absolute URL.
    pub(crate) url: String,
    /// Offered to the server, the most wanted first.
    pub(crate) protocols: Vec<String>,
    /// Without those of the handshake.
    pub(crate) headers: Vec<Field>,
    /// For everything up to the end of the handshake.
    pub(crate) timeout: Duration,
    /// Bytes that an arriving message may have.
    pub(crate) max_message_size: u64,
    /// PEM: certificates to trust beside the usual ones.
    pub(crate) authorities: Option<String>,
}

/// Opens WebSockets for one instance.
pub(crate) struct Connector {
    dialer: Arc<Dialer>,
    trust: Arc<Trust>,
    /// Handshakes are outgoing requests.
    outgoing: Arc<Semaphore>,
    /// Places for open connections.
    places: Arc<Semaphore>,
    limits: Arc<Limits>,
    /// The connections' tasks.
    tasks: TaskTracker,
    observer: Arc<Observer>,
}

/// The server's agreement, and the connection it came over.
struct Answer {
    headers: HeaderMap,
    io: Io,
    /// What the server sent behind it.
    rest: Bytes,
}

impl Connector {
    /// A connector whose connections run on `tasks`.
    pub(crate) fn new(
        dialer: Arc<Dialer>,
        trust: Arc<Trust>,
        outgoing: Arc<Semaphore>,
        limits: Arc<Limits>,
        tasks: TaskTracker,
    ) -> Connector {
        Connector {
            observer: dialer.observer().clone(),
            dialer,
            trust,
            outgoing,
            places: Arc::new(Semaphore::new(limits.sockets as usize)),
            limits,
            tasks,
        }
    }

    /// Connects and shakes hands.
    ///
    /// Cancel safety: dropping the future closes the connection.
    pub(crate) async fn open(&self, request: Request) -> Result<Socket, Error> {
        let opened = self.open_within_limits(&request).await;
        if let Err(error) = &opened {
            self.observer
                .unopened(&request.url, error.code(), error.limit_met());
        }
        opened
    }

    async fn open_within_limits(&self, request: &Request) -> Result<Socket, Error> {
        let _handshaking = self
            .outgoing
            .try_acquire()
            .map_err(|_| Error::too_many_outgoing(&self.limits))?;
        let place = self
            .places
            .clone()
            .try_acquire_owned()
            .map_err(|_| Error::limit("sockets", self.limits.sockets, "too many WebSockets are open"))?;
        let protocols = request.protocols.iter().map(String::as_str);
        let start: Vec<_> = std::iter::once(&*request.url).chain(protocols).collect();
        headers::check_given(&start, &request.headers, &self.limits)?;
        let timeout = request.timeout;
        let handshake = self.shake_hands(request);
        let (protocol, answer) = match Instant::now().checked_add(timeout) {
            None => handshake.await?,
            Some(deadline) => tokio::time::timeout_at(deadline, handshake)
                .await
                .map_err(|_| Error::Timeout(format!("no WebSocket within {timeout:?}")))??,
        };
        let (socket, pending) = Pending::new(
            Role::Client,
            protocol,
            request.max_message_size,
            &self.limits,
            Account {
                observer: self.observer.clone(),
                party: Party::Server(request.url.clone()),
            },
        );
        self.tasks.spawn(async move {
            pending.run(answer.io, answer.rest, None).await;
            drop(place);
        });
        Ok(socket)
    }

    async fn shake_hands(&self, request: &Request) -> Result<(Option<String>, Answer), Error> {
        let url = parse(&request.url)?;
        let target = target_of(permissions::WEBSOCKET, &url, &[Scheme::Ws, Scheme::Wss])?;
        let key = generate_key();
        let head = head(&url, request, &key)?;
        let pass = self.dialer.check(&target).await?;
        let stream = match target.scheme {
            Scheme::Wss => {
                let authorities = request.authorities.as_deref();
                let client = tls::Client::new(&self.trust, authorities, Protocols::Http1)?;
                client
                    .shake_hands(self.dialer.dial(&pass).await?, &target.host)
                    .await?
            }
            _ => Stream::Plain(self.dialer.dial(&pass).await?),
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let answer = ask(Box::pin(stream), head, &self.limits).await?;
        Ok((check(&answer, &key, &request.protocols)?, answer))
    }
}

/// The request that asks for a WebSocket.
fn head(url: &Url, request: &Request, key: &str) -> Result<http::Request<Empty<Bytes>>, Error> {
    let mut fields = headers::to_map(request.headers.clone(), Message::Request).map_err(Error::InvalidUrl)?;
    for name in [
        header::SEC_WEBSOCKET_ACCEPT,
        header::SEC_WEBSOCKET_EXTENSIONS,
        header::SEC_WEBSOCKET_PROTOCOL,
    ] {
        fields.remove(name);
    }
    let value =
        |text: &str| HeaderValue::from_str(text).map_err(|error| Error::InvalidUrl(error.to_string()));
    let authority = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    fields.insert(header::HOST, value(&authority)?);
    fields.entry(header::USER_AGENT).or_insert(USER_AGENT);
    fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    fields.insert(header::SEC_WEBSOCKET_KEY, value(key)?);
    if !request.protocols.is_empty() {
        fields.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            value(&request.protocols.join(", "))?,
        );
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut head = http::Request::new(Empty::new());
    *head.uri_mut() = format!("{}{query}", url.path())
        .parse()
        .map_err(|error| Error::InvalidUrl(format!("{error} in {:?}", url.as_str())))?;
    *head.headers_mut() = fields;
    Ok(head)
}

/// Sends the request and waits for its answer; the connection comes back with it.
async fn ask(io: Io, head: http::Request<Empty<Bytes>>, limits: &Limits) -> Result<Answer, Error> {
    let failed = |error: hyper::Error| Error::exchange(&error);
    let most = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
    let (mut sender, mut connection) = http1::Builder::new()
        .max_buf_size(most.max(64 << 10))
        .max_headers(limits.header_fields as usize)
        .handshake(TokioIo::new(io))
        .await
        .map_err(failed)?;
    let mut sending = pin!(sender.send_request(head));
    let mut http_is_over = false;
    let response = loop {
        tokio::select! {
            biased;
            response = &mut sending => break response.map_err(failed)?,
            // Either there is an answer now, or there will be none.
            ended = &mut connection, if !http_is_over => {
                ended.map_err(failed)?;
                http_is_over = true;
            }
        }
    };
    headers::check(response.headers(), limits)?;
    let (status, headers) = (response.status(), response.headers().clone());
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let reason = status.canonical_reason().unwrap_or_default();
        return Err(Error::HandshakeRejected(
            format!("the server answered {} {reason}", status.as_u16())
                .trim_end()
                .to_owned(),
        ));
    }
    if !http_is_over {
        (&mut connection).await.map_err(failed)?;
    }
    let parts = connection.into_parts();
    Ok(Answer {
        headers,
        io: parts.io.into_inner(),
        rest: parts.read_buf,
    })
}

/// Checks the server's answer and returns the protocol that it chose.
fn check(answer: &Answer, key: &str, offered: &[String]) -> Result<Option<String>, Error> {
    let headers = &answer.headers;
    let wrong = |what: &str| Err(Error::InvalidResponse(format!("the handshake's answer {what}")));
    if !lists(headers, header::UPGRADE, "websocket") || !lists(headers, header::CONNECTION, "upgrade") {
        return wrong("does not say that it upgrades to a WebSocket");
    }
    let accept = derive_accept_key(key.as_bytes());
    if headers
        .get(header::SEC_WEBSOCKET_ACCEPT)
        .map(HeaderValue::as_bytes)
        != Some(accept.as_bytes())
    {
        return wrong("has no valid sec-websocket-accept");
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return wrong("names an extension, and none was offered");
    }
    match listed(headers, header::SEC_WEBSOCKET_PROTOCOL).as_slice() {
        [] => Ok(None),
        [chosen] if offered.contains(chosen) => Ok(Some(chosen.clone())),
        _ => wrong("names a protocol that was not offered"),
    }
}
