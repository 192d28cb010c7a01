//! `require` where a case cannot show it: links and pipes, folders that are generated, floods, and the library's `Modules`.
//! The rules themselves are in `cases/modules/`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Finished, scratch};
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        links_within_the_project,
        links_out_of_the_project,
        links_to_what_is_no_source,
        what_is_no_regular_file,
        names_as_typed_from_anywhere,
        the_root_of_a_project,
        modules_that_load_deep_inside_of_each_other,
        a_flood_of_missing_modules,
        a_flood_of_modules,
        a_module_that_is_too_long,
        a_module_that_nests_deep,
        a_module_that_spins,
        a_module_that_fills_the_memory,
    ]
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

/// Messages name modules as one would type them where `atoll` was started.
fn names_as_typed_from_anywhere() -> Result<(), Failed> {
    let folder = project(
        "names_as_typed",
        &[
            ("app/.luaurc", "{}"),
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
        let expected = format!("error: {shown}:1: here\n  required from {typed}:1\n");
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

fn modules_that_load_deep_inside_of_each_other() -> Result<(), Failed> {
    let main = "print(require('./60'))
        local problem = select(2, pcall(require, './1000'))
        print(problem)
        -- A failure is final, and others are not touched by it.
        print(select(2, pcall(require, './1000')) == problem, require('./59'))";
    let chain = |wait: &str| -> Result<PathBuf, Failed> {
        let folder = project("deep", &[(".luaurc", "{}"), ("main.luau", main)])?;
        fs::write(folder.join("0.luau"), "return 0")?;
        for number in 1..=1000 {
            let text = format!("{wait}return require('./{}') + 1", number - 1);
            fs::write(folder.join(format!("{number}.luau")), text)?;
        }
        Ok(folder)
    };
    let finished = run(&chain("")?, &["main.luau", "--limit", "modules=2000"])?;
    finished.expect_code(0)?;
    let out = finished.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "60");
    assert_eq!(
        lines[1],
        "937.luau:1: require: 936.luau would load inside of 64 modules that load, and no more can: require some of them \
         later, where they are used"
    );
    assert_eq!(lines[2], "  required from 938.luau:1");
    assert_eq!(lines[lines.len() - 2], "  …");
    assert_eq!(lines[lines.len() - 1], "true\t59");
    assert!(lines.len() < 20, "{out}");

    // Modules that wait do not load inside of each other.
    let finished = run(&chain("task.wait() ")?, &["main.luau", "--limit", "modules=2000"])?;
    finished.expect_code(0)?;
    expect(&finished.out(), &["60", "1000", "true\t59"])
}

fn a_flood_of_missing_modules() -> Result<(), Failed> {
    let main = "for i = 1, 20000 do
            if pcall(require, './none' .. i) then error('found') end
            if i % 2000 == 0 then task.wait() end
        end
        print(gcinfo() < 20000)";
    let folder = project("missing", &[(".luaurc", "{}"), ("main.luau", main)])?;
    expect(&output(&folder)?, &["true"])
}

fn a_flood_of_modules() -> Result<(), Failed> {
    let main = "local count, problem = 0, nil
        while not problem do
            local ok, found = pcall(require, './' .. count)
            if ok then count += 1 else problem = found end
        end
        print(count, problem)";
    let folder = project("many", &[(".luaurc", "{}"), ("main.luau", main)])?;
    for number in 0..1001 {
        fs::write(folder.join(format!("{number}.luau")), "return 1")?;
    }
    expect(
        &output(&folder)?,
        &[
            "1000\trequire: 1000.luau is one file too many (limit modules=1000; raise it with --limit modules=N)",
            "  required from main.luau:3",
        ],
    )
}

fn a_module_that_is_too_long() -> Result<(), Failed> {
    let folder = project("long", &[(".luaurc", "{}"), ("main.luau", &trying(&["./x"]))])?;
    // Without content on the disk, and of a size that no memory has.
    let file = fs::File::create(folder.join("x.luau"))?;
    file.set_len(1 << 40)?;
    expect(
        &output(&folder)?,
        &[
            "require: x.luau has more than 1m bytes (limit module-bytes=1m; raise it with --limit module-bytes=SIZE)",
            "  required from main.luau:1",
        ],
    )
}

/// On top of the deepest stack that modules make.
fn a_module_that_nests_deep() -> Result<(), Failed> {
    let folder = project(
        "nests",
        &[
            (".luaurc", "{}"),
            ("main.luau", "print(select(2, pcall(require, './62')))"),
        ],
    )?;
    let depth = 100_000;
    for (open, close) in [("(", ")"), ("{", "}"), ("f(", ")"), ("not ", "")] {
        let text = format!("return {}1{}", open.repeat(depth), close.repeat(depth));
        fs::write(folder.join("0.luau"), text)?;
        for number in 1..=62 {
            fs::write(
                folder.join(format!("{number}.luau")),
                format!("return require('./{}')", number - 1),
            )?;
        }
        let out = output(&folder)?;
        if !out.starts_with("0.luau:1: ") {
            return Err(format!("{open}: {out}").into());
        }
    }
    Ok(())
}

fn a_module_that_spins() -> Result<(), Failed> {
    let folder = project(
        "spins",
        &[
            (".luaurc", "{}"),
            ("main.luau", &trying(&["./x", "./x"])),
            ("x.luau", "while true do end"),
        ],
    )?;
    let finished = run(&folder, &["main.luau", "--limit", "run=0.2"])?;
    finished.expect_code(0)?;
    let problem = "x.luau:1: LimitExceeded: the script ran for 0.2 s without waiting (limit run; raise it with --limit \
        run=SECONDS)";
    expect(
        &finished.out(),
        &[
            problem,
            "  required from main.luau:1",
            problem,
            "  required from main.luau:1",
        ],
    )
}

fn a_module_that_fills_the_memory() -> Result<(), Failed> {
    let main = "print((select(2, pcall(require, './x'))))
        print(require('./y'))";
    let folder = project(
        "fills",
        &[
            (".luaurc", "{}"),
            ("main.luau", main),
            (
                "x.luau",
                "local all = {} while true do table.insert(all, string.rep('x', 100000) .. #all) end",
            ),
            ("y.luau", "return 'there is room again'"),
        ],
    )?;
    let finished = run(&folder, &["main.luau", "--limit", "memory=32m"])?;
    finished.expect_code(0)?;
    expect(
        &finished.out(),
        &[
            "not enough memory (limit memory; raise it with --limit memory=SIZE)",
            "  required from main.luau:1",
            "there is room again",
        ],
    )
}
