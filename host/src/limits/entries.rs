//! How each limit is written: its name, its default as text, and what its values are. Only `limits` asks.

use std::time::Duration;

use super::Limits;

/// How one limit is written, and the field that it sets.
pub(super) struct Entry {
    /// Its name on the command line and in errors.
    pub(super) name: &'static str,
    /// What it bounds, for the help text.
    pub(super) meaning: &'static str,
    /// Its value, as `set` takes it.
    pub(super) get: fn(&Limits) -> String,
    /// Sets it, or says what its values are.
    pub(super) set: fn(&mut Limits, &str) -> Result<(), String>,
}

/// Every limit, in the order of the help text.
pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "memory",
        meaning: "bytes of memory per instance",
        get: |limits| size(limits.memory),
        set: |limits, text| bytes(text, 16 << 20, 4 << 30).map(|value| limits.memory = value),
    },
    Entry {
        name: "stack",
        meaning: "bytes of native stack",
        get: |limits| size(limits.stack),
        set: |limits, text| bytes(text, 512 << 10, 64 << 20).map(|value| limits.stack = value),
    },
    Entry {
        name: "run",
        meaning: "longest run without waiting",
        get: |limits| limits.run.as_secs_f64().to_string(),
        set: |limits, text| seconds(text).map(|value| limits.run = value),
    },
    Entry {
        name: "grace",
        meaning: "from `run` to the hard stop",
        get: |limits| limits.grace.as_secs_f64().to_string(),
        set: |limits, text| seconds(text).map(|value| limits.grace = value),
    },
    Entry {
        name: "parked",
        meaning: "waiting calls and deferred tasks",
        get: |limits| limits.parked.to_string(),
        set: |limits, text| count(text).map(|value| limits.parked = value),
    },
    Entry {
        name: "instances",
        meaning: "instances at once with --isolate request",
        get: |limits| limits.instances.to_string(),
        set: |limits, text| count(text).map(|value| limits.instances = value),
    },
    Entry {
        name: "start",
        meaning: "the script's start with --isolate request",
        get: |limits| limits.start.as_secs_f64().to_string(),
        set: |limits, text| seconds(text).map(|value| limits.start = value),
    },
    Entry {
        name: "servers",
        meaning: "servers at once",
        get: |limits| limits.servers.to_string(),
        set: |limits, text| count(text).map(|value| limits.servers = value),
    },
    Entry {
        name: "connections",
        meaning: "connections per server",
        get: |limits| limits.connections.to_string(),
        set: |limits, text| count(text).map(|value| limits.connections = value),
    },
    Entry {
        name: "outgoing",
        meaning: "requests under way",
        get: |limits| limits.outgoing.to_string(),
        set: |limits, text| count(text).map(|value| limits.outgoing = value),
    },
    Entry {
        name: "sockets",
        meaning: "WebSockets opened by the script",
        get: |limits| limits.sockets.to_string(),
        set: |limits, text| count(text).map(|value| limits.sockets = value),
    },
    Entry {
        name: "socket-queue",
        meaning: "bytes that wait for a WebSocket's peer",
        get: |limits| size(limits.socket_queue),
        set: |limits, text| bytes(text, 4 << 10, 1 << 30).map(|value| limits.socket_queue = value),
    },
    Entry {
        name: "header-bytes",
        meaning: "bytes of a message's head",
        get: |limits| size(limits.header_bytes),
        set: |limits, text| bytes(text, 8 << 10, 1 << 20).map(|value| limits.header_bytes = value),
    },
    Entry {
        name: "header-fields",
        meaning: "header fields of a message",
        get: |limits| limits.header_fields.to_string(),
        set: |limits, text| count(text).map(|value| limits.header_fields = value),
    },
    Entry {
        name: "request-buffer",
        meaning: "bytes of request content held",
        get: |limits| size(limits.request_buffer),
        set: |limits, text| bytes(text, 1 << 20, 1 << 40).map(|value| limits.request_buffer = value),
    },
    Entry {
        name: "send-buffer",
        meaning: "bytes of content held for slow peers",
        get: |limits| size(limits.send_buffer),
        set: |limits, text| bytes(text, 1 << 20, 1 << 40).map(|value| limits.send_buffer = value),
    },
    Entry {
        name: "dns",
        meaning: "for one name's resolution",
        get: |limits| limits.dns.as_secs_f64().to_string(),
        set: |limits, text| seconds(text).map(|value| limits.dns = value),
    },
    Entry {
        name: "functions",
        meaning: "calls of an embedder's functions at once",
        get: |limits| limits.functions.to_string(),
        set: |limits, text| count(text).map(|value| limits.functions = value),
    },
    Entry {
        name: "decision",
        meaning: "for a decision of an embedder's policy",
        get: |limits| limits.decision.as_secs_f64().to_string(),
        set: |limits, text| seconds(text).map(|value| limits.decision = value),
    },
    Entry {
        name: "log-lines",
        meaning: "lines of standard error a second",
        get: |limits| limits.log_lines.to_string(),
        set: |limits, text| count(text).map(|value| limits.log_lines = value),
    },
    Entry {
        name: "modules",
        meaning: "files that require may read",
        get: |limits| limits.modules.to_string(),
        set: |limits, text| count(text).map(|value| limits.modules = value),
    },
    Entry {
        name: "module-bytes",
        meaning: "bytes of such a file; of all, 16 times",
        get: |limits| size(limits.module_bytes),
        set: |limits, text| bytes(text, 1 << 10, 64 << 20).map(|value| limits.module_bytes = value),
    },
    Entry {
        name: "drain",
        meaning: "for requests under way at a close",
        get: |limits| limits.drain.as_secs_f64().to_string(),
        set: |limits, text| seconds(text).map(|value| limits.drain = value),
    },
    Entry {
        name: "handles",
        meaning: "host resources held",
        get: |limits| limits.handles.to_string(),
        set: |limits, text| count(text).map(|value| limits.handles = value),
    },
];

fn count(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|value| *value > 0)
        .ok_or_else(|| format!("an integer from 1 to {}", u32::MAX))
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|value| (0.001..=86_400.0).contains(value))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0.001 to 86400".to_owned())
}

fn bytes(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let (digits, shift) = match text.to_ascii_lowercase().chars().last() {
        Some('k') => (&text[..text.len() - 1], 10),
        Some('m') => (&text[..text.len() - 1], 20),
        Some('g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|value| value.checked_mul(1 << shift))
        .filter(|value| (least..=most).contains(value))
        .ok_or_else(|| {
            format!(
                "a size from {} to {} (as 65536, 64k, 256m or 1g)",
                size(least),
                size(most)
            )
        })
}

/// A size as a person would write it.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) => format!("{}g", bytes >> 30),
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{}m", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => format!("{}k", bytes >> 10),
        _ => bytes.to_string(),
    }
}
