//! What happens, told to those who watch: counters, log events (`tracing`), and an access log. `net`, `bindings` and
//! `runtime` report here; what is reported decides nothing.
//!
//! An [`Observer`] belongs to one runtime. Where nobody listens a report costs a few additions: spans, texts and copies are
//! made only for a subscriber or an access log that wants them. Never told: header fields, query strings and contents, as
//! there may be credentials in them (the access log has query strings, as access logs do). Texts that a script or a peer chose go
//! out as string fields, which subscribers print escaped.

mod access;
mod counters;
mod family;
mod histogram;
mod log_rate;
mod metrics;
mod outgoing;
mod served;
mod text;
mod usage;
mod websocket;

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

pub use access::{Access, AccessLog, RequestLine};
pub(crate) use counters::{CRASH, Counters, WALL};
pub use histogram::Times;
pub(crate) use log_rate::{Admitted, LogRate};
pub use metrics::{Both, Counted, Metrics, Requests};
pub(crate) use outgoing::{CANCELLED, Outgoing};
pub(crate) use served::{Counting, Handling, Served};
pub(crate) use text::CONTENT_TYPE;
pub use usage::Usage;
pub(crate) use websocket::{Conversation, Party};

use crate::net::guard::{Question, Verdict};
use crate::permissions::Denied;

/// Servers and their requests, as filters of logs call them.
pub(crate) const HTTP: &str = "atoll::http";
/// Outgoing requests.
const CLIENT: &str = "atoll::client";
/// WebSockets of both ends.
const WEBSOCKET: &str = "atoll::websocket";
/// Decisions.
const PERMISSIONS: &str = "atoll::permissions";
/// Limits that are met.
const LIMITS: &str = "atoll::limits";
/// Instances.
const RUN: &str = "atoll::run";

/// The limit on memory, as `--limit` calls it.
pub(crate) const MEMORY: &str = "memory";

/// Bytes of a text that a script or a peer chose, as far as a log shows it.
const LONGEST_TEXT: usize = 1 << 10;

/// Told what happens in the runs of one runtime.
pub(crate) struct Observer {
    counters: Counters,
    access_log: Option<Arc<dyn AccessLog>>,
    /// A script can provoke warnings as fast as it runs.
    warnings: LogRate,
}

impl Observer {
    /// `failures` are the codes of errors that requests can end with, `most_warnings` what may be logged of those in a second.
    pub(crate) fn new(
        failures: &'static [&'static str],
        most_warnings: u32,
        access_log: Option<Arc<dyn AccessLog>>,
    ) -> Observer {
        Observer {
            counters: Counters::new(failures),
            access_log,
            warnings: LogRate::new(most_warnings),
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether somebody wants to know of decisions that allow.
    pub(crate) fn logs_decisions(&self) -> bool {
        tracing::enabled!(target: PERMISSIONS, tracing::Level::DEBUG)
    }

    /// A decision came out.
    pub(crate) fn decided(&self, question: &Question, verdict: Verdict, refusal: Option<&Denied>) {
        if verdict == Verdict::Denied {
            self.counters.denied(question.action);
        }
        let (action, target) = (question.action, cut(&question.target));
        let address = question.address.map(tracing::field::display);
        let reason = || {
            refusal
                .map(|denied| denied.reason.to_string())
                .unwrap_or_default()
        };
        let cure = || refusal.and_then(|denied| denied.cure.as_deref());
        match verdict {
            Verdict::Allowed => {
                tracing::debug!(target: PERMISSIONS, action, to = target, address, "allowed");
            }
            Verdict::Missing => {
                tracing::info!(target: PERMISSIONS, action, to = target, address, reason = reason(), cure = cure(), "missing");
            }
            Verdict::Denied
                if tracing::enabled!(target: PERMISSIONS, tracing::Level::WARN) && self.may_warn() =>
            {
                tracing::warn!(target: PERMISSIONS, action, to = target, address, reason = reason(), cure = cure(), "denied");
            }
            Verdict::Denied => {}
        }
    }

    /// A limit was met.
    pub(crate) fn limit_hit(&self, limit: &str) {
        self.counters.limit_hit(limit);
        if tracing::enabled!(target: LIMITS, tracing::Level::WARN) && self.may_warn() {
            tracing::warn!(target: LIMITS, limit, "limit met");
        }
    }

    /// An instance starts.
    pub(crate) fn instance_began(&self, script: &str) {
        self.counters.instance_began();
        tracing::info!(target: RUN, script = cut(script), "started");
    }

    /// An instance goes on from the script's start, for one request.
    pub(crate) fn instance_resumed(&self, script: &str) {
        self.counters.instance_began();
        tracing::debug!(target: RUN, script = cut(script), "resumed");
    }

    /// An instance ended by itself, or because it was told to.
    pub(crate) fn instance_ended(&self, script: &str) {
        tracing::info!(target: RUN, script = cut(script), "ended");
    }

    /// A limit or a crash ended an instance.
    pub(crate) fn instance_killed(&self, script: &str, reason: &str, error: &dyn Display) {
        self.counters.killed(reason);
        // A refusal of memory was counted when it came.
        if !matches!(reason, CRASH | MEMORY) {
            self.counters.limit_hit(reason);
        }
        tracing::warn!(target: RUN, script = cut(script), reason, error = error.to_string(), "killed");
    }

    /// A server whose instance was ended starts afresh.
    pub(crate) fn restarted(&self, script: &str) {
        self.counters.restarted();
        tracing::warn!(target: RUN, script = cut(script), "restarted");
    }

    /// A connection to a server is there, for as long as what is returned.
    pub(crate) fn connected(self: &Arc<Observer>, peer: IpAddr) -> Connected {
        self.counters.connections.begin();
        tracing::debug!(target: HTTP, %peer, "connected");
        Connected {
            observer: self.clone(),
            peer,
        }
    }

    /// Whether one more warning may be logged; says how many could not.
    fn may_warn(&self) -> bool {
        match self.warnings.admit() {
            Admitted::No => false,
            Admitted::Yes { dropped: 0 } => true,
            Admitted::Yes { dropped } => {
                tracing::warn!(target: LIMITS, limit = "log-lines", dropped, "warnings left out");
                true
            }
        }
    }
}

/// A connection to a server.
pub(crate) struct Connected {
    observer: Arc<Observer>,
    peer: IpAddr,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.observer.counters.connections.end();
        tracing::debug!(target: HTTP, peer = %self.peer, "disconnected");
    }
}

/// The beginning of a text that somebody else chose.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TEXT)]
}
