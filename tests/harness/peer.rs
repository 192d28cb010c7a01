//! Servers that scripts talk to: small, on raw sockets, and able to break every rule. Called by the
//! cases (`peer.http`) and the coded tests.
//!
//! A request-target with a route gets that route's bytes; the n-th request to it the n-th answer, the
//! last one repeated. Any other target is echoed: the content of the answer is the request as received,
//! and `x-connection` counts the connections.
//!
//! Commands in an answer: `= close` closes after it, `= reset` closes hard, `= hang` sends nothing more
//! and waits for the client to leave, `= dribble` sends the next bytes one at a time.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use libtest_mimic::Failed;

use crate::harness::http::Connection;
use crate::harness::notation::Step;

/// A server of the test, stopped when dropped.
pub(crate) struct Peer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    routes: HashMap<String, Vec<Answer>>,
    asked: Mutex<HashMap<String, usize>>,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

/// What a route does, in order.
type Answer = Vec<Step>;

impl Peer {
    /// Starts a peer that only echoes.
    pub(crate) fn echo() -> Result<Self, Failed> {
        Self::start(Vec::new())
    }

    /// Binds a port; the steps may then name it before it is served.
    pub(crate) fn bind() -> Result<TcpListener, Failed> {
        Ok(TcpListener::bind("127.0.0.1:0")?)
    }

    /// Starts a peer with the routes of a `peer.http`.
    pub(crate) fn start(steps: Vec<Step>) -> Result<Self, Failed> {
        Self::serve(Self::bind()?, steps)
    }

    /// Serves on a bound port.
    pub(crate) fn serve(listener: TcpListener, steps: Vec<Step>) -> Result<Self, Failed> {
        let mut routes: HashMap<String, Vec<Answer>> = HashMap::new();
        let mut current: Option<&mut Answer> = None;
        for step in steps {
            if let Step::Route(target) = step {
                let answers = routes.entry(target).or_default();
                answers.push(Answer::new());
                current = answers.last_mut();
            } else {
                current
                    .as_mut()
                    .ok_or("peer.http: a step before the first `@`")?
                    .push(step);
            }
        }
        let shared = Arc::new(Shared {
            routes,
            asked: Mutex::default(),
            connections: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let address = listener.local_addr()?;
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let number = accepting.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let shared = Arc::clone(&accepting);
                // A connection that breaks is the test's business: the script says what it saw.
                thread::spawn(move || shared.converse(stream, number));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections it has had.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; it fails only where that has ended.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn converse(&self, stream: TcpStream, number: usize) -> Result<(), Failed> {
        let mut connection = Connection::over(stream)?;
        while let Some(request) = connection.message(false)? {
            let target = request.start.split(' ').nth(1).unwrap_or_default().to_owned();
            let Some(answers) = self.routes.get(&target) else {
                let fields: String = request
                    .headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}\n"))
                    .collect();
                let mut body = format!("{}\n{fields}\n", request.start).into_bytes();
                body.extend(&request.body);
                connection.send(format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: message/http\r\nx-connection: {number}\r\n\
                     content-length: {}\r\n\r\n",
                    body.len()
                ))?;
                if !request.start.starts_with("HEAD ") {
                    connection.send(body)?;
                }
                continue;
            };
            let turn = {
                let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                let count = asked.entry(target).or_default();
                *count += 1;
                (*count).min(answers.len()) - 1
            };
            let mut dribble = false;
            for step in &answers[turn] {
                match step {
                    Step::Send(bytes) if dribble => {
                        for byte in bytes {
                            connection.send([*byte])?;
                        }
                    }
                    Step::Send(bytes) => connection.send(bytes)?,
                    Step::Command(words) => match words.as_str() {
                        "close" => return Ok(()),
                        "reset" => return connection.reset(),
                        "hang" => {
                            connection.rest()?;
                            return Ok(());
                        }
                        "dribble" => dribble = true,
                        other => return Err(format!("peer.http: no such command: {other}").into()),
                    },
                    Step::Expect(_) | Step::Route(_) => return Err("peer.http: not a step of a peer".into()),
                }
            }
        }
        Ok(())
    }
}
