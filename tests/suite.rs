//! The test suite: one binary that runs the real `atoll` on real scripts, with peers on the loopback.
//!
//! `cargo test -p atoll --test suite [FILTER]` runs a part of it. The package `atoll` owns this target,
//! so cargo builds the `atoll` binary first and every run tests the fresh one.
#![expect(
    clippy::disallowed_methods,
    reason = "the peers and clients of the tests are real sockets"
)]

mod apps;
mod changes;
mod check;
mod cli;
mod client;
mod counters;
mod docs;
mod embed;
mod errors;
mod examples;
mod functions;
mod harness;
mod hostile;
mod http2;
mod isolation;
mod limits;
mod logs;
mod metrics;
mod modules;
mod package;
mod permissions;
mod policy;
mod project;
mod repl;
mod server;
mod stress;
mod terminal;
mod test_command;
mod tidy;
mod time;
mod tls;
mod types;
mod wasi;
mod websocket;
mod workers;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match trials() {
        Ok(trials) => trials,
        Err(error) => {
            eprintln!(
                "error: cannot set the suite up: {}",
                error.message().unwrap_or_default()
            );
            return ExitCode::FAILURE;
        }
    };
    if !arguments.list && !hostile::is_alone() {
        harness::compile_guest();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials() -> Result<Vec<Trial>, Failed> {
    let mut trials = harness::case::trials()?;
    trials.extend(apps::trials());
    trials.extend(changes::trials());
    trials.extend(check::trials());
    trials.extend(cli::trials());
    trials.extend(client::trials());
    trials.extend(counters::trials());
    trials.extend(docs::trials()?);
    trials.extend(embed::trials());
    trials.extend(errors::trials());
    trials.extend(examples::trials());
    trials.extend(functions::trials());
    trials.extend(hostile::trials());
    trials.extend(http2::trials());
    trials.extend(isolation::trials());
    trials.extend(limits::trials());
    trials.extend(logs::trials());
    trials.extend(metrics::trials());
    trials.extend(modules::trials());
    trials.extend(package::trials());
    trials.extend(permissions::trials());
    trials.extend(policy::trials());
    trials.extend(project::trials());
    trials.extend(repl::trials());
    trials.extend(server::trials());
    trials.extend(stress::trials());
    trials.extend(terminal::trials());
    trials.extend(test_command::trials());
    trials.extend(tidy::trials());
    trials.extend(time::trials());
    trials.extend(tls::trials());
    trials.extend(types::trials());
    trials.extend(wasi::trials()?);
    trials.extend(websocket::trials());
    trials.extend(workers::trials());
    Ok(trials)
}
