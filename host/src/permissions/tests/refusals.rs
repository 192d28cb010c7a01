//! What a refused connection says, and that its cure is one.

use super::{allow, ask, net};
use crate::permissions::Permissions;

#[test]
fn a_refusal_names_action_target_reason_and_cure() {
    // Rules, URL, what its host is or resolves to; then the denial's target, reason and cure.
    let table = [
        (
            "",
            "http://10.0.0.5",
            "10.0.0.5",
            "http://10.0.0.5:80",
            "private address",
            "10.0.0.5:80",
        ),
        (
            "",
            "https://a.b/c?d",
            "8.8.8.8",
            "https://a.b:443",
            "no --allow-net rule covers it",
            "a.b:443",
        ),
        (
            "",
            "http://8.8.8.8",
            "8.8.8.8",
            "http://8.8.8.8:80",
            "no --allow-net rule covers it",
            "8.8.8.8:80",
        ),
        (
            "",
            "ws://localhost:3",
            "::1",
            "ws://localhost:3",
            "loopback address",
            "localhost:3",
        ),
        (
            "",
            "http://a.localhost",
            "::1",
            "http://a.localhost:80",
            "loopback address",
            "localhost:80",
        ),
        (
            "public",
            "http://a",
            "10.0.0.5",
            "http://a:80",
            "resolves to 10.0.0.5, a private address",
            "10.0.0.5:80",
        ),
        (
            "a",
            "http://a:81",
            "fd00::5",
            "http://a:81",
            "resolves to fd00::5, a unique-local address",
            "[fd00::5]:81",
        ),
        (
            "",
            "ws://[::ffff:10.0.0.5]:9",
            "::ffff:10.0.0.5",
            "ws://[::ffff:10.0.0.5]:9",
            "stands for 10.0.0.5, a private address",
            "10.0.0.5:9",
        ),
        (
            "",
            "http://0.0.0.0",
            "0.0.0.0",
            "http://0.0.0.0:80",
            "stands for 127.0.0.1, a loopback address",
            "127.0.0.1:80",
        ),
        (
            "localhost",
            "http://localhost",
            "8.8.8.8",
            "http://localhost:80",
            "resolves to 8.8.8.8, no --allow-net rule covers it",
            "8.8.8.8:80",
        ),
        (
            "*",
            "http://[2001:0:a00:1::f5ff:fffa]",
            "2001:0:a00:1::f5ff:fffa",
            "http://[2001:0:a00:1::f5ff:fffa]:80",
            "stands for 10.0.0.5, a private address",
            "10.0.0.5:80,10.0.0.1:80",
        ),
        (
            "",
            "http://169.254.169.254",
            "169.254.169.254",
            "http://169.254.169.254:80",
            "cloud metadata address, which only a rule with exactly that address allows",
            "169.254.169.254:80",
        ),
        (
            "",
            "http://public",
            "8.8.8.8",
            "http://public:80",
            "no --allow-net rule covers it",
            "public.:80",
        ),
    ];
    for (rules, url, address, target, reason, cure) in table {
        let permissions = allow(&rules.split_terminator(' ').collect::<Vec<_>>());
        let wanted =
            format!("net.request to {target} is not allowed ({reason}); run again with --allow-net={cure}");
        assert_eq!(
            ask(&permissions, url, address).map_err(|denied| denied.to_string()),
            Err(wanted)
        );
    }
}

#[test]
fn a_deny_rule_is_named_and_has_no_cure() {
    let permissions = allow(&["public"]).deny_net(net(&["https://10.0.0.0/8:443"]));
    let denied = ask(&permissions, "https://example.com", "10.0.0.5").expect_err("denied");
    assert_eq!(
        denied.to_string(),
        "net.request to https://example.com:443 is not allowed \
         (resolves to 10.0.0.5, denied by --deny-net=https://10.0.0.0/8:443)"
    );
}

#[test]
fn following_the_cures_leads_to_a_grant() {
    let asked = [
        ("http://10.0.0.5", "10.0.0.5"),
        ("http://example.com", "8.8.8.8"),
        ("http://example.com:81", "10.0.0.5"),
        ("http://localhost", "127.0.0.1"),
        ("http://app.localhost", "::1"),
        ("http://public", "fd00::1"),
        ("http://private", "8.8.8.8"),
        ("http://example.com", "169.254.169.254"),
        ("http://example.com", "2001:0:a00:1::f5ff:fffa"),
        ("http://[2002:7f00:1::]", "2002:7f00:1::"),
        ("http://[64:ff9b:1::a9fe:a9fe]", "64:ff9b:1::a9fe:a9fe"),
        ("http://[::]", "::"),
        ("http://[ff02::1]:65535", "ff02::1"),
    ];
    for (url, address) in asked {
        let mut permissions = Permissions::none();
        let mut rounds = 0;
        while let Err(denied) = ask(&permissions, url, address) {
            let cure = denied.cure.unwrap_or_else(|| panic!("{url} has a cure"));
            let rules = cure.strip_prefix("--allow-net=").expect(&cure);
            permissions = permissions.allow_net(net(&rules.split(',').collect::<Vec<_>>()));
            rounds += 1;
            assert!(rounds <= 2, "{url}: {cure}");
        }
        assert!(rounds > 0, "{url} is not granted by default");
        assert!(
            ask(&permissions, "http://example.org", "8.8.4.4").is_err(),
            "the cures open only {url}"
        );
    }
}
