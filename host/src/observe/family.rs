//! Numbers with labels, as arrays of atomics: which values a label has is known from the start, so nothing that a script or a
//! peer sends can make them more.

use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;

/// The methods that have a label of their own (RFC 9110, section 9.1, and RFC 5789); every other one is `other`.
const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "other",
];

/// Status codes that there can be (RFC 9110, section 15): 100 to 599.
const STATUSES: usize = 500;

/// The lowest of them.
const LOWEST: u16 = 100;

/// What a request came to: a status code, or the name of what went wrong instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered.
    Status(u16),
    /// There was no answer. One of the names that the family was made with.
    Failure(&'static str),
}

/// Counts by method and outcome.
pub(super) struct ByMethod {
    failures: &'static [&'static str],
    cells: Box<[AtomicU64]>,
}

impl ByMethod {
    /// Counts that start at 0; `failures` are the outcomes beside status codes.
    pub(super) fn new(failures: &'static [&'static str]) -> ByMethod {
        let cells = METHODS.len() * (STATUSES + failures.len());
        ByMethod {
            failures,
            cells: (0..cells).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts one. An outcome that there can't be is not counted.
    pub(super) fn count(&self, method: Option<&Method>, outcome: Outcome) {
        let column = match outcome {
            Outcome::Status(status) => {
                Some(usize::from(status.wrapping_sub(LOWEST))).filter(|at| *at < STATUSES)
            }
            Outcome::Failure(name) => {
                let index = self.failures.iter().position(|known| *known == name);
                index.map(|index| STATUSES + index)
            }
        };
        if let Some(column) = column {
            let width = STATUSES + self.failures.len();
            self.cells[row(method) * width + column].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is not 0: the method, the outcome as its label says it, and how often.
    pub(super) fn read(&self) -> Vec<(&'static str, String, u64)> {
        let width = STATUSES + self.failures.len();
        let counts = self.cells.iter().map(|cell| cell.load(Ordering::Relaxed));
        counts
            .enumerate()
            .filter(|(_, count)| *count > 0)
            .map(|(index, count)| {
                let outcome = match index % width {
                    column if column < STATUSES => (column + usize::from(LOWEST)).to_string(),
                    column => self.failures[column - STATUSES].to_owned(),
                };
                (METHODS[index / width], outcome, count)
            })
            .collect()
    }
}

fn row(method: Option<&Method>) -> usize {
    let name = method.map_or("", Method::as_str);
    let known = METHODS.iter().position(|known| *known == name);
    known.unwrap_or(METHODS.len() - 1)
}

/// Counts by a name from a list.
pub(super) struct ByName {
    names: Vec<&'static str>,
    cells: Box<[AtomicU64]>,
}

impl ByName {
    pub(super) fn new(names: impl Into<Vec<&'static str>>) -> ByName {
        let names = names.into();
        ByName {
            cells: names.iter().map(|_| AtomicU64::new(0)).collect(),
            names,
        }
    }

    /// Counts one. A name that is not on the list is not counted.
    pub(super) fn count(&self, name: &str) {
        if let Some(index) = self.names.iter().position(|known| *known == name) {
            self.cells[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All of them, those at 0 too.
    pub(super) fn read(&self) -> Vec<(&'static str, u64)> {
        let counts = self.cells.iter().map(|cell| cell.load(Ordering::Relaxed));
        self.names.iter().copied().zip(counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_nobody_knows_are_one() {
        let family = ByMethod::new(&["Timeout"]);
        let own = Method::from_bytes(b"BREW").expect("a method");
        family.count(Some(&Method::GET), Outcome::Status(100));
        family.count(Some(&Method::PATCH), Outcome::Status(599));
        family.count(Some(&own), Outcome::Status(200));
        family.count(None, Outcome::Status(200));
        family.count(Some(&Method::GET), Outcome::Failure("Timeout"));
        let none_of_these = [
            Outcome::Status(99),
            Outcome::Status(600),
            Outcome::Status(0),
            Outcome::Failure("Other"),
        ];
        for outcome in none_of_these {
            family.count(Some(&Method::GET), outcome);
        }
        let read = family.read();
        let shown: Vec<_> = read
            .iter()
            .map(|(method, outcome, count)| (*method, outcome.as_str(), *count))
            .collect();
        assert_eq!(
            shown,
            [
                ("GET", "100", 1),
                ("GET", "Timeout", 1),
                ("PATCH", "599", 1),
                ("other", "200", 2)
            ]
        );
    }

    #[test]
    fn names_are_there_before_they_are_counted() {
        let family = ByName::new(["a", "b"]);
        family.count("b");
        family.count("c");
        assert_eq!(family.read(), [("a", 0), ("b", 1)]);
    }
}
