//! One rule: its two kinds, what they match, how they print. `config` makes them from what was typed (`parse`
//! takes the text apart), `decide` asks them.
//!
//! `[scheme://]host[:port[-port]]`, where a host is a name, `*.name`, `10.0.0.5`, `10.0.0.0/8`, `[fd00::1]`,
//! `[fd00::]/8`, `localhost`, `public`, `private` or `*`. Refused: everything that could be read in two
//! ways. A rule prints as itself, in canonical form.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::addresses::Addresses;
use super::name::Name;
use super::parse::{Parts, parse};
use super::ports::Ports;
use super::rule_error::{RuleError, RuleProblem};
use super::special;
use super::target::{Host, Scheme, Target};

/// A rule for outgoing connections: `--allow-net`, `--deny-net`.
///
/// Without a scheme it is for every scheme, without a port for every port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NetRule {
    /// The only scheme that it is for, if it names one.
    scheme: Option<Scheme>,
    /// Where connections go.
    hosts: Hosts,
    /// To which ports.
    ports: Ports,
}

/// A rule for listening: `--allow-listen`, `--deny-listen`. No scheme and no names: an address is bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListenRule {
    /// Local addresses.
    addresses: Addresses,
    /// Local ports.
    ports: Ports,
}

/// The hosts that a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Hosts {
    /// One name.
    Name(Name),
    /// `*.name`: every name below this one.
    Under(Name),
    /// What has one of these addresses.
    Addresses(Addresses),
}

impl NetRule {
    /// `public`: what `--allow-net` alone means.
    pub fn public() -> NetRule {
        NetRule {
            scheme: None,
            hosts: Hosts::Addresses(Addresses::Public),
            ports: Ports::All,
        }
    }

    /// Whether it is for the target's scheme and port, whatever the host.
    pub(super) fn applies(&self, target: &Target) -> bool {
        self.scheme.is_none_or(|scheme| scheme == target.scheme) && self.ports.cover(target.port)
    }

    /// Whether it mentions the name: what a deny rule catches before anything is looked up.
    pub(super) fn mentions(&self, name: &Name) -> bool {
        match &self.hosts {
            Hosts::Name(own) => own == name,
            Hosts::Under(apex) => name.is_under(apex),
            Hosts::Addresses(Addresses::Localhost) => name.is_localhost(),
            Hosts::Addresses(addresses) => *addresses == Addresses::Any,
        }
    }

    /// Whether an allow rule lets the name be looked up. `public` does: a query then tells nobody who
    /// couldn't be told directly. `private` and networks don't: a query leaves them.
    pub(super) fn admits(&self, name: &Name) -> bool {
        match &self.hosts {
            Hosts::Addresses(Addresses::Public | Addresses::Any) => !name.is_localhost(),
            _ => self.mentions(name),
        }
    }

    /// Whether a deny rule catches the address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        matches!(&self.hosts, Hosts::Addresses(addresses) if addresses.contain(address))
    }

    /// Whether an allow rule opens the address for this host. A name opens public addresses only.
    pub(super) fn opens(&self, host: &Host, address: IpAddr) -> bool {
        match (&self.hosts, host) {
            (Hosts::Addresses(addresses), _) => addresses.open(address),
            (_, Host::Name(name)) => self.mentions(name) && Addresses::Public.open(address),
            (_, Host::Ip(_)) => false,
        }
    }
}

impl NetRule {
    /// Whether all that the other rule is about is in this one: what an allow rule opens, or what a deny rule catches.
    pub(super) fn covers(&self, other: &NetRule, read: Reading) -> bool {
        (self.scheme.is_none() || self.scheme == other.scheme)
            && self.ports.cover_all(other.ports)
            && match (&self.hosts, &other.hosts) {
                (Hosts::Addresses(Addresses::Any), _) if read == Reading::Denies => true,
                (_, Hosts::Name(name)) => self.admits(name),
                (Hosts::Under(apex), Hosts::Under(other)) => apex == other || other.is_under(apex),
                (Hosts::Addresses(Addresses::Localhost), Hosts::Under(apex)) => apex.is_localhost(),
                (Hosts::Addresses(Addresses::Public | Addresses::Any), Hosts::Under(apex)) => {
                    !apex.is_localhost()
                }
                // It opens the addresses, and not the name.
                (Hosts::Addresses(Addresses::Private), Hosts::Addresses(Addresses::Localhost)) => {
                    read == Reading::Denies
                }
                (Hosts::Addresses(own), Hosts::Addresses(other)) => match read {
                    Reading::Allows => own.cover_all(*other, Addresses::open),
                    Reading::Denies => own.cover_all(*other, Addresses::contain),
                },
                _ => false,
            }
    }

    /// Whether it is about one address, which nothing but its own literal opens.
    pub(super) fn is_metadata(&self) -> bool {
        let Hosts::Addresses(Addresses::One(address)) = self.hosts else {
            return false;
        };
        let mut reached = special::Reach::of(address).addresses();
        reached.any(|address| special::class(address) == special::Class::Metadata)
    }
}

/// As what a rule is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As narrowly as an allow rule.
    Allows,
    /// As widely as a deny rule.
    Denies,
}

impl ListenRule {
    /// Whether all that the other rule is about is in this one.
    pub(super) fn covers(&self, other: &ListenRule) -> bool {
        self.ports.cover_all(other.ports)
            && (self.addresses == Addresses::Any
                || self.addresses.cover_all(other.addresses, Addresses::cover_local))
    }

    /// `*`: what `--allow-listen` alone means.
    pub fn any() -> ListenRule {
        ListenRule {
            addresses: Addresses::Any,
            ports: Ports::All,
        }
    }

    /// Whether it covers all of the address, as an allow rule must.
    pub(super) fn covers_address(&self, address: IpAddr) -> bool {
        self.addresses.cover_local(address)
    }

    /// Whether it covers all of the port, as an allow rule must: 0 means any.
    pub(super) fn covers_port(&self, port: u16) -> bool {
        self.ports.cover(port)
    }

    /// Whether listening there could take something that it covers, which is what a deny rule forbids.
    pub(super) fn overlaps(&self, address: IpAddr, port: u16) -> bool {
        self.addresses.overlap_local(address) && (port == 0 || self.ports.cover(port))
    }
}

impl FromStr for NetRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<NetRule, RuleError> {
        parse(text).and_then(net_rule).map_err(|problem| RuleError {
            rule: text.to_owned(),
            problem,
        })
    }
}

impl FromStr for ListenRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<ListenRule, RuleError> {
        parse(text).and_then(listen_rule).map_err(|problem| RuleError {
            rule: text.to_owned(),
            problem,
        })
    }
}

impl fmt::Display for NetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{scheme}://")?;
        }
        match &self.hosts {
            // The dot keeps a host of that name from being read as the word.
            Hosts::Name(name) if Addresses::from_word(name).is_some() => write!(f, "{name}.")?,
            Hosts::Name(name) => write!(f, "{name}")?,
            Hosts::Under(apex) => write!(f, "*.{apex}")?,
            Hosts::Addresses(addresses) => write!(f, "{addresses}")?,
        }
        write!(f, "{}", self.ports)
    }
}

impl fmt::Display for ListenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.addresses, self.ports)
    }
}

/// The smallest outgoing rule for a host: one port, any scheme.
pub(super) fn smallest_net(host: &Host, port: u16) -> NetRule {
    let hosts = match host {
        Host::Name(name) if name.is_localhost() => Hosts::Addresses(Addresses::Localhost),
        Host::Name(name) => Hosts::Name(name.clone()),
        Host::Ip(address) => Hosts::Addresses(Addresses::One(*address)),
    };
    NetRule {
        scheme: None,
        hosts,
        ports: Ports::Range(port, port),
    }
}

/// The smallest rule for listening there. Port 0 means any, so every port.
pub(super) fn smallest_listen(address: IpAddr, port: u16) -> ListenRule {
    let ports = if port == 0 {
        Ports::All
    } else {
        Ports::Range(port, port)
    };
    ListenRule {
        addresses: Addresses::One(address),
        ports,
    }
}

fn net_rule(parts: Parts) -> Result<NetRule, RuleProblem> {
    match &parts.hosts {
        Hosts::Addresses(Addresses::One(address)) if address.is_unspecified() => {
            return Err(RuleProblem::Unspecified(special::Reach::of(*address).dial));
        }
        Hosts::Addresses(Addresses::One(IpAddr::V6(address))) => {
            if let Some((ipv4, _)) = special::embedded(*address) {
                return Err(RuleProblem::Embedded(ipv4.into()));
            }
        }
        Hosts::Addresses(Addresses::Network(IpNet::V6(network))) if special::is_embedding(*network) => {
            return Err(RuleProblem::EmbeddedNetwork);
        }
        _ => {}
    }
    Ok(NetRule {
        scheme: parts.scheme,
        hosts: parts.hosts,
        ports: parts.ports,
    })
}

fn listen_rule(parts: Parts) -> Result<ListenRule, RuleProblem> {
    if parts.scheme.is_some() {
        return Err(RuleProblem::ListenScheme);
    }
    match parts.hosts {
        Hosts::Name(_) | Hosts::Under(_) => Err(RuleProblem::ListenName),
        Hosts::Addresses(Addresses::One(address)) if address.to_canonical() != address => {
            Err(RuleProblem::Embedded(address.to_canonical()))
        }
        // What is bound is compared as IPv4, so nothing would ever match.
        Hosts::Addresses(Addresses::Network(IpNet::V6(network))) if special::is_mapped(network) => {
            Err(RuleProblem::EmbeddedNetwork)
        }
        Hosts::Addresses(addresses) => Ok(ListenRule {
            addresses,
            ports: parts.ports,
        }),
    }
}
