//! Rules of the source that no compiler checks; ARCHITECTURE.md says why they hold.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

use crate::harness::{root, trials};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        sockets_open_in_two_files,
        files_open_in_few_places,
        unsafe_is_absent,
        permissions_are_pure,
        each_interface_has_its_binding,
        files_are_short,
        modules_say_what_they_are,
        names_say_what_they_hold,
        nothing_is_left_for_later,
        tests_do_not_sleep,
        no_local_paths,
        the_readme_names_proofs_that_exist,
    ]
}

/// Files under the folder whose names end so, except what builds put there.
fn files(folder: &str, ending: &str) -> Result<Vec<PathBuf>, Failed> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(format!("no {ending} under {folder}: the rule checks nothing").into());
    }
    Ok(found)
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

/// The file's lines of code: without comments, and without its own tests at the end.
fn code(path: &Path) -> Result<Vec<(usize, String)>, Failed> {
    let text = fs::read_to_string(path)?;
    Ok(text
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line.to_owned()))
        .collect())
}

/// Fails with every place where one of the words stands in the files' code.
fn forbid(files: &[PathBuf], words: &[&str], reason: &str) -> Result<(), Failed> {
    let mut found = Vec::new();
    for path in files {
        for (number, line) in code(path)? {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{}:{number}: {word:?}", relative(path)));
            }
        }
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(format!("{reason}\n{}", found.join("\n")).into())
    }
}

fn sockets_open_in_two_files() -> Result<(), Failed> {
    let doors = ["host/src/net/dial.rs", "host/src/net/listen.rs"];
    for door in doors {
        if !root().join(door).is_file() {
            return Err(format!("{door} is gone: this rule has to follow it").into());
        }
    }
    let others: Vec<PathBuf> = files("host/src", ".rs")?
        .into_iter()
        .filter(|path| !doors.contains(&relative(path).as_str()))
        .collect();
    let words = [
        "TcpSocket",
        "TcpListener::bind",
        "TcpStream::connect",
        "UdpSocket",
        "UnixStream",
        "UnixListener",
        "UnixDatagram",
        "lookup_host",
        "to_socket_addrs",
        "ToSocketAddrs",
        "socket2::",
        "Socket::new",
        "HttpConnector",
        "getaddrinfo",
        ".connect(",
        "GaiResolver",
    ];
    forbid(
        &others,
        &words,
        "sockets are opened and names resolved only in net/dial.rs and net/listen.rs",
    )
}

/// What a guest asks for comes through `bindings`, `net` and `runtime`; of these only the runtime opens files, before there
/// is a guest: the main script, and the folder of the cache.
fn files_open_in_few_places() -> Result<(), Failed> {
    let doors = [
        "host/src/cli/",
        "host/src/config/",
        "host/src/fuzzing/",
        "host/src/project/",
        "host/src/runtime/engine.rs",
        "host/src/runtime/script.rs",
    ];
    let others: Vec<PathBuf> = files("host/src", ".rs")?
        .into_iter()
        .filter(|path| !doors.iter().any(|door| relative(path).starts_with(door)))
        .collect();
    let words = [
        "std::fs",
        "tokio::fs",
        "cap_std",
        "cap_fs_ext",
        "open_ambient",
        "File::open",
        "OpenOptions",
    ];
    forbid(&others, &words, "a script's files are read in project/ only")
}

fn unsafe_is_absent() -> Result<(), Failed> {
    for folder in ["host", "guest/src", "xtask", "tests"] {
        for path in files(folder, ".rs")? {
            // It says why, and is in the sandbox with the rest of the guest.
            if relative(&path) == "guest/src/safepoint.rs" {
                continue;
            }
            for (number, line) in code(&path)? {
                // A string may speak of it; code has a block, a function or an implementation.
                let words: Vec<&str> = line
                    .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '"')
                    .collect();
                if words.contains(&"unsafe") {
                    return Err(format!("{}:{number}: {line}", relative(&path)).into());
                }
            }
        }
    }
    Ok(())
}

fn permissions_are_pure() -> Result<(), Failed> {
    let words = [
        "tokio",
        "async ",
        ".await",
        "std::fs",
        "std::io",
        "std::env",
        "std::thread",
        "std::time",
        "std::process",
        "tracing",
        "println!",
        "static mut",
        "LazyLock",
        "OnceLock",
        "Mutex",
        "TcpStream",
        "lookup",
        "hyper",
        "wasmtime",
    ];
    forbid(
        &files("host/src/permissions", ".rs")?,
        &words,
        "permissions/ decides and does nothing else",
    )
}

fn each_interface_has_its_binding() -> Result<(), Failed> {
    for path in files("wit", ".wit")? {
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .replace('-', "_");
        let text = fs::read_to_string(&path)?;
        let interface = format!("interface {} {{", stem.replace('_', "-"));
        if stem == "world" {
            continue;
        }
        if !text.contains(&interface) {
            return Err(format!("{} does not hold `{interface}`", relative(&path)).into());
        }
        // What guests import is bound; what they export beside `run`, the runtime calls.
        let places = ["bindings", "runtime"].map(|folder| format!("host/src/{folder}/{stem}.rs"));
        if !places.iter().any(|place| root().join(place).is_file()) {
            return Err(format!("{} has none of {}", relative(&path), places.join(", ")).into());
        }
    }
    Ok(())
}

/// Every Rust file that we wrote.
fn sources() -> Result<Vec<PathBuf>, Failed> {
    let mut all = Vec::new();
    for folder in ["host/src", "guest/src", "xtask", "tests"] {
        all.extend(files(folder, ".rs")?);
    }
    Ok(all)
}

fn files_are_short() -> Result<(), Failed> {
    let mut long = Vec::new();
    for path in sources()? {
        let count = fs::read_to_string(&path)?.lines().count();
        if count > 400 {
            long.push(format!("{}: {count} lines, at most 400", relative(&path)));
        }
    }
    if long.is_empty() {
        Ok(())
    } else {
        Err(long.join("\n").into())
    }
}

fn modules_say_what_they_are() -> Result<(), Failed> {
    for path in sources()? {
        if !fs::read_to_string(&path)?.starts_with("//!") {
            return Err(format!("{} does not open with `//!`", relative(&path)).into());
        }
    }
    Ok(())
}

fn names_say_what_they_hold() -> Result<(), Failed> {
    for path in sources()? {
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if ["utils", "util", "common", "shared", "manager", "helpers", "misc"].contains(&stem.as_str()) {
            return Err(format!("{}: a name that holds anything", relative(&path)).into());
        }
    }
    Ok(())
}

fn nothing_is_left_for_later() -> Result<(), Failed> {
    // Put together, so that this file passes its own rule.
    let words = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["XX", "X"].concat(),
        ["unimplemen", "ted!"].concat(),
    ];
    for path in sources()? {
        let text = fs::read_to_string(&path)?;
        if let Some(word) = words.iter().find(|word| text.contains(word.as_str())) {
            return Err(format!("{}: {word}", relative(&path)).into());
        }
    }
    Ok(())
}

fn tests_do_not_sleep() -> Result<(), Failed> {
    let word = ["thread::", "sleep"].concat();
    forbid(
        &files("tests", ".rs")?,
        &[&word],
        "tests wait for what happens, not for the time",
    )
}

fn no_local_paths() -> Result<(), Failed> {
    let words = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat()];
    let mut all = sources()?;
    for (folder, ending) in [
        ("wit", ".wit"),
        ("guest/src", ".luau"),
        ("tests/cases", ""),
        ("examples", ".luau"),
    ] {
        all.extend(files(folder, ending)?);
    }
    for path in all {
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        if let Some(word) = words.iter().find(|word| text.contains(word.as_str())) {
            return Err(format!("{}: a path of one machine: {word}", relative(&path)).into());
        }
    }
    Ok(())
}

/// The table of the seed in README: each proof is a folder of cases, or a function of a test file.
fn the_readme_names_proofs_that_exist() -> Result<(), Failed> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let mut table = readme
        .lines()
        .skip_while(|line| *line != "| line | proof |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit_once(" | "))
        .peekable();
    table.peek().ok_or("README has no table of lines and proofs")?;
    let is_there = |proof: &str| -> Result<bool, Failed> {
        Ok(match proof.split_once("::") {
            None => root().join("tests/cases").join(proof).join("main.luau").is_file(),
            Some((file, name)) => {
                fs::read_to_string(root().join(format!("tests/{file}.rs")))?.contains(&format!("fn {name}()"))
            }
        })
    };
    for (line, proofs) in table {
        for proof in proofs.split(", ").map(|proof| proof.trim_matches('`')) {
            if !is_there(proof)? {
                return Err(format!("README: no such proof of {line:?}: {proof}").into());
            }
        }
    }
    Ok(())
}
