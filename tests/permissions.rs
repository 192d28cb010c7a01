//! The rules as they are typed: what is refused at the start, with its reason.

use libtest_mimic::{Failed, Trial};

use crate::harness::child::Atoll;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![bad_rules_are_refused, good_rules_are_taken]
}

fn bad_rules_are_refused() -> Result<(), Failed> {
    let rules = [
        "http://example.com/path",
        "example.com/",
        "user@example.com",
        "http://user:word@example.com",
        "a.*.example.com",
        "ex*mple.com",
        "*.",
        "*example.com",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "010.0.0.1",
        "256.0.0.1",
        "1.2.3.4.5",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "[::1",
        "[::g]",
        "[fe80::1%25eth0]",
        "example.com:",
        "example.com:0-",
        "example.com:x",
        "example.com:65536",
        "example.com:90-80",
        "example.com:-80",
        "ftp://example.com",
        "://example.com",
        "http://",
        " example.com",
        "exa mple.com",
        "example..com",
        ".example.com",
        "example.com?x",
        "example.com#x",
    ];
    for rule in rules {
        for flag in ["--allow-net", "--allow-listen", "--deny-net", "--deny-listen"] {
            let word = format!("{flag}={rule}");
            let finished = Atoll::source("bad_rules", "print('never')", [&word])?.finish()?;
            finished
                .expect_code(2)
                .map_err(|error| format!("{word}: {}", error.message().unwrap_or_default()))?;
            let err = finished.err();
            if !err.starts_with("error: ") || !err.contains(rule.trim()) || !finished.out().is_empty() {
                return Err(format!("{word}: the message must name the rule: {err:?}").into());
            }
        }
    }
    Ok(())
}

fn good_rules_are_taken() -> Result<(), Failed> {
    let targets = [
        "example.com",
        "EXAMPLE.com.",
        "*.example.com",
        "https://example.com",
        "wss://example.com:443",
        "example.com:80-90",
        "bücher.example",
        "a.example,b.example:1",
    ];
    let addresses = [
        "127.0.0.1",
        "[::1]:80",
        "10.0.0.0/8",
        "localhost",
        "public",
        "private:80",
        "*",
        "*:443",
    ];
    let outgoing = ["--allow-net", "--deny-net"];
    let listening = ["--allow-listen", "--deny-listen"];
    let both = || outgoing.iter().chain(&listening);
    let words = (targets
        .iter()
        .flat_map(|rule| outgoing.map(|flag| format!("{flag}={rule}"))))
    .chain(
        addresses
            .iter()
            .flat_map(|rule| both().map(move |flag| format!("{flag}={rule}"))),
    );
    for word in words {
        let finished = Atoll::source("good_rules", "print('runs')", [&word])?.finish()?;
        finished
            .expect_code(0)
            .map_err(|error| format!("{word}: {}", error.message().unwrap_or_default()))?;
        assert_eq!(finished.out(), "runs\n", "{word}");
    }
    Ok(())
}
