//! What a script may reach, as data, and the one place that decides it. No input or output.
//!
//! `config` builds [`Permissions`], `net` asks before each lookup, connect and bind. Refused: what no rule
//! covers, what a deny rule covers, and, when parsed, a rule that could be read in two ways. In reading order:
//! `rule` (with `parse`, `name`, `ports`, `addresses`), `special` (kinds of addresses), `target` (what is
//! asked for), `decide`, `denied` (its no), `wish` (how a wish compares).

mod addresses;
mod decide;
mod denied;
mod learned;
mod name;
mod parse;
mod ports;
mod rule;
mod rule_error;
mod special;
mod target;
#[cfg(test)]
mod tests;
mod wish;

pub(crate) use decide::{
    GrantedAddr, GrantedBind, NamePass, allowed_by, decide_addr, decide_listen, decide_name,
    listen_allowed_by,
};
#[cfg(test)]
pub(crate) use denied::Reason;
pub(crate) use denied::{ACTIONS, Denied, REQUEST, SERVE, WEBSOCKET, refused, refused_by_system};
pub(crate) use learned::{Learned, Outcome};
#[cfg(test)]
pub(crate) use name::Name;
pub use name::NameError;
pub use rule::{ListenRule, NetRule};
pub use rule_error::{RuleError, RuleProblem};
pub(crate) use target::{Host, Scheme, Target};
pub(crate) use wish::Answer;

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
    /// `--allow-env`: which variables of the environment `process.env` has.
    allow_env: Vec<String>,
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

    /// Adds variables of the environment that scripts may read; `*` is all of them.
    pub fn allow_env(mut self, names: impl IntoIterator<Item = String>) -> Permissions {
        self.allow_env.extend(names);
        self
    }

    /// Whether scripts may read this variable of the environment.
    pub fn allows_env(&self, name: &str) -> bool {
        self.allow_all || self.allow_env.iter().any(|own| own == "*" || own == name)
    }

    /// Allows everything but what deny rules cover, and but the metadata addresses of clouds.
    pub fn allow_all(mut self) -> Permissions {
        self.allow_all = true;
        self
    }
}
