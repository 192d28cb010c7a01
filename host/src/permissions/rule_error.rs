//! Why a rule is refused when it is parsed: what is wrong with it, and what to write instead.

use std::net::IpAddr;

use super::name::NameError;

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid rule {rule:?}: {problem}")]
pub struct RuleError {
    /// The rule as it was written, to find it among others.
    pub rule: String,
    /// What is wrong with it, and the cure.
    #[source]
    pub problem: RuleProblem,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// Nothing between two commas, or nothing at all.
    #[error("it is empty; write a host such as api.example.com")]
    Empty,
    /// White space or a control character.
    #[error("it has a space or a control character in it; put only a comma between two rules")]
    Space,
    /// Something before `://` that isn't one of the four.
    #[error("{0:?} is no scheme of a rule; write http, https, ws or wss, or leave it out")]
    Scheme(String),
    /// Listening is decided before any protocol is spoken.
    #[error("a rule for listening has no scheme; write the address and the port alone")]
    ListenScheme,
    /// `user@host`.
    #[error("it has a user in front of its host; write the host alone")]
    User,
    /// Anything after host and port.
    #[error("a rule covers a host and not a path on it; write {0}")]
    Path(String),
    /// A `*` that doesn't stand for whole names.
    #[error("* stands alone or in front, as *.example.com; list the names otherwise")]
    Wildcard,
    /// `127.1`, `0x7f.1`, `2130706433`, `010.0.0.1`.
    #[error("it is no canonical IPv4 address; write {0}")]
    Number(IpAddr),
    /// What stands in brackets, or has several colons, isn't an IPv6 address.
    #[error("it is no IPv6 address; write one as [2001:db8::1] and a network as [2001:db8::]/32")]
    Ipv6,
    /// An IPv6 address that could be read as host and port.
    #[error("an IPv6 address stands in brackets; write [{0}]")]
    Brackets(String),
    /// A zone belongs to one machine's interfaces (RFC 4007) and would never match.
    #[error("it has a zone; write the address without {0:?}")]
    Zone(String),
    /// Not a number of bits that the address has.
    #[error("the prefix length /{length} must be a number from 0 to {bits}; correct it")]
    Prefix {
        /// As it was written.
        length: String,
        /// Bits of the address.
        bits: u8,
    },
    /// A network whose address isn't its first one.
    #[error("it has address bits set after its prefix; write {0} for the whole network")]
    HostBits(String),
    /// An IPv6 address that stands for an IPv4 one, which is what rules are compared with.
    #[error("it stands for an IPv4 address; write {0}")]
    Embedded(IpAddr),
    /// A network of such addresses.
    #[error("its addresses stand for IPv4 ones; write the IPv4 network")]
    EmbeddedNetwork,
    /// The unspecified address as a destination.
    #[error("as a destination it stands for this machine; write {0}, or localhost")]
    Unspecified(IpAddr),
    /// Only addresses are bound.
    #[error("only addresses are listened on; write an address, a network, localhost, public, private or *")]
    ListenName,
    /// Not a port.
    #[error("the port {0:?} must be a number from 1 to 65535; leave it out to cover every port")]
    Port(String),
    /// A range that ends before it starts.
    #[error("the ports {first}-{last} are in reverse order; write {last}-{first}")]
    ReversedPorts {
        /// As it was written.
        first: u16,
        /// As it was written.
        last: u16,
    },
    /// The host is neither an address nor a name.
    #[error("{0}")]
    Name(#[from] NameError),
}
