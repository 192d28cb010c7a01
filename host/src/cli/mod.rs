//! The command line: what was typed, and what the user gets back.
//!
//! `args` says what can be typed, `config` (outside) checks it, and one file for each command does it. `project` and
//! `settings` write the files of `init` and `types`.

mod about;
mod access_log;
mod apps;
mod args;
mod audit;
mod build;
mod check;
mod flags;
mod folders;
mod help;
mod init;
mod lines;
mod log;
mod metrics;
mod permissions;
mod project;
mod repl;
mod run;
mod settings;
mod signals;
mod test;
mod traffic;
mod types;
mod watch;
mod workers;

use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZeroU8;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

pub(crate) use args::{
    Args, BuildArgs, CheckArgs, Command, CompletionsArgs, Format, InitArgs, ManArgs, PermissionsArgs,
    ReplArgs, ReporterKind, RunArgs, Target, TestArgs, TypesArgs,
};
pub(crate) use flags::{LimitArgs, Mode, PermissionArgs, WatchArgs};
pub(crate) use workers::processors;

use crate::config::Config;
use crate::diagnostics::{Diagnostic, tell};

/// Exit codes, as `--help` states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The script ended, and all is well.
    Done,
    /// The script failed.
    Failed,
    /// What was typed is wrong.
    Usage,
    /// A limit ended the script.
    Limit,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// The script chose it.
    Chosen(NonZeroU8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Limit => 3,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
            Exit::Chosen(code) => code.get(),
        })
    }
}

/// The whole program: reads the process's arguments, and answers with its exit code.
pub fn main() -> ExitCode {
    perform(std::env::args_os()).into()
}

fn perform(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A closed pipe is no reason to fail.
            drop(error.print());
            return Exit::Done;
        }
        Err(error) => {
            return fail(
                Exit::Usage,
                &format!("{}; see `{}`", first_line(&error), help_of(&arguments)),
            );
        }
    };
    args.log.color.choose();
    let log = match log::start(&args.log) {
        Ok(log) => log,
        Err(error) => return usage(&error),
    };
    let exit = obey(args.command);
    if let Some(log) = log {
        log.finish();
    }
    exit
}

fn obey(command: Command) -> Exit {
    match command {
        Command::Build(args) => build::run(args),
        Command::Check(args) => check::run(&args),
        Command::Completions(args) => about::completions(&args),
        Command::Init(args) => init::create(&args),
        Command::Man(args) => about::man(&args),
        Command::Permissions(args) => permissions::show(args),
        Command::Repl(args) => match Config::of_session(args) {
            Ok(config) => repl::run(&config),
            Err(error) => usage(&error.to_string()),
        },
        Command::Run(args) if args.again => watch::run(&args),
        Command::Run(args) => match Config::from_args(args) {
            Ok(config) => run::run(config),
            Err(error) => usage(&error.to_string()),
        },
        Command::Test(args) => test::run(args),
        Command::Types(args) => types::write(&args),
    }
}

/// clap's message without its lay-out: one line that says what is wrong, and what may have been meant.
fn first_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing".to_owned();
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let message = text.split("\n\n").next().unwrap_or(text);
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let similar = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ]
    .into_iter()
    .find_map(|kind| match error.get(kind)? {
        ContextValue::String(word) => Some(word.clone()),
        ContextValue::Strings(words) => words.last().cloned(),
        _ => None,
    });
    match similar {
        Some(word) => format!("{line} (did you mean `{word}`?)"),
        None => line,
    }
}

/// Where the words that were typed are explained.
fn help_of(arguments: &[OsString]) -> String {
    let known = Args::command();
    let command = arguments
        .iter()
        .skip(1)
        .find_map(|word| known.find_subcommand(word));
    match command {
        Some(command) => format!("atoll {} --help", command.get_name()),
        None => "atoll --help".to_owned(),
    }
}

fn usage(message: &str) -> Exit {
    fail(Exit::Usage, &format!("{message}; see `atoll --help`"))
}

fn fail(exit: Exit, message: &str) -> Exit {
    tell(&Diagnostic::error(message));
    exit
}

/// Writes to standard output. A reader that has gone is no reason to fail.
fn say(text: impl AsRef<[u8]>) {
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_ref()).and_then(|()| out.flush()));
}
