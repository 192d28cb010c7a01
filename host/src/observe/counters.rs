//! The counters of one runtime. What is counted often is a relaxed addition or two.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::Method;

use super::family::{ByMethod, ByName, Outcome};
use super::histogram::Histogram;
use super::metrics::{Both, Counted, Metrics, Requests};
use super::usage::Gauges;
use crate::limits::Limits;
use crate::permissions::ACTIONS;

/// The bound on the whole run: no entry of `Limits`, as it has a flag of its own.
pub(crate) const WALL: &str = "timeout";

/// What ends an instance that neither its script nor a limit ended.
pub(crate) const CRASH: &str = "crash";

/// What can end an instance against its will.
const KILLS: [&str; 5] = ["run", "memory", "stack", WALL, CRASH];

/// What is counted over all runs of one runtime.
pub(crate) struct Counters {
    started: SystemTime,
    pub(crate) gauges: Gauges,
    instances: AtomicU64,
    killed: ByName,
    restarts: AtomicU64,
    limit_hits: ByName,
    denied: ByName,
    pub(super) connections: Present,
    pub(super) served: Exchanges,
    script_times: Histogram,
    pub(super) outgoing: Exchanges,
    pub(super) server_websockets: Present,
    pub(super) client_websockets: Present,
    pub(super) messages: Directions,
    pub(super) message_bytes: Directions,
    access_lines_lost: AtomicU64,
}

/// Counts what begins and ends.
#[derive(Default)]
pub(super) struct Present {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Counts both directions.
#[derive(Default)]
pub(super) struct Directions {
    received: AtomicU64,
    sent: AtomicU64,
}

/// Counts requests of one direction.
pub(super) struct Exchanges {
    over: ByMethod,
    under_way: Present,
    times: Histogram,
    bytes: Directions,
}

impl Counters {
    pub(super) fn new(failures: &'static [&'static str]) -> Counters {
        let mut limits = Limits::names();
        limits.push(WALL);
        Counters {
            started: SystemTime::now(),
            gauges: Gauges::default(),
            instances: AtomicU64::new(0),
            killed: ByName::new(KILLS),
            restarts: AtomicU64::new(0),
            limit_hits: ByName::new(limits),
            denied: ByName::new(ACTIONS),
            connections: Present::default(),
            served: Exchanges::new(&[]),
            script_times: Histogram::default(),
            outgoing: Exchanges::new(failures),
            server_websockets: Present::default(),
            client_websockets: Present::default(),
            messages: Directions::default(),
            message_bytes: Directions::default(),
            access_lines_lost: AtomicU64::new(0),
        }
    }

    /// All of them as they are now. They are read one after the other, while others may be counted.
    pub(crate) fn read(&self) -> Metrics {
        Metrics {
            started: self.started,
            usage: self.gauges.usage(),
            instances: self.instances.load(Ordering::Relaxed),
            killed: self.killed.read(),
            restarts: self.restarts.load(Ordering::Relaxed),
            limit_hits: self.limit_hits.read(),
            denied: self.denied.read(),
            connections: self.connections.read(),
            served: self.served.read(),
            script_times: self.script_times.read(),
            outgoing: self.outgoing.read(),
            server_websockets: self.server_websockets.read(),
            client_websockets: self.client_websockets.read(),
            messages: self.messages.read(),
            message_bytes: self.message_bytes.read(),
            access_lines_lost: self.access_lines_lost.load(Ordering::Relaxed),
        }
    }

    pub(super) fn instance_began(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
        self.gauges.instance_began();
    }

    pub(super) fn killed(&self, reason: &str) {
        self.killed.count(reason);
    }

    pub(super) fn restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn limit_hit(&self, limit: &str) {
        self.limit_hits.count(limit);
    }

    pub(super) fn denied(&self, action: &str) {
        self.denied.count(action);
    }

    pub(super) fn script_took(&self, time: Duration) {
        self.script_times.observe(time);
    }

    pub(super) fn access_line_lost(&self) {
        self.access_lines_lost.fetch_add(1, Ordering::Relaxed);
    }
}

impl Present {
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Counted {
        // First those that ended: what begins and ends in between must not make the difference negative.
        let ended = self.ended.load(Ordering::Relaxed);
        let total = self.begun.load(Ordering::Relaxed);
        Counted {
            now: total.saturating_sub(ended),
            total,
        }
    }
}

impl Directions {
    pub(super) fn receive(&self, count: u64) {
        self.received.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn send(&self, count: u64) {
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    fn read(&self) -> Both {
        Both {
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }
}

impl Exchanges {
    fn new(failures: &'static [&'static str]) -> Exchanges {
        Exchanges {
            over: ByMethod::new(failures),
            under_way: Present::default(),
            times: Histogram::default(),
            bytes: Directions::default(),
        }
    }

    pub(super) fn begin(&self) {
        self.under_way.begin();
    }

    /// One that had begun is over. `received` and `sent` are bytes of its contents.
    pub(super) fn end(
        &self,
        method: Option<&Method>,
        outcome: Outcome,
        time: Duration,
        received: u64,
        sent: u64,
    ) {
        self.over.count(method, outcome);
        self.times.observe(time);
        self.bytes.receive(received);
        self.bytes.send(sent);
        self.under_way.end();
    }

    /// One whose head could not be read.
    pub(super) fn unread(&self, status: u16) {
        self.over.count(None, Outcome::Status(status));
    }

    fn read(&self) -> Requests {
        Requests {
            under_way: self.under_way.read().now,
            over: self.over.read(),
            times: self.times.read(),
            bytes: self.bytes.read(),
        }
    }
}
