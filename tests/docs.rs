//! The documentation is true: pages that are made are fresh, links lead somewhere, and what is shown runs.
//!
//! `docs/lib/` is made of `guest/types/` by `cargo xtask docs`. Every block of Luau in README, `docs/` and the comments of
//! `guest/types/` at least compiles; pages with blocks of `console` are played through the real `atoll` (see `session`), and a
//! result that a comment shows behind `-->` is compared (see `examples`).

mod curl;
mod examples;
mod markdown;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::scratch;
use crate::harness::{root, trials};

/// The tests of this file and of those below it.
pub(crate) fn trials() -> Result<Vec<Trial>, Failed> {
    let mut trials = trials![
        pages_are_what_the_types_say,
        what_is_not_understood_is_refused,
        the_contents_name_every_page,
        links_lead_somewhere,
        recipes_are_played,
        what_a_page_shows_has_to_be_true,
    ];
    for page in pages()? {
        trials.push(Trial::test(format!("docs::page::{page}"), move || {
            session::play(&page)
        }));
    }
    trials.extend(examples::trials()?);
    Ok(trials)
}

/// README and the pages that are written by hand, below the root, sorted.
fn pages() -> Result<Vec<String>, Failed> {
    let mut pages = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/recipes"] {
        for entry in fs::read_dir(root().join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                pages.push(format!("{folder}/{name}"));
            }
        }
    }
    pages.sort();
    Ok(pages)
}

fn pages_are_what_the_types_say() -> Result<(), Failed> {
    Ok(xtask::docs::check(&root())?)
}

/// A line that was passed over would be missing from the pages.
fn what_is_not_understood_is_refused() -> Result<(), Failed> {
    let head = "--- What it is.\n\n";
    let cases = [
        (
            "export type A = {\n",
            "line 3 has no comment above it: `export type A = {`",
        ),
        (
            "--- A.\nexport type A = {\n\tb: number,\n}\n",
            "line 5 has no comment above it: `b: number,`",
        ),
        (
            "--- A.\nexport type A = {\n\t--- B.\n\tb: number\n}\n",
            "line 6 ends wrongly: `b: number`",
        ),
        (
            "--- A.\nexport type A = {\n\t--- B.\n    b: number,\n}\n",
            "line 6 is not indented by one tab: `b: number,`",
        ),
        (
            "--- A.\nexport type A = {\n\t--- B.\n\tb: (\n\t\tnumber,\n",
            "line 6 ends wrongly: `b: (`",
        ),
        (
            "--- A.\nexport type A = {\n\t--- B.\n\tb: { c: number,\n",
            "line 6 does not end: `b: { c: number,`",
        ),
        (
            "--- A.\nexport type A = {\n\t--- B.\n\tb: number,\n\t--- B.\n\tb: number,\n}\n",
            "line 8 is there twice: `b: number,`",
        ),
        (
            "--- A.\nexport type A = {\n\t--- B.\n}\n",
            "line 6 follows a comment that is about nothing: `}`",
        ),
        (
            "--- A.\nexport type A = {\n\t--- B.\n\tb: number,\n",
            "line 6 is the last, and `A` does not end: `b: number,`",
        ),
        (
            "--- A.\n\nexport type A = number\n",
            "line 4 follows a comment that is about nothing: ``",
        ),
        ("--- A.\n", "line 3 is a comment that is about nothing: `--- A.`"),
        (
            "--- A.\n-- Why.\nexport type A = number\n",
            "line 4 stands between a comment and what that is about: `-- Why.`",
        ),
        (
            "--- A.\nexport type A = number |\n",
            "line 4 does not end: `export type A = number |`",
        ),
        (
            "--- A.\nexport type A = number\n--- A.\nexport type A = string\n",
            "line 6 declares what was declared before: `export type A = string`",
        ),
        (
            "--- A.\ntype A = number\n",
            "line 4 is not understood: `type A = number`",
        ),
        (
            "--- A.\ndeclare class A\n",
            "line 4 is not understood: `declare class A`",
        ),
        (
            "--- A.\ndeclare extern type A extends B with\nend\n",
            "line 4 extends a type that is not above it: `declare extern type A extends B with`",
        ),
        (
            "--- A.\ndeclare extern type A with\n\t--- B.\n\tfunction b(): ()\nend\n",
            "line 6 is no method: `function b(): ()`",
        ),
        (
            "--- A.\ndeclare function 1(): ()\n",
            "line 4 has no name where `1` stands: `declare function 1(): ()`",
        ),
    ];
    for (text, problem) in cases {
        let read = xtask::definitions::read(&format!("{head}{text}"));
        let said = read.map_or_else(|misread| misread.to_string(), |read| format!("{read:?}"));
        assert_eq!(said, problem, "{text}");
    }
    let read = xtask::definitions::read("declare a: {\n}\n").map_err(|misread| misread.to_string());
    assert_eq!(
        read,
        Err("line 2 is the last, and no comment says what the file is about: `}`".to_owned())
    );
    Ok(())
}

fn the_contents_name_every_page() -> Result<(), Failed> {
    let contents = fs::read_to_string(root().join("docs/README.md"))?;
    let mut pages = pages()?;
    pages.extend(xtask::docs::pages(&root())?.into_keys());
    for page in pages {
        let Some(name) = page.strip_prefix("docs/") else {
            continue;
        };
        if name != "README.md" && !contents.contains(&format!("]({name})")) {
            return Err(format!("docs/README.md has no link to {name}").into());
        }
    }
    Ok(())
}

/// A recipe that only shows code would go unproved.
fn recipes_are_played() -> Result<(), Failed> {
    for page in pages()? {
        if !page.starts_with("docs/recipes/") {
            continue;
        }
        let blocks = markdown::blocks(&fs::read_to_string(root().join(&page))?)?;
        let is_played = |block: &markdown::Block| ["console", "rust"].contains(&block.language.as_str());
        if !blocks.iter().any(is_played) {
            return Err(format!("{page} shows nothing that runs").into());
        }
    }
    Ok(())
}

/// The tests of pages can fail.
fn what_a_page_shows_has_to_be_true() -> Result<(), Failed> {
    let script = |text: &str| format!("`main.luau`:\n\n```lua\n{text}\n```\n\n");
    let typed = |text: &str| format!("```console\n{text}\n```\n");
    let server = script("net.serve({ port = 8080, request = function() print('asked') return 'no' end })");
    let serving = "$ atoll run main.luau --allow-listen\nlistening on …:8080 (bound to 0.0.0.0)";
    let cases = [
        ("```lua\nlocal = 1\n```\n".to_owned(), "compiled.luau:1"),
        ("```lua\nlocal a = 1\n".to_owned(), "does not end"),
        (
            script("print('a')") + &typed("$ atoll run main.luau\nb"),
            "differs",
        ),
        (script("warn('a')") + &typed("$ atoll run main.luau"), "differs"),
        (
            script("error('a')") + &typed("$ atoll run main.luau\n…"),
            "exit code 1",
        ),
        (typed("$ rm main.luau"), "no command of these sessions"),
        (typed("$ atoll run main.luau | more"), "means more to a shell"),
        (typed("asked\n$ atoll --version"), "output before any command"),
        (
            server.clone()
                + &typed(&format!(
                    "{serving}
$ curl http://localhost:8080/
no"
                )),
            "differs",
        ),
        (
            server + &typed(&format!("{serving}\nasked\n$ curl http://localhost:8080/\nyes")),
            "differs",
        ),
    ];
    for (text, problem) in cases {
        let played = session::play_text("a wrong page", &text);
        let said = played.err().and_then(|error| error.message().map(str::to_owned));
        if !said.as_deref().is_some_and(|said| said.contains(problem)) {
            return Err(format!("{said:?} instead of {problem:?}:\n{text}").into());
        }
    }
    let wrong = "```lua\nprint(1) --> 1\nlocal a = 1 + 1 --> 3\n```\n";
    for block in markdown::blocks(wrong)? {
        if examples::check("wrong", &scratch(), &block).is_ok() {
            return Err("an example with a wrong result passes".into());
        }
    }
    Ok(())
}

/// Every relative link of README, ARCHITECTURE and `docs/`, and its anchor.
fn links_lead_somewhere() -> Result<(), Failed> {
    let mut pages = pages()?;
    pages.push("ARCHITECTURE.md".to_owned());
    pages.extend(xtask::docs::pages(&root())?.into_keys());
    let mut anchors: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for page in &pages {
        let text = fs::read_to_string(root().join(page))?;
        anchors.insert(page.clone(), markdown::anchors(&text));
    }
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(root().join(page))?;
        for link in markdown::links(&text)
            .into_iter()
            .filter(|link| !link.contains("://"))
        {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                page.clone()
            } else {
                beside(page, path)
            };
            let is_there = root().join(&target).exists()
                && (anchor.is_empty() || anchors.get(&target).is_some_and(|all| all.contains(anchor)));
            if !is_there {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(format!("links that lead nowhere:\n{}", broken.join("\n")).into())
    }
}

/// A path that is relative to a page, relative to the root.
fn beside(page: &str, path: &str) -> String {
    let mut folders: Vec<&str> = page.split('/').collect();
    folders.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            ".." => drop(folders.pop()),
            "." => {}
            _ => folders.push(part),
        }
    }
    Path::new(&folders.join("/")).to_string_lossy().into_owned()
}
