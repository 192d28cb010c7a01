//! Requests per second through Atoll, against bare hyper on the same flavour of runtime.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::median::spread;

/// What Atoll serves.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/hello.luau");

/// The processor of the servers; the load comes from the other.
const SERVER_CORE: &str = "1";
const CLIENT_CORE: &str = "0";

/// What is asked.
struct Work {
    name: &'static str,
    request: Vec<u8>,
}

/// Prints the ratio of Atoll to hyper for each kind of request.
pub(crate) fn run(
    atoll: &Path,
    rounds: usize,
    seconds: f64,
    connections: usize,
) -> Result<(), Box<dyn Error>> {
    pin_to(CLIENT_CORE)?;
    let work = [
        Work {
            name: "hello",
            request: b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n".to_vec(),
        },
        Work {
            name: "echo 1 KiB",
            request: [
                b"POST / HTTP/1.1\r\nhost: bench\r\ncontent-length: 1024\r\n\r\n".as_slice(),
                [b'x'; 1024].as_slice(),
            ]
            .concat(),
        },
    ];
    let time = Duration::from_secs_f64(seconds);
    println!(
        "requests/s, {connections} connections, one core each, median of {rounds} rounds (lowest to highest)"
    );
    for Work { name, request } in work {
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let allow = "--allow-listen=localhost";
            let atoll = Server::start(
                Command::new("taskset")
                    .args(["-c", SERVER_CORE])
                    .arg(atoll)
                    .args(["run", SCRIPT, allow]),
            )?;
            let own = std::env::current_exe()?;
            let hyper = Server::start(
                Command::new("taskset")
                    .args(["-c", SERVER_CORE])
                    .arg(own)
                    .arg("hyper"),
            )?;
            let (a, h) = (
                load(&atoll, &request, time, connections)?,
                load(&hyper, &request, time, connections)?,
            );
            ours.push(a);
            theirs.push(h);
            ratios.push(a / h);
        }
        let ((a, ..), (h, ..), (median, low, high)) = (spread(&ours), spread(&theirs), spread(&ratios));
        println!("  {name:<11} atoll {a:>7.0}  hyper {h:>7.0}  ratio {median:.2}  ({low:.2} to {high:.2})");
    }
    Ok(())
}

/// Serves the same with hyper alone, on one thread.
pub(crate) fn reference() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            #[expect(clippy::disallowed_methods, reason = "the reference has no permissions")]
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            eprintln!("listening on http://{}", listener.local_addr()?);
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(
                    http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service_fn(answer)),
                );
            }
        })
}

async fn answer(request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, hyper::Error> {
    let content = match *request.method() {
        hyper::Method::POST => request.into_body().collect().await?.to_bytes(),
        _ => Bytes::from_static(b"Hello"),
    };
    let mut response = hyper::Response::new(Full::new(content));
    let kind = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    Ok(response)
}

/// A server in a process of its own, ended with this value.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts it and waits until it says where it listens.
    fn start(command: &mut Command) -> Result<Server, Box<dyn Error>> {
        let mut process = command.stderr(Stdio::piped()).spawn()?;
        let stderr = process.stderr.take().ok_or("the server has no standard error")?;
        let mut line = String::new();
        BufReader::new(stderr).read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .map(ToOwned::to_owned);
        let server = Server {
            process,
            address: address.unwrap_or_default(),
        };
        if server.address.is_empty() {
            Err(format!("the server did not start: {line}").into())
        } else {
            Ok(server)
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Sends the request over and over on each connection, and returns the responses per second.
fn load(server: &Server, request: &[u8], time: Duration, connections: usize) -> Result<f64, Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let start = Instant::now();
            let tasks: Vec<_> = (0..connections)
                .map(|_| tokio::task::spawn(exchange(server.address.clone(), request.to_vec(), start + time)))
                .collect();
            let mut responses = 0;
            for task in tasks {
                responses += task.await??;
            }
            Ok(f64::from(responses) / start.elapsed().as_secs_f64())
        })
}

/// One connection's load: every response must be as long as the first, and a 200.
async fn exchange(address: String, request: Vec<u8>, end: Instant) -> std::io::Result<u32> {
    #[expect(clippy::disallowed_methods, reason = "the load comes from outside")]
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 << 10];
    let mut length = None;
    let mut responses = 0;
    while Instant::now() < end {
        stream.write_all(&request).await?;
        let mut have = 0;
        while length.is_none_or(|length| have < length) {
            match stream.read(&mut buffer[have..]).await? {
                0 => return Err(std::io::Error::other("the server closed the connection")),
                count => have += count,
            }
            if length.is_none() {
                length = whole(&buffer[..have]);
            }
        }
        if !buffer.starts_with(b"HTTP/1.1 200") || length != Some(have) {
            return Err(std::io::Error::other("not the response that was asked for"));
        }
        responses += 1;
    }
    Ok(responses)
}

/// How long the response is, once its head is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?.to_ascii_lowercase();
    let content = text
        .split("content-length: ")
        .nth(1)?
        .split("\r\n")
        .next()?
        .parse::<usize>()
        .ok()?;
    Some(head + content)
}

/// Moves this process to one processor.
fn pin_to(core: &str) -> Result<(), Box<dyn Error>> {
    let own = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-p", "-c", core, &own])
        .stdout(Stdio::null())
        .status()?;
    if done.success() {
        Ok(())
    } else {
        Err("taskset failed: two processors are needed".into())
    }
}
