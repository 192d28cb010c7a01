//! A refusal as a value: what was tried, on what, why not, and what would allow it.
//!
//! `decide` makes it, `bindings` turns it into WIT's `denial`. It is data for people and for the guest;
//! nothing is decided by it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::special::Class;

/// The action of the decision on a request.
pub(crate) const REQUEST: &str = "net.request";

/// The action of the decision on a WebSocket.
pub(crate) const WEBSOCKET: &str = "net.websocket";

/// The action of every listening decision.
pub(crate) const SERVE: &str = "net.serve";

/// Every action that is decided on.
pub(crate) const ACTIONS: [&str; 3] = [REQUEST, WEBSOCKET, SERVE];

/// The permissions say no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Denied {
    /// What was tried, as scripts call it: `net.request`, `net.serve`.
    pub(crate) action: &'static str,
    /// `scheme://host:port` of a connection, `address:port` of a listener.
    pub(crate) target: String,
    /// Why not.
    pub(crate) reason: Reason,
    /// The smallest flag that would allow it. None where a deny rule or the system says no.
    pub(crate) cure: Option<String>,
}

/// Why the permissions say no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nothing allows it.
    NoRule {
        /// The flag whose rules were asked, and how much of the target they would have to cover.
        flag: &'static str,
        /// How the target leads to the address.
        face: Face,
    },
    /// A special address that no rule names.
    Special {
        /// What the address is for.
        class: Class,
        /// How the target leads to the address.
        face: Face,
    },
    /// A deny rule covers it.
    DenyRule {
        /// The flag with the rule.
        rule: String,
        /// How the target leads to the address.
        face: Face,
    },
    /// No rule covers every local address, which listening on an unspecified address takes.
    EveryAddress,
    /// No rule covers every port, which port 0 takes.
    EveryPort,
    /// The operating system keeps the port for others.
    System,
    /// The embedder's own decision, or the lack of one.
    Decider(String),
}

/// How a target leads to the address that was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// The target names it.
    Itself,
    /// The target names an address that stands for it.
    StandsFor(IpAddr),
    /// The target's name was looked up.
    ResolvesTo(IpAddr),
}

/// A refusal of what the rules allow: an embedder's, or one for want of a record of it.
pub(crate) fn refused(action: &'static str, target: String, why: String) -> Denied {
    Denied {
        action,
        target,
        reason: Reason::Decider(why),
        cure: None,
    }
}

/// The refusal of an operating system that keeps the port for privileged users.
pub(crate) fn refused_by_system(address: SocketAddr) -> Denied {
    Denied {
        action: SERVE,
        target: address.to_string(),
        reason: Reason::System,
        cure: None,
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Denied {
            action,
            target,
            reason,
            cure,
        } = self;
        let preposition = if *action == SERVE { "on" } else { "to" };
        write!(f, "{action} {preposition} {target} is not allowed ({reason})")?;
        match cure {
            Some(flag) => write!(f, "; run again with {flag}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoRule { flag, face } => write!(f, "{face}no {flag} rule covers it"),
            Reason::Special {
                class,
                face: Face::Itself,
            } => write!(f, "{class}"),
            Reason::Special { class, face } => write!(f, "{face}a {class}"),
            Reason::DenyRule { rule, face } => write!(f, "{face}denied by {rule}"),
            Reason::EveryAddress => f.write_str("no --allow-listen rule covers every local address"),
            Reason::EveryPort => f.write_str("port 0 takes any port, and no --allow-listen rule covers all"),
            Reason::Decider(why) => f.write_str(why),
            Reason::System => f.write_str("the operating system keeps the port for privileged users"),
        }
    }
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Face::Itself => Ok(()),
            Face::StandsFor(address) => write!(f, "stands for {address}, "),
            Face::ResolvesTo(address) => write!(f, "resolves to {address}, "),
        }
    }
}
