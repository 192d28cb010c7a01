//! Links, pipes and folders in the way of `require`: what is read is a Luau source of the project, or nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use libtest_mimic::{Failed, Trial};

use super::{expect, output, project, trying};
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        links_within_the_project,
        links_out_of_the_project,
        links_to_what_is_no_source,
        what_is_no_regular_file
    ]
}

fn links_within_the_project() -> Result<(), Failed> {
    let main = "print(require('./link') == require('./lib/x'), require('./folder/x') == require('./lib/x'))
        print(require('./lib/x').beside, require('./twice') == require('./link'))";
    let folder = project(
        "links_within",
        &[
            (".luaurc", "{}"),
            ("main.luau", main),
            // What it requires is beside the file itself, not beside a link to it.
            ("lib/x.luau", "return { beside = require('./y') }"),
            ("lib/y.luau", "return 'lib/y.luau'"),
        ],
    )?;
    symlink("lib/x.luau", folder.join("link.luau"))?;
    symlink("link.luau", folder.join("twice.luau"))?;
    symlink("lib", folder.join("folder"))?;
    expect(&output(&folder)?, &["true\ttrue", "lib/y.luau\ttrue"])
}

fn links_out_of_the_project() -> Result<(), Failed> {
    let main = trying(&[
        "./file",
        "./folder/x",
        "./absolute",
        "./climbing",
        "./nowhere",
        "./round",
        "@lib",
    ]);
    let folder = project(
        "links_out",
        &[
            ("secret/x.luau", "return 'a secret'"),
            ("inner/.luaurc", "{ \"aliases\": { \"lib\": \"./folder/x\" } }"),
            ("inner/main.luau", &main),
        ],
    )?;
    let inner = folder.join("inner");
    symlink("../secret/x.luau", inner.join("file.luau"))?;
    symlink("../secret", inner.join("folder"))?;
    symlink(folder.join("secret/x.luau"), inner.join("absolute.luau"))?;
    symlink("../inner/../secret/x.luau", inner.join("climbing.luau"))?;
    symlink("nothing.luau", inner.join("nowhere.luau"))?;
    symlink("round.luau", inner.join("round.luau"))?;
    let out = output(&inner)?;
    for (line, (name, reason)) in out.lines().zip([
        (
            "./file",
            "file.luau is a symbolic link that leads out of the project",
        ),
        (
            "./folder/x",
            "folder/x.luau is a symbolic link that leads out of the project",
        ),
        (
            "./absolute",
            "absolute.luau is a symbolic link that leads out of the project",
        ),
        (
            "./climbing",
            "climbing.luau is a symbolic link that leads out of the project",
        ),
        (
            "./nowhere",
            "nowhere.luau is a symbolic link that leads to nothing",
        ),
        ("./round", "round.luau cannot be read: "),
        (
            "@lib",
            "folder/x.luau is a symbolic link that leads out of the project",
        ),
    ]) {
        let expected = format!("main.luau:1: require: \"{name}\" cannot be required: {reason}");
        if !line.starts_with(&expected) {
            return Err(format!("expected {expected:?}, got {line:?}").into());
        }
    }
    assert_eq!(out.lines().count(), 7);
    assert!(!out.contains("a secret"), "{out}");
    Ok(())
}

/// A name may end well and lead to a file that is nobody's business.
fn links_to_what_is_no_source() -> Result<(), Failed> {
    let folder = project(
        "links_to_others",
        &[
            (".luaurc", "{}"),
            (".env", "SECRET=1"),
            ("atoll.toml", "secret"),
            ("lib/.luaurc", "{}"),
            ("main.luau", &trying(&["./env", "./config", "./folder", "@x"])),
        ],
    )?;
    symlink(".env", folder.join("env.luau"))?;
    symlink("atoll.toml", folder.join("config.lua"))?;
    symlink("lib", folder.join("folder.luau"))?;
    fs::remove_file(folder.join(".luaurc"))?;
    symlink(".env", folder.join(".luaurc"))?;
    expect(
        &output(&folder)?,
        &[
            "main.luau:1: require: \"./env\" cannot be required: env.luau is a symbolic link to a file that is no Luau source",
            "main.luau:1: require: \"./config\" cannot be required: config.lua is a symbolic link to a file that is no Luau source",
            "main.luau:1: require: \"./folder\" cannot be required: folder.luau is a symbolic link to a file that is no Luau source",
            "main.luau:1: require: \"@x\": .luaurc is a symbolic link to a file that is no Luau source",
        ],
    )
}

/// Nobody writes to the pipe, and nothing waits for that.
fn what_is_no_regular_file() -> Result<(), Failed> {
    let folder = project(
        "no_regular_files",
        &[
            (".luaurc", "{}"),
            ("folder.luau/x.txt", ""),
            ("main.luau", &trying(&["./pipe", "./linked", "./folder"])),
        ],
    )?;
    let made = Command::new("mkfifo").arg(folder.join("pipe.luau")).status()?;
    assert!(made.success());
    symlink("pipe.luau", folder.join("linked.luau"))?;
    let out = output(&folder)?;
    let lines: Vec<&str> = out.lines().collect();
    let reason = "is a pipe, a socket or a device, and no regular file";
    assert_eq!(
        lines[0],
        format!("main.luau:1: require: \"./pipe\" cannot be required: pipe.luau {reason}")
    );
    assert_eq!(
        lines[1],
        format!("main.luau:1: require: \"./linked\" cannot be required: linked.luau {reason}")
    );
    assert_eq!(
        lines[2],
        "main.luau:1: require: there is no module \"./folder\"; tried folder.luau, folder.lua, folder/init.luau, folder/init.lua"
    );
    Ok(())
}
