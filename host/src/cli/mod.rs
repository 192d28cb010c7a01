//! The command line: what was typed, and what the user gets back.
//!
//! `args` says what can be typed, `config` (outside) checks it, `run` and `permissions` do it.

mod args;
mod audit;
mod permissions;
mod run;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

pub(crate) use args::{Args, Command, LimitArgs, Mode, PermissionArgs, PermissionsArgs, RunArgs};

use crate::config::Config;

/// Exit codes, as `--help` states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The script ended, and all is well.
    Done = 0,
    /// The script failed.
    Failed = 1,
    /// What was typed is wrong.
    Usage = 2,
    /// A limit ended the script.
    Limit = 3,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// The whole program: reads the process's arguments, and answers with its exit code.
pub fn main() -> ExitCode {
    perform(std::env::args_os()).into()
}

fn perform(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A closed pipe is no reason to fail.
            drop(error.print());
            return Exit::Done;
        }
        Err(error) => return usage(&first_line(&error)),
    };
    run::log(args.log.as_deref());
    match args.command {
        Command::Permissions(args) => permissions::show(args),
        Command::Run(args) => match Config::from_args(args) {
            Ok(config) => run::run(config),
            Err(error) => usage(&error.to_string()),
        },
    }
}

/// clap's message without its lay-out: one line that says what is wrong, and one place to look.
fn first_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing".to_owned();
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let message = text.split("\n\n").next().unwrap_or(text);
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn usage(message: &str) -> Exit {
    eprintln!("error: {message}; see `atoll --help`");
    Exit::Usage
}
