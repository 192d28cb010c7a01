//! WebSocket messages echoed per second, against bare tokio-tungstenite on the same flavour of runtime.
//!
//! On a machine that others use, what a message takes of the processor says more than what fits into a second.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{self, BINARY, TEXT, WebSocket};
use crate::median::spread;
use crate::server::{SERVER_CORE, Server, pin_client};
use crate::vitals;

/// What Atoll serves.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/echo_websocket.luau");

/// Messages on their way at once, on each connection.
const DEPTHS: [usize; 2] = [1, 16];

/// Prints the ratio of Atoll to tokio-tungstenite for each kind of message.
pub(crate) fn run(
    atoll: &Path,
    rounds: usize,
    seconds: f64,
    connections: usize,
) -> Result<(), Box<dyn Error>> {
    pin_client()?;
    let time = Duration::from_secs_f64(seconds);
    println!(
        "messages/s, {connections} connections, one core each, median of {rounds} rounds (lowest to highest)"
    );
    let messages = [("16 B text", TEXT, 16), ("1 KiB binary", BINARY, 1024)];
    for (name, opcode, size) in messages {
        let payload = vec![b'x'; size];
        for depth in DEPTHS {
            let (mut ours, mut theirs, mut rates, mut costs, mut busy) =
                (vec![], vec![], vec![], vec![], vec![]);
            for _ in 0..rounds {
                let atoll = Server::atoll(atoll, SCRIPT, &[])?;
                let bare = Server::reference("tungstenite", SERVER_CORE)?;
                let load = |server: &Server| load(server, opcode, &payload, depth, time, connections);
                let (a, b) = (load(&atoll)?, load(&bare)?);
                ours.push(a.rate);
                theirs.push(b.rate);
                rates.push(a.rate / b.rate);
                costs.push(a.cost / b.cost);
                busy.push(b.client);
            }
            let ((a, ..), (b, ..), (busy, ..)) = (spread(&ours), spread(&theirs), spread(&busy));
            let ((rate, low, high), (cost, least, most)) = (spread(&rates), spread(&costs));
            println!(
                "  {name:<12} {depth:>2} in flight  atoll {a:>7.0}  tungstenite {b:>7.0}  ratio {rate:.2}  \
                 ({low:.2} to {high:.2})  processor time per message {cost:.2}  ({least:.2} to {most:.2})  \
                 client {:.0} % busy",
                busy * 100.0
            );
        }
    }
    Ok(())
}

/// Echoes with tokio-tungstenite alone, on one thread.
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
                tokio::spawn(echo(stream));
            }
        })
}

async fn echo(stream: TcpStream) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

/// What one server did.
struct Done {
    /// Echoes per second.
    rate: f64,
    /// Seconds of processor time per echo.
    cost: f64,
    /// The share of the time in which the clients were at work.
    client: f64,
}

fn load(
    server: &Server,
    opcode: u8,
    payload: &[u8],
    depth: usize,
    time: Duration,
    connections: usize,
) -> Result<Done, Box<dyn Error>> {
    let work = || -> io::Result<[Duration; 2]> {
        Ok([
            vitals::process_time(server.id())?,
            vitals::process_time(std::process::id())?,
        ])
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let (start, before) = (Instant::now(), work()?);
            let (sent, answer) = (client::frame(opcode, payload), client::answer(opcode, payload));
            let tasks: Vec<_> = (0..connections)
                .map(|_| {
                    let (frames, answer) = (sent.repeat(depth), answer.clone());
                    tokio::spawn(exchange(server.address, frames, answer, depth, start + time))
                })
                .collect();
            let mut echoes = 0;
            for task in tasks {
                echoes += task.await??;
            }
            let elapsed = start.elapsed().as_secs_f64();
            let after = work()?;
            let [server, client] = [0, 1].map(|index| (after[index] - before[index]).as_secs_f64());
            Ok(Done {
                rate: f64::from(echoes) / elapsed,
                cost: server / f64::from(echoes),
                client: client / elapsed,
            })
        })
}

/// One connection's load: `frames` are as many as may be on their way, and each echo makes room for the next one.
async fn exchange(
    address: SocketAddr,
    frames: Vec<u8>,
    answer: Vec<u8>,
    depth: usize,
    end: Instant,
) -> io::Result<u32> {
    let socket = WebSocket::open(client::connect(address, None).await?).await?;
    let mut stream = socket.stream;
    let mut buffer = BytesMut::with_capacity(64 << 10);
    let (mut under_way, mut echoes) = (depth, 0);
    stream.write_all(&frames).await?;
    while under_way > 0 {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(client::lost());
        }
        let mut came = 0;
        while buffer.len() >= answer.len() {
            if !buffer.starts_with(&answer) {
                return Err(io::Error::other("not the message that was sent"));
            }
            buffer.advance(answer.len());
            came += 1;
        }
        under_way -= came;
        echoes += u32::try_from(came).unwrap_or(u32::MAX);
        if came > 0 && Instant::now() < end {
            stream.write_all(&frames[..frames.len() / depth * came]).await?;
            under_way += came;
        }
    }
    Ok(echoes)
}
