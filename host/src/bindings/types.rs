//! `atoll:net/types`: what the other interfaces share.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use wasmtime::component::{Accessor, HasSelf, Resource};

use super::wit;
use crate::limits;
use crate::net::body::{Body, Pieces, counted};
use crate::net::error::Error;
use crate::net::headers::Field;
use crate::net::http_server;
use crate::runtime::{ScriptError, ScriptErrorKind, State};

/// Bytes of each text of an error that are kept.
const LONGEST_TEXT: usize = 64 << 10;

/// Content that the guest fetches in pieces. Shared, as a read may outlive the handle's borrow.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct IncomingBody(Arc<Mutex<Pieces>>);

/// Content that the guest sends in pieces. Shared, as a write may outlive the handle's borrow.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OutgoingBody(Arc<Mutex<http_server::OutgoingBody>>);

impl OutgoingBody {
    pub(super) fn new(body: http_server::OutgoingBody) -> OutgoingBody {
        OutgoingBody(Arc::new(Mutex::new(body)))
    }
}

impl wit::Host for State {}

impl wit::HostOutgoingBody for State {
    fn finish(&mut self, body: Resource<OutgoingBody>) -> wasmtime::Result<()> {
        // With a write still under way it is not whole, and breaks off with it.
        if let Ok(body) = Arc::try_unwrap(self.take(body)?.0) {
            body.into_inner().finish();
        }
        Ok(())
    }

    fn drop(&mut self, body: Resource<OutgoingBody>) -> wasmtime::Result<()> {
        self.take(body)?;
        Ok(())
    }
}

impl<T: Send> wit::HostOutgoingBodyWithStore<T> for HasSelf<State> {
    async fn write(
        accessor: &Accessor<T, Self>,
        body: Resource<OutgoingBody>,
        piece: Vec<u8>,
    ) -> wasmtime::Result<Result<(), wit::ErrorCode>> {
        let (_call, body) = shared(accessor, &body)?;
        let piece = match accessor.with(|mut access| hold(access.get(), piece)) {
            Ok(piece) => piece,
            Err(error) => return Ok(Err(error.into())),
        };
        let written = body.0.lock().await.write(piece).await;
        Ok(written.map_err(Into::into))
    }
}

impl wit::HostIncomingBody for State {
    fn drop(&mut self, body: Resource<IncomingBody>) -> wasmtime::Result<()> {
        self.take(body)?;
        Ok(())
    }
}

impl<T: Send> wit::HostIncomingBodyWithStore<T> for HasSelf<State> {
    async fn read(
        accessor: &Accessor<T, Self>,
        body: Resource<IncomingBody>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, wit::ErrorCode>> {
        let (_call, pieces) = shared(accessor, &body)?;
        let piece = pieces.0.lock().await.next(max as usize).await;
        Ok(piece.map(|bytes| bytes.to_vec()).map_err(Into::into))
    }
}

/// A place for a call, and the resource that it is about, for as long as it waits.
pub(super) fn shared<T: Send, R: Clone + Send + Sync + 'static>(
    accessor: &Accessor<T, HasSelf<State>>,
    resource: &Resource<R>,
) -> wasmtime::Result<(OwnedSemaphorePermit, R)> {
    accessor.with(|mut access| {
        let state = access.get();
        Ok((state.enter()?, state.table.get(resource)?.clone()))
    })
}

/// Content from the guest, for a peer. It counts until the peer has taken it, which may be long after the guest has
/// its memory back.
pub(super) fn hold(state: &State, content: Vec<u8>) -> Result<Bytes, Error> {
    let place = place(state, content.len())?;
    Ok(counted(content, place))
}

/// A place for so many bytes of content that waits for a peer.
pub(super) fn place(state: &State, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
    let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    let place = state.send_buffer.clone().try_acquire_many_owned(kibibytes);
    place.map_err(|_| {
        state.limit(
            "send-buffer",
            limits::size(state.limits.send_buffer),
            "too much content waits for slow peers",
        )
    })
}

/// Content for the guest, as a handle where it is large.
pub(super) fn body(state: &mut State, body: Body) -> Result<wit::Body, Error> {
    Ok(match body {
        Body::Whole(content, _held) => wit::Body::Whole(content.into()),
        Body::Pieces(pieces) => wit::Body::Pieces(state.push(IncomingBody(Arc::new(Mutex::new(pieces))))?),
    })
}

/// Header fields from the guest.
pub(super) fn fields(headers: Vec<wit::Header>) -> Vec<Field> {
    headers
        .into_iter()
        .map(|header| (header.name, header.value))
        .collect()
}

impl From<Error> for wit::ErrorCode {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(denied) => wit::ErrorCode::AccessDenied(wit::Denial {
                action: denied.action.to_string(),
                target: denied.target,
                reason: denied.reason.to_string(),
                cure: denied.cure,
            }),
            Error::InvalidUrl(text) => wit::ErrorCode::InvalidUrl(text),
            Error::UnsupportedScheme(text) => wit::ErrorCode::UnsupportedScheme(text),
            Error::NameNotResolved(text) => wit::ErrorCode::NameNotResolved(text),
            Error::ConnectionRefused => wit::ErrorCode::ConnectionRefused,
            Error::ConnectionReset => wit::ErrorCode::ConnectionReset,
            Error::ConnectionClosed => wit::ErrorCode::ConnectionClosed,
            Error::HostUnreachable => wit::ErrorCode::HostUnreachable,
            Error::NetworkUnreachable => wit::ErrorCode::NetworkUnreachable,
            Error::AddressInUse => wit::ErrorCode::AddressInUse,
            Error::AddressNotAvailable => wit::ErrorCode::AddressNotAvailable,
            Error::Timeout(text) => wit::ErrorCode::Timeout(text),
            Error::Tls(text) => wit::ErrorCode::TlsFailure(text),
            Error::HandshakeRejected(text) => wit::ErrorCode::HandshakeRejected(text),
            Error::BodyTooLarge(_) => wit::ErrorCode::BodyTooLarge(error.to_string()),
            Error::HeadersTooLarge { text, .. } => wit::ErrorCode::HeadersTooLarge(text),
            Error::TooManyRedirects => wit::ErrorCode::TooManyRedirects,
            Error::InvalidResponse(text) => wit::ErrorCode::InvalidResponse(text),
            Error::LimitExceeded { text, .. } => wit::ErrorCode::LimitExceeded(text),
        }
    }
}

/// A text of an error, as far as it is kept.
pub(super) fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    text
}

impl From<wit::ScriptError> for ScriptError {
    fn from(error: wit::ScriptError) -> Self {
        ScriptError {
            kind: match error.kind {
                wit::ScriptErrorKind::Syntax => ScriptErrorKind::Syntax,
                wit::ScriptErrorKind::Runtime => ScriptErrorKind::Runtime,
            },
            origin: bounded(error.origin),
            message: bounded(error.message),
            trace: bounded(error.trace),
            excerpts: Vec::new(),
        }
    }
}
