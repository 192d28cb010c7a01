//! `atoll:net/websocket`: both ends of WebSocket connections.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Accessor, HasSelf, Resource};

use super::generated::atoll::net::websocket as wit;
use super::types;
use super::wit::ErrorCode;
use crate::net::websocket::{Event, Farewell, Kind, Request, Socket, text};
use crate::runtime::State;

/// A connection in the guest's hands. Shared, as a `receive` may outlive the handle's borrow.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct SocketHandle(Arc<Socket>);

impl SocketHandle {
    pub(super) fn new(socket: Socket) -> SocketHandle {
        SocketHandle(Arc::new(socket))
    }
}

impl wit::Host for State {}

impl<T: Send> wit::HostWithStore<T> for HasSelf<State> {
    async fn connect(
        accessor: &Accessor<T, Self>,
        request: wit::Request,
    ) -> wasmtime::Result<Result<Resource<SocketHandle>, ErrorCode>> {
        let (call, connector) = accessor.with(|mut access| {
            let state = access.get();
            (state.enter(), state.connector.clone())
        });
        let _call = call?;
        let connected = connector
            .open(Request {
                url: request.url,
                protocols: request.protocols,
                headers: types::fields(request.headers),
                timeout: Duration::from_nanos(request.timeout),
                max_message_size: request.max_message_size,
                authorities: request.authorities,
            })
            .await;
        let socket = match connected {
            Ok(socket) => SocketHandle::new(socket),
            Err(error) => return Ok(Err(error.into())),
        };
        Ok(accessor
            .with(|mut access| access.get().push(socket))
            .map_err(Into::into))
    }
}

impl wit::HostSocket for State {
    fn protocol(&mut self, socket: Resource<SocketHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&socket)?.0.protocol().map(str::to_owned))
    }

    fn send(
        &mut self,
        socket: Resource<SocketHandle>,
        kind: wit::Kind,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, ErrorCode>> {
        let kind = match kind {
            wit::Kind::Text => Kind::Text,
            wit::Kind::Binary => Kind::Binary,
        };
        let socket = self.table.get(&socket)?.0.clone();
        if content.len() as u64 <= self.limits.socket_queue {
            return Ok(socket.send(kind, content, None).map_err(Into::into));
        }
        // More than the queue is meant for, which it takes where it is empty.
        let content = match kind {
            Kind::Binary => content,
            Kind::Text => text(content).into_bytes(),
        };
        Ok(types::place(self, content.len())
            .and_then(|place| socket.send(kind, content, Some(place)))
            .map_err(Into::into))
    }

    fn ping(
        &mut self,
        socket: Resource<SocketHandle>,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, ErrorCode>> {
        Ok(self.table.get(&socket)?.0.ping(payload).map_err(Into::into))
    }

    fn drop(&mut self, socket: Resource<SocketHandle>) -> wasmtime::Result<()> {
        self.take(socket)?;
        Ok(())
    }
}

impl<T: Send> wit::HostSocketWithStore<T> for HasSelf<State> {
    async fn receive(
        accessor: &Accessor<T, Self>,
        socket: Resource<SocketHandle>,
        max: u32,
    ) -> wasmtime::Result<Vec<wit::Event>> {
        let (_call, socket) = types::shared(accessor, &socket)?;
        let events = socket.0.receive(max as usize).await;
        accessor.with(|mut access| {
            let state = access.get();
            events.into_iter().map(|event| hand_over(state, event)).collect()
        })
    }

    async fn writable(accessor: &Accessor<T, Self>, socket: Resource<SocketHandle>) -> wasmtime::Result<()> {
        let (_call, socket) = types::shared(accessor, &socket)?;
        socket.0.writable().await;
        Ok(())
    }

    async fn close(
        accessor: &Accessor<T, Self>,
        socket: Resource<SocketHandle>,
        farewell: wit::Farewell,
    ) -> wasmtime::Result<()> {
        let farewell = Farewell {
            code: farewell.code,
            reason: farewell.reason,
        };
        let (_call, socket) = types::shared(accessor, &socket)?;
        socket.0.close(farewell).await;
        Ok(())
    }
}

/// A message beyond the handles that the guest may hold ends it: nothing of a connection may be lost in silence.
fn hand_over(state: &mut State, event: Event) -> wasmtime::Result<wit::Event> {
    Ok(match event {
        Event::Message(kind, body) => wit::Event::Message(wit::Message {
            kind: match kind {
                Kind::Text => wit::Kind::Text,
                Kind::Binary => wit::Kind::Binary,
            },
            content: types::body(state, body)?,
        }),
        Event::Closed(farewell) => wit::Event::Closed(wit::Farewell {
            code: farewell.code,
            reason: farewell.reason,
        }),
    })
}
