//! The server's half of the handshake (RFC 6455, section 4.2): what a request for a WebSocket says, and the answer.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Account, Pending, Socket};
use crate::limits::Limits;

/// The version of the protocol that is spoken.
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// A client that asks for a WebSocket, correctly.
pub(crate) struct Offer {
    /// 101, with all that the client checks.
    answer: Response<()>,
    /// The protocols that it offers, the most wanted first.
    protocols: Vec<String>,
}

/// A request for a WebSocket that can't become one.
pub(crate) struct BadOffer {
    /// 400, or 426 where the client speaks another version.
    pub(crate) status: StatusCode,
    /// What is wrong with it.
    pub(crate) reason: String,
    /// The versions that are spoken, where that is the matter.
    pub(crate) version: Option<HeaderValue>,
}

impl Offer {
    /// What the request offers; `None` where it asks for no WebSocket (or over HTTP/2, which upgrades nothing).
    pub(crate) fn of(head: &Parts) -> Option<Result<Offer, BadOffer>> {
        let asks = head.version == Version::HTTP_11
            && head.method == Method::GET
            && lists(&head.headers, header::CONNECTION, "upgrade")
            && lists(&head.headers, header::UPGRADE, "websocket");
        asks.then(|| Offer::check(head))
    }

    fn check(head: &Parts) -> Result<Offer, BadOffer> {
        let mut request = http::Request::new(());
        *request.version_mut() = head.version;
        *request.headers_mut() = head.headers.clone();
        let answer = server::create_response(&request).map_err(|error| {
            let is_version = matches!(
                error,
                Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader)
            );
            BadOffer {
                status: if is_version {
                    StatusCode::UPGRADE_REQUIRED
                } else {
                    StatusCode::BAD_REQUEST
                },
                reason: error.to_string(),
                version: is_version.then_some(VERSION),
            }
        })?;
        Ok(Offer {
            answer,
            protocols: listed(&head.headers, header::SEC_WEBSOCKET_PROTOCOL),
        })
    }

    /// Agrees: the guest's half, the connection's half, and the response that tells the client. The protocol is the first
    /// that the client offers and that is among `spoken`.
    pub(crate) fn accept(
        self,
        spoken: &[String],
        max_message_size: u64,
        limits: &Limits,
        account: Account,
    ) -> (Socket, Pending, Response<()>) {
        let mut answer = self.answer;
        let chosen = self.protocols.into_iter().find_map(|offered| {
            let value = HeaderValue::from_str(&offered).ok()?;
            spoken.contains(&offered).then_some((offered, value))
        });
        let protocol = chosen.map(|(protocol, value)| {
            answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, value);
            protocol
        });
        let (socket, pending) = Pending::new(Role::Server, protocol, max_message_size, limits, account);
        (socket, pending, answer)
    }
}

/// The elements of a field that is a list (RFC 9110, section 5.6.1).
pub(super) fn listed(headers: &HeaderMap, name: header::HeaderName) -> Vec<String> {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let elements = values.flat_map(|value| value.split(',')).map(str::trim);
    elements
        .filter(|element| !element.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a field that is a list has this element, in any case.
pub(super) fn lists(headers: &HeaderMap, name: header::HeaderName, element: &str) -> bool {
    listed(headers, name)
        .iter()
        .any(|other| other.eq_ignore_ascii_case(element))
}
