//! The decisions. `net/dial.rs` asks before a lookup and before each connect, `net/listen.rs` before each
//! bind, and both get a value that only this file can make. Deny rules are asked first, always.

use std::net::{IpAddr, SocketAddr};

use super::Permissions;
use super::denied::{Denied, Face, Reason, SERVE};
use super::rule::{NetRule, smallest_listen, smallest_net};
use super::special::{self, Class, Reach};
use super::target::{Host, Target};

/// A target whose scheme, host and port passed: its name may be looked up. Nothing may be connected to yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePass {
    /// The target that passed, so that a pass is good for no other.
    target: Target,
}

/// An address that may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GrantedAddr {
    /// Canonical: an IPv4-mapped address became IPv4, an unspecified one loopback.
    address: SocketAddr,
}

/// A local address that may be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GrantedBind {
    /// Canonical: an IPv4-mapped address became IPv4.
    address: SocketAddr,
}

impl NamePass {
    /// The target that passed.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }
}

impl GrantedAddr {
    /// The address to connect to, as it was checked.
    pub(crate) fn socket_addr(&self) -> SocketAddr {
        self.address
    }
}

impl GrantedBind {
    /// The address to bind, as it was checked. Bind an IPv6 one with `IPV6_V6ONLY`: IPv4 was not asked for.
    pub(crate) fn socket_addr(&self) -> SocketAddr {
        self.address
    }
}

/// The first half of a connection's decision: what the URL says, before any lookup.
///
/// # Errors
/// A deny rule covers it, or no allow rule does.
pub(crate) fn decide_name(permissions: &Permissions, target: &Target) -> Result<NamePass, Denied> {
    match &target.host {
        Host::Ip(address) => check_address(permissions, target, *address).map(|_| ())?,
        Host::Name(name) => {
            let mut denying = permissions.deny_net.iter().filter(|rule| rule.applies(target));
            if let Some(rule) = denying.find(|rule| rule.mentions(name)) {
                return Err(denied_by(target, format!("--deny-net={rule}"), Face::Itself));
            }
            let mut allowing = permissions.allow_net.iter().filter(|rule| rule.applies(target));
            if !permissions.allow_all && !allowing.any(|rule| rule.admits(name)) {
                let reason = if name.is_localhost() {
                    Reason::Special {
                        class: Class::Loopback,
                        face: Face::Itself,
                    }
                } else {
                    Reason::NoRule {
                        flag: "--allow-net",
                        face: Face::Itself,
                    }
                };
                let cure = format!("--allow-net={}", smallest_net(&target.host, target.port));
                return Err(denied(target, reason, Some(cure)));
            }
        }
    }
    Ok(NamePass {
        target: target.clone(),
    })
}

/// The second half: one address of the target, its own literal or one that its name resolved to.
///
/// # Errors
/// A deny rule covers the address or one that it stands for, or no allow rule opens each of them.
pub(crate) fn decide_addr(
    permissions: &Permissions,
    pass: &NamePass,
    address: IpAddr,
) -> Result<GrantedAddr, Denied> {
    check_address(permissions, &pass.target, address)
}

/// The decision on listening.
///
/// # Errors
/// A deny rule covers something of it, or no allow rule covers all of it.
pub(crate) fn decide_listen(permissions: &Permissions, asked: SocketAddr) -> Result<GrantedBind, Denied> {
    let (address, port) = (asked.ip().to_canonical(), asked.port());
    let refuse = |reason, cure| Denied {
        action: SERVE,
        target: asked.to_string(),
        reason,
        cure,
    };
    if let Some(rule) = permissions
        .deny_listen
        .iter()
        .find(|rule| rule.overlaps(address, port))
    {
        let rule = format!("--deny-listen={rule}");
        return Err(refuse(
            Reason::DenyRule {
                rule,
                face: Face::Itself,
            },
            None,
        ));
    }
    let covering: Vec<_> = permissions
        .allow_listen
        .iter()
        .filter(|rule| rule.covers_address(address))
        .collect();
    let reason = match covering.first() {
        _ if permissions.allow_all => None,
        Some(_) if covering.iter().any(|rule| rule.covers_port(port)) => None,
        Some(_) if port == 0 => Some(Reason::EveryPort),
        None if address.is_unspecified() => Some(Reason::EveryAddress),
        _ => Some(Reason::NoRule {
            flag: "--allow-listen",
            face: Face::Itself,
        }),
    };
    match reason {
        // A scope id stays with the address.
        None if address == asked.ip() => Ok(GrantedBind { address: asked }),
        None => Ok(GrantedBind {
            address: SocketAddr::new(address, port),
        }),
        Some(reason) => {
            let cure = format!("--allow-listen={}", smallest_listen(address, port));
            Err(refuse(reason, Some(cure)))
        }
    }
}

/// The first allow rule that lets the target through, for the record: by its name, or with this address. `--allow-all`
/// where that does.
pub(crate) fn allowed_by(
    permissions: &Permissions,
    target: &Target,
    address: Option<IpAddr>,
) -> Option<String> {
    let reached = match &target.host {
        Host::Ip(literal) => Some(*literal),
        Host::Name(_) => address,
    };
    let lets_through = |rule: &&NetRule| {
        rule.applies(target)
            && match (&target.host, reached) {
                (Host::Name(name), None) => rule.admits(name),
                (host, Some(address)) => Reach::of(address)
                    .addresses()
                    .any(|address| rule.opens(host, address)),
                (Host::Ip(_), None) => false,
            }
    };
    match permissions.allow_net.iter().find(lets_through) {
        Some(rule) => Some(format!("--allow-net={rule}")),
        None => permissions.allow_all.then(|| ALL.to_owned()),
    }
}

/// The first allow rule that lets a server listen there, for the record.
pub(crate) fn listen_allowed_by(permissions: &Permissions, asked: SocketAddr) -> Option<String> {
    let (address, port) = (asked.ip().to_canonical(), asked.port());
    let mut rules = permissions.allow_listen.iter();
    match rules.find(|rule| rule.covers_address(address) && rule.covers_port(port)) {
        Some(rule) => Some(format!("--allow-listen={rule}")),
        None => permissions.allow_all.then(|| ALL.to_owned()),
    }
}

/// The flag that allows everything.
const ALL: &str = "--allow-all";

fn check_address(permissions: &Permissions, target: &Target, asked: IpAddr) -> Result<GrantedAddr, Denied> {
    let reach = Reach::of(asked);
    let face = |address: IpAddr| match target.host {
        Host::Name(_) => Face::ResolvesTo(address),
        Host::Ip(own) if own == address => Face::Itself,
        Host::Ip(_) => Face::StandsFor(address),
    };
    for rule in permissions.deny_net.iter().filter(|rule| rule.applies(target)) {
        let flag = || format!("--deny-net={rule}");
        if let Host::Name(name) = &target.host
            && rule.mentions(name)
        {
            return Err(denied_by(target, flag(), Face::Itself));
        }
        // As asked too: a rule may deny all of IPv6, or all of 2000::/3.
        if let Some(address) = reach
            .addresses()
            .chain([asked])
            .find(|address| rule.contains(*address))
        {
            return Err(denied_by(target, flag(), face(address)));
        }
    }
    let closed: Vec<IpAddr> = reach
        .addresses()
        .filter(|address| !is_open(permissions, target, *address))
        .collect();
    // A metadata address is the reason before any other: `learned` must not take the cure for one.
    let metadata = closed
        .iter()
        .find(|address| special::class(**address) == Class::Metadata);
    let Some(&first) = metadata.or(closed.first()) else {
        return Ok(GrantedAddr {
            address: SocketAddr::new(reach.dial, target.port),
        });
    };
    let reason = match special::class(first) {
        Class::Public => Reason::NoRule {
            flag: "--allow-net",
            face: face(first),
        },
        class => Reason::Special {
            class,
            face: face(first),
        },
    };
    let rules: Vec<String> = closed
        .into_iter()
        .map(|address| smallest_net(&Host::Ip(address), target.port).to_string())
        .collect();
    Err(denied(
        target,
        reason,
        Some(format!("--allow-net={}", rules.join(","))),
    ))
}

fn is_open(permissions: &Permissions, target: &Target, address: IpAddr) -> bool {
    permissions.allow_all && special::class(address) != Class::Metadata
        || permissions
            .allow_net
            .iter()
            .any(|rule| rule.applies(target) && rule.opens(&target.host, address))
}

fn denied_by(target: &Target, rule: String, face: Face) -> Denied {
    denied(target, Reason::DenyRule { rule, face }, None)
}

fn denied(target: &Target, reason: Reason, cure: Option<String>) -> Denied {
    Denied {
        action: target.action,
        target: target.to_string(),
        reason,
        cure,
    }
}
