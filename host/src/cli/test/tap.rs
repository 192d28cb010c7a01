//! The report for programs that read the Test Anything Protocol, version 14 (testanything.org). What scripts write is in
//! comments, so that nothing of it is taken for a result.

use std::time::Duration;

use super::report::{FileReport, Line, Outcome, Reporter, SEPARATOR, Totals};
use super::text::clean;
use crate::runtime::ScriptError;

#[derive(Default)]
pub(super) struct Tap {
    /// Results so far.
    count: usize,
}

impl Tap {
    fn result(&mut self, is_ok: bool, name: &str, directive: &str) -> String {
        self.count += 1;
        let word = if is_ok { "ok" } else { "not ok" };
        format!("{word} {} - {}{directive}\n", self.count, escaped(name))
    }
}

/// A description: `#` would begin a directive.
fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace('#', "\\#")
}

/// The YAML block below a result: a text is a block scalar, whose lines mean nothing.
fn block(fields: &[(&str, String)], time: Option<Duration>) -> String {
    let mut text = "  ---\n".to_owned();
    for (name, value) in fields {
        text.push_str(&format!("  {name}: |2-\n"));
        for line in value.lines() {
            text.push_str(format!("    {line}").trim_end());
            text.push('\n');
        }
    }
    if let Some(time) = time {
        text.push_str(&format!("  duration_ms: {:.3}\n", time.as_secs_f64() * 1000.0));
    }
    text.push_str("  ...\n");
    text
}

fn errors(errors: &[ScriptError]) -> [(&'static str, String); 1] {
    let texts: Vec<String> = errors.iter().map(|error| clean(&error.to_string())).collect();
    [("message", texts.join("\n\n"))]
}

fn comment(line: &Line) -> String {
    format!("# {}", line.text).trim_end().to_owned() + "\n"
}

impl Reporter for Tap {
    fn begin(&mut self) -> String {
        "TAP version 14\n".to_owned()
    }

    fn file(&mut self, report: &FileReport) -> String {
        let mut text = String::new();
        let mut lines = report.lines.iter().peekable();
        for (index, test) in report.tests.iter().enumerate() {
            while let Some(line) = lines.next_if(|line| line.during <= Some(index)) {
                text.push_str(&comment(line));
            }
            let name = format!("{}{SEPARATOR}{}", report.name, test.full_name());
            text.push_str(&match &test.outcome {
                Outcome::Passed => self.result(true, &name, ""),
                Outcome::Failed(failures) => {
                    self.result(false, &name, "") + &block(&errors(failures), Some(test.time))
                }
                Outcome::Lost(why) => {
                    self.result(false, &name, "") + &block(&[("message", format!("not run: {why}"))], None)
                }
                Outcome::Skipped => self.result(true, &name, " # SKIP"),
                Outcome::Todo => self.result(false, &name, " # TODO"),
                Outcome::GivenUp => self.result(true, &name, " # SKIP given up"),
            });
        }
        for line in lines {
            text.push_str(&comment(line));
        }
        if !report.failures.is_empty() {
            text.push_str(&(self.result(false, &report.name, "") + &block(&errors(&report.failures), None)));
        }
        if report.is_given_up {
            text.push_str(&self.result(true, &report.name, " # SKIP given up"));
        }
        text
    }

    fn end(&mut self, totals: &Totals) -> String {
        match totals.end {
            Some(why) => format!("Bail out! {why}\n"),
            None => format!("1..{}\n", self.count),
        }
    }
}
