//! What becomes of wishes.

use crate::permissions::{Answer, Permissions};

use super::{listen, net};

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
        ("localhost", "private", "", "granted"),
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
}
