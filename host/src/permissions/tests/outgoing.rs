//! Decisions on connections.

use url::Url;

use super::{allow, ask, ask_name, ip, net, target};
use crate::permissions::{NetRule, Permissions, Target, decide_addr, decide_name};

#[test]
fn rules_open_what_they_cover_and_nothing_else() {
    // Rules, URL, what its host is or resolves to, whether it is granted.
    let table = [
        ("", "http://8.8.8.8", "8.8.8.8", false),
        ("", "http://example.com", "8.8.8.8", false),
        ("example.com", "http://example.com", "8.8.8.8", true),
        ("example.com", "https://example.com:8443", "8.8.8.8", true),
        ("example.com", "http://www.example.com", "8.8.8.8", false),
        ("example.com", "http://example.com.evil.test", "8.8.8.8", false),
        ("example.com", "http://notexample.com", "8.8.8.8", false),
        ("example.com", "http://8.8.8.8", "8.8.8.8", false),
        ("*.example.com", "http://a.example.com", "8.8.8.8", true),
        ("*.example.com", "http://a.b.example.com", "8.8.8.8", true),
        ("*.example.com", "http://example.com", "8.8.8.8", false),
        ("*.example.com", "http://badexample.com", "8.8.8.8", false),
        ("example.com:80", "http://example.com", "8.8.8.8", true),
        ("example.com:80", "https://example.com", "8.8.8.8", false),
        (
            "example.com:8000-8010",
            "http://example.com:8000",
            "8.8.8.8",
            true,
        ),
        (
            "example.com:8000-8010",
            "http://example.com:8010",
            "8.8.8.8",
            true,
        ),
        (
            "example.com:8000-8010",
            "http://example.com:8011",
            "8.8.8.8",
            false,
        ),
        (
            "example.com:8000-8010",
            "http://example.com:7999",
            "8.8.8.8",
            false,
        ),
        ("https://example.com", "https://example.com", "8.8.8.8", true),
        ("https://example.com", "http://example.com:443", "8.8.8.8", false),
        ("https://example.com", "wss://example.com", "8.8.8.8", false),
        ("wss://example.com", "wss://example.com", "8.8.8.8", true),
        ("bücher.example", "http://BÜCHER.example", "8.8.8.8", true),
        // A name rule opens public addresses, and no others.
        ("example.com", "http://example.com", "10.0.0.5", false),
        ("example.com", "http://example.com", "224.0.0.1", false),
        ("example.com private", "http://example.com", "10.0.0.5", true),
        ("example.com 10.0.0.0/8", "http://example.com", "10.0.0.5", true),
        (
            "example.com 10.0.0.0/8",
            "http://example.com",
            "192.168.0.1",
            false,
        ),
        (
            "example.com 10.0.0.0/8:81",
            "http://example.com",
            "10.0.0.5",
            false,
        ),
        (
            "example.com ws://10.0.0.0/8",
            "http://example.com",
            "10.0.0.5",
            false,
        ),
        // Rules on addresses.
        ("8.8.8.8", "http://8.8.8.8", "8.8.8.8", true),
        ("8.8.8.8", "http://8.8.4.4", "8.8.4.4", false),
        ("8.8.8.0/24:80", "http://8.8.8.9", "8.8.8.9", true),
        (
            "[2606:4700::]/32",
            "http://[2606:4700::1111]",
            "2606:4700::1111",
            true,
        ),
        ("[2606:4700::]/32", "http://[2607::1]", "2607::1", false),
        ("10.0.0.5:80", "http://10.0.0.5", "10.0.0.5", true),
        ("10.0.0.5:80", "http://10.0.0.5:81", "10.0.0.5", false),
        ("0.0.0.0/0", "http://10.0.0.5", "10.0.0.5", true),
        ("0.0.0.0/0", "http://[fd00::1]", "fd00::1", false),
        ("[::]/0", "http://[fd00::1]", "fd00::1", true),
        ("224.0.0.0/4", "http://224.0.0.1", "224.0.0.1", true),
        ("[64:ff9b:1::]/48", "http://[64:ff9b:1::1]", "64:ff9b:1::1", true),
        // Words.
        ("public", "http://example.com", "8.8.8.8", true),
        ("public", "http://example.com", "10.0.0.5", false),
        ("public", "http://8.8.8.8", "8.8.8.8", true),
        ("public", "http://10.0.0.5", "10.0.0.5", false),
        ("public", "http://[2001:db8::1]", "2001:db8::1", false),
        ("public", "http://localhost", "127.0.0.1", false),
        ("https://public:443", "http://example.com", "8.8.8.8", false),
        ("*", "http://example.com", "8.8.8.8", true),
        ("*", "http://example.com", "10.0.0.5", false),
        ("*", "http://127.0.0.1", "127.0.0.1", false),
        ("*", "http://localhost", "127.0.0.1", false),
        ("private", "http://10.0.0.5", "10.0.0.5", true),
        ("private", "http://100.64.0.1", "100.64.0.1", true),
        ("private", "http://[fe80::1]", "fe80::1", true),
        ("private", "http://[::1]", "::1", true),
        ("private", "http://8.8.8.8", "8.8.8.8", false),
        ("private", "http://224.0.0.1", "224.0.0.1", false),
        ("localhost", "http://localhost:8080", "127.0.0.1", true),
        ("localhost", "http://app.localhost", "::1", true),
        ("localhost", "http://127.9.9.9", "127.9.9.9", true),
        ("localhost", "http://localhost", "10.0.0.5", false),
        ("localhost", "http://localhost", "8.8.8.8", false),
        ("localhost", "http://example.com", "127.0.0.1", false),
        ("localhost:81", "http://localhost", "127.0.0.1", false),
        ("example.com localhost", "http://example.com", "127.0.0.1", true),
        ("public.", "http://public", "8.8.8.8", true),
        ("public.", "http://example.com", "8.8.8.8", false),
    ];
    for (rules, url, address, granted) in table {
        let permissions = allow(&rules.split_terminator(' ').collect::<Vec<_>>());
        let port = target(url).port;
        match ask(&permissions, url, address) {
            Ok(at) => assert_eq!(
                (granted, at.as_str()),
                (true, &*std::net::SocketAddr::new(ip(address), port).to_string())
            ),
            Err(denied) => assert!(!granted, "{rules} against {url} at {address}: {denied}"),
        }
    }
}

#[test]
fn a_name_that_no_rule_mentions_is_never_looked_up() {
    let admitted = ["example.com", "*.com", "*", "public", "http://public:80"];
    let refused = [
        "other.com",
        "*.example.com",
        "private",
        "localhost",
        "0.0.0.0/0",
        "[::]/0",
        "8.8.8.8",
        "https://public",
    ];
    for rule in admitted {
        assert_eq!(ask_name(&allow(&[rule]), "http://example.com"), Ok(()), "{rule}");
    }
    for rule in refused {
        assert!(ask_name(&allow(&[rule]), "http://example.com").is_err(), "{rule}");
    }
    assert_eq!(
        ask_name(&Permissions::none().allow_all(), "http://example.com"),
        Ok(())
    );
    for rule in ["*", "public", "private", "127.0.0.1"] {
        assert!(
            ask_name(&allow(&[rule]), "http://localhost").is_err(),
            "{rule} does not mean localhost"
        );
    }
}

#[test]
fn deny_rules_win() {
    // Deny rule, URL, address, whether it is granted although everything else is allowed.
    let table = [
        ("example.com", "http://example.com", "8.8.8.8", false),
        ("example.com", "http://EXAMPLE.com.", "8.8.8.8", false),
        ("example.com", "http://www.example.com", "8.8.8.8", true),
        ("*.example.com", "http://www.example.com", "8.8.8.8", false),
        ("*.example.com", "http://example.com", "8.8.8.8", true),
        ("example.com:81", "http://example.com", "8.8.8.8", true),
        ("example.com:81", "http://example.com:81", "8.8.8.8", false),
        ("https://example.com", "http://example.com", "8.8.8.8", true),
        ("https://example.com", "https://example.com", "8.8.8.8", false),
        ("*", "http://example.com", "8.8.8.8", false),
        ("*", "http://10.0.0.5", "10.0.0.5", false),
        ("*:81", "http://10.0.0.5", "10.0.0.5", true),
        ("localhost", "http://localhost", "127.0.0.1", false),
        ("localhost", "http://a.localhost", "127.0.0.1", false),
        ("localhost", "http://0.0.0.0", "0.0.0.0", false),
        ("localhost", "http://[::]", "::", false),
        ("localhost", "http://example.com", "127.0.0.1", false),
        ("localhost", "http://example.com", "8.8.8.8", true),
        ("127.0.0.1", "http://0.0.0.0", "0.0.0.0", false),
        ("0.0.0.0/8", "http://0.0.0.0", "0.0.0.0", false),
        // On addresses, after the name was resolved.
        ("10.0.0.0/8", "http://example.com", "10.0.0.5", false),
        ("10.0.0.0/8:81", "http://example.com", "10.0.0.5", true),
        ("https://10.0.0.0/8", "http://example.com", "10.0.0.5", true),
        ("private", "http://example.com", "10.0.0.5", false),
        ("private", "http://example.com", "8.8.8.8", true),
        ("public", "http://example.com", "8.8.8.8", false),
        ("public", "http://example.com", "10.0.0.5", true),
        ("8.8.8.8", "http://[64:ff9b::808:808]", "64:ff9b::808:808", false),
        ("8.8.8.8", "http://[::ffff:8.8.8.8]", "::ffff:8.8.8.8", false),
        ("[::]/0", "http://[64:ff9b::808:808]", "64:ff9b::808:808", false),
        ("[2000::]/3", "http://[2002:808:808::]", "2002:808:808::", false),
    ];
    let all = ["*", "private", "0.0.0.0/0", "[::]/0", "localhost", "example.com"];
    for (rule, url, address, granted) in table {
        for permissions in [Permissions::none().allow_all(), allow(&all)] {
            let permissions = permissions.deny_net(net(&[rule]));
            let answer = ask(&permissions, url, address);
            assert_eq!(
                answer.is_ok(),
                granted,
                "--deny-net={rule} against {url} at {address}: {answer:?}"
            );
            if let Err(denied) = answer {
                assert!(
                    denied
                        .to_string()
                        .contains(&format!("denied by --deny-net={rule})")),
                    "{denied}"
                );
                assert_eq!(denied.cure, None);
            }
        }
    }
}

#[test]
fn metadata_addresses_open_to_their_exact_literal_only() {
    let wide = [
        "169.254.0.0/16",
        "0.0.0.0/0",
        "private",
        "public",
        "*",
        "example.com",
        "169.254.169.254:81",
    ];
    for permissions in [allow(&wide), allow(&wide).allow_all()] {
        for url in [
            "http://169.254.169.254",
            "http://example.com",
            "http://[::ffff:a9fe:a9fe]",
        ] {
            let denied = ask(&permissions, url, "169.254.169.254").expect_err(url);
            assert_eq!(
                denied.cure.as_deref(),
                Some("--allow-net=169.254.169.254:80"),
                "{denied}"
            );
            let exact = permissions.clone().allow_net(net(&["169.254.169.254:80"]));
            assert_eq!(
                ask(&exact, url, "169.254.169.254").as_deref(),
                Ok("169.254.169.254:80")
            );
        }
        assert!(ask(&permissions, "http://[fd00:ec2::254]", "fd00:ec2::254").is_err());
    }
    let both = allow(&["169.254.169.254"]).deny_net(net(&["private"]));
    assert!(
        ask(&both, "http://169.254.169.254", "169.254.169.254").is_err(),
        "deny wins over the literal"
    );
    // One that lies outside of the space that `private` means.
    let both = allow(&["168.63.129.16"]).deny_net(net(&["public"]));
    assert!(ask(&both, "http://168.63.129.16", "168.63.129.16").is_err());
}

#[test]
fn allow_all_opens_everything_else() {
    let all = Permissions::none().allow_all();
    for (url, address) in [
        ("http://example.com", "8.8.8.8"),
        ("http://example.com", "10.0.0.5"),
        ("http://localhost", "127.0.0.1"),
        ("http://[ff02::1]", "ff02::1"),
    ] {
        assert!(ask(&all, url, address).is_ok(), "{url}");
    }
}

#[test]
fn a_pass_is_good_for_its_target_only() {
    let permissions = allow(&["8.8.8.8:80", "example.com:443"]);
    let pass = decide_name(&permissions, &target("https://example.com")).expect("granted");
    assert_eq!(pass.target(), &target("https://example.com"));
    let granted = decide_addr(&permissions, &pass, ip("8.8.4.4")).expect("granted");
    assert_eq!(granted.socket_addr().to_string(), "8.8.4.4:443");
}

#[test]
fn a_name_is_checked_again_with_the_permissions_of_the_moment() {
    let pass = decide_name(&allow(&["example.com"]), &target("http://example.com")).expect("granted");
    assert!(decide_addr(&Permissions::none(), &pass, ip("8.8.8.8")).is_err());
}

#[test]
fn urls_that_are_no_targets() {
    let table = [
        ("ftp://example.com", "unsupported scheme \"ftp\""),
        ("data:,x", "unsupported scheme \"data\""),
        ("http://example.com:0", "port 0 in"),
        ("http://a,b.example", "bad host in"),
        ("http://*.example.com", "bad host in"),
        ("http://a..b", "bad host in"),
        ("http://.", "bad host in"),
    ];
    for (url, wanted) in table {
        let error = Target::from_url("net.request", &Url::parse(url).expect("a URL"))
            .expect_err(url)
            .to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn bare_allow_net_is_public() {
    let permissions = Permissions::none().allow_net([NetRule::public()]);
    assert!(ask(&permissions, "http://example.com", "8.8.8.8").is_ok());
    assert!(ask(&permissions, "http://example.com", "127.0.0.1").is_err());
}
