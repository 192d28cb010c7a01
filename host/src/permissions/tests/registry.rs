//! Addresses as the model sees them: which are special, and which stand for others.
//!
//! The ranges are typed from IANA's registries ("Special-Purpose Address", IPv4 and IPv6; "Multicast"; "IPv6 Address
//! Space"), the metadata addresses from the clouds' own documentation, and nothing from the code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
pub(crate) fn dialled(address: IpAddr) -> IpAddr {
    destination(unmapped(address))
}

pub(crate) fn unmapped(address: IpAddr) -> IpAddr {
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
    is_in_public_space(address) && !is_metadata(address)
}

pub(crate) fn is_in_public_space(address: IpAddr) -> bool {
    let unicast = address.is_ipv4() || UNICAST.has(address);
    unicast && !is_in(PRIVATE, address) && !is_in(SPECIAL, address)
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

pub(crate) fn is_in(ranges: &[Range], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.has(address))
}

/// A network: `width` is 32 or 128, and the first `length` bits of `first` count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    width: u32,
    first: u128,
    pub(crate) length: u32,
}

impl Range {
    pub(crate) fn of(address: IpAddr, length: u32) -> Range {
        let (width, first) = number(address);
        Range { width, first, length }
    }

    /// Bit after bit.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let (width, other) = number(address);
        width == self.width
            && (0..self.length).all(|bit| {
                let mask = 1 << (width - 1 - bit);
                self.first & mask == other & mask
            })
    }

    /// One of its addresses.
    pub(crate) fn inside(&self, bits: u128) -> IpAddr {
        let behind = u128::MAX.checked_shr(128 - self.width + self.length).unwrap_or(0);
        self.address(self.first | bits & behind)
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
        all.iter().map(|number| self.address(*number)).collect()
    }

    fn address(&self, number: u128) -> IpAddr {
        match self.width {
            32 => IpAddr::V4(Ipv4Addr::from(number as u32)),
            _ => IpAddr::V6(Ipv6Addr::from(number)),
        }
    }
}

fn number(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(v4) => (
            32,
            v4.octets()
                .iter()
                .fold(0, |sum, byte| sum << 8 | u128::from(*byte)),
        ),
        IpAddr::V6(v6) => (
            128,
            v6.octets()
                .iter()
                .fold(0, |sum, byte| sum << 8 | u128::from(*byte)),
        ),
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
    [LOOPBACK, PRIVATE, SPECIAL, REACHABLE, &EMBEDDING]
        .into_iter()
        .flatten()
        .copied()
}

/// Of `::ffff:0:0/96`, which has a group behind the first four.
pub(crate) const MAPPED: Range = Range {
    width: 128,
    first: 0xffff << 32,
    length: 96,
};
const COMPATIBLE: Range = v6(0, 0, 0, 0, 96);
const NAT64: Range = v6(0x64, 0xff9b, 0, 0, 96);
const LOCAL_NAT64: Range = v6(0x64, 0xff9b, 1, 0, 48);
const SIX_TO_FOUR: Range = v6(0x2002, 0, 0, 0, 16);
const TEREDO: Range = v6(0x2001, 0, 0, 0, 32);
const UNICAST: Range = v6(0x2000, 0, 0, 0, 3);
pub(crate) const EMBEDDING: [Range; 5] = [MAPPED, COMPATIBLE, NAT64, SIX_TO_FOUR, TEREDO];

const LOOPBACK: &[Range] = &[
    v4(127, 0, 0, 0, 8),
    Range {
        width: 128,
        first: 1,
        length: 128,
    },
];

/// "Loopback, RFC 1918, unique-local, link-local, CGNAT."
pub(crate) const PRIVATE: &[Range] = &[
    v4(127, 0, 0, 0, 8),
    Range {
        width: 128,
        first: 1,
        length: 128,
    },
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
    v4(0, 0, 0, 0, 8),           // "This network"
    v4(192, 0, 0, 0, 24),        // IETF protocol assignments
    v4(192, 0, 0, 0, 29),        // IPv4 service continuity
    v4(192, 0, 0, 8, 32),        // dummy address
    v4(192, 0, 0, 170, 31),      // NAT64 and DNS64 discovery
    v4(192, 0, 2, 0, 24),        // TEST-NET-1
    v4(192, 88, 99, 0, 24),      // relays for 6to4, deprecated
    v4(198, 18, 0, 0, 15),       // benchmarking
    v4(198, 51, 100, 0, 24),     // TEST-NET-2
    v4(203, 0, 113, 0, 24),      // TEST-NET-3
    v4(224, 0, 0, 0, 4),         // multicast
    v4(240, 0, 0, 0, 4),         // reserved
    v4(255, 255, 255, 255, 32),  // limited broadcast
    v6(0x64, 0xff9b, 1, 0, 48),  // local translation
    v6(0x100, 0, 0, 0, 64),      // discard-only
    v6(0x100, 0, 0, 1, 64),      // dummy prefix
    v6(0x2001, 0, 0, 0, 23),     // IETF protocol assignments
    v6(0x2001, 0, 0, 0, 32),     // Teredo
    v6(0x2001, 2, 0, 0, 48),     // benchmarking
    v6(0x2001, 0x10, 0, 0, 28),  // ORCHID, deprecated
    v6(0x2001, 0xdb8, 0, 0, 32), // documentation
    v6(0x3fff, 0, 0, 0, 20),     // documentation
    v6(0x5f00, 0, 0, 0, 16),     // SRv6 segment identifiers
    v6(0xfec0, 0, 0, 0, 10),     // site-local, deprecated
    v6(0xff00, 0, 0, 0, 8),      // multicast
];

/// What the registries list and call globally reachable; those in 192.0.0.0/24 and 2001::/23 stay special, as they are
/// for no servers.
const REACHABLE: &[Range] = &[
    v4(192, 0, 0, 9, 32),            // port control protocol
    v4(192, 0, 0, 10, 32),           // TURN
    v4(192, 31, 196, 0, 24),         // AS112
    v4(192, 52, 193, 0, 24),         // AMT
    v4(192, 175, 48, 0, 24),         // AS112
    v6(0x2001, 3, 0, 0, 32),         // AMT
    v6(0x2001, 4, 0x112, 0, 48),     // AS112
    v6(0x2001, 0x20, 0, 0, 28),      // ORCHIDv2
    v6(0x2001, 0x30, 0, 0, 28),      // drones
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
