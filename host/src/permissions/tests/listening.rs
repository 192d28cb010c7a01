//! Decisions on listening.

use std::net::SocketAddr;

use super::listen;
use crate::permissions::{ListenRule, Permissions, decide_listen, refused_by_system};

fn ask(permissions: &Permissions, address: &str) -> Result<String, String> {
    let address: SocketAddr = address.parse().unwrap_or_else(|_| panic!("{address}"));
    decide_listen(permissions, address)
        .map(|granted| granted.socket_addr().to_string())
        .map_err(|denied| denied.to_string())
}

fn rules(text: &str) -> Vec<ListenRule> {
    listen(&text.split_terminator(' ').collect::<Vec<_>>())
}

#[test]
fn rules_cover_addresses_and_ports() {
    let table = [
        ("", "127.0.0.1:80", false),
        ("*", "0.0.0.0:0", true),
        ("*", "[::]:80", true),
        ("*", "10.0.0.5:80", true),
        ("*:80", "0.0.0.0:80", true),
        ("*:80", "0.0.0.0:81", false),
        ("*:80", "0.0.0.0:0", false),
        ("*:1-65534", "0.0.0.0:0", false),
        ("*:1-65535", "0.0.0.0:0", true),
        ("localhost", "127.0.0.1:0", true),
        ("localhost", "127.1.2.3:80", true),
        ("localhost", "[::1]:80", true),
        ("localhost", "0.0.0.0:80", false),
        ("localhost", "[::]:80", false),
        ("localhost", "10.0.0.5:80", false),
        ("localhost:3000-3999", "127.0.0.1:3999", true),
        ("localhost:3000-3999", "127.0.0.1:4000", false),
        ("127.0.0.1", "127.0.0.1:80", true),
        ("127.0.0.1", "127.0.0.2:80", false),
        ("127.0.0.1", "0.0.0.0:80", false),
        ("127.0.0.1", "[::ffff:127.0.0.1]:80", true),
        ("0.0.0.0", "0.0.0.0:80", true),
        ("0.0.0.0", "127.0.0.1:80", false),
        ("0.0.0.0", "[::]:80", false),
        ("0.0.0.0/0", "0.0.0.0:80", true),
        ("0.0.0.0/0", "[::]:80", false),
        ("0.0.0.0/8", "0.0.0.0:80", false),
        ("[::]/0", "[::]:80", true),
        ("10.0.0.0/8", "10.0.0.5:80", true),
        ("10.0.0.0/8", "0.0.0.0:80", false),
        ("private", "192.168.1.1:80", true),
        ("private", "0.0.0.0:80", false),
        ("private", "8.8.8.8:80", false),
        ("public", "8.8.8.8:80", true),
        ("public", "10.0.0.5:80", false),
        ("public private", "0.0.0.0:80", false),
    ];
    for (allowed, address, granted) in table {
        let answer = ask(&Permissions::none().allow_listen(rules(allowed)), address);
        assert_eq!(answer.is_ok(), granted, "{allowed} against {address}: {answer:?}");
    }
}

#[test]
fn what_is_granted_is_what_was_checked() {
    let all = Permissions::none().allow_listen([ListenRule::any()]);
    assert_eq!(ask(&all, "[::ffff:127.0.0.1]:80").as_deref(), Ok("127.0.0.1:80"));
    assert_eq!(ask(&all, "[fe80::1%7]:80").as_deref(), Ok("[fe80::1%7]:80"));
}

#[test]
fn deny_rules_win() {
    let table = [
        ("127.0.0.1", "127.0.0.1:80", false),
        ("127.0.0.1", "127.0.0.2:80", true),
        ("127.0.0.1", "[::ffff:127.0.0.1]:80", false),
        ("*:22", "10.0.0.5:22", false),
        ("*:22", "10.0.0.5:23", true),
        // A free port may be the denied one.
        ("*:22", "10.0.0.5:0", false),
        ("127.0.0.1:22", "10.0.0.5:0", true),
        // Every local address takes in the denied one.
        ("10.0.0.0/8", "0.0.0.0:80", false),
        ("10.0.0.0/8", "[::]:80", false),
        ("10.0.0.0/8:22", "0.0.0.0:80", true),
        ("[::1]", "0.0.0.0:80", true),
        ("[fd00::]/8", "0.0.0.0:80", true),
        ("[::1]", "[::]:80", false),
        ("public", "0.0.0.0:80", false),
        ("localhost", "0.0.0.0:80", false),
        ("0.0.0.0", "127.0.0.1:80", true),
        ("0.0.0.0", "0.0.0.0:80", false),
    ];
    for (denied, address, granted) in table {
        for permissions in [
            Permissions::none().allow_listen(rules("*")),
            Permissions::none().allow_all(),
        ] {
            let answer = ask(&permissions.deny_listen(rules(denied)), address);
            assert_eq!(
                answer.is_ok(),
                granted,
                "--deny-listen={denied} against {address}: {answer:?}"
            );
        }
    }
}

#[test]
fn a_refusal_names_address_reason_and_cure() {
    let table = [
        (
            "",
            "127.0.0.1:80",
            "net.serve on 127.0.0.1:80 is not allowed (no --allow-listen rule covers it); run again with --allow-listen=127.0.0.1:80",
        ),
        (
            "",
            "[::1]:80",
            "net.serve on [::1]:80 is not allowed (no --allow-listen rule covers it); run again with --allow-listen=[::1]:80",
        ),
        (
            "localhost",
            "0.0.0.0:80",
            "net.serve on 0.0.0.0:80 is not allowed (no --allow-listen rule covers every local address); run again with --allow-listen=0.0.0.0:80",
        ),
        (
            "*:81",
            "0.0.0.0:80",
            "net.serve on 0.0.0.0:80 is not allowed (no --allow-listen rule covers it); run again with --allow-listen=0.0.0.0:80",
        ),
        (
            "*:81",
            "127.0.0.1:0",
            "net.serve on 127.0.0.1:0 is not allowed (port 0 takes any port, and no --allow-listen rule covers all); run again with --allow-listen=127.0.0.1",
        ),
    ];
    for (allowed, address, wanted) in table {
        let permissions = Permissions::none().allow_listen(rules(allowed));
        assert_eq!(ask(&permissions, address), Err(wanted.to_owned()));
        let cure = wanted.rsplit('=').next().expect("a cure");
        assert!(
            ask(&permissions.allow_listen(rules(cure)), address).is_ok(),
            "{cure}"
        );
    }
    let denying = Permissions::none().allow_all().deny_listen(rules("*:22"));
    assert_eq!(
        ask(&denying, "127.0.0.1:22"),
        Err("net.serve on 127.0.0.1:22 is not allowed (denied by --deny-listen=*:22)".to_owned())
    );
    assert_eq!(
        refused_by_system("127.0.0.1:22".parse().expect("an address")).to_string(),
        "net.serve on 127.0.0.1:22 is not allowed (the operating system keeps the port for privileged users)"
    );
}

#[test]
fn outgoing_rules_don_t_cover_listening() {
    let permissions = Permissions::none().allow_net(["localhost".parse().expect("a rule")]);
    assert!(ask(&permissions, "127.0.0.1:80").is_err());
}
