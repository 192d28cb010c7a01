//! What `atoll.toml` may hold.

use std::path::Path;

use crate::config::file::{self, FileError, Grant};

/// A text is refused with a place in it, or grants what a reader of TOML finds under these very names, and nothing else.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let file = match file::parse(Path::new("atoll.toml"), text) {
        Ok(file) => file,
        Err(FileError::Content { line, column, .. }) => {
            assert!(line <= text.split('\n').count());
            let longest = text.split('\n').nth(line - 1).map(|line| line.chars().count());
            assert!(column >= 1 && longest.is_some_and(|longest| column <= longest + 1));
            return;
        }
        Err(FileError::Read { .. }) => panic!("nothing is read"),
    };
    let table: toml::Table = toml::from_str(text).expect("it was parsed");
    let none = toml::Table::new();
    let section = |name: &str| match table.get(name) {
        None => &none,
        Some(section) => section.as_table().expect("a table"),
    };
    assert!(table.keys().all(|key| key == "permissions" || key == "limits"));
    let (permissions, limits) = (section("permissions"), section("limits"));
    for (name, grant) in [
        ("allow-net", &file.permissions.allow_net),
        ("allow-listen", &file.permissions.allow_listen),
        ("allow-env", &file.permissions.allow_env),
    ] {
        match (grant, permissions.get(name)) {
            (Grant::Nothing, None | Some(toml::Value::Boolean(false))) => {}
            (Grant::Bare, Some(toml::Value::Boolean(true))) => {}
            (Grant::Rules(rules), Some(said)) => assert_eq!(&texts(said), rules),
            other => panic!("{name}: {other:?}"),
        }
    }
    for (name, rules) in [
        ("deny-net", &file.permissions.deny_net),
        ("deny-listen", &file.permissions.deny_listen),
    ] {
        assert_eq!(&permissions.get(name).map(texts).unwrap_or_default(), rules);
    }
    let all = permissions.get("allow-all").and_then(toml::Value::as_bool);
    assert_eq!(file.permissions.allow_all, all.unwrap_or_default());
    assert!(file.limits.keys().eq(limits.keys()));
}

fn texts(value: &toml::Value) -> Vec<String> {
    let texts = value.as_array().expect("an array").iter();
    texts
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}
