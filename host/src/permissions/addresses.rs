//! The part of a rule that speaks of addresses. `rule` parses it and asks it.
//!
//! It answers two questions that differ on purpose: what a rule contains (for deny rules, read as widely
//! as it is written) and what it opens (for allow rules, read as narrowly).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::rule_error::RuleProblem;
use super::special::{self, Class};

/// A set of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Addresses {
    /// Exactly one.
    One(IpAddr),
    /// A network of more than one.
    Network(IpNet),
    /// 127.0.0.0/8 and ::1; in an outgoing rule the names below `localhost` too.
    Localhost,
    /// Unicast addresses of the internet at large.
    Public,
    /// Loopback, RFC 1918, unique-local, link-local, shared carrier addresses.
    Private,
    /// `*`
    Any,
}

impl Addresses {
    /// The word for a set, if it is one. Words win over host names; `public.` is the name.
    pub(super) fn from_word(word: &str) -> Option<Addresses> {
        match word.to_ascii_lowercase().as_str() {
            "localhost" | "localhost." => Some(Addresses::Localhost),
            "public" => Some(Addresses::Public),
            "private" => Some(Addresses::Private),
            "*" => Some(Addresses::Any),
            _ => None,
        }
    }

    /// The network of this prefix length; without one, the address itself.
    pub(super) fn from_address(address: IpAddr, length: Option<&str>) -> Result<Addresses, RuleProblem> {
        let Some(length) = length else {
            return Ok(Addresses::One(address));
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let canonical = length == "0" || !length.starts_with(['0', '+']);
        let network = length
            .parse()
            .ok()
            .filter(|_| canonical)
            .and_then(|length| IpNet::new(address, length).ok())
            .ok_or_else(|| RuleProblem::Prefix {
                length: length.to_owned(),
                bits,
            })?;
        if network.network() != address {
            return Err(RuleProblem::HostBits(
                Addresses::Network(network.trunc()).to_string(),
            ));
        }
        Ok(if network.prefix_len() == bits {
            Addresses::One(address)
        } else {
            Addresses::Network(network)
        })
    }

    /// Whether the address is in the set: what a deny rule catches.
    pub(super) fn contain(self, address: IpAddr) -> bool {
        match self {
            Addresses::One(one) => one == address,
            Addresses::Network(network) => network.contains(&address),
            Addresses::Localhost => special::class(address) == Class::Loopback,
            Addresses::Public => special::in_public_space(address),
            Addresses::Private => special::in_private_space(address),
            Addresses::Any => true,
        }
    }

    /// Whether an allow rule opens the address as a destination. Special addresses have to be named:
    /// `*` names none, and a metadata address is named by itself only.
    pub(super) fn open(self, address: IpAddr) -> bool {
        let class = special::class(address);
        match self {
            Addresses::One(one) => one == address,
            Addresses::Network(network) => network.contains(&address) && class != Class::Metadata,
            Addresses::Localhost => class == Class::Loopback,
            Addresses::Private => special::is_private(class),
            Addresses::Public | Addresses::Any => class == Class::Public,
        }
    }

    /// Whether all of another set is surely in this one, where `has` says that of an address.
    pub(super) fn cover_all(self, other: Addresses, has: fn(Addresses, IpAddr) -> bool) -> bool {
        match (self, other) {
            _ if self == other => true,
            (_, Addresses::One(address)) => has(self, address),
            (Addresses::Network(own), Addresses::Network(other)) => own.contains(&other),
            // Each of these has one piece at most among all addresses that begin with the same eight bits.
            (Addresses::Localhost | Addresses::Private, Addresses::Network(network)) => {
                network.prefix_len() >= 8 && has(self, network.network()) && has(self, network.broadcast())
            }
            (Addresses::Any, Addresses::Public) | (Addresses::Private, Addresses::Localhost) => true,
            _ => false,
        }
    }

    /// Whether an allow rule covers the address as one to listen on. The unspecified address means every
    /// local address, so only sets of all addresses, and its own literal, cover it.
    pub(super) fn cover_local(self, address: IpAddr) -> bool {
        match self {
            Addresses::Network(network) if address.is_unspecified() => {
                network.prefix_len() == 0 && network.contains(&address)
            }
            _ => self.contain(address),
        }
    }

    /// Whether listening on the address could accept a connection to an address of the set.
    pub(super) fn overlap_local(self, address: IpAddr) -> bool {
        let family = match self {
            Addresses::One(one) => Some(one.is_ipv4()),
            Addresses::Network(network) => Some(network.addr().is_ipv4()),
            _ => None,
        };
        match address {
            // `::` may accept IPv4 as well, where the system is set up so.
            IpAddr::V6(v6) if v6.is_unspecified() => true,
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => family != Some(false),
            _ => self.contain(address),
        }
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addresses::One(IpAddr::V4(address)) => address.fmt(f),
            Addresses::One(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Addresses::Network(IpNet::V4(network)) => network.fmt(f),
            Addresses::Network(IpNet::V6(network)) => {
                write!(f, "[{}]/{}", network.network(), network.prefix_len())
            }
            Addresses::Localhost => f.write_str("localhost"),
            Addresses::Public => f.write_str("public"),
            Addresses::Private => f.write_str("private"),
            Addresses::Any => f.write_str("*"),
        }
    }
}
