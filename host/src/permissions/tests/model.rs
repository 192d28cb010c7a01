//! The permissions as the design says them, a second time and as plainly as can be: what `properties` and the fuzz
//! targets compare the code with.
//!
//! Nothing here is taken from the code: no type, no table, no arithmetic of it. The ranges are typed from IANA's
//! registries ("Special-Purpose Address", IPv4 and IPv6; "Multicast"; "IPv6 Address Space"), the metadata addresses from
//! the clouds' own documentation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
        if is_for(rule, target) && (holds(&rule.set, address) || reached.iter().any(|one| holds(&rule.set, *one)))
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
            !matches!(&rule.set, Set::Literal(IpAddr::V6(_)) | Set::Network(IpAddr::V6(_), _))
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
        Set::Public => is_public(address),
        // Metadata addresses in private space are denied with it.
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
        Set::Any => is_public(address),
        _ => holds(set, address),
    }
}

/// The addresses that a packet to this one reaches, as a rule names them.
pub(crate) fn stands_for(address: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(v6) = address else {
        return vec![destination(address)];
    };
    let o = v6.octets();
    let four = |a: usize| IpAddr::V4(Ipv4Addr::new(o[a], o[a + 1], o[a + 2], o[a + 3]));
    let found = if v6 == Ipv6Addr::UNSPECIFIED || v6 == Ipv6Addr::LOCALHOST {
        vec![address]
    } else if MAPPED.has(address) || COMPATIBLE.has(address) || NAT64.has(address) {
        vec![four(12)]
    } else if SIX_TO_FOUR.has(address) {
        vec![four(2)]
    } else if TEREDO.has(address) {
        let client = Ipv4Addr::new(o[12] ^ 255, o[13] ^ 255, o[14] ^ 255, o[15] ^ 255);
        vec![IpAddr::V4(client), four(4)]
    } else {
        vec![address]
    };
    found.into_iter().map(destination).collect()
}

/// "As a destination 0.0.0.0 and :: count as loopback."
fn destination(address: IpAddr) -> IpAddr {
    match address.to_string().as_str() {
        "0.0.0.0" => IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)),
        "::" => IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 1)),
        _ => address,
    }
}

/// The address that a socket gets.
fn dialled(address: IpAddr) -> IpAddr {
    destination(unmapped(address))
}

fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if MAPPED.has(address) => {
            let o = v6.octets();
            IpAddr::V4(Ipv4Addr::new(o[12], o[13], o[14], o[15]))
        }
        _ => address,
    }
}

pub(crate) fn is_loopback(address: IpAddr) -> bool {
    is_in(LOOPBACK, address)
}

/// Every unicast address that no registry calls special.
pub(crate) fn is_public(address: IpAddr) -> bool {
    let unicast = address.is_ipv4() || UNICAST.has(address);
    unicast && !is_in(PRIVATE, address) && !is_in(SPECIAL, address) && !is_metadata(address)
}

pub(crate) fn is_metadata(address: IpAddr) -> bool {
    if METADATA.contains(&address.to_string().as_str()) {
        return true;
    }
    // The figure of RFC 6052, section 2.2: where prefixes of these lengths put the four bytes. Byte 8 stays empty.
    let IpAddr::V6(v6) = address else { return false };
    let o = v6.octets();
    LOCAL_NAT64.has(address)
        && [
            [o[6], o[7], o[9], o[10]],
            [o[7], o[9], o[10], o[11]],
            [o[9], o[10], o[11], o[12]],
            [o[12], o[13], o[14], o[15]],
        ]
        .iter()
        .any(|[a, b, c, d]| METADATA.contains(&format!("{a}.{b}.{c}.{d}").as_str()))
}

fn is_in(ranges: &[Range], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.has(address))
}

/// A network: `width` is 32 or 128, and the first `length` bits of `first` count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    width: u32,
    first: u128,
    length: u32,
}

impl Range {
    fn of(address: IpAddr, length: u32) -> Range {
        let (width, first) = number(address);
        Range { width, first, length }
    }

    /// Bit after bit.
    fn has(&self, address: IpAddr) -> bool {
        let (width, other) = number(address);
        width == self.width
            && (0..self.length).all(|bit| {
                let mask = 1 << (width - 1 - bit);
                self.first & mask == other & mask
            })
    }

    /// The last address before it, its first and last, and the one after: where a decision may change.
    pub(crate) fn edges(&self) -> Vec<IpAddr> {
        let size = 1_u128.checked_shl(self.width - self.length).unwrap_or(0);
        let all = [
            self.first.wrapping_sub(1),
            self.first,
            self.first.wrapping_add(size).wrapping_sub(1),
            self.first.wrapping_add(size),
        ];
        all.iter()
            .map(|number| match self.width {
                32 => IpAddr::V4(Ipv4Addr::from(*number as u32)),
                _ => IpAddr::V6(Ipv6Addr::from(*number)),
            })
            .collect()
    }
}

fn number(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(v4) => (32, v4.octets().iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))),
        IpAddr::V6(v6) => (128, v6.octets().iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))),
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u32) -> Range {
    Range {
        width: 32,
        first: ((a as u128) << 24) | ((b as u128) << 16) | ((c as u128) << 8) | d as u128,
        length,
    }
}

/// By the first four of its eight groups; the others are 0.
const fn v6(a: u16, b: u16, c: u16, d: u16, length: u32) -> Range {
    Range {
        width: 128,
        first: ((a as u128) << 112) | ((b as u128) << 96) | ((c as u128) << 80) | ((d as u128) << 64),
        length,
    }
}

/// Every table below, for their edges.
pub(crate) fn ranges() -> impl Iterator<Item = Range> {
    [LOOPBACK, PRIVATE, SPECIAL, REACHABLE, &EMBEDDING].into_iter().flatten().copied()
}

/// Of `::ffff:0:0/96`, which has a group behind the first four.
const MAPPED: Range = Range { width: 128, first: 0xffff << 32, length: 96 };
const COMPATIBLE: Range = v6(0, 0, 0, 0, 96);
const NAT64: Range = v6(0x64, 0xff9b, 0, 0, 96);
const LOCAL_NAT64: Range = v6(0x64, 0xff9b, 1, 0, 48);
const SIX_TO_FOUR: Range = v6(0x2002, 0, 0, 0, 16);
const TEREDO: Range = v6(0x2001, 0, 0, 0, 32);
const UNICAST: Range = v6(0x2000, 0, 0, 0, 3);
const EMBEDDING: [Range; 5] = [MAPPED, COMPATIBLE, NAT64, SIX_TO_FOUR, TEREDO];

const LOOPBACK: &[Range] = &[v4(127, 0, 0, 0, 8), Range { width: 128, first: 1, length: 128 }];

/// "Loopback, RFC 1918, unique-local, link-local, CGNAT."
const PRIVATE: &[Range] = &[
    v4(127, 0, 0, 0, 8),
    Range { width: 128, first: 1, length: 128 },
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    v6(0xfc00, 0, 0, 0, 7),
    v4(169, 254, 0, 0, 16),
    v6(0xfe80, 0, 0, 0, 10),
    v4(100, 64, 0, 0, 10),
];

/// The rest of the registries: what nobody reaches over the internet at large.
const SPECIAL: &[Range] = &[
    v4(0, 0, 0, 0, 8),         // "This network"
    v4(192, 0, 0, 0, 24),      // IETF protocol assignments
    v4(192, 0, 0, 0, 29),      // IPv4 service continuity
    v4(192, 0, 0, 8, 32),      // dummy address
    v4(192, 0, 0, 170, 31),    // NAT64 and DNS64 discovery
    v4(192, 0, 2, 0, 24),      // TEST-NET-1
    v4(192, 88, 99, 0, 24),    // relays for 6to4, deprecated
    v4(198, 18, 0, 0, 15),     // benchmarking
    v4(198, 51, 100, 0, 24),   // TEST-NET-2
    v4(203, 0, 113, 0, 24),    // TEST-NET-3
    v4(224, 0, 0, 0, 4),       // multicast
    v4(240, 0, 0, 0, 4),       // reserved
    v4(255, 255, 255, 255, 32), // limited broadcast
    v6(0x64, 0xff9b, 1, 0, 48), // local translation
    v6(0x100, 0, 0, 0, 64),    // discard-only
    v6(0x100, 0, 0, 1, 64),    // dummy prefix
    v6(0x2001, 0, 0, 0, 23),   // IETF protocol assignments
    v6(0x2001, 0, 0, 0, 32),   // Teredo
    v6(0x2001, 2, 0, 0, 48),   // benchmarking
    v6(0x2001, 0x10, 0, 0, 28), // ORCHID, deprecated
    v6(0x2001, 0xdb8, 0, 0, 32), // documentation
    v6(0x3fff, 0, 0, 0, 20),   // documentation
    v6(0x5f00, 0, 0, 0, 16),   // SRv6 segment identifiers
    v6(0xfec0, 0, 0, 0, 10),   // site-local, deprecated
    v6(0xff00, 0, 0, 0, 8),    // multicast
];

/// What the registries list and call globally reachable; those in 192.0.0.0/24 and 2001::/23 stay special, as they are
/// for no servers.
const REACHABLE: &[Range] = &[
    v4(192, 0, 0, 9, 32),        // port control protocol
    v4(192, 0, 0, 10, 32),       // TURN
    v4(192, 31, 196, 0, 24),     // AS112
    v4(192, 52, 193, 0, 24),     // AMT
    v4(192, 175, 48, 0, 24),     // AS112
    v6(0x2001, 3, 0, 0, 32),     // AMT
    v6(0x2001, 4, 0x112, 0, 48), // AS112
    v6(0x2001, 0x20, 0, 0, 28),  // ORCHIDv2
    v6(0x2001, 0x30, 0, 0, 28),  // drones
    v6(0x2620, 0x4f, 0x8000, 0, 48), // AS112
    UNICAST,
];

/// Amazon (4 and 2), most others, Alibaba, Azure, Oracle, Scaleway, Tencent; Google, OpenStack, Linode.
pub(crate) const METADATA: &[&str] = &[
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "100.100.100.200",
    "fd00:100::100:200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:c1::a9fe:a9fe",
    "169.254.42.42",
    "fd00:42::42",
    "169.254.0.23",
    "169.254.10.10",
    "fd20:ce::254",
    "fe80::a9fe:a9fe",
    "fd00:a9fe:a9fe::1",
];

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
        let scheme = self.scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
        let ports = match self.ports {
            None => String::new(),
            Some((first, last)) if first == last => format!(":{first}"),
            Some((first, last)) => format!(":{first}-{last}"),
        };
        format!("{scheme}{host}{ports}")
    }
}
