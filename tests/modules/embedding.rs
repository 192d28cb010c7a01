//! The library's `Modules`: what a script can require that an embedder runs.

use std::fs;

use atoll::{Limits, Modules, Permissions, RunError, Runtime, Script};
use libtest_mimic::{Failed, Trial};

use super::{expect, project, trying};
use crate::embed::{Lines, block_on};
use crate::harness::child::scratch;
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        a_text_has_no_files,
        modules_from_texts,
        modules_from_a_folder,
        a_folder_that_is_none,
        a_script_from_a_path_has_its_project,
        a_fresh_start_has_the_same_sources,
    ]
}

/// What the script prints.
fn printed(script: &Script) -> Result<String, Failed> {
    let (runtime, lines) = runtime(Limits::default())?;
    block_on(runtime.run(script))??;
    Ok(lines.text())
}

fn runtime(limits: Limits) -> Result<(Runtime, Lines), Failed> {
    let lines = Lines::default();
    let runtime = Runtime::builder()
        .permissions(Permissions::none().allow_listen(["localhost".parse()?]))
        .limits(limits)
        .console(lines.clone())
        .cache(scratch().join("atoll"))
        .build()?;
    Ok((runtime, lines))
}

fn a_text_has_no_files() -> Result<(), Failed> {
    let source = format!(
        "{}\nprint(require('@atoll/net') == net)",
        trying(&["./x", "../x", "@lib/x", "@self", "x", ""])
    );
    let no_files = |name: &str| {
        format!(
            "main.luau:1: require: {name:?} cannot be required: this script has no files, only Atoll's libraries"
        )
    };
    let expected: Vec<String> = ["./x", "../x", "@lib/x", "@self", "x", ""].map(no_files).into();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expected.push("true");
    expect(&printed(&Script::new("main.luau", source))?, &expected)
}

fn modules_from_texts() -> Result<(), Failed> {
    let texts = [
        (".luaurc", "{ \"aliases\": { \"lib\": \"./lib\" } }"),
        ("lib/x.luau", "return 'lib/x'"),
        (
            "jobs/beside.luau",
            "return require('@lib/x') .. ' by way of ' .. require('../main')",
        ),
        ("main.luau", "return 'the main module'"),
        ("secret.txt", "a secret"),
    ];
    let source = format!(
        "print(require('./beside'))\n{}",
        trying(&["./none", "../../x", "../secret.txt"])
    );
    let script = Script::new("jobs/main.luau", source).modules(Modules::sources(texts));
    expect(
        &printed(&script)?,
        &[
            "lib/x by way of the main module",
            "jobs/main.luau:2: require: there is no module \"./none\"; tried jobs/none.luau, jobs/none.lua, \
             jobs/none/init.luau, jobs/none/init.lua",
            "jobs/main.luau:2: require: \"../../x\" leads out of the project",
            "jobs/main.luau:2: require: there is no module \"../secret.txt\"; tried secret.txt.luau, secret.txt.lua, \
             secret.txt/init.luau, secret.txt/init.lua",
        ],
    )
}

fn modules_from_a_folder() -> Result<(), Failed> {
    let folder = project(
        "given",
        &[
            ("outside.luau", "return 'outside'"),
            ("given/x.luau", "error('here')"),
            ("given/y.luau", "return 'y'"),
        ],
    )?;
    let source = format!("print(require('./y'))\n{}", trying(&["./x", "../outside"]));
    // A marker further up is nothing to it.
    fs::write(folder.join("atoll.toml"), "")?;
    let given = folder.join("given");
    let script = Script::new("main.luau", source).modules(Modules::folder(&given)?);
    let outside = format!(
        "main.luau:2: require: \"../outside\" leads out of the project (its root is {})",
        given.display()
    );
    expect(
        &printed(&script)?,
        &["y", "x.luau:1: here", "  required from main.luau:2", &outside],
    )
}

fn a_folder_that_is_none() -> Result<(), Failed> {
    let folder = project("no_folder", &[("file.luau", "")])?;
    for path in ["none", "file.luau"] {
        if Modules::folder(folder.join(path)).is_ok() {
            return Err(format!("{path} was opened").into());
        }
    }
    Ok(())
}

fn a_script_from_a_path_has_its_project() -> Result<(), Failed> {
    let folder = project(
        "by_path",
        &[
            ("atoll.toml", ""),
            ("src/main.luau", "print(require('../lib/x'))"),
            ("lib/x.luau", "return 'lib/x'"),
        ],
    )?;
    let script = Script::from_path(folder.join("src/main.luau"))?;
    expect(&printed(&script)?, &["lib/x"])?;
    // Others take their place.
    let script = script.modules(Modules::none());
    match block_on(async {
        runtime(Limits::default())?
            .0
            .run(&script)
            .await
            .map_err(Failed::from)
    })? {
        Err(error) if format!("{error:?}").contains("this script has no files") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// A server that a limit ends begins again with the modules that it had, whatever lies on the disk by then.
fn a_fresh_start_has_the_same_sources() -> Result<(), Failed> {
    let main = "print(require('./version'))
        net.serve({ port = 0, address = '127.0.0.1', request = function() return '' end })
        while true do pcall(function() while true do end end) end";
    let folder = project(
        "afresh",
        &[
            ("atoll.toml", ""),
            ("main.luau", main),
            ("version.luau", "return 'one'"),
        ],
    )?;
    let mut limits = Limits::default();
    limits.set("run=0.05")?;
    limits.set("grace=0.05")?;
    let script = Script::from_path(folder.join("main.luau"))?;
    let (runtime, lines) = runtime(limits)?;
    let ended = block_on(async {
        let changing = async {
            while !lines.text().contains("one") {
                tokio::task::yield_now().await;
            }
            fs::write(folder.join("version.luau"), "return 'two'")
        };
        tokio::join!(runtime.run(&script), changing)
    })?;
    ended.1?;
    match ended.0 {
        Err(RunError::Limit(_)) => {}
        other => return Err(format!("{other:?}").into()),
    }
    let text = lines.text();
    let versions: Vec<&str> = text
        .lines()
        .filter(|line| ["one", "two"].contains(line))
        .collect();
    assert_eq!(versions, ["one"; 6], "{text}");
    Ok(())
}
