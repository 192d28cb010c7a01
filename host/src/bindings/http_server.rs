//! `atoll:net/http-server`: incoming requests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method};
use wasmtime::component::{Accessor, HasSelf, Resource};

use super::generated::atoll::net::http_server as wit;
use super::types::{self, OutgoingBody};
use super::websocket::SocketHandle;
use super::wit::ErrorCode;
use crate::net::http_server::{Exchange, Identity, Incoming, Options, Server};
use crate::runtime::{Event, Output, State, tell};

/// Bytes of a response's content that are not counted, where a connection has one response at a time.
const SMALL: usize = 64 << 10;

/// A server in the guest's hands. Shared, as an `accept` may outlive the handle's borrow.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct ServerHandle {
    server: Arc<Server>,
    /// Where it is one request's, that request until the guest takes it: there are no others.
    only: Option<Arc<Mutex<Option<Incoming>>>>,
}

impl ServerHandle {
    /// The same server, for the instance of one request.
    pub(crate) fn only(&self, request: Option<Incoming>) -> ServerHandle {
        ServerHandle {
            server: self.server.clone(),
            only: Some(Arc::new(Mutex::new(request))),
        }
    }

    /// Waits for requests, as [`Server::accept`] does; none after the only one.
    pub(crate) async fn accept(&self, max: usize) -> Vec<Incoming> {
        match &self.only {
            None => self.server.accept(max).await,
            Some(only) => {
                let mut only = only.lock().unwrap_or_else(PoisonError::into_inner);
                only.take().into_iter().collect()
            }
        }
    }
}

impl wit::Host for State {
    fn respond(
        &mut self,
        exchange: Resource<Exchange>,
        response: wit::Response,
    ) -> wasmtime::Result<Result<(), String>> {
        let exchange = self.take(exchange)?;
        let content = match response.content.len() {
            // What the system takes at once is not worth the trouble.
            0..=SMALL if !exchange.is_shared() => response.content.into(),
            _ => match types::hold(self, response.content) {
                Ok(content) => content,
                Err(error) => return Ok(Err(error.to_string())),
            },
        };
        Ok(exchange.respond(response.status, types::fields(response.headers), content))
    }

    fn respond_in_pieces(
        &mut self,
        exchange: Resource<Exchange>,
        head: wit::ResponseHead,
    ) -> wasmtime::Result<Result<Resource<OutgoingBody>, String>> {
        let exchange = self.take(exchange)?;
        let begun = exchange.respond_in_pieces(head.status, types::fields(head.headers));
        Ok(begun.and_then(|body| {
            self.push(OutgoingBody::new(body))
                .map_err(|error| error.to_string())
        }))
    }

    fn upgrade(
        &mut self,
        exchange: Resource<Exchange>,
        protocols: Vec<String>,
        max_message_size: u64,
    ) -> wasmtime::Result<Result<Resource<SocketHandle>, ErrorCode>> {
        let exchange = self.take(exchange)?;
        let upgraded = exchange.upgrade(&protocols, max_message_size);
        Ok(upgraded
            .and_then(|socket| self.push(SocketHandle::new(socket)))
            .map_err(Into::into))
    }
}

impl wit::HostExchange for State {
    fn drop(&mut self, exchange: Resource<Exchange>) -> wasmtime::Result<()> {
        self.take(exchange)?;
        Ok(())
    }
}

impl wit::HostServer for State {
    async fn listen(
        &mut self,
        options: wit::Options,
    ) -> wasmtime::Result<Result<Resource<ServerHandle>, ErrorCode>> {
        let options = Options {
            address: options.address,
            port: options.port,
            reuse_address: options.reuse_address,
            max_body_size: options.max_body_size,
            max_connections: options.max_connections,
            timeout: Duration::from_nanos(options.timeout),
            identity: options.identity.map(|identity| Identity {
                certificates: identity.certificates,
                key: identity.key,
            }),
            websockets: options.websockets,
        };
        let (limits, buffer) = (self.limits.clone(), self.request_buffer.clone());
        let Ok(place) = self.server_places.clone().try_acquire_owned() else {
            let error = self.limit("servers", limits.servers, "too many servers are open");
            return Ok(Err(error.into()));
        };
        let listening = Server::listen(&self.listeners, options, limits, buffer, place);
        let server = self.pulse.excuse(listening).await;
        let server = match server {
            Ok(server) => server,
            Err(error) => return Ok(Err(error.into())),
        };
        let server = Arc::new(server);
        // First, as nobody should hear of a server that the guest does not get.
        let handle = match self.push(ServerHandle {
            server: server.clone(),
            only: None,
        }) {
            Ok(handle) => handle,
            Err(error) => return Ok(Err(error.into())),
        };
        self.servers.add(server.closer());
        let (address, secure) = (server.local_addr(), server.is_secure());
        let listening = tell(&self.console, Output::Err, 0, move |console| {
            console.event(&Event::Listening { address, secure });
        });
        self.pulse.excuse(listening).await;
        Ok(Ok(handle))
    }

    fn address(&mut self, server: Resource<ServerHandle>) -> wasmtime::Result<String> {
        Ok(self.table.get(&server)?.server.local_addr().ip().to_string())
    }

    fn port(&mut self, server: Resource<ServerHandle>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&server)?.server.local_addr().port())
    }

    fn drop(&mut self, server: Resource<ServerHandle>) -> wasmtime::Result<()> {
        self.take(server)?;
        Ok(())
    }
}

impl<T: Send> wit::HostServerWithStore<T> for HasSelf<State> {
    async fn accept(
        accessor: &Accessor<T, Self>,
        server: Resource<ServerHandle>,
        max: u32,
    ) -> wasmtime::Result<Vec<wit::Incoming>> {
        let (_call, server) = types::shared(accessor, &server)?;
        loop {
            let batch = server.accept(max as usize).await;
            let closed = batch.is_empty();
            let handed: Vec<_> = accessor.with(|mut access| {
                let state = access.get();
                // A request beyond the handles that the guest may hold is dropped: its client gets a 500.
                batch
                    .into_iter()
                    .filter_map(|incoming| hand_over(state, incoming))
                    .collect()
            });
            if closed || !handed.is_empty() {
                return Ok(handed);
            }
        }
    }

    async fn close(accessor: &Accessor<T, Self>, server: Resource<ServerHandle>) -> wasmtime::Result<()> {
        let (_call, server) = types::shared(accessor, &server)?;
        server.server.close().await;
        Ok(())
    }
}

fn hand_over(state: &mut State, incoming: Incoming) -> Option<wit::Incoming> {
    let is_upgrade = incoming.exchange.is_upgrade();
    let exchange = state.push(incoming.exchange).ok()?;
    let Ok(body) = types::body(state, incoming.body) else {
        // The guest hears of neither, so neither may go on counting as its own.
        drop(state.take(exchange));
        return None;
    };
    let peer = incoming.peer.to_string();
    Some(wit::Incoming {
        exchange,
        request: wit::Request {
            head: head(&incoming.method, &incoming.target, &peer, &incoming.headers),
            body,
            is_upgrade,
        },
    })
}

/// A request's short strings in one.
fn head(method: &Method, target: &str, peer: &str, fields: &HeaderMap) -> Vec<u8> {
    let start = [method.as_str(), target, peer].map(str::as_bytes);
    let fields = || {
        fields
            .iter()
            .map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()])
    };
    let strings = || start.into_iter().chain(fields().flatten());
    let mut head = Vec::with_capacity(strings().map(|string| string.len() + 4).sum());
    for string in strings() {
        // hyper reads no head that is longer.
        head.extend_from_slice(&u32::try_from(string.len()).unwrap_or(u32::MAX).to_le_bytes());
        head.extend_from_slice(string);
    }
    head
}
