//! Why a network operation failed. `bindings` turns it into WIT's `error-code`, case by case.

use std::io;

use crate::limits::Limits;
use crate::observe;
use crate::permissions::Denied;

/// One failure of a network operation. A text in a variant says what the variant alone does not.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// The permissions do not cover it: run again with the flag that it names.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The script's URL is at fault.
    #[error("invalid URL: {0}")]
    InvalidUrl(String),
    /// The URL is fine, but not of a kind that this operation speaks.
    #[error("unsupported scheme: {0}")]
    UnsupportedScheme(String),
    /// The name has no address, or no answer came.
    #[error("name not resolved: {0}")]
    NameNotResolved(String),
    /// Nothing listens there.
    #[error("connection refused")]
    ConnectionRefused,
    /// The peer gave up the connection.
    #[error("connection reset")]
    ConnectionReset,
    /// The peer closed before its message was whole.
    #[error("connection closed")]
    ConnectionClosed,
    /// No route to the host.
    #[error("host unreachable")]
    HostUnreachable,
    /// No route to its network.
    #[error("network unreachable")]
    NetworkUnreachable,
    /// Something else listens there.
    #[error("address in use")]
    AddressInUse,
    /// This machine does not have that address.
    #[error("address not available")]
    AddressNotAvailable,
    /// What did not end in time.
    #[error("timeout: {0}")]
    Timeout(String),
    /// No secure connection: what is wrong with the certificate, the handshake or the script's PEM.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server did not agree to a WebSocket.
    #[error("handshake rejected: {0}")]
    HandshakeRejected(String),
    /// The content passed this many bytes.
    #[error("the content has more than {0} bytes")]
    BodyTooLarge(u64),
    /// The message's head passed a limit.
    #[error("headers too large: {text}")]
    HeadersTooLarge {
        /// Its name.
        limit: &'static str,
        /// What is too large.
        text: String,
    },
    /// More than ten redirects.
    #[error("too many redirects")]
    TooManyRedirects,
    /// The peer's message breaks the protocol.
    #[error("invalid response: {0}")]
    InvalidResponse(String),
    /// One of the limits.
    #[error("limit exceeded: {text}")]
    LimitExceeded {
        /// Its name; none where it is the system's own.
        limit: Option<&'static str>,
        /// What it is about, and how to raise it.
        text: String,
    },
}

/// The limit on a head's bytes, as `--limit` calls it.
pub(crate) const HEADER_BYTES: &str = "header-bytes";

/// Every code, as scripts read it, and what a request comes to that is given up.
pub(crate) const CODES: &[&str] = &[
    "PermissionDenied",
    "InvalidUrl",
    "UnsupportedScheme",
    "NameNotResolved",
    "ConnectionRefused",
    "ConnectionReset",
    "ConnectionClosed",
    "HostUnreachable",
    "NetworkUnreachable",
    "AddressInUse",
    "AddressNotAvailable",
    "Timeout",
    "TlsFailure",
    "HandshakeRejected",
    "BodyTooLarge",
    "HeadersTooLarge",
    "TooManyRedirects",
    "InvalidResponse",
    "LimitExceeded",
    observe::CANCELLED,
];

impl Error {
    /// The limit called `name`, which stands at `value`, was reached.
    pub(crate) fn limit(name: &'static str, value: impl std::fmt::Display, what: &str) -> Error {
        Error::LimitExceeded {
            limit: Some(name),
            text: format!("{what} (limit {name}={value}; raise it with --limit {name}=VALUE)"),
        }
    }

    /// The system has no descriptor left.
    fn no_descriptors(error: &io::Error) -> Error {
        Error::LimitExceeded {
            limit: None,
            text: format!("the system has no file descriptor left: {error}"),
        }
    }

    /// What scripts and metrics call it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Error::Denied(_) => "PermissionDenied",
            Error::InvalidUrl(_) => "InvalidUrl",
            Error::UnsupportedScheme(_) => "UnsupportedScheme",
            Error::NameNotResolved(_) => "NameNotResolved",
            Error::ConnectionRefused => "ConnectionRefused",
            Error::ConnectionReset => "ConnectionReset",
            Error::ConnectionClosed => "ConnectionClosed",
            Error::HostUnreachable => "HostUnreachable",
            Error::NetworkUnreachable => "NetworkUnreachable",
            Error::AddressInUse => "AddressInUse",
            Error::AddressNotAvailable => "AddressNotAvailable",
            Error::Timeout(_) => "Timeout",
            Error::Tls(_) => "TlsFailure",
            Error::HandshakeRejected(_) => "HandshakeRejected",
            Error::BodyTooLarge(_) => "BodyTooLarge",
            Error::HeadersTooLarge { .. } => "HeadersTooLarge",
            Error::TooManyRedirects => "TooManyRedirects",
            Error::InvalidResponse(_) => "InvalidResponse",
            Error::LimitExceeded { .. } => "LimitExceeded",
        }
    }

    /// The limit that was met, where one was and nobody has counted it yet.
    pub(crate) fn limit_met(&self) -> Option<&'static str> {
        match self {
            Error::HeadersTooLarge { limit, .. } => Some(limit),
            Error::LimitExceeded { limit, .. } => *limit,
            _ => None,
        }
    }

    /// No further request or handshake may go out.
    pub(crate) fn too_many_outgoing(limits: &Limits) -> Error {
        Error::limit("outgoing", limits.outgoing, "too many requests are under way")
    }

    /// A failed connect.
    pub(crate) fn connect(error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
            io::ErrorKind::HostUnreachable => Error::HostUnreachable,
            io::ErrorKind::NetworkUnreachable => Error::NetworkUnreachable,
            io::ErrorKind::AddrNotAvailable => Error::AddressNotAvailable,
            io::ErrorKind::TimedOut => Error::Timeout("the system gave up connecting".to_owned()),
            _ if error.raw_os_error().is_some_and(is_descriptor_limit) => Error::no_descriptors(error),
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Error::ConnectionReset,
            // A route that forbids, or that leads nowhere.
            _ => Error::NetworkUnreachable,
        }
    }

    /// A failed bind.
    pub(crate) fn bind(error: &io::Error, denied: impl FnOnce() -> Denied) -> Error {
        match error.kind() {
            io::ErrorKind::AddrInUse => Error::AddressInUse,
            io::ErrorKind::PermissionDenied => Error::Denied(denied()),
            _ if error.raw_os_error().is_some_and(is_descriptor_limit) => Error::no_descriptors(error),
            _ => Error::AddressNotAvailable,
        }
    }

    /// A failed exchange on an open connection, as hyper reports it: `error` or one of its sources.
    pub(crate) fn exchange(error: &(dyn std::error::Error + 'static)) -> Error {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(own) = error.downcast_ref::<Error>() {
                return own.clone();
            }
            if let Some(error) = error.downcast_ref::<hyper::Error>() {
                if error.is_parse_too_large() {
                    return Error::HeadersTooLarge {
                        limit: HEADER_BYTES,
                        text: "the response's head is over the limit".to_owned(),
                    };
                }
                if error.is_parse() {
                    return Error::InvalidResponse(error.to_string());
                }
                if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
                    return Error::ConnectionClosed;
                }
            }
            if let Some(error) = error.downcast_ref::<h2::Error>() {
                return Error::h2(error);
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                // The reason may be one of ours, or of the layer below, in an io::Error's dress.
                if let Some(inner) = error.get_ref() {
                    if let Some(own) = inner.downcast_ref::<Error>() {
                        return own.clone();
                    }
                    if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
                        return Error::Tls(tls.to_string());
                    }
                }
                return match error.kind() {
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Error::ConnectionClosed,
                    io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                        Error::InvalidResponse(error.to_string())
                    }
                    _ => Error::ConnectionReset,
                };
            }
            cause = error.source();
        }
        Error::InvalidResponse(error.to_string())
    }

    /// A failed stream or connection of HTTP/2 (RFC 9113, section 7).
    fn h2(error: &h2::Error) -> Error {
        if let Some(io) = error.get_io() {
            return match io.kind() {
                io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Error::ConnectionClosed,
                _ => Error::ConnectionReset,
            };
        }
        match error.reason() {
            Some(h2::Reason::NO_ERROR | h2::Reason::CANCEL | h2::Reason::REFUSED_STREAM) => {
                Error::ConnectionClosed
            }
            Some(_) if error.is_remote() => Error::ConnectionReset,
            _ => Error::InvalidResponse(error.to_string()),
        }
    }
}

/// EMFILE or ENFILE: this process, or the system, has no descriptor left.
pub(crate) fn is_descriptor_limit(code: i32) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(code, ENFILE | EMFILE)
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::Error;

    // A test of a script can't have a host that no route leads to: that takes a route of its own.
    #[test]
    fn failed_connects() {
        let table = [
            (ErrorKind::ConnectionRefused, "connection refused"),
            (ErrorKind::HostUnreachable, "host unreachable"),
            (ErrorKind::NetworkUnreachable, "network unreachable"),
            (ErrorKind::AddrNotAvailable, "address not available"),
            (ErrorKind::TimedOut, "timeout: the system gave up connecting"),
        ];
        for (kind, expected) in table {
            assert_eq!(Error::connect(&io::Error::from(kind)).to_string(), expected);
        }
    }
}
