//! What a run would have needed: decides openly, and collects the rules that were missing. For a first look at a
//! script that is trusted enough to be run, never for one that is not.
//!
//! Still refused: metadata addresses.

use std::net::{IpAddr, SocketAddr};

use super::Permissions;
use super::decide::{GrantedAddr, GrantedBind, NamePass, decide_addr, decide_listen, decide_name};
use super::denied::{Denied, Reason};
use super::rule::{ListenRule, NetRule};
use super::special::Class;
use super::target::Target;

/// The permissions that were given, and what had to be added.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    /// Given, with all that was missing.
    permissions: Permissions,
    /// What `--allow-net` lacked, in the order in which it was needed.
    net: Vec<NetRule>,
    /// What `--allow-listen` lacked.
    listen: Vec<ListenRule>,
}

/// One decision: what to go on with, and the refusal that it would have been.
pub(crate) type Outcome<T> = (Result<T, Denied>, Option<Denied>);

impl Learned {
    /// Nothing is missing yet.
    pub(crate) fn new(given: Permissions) -> Learned {
        Learned {
            permissions: given,
            net: Vec::new(),
            listen: Vec::new(),
        }
    }

    /// As [`decide_name`].
    pub(crate) fn name(&mut self, target: &Target) -> Outcome<NamePass> {
        self.decide(|permissions| decide_name(permissions, target))
    }

    /// As [`decide_addr`].
    pub(crate) fn addr(&mut self, pass: &NamePass, address: IpAddr) -> Outcome<GrantedAddr> {
        self.decide(|permissions| decide_addr(permissions, pass, address))
    }

    /// As [`decide_listen`].
    pub(crate) fn listen(&mut self, asked: SocketAddr) -> Outcome<GrantedBind> {
        self.decide(|permissions| decide_listen(permissions, asked))
    }

    /// The flags that were missing; none where nothing was.
    pub(crate) fn flags(&self) -> Vec<String> {
        let flag = |name: &str, rules: Vec<String>| {
            (!rules.is_empty()).then(|| format!("{name}={}", rules.join(",")))
        };
        let net = self.net.iter().map(ToString::to_string).collect();
        let listen = self.listen.iter().map(ToString::to_string).collect();
        [flag(NET, net), flag(LISTEN, listen)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn decide<T>(&mut self, ask: impl Fn(&Permissions) -> Result<T, Denied>) -> Outcome<T> {
        let refusal = match ask(&self.permissions) {
            Ok(granted) => return (Ok(granted), None),
            Err(refusal) => refusal,
        };
        if let Reason::Special {
            class: Class::Metadata,
            ..
        } = refusal.reason
        {
            return (Err(refusal.clone()), Some(refusal));
        }
        if let Some(cure) = &refusal.cure {
            self.add(cure);
        }
        // What a deny rule forbids no flag allows: then everything is open.
        let granted = ask(&self.permissions).or_else(|_| ask(&Permissions::none().allow_all()));
        (granted, Some(refusal))
    }

    /// Adds the rules of a cure: `--allow-net=RULE,…` or `--allow-listen=RULE,…`.
    fn add(&mut self, cure: &str) {
        let Some((flag, rules)) = cure.split_once('=') else {
            return;
        };
        let given = self.permissions.clone();
        if flag == NET {
            let rules: Vec<NetRule> = rules.split(',').filter_map(|rule| rule.parse().ok()).collect();
            self.net.extend(rules.iter().cloned());
            self.permissions = given.allow_net(rules);
        } else if flag == LISTEN {
            let rules: Vec<ListenRule> = rules.split(',').filter_map(|rule| rule.parse().ok()).collect();
            self.listen.extend(rules.iter().cloned());
            self.permissions = given.allow_listen(rules);
        }
    }
}

const NET: &str = "--allow-net";
const LISTEN: &str = "--allow-listen";
