//! What is a rule, how it prints, and why a text is none.

use crate::permissions::{ListenRule, NetRule, RuleProblem};

#[test]
fn outgoing_rules_print_in_canonical_form() {
    // Each prints as the second text, and that text as itself.
    let table = [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM.", "api.example.com"),
        ("https://api.example.com:443", "https://api.example.com:443"),
        ("HTTP://a:80", "http://a:80"),
        ("ws://a", "ws://a"),
        ("wss://a:1-65535", "wss://a:1-65535"),
        ("a:8000-8999", "a:8000-8999"),
        ("a:80-80", "a:80"),
        ("*.Example.com", "*.example.com"),
        ("*.example.com.:443", "*.example.com:443"),
        ("under_score-1.example", "under_score-1.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("ex\u{ad}ample.com", "example.com"),
        ("example。com", "example.com"),
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5:8080", "10.0.0.5:8080"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("http://10.0.0.0/8:80-90", "http://10.0.0.0/8:80-90"),
        ("10.0.0.5/32", "10.0.0.5"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
        ("[FD00::]/8", "[fd00::]/8"),
        ("[fd00::]/8:443", "[fd00::]/8:443"),
        ("[fd00::1]/128", "[fd00::1]"),
        ("[::]/0", "[::]/0"),
        ("[64:ff9b:1::]/48", "[64:ff9b:1::]/48"),
        ("localhost:3000", "localhost:3000"),
        ("LocalHost.", "localhost"),
        ("ｌocalhost", "localhost"),
        ("app.localhost", "app.localhost"),
        ("public", "public"),
        ("Private", "private"),
        ("https://*:443", "https://*:443"),
        // Hosts that have the name of a word.
        ("public.", "public."),
        ("private.:80", "private.:80"),
        ("ｐublic", "public."),
        ("*.public", "*.public"),
    ];
    for (text, printed) in table {
        let rule: NetRule = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rule.to_string(), printed, "{text}");
        assert_eq!(
            printed.parse(),
            Ok(rule),
            "{text} prints as a rule that is equal to it"
        );
    }
    assert_eq!(NetRule::public(), "public".parse().expect("a rule"));
}

#[test]
fn listening_rules_print_in_canonical_form() {
    let table = [
        ("*", "*"),
        ("*:8080", "*:8080"),
        ("0.0.0.0", "0.0.0.0"),
        ("[::]:80", "[::]:80"),
        ("localhost", "localhost"),
        ("localhost:3000-3999", "localhost:3000-3999"),
        ("192.168.1.0/24:80", "192.168.1.0/24:80"),
        ("private", "private"),
        ("public:443", "public:443"),
    ];
    for (text, printed) in table {
        let rule: ListenRule = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(rule.to_string(), printed, "{text}");
        assert_eq!(printed.parse(), Ok(rule), "{text}");
    }
    assert_eq!(ListenRule::any(), "*".parse().expect("a rule"));
}

#[test]
fn outgoing_rules_are_refused_with_problem_and_cure() {
    let long_label = format!("{}.example", "a".repeat(64));
    let long_name = vec!["a".repeat(49); 6].join(".");
    let table = [
        ("", "it is empty"),
        (" a", "a space"),
        ("a b", "a space"),
        ("a\tb", "a space or a control character"),
        ("a\r\nb", "a space or a control character"),
        ("a\0", "a space or a control character"),
        ("a\u{a0}b", "a space"),
        ("ftp://a", "\"ftp\" is no scheme"),
        ("://a", "\"\" is no scheme"),
        ("http:a", "the port \"a\" must be a number"),
        ("user@a", "it has a user"),
        ("http://user:secret@a:80", "it has a user"),
        ("a/", "not a path on it; write a"),
        ("a/b", "not a path on it; write a"),
        ("https://a/b", "not a path on it; write https://a"),
        ("https://a:443/b", "not a path on it; write https://a:443"),
        ("a?b", "not a path on it; write a"),
        ("a#b", "not a path on it; write a"),
        ("a\\b", "not a path on it; write a"),
        ("a:80\\b", "not a path on it; write a:80"),
        ("a/8", "not a path on it; write a"),
        ("localhost/8", "not a path on it; write localhost"),
        ("10.0.0.0/8/9", "not a path on it; write 10.0.0.0"),
        ("10.0.0.0/", "not a path on it; write 10.0.0.0"),
        ("10.0.0.0/x", "not a path on it; write 10.0.0.0"),
        ("**", "* stands alone or in front"),
        ("*.*.a", "* stands alone or in front"),
        ("a.*", "* stands alone or in front"),
        ("a*.b", "* stands alone or in front"),
        ("*a", "* stands alone or in front"),
        ("*.", "it has no host name"),
        (".", "it has no host name"),
        (":80", "it has no host name"),
        ("http://", "it has no host name"),
        ("a..b", "each part of a host name"),
        (".a", "each part of a host name"),
        ("a..", "each part of a host name"),
        (&long_label, "each part of a host name"),
        (&long_name, "each part of a host name"),
        ("a,b", "letters, digits"),
        ("a%41", "letters, digits"),
        ("a]", "letters, digits"),
        ("xn--a", "letters, digits"),
        ("127.1", "no canonical IPv4 address; write 127.0.0.1"),
        ("0x7f.1", "no canonical IPv4 address; write 127.0.0.1"),
        ("0X7F.1", "no canonical IPv4 address; write 127.0.0.1"),
        ("2130706433", "no canonical IPv4 address; write 127.0.0.1"),
        ("0x7f000001:80", "no canonical IPv4 address; write 127.0.0.1"),
        ("010.0.0.1", "no canonical IPv4 address; write 8.0.0.1"),
        ("127.0.0.01", "no canonical IPv4 address; write 127.0.0.1"),
        ("127.0.0.1.", "no canonical IPv4 address; write 127.0.0.1"),
        ("１２７.0.0.1", "no canonical IPv4 address; write 127.0.0.1"),
        ("10.1/16", "no canonical IPv4 address; write 10.0.0.1"),
        ("256.0.0.1", "doesn't end in a number"),
        ("1.2.3.4.5", "doesn't end in a number"),
        ("a.1", "doesn't end in a number"),
        ("a.0x", "doesn't end in a number"),
        ("*.0.0.1", "doesn't end in a number"),
        ("::1", "stands in brackets; write [::1]"),
        ("fd00::/8", "stands in brackets; write [fd00::]/8"),
        ("fd00::1:80:90:x", "it is no IPv6 address"),
        ("[::1", "it is no IPv6 address"),
        ("[]", "it is no IPv6 address"),
        ("[a]", "it is no IPv6 address"),
        ("[127.0.0.1]", "it is no IPv6 address"),
        (
            "[fd00::/8]",
            "it is no IPv6 address; write one as [2001:db8::1] and a network as [2001:db8::]/32",
        ),
        ("[::1]x", "not a path on it; write [::1]"),
        ("[fe80::1%eth0]", "write the address without \"%eth0\""),
        ("[fe80::1%251]:80", "write the address without \"%251\""),
        ("10.0.0.5/8", "bits set after its prefix; write 10.0.0.0/8"),
        ("[fd00::1]/8", "bits set after its prefix; write [fd00::]/8"),
        ("10.0.0.0/33", "/33 must be a number from 0 to 32"),
        ("10.0.0.0/08", "/08 must be a number from 0 to 32"),
        ("10.0.0.0/999", "/999 must be a number from 0 to 32"),
        ("[fd00::]/129", "/129 must be a number from 0 to 128"),
        ("[::ffff:10.0.0.5]", "stands for an IPv4 address; write 10.0.0.5"),
        ("[::10.0.0.5]", "stands for an IPv4 address; write 10.0.0.5"),
        ("[64:ff9b::a00:5]", "stands for an IPv4 address; write 10.0.0.5"),
        ("[2002:a00:5::]", "stands for an IPv4 address; write 10.0.0.5"),
        (
            "[2001:0:101:101::f5ff:fffa]",
            "stands for an IPv4 address; write 10.0.0.5",
        ),
        ("[::ffff:0:0]/96", "its addresses stand for IPv4 ones"),
        ("[2002::]/16", "its addresses stand for IPv4 ones"),
        ("[2001::]/32", "its addresses stand for IPv4 ones"),
        ("[64:ff9b::]/100", "its addresses stand for IPv4 ones"),
        ("0.0.0.0", "this machine; write 127.0.0.1, or localhost"),
        ("[::]:80", "this machine; write ::1, or localhost"),
        (
            "a:",
            "the port \"\" must be a number from 1 to 65535; leave it out",
        ),
        ("a:0", "the port \"0\" must"),
        ("a:0-80", "the port \"0\" must"),
        ("a:080", "the port \"080\" must"),
        ("a:+80", "the port \"+80\" must"),
        ("a:65536", "the port \"65536\" must"),
        ("a:80-", "the port \"\" must"),
        ("a:-80", "the port \"\" must"),
        ("a:80-90-95", "the port \"90-95\" must"),
        ("a:80:90", "it is no IPv6 address"),
        ("a:*", "the port \"*\" must"),
        ("a:90-80", "the ports 90-80 are in reverse order; write 80-90"),
    ];
    for (text, wanted) in table {
        let error = text.parse::<NetRule>().expect_err(text).to_string();
        assert!(error.starts_with(&format!("invalid rule {text:?}: ")), "{error}");
        assert!(error.contains(wanted), "{text:?} gives {error}");
        assert!(
            error.contains("; ") || error.contains("between"),
            "{error} has a cure"
        );
    }
}

#[test]
fn listening_rules_have_neither_scheme_nor_name() {
    let problem = |text: &str| text.parse::<ListenRule>().expect_err(text).problem;
    assert_eq!(problem("http://localhost"), RuleProblem::ListenScheme);
    assert_eq!(problem("example.com:80"), RuleProblem::ListenName);
    assert_eq!(problem("*.example.com"), RuleProblem::ListenName);
    assert_eq!(problem("app.localhost"), RuleProblem::ListenName);
    assert!(matches!(problem("[::ffff:127.0.0.1]"), RuleProblem::Embedded(_)));
    assert_eq!(problem("[::ffff:127.0.0.0]/104"), RuleProblem::EmbeddedNetwork);
    assert!(
        "[::]/80".parse::<ListenRule>().is_ok(),
        "it has other addresses too"
    );
    assert!(matches!(problem("127.1"), RuleProblem::Number(_)));
    assert!(matches!(problem("localhost:0"), RuleProblem::Port(_)));
}
