//! `--audit FILE`: a JSON line for each decision.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::net::guard::{Audit, Decision, Verdict};

/// Where the lines go.
pub(super) struct AuditLog(Mutex<Sink>);

enum Sink {
    StandardError,
    File(File),
}

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
        let sink = if path == Path::new("-") {
            Sink::StandardError
        } else {
            Sink::File(OpenOptions::new().create(true).append(true).open(path)?)
        };
        Ok(AuditLog(Mutex::new(sink)))
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
        // One write: lines of several processes don't mix.
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Sink::StandardError => io::stderr().lock().write_all(text.as_bytes()),
            Sink::File(file) => file.write_all(text.as_bytes()),
        }
    }
}
