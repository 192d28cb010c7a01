//! `--audit FILE`: a JSON line for each decision.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::lines::Sink;
use crate::net::guard::{Audit, Decision, Verdict};

/// Where the lines go.
pub(super) struct AuditLog(Mutex<Sink>);

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    action: &'a str,
    target: &'a str,
    address: Option<String>,
    rule: Option<&'a str>,
    verdict: &'a str,
    reason: Option<&'a str>,
    cure: Option<&'a str>,
}

impl AuditLog {
    /// Opens the log: adds to the file, or writes to standard error for `-`.
    pub(super) fn open(path: &Path) -> io::Result<AuditLog> {
        Ok(AuditLog(Mutex::new(Sink::open(path)?)))
    }
}

impl Audit for AuditLog {
    fn record(&self, decision: &Decision) -> io::Result<()> {
        let line = Line {
            time: humantime::format_rfc3339_millis(decision.time).to_string(),
            action: decision.question.action,
            target: &decision.question.target,
            address: decision.question.address.map(|address| address.to_string()),
            rule: decision.rule.as_deref(),
            verdict: match decision.verdict {
                Verdict::Allowed => "allowed",
                Verdict::Denied => "denied",
                Verdict::Missing => "missing",
            },
            reason: decision.reason.as_deref(),
            cure: decision.cure.as_deref(),
        };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        let mut sink = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sink.write(text.as_bytes())
    }
}
