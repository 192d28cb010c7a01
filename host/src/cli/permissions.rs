//! `atoll permissions`: what the given flags and config allow, as a table; and what an app asks for beside it. Of a component for
//! other hosts it shows what that asks for.

mod wishes;

use std::fmt::Write as _;
use std::io::{Error, ErrorKind};
use std::path::Path;

use super::{Exit, PermissionsArgs};
use crate::app::{self, Said};
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
    let app = match app_at(&script) {
        Ok(Some(Said::OtherHosts(component))) => {
            super::say(wishes::of_other_hosts(&component));
            return Exit::Done;
        }
        Ok(Some(Said::App(app))) => Some(app),
        Ok(None) => None,
        Err(error) => return super::fail(Exit::Usage, &super::run::unreadable(&script, &error)),
    };
    match Policy::of(args) {
        Ok((policy, limits)) => {
            let mut text = String::new();
            if let Some(app) = &app {
                text.push_str(&wishes::table(app, &policy.permissions));
            }
            text.push_str(&table(&script, &policy.entries, &limits));
            if let Some(app) = &app {
                text.push_str(&wishes::missing(app, &policy.permissions));
            }
            super::say(text);
            Exit::Done
        }
        Err(error) => super::usage(&error.to_string()),
    }
}

/// What the file says of itself; none where it is a script.
fn app_at(path: &Path) -> std::io::Result<Option<Said>> {
    let found = std::fs::read(path)?;
    if !app::is_wasm(&found) && path.extension().is_none_or(|ending| ending != "wasm") {
        return Ok(None);
    }
    Said::read(found)
        .map(Some)
        .map_err(|error| Error::new(ErrorKind::InvalidData, error))
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
    text.push_str(&aligned(&rows));
    let changed = limits.changed();
    if !changed.is_empty() {
        text.push_str("within these limits, and the defaults of the others:\n");
        for (name, value) in changed {
            let _ = writeln!(text, "  {name:<16}{value}");
        }
    }
    text
}

/// The rows, each in a line of its own, with their columns below each other.
fn aligned(rows: &[[&str; 4]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for row in rows {
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
    text
}
