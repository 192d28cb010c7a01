//! The words for what can go wrong at run time: the only place that spells an error code.
//!
//! Scripts get these texts as the second result of a call that returned `false`. Each starts with
//! a stable code, alone or followed by `: detail`.

use crate::bindings::types::{Denial, ErrorCode};

/// The script's message for a failure that the host reported.
pub(crate) fn words(error: &ErrorCode) -> String {
    let (code, detail) = match error {
        ErrorCode::AccessDenied(denial) => return with_detail("PermissionDenied", &refusal(denial)),
        ErrorCode::InvalidUrl(detail) => return invalid_url(detail),
        ErrorCode::LimitExceeded(detail) => return limit_exceeded(detail),
        ErrorCode::UnsupportedScheme(detail) => ("UnsupportedScheme", detail.as_str()),
        ErrorCode::NameNotResolved(detail) => ("NameNotResolved", detail.as_str()),
        ErrorCode::ConnectionRefused => ("ConnectionRefused", ""),
        ErrorCode::ConnectionReset => ("ConnectionReset", ""),
        ErrorCode::ConnectionClosed => ("ConnectionClosed", ""),
        ErrorCode::HostUnreachable => ("HostUnreachable", ""),
        ErrorCode::NetworkUnreachable => ("NetworkUnreachable", ""),
        ErrorCode::AddressInUse => ("AddressInUse", ""),
        ErrorCode::AddressNotAvailable => ("AddressNotAvailable", ""),
        ErrorCode::Timeout(detail) => ("Timeout", detail.as_str()),
        ErrorCode::TlsFailure(detail) => ("TlsFailure", detail.as_str()),
        ErrorCode::BodyTooLarge(detail) => ("BodyTooLarge", detail.as_str()),
        ErrorCode::HeadersTooLarge(detail) => ("HeadersTooLarge", detail.as_str()),
        ErrorCode::TooManyRedirects => ("TooManyRedirects", ""),
        ErrorCode::InvalidResponse(detail) => ("InvalidResponse", detail.as_str()),
        ErrorCode::HandshakeRejected(detail) => ("HandshakeRejected", detail.as_str()),
        ErrorCode::Cancelled => ("Cancelled", ""),
        #[cfg(feature = "wasi-http")]
        ErrorCode::NotSupported(detail) => ("NotSupported", detail.as_str()),
    };
    with_detail(code, detail)
}

/// The message for a URL that the guest itself refuses.
pub(crate) fn invalid_url(detail: &str) -> String {
    with_detail("InvalidUrl", detail)
}

/// The message for a limit that the guest itself keeps.
pub(crate) fn limit_exceeded(detail: &str) -> String {
    with_detail("LimitExceeded", detail)
}

fn with_detail(code: &str, detail: &str) -> String {
    if detail.is_empty() {
        code.to_owned()
    } else {
        format!("{code}: {detail}")
    }
}

fn refusal(denial: &Denial) -> String {
    let preposition = if denial.action == "net.serve" { "on" } else { "to" };
    let mut text = format!(
        "{} {preposition} {} is not allowed ({})",
        denial.action, denial.target, denial.reason
    );
    if let Some(cure) = &denial.cure {
        text.push_str("; run again with ");
        text.push_str(cure);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::bindings::types::{Denial, ErrorCode};

    #[test]
    fn a_code_stands_alone_or_has_a_detail() {
        let table = [
            (ErrorCode::ConnectionRefused, "ConnectionRefused"),
            (ErrorCode::Timeout(String::new()), "Timeout"),
            (
                ErrorCode::InvalidUrl("missing host in \"http://\"".into()),
                "InvalidUrl: missing host in \"http://\"",
            ),
        ];
        for (error, expected) in table {
            assert_eq!(words(&error), expected);
        }
    }

    #[test]
    fn a_denial_names_action_target_reason_and_cure() {
        let request = Denial {
            action: "net.request".into(),
            target: "http://10.0.0.5:80".into(),
            reason: "private address".into(),
            cure: Some("--allow-net=10.0.0.5:80".into()),
        };
        assert_eq!(
            words(&ErrorCode::AccessDenied(request)),
            "PermissionDenied: net.request to http://10.0.0.5:80 is not allowed (private address); \
             run again with --allow-net=10.0.0.5:80"
        );
        let serve = Denial {
            action: "net.serve".into(),
            target: "0.0.0.0:80".into(),
            reason: "denied".into(),
            cure: None,
        };
        assert_eq!(
            words(&ErrorCode::AccessDenied(serve)),
            "PermissionDenied: net.serve on 0.0.0.0:80 is not allowed (denied)"
        );
    }
}
