//! The ports of a rule: all of them, one, or a range. `rule` parses and asks them.

use std::fmt;

use super::rule_error::RuleProblem;

/// The ports that a rule covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Ports {
    /// The rule names none.
    All,
    /// From the first to the last, both included; neither is 0.
    Range(u16, u16),
}

impl Ports {
    /// Parses `443` or `8000-8999`.
    pub(super) fn parse(text: &str) -> Result<Ports, RuleProblem> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(RuleProblem::ReversedPorts { first, last });
        }
        Ok(Ports::Range(first, last))
    }

    /// Whether it covers all of the others.
    pub(super) fn cover_all(self, others: Ports) -> bool {
        let range = |ports: Ports| match ports {
            Ports::All => (1, u16::MAX),
            Ports::Range(first, last) => (first, last),
        };
        let ((first, last), (from, to)) = (range(self), range(others));
        first <= from && to <= last
    }

    /// Whether it covers this port. Port 0 means any free port, so only all ports cover it.
    pub(super) fn cover(self, port: u16) -> bool {
        match self {
            Ports::All | Ports::Range(1, u16::MAX) => true,
            Ports::Range(first, last) => (first..=last).contains(&port),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ports::All => Ok(()),
            Ports::Range(first, last) if first == last => write!(f, ":{first}"),
            Ports::Range(first, last) => write!(f, ":{first}-{last}"),
        }
    }
}

/// A port in its only spelling: decimal, no sign, no leading zero.
fn number(text: &str) -> Result<u16, RuleProblem> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    match text.parse() {
        Ok(port) if plain => Ok(port),
        _ => Err(RuleProblem::Port(text.to_owned())),
    }
}
