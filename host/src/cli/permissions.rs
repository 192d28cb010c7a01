//! `atoll permissions`: what the given flags and config allow, as a table.

use std::fmt::Write as _;
use std::path::Path;

use super::{Exit, PermissionsArgs};
use crate::config::{Entry, Policy};
use crate::limits::Limits;

/// What a script can do that needs a permission, and the flags that speak of it.
const CAPABILITIES: [(&str, &str, &str); 3] = [
    ("connect", "--allow-net", "--deny-net"),
    ("listen", "--allow-listen", "--deny-listen"),
    ("environment", "--allow-env", ""),
];

/// Prints the table.
pub(super) fn show(args: PermissionsArgs) -> Exit {
    let script = args.script.clone();
    if let Err(error) = std::fs::File::open(&script) {
        return super::fail(Exit::Usage, &super::run::unreadable(&script, &error));
    }
    match Policy::of(args) {
        Ok((policy, limits)) => {
            super::say(table(&script, &policy.entries, &limits));
            Exit::Done
        }
        Err(error) => super::usage(&error.to_string()),
    }
}

fn of<'a>(entries: &'a [Entry], flag: &'a str) -> impl Iterator<Item = &'a Entry> {
    entries.iter().filter(move |entry| entry.flag == flag)
}

fn table(script: &Path, entries: &[Entry], limits: &Limits) -> String {
    let everything = entries.iter().find(|entry| entry.flag == "--allow-all");
    let mut rows = Vec::new();
    for (capability, allow, deny) in CAPABILITIES {
        let before = rows.len();
        rows.extend(of(entries, deny).map(|entry| [capability, "denied", &entry.rule, &entry.source]));
        if let Some(entry) = everything {
            rows.push([capability, "allowed", "everything else", &entry.source]);
        }
        rows.extend(of(entries, allow).map(|entry| [capability, "allowed", &entry.rule, &entry.source]));
        if rows.len() == before || of(entries, allow).next().is_none() && everything.is_none() {
            rows.push([capability, "denied", "everything", "no flag allows it"]);
        }
    }
    rows.push([
        "connect",
        "denied",
        "metadata addresses of clouds",
        "always, unless named as literals",
    ]);
    let mut text = format!("{} may:\n", script.display());
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    for row in &rows {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "  {:<w0$}  {:<w1$}  {:<w2$}  {}",
            row[0],
            row[1],
            row[2],
            row[3],
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2],
        );
    }
    let changed = limits.changed();
    if !changed.is_empty() {
        text.push_str("within these limits, and the defaults of the others:\n");
        for (name, value) in changed {
            let _ = writeln!(text, "  {name:<16}{value}");
        }
    }
    text
}
