//! The access log's view of a request. `cli` writes one in the format that tools read; embedders can bring another.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// One request of a server that is over, whoever answered it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Access<'a> {
    /// When its head was there.
    pub time: SystemTime,
    /// Who sent it.
    pub peer: IpAddr,
    /// What its first line says; none where its head could not be read.
    pub line: Option<RequestLine<'a>>,
    /// What it was answered with; 499 where the client went before there was an answer.
    pub status: u16,
    /// Bytes of its content.
    pub received: u64,
    /// Bytes of the response's content, as far as the connection took them.
    pub sent: u64,
    /// Its field `referer`; any bytes but control characters.
    pub referer: Option<&'a [u8]>,
    /// Its field `user-agent`, likewise.
    pub user_agent: Option<&'a [u8]>,
    /// How long the script had it: from the hand-over to the answer, waits included.
    pub script: Duration,
    /// From its head to the end of its response.
    pub total: Duration,
}

/// The first line of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine<'a> {
    /// A token.
    pub method: &'a str,
    /// The request-target (RFC 9112, section 3.2), query included.
    pub target: &'a str,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub version: &'a str,
}

/// Receives a record of each request that is over. Called from the thread that runs the script, which waits meanwhile.
pub trait AccessLog: Send + Sync {
    /// Records a request. An error changes nothing but a count: [`Metrics::access_lines_lost`](crate::Metrics).
    fn record(&self, access: &Access<'_>) -> io::Result<()>;
}
