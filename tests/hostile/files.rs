//! Files: a guest that was taken over reads the Luau sources of its project, and no other byte of the disk.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use atoll::Modules;
use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::{Guest, Slice, words};
use super::handles::all_crash;
use super::scene::Scene;
use crate::harness::child::scratch;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        what_is_no_source_of_the_project,
        more_paths_than_a_module_can_be_in,
        more_files_than_the_limit,
        files_where_there_are_none,
    ]
}

/// A project, and secrets in it and around it.
fn project(name: &str) -> Result<PathBuf, Failed> {
    let around = scratch().join("projects").join(name);
    if around.exists() {
        fs::remove_dir_all(&around)?;
    }
    let folder = around.join("project");
    fs::create_dir_all(folder.join("lib"))?;
    for (path, text) in [
        ("../outside.luau", "secret"),
        (".env", "secret"),
        ("atoll.toml", "secret"),
        ("lib/id_rsa", "secret"),
        ("lib/x.luau", "return 1"),
        ("old.lua", "return 2"),
        (".luaurc", "{}"),
    ] {
        fs::write(folder.join(path), text)?;
    }
    symlink("../outside.luau", folder.join("outside.luau"))?;
    symlink("..", folder.join("up"))?;
    symlink(".env", folder.join("env.luau"))?;
    symlink("lib/x.luau", folder.join("inside.luau"))?;
    symlink("/etc/passwd", folder.join("passwd.luau"))?;
    Ok(folder)
}

/// Reads the file and says how that came out.
fn reading(path: Slice) -> String {
    format!("(call $read-file {path} (i32.const 64)) (call $outcome-text (i32.const 64))")
}

fn what_is_no_source_of_the_project() -> Result<(), Failed> {
    let long = format!("{}.luau", "x/".repeat(100_000));
    let tried = [
        // These may be read.
        ("lib/x.luau", "ok"),
        ("old.lua", "ok"),
        (".luaurc", "ok"),
        // And these may not.
        (".env", "*is no Luau source*"),
        ("atoll.toml", "*is no Luau source*"),
        ("lib/id_rsa", "*is no Luau source*"),
        ("lib", "*is no Luau source*"),
        ("/etc/passwd", "*is no path of a project"),
        ("/etc/passwd.luau", "*is no path of a project"),
        ("../outside.luau", "*is no path of a project"),
        ("lib/../../outside.luau", "*is no path of a project"),
        ("lib/../lib/x.luau", "*is no path of a project"),
        (".env\0.luau", "*is no path of a project"),
        ("lib\\x.luau", "*is no path of a project"),
        ("", "*is no path of a project"),
        (".", "*is no path of a project"),
        // Not by their links, whatever `look` said.
        ("outside.luau", "outside.luau *"),
        (
            "up/outside.luau",
            "up/outside.luau is a symbolic link that leads out of the project",
        ),
        ("env.luau", "env.luau *"),
        ("inside.luau", "inside.luau *"),
        ("passwd.luau", "passwd.luau *"),
        ("none.luau", "none.luau is not there any more"),
        (&long, "*"),
    ];
    let mut guest = Guest::new();
    let calls: Vec<String> = tried.iter().map(|(path, _)| reading(guest.bytes(path))).collect();
    let scene = Scene::new().modules(Modules::folder(project("sources")?)?);
    let all = scene.cases(&guest.cases(&calls), calls.len())?;
    for (ended, (path, said)) in all.into_iter().zip(tried) {
        ended
            .returned(said)
            .map_err(|error| format!("{path}: {}", error.message().unwrap_or_default()))?;
    }
    Ok(())
}

fn more_paths_than_a_module_can_be_in() -> Result<(), Failed> {
    let mut cases = Vec::new();
    let mut guest = Guest::new();
    let path = guest.bytes("lib/x.luau");
    for count in [17, 100_000] {
        let list = guest.bytes(words(&[path.at, path.length]).repeat(count)).at;
        cases.push(format!(
            "(call $look (i32.const {list}) (i32.const {count}) (i32.const 64))"
        ));
    }
    let folder = Modules::folder(project("lists")?)?;
    all_crash(Scene::new().modules(folder), guest, &cases, "more paths")
}

fn more_files_than_the_limit() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let paths = ["lib/x.luau", "old.lua", "lib/x.luau"];
    let calls: String = paths.map(|path| reading(guest.bytes(path))).concat();
    let folder = Modules::folder(project("limits")?)?;
    let scene = Scene::new().limit("modules=1")?.modules(folder);
    let ended = scene.play(&guest.attack(calls))?;
    ended.returned(
        "ok\nold.lua is one file too many (limit modules=1; raise it with --limit modules=N)\nok",
    )?;
    Ok(())
}

fn files_where_there_are_none() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let calls: String = ["main.luau", "/etc/passwd"]
        .map(|path| reading(guest.bytes(path)))
        .concat();
    let ended = Scene::new().play(&guest.attack(calls))?;
    ended.returned("main.luau is not there any more\n*is no path of a project")?;
    Ok(())
}
