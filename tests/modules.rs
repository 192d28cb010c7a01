//! `require` where a case cannot show it: links and pipes, folders that are generated, floods. The rules themselves are in
//! `cases/modules/`.

mod embedding;
mod floods;
mod links;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Finished, scratch};
use crate::harness::trials;

/// The tests of this file and of those below it.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![names_as_typed_from_anywhere, the_root_of_a_project];
    trials.extend(embedding::trials());
    trials.extend(floods::trials());
    trials.extend(links::trials());
    trials
}

/// A fresh folder with these files.
fn project(name: &str, files: &[(&str, &str)]) -> Result<PathBuf, Failed> {
    let folder = scratch().join("projects").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        fs::write(path, text)?;
    }
    Ok(folder)
}

/// `atoll run WORDS…` in the folder.
fn run(folder: &Path, words: &[&str]) -> Result<Finished, Failed> {
    Atoll::new(folder, ["run"].iter().chain(words)).finish()
}

/// Standard output of `atoll run main.luau` in the folder, which must end well.
fn output(folder: &Path) -> Result<String, Failed> {
    let finished = run(folder, &["main.luau"])?;
    finished.expect_code(0)?;
    Ok(finished.out())
}

/// Prints what each of the requires comes to, a line each.
fn trying(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let names = names.join(", ");
    format!("for _, name in {{ {names} }} do print((select(2, pcall(require, name)))) end")
}

fn expect(text: &str, lines: &[&str]) -> Result<(), Failed> {
    let found: Vec<&str> = text.lines().collect();
    if found == lines {
        Ok(())
    } else {
        Err(format!("expected {lines:#?}, got {found:#?}").into())
    }
}

/// Messages name modules as one would type them where `atoll` was started.
fn names_as_typed_from_anywhere() -> Result<(), Failed> {
    let folder = project(
        "names_as_typed",
        &[
            ("app/atoll.toml", ""),
            ("app/src/main.luau", "require('../lib/x')"),
            ("app/lib/x.luau", "error('here')"),
            ("elsewhere/x.txt", ""),
        ],
    )?;
    let whole = folder.join("app/src/main.luau").display().to_string();
    let module = folder
        .canonicalize()?
        .join("app/lib/x.luau")
        .display()
        .to_string();
    symlink("app/src", folder.join("link"))?;
    for (from, typed, shown) in [
        ("", "app/src/main.luau", "app/lib/x.luau"),
        ("app", "src/main.luau", "lib/x.luau"),
        ("app", "./src/main.luau", "lib/x.luau"),
        ("app/src", "main.luau", "../lib/x.luau"),
        ("app/lib", "../src/main.luau", "x.luau"),
        ("elsewhere", "../app/src/main.luau", "../app/lib/x.luau"),
        ("", "link/main.luau", "app/lib/x.luau"),
        ("elsewhere", whole.as_str(), module.as_str()),
    ] {
        let finished = run(&folder.join(from), &[typed])?;
        finished.expect_code(1)?;
        let expected = format!(
            "error: {shown}:1: here\n  1 | error('here')\n    | ^^^^^^^^^^^^^\n  required from {typed}:1\n  at {shown}:1\n"
        );
        if !finished.err().starts_with(&expected) {
            return Err(format!("{from}: {typed}: {}", finished.err()).into());
        }
    }
    Ok(())
}

fn the_root_of_a_project() -> Result<(), Failed> {
    let main = trying(&["./x", "../x", "../../x"]);
    let there = |reached: &str, root: &str| {
        let mut lines: Vec<String> = reached.split_whitespace().map(str::to_owned).collect();
        let names = ["./x", "../x", "../../x"];
        while lines.len() < 3 {
            let name = names[lines.len()];
            lines.push(format!(
                "main.luau:1: require: {name:?} leads out of the project (its root is {root})"
            ));
        }
        lines
    };
    for (mark, reached, root) in [
        // The script's own folder, without a mark further up; the scratch folder may have one.
        ("a/b/c/.luaurc", "c", "."),
        ("a/b/.luaurc", "c b", ".."),
        ("a/b/atoll.toml", "c b", ".."),
        ("a/atoll.toml a/b/.luaurc", "c b a", "../.."),
        ("a/.luaurc a/b/atoll.toml", "c b", ".."),
        ("a/.luaurc a/b/.luaurc", "c b", ".."),
        ("a/.luaurc", "c b a", "../.."),
    ] {
        let folder = project(
            "roots",
            &[
                ("a/x.luau", "return 'a'"),
                ("a/b/x.luau", "return 'b'"),
                ("a/b/c/x.luau", "return 'c'"),
                ("a/b/c/main.luau", &main),
            ],
        )?;
        for mark in mark.split_whitespace() {
            let text = if mark.ends_with("rc") { "{}" } else { "" };
            fs::write(folder.join(mark), text)?;
        }
        let out = output(&folder.join("a/b/c"))?;
        let lines = there(reached, root);
        expect(&out, &lines.iter().map(String::as_str).collect::<Vec<_>>())
            .map_err(|error| format!("{mark}: {}", error.message().unwrap_or_default()))?;
    }
    Ok(())
}
