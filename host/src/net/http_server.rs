//! Incoming HTTP requests: a bound port whose requests wait for the script. `bindings::http_server` calls it.
//!
//! Each connection is a task of its own (`connection`); requests meet in one queue that the guest drains in
//! batches, and each carries the way back for its response.

mod answer;
mod connection;
mod content;
mod delivery;
mod http2;
mod outgoing;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{Either, Full};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::answer::{Content, Visit};
pub(crate) use self::outgoing::OutgoingBody;
use super::body::{Body, PIECE};
use super::error::Error;
use super::headers::{self, Field, Message};
use super::kept::Lease;
use super::listen::{Listener, Listeners};
use super::tls;
use super::websocket::{Account, Offer, Pending, Signals, Socket};
use crate::limits::Limits;
use crate::observe::{Connected, HTTP, Handling, Observer, Party};

/// Bytes of content that one batch hands over, so that a batch fits the guest's memory.
const BATCH_BYTES: usize = 4 * PIECE;

/// What the script chose for its server.
pub(crate) struct Options {
    /// An IP address, or `localhost`.
    pub(crate) address: String,
    /// 0 takes any free one.
    pub(crate) port: u16,
    /// Share the port with other processes.
    pub(crate) reuse_address: bool,
    /// Bytes of content that a request may have; more is answered with 413.
    pub(crate) max_body_size: u64,
    /// Connections at once; further ones wait in the backlog.
    pub(crate) max_connections: u32,
    /// For a request's head, its content and its handler, each.
    pub(crate) timeout: Duration,
    /// What it proves its name with; without it there is no TLS.
    pub(crate) identity: Option<Identity>,
    /// Whether a request for a WebSocket is one.
    pub(crate) websockets: bool,
}

/// What a server proves its name with (PEM).
pub(crate) struct Identity {
    /// Its certificate, then those that vouch for it.
    pub(crate) certificates: String,
    /// Its private key.
    pub(crate) key: String,
}

/// A request that the script has yet to answer.
pub(crate) struct Incoming {
    /// The way back.
    pub(crate) exchange: Exchange,
    /// As received.
    pub(crate) method: Method,
    /// The request-target as received (RFC 9112, section 3.2).
    pub(crate) target: String,
    /// In the order of the wire as far as hyper keeps it (fields of one name stand together).
    pub(crate) headers: HeaderMap,
    /// At most `max_body_size` bytes.
    pub(crate) body: Body,
    /// Who sent it.
    pub(crate) peer: IpAddr,
}

/// The way back for one response. Dropped unused, the client gets a 500.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Exchange {
    reply: oneshot::Sender<Reply>,
    /// The client asks for a WebSocket.
    offer: Option<Offer>,
    /// The connection has other requests at the same time.
    is_shared: bool,
    limits: Arc<Limits>,
    /// Told of what the script does with it.
    handling: Arc<Handling>,
    observer: Arc<Observer>,
    peer: IpAddr,
}

/// A response that can go on the wire.
enum Reply {
    Response(http::Response<Content>),
    /// 101, and what becomes of the connection.
    Upgrade(http::Response<()>, Pending),
}

impl Exchange {
    /// Whether the client asks for a WebSocket.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.offer.is_some()
    }

    /// Whether the connection may have many responses under way, and not only this one.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Sends the response; a client that went away is no error. Fails on what can't go on the wire.
    pub(crate) fn respond(self, status: u16, fields: Vec<Field>, content: Bytes) -> Result<(), String> {
        self.handling.answer();
        let response = response(status, fields, Either::Left(Full::new(content)), &self.limits)?;
        // The client may be gone: then nobody waits for the reply.
        drop(self.reply.send(Reply::Response(response)));
        Ok(())
    }

    /// Sends the head, and returns what takes the content.
    pub(crate) fn respond_in_pieces(self, status: u16, fields: Vec<Field>) -> Result<OutgoingBody, String> {
        self.handling.answer();
        let (outgoing, content) = OutgoingBody::new();
        let response = response(status, fields, Either::Right(content), &self.limits)?;
        drop(self.reply.send(Reply::Response(response)));
        Ok(outgoing)
    }

    /// Makes the connection a WebSocket; `protocols` are those that are spoken. Fails where the client did not ask for one.
    pub(crate) fn upgrade(self, protocols: &[String], max_message_size: u64) -> Result<Socket, Error> {
        self.handling.answer();
        let names = protocols.iter().map(String::as_str).collect::<Vec<_>>();
        headers::check_given(&names, &[], &self.limits)?;
        let offer = self
            .offer
            .ok_or_else(|| Error::HandshakeRejected("the client asks for no WebSocket".to_owned()))?;
        let account = Account {
            observer: self.observer,
            party: Party::Client(self.peer),
        };
        let (socket, pending, answer) = offer.accept(protocols, max_message_size, &self.limits, account);
        drop(self.reply.send(Reply::Upgrade(answer, pending)));
        Ok(socket)
    }
}

fn response(
    status: u16,
    fields: Vec<Field>,
    content: Content,
    limits: &Limits,
) -> Result<http::Response<Content>, String> {
    headers::check_given(&[], &fields, limits).map_err(|error| error.to_string())?;
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or_else(|| format!("status {status} is not from 200 to 599"))?;
    let mut response = http::Response::new(content);
    *response.headers_mut() = headers::to_map(fields, Message::Response)?;
    *response.status_mut() = status;
    Ok(response)
}

/// What the connections of one server share.
struct Shared {
    options: Options,
    tls: Option<tls::Server>,
    limits: Arc<Limits>,
    /// KiB of request content that may be held, over all servers of the instance.
    buffer: Arc<Semaphore>,
    observer: Arc<Observer>,
    /// Said once: accept no more, finish what is under way.
    closing: CancellationToken,
    /// Said once: end what is still there.
    aborting: CancellationToken,
    tasks: TaskTracker,
}

/// A server that accepts connections until it is closed or dropped.
pub(crate) struct Server {
    local: SocketAddr,
    /// Of the socket, where that is kept.
    lease: Option<Lease>,
    queue: Mutex<Queue>,
    shared: Arc<Shared>,
}

/// Requests on their way to the guest.
struct Queue {
    incoming: mpsc::Receiver<Incoming>,
    /// Taken from `incoming`, but too much for the last batch.
    kept: Option<Incoming>,
}

impl Server {
    /// Checks, binds, and starts to accept on the current tokio runtime.
    ///
    /// Cancel safety: nothing is bound.
    pub(crate) async fn listen(
        listeners: &Listeners,
        mut options: Options,
        limits: Arc<Limits>,
        buffer: Arc<Semaphore>,
        place: OwnedSemaphorePermit,
    ) -> Result<Server, Error> {
        options.max_connections = options.max_connections.clamp(1, limits.connections);
        // More than all requests together may hold could only wait for room in vain.
        options.max_body_size = options.max_body_size.min(limits.request_buffer);
        let tls = match &options.identity {
            Some(identity) => Some(tls::Server::new(&identity.certificates, &identity.key)?),
            None => None,
        };
        let listener = listeners
            .bind(&options.address, options.port, options.reuse_address)
            .await?;
        let (sender, incoming) = mpsc::channel(options.max_connections as usize);
        let shared = Arc::new(Shared {
            options,
            tls,
            limits,
            buffer,
            observer: listeners.observer(),
            closing: CancellationToken::new(),
            aborting: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let (local, lease) = (listener.local_addr(), listener.lease());
        tracing::info!(target: HTTP, address = %local, secure = shared.tls.is_some(), "listening");
        let server = accept(listener, shared.clone(), sender, place);
        shared.tasks.spawn(server);
        Ok(Server {
            local,
            lease,
            queue: Mutex::new(Queue { incoming, kept: None }),
            shared,
        })
    }

    /// Whether it speaks TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.shared.tls.is_some()
    }

    /// The address that it is bound to.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Waits for requests and takes those that are there, at least one; none once the server is closed.
    ///
    /// Cancel safety: dropping the future loses no request.
    pub(crate) async fn accept(&self, max: usize) -> Vec<Incoming> {
        let mut queue = self.queue.lock().await;
        let first = match queue.kept.take() {
            Some(kept) => Some(kept),
            None => queue.incoming.recv().await,
        };
        let Some(first) = first else { return Vec::new() };
        let mut bytes = first.body.first_piece();
        let mut batch = vec![first];
        while batch.len() < max {
            let Ok(next) = queue.incoming.try_recv() else {
                break;
            };
            bytes += next.body.first_piece();
            if bytes > BATCH_BYTES {
                queue.kept = Some(next);
                break;
            }
            batch.push(next);
        }
        let now = Instant::now();
        for incoming in &batch {
            incoming.exchange.handling.hand_over(now);
        }
        batch
    }

    /// Stops accepting at once, and waits until the requests under way are answered or the limit is reached.
    ///
    /// Cancel safety: the server closes all the same, only nobody waits for it.
    pub(crate) async fn close(&self) {
        if let Some(lease) = &self.lease {
            lease.give_up();
        }
        self.shared.close().await;
    }

    /// A way to close the server that does not keep it.
    pub(crate) fn closer(&self) -> Closer {
        Closer(Arc::downgrade(&self.shared))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.cancel();
        self.shared.aborting.cancel();
        self.shared.tasks.close();
    }
}

/// Closes a server from outside of the instance that holds it.
#[derive(Clone)]
pub(crate) struct Closer(std::sync::Weak<Shared>);

impl Closer {
    /// Whether the server is there and accepts connections.
    pub(crate) fn is_open(&self) -> bool {
        self.0
            .upgrade()
            .is_some_and(|shared| !shared.closing.is_cancelled())
    }

    /// Whether there is anything left of the server.
    pub(crate) fn is_there(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Waits until the connections of a server that was dropped have ended.
    pub(crate) async fn ended(&self) {
        if let Some(shared) = self.0.upgrade() {
            let tasks = shared.tasks.clone();
            drop(shared);
            tasks.wait().await;
        }
    }

    /// As [`Server::close`], but a socket that is kept stays; nothing where the server is gone.
    pub(crate) async fn close(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.close().await;
        }
    }
}

impl Shared {
    fn signals(&self) -> Signals {
        Signals {
            closing: self.closing.clone(),
            aborting: self.aborting.clone(),
        }
    }

    async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.limits.drain, self.tasks.wait())
            .await
            .is_err()
        {
            self.observer.limit_hit("drain");
            self.aborting.cancel();
            self.tasks.wait().await;
        }
    }
}

/// A connection's place among those that its server may have.
struct Place {
    _place: OwnedSemaphorePermit,
    _connected: Connected,
}

/// Accepts connections while there is room for them. The server's place is taken until the last of them has ended.
async fn accept(
    listener: Listener,
    shared: Arc<Shared>,
    sender: mpsc::Sender<Incoming>,
    place: OwnedSemaphorePermit,
) {
    let server = Arc::new(place);
    let room = Arc::new(Semaphore::new(shared.options.max_connections as usize));
    let every_connection = async {
        // The semaphore is never closed.
        loop {
            if room.available_permits() == 0 {
                shared.observer.limit_hit("connections");
            }
            let Ok(place) = room.clone().acquire_owned().await else {
                return;
            };
            let (stream, peer) = listener.accept().await;
            let place = Place {
                _place: place,
                _connected: shared.observer.connected(peer.ip()),
            };
            let visit = Visit::new(peer.ip(), shared.clone(), sender.clone());
            let places = (place, server.clone());
            shared.tasks.spawn(connection::serve(stream, visit, places));
        }
    };
    shared.closing.run_until_cancelled(every_connection).await;
}
