//! Tables of rules and decisions, by file: `rules` (parsing, printing), `addresses` (classes, unwrapping),
//! `outgoing`, `refusals` and `listening` (decisions), `wishes`, `bypasses` (ways around them that must stay closed).
//! `properties` compares the code with a `model` of the design (which has its addresses from `registry`) over random
//! `cases`.

mod addresses;
mod bypasses;
mod cases;
mod listening;
mod model;
mod outgoing;
mod properties;
mod refusals;
mod registry;
mod rules;
mod wishes;

use std::net::IpAddr;

use url::Url;

use super::{Denied, ListenRule, NetRule, Permissions, Target, decide_addr, decide_name};

fn net(rules: &[&str]) -> Vec<NetRule> {
    rules
        .iter()
        .map(|rule| rule.parse().unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

fn listen(rules: &[&str]) -> Vec<ListenRule> {
    rules
        .iter()
        .map(|rule| rule.parse().unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

fn allow(rules: &[&str]) -> Permissions {
    Permissions::none().allow_net(net(rules))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is an address"))
}

fn target(url: &str) -> Target {
    let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    Target::from_url("net.request", &url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// Both halves, with what the name resolves to (the literal itself where the URL has one).
fn ask(permissions: &Permissions, url: &str, address: &str) -> Result<String, Denied> {
    let pass = decide_name(permissions, &target(url))?;
    decide_addr(permissions, &pass, ip(address)).map(|granted| granted.socket_addr().to_string())
}

/// The first half alone.
fn ask_name(permissions: &Permissions, url: &str) -> Result<(), String> {
    decide_name(permissions, &target(url))
        .map(|_| ())
        .map_err(|denied| denied.to_string())
}
