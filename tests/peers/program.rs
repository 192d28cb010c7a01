//! Finds and runs the programs of others. Called by the tests of `peers`.
//!
//! It refuses to go on without a program: a test that skips proves nothing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;

use crate::harness::child::{Finished, Running, scratch};
use crate::harness::root;

/// How long a program may take. Generous: the machine may be busy with a build.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// A program that the system has.
pub(crate) fn program(name: &str) -> Result<Command, Failed> {
    // Debian keeps servers where only root looks.
    let folders = env::var_os("PATH").unwrap_or_default();
    let path = env::split_paths(&folders)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| missing(name))?;
    Ok(Command::new(path))
}

/// curl with the words, trusting the authority; it says nothing but what it is asked for.
pub(crate) fn curl<'a>(ca: &Path, words: impl IntoIterator<Item = &'a str>) -> Result<Command, Failed> {
    let mut command = program("curl")?;
    // The first word must be this one: a user's own curlrc decides nothing here.
    command.args(["--disable", "--silent", "--show-error", "--cacert"]);
    command.arg(ca).args(words);
    Ok(command)
}

/// A script of `tests/peers` in the Python that has the library `websockets`.
pub(crate) fn python(script: &str) -> Result<Command, Failed> {
    let python = installed("venv/bin/python", "the Python library `websockets`")?;
    // Made by the library's installation, after Python's.
    installed("venv/bin/websockets", "the Python library `websockets`")?;
    let mut command = Command::new(python);
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(root().join("tests/peers").join(script));
    Ok(command)
}

/// A script of `tests/peers` in Node, with its library `ws` in reach.
pub(crate) fn node(script: &str) -> Result<Command, Failed> {
    let library = installed("node_modules/ws", "Node's library `ws`")?;
    let mut command = program("node")?;
    command
        .env("NODE_PATH", library.parent().unwrap_or(&library))
        .arg(root().join("tests/peers").join(script));
    Ok(command)
}

/// Starts a program.
pub(crate) fn start(mut command: Command) -> Result<Running, Failed> {
    // Everything is on the loopback, whatever proxy the environment names.
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Running::start(command, TIME_LIMIT)
}

/// Runs a program to its end, which must be a good one.
pub(crate) fn finish(command: Command) -> Result<Finished, Failed> {
    let finished = start(command)?.finish()?;
    finished.expect_code(0)?;
    Ok(finished)
}

/// Fails unless both are the same; the message shows both.
pub(crate) fn same(what: &str, expected: &str, actual: &str) -> Result<(), Failed> {
    if expected == actual {
        return Ok(());
    }
    Err(format!("{what} differs\n--- expected ---\n{expected}\n--- actual ---\n{actual}\n---").into())
}

/// A folder of the test's own, for certificates and files.
pub(crate) fn folder(test: &str) -> Result<PathBuf, Failed> {
    let folder = scratch().join("peers").join(test);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn installed(path: &str, name: &str) -> Result<PathBuf, Failed> {
    let target = scratch();
    let path = target.parent().unwrap_or(Path::new("")).join("peers").join(path);
    if path.exists() {
        Ok(path)
    } else {
        Err(missing(name))
    }
}

fn missing(name: &str) -> Failed {
    format!("{name} is not installed: run tests/peers/install, then this again").into()
}
