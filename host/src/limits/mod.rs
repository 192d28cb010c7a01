//! Every bound that Atoll puts on a script, in one struct: the only place where such a number stands.
//!
//! `config` fills it from `--limit name=value`, `runtime`, `net` and `bindings` obey it. Each limit is
//! finite by default, and an error that a limit causes names it and the flag that raises it.

mod entries;

use std::time::Duration;

use self::entries::ENTRIES;
pub(crate) use self::entries::size;

/// The bounds of one running script. All are counted per instance unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory that the instance may hold: script data, bodies on their way in, the VM.
    pub memory: u64,
    /// Bytes of native stack for the compiled guest; Luau's parser and `pcall` recurse on it.
    pub stack: u64,
    /// The longest that a coroutine may run without waiting before it gets a Luau error.
    pub run: Duration,
    /// How much longer than `run` the guest may spin before the instance is ended.
    pub grace: Duration,
    /// Wall time of the whole run; `None` as servers have no natural end.
    pub wall: Option<Duration>,
    /// Waiting calls and deferred tasks at once.
    pub parked: u32,
    /// Instances at once where each request has its own.
    pub instances: u32,
    /// The start of a script whose requests have instances of their own: until it waits for requests only.
    pub start: Duration,
    /// Servers at once.
    pub servers: u32,
    /// Connections that one server holds at once; scripts may ask for fewer.
    pub connections: u32,
    /// Outgoing requests and WebSocket handshakes under way at once.
    pub outgoing: u32,
    /// WebSockets that the script itself opened, at once.
    pub sockets: u32,
    /// Bytes of messages that one WebSocket holds until its peer takes them.
    pub socket_queue: u64,
    /// Bytes of a message's head, in and out.
    pub header_bytes: u64,
    /// Header fields of one message, in and out.
    pub header_fields: u32,
    /// Bytes of request content that all servers together hold while it waits for the script.
    pub request_buffer: u64,
    /// Bytes of the script's content (requests, responses) that the host holds for peers that are slow to take it. It may
    /// be more than `memory`: the guest has its own memory back meanwhile.
    pub send_buffer: u64,
    /// For one name's resolution.
    pub dns: Duration,
    /// Calls of the embedder's functions under way at once.
    pub functions: u32,
    /// For one decision of an embedder's own policy.
    pub decision: Duration,
    /// Lines of standard error (`warn`, and errors of tasks and handlers) in a second; more are dropped, and counted.
    pub log_lines: u32,
    /// Files that `require` may read, `.luaurc` included.
    pub modules: u32,
    /// Bytes of one of them; all together may have sixteen times as many.
    pub module_bytes: u64,
    /// How long a server that closes waits for requests under way, and a WebSocket that closes for its peer's close.
    pub drain: Duration,
    /// Host resources (servers, requests, bodies) that the guest may hold at once.
    pub handles: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory: 128 << 20,
            stack: 2 << 20,
            run: Duration::from_secs(5),
            grace: Duration::from_secs(1),
            wall: None,
            parked: 10_000,
            instances: 256,
            start: Duration::from_secs(30),
            servers: 64,
            connections: 1024,
            outgoing: 256,
            sockets: 1024,
            socket_queue: 256 << 10,
            header_bytes: 16 << 10,
            header_fields: 100,
            request_buffer: 64 << 20,
            send_buffer: 1 << 30,
            dns: Duration::from_secs(5),
            functions: 256,
            decision: Duration::from_secs(2),
            log_lines: 1000,
            modules: 1000,
            module_bytes: 1 << 20,
            drain: Duration::from_secs(5),
            handles: 100_000,
        }
    }
}

/// Why a `name=value` is no limit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// No limit has that name.
    #[error("there is no limit {0:?}; the limits are {names}", names = Limits::names().join(", "))]
    Unknown(String),
    /// The text has no `=`.
    #[error("limit {0:?} needs a value: NAME=VALUE, as in memory=256m")]
    NoValue(String),
    /// The value does not parse, or is outside what the limit can be.
    #[error("limit {name} must be {rule}, got {value:?}")]
    Value {
        /// The limit.
        name: &'static str,
        /// What its values are.
        rule: String,
        /// What was given.
        value: String,
    },
}

impl Limits {
    /// Sets one limit from `name=value`.
    ///
    /// Sizes take `k`, `m` or `g` (powers of 1024); times are seconds, with fractions.
    pub fn set(&mut self, assignment: &str) -> Result<(), LimitError> {
        let (name, value) = assignment
            .split_once('=')
            .ok_or_else(|| LimitError::NoValue(assignment.to_owned()))?;
        let entry = ENTRIES
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| LimitError::Unknown(name.to_owned()))?;
        (entry.set)(self, value).map_err(|rule| LimitError::Value {
            name: entry.name,
            rule,
            value: value.to_owned(),
        })
    }

    /// Every limit's name, in the order of the help text.
    pub fn names() -> Vec<&'static str> {
        ENTRIES.iter().map(|entry| entry.name).collect()
    }

    /// Calls that may wait on the host at once: what scripts wait for, and one for each resource (a server accepts, a
    /// WebSocket receives).
    pub(crate) fn calls(&self) -> usize {
        self.parked as usize + self.handles as usize
    }

    /// The limits that are not at their defaults, as they are written.
    pub(crate) fn changed(&self) -> Vec<(&'static str, String)> {
        let default = Limits::default();
        let mut changed: Vec<_> = ENTRIES
            .iter()
            .filter(|entry| (entry.get)(self) != (entry.get)(&default))
            .map(|entry| (entry.name, (entry.get)(self)))
            .collect();
        changed.extend(self.wall.map(|wall| ("timeout", wall.as_secs_f64().to_string())));
        changed
    }

    /// One line per limit: its name, its default, and what it bounds.
    pub fn help() -> String {
        let limits = Limits::default();
        let line = |entry: &entries::Entry| {
            format!(
                "  {:<16}{:<8}{}\n",
                entry.name,
                (entry.get)(&limits),
                entry.meaning
            )
        };
        ENTRIES.iter().map(line).collect()
    }

    /// Bytes that the Luau heap may hold: three quarters, so that a script meets a Luau error while the
    /// guest still has the memory to report it.
    pub(crate) fn heap(&self) -> u64 {
        self.memory / 4 * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set() {
        type Case = (&'static str, fn(&Limits) -> bool);
        let cases: &[Case] = &[
            ("memory=256m", |l| l.memory == 256 << 20),
            ("stack=1M", |l| l.stack == 1 << 20),
            ("run=0.5", |l| l.run == Duration::from_millis(500)),
            ("grace=2", |l| l.grace == Duration::from_secs(2)),
            ("parked=7", |l| l.parked == 7),
            ("instances=15", |l| l.instances == 15),
            ("start=16", |l| l.start == Duration::from_secs(16)),
            ("servers=6", |l| l.servers == 6),
            ("connections=8", |l| l.connections == 8),
            ("outgoing=9", |l| l.outgoing == 9),
            ("sockets=12", |l| l.sockets == 12),
            ("socket-queue=1m", |l| l.socket_queue == 1 << 20),
            ("header-bytes=8192", |l| l.header_bytes == 8192),
            ("header-fields=10", |l| l.header_fields == 10),
            ("request-buffer=1g", |l| l.request_buffer == 1 << 30),
            ("send-buffer=2g", |l| l.send_buffer == 2 << 30),
            ("dns=1", |l| l.dns == Duration::from_secs(1)),
            ("functions=5", |l| l.functions == 5),
            ("decision=4", |l| l.decision == Duration::from_secs(4)),
            ("log-lines=13", |l| l.log_lines == 13),
            ("modules=14", |l| l.modules == 14),
            ("module-bytes=2m", |l| l.module_bytes == 2 << 20),
            ("drain=3", |l| l.drain == Duration::from_secs(3)),
            ("handles=11", |l| l.handles == 11),
        ];
        for (text, holds) in cases {
            let mut limits = Limits::default();
            limits.set(text).expect(text);
            assert!(holds(&limits), "{text}");
        }
        for entry in ENTRIES {
            let (default, mut again) = (Limits::default(), Limits::default());
            again
                .set(&format!("{}={}", entry.name, (entry.get)(&default)))
                .expect(entry.name);
            assert_eq!(again, default, "{}", entry.name);
        }
        assert_eq!(cases.len(), ENTRIES.len(), "a limit has no case here");
    }

    #[test]
    fn a_bad_limit_names_the_rule() {
        let cases = [
            (
                "memory",
                "limit \"memory\" needs a value: NAME=VALUE, as in memory=256m",
            ),
            (
                "memory=1k",
                "limit memory must be a size from 16m to 4g (as 65536, 64k, 256m or 1g), got \"1k\"",
            ),
            (
                "memory=",
                "limit memory must be a size from 16m to 4g (as 65536, 64k, 256m or 1g), got \"\"",
            ),
            (
                "memory=é",
                "limit memory must be a size from 16m to 4g (as 65536, 64k, 256m or 1g), got \"é\"",
            ),
            (
                "run=-1",
                "limit run must be a number of seconds from 0.001 to 86400, got \"-1\"",
            ),
            (
                "run=inf",
                "limit run must be a number of seconds from 0.001 to 86400, got \"inf\"",
            ),
            (
                "parked=0",
                "limit parked must be an integer from 1 to 4294967295, got \"0\"",
            ),
        ];
        for (text, message) in cases {
            let error = Limits::default().set(text).expect_err(text);
            assert_eq!(error.to_string(), message);
        }
        let unknown = Limits::default()
            .set("speed=1")
            .expect_err("no such limit")
            .to_string();
        assert!(
            unknown.starts_with("there is no limit \"speed\"; the limits are memory, stack, run"),
            "{unknown}"
        );
    }
}
