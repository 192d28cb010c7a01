//! What becomes of wishes.

use proptest::prelude::*;

use super::cases::{case, listen_case};
use super::model::{Host, Policy};
use super::properties::{self, ask_case, ask_listen, config, listen_permissions, net_permissions};
use super::{listen, net};
use crate::permissions::{Answer, Permissions};

fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Granted => "granted",
        Answer::InPart => "in part",
        Answer::Missing => "missing",
        Answer::Narrowed(_) => "narrowed",
        Answer::Denied(_) => "denied",
    }
}

#[test]
fn wishes_for_connections() {
    let table = [
        ("api.example.com:443", "api.example.com:443", "", "granted"),
        ("api.example.com:443", "api.example.com", "", "granted"),
        ("api.example.com", "api.example.com:443", "", "in part"),
        ("api.example.com:80-90", "api.example.com:1-100", "", "granted"),
        ("api.example.com:80-90", "api.example.com:85-100", "", "missing"),
        ("https://api.example.com", "api.example.com", "", "granted"),
        ("api.example.com", "https://api.example.com", "", "in part"),
        ("https://api.example.com", "http://api.example.com", "", "missing"),
        ("api.example.com", "*.example.com", "", "granted"),
        ("example.com", "*.example.com", "", "missing"),
        ("*.example.com", "api.example.com", "", "in part"),
        ("*.api.example.com", "*.example.com", "", "granted"),
        ("api.example.com", "public", "", "granted"),
        ("*.example.com", "public", "", "granted"),
        ("api.example.com", "*", "", "granted"),
        ("localhost", "*", "", "missing"),
        ("x.localhost", "localhost", "", "granted"),
        ("localhost", "private", "", "missing"),
        ("public", "*", "", "granted"),
        ("*", "public", "", "in part"),
        ("8.8.8.8", "public", "", "granted"),
        ("10.0.0.5", "public", "", "missing"),
        ("10.0.0.5", "10.0.0.0/8", "", "granted"),
        ("10.0.0.5", "private", "", "granted"),
        ("10.0.0.0/8", "private", "", "granted"),
        ("0.0.0.0/0", "private", "", "missing"),
        ("172.0.0.0/11", "private", "", "missing"),
        ("[fd00::]/8", "private", "", "granted"),
        ("127.0.0.0/8", "localhost", "", "granted"),
        ("10.1.0.0/16", "10.0.0.0/8", "", "granted"),
        ("10.0.0.0/8", "10.1.0.0/16", "", "in part"),
        ("169.254.169.254", "private", "", "missing"),
        ("169.254.169.254", "169.254.169.254", "", "granted"),
        ("api.example.com", "*", "api.example.com", "denied"),
        ("api.example.com", "*", "*.example.com", "denied"),
        ("*.example.com", "*", "api.example.com", "narrowed"),
        ("10.0.0.5", "10.0.0.5", "*", "denied"),
        ("10.0.0.0/8", "private", "10.1.0.0/16", "narrowed"),
        ("api.example.com", "", "other.example.com", "missing"),
    ];
    for (wish, allowed, denied, expected) in table {
        let given = |rules: &str| net(&rules.split_whitespace().collect::<Vec<_>>());
        let permissions = Permissions::none()
            .allow_net(given(allowed))
            .deny_net(given(denied));
        let answer = permissions.answer_net(&net(&[wish])[0]);
        assert_eq!(word(answer), expected, "{wish} of {allowed} without {denied}");
    }
}

#[test]
fn wishes_to_listen() {
    let table = [
        ("localhost:8080", "localhost", "", "granted"),
        ("localhost", "localhost:8080", "", "in part"),
        ("localhost", "127.0.0.1", "", "in part"),
        ("127.0.0.1:8080", "localhost:8000-9000", "", "granted"),
        ("0.0.0.0:8080", "localhost", "", "missing"),
        ("0.0.0.0:8080", "*", "", "granted"),
        ("private", "*", "", "granted"),
        ("*", "private", "", "in part"),
        ("*", "*", "0.0.0.0:22", "narrowed"),
        ("0.0.0.0:22", "*", "*:22", "denied"),
    ];
    for (wish, allowed, denied, expected) in table {
        let given = |rules: &str| listen(&rules.split_whitespace().collect::<Vec<_>>());
        let permissions = Permissions::none()
            .allow_listen(given(allowed))
            .deny_listen(given(denied));
        let answer = permissions.answer_listen(&listen(&[wish])[0]);
        assert_eq!(word(answer), expected, "{wish} of {allowed} without {denied}");
    }
}

#[test]
fn other_wishes() {
    let some = Permissions::none().allow_env(["HOME".to_owned()]);
    assert_eq!(some.answer_env("HOME"), Answer::Granted);
    assert_eq!(some.answer_env("PATH"), Answer::Missing);
    assert_eq!(some.answer_env("*"), Answer::InPart);
    assert_eq!(some.answer_all(), Answer::InPart);
    assert_eq!(Permissions::none().answer_all(), Answer::Missing);
    let all = Permissions::none().allow_all();
    assert_eq!(all.answer_all(), Answer::Granted);
    assert_eq!(all.answer_env("*"), Answer::Granted);
    assert_eq!(all.answer_net(&net(&["10.0.0.5"])[0]), Answer::Granted);
    assert_eq!(all.answer_net(&net(&["169.254.169.254"])[0]), Answer::Missing);
}

/// The same without the rules that forbid.
fn without_denials(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    policy.deny.clear();
    policy
}

/// This one rule and nothing else.
fn only(policy: &Policy, rule: &super::model::Rule) -> Policy {
    let mut policy = without_denials(policy);
    policy.all = false;
    policy.allow = vec![rule.clone()];
    policy
}

proptest! {
    #![proptest_config(config())]

    /// Whatever a wish that is granted would open is open; what a wish that is denied would open is closed.
    #[test]
    fn answers_are_what_is_decided(case in case()) {
        // These names never lead elsewhere: the dialer sees to that.
        let is_local = matches!(&case.target.host, Host::Name(name) if name.ends_with("localhost"));
        if is_local && !case.answer.is_loopback() {
            return Ok(());
        }
        let wish = properties::net(std::slice::from_ref(&case.other)).remove(0);
        if let Some(opened) = ask_case(&case, &only(&case.policy, &case.other)) {
            let open = without_denials(&case.policy);
            if net_permissions(&open).answer_net(&wish) == Answer::Granted {
                prop_assert_eq!(ask_case(&case, &open), Some(opened));
            }
            if let Answer::Denied(_) = net_permissions(&case.policy).answer_net(&wish) {
                prop_assert_eq!(ask_case(&case, &case.policy), None);
            }
        }
    }

    /// The same for servers.
    #[test]
    fn answers_to_servers_are_what_is_decided(case in listen_case()) {
        let wish = properties::listen(std::slice::from_ref(&case.other)).remove(0);
        if let Some(opened) = ask_listen(case.asked, &only(&case.policy, &case.other)) {
            let open = without_denials(&case.policy);
            if listen_permissions(&open).answer_listen(&wish) == Answer::Granted {
                prop_assert_eq!(ask_listen(case.asked, &open), Some(opened));
            }
            if let Answer::Denied(_) = listen_permissions(&case.policy).answer_listen(&wish) {
                prop_assert_eq!(ask_listen(case.asked, &case.policy), None);
            }
        }
    }
}
