//! Where a script's words go: the process's own streams, or what an embedder brings.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;

use super::{RunError, ScriptError};

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
}

/// Receives what scripts say. Called from the thread that runs the script, which waits meanwhile.
pub trait Console: Send + Sync {
    /// Writes one line: any bytes, without the line feed. An error ends the run.
    fn write_line(&self, to: Output, text: &[u8]) -> io::Result<()>;

    /// Reports an error that ended a task or a request handler, but not the script.
    fn report(&self, error: &ScriptError);

    /// Reports an event.
    fn event(&self, event: &Event<'_>);
}

/// The process's standard output and standard error.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandardConsole;

impl Console for StandardConsole {
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
        say(format_args!("error: {error}"));
    }

    fn event(&self, event: &Event<'_>) {
        say(format_args!("{event}"));
    }
}

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
            Event::Restarting(cause) => write!(f, "error: {cause}\nthe server starts afresh"),
        }
    }
}

/// A line on standard error. Where that is closed, there is nobody to tell.
fn say(text: std::fmt::Arguments<'_>) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}
