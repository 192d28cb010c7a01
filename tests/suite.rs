//! The test suite: one binary that runs the real `atoll` on real scripts, with peers on the loopback.
//!
//! `cargo test -p atoll --test suite [FILTER]` runs a part of it. The package `atoll` owns this target,
//! so cargo builds the `atoll` binary first and every run tests the fresh one.
#![expect(
    clippy::disallowed_methods,
    reason = "the peers and clients of the tests are real sockets"
)]

mod cli;
mod client;
mod embed;
mod examples;
mod harness;
mod limits;
mod permissions;
mod server;
mod stress;
mod tidy;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use harness::child::Atoll;

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
    if !arguments.list {
        compile_guest();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Has the guest compiled and cached once, before the tests run side by side.
fn compile_guest() {
    let outcome = Atoll::source("warm_up", "", [""; 0])
        .and_then(|atoll| atoll.time_limit(Duration::from_secs(300)).finish())
        .and_then(|finished| finished.expect_code(0).map(|_| ()));
    if let Err(error) = outcome {
        // The tests say in detail what does not work.
        eprintln!(
            "warning: an empty script fails: {}",
            error.message().unwrap_or_default()
        );
    }
}

fn trials() -> Result<Vec<Trial>, Failed> {
    let mut trials = harness::case::trials()?;
    trials.extend(cli::trials());
    trials.extend(client::trials());
    trials.extend(embed::trials());
    trials.extend(examples::trials());
    trials.extend(limits::trials());
    trials.extend(permissions::trials());
    trials.extend(server::trials());
    trials.extend(stress::trials());
    trials.extend(tidy::trials());
    Ok(trials)
}
