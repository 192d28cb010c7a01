//! The permissions as the design says them, a second time and as plainly as can be: what `properties` and the fuzz
//! targets compare the code with.
//!
//! Nothing here is taken from the code: no type, no table, no arithmetic of it. `registry` knows the addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::registry::{
    EMBEDDING, MAPPED, PRIVATE, Range, dialled, is_in, is_in_public_space, is_loopback, is_metadata,
    is_public, stands_for, unmapped,
};

/// One rule, taken apart. Names are in lower case already, and not the word `localhost`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `http`, `https`, `ws`, `wss`; `None` is any.
    pub(crate) scheme: Option<&'static str>,
    /// Where to, or where.
    pub(crate) set: Set,
    /// First and last; `None` is every port.
    pub(crate) ports: Option<(u16, u16)>,
}

/// The host of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Set {
    /// `example.com`
    Name(String),
    /// `*.example.com`
    Under(String),
    /// `10.0.0.5`, `[fd00::1]`
    Literal(IpAddr),
    /// `10.0.0.0/8`, `[fd00::]/8`: an address and how many of its bits count.
    Network(IpAddr, u32),
    /// `localhost`
    Localhost,
    /// `public`
    Public,
    /// `private`
    Private,
    /// `*`
    Any,
}

/// All flags of one kind of action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    /// `--allow-net` or `--allow-listen`
    pub(crate) allow: Vec<Rule>,
    /// `--deny-net` or `--deny-listen`
    pub(crate) deny: Vec<Rule>,
    /// `--allow-all`
    pub(crate) all: bool,
}

/// Where a script wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// As in a rule.
    pub(crate) scheme: &'static str,
    /// A name in lower case, or an address.
    pub(crate) host: Host,
    /// Not 0.
    pub(crate) port: u16,
}

/// What a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// To be resolved.
    Name(String),
    /// Nothing to resolve.
    Ip(IpAddr),
}

/// Design, "Deciding", 1: whether the name may be looked up.
pub(crate) fn looks_up(policy: &Policy, target: &Target, name: &str) -> bool {
    let denied = policy
        .deny
        .iter()
        .any(|rule| is_for(rule, target) && denies_name(&rule.set, name));
    let allowed = policy
        .allow
        .iter()
        .any(|rule| is_for(rule, target) && allows_name(&rule.set, name));
    !denied && (policy.all || allowed)
}

/// Design, "Deciding", 1 to 3: what is connected to when the target is, or resolves to, this address.
pub(crate) fn connects(policy: &Policy, target: &Target, address: IpAddr) -> Option<SocketAddr> {
    if let Host::Name(name) = &target.host
        && !looks_up(policy, target, name)
    {
        return None;
    }
    let reached = stands_for(address);
    for rule in &policy.deny {
        // Deny rules are read widely: the address as it was asked for, and each one that it stands for.
        if is_for(rule, target)
            && (holds(&rule.set, address) || reached.iter().any(|one| holds(&rule.set, *one)))
        {
            return None;
        }
    }
    for one in reached {
        let all = policy.all && !is_metadata(one);
        let allowed = policy
            .allow
            .iter()
            .any(|rule| is_for(rule, target) && opens(&rule.set, &target.host, one));
        if !all && !allowed {
            return None;
        }
    }
    Some(SocketAddr::new(dialled(address), target.port))
}

/// Design, "Deciding", 5: what is bound when a script asks for this.
pub(crate) fn listens(policy: &Policy, asked: SocketAddr) -> Option<SocketAddr> {
    let address = unmapped(asked.ip());
    let port = asked.port();
    for rule in &policy.deny {
        let port_is_hit = port == 0 || has_port(rule, port);
        // An unspecified address takes all of its family; `::` perhaps IPv4 too.
        let address_is_hit = if address == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
            true
        } else if address == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
            !matches!(
                &rule.set,
                Set::Literal(IpAddr::V6(_)) | Set::Network(IpAddr::V6(_), _)
            )
        } else {
            holds(&rule.set, address)
        };
        if port_is_hit && address_is_hit {
            return None;
        }
    }
    let allowed = policy.allow.iter().any(|rule| {
        let ports = if port == 0 {
            [1, 80, 65535].iter().all(|port| has_port(rule, *port)) && has_every_port(rule)
        } else {
            has_port(rule, port)
        };
        let addresses = match &rule.set {
            Set::Network(network, length) if address.is_unspecified() => {
                *length == 0 && network.is_ipv4() == address.is_ipv4()
            }
            set => holds(set, address),
        };
        ports && addresses
    });
    (policy.all || allowed).then(|| {
        let mut bound = asked;
        if address != asked.ip() {
            bound = SocketAddr::new(address, port);
        }
        bound
    })
}

/// Whether the code should take it as a rule for connections. (Its text is in order.)
pub(crate) fn may_be_a_net_rule(rule: &Rule) -> bool {
    match &rule.set {
        // As a destination it is loopback: nothing would ever match the rule.
        Set::Literal(address) if address.is_unspecified() => false,
        // Likewise for IPv6 addresses that stand for IPv4 ones.
        Set::Literal(address) => stands_for(*address) == [*address],
        Set::Network(IpAddr::V6(address), length) => !EMBEDDING
            .iter()
            .any(|outer| *length >= outer.length && outer.has(IpAddr::V6(*address))),
        _ => true,
    }
}

/// Whether the code should take it as a rule for listening. (Its text is in order.)
pub(crate) fn may_be_a_listen_rule(rule: &Rule) -> bool {
    let addresses_only = match &rule.set {
        Set::Name(_) | Set::Under(_) => false,
        Set::Literal(address) => unmapped(*address) == *address,
        Set::Network(IpAddr::V6(address), length) => {
            *length < MAPPED.length || !MAPPED.has(IpAddr::V6(*address))
        }
        _ => true,
    };
    rule.scheme.is_none() && addresses_only
}

fn is_for(rule: &Rule, target: &Target) -> bool {
    (rule.scheme.is_none() || rule.scheme == Some(target.scheme)) && has_port(rule, target.port)
}

fn has_port(rule: &Rule, port: u16) -> bool {
    match rule.ports {
        None => true,
        Some((first, last)) => first <= port && port <= last,
    }
}

fn has_every_port(rule: &Rule) -> bool {
    rule.ports.is_none() || rule.ports == Some((1, 65535))
}

fn denies_name(set: &Set, name: &str) -> bool {
    match set {
        Set::Name(own) => own == name,
        Set::Under(apex) => name.ends_with(&format!(".{apex}")),
        Set::Localhost => is_local_name(name),
        Set::Any => true,
        _ => false,
    }
}

/// `public` and `*` let every name be looked up, but those of this machine, which they can't open.
fn allows_name(set: &Set, name: &str) -> bool {
    match set {
        Set::Public | Set::Any => !is_local_name(name),
        _ => denies_name(set, name),
    }
}

fn is_local_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether the set, read widely, has the address: for deny rules, and for listening, where nothing is reached.
fn holds(set: &Set, address: IpAddr) -> bool {
    match set {
        Set::Name(_) | Set::Under(_) => false,
        Set::Literal(own) => *own == address,
        Set::Network(network, length) => Range::of(*network, *length).has(address),
        Set::Localhost => is_loopback(address),
        // Metadata addresses are denied with the space that they are in.
        Set::Public => is_in_public_space(address),
        Set::Private => is_in(PRIVATE, address),
        Set::Any => true,
    }
}

/// Whether an allow rule opens the address, which stands for no other, to connections to this host.
fn opens(set: &Set, host: &Host, address: IpAddr) -> bool {
    match set {
        // "A name rule does not open private space."
        Set::Name(_) | Set::Under(_) => match host {
            Host::Name(name) => denies_name(set, name) && is_public(address),
            Host::Ip(_) => false,
        },
        // "Refused unless named by exact literal."
        Set::Literal(own) => *own == address,
        _ if is_metadata(address) => false,
        Set::Public | Set::Any => is_public(address),
        _ => holds(set, address),
    }
}

impl Rule {
    /// As it is written, in the form that it prints in.
    pub(crate) fn text(&self) -> String {
        let host = match &self.set {
            // The dot tells a host of that name from the word.
            Set::Name(name) if name == "public" || name == "private" => format!("{name}."),
            Set::Name(name) => name.clone(),
            Set::Under(apex) => format!("*.{apex}"),
            Set::Literal(IpAddr::V4(address)) => address.to_string(),
            Set::Literal(IpAddr::V6(address)) => format!("[{address}]"),
            Set::Network(IpAddr::V4(address), length) => format!("{address}/{length}"),
            Set::Network(IpAddr::V6(address), length) => format!("[{address}]/{length}"),
            Set::Localhost => "localhost".to_owned(),
            Set::Public => "public".to_owned(),
            Set::Private => "private".to_owned(),
            Set::Any => "*".to_owned(),
        };
        let scheme = self
            .scheme
            .map(|scheme| format!("{scheme}://"))
            .unwrap_or_default();
        let ports = match self.ports {
            None => String::new(),
            Some((first, last)) if first == last => format!(":{first}"),
            Some((first, last)) => format!(":{first}-{last}"),
        };
        format!("{scheme}{host}{ports}")
    }
}
