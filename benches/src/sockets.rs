//! Many WebSockets that say nothing, and a message to some of them: what each costs, and whether one is lost.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::client::{self, TEXT, WebSocket};
use crate::median::spread;
use crate::server::{Server, pin_client};
use crate::vitals::resident;

/// What Atoll serves.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sockets.luau");

/// Handshakes at once.
const HANDSHAKES: usize = 64;

/// Sockets that share a source address: it has some 28 000 ports.
const PER_ADDRESS: usize = 20_000;

/// How long a message may take to the last of its receivers before it counts as lost.
const LOST: Duration = Duration::from_secs(60);

type Socket = WebSocket<TcpStream>;

/// Prints memory and times; fails where a socket or a message is lost.
pub(crate) fn run(
    atoll: &Path,
    count: usize,
    members: usize,
    rounds: usize,
    idle: f64,
) -> Result<(), Box<dyn Error>> {
    raise_descriptors(count + 1_000)?;
    pin_client()?;
    let limits = [
        format!("connections={}", count + 1_000),
        format!("parked={}", count + 10_000),
        format!("handles={}", count + 100_000),
        "memory=1g".to_owned(),
    ];
    let limits: Vec<&str> = limits.iter().flat_map(|limit| ["--limit", limit]).collect();
    let server = Server::atoll(atoll, SCRIPT, &limits)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(play(
            &server,
            count,
            members.min(count),
            rounds,
            Duration::from_secs_f64(idle),
        ))
}

async fn play(
    server: &Server,
    count: usize,
    members: usize,
    rounds: usize,
    idle: Duration,
) -> Result<(), Box<dyn Error>> {
    // The first sockets grow what is there once.
    drop(open_all(server.address, 32).await?);
    until_open(server.address, 0).await?;
    let before = resident(server.id())?;
    let (_, heap_before) = ask(server.address).await?;

    let start = Instant::now();
    let mut sockets = open_all(server.address, count).await?;
    let connected = start.elapsed();
    until_open(server.address, count).await?;
    tokio::time::sleep(idle).await;
    let (_, heap) = ask(server.address).await?;
    let after = resident(server.id())?;
    let each = |kib: u64, before: u64| kib.saturating_sub(before) as f64 / count as f64;
    let (all, guest) = (each(after.all, before.all), each(after.guest, before.guest));
    println!("{count} idle WebSockets on one server");
    println!(
        "  connected in {:.2} s ({:.0} per second)",
        connected.as_secs_f64(),
        count as f64 / connected.as_secs_f64()
    );
    println!(
        "  resident {} MiB before, {} MiB after",
        before.all >> 10,
        after.all >> 10
    );
    println!(
        "  each {all:.2} KiB: host {:.2}, guest {guest:.2} (its Luau heap {:.2})",
        all - guest,
        each(heap, heap_before)
    );

    let rest = sockets.split_off(members);
    let times = broadcasts(server.address, sockets, rounds).await?;
    let (median, low, high) = spread(&times);
    println!(
        "a message to {members} of them, to the last receipt, median of {rounds} rounds (lowest to highest)\n  \
         {:.1} ms ({:.1} to {:.1}), none lost",
        median * 1e3,
        low * 1e3,
        high * 1e3
    );
    for socket in &rest {
        match socket.stream.try_read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return Err(format!("a socket that was to stay idle read {other:?}").into()),
        }
    }
    for socket in rest {
        // A reset leaves no port behind that waits, so that the next run finds enough.
        socket.stream.set_zero_linger()?;
    }
    until_open(server.address, 0).await?;
    let (_, heap) = ask(server.address).await?;
    let left = resident(server.id())?;
    println!(
        "all gone\n  resident {} MiB (guest {} MiB, its Luau heap {:.1} MiB)",
        left.all >> 10,
        left.guest >> 10,
        heap as f64 / 1024.0
    );
    Ok(())
}

/// Opens so many, a few at a time.
async fn open_all(server: SocketAddr, count: usize) -> Result<Vec<Socket>, Box<dyn Error>> {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    let handshakes: Vec<_> = (0..count)
        .map(|number| {
            let room = room.clone();
            let from = match u8::try_from(number / PER_ADDRESS) {
                Ok(0) => None,
                block => Some(Ipv4Addr::new(127, 0, 1, block.unwrap_or(u8::MAX)).into()),
            };
            tokio::spawn(async move {
                let _place = room.acquire().await.map_err(io::Error::other)?;
                WebSocket::open(client::connect(server, from).await?).await
            })
        })
        .collect();
    let mut sockets = Vec::with_capacity(count);
    for handshake in handshakes {
        sockets.push(handshake.await??);
    }
    Ok(sockets)
}

/// Sends each round's message to the sockets through the server, and returns how long each took to reach them all.
async fn broadcasts(
    server: SocketAddr,
    sockets: Vec<Socket>,
    rounds: usize,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let members = sockets.len();
    let (sender, mut receipts) = mpsc::unbounded_channel();
    // The sockets end with it.
    let mut receivers = JoinSet::new();
    for mut socket in sockets {
        socket.send(TEXT, b"join").await?;
        let sender = sender.clone();
        receivers.spawn(async move {
            loop {
                let received = socket.next().await.map(|(_, message)| message);
                let over = received.is_err();
                if sender.send(received).is_err() || over {
                    return;
                }
            }
        });
    }
    let mut all_receive = async |message: &str| -> Result<(), Box<dyn Error>> {
        for received in 0..members {
            let receipt = tokio::time::timeout(LOST, receipts.recv())
                .await
                .map_err(|_| format!("{message:?} reached {received} of {members}"))?;
            let receipt = receipt.ok_or("no receiver is left")??;
            if receipt != message.as_bytes() {
                return Err(format!("{message:?} arrived as {receipt:?}").into());
            }
        }
        Ok(())
    };
    all_receive("join").await?;
    let mut times = Vec::new();
    for round in 0..rounds {
        let message = format!("message {round:04}, of some length as such things go in chats");
        let start = Instant::now();
        let (sent, arrived) = tokio::join!(
            client::http(server, "POST /broadcast", &message),
            all_receive(&message)
        );
        arrived?;
        times.push(start.elapsed().as_secs_f64());
        let sent = sent?;
        if sent != members.to_string() {
            return Err(format!("the server sent to {sent} of {members}").into());
        }
    }
    Ok(times)
}

/// Waits until the script has seen that many open.
async fn until_open(server: SocketAddr, count: usize) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    loop {
        let (open, _) = ask(server).await?;
        if open == count as u64 {
            return Ok(());
        }
        if start.elapsed() > LOST {
            return Err(format!("the script sees {open} open sockets, not {count}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Sockets that the script sees, and the KiB of its heap.
async fn ask(server: SocketAddr) -> Result<(u64, u64), Box<dyn Error>> {
    let answer = client::http(server, "GET /", "").await?;
    let (open, heap) = answer.split_once(' ').ok_or("not the script's answer")?;
    Ok((open.parse()?, heap.parse()?))
}

/// Raises the limit of open descriptors of this process, and so of its children.
fn raise_descriptors(wanted: usize) -> Result<(), Box<dyn Error>> {
    let own = std::process::id().to_string();
    let limit = format!("--nofile={wanted}:");
    let current = std::fs::read_to_string("/proc/self/limits")?;
    let soft = current.lines().find_map(|line| {
        line.strip_prefix("Max open files")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    if soft.is_some_and(|soft: usize| soft >= wanted) {
        return Ok(());
    }
    if Command::new("prlimit")
        .args(["--pid", &own, &limit])
        .status()?
        .success()
    {
        Ok(())
    } else {
        Err(format!("{wanted} open files are needed: raise the hard limit (ulimit -Hn)").into())
    }
}
