//! What becomes of a wish: how much of what somebody asks for is allowed. For people to read, before anything runs; what runs is
//! decided by `decide`.
//!
//! A wish counts as granted where one allow rule covers all of it. What only several cover together counts as granted in part.

use super::Permissions;
use super::rule::{ListenRule, NetRule, Reading};

/// What becomes of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is allowed.
    Granted,
    /// Some of it is allowed.
    InPart,
    /// Nothing allows it.
    Missing,
    /// It would be allowed but for this deny rule, which takes some of it.
    Narrowed(String),
    /// This deny rule forbids it.
    Denied(String),
}

impl Permissions {
    /// What becomes of the wish for these connections.
    pub(crate) fn answer_net(&self, wish: &NetRule) -> Answer {
        answer(
            wish,
            &self.allow_net,
            &self.deny_net,
            "--deny-net",
            self.allow_all && !wish.is_metadata(),
            |own, other, read| own.covers(other, read),
        )
    }

    /// What becomes of the wish to listen there.
    pub(crate) fn answer_listen(&self, wish: &ListenRule) -> Answer {
        answer(
            wish,
            &self.allow_listen,
            &self.deny_listen,
            "--deny-listen",
            self.allow_all,
            |own, other, _| own.covers(other),
        )
    }

    /// What becomes of the wish for this variable; `*` is all of them.
    pub(crate) fn answer_env(&self, wish: &str) -> Answer {
        match self.allows_env(wish) {
            true => Answer::Granted,
            false if wish == "*" && !self.allow_env.is_empty() => Answer::InPart,
            false => Answer::Missing,
        }
    }

    /// What becomes of the wish for everything.
    pub(crate) fn answer_all(&self) -> Answer {
        let nothing = self.allow_net.is_empty() && self.allow_listen.is_empty() && self.allow_env.is_empty();
        match self.allow_all {
            true => Answer::Granted,
            false if nothing => Answer::Missing,
            false => Answer::InPart,
        }
    }
}

fn answer<R: std::fmt::Display>(
    wish: &R,
    allow: &[R],
    deny: &[R],
    flag: &str,
    all: bool,
    covers: fn(&R, &R, Reading) -> bool,
) -> Answer {
    if let Some(rule) = deny.iter().find(|rule| covers(rule, wish, Reading::Denies)) {
        return Answer::Denied(format!("{flag}={rule}"));
    }
    if !all && !allow.iter().any(|rule| covers(rule, wish, Reading::Allows)) {
        let touches = allow.iter().any(|rule| covers(wish, rule, Reading::Allows));
        return if touches { Answer::InPart } else { Answer::Missing };
    }
    match deny.iter().find(|rule| covers(wish, rule, Reading::Denies)) {
        Some(rule) => Answer::Narrowed(format!("{flag}={rule}")),
        None => Answer::Granted,
    }
}
