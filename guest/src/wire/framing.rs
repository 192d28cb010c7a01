//! Header fields that are never taken from a script.

/// Fields that frame a message or speak of its connection (RFC 9110, section 7.6.1).
pub(crate) const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that also name a request's target, or ask for an interim answer.
pub(crate) const REQUEST_ONLY: &[&str] = &["host", "expect"];
