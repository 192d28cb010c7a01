//! Ways around the rules, each a test by name, as far as names and addresses alone decide them.

use url::Url;

use super::{allow, ask, ask_name, ip, net, target};
use crate::permissions::{Learned, Permissions, decide_addr, decide_name};

/// Everything that an allow rule can open without naming private space.
fn open_internet() -> Permissions {
    allow(&["public", "*", "example.com", "*.com"])
}

fn literal_is_refused(url: &str) {
    let refusal = ask_name(&open_internet(), url).expect_err(url);
    assert!(refusal.contains("address"), "{refusal}");
    assert!(
        ask_name(&Permissions::none().allow_all().deny_net(net(&["private"])), url).is_err(),
        "{url}"
    );
}

#[test]
fn numeric_octal_hex_and_short_hosts() {
    for host in [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0",
        "0x0",
    ] {
        literal_is_refused(&format!("http://{host}/"));
    }
    for host in ["10.1", "0xa000005", "012.0.0.5", "3232235777"] {
        literal_is_refused(&format!("http://{host}/"));
    }
}

#[test]
fn look_alike_digits_and_dots() {
    for host in [
        "１２７.0.0.1",
        "127。0。0。1",
        "①②⑦.0.0.1",
        "%31%32%37.0.0.1",
        "0x7F.0.0.1.",
    ] {
        literal_is_refused(&format!("http://{host}/"));
    }
}

#[test]
fn ipv6_literals_that_stand_for_private_ipv4() {
    for host in [
        "::ffff:127.0.0.1",
        "::ffff:a00:5",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.5",
        "2002:7f00:1::",
        "2002:a00:5::1",
        "2001:0:808:808::f5ff:fffa",
        "2001:0:a00:5::f7f7:f7f7",
        "::ffff:0:0",
        "::",
    ] {
        literal_is_refused(&format!("http://[{host}]/"));
    }
}

#[test]
fn a_wide_ipv6_rule_does_not_open_ipv4_inside() {
    let permissions = allow(&["[::]/0", "[2000::]/3", "[64::]/16"]);
    for host in [
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:a00:5::f7f7:f7f7",
    ] {
        assert!(
            ask_name(&permissions, &format!("http://[{host}]/")).is_err(),
            "{host}"
        );
    }
}

#[test]
fn a_name_that_resolves_to_special_space() {
    for address in [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.5",
        "100.64.0.1",
        "169.254.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "::",
        "fd00::1",
        "fe80::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:10.0.0.5",
        "64:ff9b::a00:5",
        "64:ff9b:1::a00:5",
        "2002:a00:5::",
        "169.254.169.254",
    ] {
        assert!(
            ask(&open_internet(), "http://example.com", address).is_err(),
            "{address}"
        );
    }
    // Behind a network's own NAT64, public IPv4 stays in reach.
    assert!(ask(&open_internet(), "http://example.com", "64:ff9b::808:808").is_ok());
}

#[test]
fn rebinding_to_a_second_answer() {
    let permissions = open_internet();
    let pass = decide_name(&permissions, &target("http://example.com")).expect("granted");
    assert!(decide_addr(&permissions, &pass, ip("8.8.8.8")).is_ok());
    assert!(
        decide_addr(&permissions, &pass, ip("127.0.0.1")).is_err(),
        "each answer is checked by itself"
    );
}

#[test]
fn names_are_compared_in_one_form() {
    let denying = Permissions::none().allow_all().deny_net(net(&["bücher.example"]));
    for host in [
        "bücher.example",
        "BÜCHER.EXAMPLE",
        "bu\u{308}cher.example",
        "xn--bcher-kva.example.",
        "bü\u{ad}cher。example",
    ] {
        assert!(ask_name(&denying, &format!("http://{host}/")).is_err(), "{host}");
    }
    // Cyrillic letters that look the same are another name.
    assert!(ask_name(&allow(&["example.com"]), "http://ехаmple.com/").is_err());
}

#[test]
fn a_user_in_the_url_is_not_the_host() {
    let permissions = allow(&["example.com"]);
    for url in [
        "http://example.com@evil.test/",
        "http://example.com:80@evil.test/",
        "http://evil.test\\@example.com/",
    ] {
        assert!(ask_name(&permissions, url).is_err(), "{url}");
    }
}

#[test]
fn tabs_and_line_feeds_in_the_url() {
    literal_is_refused("http://127.0.\n0.1/");
    literal_is_refused("ht\ttp://1\t27.0.0.1/");
    assert!(ask_name(&allow(&["example.com"]), "http://example.com\r\n.evil.test/").is_err());
}

#[test]
fn zone_ids_are_no_urls() {
    assert!(Url::parse("http://[fe80::1%25eth0]/").is_err());
}

#[test]
fn a_redirect_from_https_to_http_is_another_target() {
    let permissions = allow(&["https://example.com"]);
    assert_eq!(ask_name(&permissions, "https://example.com/"), Ok(()));
    assert!(ask_name(&permissions, "http://example.com/").is_err());
    assert!(ask_name(&permissions, "http://example.com:443/").is_err());
}

#[test]
fn a_metadata_address_as_the_second_that_a_target_reaches() {
    // The server of a Teredo address, behind a client that is special for another reason.
    let mut learned = Learned::new(Permissions::none());
    let (granted, _) = learned.name(&target("http://[2001:0:a9fe:a9fe::f5ff:fffa]/"));
    assert!(granted.is_err());
    assert_eq!(learned.flags(), Vec::<String>::new());
    assert!(learned.name(&target("http://169.254.169.254/")).0.is_err());
}
