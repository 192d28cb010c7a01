//! The text of a rule, taken apart. `rule` calls it.
//!
//! Refused: paths, users, white space, numbers in any but their one spelling, and wildcards but the two.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::addresses::Addresses;
use super::name::{Name, NameError};
use super::ports::Ports;
use super::rule::Hosts;
use super::rule_error::RuleProblem;
use super::target::Scheme;

/// What a rule's text says.
pub(super) struct Parts {
    /// In front of `://`, if that is there.
    pub(super) scheme: Option<Scheme>,
    /// The only part that has to be there.
    pub(super) hosts: Hosts,
    /// After the colon; all of them without one.
    pub(super) ports: Ports,
}

/// Takes a rule apart. Which parts it may have is for the kinds of rules to say.
pub(super) fn parse(text: &str) -> Result<Parts, RuleProblem> {
    if text.is_empty() {
        return Err(RuleProblem::Empty);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(RuleProblem::Space);
    }
    let (scheme, rest) = match text.split_once("://") {
        None => (None, text),
        Some((name, rest)) => {
            let scheme = Scheme::from_name(&name.to_ascii_lowercase());
            (
                Some(scheme.ok_or_else(|| RuleProblem::Scheme(name.to_owned()))?),
                rest,
            )
        }
    };
    if rest.contains('@') {
        return Err(RuleProblem::User);
    }
    let (host, tail) = split_host(rest)?;
    // Where the rule would have to end if what follows is a path.
    let path = |at: usize| RuleProblem::Path(text[..text.len() - rest.len() + at].to_owned());
    let (length, ports) = match tail.split_once(':') {
        Some((length, ports)) => (length, Some(ports)),
        None => (tail, None),
    };
    if let Some(extra) = ports.and_then(|ports| ports.find(PATH_START)) {
        return Err(path(rest.len() - ports.map_or(0, str::len) + extra));
    }
    let length = match length.strip_prefix('/') {
        Some(length) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(length)
        }
        None if length.is_empty() => None,
        _ => return Err(path(host.len())),
    };
    let hosts = hosts(host, length)?.ok_or_else(|| path(host.len()))?;
    Ok(Parts {
        scheme,
        hosts,
        ports: ports.map_or(Ok(Ports::All), Ports::parse)?,
    })
}

/// What a path, query or fragment starts with; `\` is a slash to a URL parser.
const PATH_START: [char; 4] = ['/', '?', '#', '\\'];

/// Splits the host, brackets included, from its prefix length and ports.
fn split_host(rest: &str) -> Result<(&str, &str), RuleProblem> {
    let end = if rest.starts_with('[') {
        rest.find(']').ok_or(RuleProblem::Ipv6)? + 1
    } else {
        let address = rest.split('/').next().unwrap_or(rest);
        if address.parse::<Ipv6Addr>().is_ok() {
            return Err(RuleProblem::Brackets(rest.replacen('/', "]/", 1)));
        }
        if address.bytes().filter(|byte| *byte == b':').count() > 1 {
            return Err(RuleProblem::Ipv6);
        }
        rest.find([':', '/', '?', '#', '\\']).unwrap_or(rest.len())
    };
    Ok(rest.split_at(end))
}

/// The hosts that the text names; `None` where it has a prefix length and can't have one.
fn hosts(host: &str, length: Option<&str>) -> Result<Option<Hosts>, RuleProblem> {
    if let Some(inside) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        if let Some(zone) = inside.find('%') {
            return Err(RuleProblem::Zone(inside[zone..].to_owned()));
        }
        let address: Ipv6Addr = inside.parse().map_err(|_| RuleProblem::Ipv6)?;
        return Addresses::from_address(address.into(), length).map(|set| Some(Hosts::Addresses(set)));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Addresses::from_address(address.into(), length).map(|set| Some(Hosts::Addresses(set)));
    }
    let hosts = match (Addresses::from_word(host), host.strip_prefix("*.")) {
        (Some(addresses), _) => Hosts::Addresses(addresses),
        (None, Some(apex)) => Hosts::Under(name(apex)?),
        (None, None) => match name(host).map_err(|problem| spell_out(problem, host))? {
            name if &*name == "localhost" => Hosts::Addresses(Addresses::Localhost),
            name => Hosts::Name(name),
        },
    };
    Ok(length.is_none().then_some(hosts))
}

fn name(text: &str) -> Result<Name, RuleProblem> {
    if text.contains('*') {
        return Err(RuleProblem::Wildcard);
    }
    Ok(Name::parse(text)?)
}

/// The address that a URL parser would make of a number which isn't written as one.
fn spell_out(problem: RuleProblem, host: &str) -> RuleProblem {
    match (problem, url::Host::parse(host)) {
        (RuleProblem::Name(NameError::Number), Ok(url::Host::Ipv4(address))) => {
            RuleProblem::Number(address.into())
        }
        (problem, _) => problem,
    }
}
