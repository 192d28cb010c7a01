//! A pseudo terminal as the standard error of a program. Called by the tests of what errors look like on one.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use libtest_mimic::Failed;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs the command to its end, and returns what it wrote to a terminal with so many columns.
pub(crate) fn stderr_of(mut command: Command, columns: u16) -> Result<String, Failed> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size)?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(theirs));
    let mut child = command.spawn()?;
    // With it goes our copy of the other end: the read ends when the child's is closed.
    drop(command);
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    let mut terminal = File::from(ours);
    // The end of a terminal is an error on Linux (EIO).
    while let Ok(count @ 1..) = terminal.read(&mut piece) {
        text.extend_from_slice(&piece[..count]);
    }
    child.wait()?;
    Ok(String::from_utf8(text)?.replace("\r\n", "\n"))
}
