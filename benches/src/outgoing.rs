//! Outgoing requests per second, against hyper's own client on the same flavour of runtime.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::median::spread;
use crate::server::{CLIENT_CORE, SERVER_CORE, Server, pinned};

/// What Atoll runs.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/outgoing.luau");

/// Prints the ratio of Atoll to hyper.
pub(crate) fn run(atoll: &Path, rounds: usize, seconds: f64, in_flight: usize) -> Result<(), Box<dyn Error>> {
    println!(
        "requests/s, {in_flight} in flight, one core each, median of {rounds} rounds (lowest to highest)"
    );
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        // The load is what is measured, so the two change places.
        let server = Server::reference("hyper", CLIENT_CORE)?;
        let words = [
            format!("http://{}/", server.address),
            seconds.to_string(),
            in_flight.to_string(),
        ];
        let mut script = pinned(SERVER_CORE);
        let allow = format!("--allow-net={}", server.address);
        script.arg(atoll).args(["run", SCRIPT, &allow, "--"]).args(&words);
        let mut client = pinned(SERVER_CORE);
        client.arg(std::env::current_exe()?).arg("requests").args(&words);
        let (a, h) = (rate(&mut script)?, rate(&mut client)?);
        ours.push(a);
        theirs.push(h);
        ratios.push(a / h);
    }
    let ((a, ..), (h, ..), (median, low, high)) = (spread(&ours), spread(&theirs), spread(&ratios));
    println!("  atoll {a:>7.0}  hyper {h:>7.0}  ratio {median:.2}  ({low:.2} to {high:.2})");
    Ok(())
}

/// The number that the command prints.
fn rate(command: &mut Command) -> Result<f64, Box<dyn Error>> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| {
        let err = String::from_utf8_lossy(&output.stderr);
        format!("{command:?} printed no number: {text}{err}").into()
    })
}

/// Asks with hyper's client alone, on one thread, and prints the responses per second.
pub(crate) fn reference(url: &Uri, seconds: f64, in_flight: usize) -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            #[expect(clippy::disallowed_methods, reason = "the reference has no permissions")]
            let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
            let start = Instant::now();
            let time = Duration::from_secs_f64(seconds);
            let tasks: Vec<_> = (0..in_flight)
                .map(|_| {
                    let (client, url) = (client.clone(), url.clone());
                    tokio::spawn(async move {
                        let mut responses = 0;
                        while start.elapsed() < time {
                            let response = client.get(url.clone()).await.map_err(std::io::Error::other)?;
                            let whole = response
                                .into_body()
                                .collect()
                                .await
                                .map_err(std::io::Error::other)?;
                            assert_eq!(whole.to_bytes().as_ref(), b"Hello");
                            responses += 1;
                        }
                        Ok::<u32, std::io::Error>(responses)
                    })
                })
                .collect();
            let mut responses = 0;
            for task in tasks {
                responses += task.await??;
            }
            println!("{}", f64::from(responses) / start.elapsed().as_secs_f64());
            Ok(())
        })
}
