//! `atoll completions` and `atoll man`: what shells and `man` need to know of the command line, made from it.

use clap::CommandFactory;

use super::{Args, CompletionsArgs, Exit, ManArgs, fail, say, usage};

/// Prints a shell's completions.
pub(super) fn completions(args: &CompletionsArgs) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "atoll", &mut text);
    say(&text);
    Exit::Done
}

/// Prints the page of the program, or of a command.
pub(super) fn man(args: &ManArgs) -> Exit {
    let mut whole = Args::command();
    whole.build();
    let command = match &args.command {
        None => whole,
        Some(name) => match whole.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return usage(&format!("there is no command {name:?} to show the page of")),
        },
    };
    let mut page = Vec::new();
    match clap_mangen::Man::new(command).render(&mut page) {
        Ok(()) => {
            say(&page);
            Exit::Done
        }
        Err(error) => fail(Exit::Failed, &format!("cannot make the page: {error}")),
    }
}
