//! The report for programs that read the XML of JUnit (as Jenkins' and Maven Surefire's schemas have it): a suite for each
//! file.

use std::time::Duration;

use super::report::{FileReport, Line, Outcome, Reporter, TestReport, Totals};
use super::text::clean;
use crate::runtime::{Output, ScriptError};

pub(super) struct Junit;

/// Text and attribute values of XML. Control characters, which XML 1.0 has no way to write, were spelled before.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn seconds(time: Duration) -> String {
    format!("{:.6}", time.as_secs_f64())
}

/// `failure` or `error`: the first line, and everything.
fn broken(element: &str, errors: &[ScriptError]) -> String {
    let texts: Vec<String> = errors.iter().map(|error| clean(&error.to_string())).collect();
    let text = texts.join("\n\n");
    let first = text.lines().next().unwrap_or_default();
    format!(
        "<{element} message=\"{}\">{}</{element}>",
        escaped(first),
        escaped(&text)
    )
}

fn skipped(why: &str) -> String {
    format!("<skipped message=\"{}\"/>", escaped(why))
}

fn case(file: &str, name: &str, time: Duration, content: &str) -> String {
    let (file, name, time) = (escaped(file), escaped(name), seconds(time));
    let start = format!("    <testcase classname=\"{file}\" name=\"{name}\" time=\"{time}\"");
    match content {
        "" => format!("{start}/>\n"),
        content => format!("{start}>\n      {content}\n    </testcase>\n"),
    }
}

fn test_case(file: &str, test: &TestReport) -> String {
    let content = match &test.outcome {
        Outcome::Passed => String::new(),
        Outcome::Failed(errors) => broken("failure", errors),
        Outcome::Lost(why) => format!("<error message=\"not run: {}\"/>", escaped(why)),
        Outcome::Skipped => skipped("skipped"),
        Outcome::Todo => skipped("to do"),
        Outcome::GivenUp => skipped("given up"),
    };
    case(file, &test.full_name(), test.time, &content)
}

fn written(lines: &[Line], to: Output, element: &str) -> String {
    let texts: Vec<String> = lines
        .iter()
        .filter(|line| line.to == to)
        .map(|line| escaped(&line.text))
        .collect();
    match texts.is_empty() {
        true => String::new(),
        false => format!("    <{element}>{}\n</{element}>\n", texts.join("\n")),
    }
}

impl Reporter for Junit {
    fn begin(&mut self) -> String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"atoll\">\n".to_owned()
    }

    fn file(&mut self, report: &FileReport) -> String {
        let mut totals = Totals::default();
        totals.add(report);
        let errors = report
            .tests
            .iter()
            .filter(|test| matches!(test.outcome, Outcome::Lost(_)))
            .count()
            + usize::from(!report.failures.is_empty());
        let skipped_count = totals.skipped + totals.todo + totals.given_up;
        let mut text = format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{skipped_count}\" time=\"{}\">\n",
            escaped(&report.name),
            totals.passed + totals.failed + skipped_count,
            totals.failed - errors,
            seconds(report.time)
        );
        for test in &report.tests {
            text.push_str(&test_case(&report.name, test));
        }
        if !report.failures.is_empty() {
            let content = broken("error", &report.failures);
            text.push_str(&case(&report.name, &report.name, Duration::ZERO, &content));
        }
        if report.is_given_up {
            text.push_str(&case(
                &report.name,
                &report.name,
                Duration::ZERO,
                &skipped("given up"),
            ));
        }
        text.push_str(&written(&report.lines, Output::Out, "system-out"));
        text.push_str(&written(&report.lines, Output::Err, "system-err"));
        text.push_str("  </testsuite>\n");
        text
    }

    fn end(&mut self, _: &Totals) -> String {
        "</testsuites>\n".to_owned()
    }
}
