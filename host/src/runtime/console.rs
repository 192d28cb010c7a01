//! Where a script's words go: the process's own streams, or what an embedder brings.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{RunError, ScriptError};
use crate::diagnostics::{self, Diagnostic};

/// Which stream a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// `print`.
    Out,
    /// `warn`.
    Err,
}

/// What happens around a script, and is the user's to know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A server is bound and accepts connections.
    Listening {
        /// Where it is bound.
        address: SocketAddr,
        /// Whether it speaks TLS.
        secure: bool,
    },
    /// A limit ended the instance of a server; a fresh one starts.
    Restarting(&'a RunError),
    /// A limit or a crash ended the instance of one request ([`Script::isolated`](super::Script::isolated)).
    Ended(&'a RunError),
}

/// Receives what scripts say. Called from the thread that runs the script, or from another where it is not
/// [ready](Console::is_ready); the script waits meanwhile.
pub trait Console: Send + Sync {
    /// Whether a line of so many bytes would be taken at once; true, unless the console says otherwise. Where it would not, the
    /// calls below come from a thread of their own, so that nothing else waits, nor is the time held against the script.
    fn is_ready(&self, to: Output, bytes: usize) -> bool {
        let _ = (to, bytes);
        true
    }

    /// Writes one line: any bytes, without the line feed. An error ends the run.
    fn write_line(&self, to: Output, text: &[u8]) -> io::Result<()>;

    /// Reports an error that ended a task or a request handler, but not the script.
    fn report(&self, error: &ScriptError);

    /// Reports an event.
    fn event(&self, event: &Event<'_>);
}

/// Another's console, without a word of servers.
pub(super) struct Discreet(pub(super) Arc<dyn Console>);

impl Console for Discreet {
    fn is_ready(&self, to: Output, bytes: usize) -> bool {
        self.0.is_ready(to, bytes)
    }

    fn write_line(&self, to: Output, text: &[u8]) -> io::Result<()> {
        self.0.write_line(to, text)
    }

    fn report(&self, error: &ScriptError) {
        self.0.report(error);
    }

    fn event(&self, event: &Event<'_>) {
        if !matches!(event, Event::Listening { .. }) {
            self.0.event(event);
        }
    }
}

/// The process's standard output and standard error.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardConsole;

/// Bytes that a pipe takes at once when it takes any (PIPE_BUF of Linux; POSIX promises 512).
const ATOMIC: usize = 4 << 10;

impl Console for StandardConsole {
    fn is_ready(&self, to: Output, bytes: usize) -> bool {
        // With the line feed.
        bytes < ATOMIC
            && match to {
                Output::Out => takes_bytes(&io::stdout()),
                Output::Err => takes_bytes(&io::stderr()),
            }
    }

    fn write_line(&self, to: Output, text: &[u8]) -> io::Result<()> {
        // One write: lines of several scripts don't mix.
        let mut line = Vec::with_capacity(text.len() + 1);
        line.extend_from_slice(text);
        line.push(b'\n');
        match to {
            Output::Out => {
                let mut out = io::stdout().lock();
                out.write_all(&line)?;
                out.flush()
            }
            Output::Err => io::stderr().lock().write_all(&line),
        }
    }

    fn report(&self, error: &ScriptError) {
        diagnostics::tell(&error.diagnostic());
    }

    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Restarting(cause) => {
                diagnostics::tell(&Diagnostic::error(cause.to_string()));
                say(format_args!("{AFRESH}"));
            }
            Event::Ended(_) => diagnostics::tell(&Diagnostic::error(event.to_string())),
            Event::Listening { .. } => say(format_args!("{event}")),
        }
    }
}

const AFRESH: &str = "the server starts afresh";

/// As the user is told of it.
impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Listening { address, secure } => {
                let scheme = if *secure { "https" } else { "http" };
                match address.ip() {
                    ip if !ip.is_unspecified() => write!(f, "listening on {scheme}://{address}"),
                    ip => {
                        let loopback = if ip.is_ipv4() { "127.0.0.1" } else { "[::1]" };
                        let port = address.port();
                        write!(f, "listening on {scheme}://{loopback}:{port} (bound to {ip})")
                    }
                }
            }
            Event::Restarting(cause) => write!(f, "error: {cause}\n{AFRESH}"),
            Event::Ended(cause) => write!(f, "the instance of a request was ended: {cause}"),
        }
    }
}

/// Whether a write would not wait. What can't be asked is tried: the write says what is wrong.
fn takes_bytes(stream: &impl AsFd) -> bool {
    let mut asked = [PollFd::new(stream, PollFlags::OUT)];
    match poll(&mut asked, Some(&Timespec::default())) {
        Ok(0) => false,
        Ok(_) | Err(_) => true,
    }
}

/// Has the console say something. Where it would keep the caller waiting, a thread of its own does that.
///
/// Cancel safety: what is being said may be said all the same.
pub(crate) async fn tell<T: Send + 'static>(
    console: &Arc<dyn Console>,
    to: Output,
    bytes: usize,
    say: impl FnOnce(&dyn Console) -> T + Send + 'static,
) -> T {
    if console.is_ready(to, bytes) {
        return say(&**console);
    }
    let console = console.clone();
    match tokio::task::spawn_blocking(move || say(&*console)).await {
        Ok(told) => told,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The executor is ending, and everything on it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A line on standard error. Where that is closed, there is nobody to tell.
fn say(text: std::fmt::Arguments<'_>) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}
