//! What a script may reach, as data, and the one place that decides it. No input or output.
//!
//! `config` builds [`Permissions`], `net` asks before each lookup, connect and bind. Refused: what no rule
//! covers, what a deny rule covers, and, when parsed, a rule that could be read in two ways. In reading order:
//! `rule` (with `parse`, `name`, `ports`, `addresses`), `special` (kinds of addresses), `target` (what is
//! asked for), `decide`, `denied` (its no).

mod addresses;
mod decide;
mod denied;
mod name;
mod parse;
mod ports;
mod rule;
mod rule_error;
mod special;
mod target;
#[cfg(test)]
mod tests;

pub use decide::{GrantedAddr, GrantedBind, NamePass, decide_addr, decide_listen, decide_name};
pub use denied::{Denied, Face, Reason, refused_by_system};
pub use name::{Name, NameError};
pub use rule::{ListenRule, NetRule};
pub use rule_error::{RuleError, RuleProblem};
pub use special::Class;
pub use target::{Host, Scheme, Target, TargetError};

/// What a script may reach. Starts with nothing; rules add to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Permissions {
    /// `--allow-net`: where connections may go.
    allow_net: Vec<NetRule>,
    /// `--deny-net`: where they may not, whatever else allows it.
    deny_net: Vec<NetRule>,
    /// `--allow-listen`: which local addresses may be bound.
    allow_listen: Vec<ListenRule>,
    /// `--deny-listen`: which may not, whatever else allows it.
    deny_listen: Vec<ListenRule>,
    /// `--allow-all`: everything but what a deny rule covers, and but metadata addresses.
    allow_all: bool,
}

impl Permissions {
    /// Allows nothing.
    pub fn none() -> Permissions {
        Permissions::default()
    }

    /// Adds rules for outgoing connections.
    pub fn allow_net(mut self, rules: impl IntoIterator<Item = NetRule>) -> Permissions {
        self.allow_net.extend(rules);
        self
    }

    /// Adds exceptions for outgoing connections: they win over every allow rule.
    pub fn deny_net(mut self, rules: impl IntoIterator<Item = NetRule>) -> Permissions {
        self.deny_net.extend(rules);
        self
    }

    /// Adds rules for listening.
    pub fn allow_listen(mut self, rules: impl IntoIterator<Item = ListenRule>) -> Permissions {
        self.allow_listen.extend(rules);
        self
    }

    /// Adds exceptions for listening: they win over every allow rule.
    pub fn deny_listen(mut self, rules: impl IntoIterator<Item = ListenRule>) -> Permissions {
        self.deny_listen.extend(rules);
        self
    }

    /// Allows everything but what deny rules cover, and but the metadata addresses of clouds.
    pub fn allow_all(mut self) -> Permissions {
        self.allow_all = true;
        self
    }
}
