//! The types in `guest/types/` against a running script: what one has and the other has not is a failure, either way.
//!
//! The script (`types/probe.luau`) is run by the real `atoll` and prints the fields of its libraries and objects, and the
//! options that calls read. The options that the guest's sources name have to be the same ones.

mod definitions;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use libtest_mimic::{Failed, Trial};

use self::definitions::{Definitions, Fields};
use self::sources::{files, named_options, words};
use crate::harness::child::Atoll;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        types_are_what_a_script_finds,
        options_are_what_the_guest_names,
        globals_are_declared,
        the_first_names_are_kept,
    ]
}

/// What a script finds: the kinds of objects, and of each the fields and their `typeof`.
type Found = BTreeMap<String, Fields>;

/// What a `typeof` says of an option, which may have any type.
const OPTION: &str = "option";

/// Names of the Luau library itself, which luau-lsp knows (all but `collectgarbage`, which mlua adds).
const LUAU: &str = "_G _VERSION assert bit32 buffer collectgarbage coroutine debug error gcinfo getfenv getmetatable ipairs \
    math newproxy next os pairs pcall print rawequal rawget rawlen rawset require select setfenv setmetatable string table \
    tonumber tostring type typeof unpack utf8 vector xpcall";

/// The types that the interface was first described with.
const FIRST: [&str; 11] = [
    "ServerRequest",
    "ServerResponse",
    "WebSocket",
    "ClientWebSocket",
    "ServerWebSocketHandlers",
    "ServeOptions",
    "BareRequestOptions",
    "BodyRequestOptions",
    "RequestOptions",
    "ServerHandle",
    "Response",
];

fn types_are_what_a_script_finds() -> Result<(), Failed> {
    let declared = declared()?;
    let mut found = found("types_fields")?;
    found.remove("global");
    let streamed = found.remove("StreamedResponse").unwrap_or_default();
    let whole = found.entry("Response".to_owned()).or_default();
    // One type for both, as the checker can't tell which one a call returns.
    let mut problems = differences(
        "a response",
        names(whole),
        "a streamed one",
        names(&streamed),
        &["body", "close", "read"],
    );
    whole.extend(streamed);

    let declared: Found = declared.types.into_iter().chain(declared.libraries).collect();
    // A value without fields can't show any.
    let declared: Found = declared
        .into_iter()
        .filter(|(_, fields)| !fields.is_empty())
        .collect();
    problems.extend(differences(
        "the types",
        names(&declared),
        "a script",
        names(&found),
        &[],
    ));
    for (kind, fields) in &found {
        let Some(types) = declared.get(kind) else { continue };
        let place = format!("a script's {kind}");
        problems.extend(differences(
            &format!("type {kind}"),
            names(types),
            &place,
            names(fields),
            &[],
        ));
        for (name, kind_of_value) in fields {
            let Some(written) = types.get(name) else { continue };
            if kind_of_value != OPTION && kind_of_value != type_of(written)? {
                problems.push(format!(
                    "{kind}.{name} is a {kind_of_value}, and its type is {written}"
                ));
            }
        }
    }
    none(problems)
}

fn options_are_what_the_guest_names() -> Result<(), Failed> {
    let mut read = BTreeSet::new();
    for (kind, fields) in found("types_options")? {
        let of_call = fields
            .iter()
            .filter(|(_, kind_of_value)| *kind_of_value == OPTION);
        // The result of a handler is no argument of a call.
        if kind != "ServerResponse" {
            read.extend(of_call.map(|(name, _)| name.clone()));
        }
    }
    let named = named_options()?;
    none(differences(
        "the guest's sources",
        named,
        "what calls read",
        read,
        &[],
    ))
}

fn globals_are_declared() -> Result<(), Failed> {
    let declared = declared()?;
    let ours = declared.libraries.into_keys().chain(declared.functions);
    let known = ours.chain(LUAU.split_whitespace().map(str::to_owned)).collect();
    let globals = found("types_globals")?.remove("global").unwrap_or_default();
    none(differences(
        "the types and Luau",
        known,
        "the globals",
        names(&globals),
        &[],
    ))
}

fn the_first_names_are_kept() -> Result<(), Failed> {
    let declared = declared()?;
    let missing = FIRST
        .iter()
        .filter(|name| !declared.types.contains_key(**name) && !declared.aliases.contains(**name));
    none(missing.map(|name| format!("there is no type {name}")).collect())
}

/// All that the definition files declare.
fn declared() -> Result<Definitions, Failed> {
    let mut definitions = Definitions::default();
    for path in files("guest/types", &[".d.luau"])? {
        let read = definitions.read(&fs::read_to_string(&path)?);
        read.map_err(|problem| format!("{}: {problem}", path.display()))?;
    }
    Ok(definitions)
}

/// What the probe prints; each test runs it in a folder of its own.
fn found(test: &str) -> Result<Found, Failed> {
    let script = format!(
        "local WORDS = [[{}]]\n{}",
        words()?,
        include_str!("types/probe.luau")
    );
    let flags = ["--allow-net=localhost", "--allow-listen=localhost"];
    let finished = Atoll::source(test, script, flags)?.finish()?;
    finished.expect_code(0)?;
    let mut found = Found::new();
    for line in finished.out().lines() {
        let [kind, name, kind_of_value] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("not a line of the probe: {line:?}").into());
        };
        let fields = found.entry(kind.to_owned()).or_default();
        fields.insert(name.to_owned(), kind_of_value.to_owned());
    }
    Ok(found)
}

/// The `typeof` of the values of a type, nil aside.
fn type_of(written: &str) -> Result<&'static str, Failed> {
    let written = written.trim_end_matches('?');
    Ok(match written {
        "boolean" => "boolean",
        "number" => "number",
        "string" => "string",
        "JsonNull" => "userdata",
        _ if written.starts_with('{') => "table",
        _ if written.starts_with("(self") || written.contains(") -> ") => "function",
        _ => return Err(format!("no typeof is known for the type {written}").into()),
    })
}

fn names<T>(fields: &BTreeMap<String, T>) -> BTreeSet<String> {
    fields.keys().cloned().collect()
}

/// What only one of the two has, but for the names that have to differ.
fn differences(
    one: &str,
    names: BTreeSet<String>,
    other: &str,
    others: BTreeSet<String>,
    different: &[&str],
) -> Vec<String> {
    let mut problems: Vec<String> = Vec::new();
    for name in names
        .symmetric_difference(&others)
        .filter(|name| !different.contains(&name.as_str()))
    {
        let (with, without) = if names.contains(name) {
            (one, other)
        } else {
            (other, one)
        };
        problems.push(format!("`{name}` is in {with} and not in {without}"));
    }
    for name in different {
        if names.contains(*name) == others.contains(*name) {
            problems.push(format!("`{name}` has to be in {one} or in {other}"));
        }
    }
    problems
}

fn none(problems: Vec<String>) -> Result<(), Failed> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n").into())
    }
}
