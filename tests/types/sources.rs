//! What the guest's sources say by themselves: the words in them, and the options that they name. Called by `types`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use libtest_mimic::Failed;

use crate::harness::root;

/// Every word in the guest's sources, and those that `prefix{word}` makes: a field's name is among them.
pub(crate) fn words() -> Result<String, Failed> {
    let mut words = BTreeSet::new();
    let mut prefixes = BTreeSet::new();
    for path in files("guest/src", &[".rs", ".luau"])? {
        let text = fs::read_to_string(&path)?;
        let mut rest = text.as_str();
        while let Some(start) = rest.find(|letter: char| letter.is_ascii_alphabetic() || letter == '_') {
            rest = &rest[start..];
            let end = rest
                .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            words.insert(word.to_owned());
            if after.starts_with('{') {
                prefixes.insert(word.to_owned());
            }
            rest = after;
        }
    }
    let capital = words
        .iter()
        .filter(|word| word.starts_with(|letter: char| letter.is_ascii_uppercase()));
    let made: Vec<String> = capital
        .flat_map(|word| prefixes.iter().map(move |prefix| format!("{prefix}{word}")))
        .collect();
    words.extend(made);
    Ok(words.into_iter().collect::<Vec<_>>().join(" "))
}

/// The options that the guest's sources name: the strings that the readers of `fields.rs` are called with.
pub(crate) fn named_options() -> Result<BTreeSet<String>, Failed> {
    const READERS: [&str; 8] = [
        "boolean", "function", "integer", "pems", "seconds", "strings", "table", "value",
    ];
    const OTHERS: [&str; 4] = ["mistaken", "refused", "strings_of", "wrong"];
    let mut named = BTreeSet::new();
    for path in files("guest/src", &[".rs"])? {
        let text = fs::read_to_string(&path)?;
        let at = |problem: &str| format!("{}: {problem}", path.display());
        if !path.to_string_lossy().ends_with("_options.rs") {
            if text.contains("Fields::new(") {
                return Err(at("reads options, and is no …_options.rs: this test has to follow").into());
            }
            continue;
        }
        for call in text.split("fields.").skip(1) {
            let (reader, arguments) = call.split_once('(').ok_or_else(|| at("no call"))?;
            if OTHERS.contains(&reader) {
                continue;
            }
            let quoted: Vec<&str> = arguments.split('"').collect();
            if !READERS.contains(&reader) || quoted.len() < 3 || !quoted[0].trim().is_empty() {
                return Err(at(&format!("no option's name in fields.{reader}(")).into());
            }
            named.insert(quoted[1].to_owned());
            if reader == "pems" {
                let list = arguments
                    .split(['[', ']'])
                    .nth(1)
                    .ok_or_else(|| at("no names of PEMs"))?;
                named.extend(
                    list.split(',')
                        .map(|name| name.trim().trim_matches('"').to_owned()),
                );
            }
        }
    }
    Ok(named)
}

/// The project's files under the folder whose names end so; there have to be some.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Result<Vec<PathBuf>, Failed> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if endings
                .iter()
                .any(|ending| path.to_string_lossy().ends_with(ending))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(format!("no {endings:?} under {folder}").into());
    }
    Ok(found)
}
