//! What `wasi:http` calls a failure, in the words that scripts know.

use wasip2::http::types::{ErrorCode as Theirs, http_error_code};
use wasip2::io::error::Error as StreamFailure;

use super::types::{Denial, ErrorCode};

/// A failed request to `url`.
pub(super) fn of(url: &str, error: Theirs) -> ErrorCode {
    match error {
        Theirs::HttpRequestDenied | Theirs::DestinationIpProhibited => ErrorCode::AccessDenied(Denial {
            action: "net.request".to_owned(),
            target: url.to_owned(),
            reason: "the host's policy".to_owned(),
            cure: None,
        }),
        Theirs::DnsError(payload) => ErrorCode::NameNotResolved(payload.rcode.unwrap_or_default()),
        Theirs::DestinationNotFound => ErrorCode::NameNotResolved("the destination was not found".to_owned()),
        Theirs::DestinationUnavailable => ErrorCode::HostUnreachable,
        Theirs::DestinationIpUnroutable => ErrorCode::NetworkUnreachable,
        Theirs::ConnectionRefused => ErrorCode::ConnectionRefused,
        Theirs::ConnectionTerminated | Theirs::HttpResponseIncomplete => ErrorCode::ConnectionClosed,
        Theirs::DnsTimeout => ErrorCode::Timeout("the name was not resolved in time".to_owned()),
        Theirs::ConnectionTimeout => ErrorCode::Timeout("no connection in time".to_owned()),
        Theirs::ConnectionReadTimeout | Theirs::ConnectionWriteTimeout | Theirs::HttpResponseTimeout => {
            ErrorCode::Timeout("no response in time".to_owned())
        }
        Theirs::ConnectionLimitReached => {
            ErrorCode::LimitExceeded("the host's limit on connections".to_owned())
        }
        Theirs::TlsProtocolError => ErrorCode::TlsFailure("the handshake failed".to_owned()),
        Theirs::TlsCertificateError => ErrorCode::TlsFailure("the certificate is not trusted".to_owned()),
        Theirs::TlsAlertReceived(alert) => ErrorCode::TlsFailure(
            alert
                .alert_message
                .unwrap_or_else(|| "the peer sent an alert".to_owned()),
        ),
        Theirs::HttpRequestUriInvalid | Theirs::HttpRequestUriTooLong => {
            ErrorCode::InvalidUrl(format!("the host does not take {url:?}"))
        }
        Theirs::HttpRequestMethodInvalid => {
            ErrorCode::InvalidUrl("the host does not take the method".to_owned())
        }
        Theirs::HttpRequestBodySize(_) => {
            ErrorCode::BodyTooLarge("the host's limit on a request's content".to_owned())
        }
        Theirs::HttpResponseBodySize(_) => {
            ErrorCode::BodyTooLarge("the host's limit on a response's content".to_owned())
        }
        Theirs::HttpRequestHeaderSectionSize(_)
        | Theirs::HttpRequestHeaderSize(_)
        | Theirs::HttpRequestTrailerSectionSize(_)
        | Theirs::HttpRequestTrailerSize(_) => {
            ErrorCode::HeadersTooLarge("the host's limit on a request's headers".to_owned())
        }
        Theirs::HttpResponseHeaderSectionSize(_)
        | Theirs::HttpResponseHeaderSize(_)
        | Theirs::HttpResponseTrailerSectionSize(_)
        | Theirs::HttpResponseTrailerSize(_) => {
            ErrorCode::HeadersTooLarge("the host's limit on a response's headers".to_owned())
        }
        Theirs::ConfigurationError => {
            ErrorCode::NotSupported("the host is not configured for net.request".to_owned())
        }
        Theirs::InternalError(Some(cause)) => ErrorCode::InvalidResponse(format!("the host says: {cause}")),
        Theirs::InternalError(None) => ErrorCode::InvalidResponse("the host does not say why".to_owned()),
        Theirs::HttpResponseTransferCoding(_) | Theirs::HttpResponseContentCoding(_) => {
            ErrorCode::InvalidResponse("the content is in a coding that the host does not know".to_owned())
        }
        Theirs::LoopDetected => ErrorCode::InvalidResponse("the host detected a loop".to_owned()),
        Theirs::HttpProtocolError | Theirs::HttpUpgradeFailed | Theirs::HttpRequestLengthRequired => {
            ErrorCode::InvalidResponse("the exchange breaks HTTP".to_owned())
        }
    }
}

/// A content that broke off.
pub(super) fn of_stream(error: &StreamFailure) -> ErrorCode {
    match http_error_code(error) {
        Some(code) => of("", code),
        None => ErrorCode::ConnectionClosed,
    }
}
