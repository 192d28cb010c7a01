//! The kinds of IP addresses, and which addresses a packet to one really reaches.
//!
//! The ranges are those of IANA's special-purpose registries (RFC 6890, RFC 8190) and of the multicast
//! and IPv6 address space registries. `decide` and `addresses` ask. Where a registry calls a part of a
//! special block reachable (192.0.0.9/32, 2001:20::/28, …), this module still counts it as special:
//! nobody serves HTTP there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Any other unicast address.
    Public,
    /// This machine.
    Loopback,
    /// RFC 1918.
    Private,
    /// RFC 4193.
    UniqueLocal,
    /// RFC 3927; RFC 4291, section 2.5.6.
    LinkLocal,
    /// Shared by the customers of a carrier's translator (RFC 6598).
    Shared,
    /// Where a cloud hands its machines their credentials.
    Metadata,
    /// RFC 5771; RFC 4291, section 2.7.
    Multicast,
    /// For examples in texts (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// For measurements in laboratories (RFC 2544, RFC 5180).
    Benchmark,
    /// Everything that no one may use as a destination, or not yet.
    Reserved,
}

/// What a packet to an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// The address to connect to.
    pub(super) dial: IpAddr,
    /// The address that rules are compared with.
    first: IpAddr,
    /// A second one that takes part (the server of a Teredo address).
    second: Option<IpAddr>,
}

impl Reach {
    /// Unwraps IPv6 addresses that stand for IPv4 ones. The unspecified address, as a destination,
    /// is loopback: that is where operating systems send it.
    pub(super) fn of(asked: IpAddr) -> Reach {
        let IpAddr::V6(v6) = asked.to_canonical() else {
            let dial = destination(asked.to_canonical());
            return Reach {
                dial,
                first: dial,
                second: None,
            };
        };
        match embedded(v6) {
            Some((first, second)) => Reach {
                dial: asked,
                first: destination(first.into()),
                second: second.map(|server| destination(server.into())),
            },
            None => {
                let dial = destination(asked);
                Reach {
                    dial,
                    first: dial,
                    second: None,
                }
            }
        }
    }

    /// Every address that must be allowed: one or two.
    pub(super) fn addresses(self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.first).chain(self.second)
    }
}

/// What the address is for. IPv6 addresses that stand for IPv4 ones are not unwrapped: see [`Reach`].
pub(super) fn class(address: IpAddr) -> Class {
    if is_metadata(address) {
        Class::Metadata
    } else {
        range(address)
    }
}

/// Whether it is in the space that `public` means, metadata addresses in that space included.
pub(super) fn in_public_space(address: IpAddr) -> bool {
    range(address) == Class::Public
}

/// Whether it is in the space that `private` means, metadata addresses in that space included.
pub(super) fn in_private_space(address: IpAddr) -> bool {
    is_private(range(address))
}

/// Whether `private` means this class (design: never the metadata addresses).
pub(super) fn is_private(class: Class) -> bool {
    matches!(
        class,
        Class::Loopback | Class::Private | Class::UniqueLocal | Class::LinkLocal | Class::Shared
    )
}

/// The network of IPv6 addresses standing for IPv4 ones that all of `network` is in, if any.
pub(super) fn is_embedding(network: Ipv6Net) -> bool {
    [MAPPED, COMPATIBLE, NAT64, SIX_TO_FOUR, TEREDO]
        .iter()
        .any(|outer| outer.contains(&network))
}

/// Whether all of `network` is IPv4-mapped addresses.
pub(super) fn is_mapped(network: Ipv6Net) -> bool {
    MAPPED.contains(&network)
}

/// RFC 4291, section 2.5.5.2.
const MAPPED: Ipv6Net = v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96);
/// RFC 4291, section 2.5.5.1 (deprecated).
const COMPATIBLE: Ipv6Net = v6([0; 8], 96);
/// The well-known prefix of RFC 6052, section 2.1.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
/// The local-use prefix of RFC 8215: the operator chooses where the IPv4 address stands.
const LOCAL_NAT64: Ipv6Net = v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48);
/// RFC 3056, section 2.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
/// RFC 4380, section 4.
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32);
/// All that IANA has given to unicast so far (RFC 4291, section 2.4, and the address space registry).
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Special ranges of IPv4; no two overlap.
const IPV4: [(Ipv4Net, Class); 15] = [
    (v4([10, 0, 0, 0], 8), Class::Private),
    (v4([172, 16, 0, 0], 12), Class::Private),
    (v4([192, 168, 0, 0], 16), Class::Private),
    (v4([127, 0, 0, 0], 8), Class::Loopback),
    (v4([169, 254, 0, 0], 16), Class::LinkLocal),
    (v4([100, 64, 0, 0], 10), Class::Shared),
    // "This network": RFC 791, section 3.2.
    (v4([0, 0, 0, 0], 8), Class::Reserved),
    // IETF protocol assignments: RFC 6890, section 2.1.
    (v4([192, 0, 0, 0], 24), Class::Reserved),
    (v4([192, 0, 2, 0], 24), Class::Documentation),
    (v4([198, 51, 100, 0], 24), Class::Documentation),
    (v4([203, 0, 113, 0], 24), Class::Documentation),
    // Relays for 6to4, withdrawn: RFC 7526.
    (v4([192, 88, 99, 0], 24), Class::Reserved),
    (v4([198, 18, 0, 0], 15), Class::Benchmark),
    (v4([224, 0, 0, 0], 4), Class::Multicast),
    // RFC 1112, section 4, with the limited broadcast of RFC 919.
    (v4([240, 0, 0, 0], 4), Class::Reserved),
];

/// Special ranges of IPv6; the first that contains an address counts.
const IPV6: [(Ipv6Net, Class); 8] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Class::Loopback),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Class::UniqueLocal),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Class::LinkLocal),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Class::Multicast),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Class::Documentation),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Class::Documentation),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), Class::Benchmark),
    // IETF protocol assignments: RFC 2928.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Class::Reserved),
];

/// Metadata services over IPv4, from the documentation of those who run them.
const METADATA_V4: [Ipv4Addr; 9] = [
    // Amazon EC2, Google, Azure, Oracle, OpenStack, DigitalOcean, Hetzner, IBM and most others.
    Ipv4Addr::new(169, 254, 169, 254),
    // Amazon ECS task credentials, EKS Pod Identity.
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    // Alibaba.
    Ipv4Addr::new(100, 100, 100, 200),
    // Azure's host agent ("WireServer").
    Ipv4Addr::new(168, 63, 129, 16),
    // Oracle Cloud Classic.
    Ipv4Addr::new(192, 0, 0, 192),
    // Scaleway.
    Ipv4Addr::new(169, 254, 42, 42),
    // Tencent.
    Ipv4Addr::new(169, 254, 0, 23),
    Ipv4Addr::new(169, 254, 10, 10),
];

/// Metadata services over IPv6, likewise.
const METADATA_V6: [Ipv6Addr; 8] = [
    // Amazon EC2, EKS Pod Identity.
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    // Google.
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    // Oracle.
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    // OpenStack.
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    // Akamai (Linode).
    Ipv6Addr::new(0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1),
    // Alibaba.
    Ipv6Addr::new(0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200),
    // Scaleway.
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(address: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = address;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

fn range(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => IPV4
            .iter()
            .find(|(net, _)| net.contains(&v4))
            .map_or(Class::Public, |(_, c)| *c),
        IpAddr::V6(v6) => match IPV6.iter().find(|(net, _)| net.contains(&v6)) {
            Some((_, class)) => *class,
            None if GLOBAL_UNICAST.contains(&v6) => Class::Public,
            None => Class::Reserved,
        },
    }
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => {
            METADATA_V6.contains(&v6) || LOCAL_NAT64.contains(&v6) && translates_to_metadata(v6)
        }
    }
}

/// Tries each place where RFC 6052, section 2.2, puts the IPv4 address behind a prefix of 48 bits or more.
fn translates_to_metadata(address: Ipv6Addr) -> bool {
    let octets = address.octets();
    [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]]
        .into_iter()
        .any(|places| METADATA_V4.contains(&Ipv4Addr::from(places.map(|place| octets[place]))))
}

/// The IPv4 address that an IPv6 address stands for, and a second one that takes part.
pub(super) fn embedded(address: Ipv6Addr) -> Option<(Ipv4Addr, Option<Ipv4Addr>)> {
    let bits = address.to_bits();
    // The lowest 32 of the shifted bits.
    let ipv4 = |shift: u32| Ipv4Addr::from_bits((bits >> shift) as u32);
    if address.is_unspecified() || address.is_loopback() {
        None
    } else if [MAPPED, COMPATIBLE, NAT64]
        .iter()
        .any(|net| net.contains(&address))
    {
        Some((ipv4(0), None))
    } else if SIX_TO_FOUR.contains(&address) {
        Some((ipv4(80), None))
    } else if TEREDO.contains(&address) {
        // The client's address is stored inverted.
        Some((Ipv4Addr::from_bits(!ipv4(0).to_bits()), Some(ipv4(64))))
    } else {
        None
    }
}

fn destination(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Public => "public address",
            Class::Loopback => "loopback address",
            Class::Private => "private address",
            Class::UniqueLocal => "unique-local address",
            Class::LinkLocal => "link-local address",
            Class::Shared => "shared carrier address",
            Class::Metadata => "cloud metadata address, which only a rule with exactly that address allows",
            Class::Multicast => "multicast address",
            Class::Documentation => "documentation address",
            Class::Benchmark => "benchmark address",
            Class::Reserved => "reserved address",
        })
    }
}
