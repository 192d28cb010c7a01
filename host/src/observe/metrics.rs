//! What was counted, as values: for embedders, and for the text that Prometheus reads.

use std::time::SystemTime;

use super::histogram::Times;
use super::usage::Usage;

/// What one runtime has counted since it was built, over all of its runs. `docs/observability.md` says what each is called in
/// the text of [`to_prometheus`](Metrics::to_prometheus).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// When the runtime was built.
    pub started: SystemTime,
    /// What is held right now.
    pub usage: Usage,
    /// Instances that were ever started.
    pub instances: u64,
    /// Instances that did not end by themselves: by the limit that ended them, or `crash`.
    pub killed: Vec<(&'static str, u64)>,
    /// Servers that were started afresh after that.
    pub restarts: u64,
    /// How often each limit was met on the host: by its name. What the script's own machine refuses (a Luau error for a full
    /// heap or a long run) is not among them.
    pub limit_hits: Vec<(&'static str, u64)>,
    /// Decisions that were a no: by what was tried.
    pub denied: Vec<(&'static str, u64)>,
    /// Connections to servers.
    pub connections: Counted,
    /// Requests to servers.
    pub served: Requests,
    /// How long scripts had those that they were given, from the hand-over to the answer.
    pub script_times: Times,
    /// Requests that scripts sent.
    pub outgoing: Requests,
    /// WebSockets of servers.
    pub server_websockets: Counted,
    /// WebSockets that scripts opened.
    pub client_websockets: Counted,
    /// Messages over either.
    pub messages: Both,
    /// Bytes of those.
    pub message_bytes: Both,
    /// Lines that the access log refused.
    pub access_lines_lost: u64,
}

/// Something that begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// How many there are.
    pub now: u64,
    /// How many there ever were.
    pub total: u64,
}

/// Both directions, as the script sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Both {
    /// To the script.
    pub received: u64,
    /// From the script.
    pub sent: u64,
}

/// Requests of one direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requests {
    /// Those that are over: the method (`other` for one that is not in RFC 9110 or RFC 5789, and where the head could not be
    /// read), the status code or the error's code, how many.
    pub over: Vec<(&'static str, String, u64)>,
    /// Those under way.
    pub under_way: u64,
    /// How long they took. Those whose head could not be read have no time.
    pub times: Times,
    /// Bytes of content.
    pub bytes: Both,
}
