//! Requests per second through Atoll, against bare hyper on the same flavour of runtime.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client;
use crate::median::spread;
use crate::server::{SERVER_CORE, Server, pin_client};

/// What Atoll serves.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/hello.luau");

/// What is asked.
struct Work {
    name: &'static str,
    request: Vec<u8>,
}

/// Prints the ratio of Atoll to hyper for each kind of request: with one instance for all, and with one for each request.
pub(crate) fn run(
    atoll: &Path,
    rounds: usize,
    seconds: f64,
    connections: usize,
) -> Result<(), Box<dyn Error>> {
    pin_client()?;
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
        let mut theirs = Vec::new();
        let mut ours = WAYS.map(|_| (Vec::new(), Vec::new()));
        for _ in 0..rounds {
            let hyper = Server::reference("hyper", SERVER_CORE)?;
            let hyper = load(hyper.address, &request, time, connections)?.rate;
            theirs.push(hyper);
            for ((_, words), (rates, ratios)) in WAYS.iter().zip(&mut ours) {
                let atoll = Server::atoll(atoll, SCRIPT, words)?;
                // The guest may have to be compiled first.
                load(atoll.address, &request, WARM_UP, 1)?;
                let rate = load(atoll.address, &request, time, connections)?.rate;
                rates.push(rate);
                ratios.push(rate / hyper);
            }
        }
        println!("  {name:<11} hyper {:>31.0}", spread(&theirs).0);
        for ((way, _), (rates, ratios)) in WAYS.iter().zip(&ours) {
            let ((rate, ..), (median, low, high)) = (spread(rates), spread(ratios));
            println!("    {way:<32} {rate:>9.0}  ratio {median:.2}  ({low:.2} to {high:.2})");
        }
    }
    Ok(())
}

/// How Atoll runs, with the words that say so.
const WAYS: [(&str, &[&str]); 2] = [
    ("atoll, one instance", &[]),
    ("atoll, an instance for each", &["--isolate", "request"]),
];

/// How long a server is asked before it counts.
const WARM_UP: Duration = Duration::from_millis(100);

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

/// What came of a load.
pub(crate) struct Outcome {
    /// Responses per second.
    pub(crate) rate: f64,
    /// How long 99 of 100 requests took at most.
    pub(crate) p99: Duration,
}

/// Sends the request over and over on each connection. The time begins when all are there.
pub(crate) fn load(
    server: SocketAddr,
    request: &[u8],
    time: Duration,
    connections: usize,
) -> Result<Outcome, Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut streams = Vec::with_capacity(connections);
            for _ in 0..connections {
                streams.push(client::connect(server, None).await?);
            }
            let start = Instant::now();
            let tasks: Vec<_> = streams
                .into_iter()
                .map(|stream| tokio::task::spawn(exchange(stream, request.to_vec(), start + time)))
                .collect();
            let mut times = Vec::new();
            for task in tasks {
                times.append(&mut task.await??);
            }
            let rate = times.len() as f64 / start.elapsed().as_secs_f64();
            times.sort_unstable();
            let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
            Ok(Outcome { rate, p99 })
        })
}

/// One connection's load: how long each request took. Every response must be as long as the first, and a 200.
async fn exchange(mut stream: TcpStream, request: Vec<u8>, end: Instant) -> std::io::Result<Vec<Duration>> {
    let mut buffer = vec![0; (16 << 10) + request.len()];
    let mut length = None;
    let mut times = Vec::new();
    let mut now = Instant::now();
    while now < end {
        let began = now;
        stream.write_all(&request).await?;
        let mut have = 0;
        while length.is_none_or(|length| have < length) {
            match stream.read(&mut buffer[have..]).await? {
                0 => return Err(client::lost()),
                count => have += count,
            }
            if length.is_none() {
                length = whole(&buffer[..have]);
            }
        }
        if !buffer.starts_with(b"HTTP/1.1 200") || length != Some(have) {
            return Err(std::io::Error::other("not the response that was asked for"));
        }
        now = Instant::now();
        times.push(now - began);
    }
    Ok(times)
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
