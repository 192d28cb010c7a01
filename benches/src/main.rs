//! Atoll against its references: bare hyper for requests, bare tokio-tungstenite for WebSockets, native Luau for
//! computation. And Atoll by itself: under many connections, and for a long time.
//!
//! Both sides of a comparison are built by the same call and run in turn, so that a ratio holds on a noisy
//! machine. Nothing here fails on a time; what is lost or left behind fails.

mod ahead;
mod client;
mod components;
mod cpu;
mod curves;
mod fairness;
mod http;
mod instructions;
mod median;
mod outgoing;
mod server;
mod soak;
mod sockets;
mod vitals;
mod websocket;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Measure Atoll against its references.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Requests per second against bare hyper, server and client on a core each
    Http(Load),
    /// WebSocket messages per second against bare tokio-tungstenite, server and client on a core each
    Websocket(Load),
    /// Outgoing requests per second against hyper's client, client and server on a core each
    Outgoing(Load),
    /// Memory of many idle WebSockets, and a broadcast to some of them
    Sockets {
        /// The program to measure
        #[arg(long, default_value = "target/release/atoll")]
        atoll: PathBuf,
        /// WebSockets
        #[arg(long, default_value_t = 10_000)]
        count: usize,
        /// Those that the broadcast reaches
        #[arg(long, default_value_t = 1_000)]
        members: usize,
        /// Broadcasts
        #[arg(long, default_value_t = 11)]
        rounds: usize,
        /// Seconds of silence before the memory is looked at
        #[arg(long, default_value_t = 5.0)]
        idle: f64,
    },
    /// Mixed traffic with clients that misbehave, in one process, and what is left when all have gone
    Soak {
        /// How long
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// Clients at once
        #[arg(long, default_value_t = 24)]
        clients: usize,
        /// Chooses the traffic
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// A healthy server among instances that spin, in one process on one thread, against the same server alone
    Fairness {
        /// Instances that spin
        #[arg(long, default_value_t = 200)]
        spinning: usize,
        /// Seconds of requests, each time
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
    /// Components of the target wasi-http under `wasmtime serve`, against bare hyper; and how they are built
    Components {
        /// What they are served by: wasmtime 47 or later
        #[arg(long, default_value = "wasmtime")]
        wasmtime: PathBuf,
        /// The rest.
        #[command(flatten)]
        load: Load,
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
    /// An experiment: Luau compiled to WebAssembly ahead of time, against interpreters
    Ahead {
        /// The program to measure
        #[arg(long, default_value = "target/release/atoll")]
        atoll: PathBuf,
        /// Rounds, each of all
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Instructions for each request, message, start: what a busy machine does not change. Needs valgrind
    Instructions {
        /// The program to measure; with symbols (`--config profile.release.strip=false`) its parts are told apart
        #[arg(long, default_value = "target/release/atoll")]
        atoll: PathBuf,
        /// Operations of each kind, the first time; the second time twice as many
        #[arg(long, default_value_t = 200)]
        operations: u64,
    },
    /// What requests cost by connections, content, fields and heap, and memory by what is held: data and drawings
    Curves {
        /// The program to measure
        #[arg(long, default_value = "target/release/atoll")]
        atoll: PathBuf,
        /// Seconds of load per point
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
        /// Where the drawings go, and `curves.csv`
        #[arg(long, default_value = "docs/performance")]
        folder: PathBuf,
    },
    /// The subject of `instructions` for instances
    #[command(hide = true)]
    Instances {
        /// How many, one after the other
        count: u64,
        /// Where the compiled guest is kept
        cache: PathBuf,
    },
    /// The reference server of `http`
    #[command(hide = true)]
    Hyper,
    /// The reference client of `outgoing`
    #[command(hide = true)]
    Requests {
        /// What to ask for
        url: hyper::Uri,
        /// How long
        seconds: f64,
        /// Requests in flight
        in_flight: usize,
    },
    /// The reference server of `websocket`
    #[command(hide = true)]
    Tungstenite,
    /// The reference machine of `cpu`
    #[command(hide = true)]
    Luau {
        /// What to run
        script: PathBuf,
    },
}

/// What two servers are compared by.
#[derive(Args)]
struct Load {
    /// The program to measure
    #[arg(long, default_value = "target/release/atoll")]
    atoll: PathBuf,
    /// Rounds, each of both servers
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load per server and round
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Connections, or requests in flight
    #[arg(long, default_value_t = 32)]
    connections: usize,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Http(load) => http::run(&load.atoll, load.rounds, load.seconds, load.connections),
        What::Websocket(load) => websocket::run(&load.atoll, load.rounds, load.seconds, load.connections),
        What::Outgoing(load) => outgoing::run(&load.atoll, load.rounds, load.seconds, load.connections),
        What::Sockets {
            atoll,
            count,
            members,
            rounds,
            idle,
        } => sockets::run(&atoll, count, members, rounds, idle),
        What::Soak {
            seconds,
            clients,
            seed,
        } => soak::run(seconds, clients, seed),
        What::Fairness { spinning, seconds } => fairness::run(spinning, seconds),
        What::Curves {
            atoll,
            seconds,
            folder,
        } => curves::run(&atoll, seconds, &folder),
        What::Components { wasmtime, load } => components::run(
            &load.atoll,
            &wasmtime,
            load.rounds,
            load.seconds,
            load.connections,
        ),
        What::Cpu { atoll, rounds } => cpu::run(&atoll, rounds),
        What::Ahead { atoll, rounds } => ahead::run(&atoll, rounds),
        What::Instructions { atoll, operations } => instructions::run(&atoll, operations),
        What::Instances { count, cache } => instructions::instances(count, &cache),
        What::Hyper => http::reference(),
        What::Requests {
            url,
            seconds,
            in_flight,
        } => outgoing::reference(&url, seconds, in_flight),
        What::Tungstenite => websocket::reference(),
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
