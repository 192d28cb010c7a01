//! URLs and redirects, and what is decided on where they lead.

use std::net::IpAddr;
use std::sync::LazyLock;

use ::url::Url;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::model::{self, Policy, Rule, Set};
use super::registry::METADATA;
use crate::net::http_client::{parse, target_of};
use crate::net::redirect;
use crate::permissions::{Host, NetRule, Permissions, Scheme, Target, decide_addr, decide_name};

/// A URL is refused, or leads to what the model says: nothing private under `public`, say.
pub(crate) fn url_target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(url) = parse(text) else { return };
    for schemes in [[Scheme::Http, Scheme::Https], [Scheme::Ws, Scheme::Wss]] {
        if let Ok(target) = target_of("net.request", &url, &schemes) {
            is_decided_well(&url, &target, &schemes);
        }
    }
}

fn is_decided_well(url: &Url, target: &Target, schemes: &[Scheme]) {
    let printed = target.to_string();
    let again = parse(&printed).and_then(|url| target_of("net.request", &url, schemes));
    assert_eq!(again.ok().as_ref(), Some(target), "{printed}");
    // What is checked is what the `host` field says, but for the dot at a name's end.
    let said = url.host_str().unwrap_or_default();
    match &target.host {
        Host::Name(name) => assert_eq!(said.strip_suffix('.').unwrap_or(said), &**name),
        Host::Ip(address) => assert_eq!(said.trim_matches(['[', ']']).parse(), Ok(*address)),
    }
    assert!(url.username().is_empty() && url.password().is_none());
    let of_the_model = model::Target {
        scheme: match target.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
        },
        host: match &target.host {
            Host::Name(name) => model::Host::Name(name.to_string()),
            Host::Ip(address) => model::Host::Ip(*address),
        },
        port: target.port,
    };
    let own;
    let answers = match target.host {
        Host::Ip(address) => {
            own = [address];
            &own[..]
        }
        Host::Name(_) => &ANSWERS[..],
    };
    for (policy, permissions) in POLICIES.iter() {
        let pass = decide_name(permissions, target);
        if let Host::Name(name) = &target.host {
            assert_eq!(
                pass.is_ok(),
                model::looks_up(policy, &of_the_model, name),
                "{printed}: {policy:?}"
            );
        }
        for answer in answers {
            let granted = pass
                .as_ref()
                .ok()
                .and_then(|pass| decide_addr(permissions, pass, *answer).ok());
            assert_eq!(
                granted.map(|granted| granted.socket_addr()),
                model::connects(policy, &of_the_model, *answer),
                "{printed} at {answer}: {policy:?}"
            );
        }
    }
}

/// What names resolve to.
static ANSWERS: LazyLock<Vec<IpAddr>> = LazyLock::new(|| {
    let others = [
        "8.8.8.8",
        "10.0.0.5",
        "127.0.0.1",
        "0.0.0.0",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "2606:4700::1",
        "::1",
        "::",
        "fd00::1",
        "fe80::1",
        "::ffff:10.0.0.5",
        "64:ff9b::a00:5",
        "2002:7f00:1::",
        "2001:0:808:808::f5ff:fffa",
    ];
    let all = others.iter().chain(METADATA);
    all.map(|text| text.parse().expect("an address")).collect()
});

/// Flags that URLs are judged by.
static POLICIES: LazyLock<Vec<(Policy, Permissions)>> = LazyLock::new(|| {
    let rule = |set, ports| Rule {
        scheme: None,
        set,
        ports,
    };
    let name = |name: &str| Set::Name(name.to_owned());
    let ten = Set::Network("10.0.0.0".parse().expect("an address"), 8);
    let policies = [
        Policy::default(),
        Policy {
            all: true,
            ..Policy::default()
        },
        Policy {
            allow: vec![rule(Set::Public, None)],
            ..Policy::default()
        },
        Policy {
            allow: vec![rule(Set::Any, Some((443, 443)))],
            deny: vec![rule(name("example.com"), None)],
            all: false,
        },
        Policy {
            allow: vec![rule(name("example.com"), None), rule(ten, Some((1, 80)))],
            ..Policy::default()
        },
        Policy {
            allow: vec![
                rule(Set::Localhost, None),
                rule(Set::Under("example.com".to_owned()), None),
            ],
            ..Policy::default()
        },
        Policy {
            deny: vec![rule(Set::Private, None), rule(Set::Localhost, None)],
            all: true,
            ..Policy::default()
        },
    ];
    let parsed = |rules: &[Rule]| -> Vec<NetRule> {
        rules
            .iter()
            .map(|rule| rule.text().parse().expect("a rule"))
            .collect()
    };
    let with_permissions = |policy: Policy| {
        let permissions = Permissions::none()
            .allow_net(parsed(&policy.allow))
            .deny_net(parsed(&policy.deny));
        let permissions = if policy.all {
            permissions.allow_all()
        } else {
            permissions
        };
        (policy, permissions)
    };
    policies.map(with_permissions).into()
});

/// A line with a URL, then a `location`: a redirect leads to `http` or `https`, and carries no credentials elsewhere.
pub(crate) fn redirect(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let Ok(Ok(url)) = std::str::from_utf8(&data[..end]).map(parse) else {
        return;
    };
    let schemes = [Scheme::Http, Scheme::Https];
    let Ok(location) = HeaderValue::from_bytes(&data[end + 1..]) else {
        return;
    };
    if target_of("net.request", &url, &schemes).is_err() {
        return;
    }
    let headers = HeaderMap::from_iter([(header::LOCATION, location)]);
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
        for status in [301, 302, 303, 307, 308].map(|status| StatusCode::from_u16(status).expect("a status"))
        {
            let Ok(next) = redirect::next(&url, &method, status, &headers) else {
                continue;
            };
            let next = next.expect("it has a location");
            assert!(next.method == method || next.method == Method::GET && !next.keeps_content);
            let origin = |url: &Url| {
                (
                    url.scheme().to_owned(),
                    url.host_str().map(str::to_owned),
                    url.port_or_known_default(),
                )
            };
            assert_eq!(
                next.leaves_origin,
                origin(&next.url) != origin(&url),
                "{}",
                next.url
            );
            let credentials = HeaderValue::from_static("secret");
            let mut carried = HeaderMap::from_iter([
                (header::AUTHORIZATION, credentials.clone()),
                (header::COOKIE, credentials),
            ]);
            redirect::strip(&mut carried, &next);
            assert_eq!(carried.is_empty(), next.leaves_origin);
            assert!(matches!(next.url.scheme(), "http" | "https"));
            if let Ok(target) = target_of("net.request", &next.url, &schemes) {
                is_decided_well(&next.url, &target, &schemes);
            }
        }
    }
}
