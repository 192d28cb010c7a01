//! One request of a script: its account, from the call to the end of the response's content.

use std::sync::Arc;
use std::time::Instant;

use http::Method;
use tracing::Span;
use tracing::field::Empty;
use url::Url;

use super::family::Outcome;
use super::served::micros;
use super::{CLIENT, Observer, cut};
use crate::net::http_client::parse;

/// What a request came to that was given up, or whose script was ended.
pub(crate) const CANCELLED: &str = "Cancelled";

/// Bytes of a URL that is looked at: one that is refused may be as long as the guest's memory.
const LONGEST_URL: usize = 64 << 10;

/// A request under way. Dropped, it is over.
pub(crate) struct Outgoing {
    observer: Arc<Observer>,
    begun: Instant,
    method: Option<Method>,
    outcome: Option<Outcome>,
    /// Why it failed, where a log wants to know.
    reason: String,
    reused: bool,
    redirects: u32,
    received: u64,
    sent: u64,
    span: Span,
}

impl Outgoing {
    /// Begins with what the script asked for; the method is none where it is no method. `sent` are the bytes of its content.
    pub(crate) fn begin(observer: &Arc<Observer>, method: Option<Method>, url: &str, sent: u64) -> Outgoing {
        observer.counters.outgoing.begin();
        let span = tracing::info_span!(
            target: CLIENT,
            "fetch",
            method = method.as_ref().map_or("", Method::as_str),
            origin = origin(url),
            outcome = Empty,
            redirects = Empty,
            reused = Empty,
            received = Empty,
            sent,
            total_us = Empty,
        );
        Outgoing {
            observer: observer.clone(),
            begun: Instant::now(),
            method,
            outcome: None,
            reason: String::new(),
            reused: false,
            redirects: 0,
            received: 0,
            sent,
            span,
        }
    }

    /// A response came to one of its hops; `reused` says whether over a connection that had answered before.
    pub(crate) fn hopped(&mut self, reused: bool) {
        self.reused = reused;
    }

    /// It goes on to another place.
    pub(crate) fn redirected(&mut self, url: &Url) {
        self.redirects += 1;
        tracing::debug!(target: CLIENT, parent: &self.span, to = origin_of(url), "redirected");
    }

    /// The script has its response; the content may be still to come.
    pub(crate) fn answered(&mut self, status: u16) {
        self.outcome = Some(Outcome::Status(status));
    }

    /// Content came: so much so far.
    pub(crate) fn received(&mut self, so_far: u64) {
        self.received = so_far;
    }

    /// It failed with an error of that code, perhaps because of a limit.
    pub(crate) fn failed(
        &mut self,
        code: &'static str,
        reason: impl FnOnce() -> String,
        limit: Option<&str>,
    ) {
        if let Some(limit) = limit {
            self.observer.limit_hit(limit);
        }
        if !self.span.is_disabled() {
            self.reason = reason();
        }
        self.outcome = Some(Outcome::Failure(code));
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let total = self.begun.elapsed();
        let outcome = self.outcome.unwrap_or(Outcome::Failure(CANCELLED));
        let counters = &self.observer.counters;
        counters
            .outgoing
            .end(self.method.as_ref(), outcome, total, self.received, self.sent);
        if self.span.is_disabled() {
            return;
        }
        match outcome {
            Outcome::Status(status) => self.span.record("outcome", status),
            Outcome::Failure(code) => self.span.record("outcome", code),
        };
        self.span.record("redirects", self.redirects);
        self.span.record("reused", self.reused);
        self.span.record("received", self.received);
        self.span.record("total_us", micros(total));
        match outcome {
            Outcome::Status(_) => tracing::info!(target: CLIENT, parent: &self.span, "fetched"),
            Outcome::Failure(_) => {
                tracing::info!(target: CLIENT, parent: &self.span, "failed");
                // What it says may name the whole URL.
                tracing::debug!(target: CLIENT, parent: &self.span, reason = cut(&self.reason), "failed because");
            }
        }
    }
}

/// `scheme://host:port` of a URL, nothing for what is none: what comes behind may have credentials in it.
pub(super) fn origin(url: &str) -> String {
    if url.len() > LONGEST_URL {
        return String::new();
    }
    parse(url).map(|url| origin_of(&url)).unwrap_or_default()
}

fn origin_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    cut(&format!("{}://{host}:{port}", url.scheme())).to_owned()
}
