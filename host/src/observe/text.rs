//! The metrics as Prometheus reads them: its text format, version 0.0.4.
//!
//! Written here, as it is a page of code: the kept crates either write OpenMetrics only, or look their counters up by label,
//! under a lock, at each count.

use std::fmt::{Display, Write};
use std::time::UNIX_EPOCH;

use super::histogram::Times;
use super::metrics::{Metrics, Requests};

/// What the text is, for a response's `content-type`.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One metric: its name, its type and meaning, and its samples.
type Family = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Metrics, &mut Samples<'_>),
);

/// Every metric, in the order of the text.
const FAMILIES: &[Family] = &[
    (
        "atoll_build_info",
        "gauge",
        "Always 1; the label is the version.",
        |_, out| out.labelled(&[("version", env!("CARGO_PKG_VERSION"))], 1),
    ),
    (
        "atoll_start_time_seconds",
        "gauge",
        "When the runtime was built, since 1970.",
        |metrics, out| {
            let since = metrics.started.duration_since(UNIX_EPOCH).unwrap_or_default();
            out.value(since.as_secs_f64());
        },
    ),
    (
        "atoll_instances",
        "gauge",
        "Instances of scripts.",
        |metrics, out| out.value(metrics.usage.instances),
    ),
    (
        "atoll_instances_total",
        "counter",
        "Instances that were started.",
        |metrics, out| out.value(metrics.instances),
    ),
    (
        "atoll_instances_killed_total",
        "counter",
        "Instances that a limit ended, or a crash.",
        |metrics, out| out.named("reason", &metrics.killed),
    ),
    (
        "atoll_restarts_total",
        "counter",
        "Servers that were started afresh after their instance was ended.",
        |metrics, out| out.value(metrics.restarts),
    ),
    (
        "atoll_memory_bytes",
        "gauge",
        "Memory of instances.",
        |metrics, out| out.value(metrics.usage.memory),
    ),
    (
        "atoll_handles",
        "gauge",
        "Host resources in the hands of instances.",
        |metrics, out| out.value(metrics.usage.handles),
    ),
    (
        "atoll_denied_decisions_total",
        "counter",
        "Decisions that were a no.",
        |metrics, out| out.named("action", &metrics.denied),
    ),
    (
        "atoll_limit_hits_total",
        "counter",
        "How often a limit was met on the host.",
        |metrics, out| out.named("limit", &metrics.limit_hits),
    ),
    (
        "atoll_connections",
        "gauge",
        "Connections to servers.",
        |metrics, out| out.value(metrics.connections.now),
    ),
    (
        "atoll_connections_total",
        "counter",
        "Connections that servers accepted.",
        |metrics, out| out.value(metrics.connections.total),
    ),
    (
        "atoll_http_requests_total",
        "counter",
        "Requests to servers that are over.",
        |metrics, out| out.requests("status", &metrics.served),
    ),
    (
        "atoll_http_requests_in_flight",
        "gauge",
        "Requests to servers under way.",
        |metrics, out| out.value(metrics.served.under_way),
    ),
    (
        "atoll_http_request_duration_seconds",
        "histogram",
        "From a request's head to the end of its response.",
        |metrics, out| out.times(&metrics.served.times),
    ),
    (
        "atoll_http_script_duration_seconds",
        "histogram",
        "From the hand-over of a request to the script to its answer, waits included.",
        |metrics, out| out.times(&metrics.script_times),
    ),
    (
        "atoll_http_request_bytes_total",
        "counter",
        "Content of requests to servers.",
        |metrics, out| out.value(metrics.served.bytes.received),
    ),
    (
        "atoll_http_response_bytes_total",
        "counter",
        "Content of their responses.",
        |metrics, out| out.value(metrics.served.bytes.sent),
    ),
    (
        "atoll_outgoing_requests_total",
        "counter",
        "Requests of scripts that are over.",
        |metrics, out| out.requests("outcome", &metrics.outgoing),
    ),
    (
        "atoll_outgoing_requests_in_flight",
        "gauge",
        "Requests of scripts under way.",
        |metrics, out| out.value(metrics.outgoing.under_way),
    ),
    (
        "atoll_outgoing_request_duration_seconds",
        "histogram",
        "From a script's request to the end of its response.",
        |metrics, out| out.times(&metrics.outgoing.times),
    ),
    (
        "atoll_outgoing_request_bytes_total",
        "counter",
        "Content of requests of scripts.",
        |metrics, out| out.value(metrics.outgoing.bytes.sent),
    ),
    (
        "atoll_outgoing_response_bytes_total",
        "counter",
        "Content of their responses, decoded.",
        |metrics, out| out.value(metrics.outgoing.bytes.received),
    ),
    ("atoll_websockets", "gauge", "WebSockets.", |metrics, out| {
        out.sided(metrics.server_websockets.now, metrics.client_websockets.now);
    }),
    (
        "atoll_websockets_total",
        "counter",
        "WebSockets that were opened.",
        |metrics, out| {
            out.sided(metrics.server_websockets.total, metrics.client_websockets.total);
        },
    ),
    (
        "atoll_websocket_messages_total",
        "counter",
        "Messages over WebSockets.",
        |metrics, out| out.both(metrics.messages.received, metrics.messages.sent),
    ),
    (
        "atoll_websocket_bytes_total",
        "counter",
        "Content of those messages.",
        |metrics, out| out.both(metrics.message_bytes.received, metrics.message_bytes.sent),
    ),
    (
        "atoll_access_log_lines_lost_total",
        "counter",
        "Lines that the access log could not take.",
        |metrics, out| out.value(metrics.access_lines_lost),
    ),
];

impl Metrics {
    /// The text that Prometheus scrapes, in its text format 0.0.4: to be served as
    /// `text/plain; version=0.0.4; charset=utf-8`.
    pub fn to_prometheus(&self) -> String {
        let mut text = String::with_capacity(8 << 10);
        for (name, kind, help, read) in FAMILIES {
            // Writing to a String can't fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            read(
                self,
                &mut Samples {
                    name,
                    text: &mut text,
                },
            );
        }
        text
    }
}

/// Writes the samples of one metric. Labels are names of ours and need no escape.
struct Samples<'a> {
    name: &'static str,
    text: &'a mut String,
}

impl Samples<'_> {
    fn value(&mut self, value: impl Display) {
        self.sample("", &[], value);
    }

    fn labelled(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample("", labels, value);
    }

    fn named(&mut self, label: &str, counts: &[(&str, u64)]) {
        for (name, count) in counts {
            self.labelled(&[(label, name)], count);
        }
    }

    fn sided(&mut self, server: u64, client: u64) {
        self.named("side", &[("server", server), ("client", client)]);
    }

    fn both(&mut self, received: u64, sent: u64) {
        self.named("direction", &[("received", received), ("sent", sent)]);
    }

    fn requests(&mut self, label: &str, requests: &Requests) {
        for (method, outcome, count) in &requests.over {
            self.labelled(&[("method", method), (label, outcome)], count);
        }
    }

    fn times(&mut self, times: &Times) {
        let mut count = 0;
        for (bound, class) in Times::BOUNDS.iter().zip(times.classes) {
            count += class;
            self.sample("_bucket", &[("le", &bound.to_string())], count);
        }
        self.sample("_bucket", &[("le", "+Inf")], times.count());
        self.sample("_sum", &[], times.sum.as_secs_f64());
        self.sample("_count", &[], times.count());
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let (name, text) = (self.name, &mut *self.text);
        let _ = write!(text, "{name}{suffix}");
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(text, "{before}{label}=\"{value}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(text, "{end} {value}");
    }
}
