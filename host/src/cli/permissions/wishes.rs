//! What an app asks for, and what becomes of that.

use crate::app::About;
use crate::permissions::{Answer, ListenRule, NetRule, Permissions};

/// A wish: what it is about, whether it is one to do without, the flag that would grant it, and what becomes of it.
struct Wish<'a> {
    capability: &'static str,
    verb: &'static str,
    what: &'a str,
    flag: String,
    answer: Option<Answer>,
}

/// What the app is, and each of its wishes in a line of its own.
pub(super) fn table(app: &About, permissions: &Permissions) -> String {
    let head = head(app);
    let wishes = wishes(app, permissions);
    if wishes.is_empty() {
        return format!("{head} asks for nothing\n");
    }
    let verdicts: Vec<String> = wishes.iter().map(verdict).collect();
    format!("{head} asks for:\n{}", rows(&wishes, &verdicts))
}

/// What a component for other hosts is, and each of its wishes: none of them is Atoll's to grant.
pub(super) fn of_other_hosts(component: &About) -> String {
    let head = head(component);
    let wishes = wishes(component, &Permissions::default());
    if wishes.is_empty() {
        return format!("{head} asks for nothing\n");
    }
    let verdicts: Vec<String> = wishes
        .iter()
        .map(|wish| by_other_hosts(wish).to_owned())
        .collect();
    format!(
        "{head} asks for:\n{}what it may do is for its host to say\n",
        rows(&wishes, &verdicts)
    )
}

fn head(about: &About) -> String {
    let About {
        name,
        contract,
        atoll,
        ..
    } = about;
    let version = about
        .version
        .as_ref()
        .map(|version| format!(" {version}"))
        .unwrap_or_default();
    format!("{name}{version} (for {contract}, built by Atoll {atoll})")
}

fn rows(wishes: &[Wish<'_>], verdicts: &[String]) -> String {
    let rows: Vec<[&str; 4]> = wishes
        .iter()
        .zip(verdicts)
        .map(|(wish, verdict)| [wish.capability, wish.verb, wish.what, verdict.as_str()])
        .collect();
    super::aligned(&rows)
}

/// The flags that would grant what is missing, in a line; nothing where nothing is.
pub(super) fn missing(app: &About, permissions: &Permissions) -> String {
    let flags: Vec<String> = wishes(app, permissions)
        .into_iter()
        .filter(|wish| matches!(wish.answer, Some(Answer::Missing | Answer::InPart)))
        .map(|wish| wish.flag)
        .collect();
    match flags.is_empty() {
        true => String::new(),
        false => format!("not granted of what it asks for: {}\n", flags.join(" ")),
    }
}

fn wishes<'a>(app: &'a About, permissions: &Permissions) -> Vec<Wish<'a>> {
    let asked = &app.wishes;
    let wish = |capability, verb, what, flag, answer| Wish {
        capability,
        verb,
        what,
        flag,
        answer,
    };
    // What can't be read as a rule was refused with the whole app.
    let net = |rule: &String| {
        rule.parse::<NetRule>()
            .ok()
            .map(|rule| permissions.answer_net(&rule))
    };
    let listen = |rule: &String| {
        let rule = rule.parse::<ListenRule>().ok();
        rule.map(|rule| permissions.answer_listen(&rule))
    };
    let mut all = Vec::new();
    if asked.allow_all {
        let answer = Some(permissions.answer_all());
        all.push(wish(
            "all",
            "wanted",
            "everything",
            "--allow-all".to_owned(),
            answer,
        ));
    }
    for rule in &asked.allow_net {
        let flag = format!("--allow-net={rule}");
        all.push(wish("connect", "wanted", rule, flag, net(rule)));
    }
    for rule in &asked.deny_net {
        let flag = format!("--deny-net={rule}");
        all.push(wish("connect", "unwanted", rule, flag, None));
    }
    for rule in &asked.allow_listen {
        let flag = format!("--allow-listen={rule}");
        all.push(wish("listen", "wanted", rule, flag, listen(rule)));
    }
    for rule in &asked.deny_listen {
        let flag = format!("--deny-listen={rule}");
        all.push(wish("listen", "unwanted", rule, flag, None));
    }
    for name in &asked.allow_env {
        let flag = match name.as_str() {
            "*" => "--allow-env".to_owned(),
            name => format!("--allow-env={name}"),
        };
        let what = if name == "*" { "everything" } else { name };
        all.push(wish(
            "environment",
            "wanted",
            what,
            flag,
            Some(permissions.answer_env(name)),
        ));
    }
    all
}

fn verdict(wish: &Wish<'_>) -> String {
    match &wish.answer {
        None => format!("add {} to hold it to that", wish.flag),
        Some(Answer::Granted) => "granted".to_owned(),
        Some(Answer::InPart) => "granted in part".to_owned(),
        Some(Answer::Missing) => "not granted".to_owned(),
        Some(Answer::Narrowed(rule)) => format!("granted, but for {rule}"),
        Some(Answer::Denied(rule)) => format!("not granted, by {rule}"),
    }
}

/// What becomes of a wish on a host that is not Atoll.
fn by_other_hosts(wish: &Wish<'_>) -> &'static str {
    match (wish.capability, wish.verb) {
        ("listen", _) => "its host listens",
        ("environment", _) => "it gets none there",
        (_, "unwanted") => "for its host to forbid",
        _ => "for its host to allow",
    }
}
