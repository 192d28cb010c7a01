//! Terminals for `atoll`: one that shows its errors, and one that somebody sits at. Called by the tests of what errors
//! look like and of `atoll repl`.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;
use pty_process::Size;
use pty_process::blocking::{Command as Attached, Pts, Pty};

use super::child::{Captured, Running};

const ROWS: u16 = 24;

fn open(columns: u16) -> Result<(Pty, Pts), Failed> {
    let (ours, theirs) = pty_process::blocking::open()?;
    ours.resize(Size::new(ROWS, columns))?;
    Ok((ours, theirs))
}

/// Runs the command to its end, and returns what it wrote to a terminal with so many columns.
pub(crate) fn stderr_of(command: Command, columns: u16) -> Result<String, Failed> {
    let (mut ours, theirs) = open(columns)?;
    let mut child = Attached::from(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn(theirs)?;
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    // The end of a terminal is an error on Linux (EIO).
    while let Ok(count @ 1..) = ours.read(&mut piece) {
        text.extend_from_slice(&piece[..count]);
    }
    child.wait()?;
    Ok(String::from_utf8(text)?.replace("\r\n", "\n"))
}

/// Starts the command with a terminal for all that it reads and writes, and that its keys act on: what is typed goes
/// there, and what it shows is the standard output.
pub(crate) fn session(command: Command, time_limit: Duration) -> Result<Running, Failed> {
    let (ours, theirs) = open(80)?;
    let child = Attached::from(command).spawn(theirs)?;
    let shown = File::from(OwnedFd::from(ours));
    let typed = Box::new(shown.try_clone()?);
    let nothing = Captured::follow(std::io::empty());
    Ok(Running::new(
        child,
        Some(typed),
        Captured::follow(shown),
        nothing,
        time_limit,
    ))
}
