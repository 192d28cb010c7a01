//! What the fuzz targets try: a function for each, which takes any bytes and panics where something that must hold does
//! not. `fuzz/` runs them under libFuzzer; the test at the end feeds them what `fuzz/corpus` keeps.
//!
//! The fuzz package has this file, `config/file.rs`, `limits`, `net`, `observe` and `permissions` as modules of its own, so nothing else of the crate
//! can be used here.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use ::url::Url;

use self::registry::METADATA;
use crate::limits::Limits;
use crate::permissions::{ListenRule, NetRule, Permissions, Target, decide_listen, decide_name};

mod config;
mod exchange;
mod guest;
mod head;
#[path = "../permissions/tests/model.rs"]
#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "the properties use the rest, and the fuzz package has only this one"
)]
mod model;
#[path = "../permissions/tests/registry.rs"]
#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "the properties use the rest, and the fuzz package has only this one"
)]
mod registry;
mod url;

pub(crate) use self::config::config;
pub(crate) use self::exchange::{request_line, response_head};
pub(crate) use self::guest::guest_target;
pub(crate) use self::head::head;
pub(crate) use self::url::{redirect, url_target};

/// A target and its name.
#[cfg(test)]
type Named = (&'static str, fn(&[u8]));

/// Each target's name, which is that of its folder in `fuzz/corpus`.
#[cfg(test)]
const TARGETS: &[Named] = &[
    ("config", config),
    ("guest_target", guest_target),
    ("head", head),
    ("limits", limits),
    ("redirect", redirect),
    ("request_line", request_line),
    ("response_head", response_head),
    ("rule", rule),
    ("url_target", url_target),
];

/// A rule prints as itself, and opens no metadata address but the one that it is.
pub(crate) fn rule(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(rule) = prints_as_itself::<ListenRule>(text) {
        let loopback = "127.0.0.1:80".parse().expect("an address");
        let denying = Permissions::none().allow_all().deny_listen([rule.clone()]);
        let allowing = Permissions::none().allow_listen([rule]);
        assert!(decide_listen(&allowing, loopback).is_err() || decide_listen(&denying, loopback).is_err());
    }
    let Some(rule) = prints_as_itself::<NetRule>(text) else {
        return;
    };
    let permissions = Permissions::none().allow_net([rule.clone()]);
    for address in METADATA {
        let host = if address.contains(':') {
            format!("[{address}]")
        } else {
            (*address).to_owned()
        };
        let url = Url::parse(&format!("https://{host}/")).expect("a URL");
        let target = Target::from_url("net.request", &url).expect("a target");
        if decide_name(&permissions, &target).is_ok() {
            let printed = rule.to_string();
            let alone = printed.trim_start_matches("https://").strip_prefix(&*host);
            assert!(
                alone.is_some_and(|ports| ports.is_empty() || ports.starts_with(':')),
                "{printed}"
            );
        }
    }
}

fn prints_as_itself<R: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) -> Option<R> {
    match text.parse::<R>() {
        Ok(rule) => {
            let printed = rule.to_string();
            assert_eq!(
                printed.parse().ok().as_ref(),
                Some(&rule),
                "{text:?} prints as {printed}"
            );
            Some(rule)
        }
        Err(error) => {
            assert!(error.to_string().starts_with("invalid rule "));
            None
        }
    }
}

/// Lines of `name=value`: each sets one limit to a finite value, or changes nothing.
pub(crate) fn limits(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut limits = Limits::default();
    for line in text.lines() {
        let before = limits.clone();
        match limits.set(line) {
            Ok(()) => {
                let (name, _) = line.split_once('=').expect("it has a value");
                assert!(Limits::names().contains(&name));
                let shown = [&before, &limits].map(|limits| format!("{limits:?}"));
                let fields = shown
                    .each_ref()
                    .map(|shown| shown.split(", ").collect::<Vec<_>>());
                let changed = fields[0]
                    .iter()
                    .zip(&fields[1])
                    .filter(|(one, other)| one != other)
                    .count();
                assert!(
                    changed <= 1 && fields[0].len() == fields[1].len(),
                    "{line:?} sets several"
                );
            }
            Err(error) => {
                assert_eq!(limits, before, "{line:?}");
                assert!(!error.to_string().is_empty());
            }
        }
        assert!((16 << 20..=4 << 30).contains(&limits.memory) && limits.heap() < limits.memory);
        assert!((512 << 10..=64 << 20).contains(&limits.stack));
        for time in [limits.run, limits.grace, limits.dns, limits.drain] {
            assert!(!time.is_zero() && time.as_secs() <= 86_400, "{line:?}");
        }
        for count in [
            limits.parked,
            limits.connections,
            limits.outgoing,
            limits.sockets,
            limits.handles,
        ] {
            assert!(count > 0, "{line:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn what_the_fuzzers_found_worth_keeping() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        let folders = fs::read_dir(&corpus)
            .expect("the corpus")
            .map(|entry| entry.expect("a folder").file_name());
        let mut folders: Vec<_> = folders.map(|name| name.into_string().expect("a name")).collect();
        folders.sort();
        let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            folders, names,
            "each target has a folder, and each folder a target"
        );
        for (name, target) in TARGETS {
            let mut files = 0;
            for entry in fs::read_dir(corpus.join(name)).expect("a folder") {
                target(&fs::read(entry.expect("a file").path()).expect("its content"));
                files += 1;
            }
            assert!(files > 0, "{name} has nothing to try");
        }
    }
}
