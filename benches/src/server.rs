//! A server in a process of its own, on a processor of its own.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The processor of the servers; the load comes from the other.
pub(crate) const SERVER_CORE: &str = "1";
pub(crate) const CLIENT_CORE: &str = "0";

/// A running server, ended with this value.
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Atoll with a script, which may listen; `more` are further arguments.
    pub(crate) fn atoll(atoll: &Path, script: &str, more: &[&str]) -> Result<Server, Box<dyn Error>> {
        let mut command = pinned(SERVER_CORE);
        command
            .arg(atoll)
            .args(["run", script, "--allow-listen=localhost"]);
        Server::start(command.args(more))
    }

    /// A subcommand of this very program, on that processor.
    pub(crate) fn reference(name: &str, core: &str) -> Result<Server, Box<dyn Error>> {
        Server::start(pinned(core).arg(std::env::current_exe()?).arg(name))
    }

    /// Starts it and waits until it says where it listens. What else it says is passed on.
    pub(crate) fn start(command: &mut Command) -> Result<Server, Box<dyn Error>> {
        let mut process = command.stderr(Stdio::piped()).spawn()?;
        let stderr = process.stderr.take().ok_or("the server has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                eprintln!("server: {line}");
            }
        });
        let address = first
            .split_once("http://")
            .map(|(_, rest)| rest.trim_end_matches('/').parse());
        match address {
            Some(Ok(address)) => Ok(Server { process, address }),
            _ => {
                drop(process.kill());
                drop(process.wait());
                Err(format!("the server did not start: {first}").into())
            }
        }
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> Result<(), Box<dyn Error>> {
        let status = self.process.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the server ended with {status}").into())
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A command to be, on that processor.
pub(crate) fn pinned(core: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]);
    command
}

/// Moves this process to the clients' processor.
pub(crate) fn pin_client() -> Result<(), Box<dyn Error>> {
    let own = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-p", "-c", CLIENT_CORE, &own])
        .stdout(Stdio::null())
        .status()?;
    if done.success() {
        Ok(())
    } else {
        Err("taskset failed: two processors are needed".into())
    }
}
