//! Random cases for `properties`. Names, addresses and ports come from small pools, and rules mostly from the target
//! that they will meet, so that they match often and miss narrowly.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::model::{Host, Policy, Rule, Set, Target, may_be_a_listen_rule, may_be_a_net_rule};
use super::registry::{METADATA, ranges, stands_for};

/// A target with what its name resolves to (its own address where it has one), and the flags of a run.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) policy: Policy,
    pub(super) target: Target,
    pub(super) answer: IpAddr,
    /// One more rule, for a second question.
    pub(super) other: Rule,
}

/// The same for a server.
#[derive(Debug, Clone)]
pub(super) struct ListenCase {
    pub(super) policy: Policy,
    pub(super) asked: SocketAddr,
    pub(super) other: Rule,
}

/// How something is written that has several spellings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    capitals: bool,
    dot: bool,
    form: u8,
}

/// A rule that still lacks its target.
#[derive(Debug, Clone)]
struct Seed {
    scheme: Option<Pick<&'static str>>,
    set: SetSeed,
    ports: Option<Pick<(u16, u16)>>,
}

/// The target's own, or another.
#[derive(Debug, Clone)]
enum Pick<T> {
    Own,
    Other(T),
}

#[derive(Debug, Clone)]
enum SetSeed {
    /// The target's name.
    Name,
    /// `*.` and the end of it.
    Above(Index),
    /// One of the addresses that the target reaches.
    Literal(Index),
    /// A network that one of them is in.
    Around(Index, u32),
    /// Whatever the target is.
    Fixed(Set),
}

const NAMES: &[&str] = &[
    "example.com",
    "www.example.com",
    "a.b.example.com",
    "notexample.com",
    "example.com.evil.test",
    "com",
    "localhost",
    "app.localhost",
    "notlocalhost",
    "localhost.test",
    "public",
    "private",
    "a.private",
    "xn--bcher-kva.example",
    "under_score-1.test",
];

const PORTS: &[u16] = &[1, 2, 79, 80, 81, 442, 443, 444, 8000, 8080, 8999, 65534, 65535];

const SCHEMES: &[&str] = &["http", "https", "ws", "wss"];

/// Addresses beside the edges of the ranges.
const NOTABLE: &[&str] = &[
    "8.8.8.8",
    "1.1.1.1",
    "10.0.0.5",
    "127.0.0.1",
    "2606:4700::1111",
    "fd00::5",
    "fe80::1",
];

pub(super) fn case() -> impl Strategy<Value = Case> {
    let policy = (seeds(0..5), seeds(0..3), prop::bool::weighted(0.15));
    let host = prop_oneof![3 => select(NAMES).prop_map(Some), 2 => Just(None)];
    let target = (select(SCHEMES), host, port());
    (policy, target, address(), seed()).prop_map(
        |((allow, deny, all), (scheme, name, port), answer, other)| {
            let target = Target {
                scheme,
                host: match name {
                    Some(name) => Host::Name(name.to_owned()),
                    None => Host::Ip(answer),
                },
                port,
            };
            let grown = |seed: &Seed| grow(seed, &target, answer);
            let grow_all = |seeds: &[Seed]| seeds.iter().map(grown).filter(may_be_a_net_rule).collect();
            Case {
                policy: Policy {
                    allow: grow_all(&allow),
                    deny: grow_all(&deny),
                    all,
                },
                other: Some(grown(&other))
                    .filter(may_be_a_net_rule)
                    .unwrap_or(EVERYTHING),
                target,
                answer,
            }
        },
    )
}

pub(super) fn listen_case() -> impl Strategy<Value = ListenCase> {
    let policy = (seeds(0..5), seeds(0..3), prop::bool::weighted(0.15));
    let unspecified = select(vec![
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv6Addr::UNSPECIFIED.into(),
        wrapped(Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED, 0).into(),
    ]);
    let address = prop_oneof![3 => address(), 1 => unspecified];
    let port = prop_oneof![3 => port(), 1 => Just(0)];
    (policy, address, port, seed()).prop_map(|((allow, deny, all), address, port, other)| {
        let target = Target {
            scheme: "http",
            host: Host::Ip(address),
            port,
        };
        let grown = |seed: &Seed| Rule {
            scheme: None,
            ..grow(seed, &target, address)
        };
        let grow_all = |seeds: &[Seed]| seeds.iter().map(grown).filter(may_be_a_listen_rule).collect();
        ListenCase {
            policy: Policy {
                allow: grow_all(&allow),
                deny: grow_all(&deny),
                all,
            },
            other: Some(grown(&other))
                .filter(may_be_a_listen_rule)
                .unwrap_or(EVERYTHING),
            asked: SocketAddr::new(address, port),
        }
    })
}

/// Any rule in canonical form, of which some are none (see `may_be_a_net_rule`).
pub(super) fn rule() -> impl Strategy<Value = Rule> {
    (seed(), address(), select(NAMES), port()).prop_map(|(seed, address, name, port)| {
        let target = Target {
            scheme: "https",
            host: Host::Name(name.to_owned()),
            port,
        };
        grow(&seed, &target, address)
    })
}

pub(super) fn spelling() -> impl Strategy<Value = Spelling> {
    (any::<bool>(), any::<bool>(), 0_u8..5).prop_map(|(capitals, dot, form)| Spelling { capitals, dot, form })
}

pub(super) fn address() -> impl Strategy<Value = IpAddr> {
    let edges: Vec<IpAddr> = ranges().flat_map(|range| range.edges()).collect();
    let inside =
        (select(ranges().collect::<Vec<_>>()), any::<u128>()).prop_map(|(range, bits)| range.inside(bits));
    let notable = NOTABLE
        .iter()
        .chain(METADATA)
        .filter_map(|text| text.parse().ok());
    let plain = prop_oneof![
        4 => select(edges),
        4 => inside,
        3 => select(notable.collect::<Vec<IpAddr>>()),
        1 => any::<Ipv4Addr>().prop_map(IpAddr::V4),
        1 => any::<Ipv6Addr>().prop_map(IpAddr::V6),
    ]
    .boxed();
    let within = (plain.clone(), plain.clone(), 0_u8..11).prop_map(|pair| match pair {
        (IpAddr::V4(inner), IpAddr::V4(server), form) => wrapped(inner, server, form).into(),
        (IpAddr::V4(inner), IpAddr::V6(_), form) => wrapped(inner, Ipv4Addr::new(8, 8, 8, 8), form).into(),
        (other, ..) => other,
    });
    prop_oneof![3 => plain, 2 => within]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![9 => select(PORTS), 1 => 1..=u16::MAX]
}

fn seeds(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Seed>> {
    prop::collection::vec(seed(), count)
}

fn seed() -> impl Strategy<Value = Seed> {
    let words = select(vec![Set::Localhost, Set::Public, Set::Private, Set::Any]);
    let set = prop_oneof![
        4 => Just(SetSeed::Name),
        2 => any::<Index>().prop_map(SetSeed::Above),
        4 => any::<Index>().prop_map(SetSeed::Literal),
        4 => (any::<Index>(), 0_u32..=128).prop_map(|(one, length)| SetSeed::Around(one, length)),
        5 => words.prop_map(SetSeed::Fixed),
        1 => select(NAMES).prop_map(|name| SetSeed::Fixed(Set::Name(name.to_owned()))),
        1 => select(NAMES).prop_map(|name| SetSeed::Fixed(Set::Under(name.to_owned()))),
        2 => address().prop_map(|address| SetSeed::Fixed(Set::Literal(address))),
        2 => (address(), 0_u32..=128).prop_map(|(address, length)| SetSeed::Fixed(Set::Network(address, length))),
    ];
    let scheme = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Pick::Own)),
        1 => select(SCHEMES).prop_map(|scheme| Some(Pick::Other(scheme))),
    ];
    let range = (port(), port()).prop_map(|(one, two)| (one.min(two), one.max(two)));
    let ports = prop_oneof![
        4 => Just(None),
        2 => Just(Some(Pick::Own)),
        1 => Just(Some(Pick::Other((1, 65535)))),
        2 => range.prop_map(|range| Some(Pick::Other(range))),
    ];
    (scheme, set, ports).prop_map(|(scheme, set, ports)| Seed { scheme, set, ports })
}

const EVERYTHING: Rule = Rule {
    scheme: None,
    set: Set::Any,
    ports: None,
};

fn grow(seed: &Seed, target: &Target, answer: IpAddr) -> Rule {
    let mut reached = stands_for(answer);
    reached.push(answer);
    let set = match (&seed.set, &target.host) {
        (SetSeed::Name, Host::Name(name)) => Set::Name(name.clone()),
        (SetSeed::Above(index), Host::Name(name)) => {
            // In the middle of a label too, which is below nothing.
            let dots = name.match_indices('.').map(|(at, _)| at + 1);
            let starts: Vec<usize> = dots
                .chain([0, name.len() - name.trim_start_matches("not").len()])
                .collect();
            Set::Under(name[*index.get(&starts)..].to_owned())
        }
        (SetSeed::Name | SetSeed::Above(_), Host::Ip(own)) => Set::Literal(*own),
        (SetSeed::Literal(index), _) => Set::Literal(*index.get(&reached)),
        (SetSeed::Around(index, length), _) => Set::Network(*index.get(&reached), *length),
        (SetSeed::Fixed(set), _) => set.clone(),
    };
    Rule {
        scheme: match seed.scheme {
            None => None,
            Some(Pick::Own) => Some(target.scheme),
            Some(Pick::Other(scheme)) => Some(scheme),
        },
        set: canonical(set),
        ports: match seed.ports {
            None => None,
            // No rule has port 0.
            Some(Pick::Own) => Some((target.port.max(1), target.port.max(1))),
            Some(Pick::Other(range)) => Some(range),
        },
    }
}

/// Names that are words, networks of one address, networks with bits behind their prefix.
fn canonical(set: Set) -> Set {
    match set {
        Set::Name(name) if name == "localhost" => Set::Localhost,
        Set::Network(IpAddr::V4(address), length) => match length % 33 {
            32 => Set::Literal(address.into()),
            length => {
                let bits = address.to_bits() & !(u32::MAX.checked_shr(length).unwrap_or(0));
                Set::Network(Ipv4Addr::from_bits(bits).into(), length)
            }
        },
        Set::Network(IpAddr::V6(address), length) => match length {
            128 => Set::Literal(address.into()),
            length => {
                let bits = address.to_bits() & !(u128::MAX.checked_shr(length).unwrap_or(0));
                Set::Network(Ipv6Addr::from_bits(bits).into(), length)
            }
        },
        set => set,
    }
}

/// An IPv6 address that stands for the IPv4 one, or only looks as if it did.
fn wrapped(inner: Ipv4Addr, server: Ipv4Addr, form: u8) -> Ipv6Addr {
    let [a, b, c, d] = inner.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let group = |one, two| u16::from_be_bytes([one, two]);
    let groups = match form {
        0 => [0, 0, 0, 0, 0, 0xffff, high, low],
        1 => [0, 0, 0, 0, 0, 0, high, low],
        2 => [0x64, 0xff9b, 0, 0, 0, 0, high, low],
        3 => [0x2002, high, low, 0, 0, 0, 0, 1],
        4 => {
            let [e, f, g, h] = server.octets();
            [0x2001, 0, group(e, f), group(g, h), 0x8000, 0x63bf, !high, !low]
        }
        // Local translation, behind prefixes of 48, 56, 64 and 96 bits.
        5 => [0x64, 0xff9b, 1, high, group(0, c), group(d, 0), 0, 0],
        6 => [0x64, 0xff9b, 1, group(7, a), group(0, b), low, 0, 0],
        7 => [0x64, 0xff9b, 1, 7, group(0, a), group(b, c), group(d, 0), 0],
        8 => [0x64, 0xff9b, 1, 0, 0, 0, high, low],
        // IPv4-translated, and ISATAP in a public network: neither is unwrapped.
        9 => [0, 0, 0, 0, 0xffff, 0, high, low],
        _ => [0x2606, 0x4700, 0, 0, 0, 0x5efe, high, low],
    };
    Ipv6Addr::from(groups)
}

impl Spelling {
    /// The target as a URL.
    pub(super) fn url(self, target: &Target) -> String {
        let host = match &target.host {
            Host::Name(name) => self.name(name),
            Host::Ip(IpAddr::V4(address)) => {
                let [a, b, c, d] = address.octets();
                match self.form {
                    0 => address.to_string(),
                    1 => address.to_bits().to_string(),
                    2 => format!("0x{:x}", address.to_bits()),
                    3 => format!("{a}.{b:#o}.{}", u16::from_be_bytes([c, d])).replace("0o", "0"),
                    _ => format!("{a}.0x{b:X}.{c}.{d}."),
                }
            }
            Host::Ip(IpAddr::V6(address)) => format!("[{}]", self.ipv6(*address)),
        };
        let scheme = self.cased(target.scheme);
        match (target.scheme, target.port) {
            ("http" | "ws", 80) | ("https" | "wss", 443) if self.dot => format!("{scheme}://{host}/x:1"),
            (_, port) => format!("{scheme}://{host}:{port}?@x"),
        }
    }

    /// The rule as somebody might type it.
    pub(super) fn rule(self, rule: &Rule) -> String {
        let mut rule = rule.clone();
        match &mut rule.set {
            // The dot of `public.` comes with the canonical text.
            Set::Name(name) if name == "public" || name == "private" => {}
            Set::Name(name) | Set::Under(name) => *name = self.name(name),
            _ => {}
        }
        let text = rule.text();
        match &rule.set {
            Set::Literal(IpAddr::V6(address)) | Set::Network(IpAddr::V6(address), _) => {
                text.replace(&format!("[{address}]"), &format!("[{}]", self.ipv6(*address)))
            }
            _ => self.cased(&text),
        }
    }

    fn name(self, name: &str) -> String {
        let name = match self.form {
            0 => name.replace("xn--bcher-kva", "bücher"),
            1 => name.replace('.', "。"),
            2 => name.replace('e', "ｅ"),
            3 if !name.starts_with("xn--") => format!("{}\u{ad}{}", &name[..1], &name[1..]),
            _ => name.to_owned(),
        };
        format!("{}{}", self.cased(&name), if self.dot { "." } else { "" })
    }

    fn ipv6(self, address: Ipv6Addr) -> String {
        let groups = address.segments();
        let written = match self.form {
            0 | 1 => address.to_string(),
            _ => groups.map(|group| format!("{group:04x}")).join(":"),
        };
        self.cased(&written)
    }

    fn cased(self, text: &str) -> String {
        if self.capitals {
            text.to_uppercase()
        } else {
            text.to_owned()
        }
    }
}
