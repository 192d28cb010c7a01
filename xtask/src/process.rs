//! Running other programs, with errors that name the command.
//!
//! Called by everything here that starts a process. The child's output goes where this tool's goes, unless it
//! is asked for. A child that fails is an error; nothing is retried.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

use thiserror::Error;

/// Why a command did not do its work.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// The program could not be started at all.
    #[error("cannot start `{command}`: {source}")]
    Start {
        /// The program and its arguments.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program ran and failed; it has said why.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// Exit code or signal.
        status: ExitStatus,
    },
}

/// Runs the command to its end, its output shown.
///
/// # Errors
/// [`ProcessError`] when it cannot start or does not exit with 0.
pub fn run(command: &mut Command) -> Result<(), ProcessError> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|source| start(command, source))?;
    finish(command, status)
}

/// Runs the command to its end and returns what it wrote to standard output.
///
/// # Errors
/// [`ProcessError`] when it cannot start or does not exit with 0.
pub fn output(command: &mut Command) -> Result<String, ProcessError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| start(command, source))?;
    finish(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn start(command: &Command, source: io::Error) -> ProcessError {
    ProcessError::Start {
        command: describe(command),
        source,
    }
}

fn finish(command: &Command, status: ExitStatus) -> Result<(), ProcessError> {
    if status.success() {
        Ok(())
    } else {
        Err(ProcessError::Failed {
            command: describe(command),
            status,
        })
    }
}

fn describe(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
