//! Atoll against its references: bare hyper for requests, native Luau for computation.
//!
//! Both sides of a comparison are built by the same call and run in turn, so that a ratio holds on a noisy
//! machine. Nothing here fails on a time.

mod cpu;
mod http;
mod median;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measure Atoll against its references.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Requests per second against bare hyper, server and client on a core each
    Http {
        /// The program to measure
        #[arg(long, default_value = "target/release/atoll")]
        atoll: PathBuf,
        /// Rounds, each of both servers
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of load per server and round
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
        /// Connections
        #[arg(long, default_value_t = 32)]
        connections: usize,
    },
    /// The CPU set against the same Luau as native code
    Cpu {
        /// The program to measure
        #[arg(long, default_value = "target/release/atoll")]
        atoll: PathBuf,
        /// Rounds, each of both
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// The reference server of `http`
    #[command(hide = true)]
    Hyper,
    /// The reference machine of `cpu`
    #[command(hide = true)]
    Luau {
        /// What to run
        script: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Args::parse().what {
        What::Http {
            atoll,
            rounds,
            seconds,
            connections,
        } => http::run(&atoll, rounds, seconds, connections),
        What::Cpu { atoll, rounds } => cpu::run(&atoll, rounds),
        What::Hyper => http::reference(),
        What::Luau { script } => cpu::reference(&script),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
