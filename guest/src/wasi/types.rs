//! The words that the interfaces share: what wit-bindgen makes of `wit/types.wit` and `wit/world.wit`.

pub(crate) use super::body::{IncomingBody, OutgoingBody};

/// A header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// A token.
    pub(crate) name: String,
    /// Any bytes but CR, LF and NUL.
    pub(crate) value: Vec<u8>,
}

/// The content of a message on its way in.
pub(crate) enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// To be read until an empty piece comes.
    Pieces(IncomingBody),
}

/// Why a permission check said no.
#[derive(Debug, Clone)]
pub(crate) struct Denial {
    /// What was tried: `net.request`.
    pub(crate) action: String,
    /// To what: a URL.
    pub(crate) target: String,
    /// Why it is not allowed.
    pub(crate) reason: String,
    /// The flag that would allow it, where one would.
    pub(crate) cure: Option<String>,
}

/// Why an operation failed. A text says what the case alone does not.
#[derive(Debug, Clone)]
#[allow(
    dead_code,
    reason = "the words for all of them are shared; some failures only another host has"
)]
pub(crate) enum ErrorCode {
    /// The host's policy does not cover it.
    AccessDenied(Denial),
    /// Not a URL, or not one that can be asked for.
    InvalidUrl(String),
    /// A URL of a kind that this operation does not speak.
    UnsupportedScheme(String),
    /// The name has no address.
    NameNotResolved(String),
    /// Nothing listens there.
    ConnectionRefused,
    /// The peer gave up the connection.
    ConnectionReset,
    /// The peer closed before its message was whole.
    ConnectionClosed,
    /// No route to the host.
    HostUnreachable,
    /// No route to its network.
    NetworkUnreachable,
    /// Something else listens there.
    AddressInUse,
    /// This machine does not have that address.
    AddressNotAvailable,
    /// What took too long.
    Timeout(String),
    /// No secure connection.
    TlsFailure(String),
    /// The limit that the content passed.
    BodyTooLarge(String),
    /// The limit that the head passed.
    HeadersTooLarge(String),
    /// More than ten redirects.
    TooManyRedirects,
    /// The peer's message breaks the protocol.
    InvalidResponse(String),
    /// The server did not agree to a WebSocket.
    HandshakeRejected(String),
    /// One of the host's limits.
    LimitExceeded(String),
    /// The script gave it up.
    Cancelled,
    /// WASI has nothing of the kind, or not now: what to do instead.
    NotSupported(String),
}

/// What kind of failure ended a piece of script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScriptErrorKind {
    /// The source text is not Luau.
    Syntax,
    /// It ran, and threw.
    Runtime,
}

/// An error of the script that nothing in the script caught.
#[derive(Debug, Clone)]
pub(crate) struct ScriptError {
    /// What kind it is.
    pub(crate) kind: ScriptErrorKind,
    /// What was running.
    pub(crate) origin: String,
    /// The error.
    pub(crate) message: String,
    /// The stack, a frame a line.
    pub(crate) trace: String,
}

/// What becomes of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "a component runs scripts; what is shared knows the other modes"
)]
pub(crate) enum Mode {
    /// It is run to its end.
    Script,
    /// Lines that somebody types.
    Session,
    /// It names tests.
    Test,
    /// It is only compiled.
    Check,
    /// It is only compiled, and its bytecode is told.
    Compile,
}

/// The script to run.
pub(crate) struct Program {
    /// What messages call it.
    pub(crate) name: String,
    /// Luau source text, unless it is `compiled`.
    pub(crate) source: Vec<u8>,
    /// `process.args`.
    pub(crate) arguments: Vec<String>,
    /// `process.env`.
    pub(crate) environment: Vec<(String, String)>,
    /// Bytes that the Luau heap may hold.
    pub(crate) heap: u64,
    /// Nanoseconds that one coroutine may run without waiting.
    pub(crate) longest_run: u64,
    /// Calls and deferred tasks that may wait at once.
    pub(crate) parked: u32,
    /// What becomes of it.
    pub(crate) mode: Mode,
    /// Whether it is bytecode.
    pub(crate) compiled: bool,
}
