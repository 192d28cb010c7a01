//! The test suite: one binary that runs the real `atoll` on real scripts, with peers on the loopback.
//!
//! `cargo test -p atoll --test suite [FILTER]` runs a part of it. The package `atoll` owns this target,
//! so cargo builds the `atoll` binary first and every run tests the fresh one.
#![expect(clippy::disallowed_methods, reason = "the peers and clients of the tests are real sockets")]

mod harness;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials() {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("error: cannot set the suite up: {}", error.message().unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn trials() -> Result<Vec<libtest_mimic::Trial>, Failed> {
    let mut trials = harness::case::trials()?;
    Ok(trials)
}
