//! Properties of rules and decisions, over random cases: above all that the code allows what the `model` allows, and
//! nothing else.
//!
//! The seed is fixed, so that a run can't fail by chance. `PROPTEST_CASES=100000` tries more (eight times so many),
//! `PROPTEST_RNG_SEED=2` others.

use std::net::SocketAddr;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use url::Url;

use super::cases::{Case, ListenCase, address, case, listen_case, rule, spelling};
use super::model::{self, Host, Policy, Rule, Set};
use super::registry::{PRIVATE, is_in, is_loopback, is_metadata, is_public, ranges, stands_for};
use crate::permissions::special::{Class, Reach, class, in_private_space, is_private};
use crate::permissions::{
    Denied, Learned, ListenRule, Name, NetRule, Permissions, Reason, Target, allowed_by, decide_addr,
    decide_listen, decide_name, listen_allowed_by,
};

pub(super) fn config() -> ProptestConfig {
    let given = ProptestConfig::default();
    ProptestConfig {
        cases: given.cases.saturating_mul(8),
        rng_seed: match given.rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            fixed => fixed,
        },
        failure_persistence: None,
        ..given
    }
}

pub(super) fn net(rules: &[Rule]) -> Vec<NetRule> {
    rules
        .iter()
        .map(|rule| rule.text().parse().expect("a rule"))
        .collect()
}

pub(super) fn listen(rules: &[Rule]) -> Vec<ListenRule> {
    rules
        .iter()
        .map(|rule| rule.text().parse().expect("a rule"))
        .collect()
}

pub(super) fn net_permissions(policy: &Policy) -> Permissions {
    let permissions = Permissions::none()
        .allow_net(net(&policy.allow))
        .deny_net(net(&policy.deny));
    if policy.all {
        permissions.allow_all()
    } else {
        permissions
    }
}

pub(super) fn listen_permissions(policy: &Policy) -> Permissions {
    let permissions = Permissions::none()
        .allow_listen(listen(&policy.allow))
        .deny_listen(listen(&policy.deny));
    if policy.all {
        permissions.allow_all()
    } else {
        permissions
    }
}

fn target(url: &str) -> Target {
    let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
    Target::from_url("net.request", &url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// The target as a URL in its plainest form.
fn plain(target: &model::Target) -> Target {
    let host = match &target.host {
        Host::Name(name) => name.clone(),
        Host::Ip(address) if address.is_ipv6() => format!("[{address}]"),
        Host::Ip(address) => address.to_string(),
    };
    self::target(&format!("{}://{host}:{}", target.scheme, target.port))
}

/// Both halves of a decision.
fn ask(permissions: &Permissions, target: &Target, answer: std::net::IpAddr) -> Result<SocketAddr, Denied> {
    let pass = decide_name(permissions, target)?;
    decide_addr(permissions, &pass, answer).map(|granted| granted.socket_addr())
}

pub(super) fn ask_case(case: &Case, policy: &Policy) -> Option<SocketAddr> {
    ask(&net_permissions(policy), &plain(&case.target), case.answer).ok()
}

pub(super) fn ask_listen(asked: SocketAddr, policy: &Policy) -> Option<SocketAddr> {
    decide_listen(&listen_permissions(policy), asked)
        .map(|granted| granted.socket_addr())
        .ok()
}

fn with_allowed(policy: &Policy, rule: &Rule) -> Policy {
    let mut policy = policy.clone();
    policy.allow.push(rule.clone());
    policy
}

fn with_denied(policy: &Policy, rule: &Rule) -> Policy {
    let mut policy = policy.clone();
    policy.deny.push(rule.clone());
    policy
}

/// The rules of a cure, and its flag.
fn cured(permissions: Permissions, cure: &str) -> Permissions {
    let (flag, rules) = cure.split_once('=').expect("a flag with rules");
    let rules = rules.split(',');
    match flag {
        "--allow-net" => permissions.allow_net(rules.map(|rule| rule.parse().expect("a rule"))),
        "--allow-listen" => permissions.allow_listen(rules.map(|rule| rule.parse().expect("a rule"))),
        other => panic!("{other} is no flag of a cure"),
    }
}

fn same_decisions(case: &Case, permissions: &Permissions, target: &Target) -> Result<(), TestCaseError> {
    if let Host::Name(name) = &case.target.host {
        let looked_up = decide_name(permissions, target).is_ok();
        prop_assert_eq!(looked_up, model::looks_up(&case.policy, &case.target, name));
    }
    let granted = ask(permissions, target, case.answer).ok();
    prop_assert_eq!(granted, model::connects(&case.policy, &case.target, case.answer));
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_rule_prints_as_itself(rule in rule(), spelling in spelling()) {
        let canonical = rule.text();
        let typed = spelling.rule(&rule);
        let parsed = typed.parse::<NetRule>();
        prop_assert_eq!(parsed.is_ok(), model::may_be_a_net_rule(&rule), "{} as {}", canonical, typed);
        if let Ok(parsed) = parsed {
            prop_assert_eq!(&parsed.to_string(), &canonical);
            prop_assert_eq!(canonical.parse(), Ok(parsed));
        }
        let parsed = typed.parse::<ListenRule>();
        prop_assert_eq!(parsed.is_ok(), model::may_be_a_listen_rule(&rule), "{} as {}", canonical, typed);
        if let Ok(parsed) = parsed {
            prop_assert_eq!(&parsed.to_string(), &canonical);
            prop_assert_eq!(canonical.parse(), Ok(parsed));
        }
    }

    #[test]
    fn whatever_is_a_rule_prints_as_itself(
        text in "(http://|WSS://)?(\\*\\.)?[a-zA-Z0-9._:\\[\\]/ßÄ。１xX-]{0,24}(:[0-9]{1,5}(-[0-9]{1,5})?)?",
    ) {
        if let Ok(rule) = text.parse::<NetRule>() {
            let printed = rule.to_string();
            prop_assert_eq!(printed.parse(), Ok(rule), "{}", printed);
        }
        if let Ok(rule) = text.parse::<ListenRule>() {
            let printed = rule.to_string();
            prop_assert_eq!(printed.parse(), Ok(rule), "{}", printed);
        }
    }

    #[test]
    fn a_rule_with_more_on_it_is_none(rule in rule()) {
        let text = rule.text();
        for front in ["ftp://", "://", "user@", "user:secret@", " ", "."] {
            let more = format!("{front}{text}");
            prop_assert!(more.parse::<NetRule>().is_err() && more.parse::<ListenRule>().is_err(), "{:?}", more);
        }
        for end in ["/", "/x", "?", "#", "\\", "\n", "\0", ",", "%41", ":80:80",] {
            let more = format!("{text}{end}");
            prop_assert!(more.parse::<NetRule>().is_err() && more.parse::<ListenRule>().is_err(), "{:?}", more);
        }
    }

    #[test]
    fn connections_are_decided_as_the_model_does(case in case(), url in spelling(), typed in spelling()) {
        let spelled = |rules: &[Rule]| -> Vec<NetRule> {
            rules.iter().map(|rule| typed.rule(rule).parse().expect("a rule")).collect()
        };
        let permissions =
            Permissions::none().allow_net(spelled(&case.policy.allow)).deny_net(spelled(&case.policy.deny));
        let permissions = if case.policy.all { permissions.allow_all() } else { permissions };
        same_decisions(&case, &permissions, &target(&url.url(&case.target)))?;
    }

    #[test]
    fn listening_is_decided_as_the_model_does(case in listen_case()) {
        prop_assert_eq!(ask_listen(case.asked, &case.policy), model::listens(&case.policy, case.asked));
    }

    #[test]
    fn a_deny_rule_takes_away_and_does_nothing_else(case in case()) {
        let before = ask_case(&case, &case.policy);
        let after = ask_case(&case, &with_denied(&case.policy, &case.other));
        // Whether the rule catches the case does not depend on the other rules.
        let mut everything = Policy { all: true, ..Policy::default() };
        for address in stands_for(case.answer) {
            everything.allow.push(Rule { scheme: None, set: Set::Literal(address), ports: None });
        }
        prop_assert!(ask_case(&case, &everything).is_some());
        let is_caught = ask_case(&case, &with_denied(&everything, &case.other)).is_none();
        prop_assert_eq!(after, if is_caught { None } else { before });
    }

    #[test]
    fn an_allow_rule_adds_and_does_nothing_else(case in case()) {
        let before = ask_case(&case, &case.policy);
        let after = ask_case(&case, &with_allowed(&case.policy, &case.other));
        // Two rules may open together what neither opens alone: one the name and one the address, or one each of the two
        // addresses of a Teredo address. So "at most what either opens" does not hold, and this does:
        prop_assert!(before.is_none() || after == before);
        let all = Policy { all: true, ..case.policy.clone() };
        prop_assert!(after.is_none() || after == ask_case(&case, &with_allowed(&all, &case.other)));
    }

    #[test]
    fn listening_rules_add_and_take_away(case in listen_case()) {
        let ListenCase { policy, asked, other } = case;
        let before = ask_listen(asked, &policy);
        // One rule covers all of it or doesn't count: here the verdict is the sum of the rules'.
        let alone = Policy { allow: vec![other.clone()], all: false, ..policy.clone() };
        prop_assert_eq!(ask_listen(asked, &with_allowed(&policy, &other)), before.or(ask_listen(asked, &alone)));
        let everything = Policy { all: true, ..Policy::default() };
        let is_caught = ask_listen(asked, &with_denied(&everything, &other)).is_none();
        let after = ask_listen(asked, &with_denied(&policy, &other));
        prop_assert_eq!(after, if is_caught { None } else { before });
        // What a rule allows, the same rule can deny.
        let both = with_denied(&with_allowed(&policy, &other), &other);
        prop_assert!(ask_listen(asked, &alone).is_none() || ask_listen(asked, &both).is_none());
    }

    #[test]
    fn neither_order_nor_repetition_of_rules_counts(case in case(), listening in listen_case()) {
        let shuffled = |policy: &Policy| {
            let mut policy = policy.clone();
            for rules in [&mut policy.allow, &mut policy.deny] {
                rules.reverse();
                rules.extend(rules.clone());
            }
            policy
        };
        prop_assert_eq!(ask_case(&case, &shuffled(&case.policy)), ask_case(&case, &case.policy));
        let asked = listening.asked;
        prop_assert_eq!(
            ask_listen(asked, &shuffled(&listening.policy)),
            ask_listen(asked, &listening.policy)
        );
    }

    #[test]
    fn what_was_granted_is_granted_again(case in case()) {
        let permissions = net_permissions(&case.policy);
        if let Ok(granted) = ask(&permissions, &plain(&case.target), case.answer) {
            // An address that its own unwrapping led to is not unwrapped further.
            let mut again = case.target.clone();
            if let Host::Ip(_) = again.host {
                again.host = Host::Ip(granted.ip());
            }
            prop_assert_eq!(ask(&permissions, &plain(&again), granted.ip()), Ok(granted));
        }
    }

    #[test]
    fn unwrapping_ends_after_one_step(address in address()) {
        let reach = Reach::of(address);
        prop_assert_eq!(Reach::of(reach.dial), reach);
        for reached in reach.addresses() {
            let again = Reach::of(reached);
            prop_assert_eq!((again.dial, again.addresses().collect()), (reached, vec![reached]));
        }
        prop_assert_eq!(reach.addresses().collect::<Vec<_>>(), stands_for(address));
    }

    #[test]
    fn a_name_has_one_form(text in "[a-zA-Z0-9._ßİÄéＡ。．\u{ad}\u{200d}١-]{0,20}|\\PC{0,12}") {
        if let Ok(name) = Name::parse(&text) {
            prop_assert_eq!(Name::parse(&name), Ok(name.clone()));
            prop_assert_eq!(Name::parse(&name.to_uppercase()), Ok(name.clone()));
            prop_assert_eq!(Name::parse(&format!("{}.", &*name)), Ok(name.clone()));
            // The URL parser sees the same name, so what was checked is what the `host` field says.
            let url = Url::parse(&format!("http://{}/", &*name)).expect("a URL");
            prop_assert_eq!(url.host_str(), Some(&*name));
        }
    }

    #[test]
    fn a_cure_allows_what_was_refused(case in case()) {
        let mut permissions = net_permissions(&case.policy);
        let target = plain(&case.target);
        // One for the name and one for the address, at most.
        for round in 0..3 {
            let Err(denied) = ask(&permissions, &target, case.answer) else { break };
            let is_deny_rule = matches!(denied.reason, Reason::DenyRule { .. });
            prop_assert_eq!(denied.cure.is_none(), is_deny_rule, "{}", denied);
            let Some(cure) = denied.cure else { break };
            prop_assert!(round < 2, "{} does not help", cure);
            permissions = cured(permissions, &cure);
        }
    }

    #[test]
    fn a_cure_allows_the_server_that_was_refused(case in listen_case()) {
        let permissions = listen_permissions(&case.policy);
        if let Err(denied) = decide_listen(&permissions, case.asked) {
            let is_deny_rule = matches!(denied.reason, Reason::DenyRule { .. });
            prop_assert_eq!(denied.cure.is_none(), is_deny_rule, "{}", denied);
            if let Some(cure) = denied.cure {
                prop_assert!(decide_listen(&cured(permissions, &cure), case.asked).is_ok(), "{}", cure);
            }
        }
    }

    #[test]
    fn whatever_is_allowed_is_allowed_by_a_flag(case in case(), listening in listen_case()) {
        let permissions = net_permissions(&case.policy);
        let target = plain(&case.target);
        if decide_name(&permissions, &target).is_ok() {
            prop_assert!(allowed_by(&permissions, &target, None).is_some());
        }
        if ask(&permissions, &target, case.answer).is_ok() {
            prop_assert!(allowed_by(&permissions, &target, Some(case.answer)).is_some());
        }
        let permissions = listen_permissions(&listening.policy);
        if decide_listen(&permissions, listening.asked).is_ok() {
            prop_assert!(listen_allowed_by(&permissions, listening.asked).is_some());
        }
    }

    #[test]
    fn learning_opens_no_metadata_and_names_all_that_was_missing(cases in prop::collection::vec(case(), 1..4)) {
        let given = &cases[0].policy;
        let mut learned = Learned::new(net_permissions(given));
        let mut granted = Vec::new();
        for case in &cases {
            let target = plain(&case.target);
            let (name, missing_name) = learned.name(&target);
            let Ok(pass) = name else { continue };
            let (address, missing_address) = learned.addr(&pass, case.answer);
            if address.is_err() {
                continue;
            }
            for reached in stands_for(case.answer) {
                let is_named = given.allow.iter().any(|rule| rule.set == Set::Literal(reached));
                prop_assert!(!is_metadata(reached) || is_named, "{} led to {}", plain(&case.target), reached);
            }
            let is_denied = [missing_name, missing_address]
                .iter()
                .flatten()
                .any(|denied| matches!(denied.reason, Reason::DenyRule { .. }));
            if !is_denied {
                granted.push((target, case.answer));
            }
        }
        let permissions = learned.flags().iter().fold(net_permissions(given), |so_far, flag| cured(so_far, flag));
        for (target, answer) in granted {
            prop_assert!(ask(&permissions, &target, answer).is_ok(), "{} to {}", target, answer);
        }
    }
}

proptest! {
    // Each case looks at every range.
    #![proptest_config(ProptestConfig { cases: config().cases / 8, ..config() })]

    #[test]
    fn words_mean_what_the_registries_say(bits in any::<u128>()) {
        for range in ranges() {
            for address in range.edges().into_iter().chain([range.inside(bits)]) {
                let class = class(address);
                prop_assert_eq!(class == Class::Public, is_public(address), "{}", address);
                prop_assert_eq!(class == Class::Loopback, is_loopback(address), "{}", address);
                prop_assert_eq!(class == Class::Metadata, is_metadata(address), "{}", address);
                let is_in_private_space = is_in(PRIVATE, address);
                prop_assert_eq!(in_private_space(address), is_in_private_space, "{}", address);
                prop_assert_eq!(is_private(class), is_in_private_space && !is_metadata(address), "{}", address);
            }
        }
    }
}
