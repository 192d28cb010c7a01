//! The cases: each folder `cases/<stem>/<name>` is one test of the real binary.
//!
//! - `main.luau`: the script, run as `atoll run main.luau` in its folder.
//! - `args`: what follows on the command line, a word per line. Where a case has none, its stem's hold.
//! - `command`: the whole command line in place of `run main.luau` and `args`.
//! - `input`: what standard input has; nothing where there is none.
//! - `expected.out`, `expected.err`: patterns (see `matching`); where there is none, nothing may be
//!   written. Listening lines are left out of standard error unless the pattern speaks of them.
//! - `expected.exit`: the exit code; 0 where there is none. With a `client.http` and no `expected.exit`
//!   the server is interrupted once the client is through, and must end with 130.
//! - `client.http`: what a client says to the script's first server, and must hear (see `notation`).
//! - `peer.http`: the routes of the peer (see `peer`).
//!
//! In every file but the script, `{peer}` is the address of a peer, `{other}` that of one without routes,
//! `{closed}` one where nobody listens, `{free}` one that nobody holds, each with `.port` for its port
//! alone; `{server}` (with `.port`) is the script's own server.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Running};
use crate::harness::peer::Peer;
use crate::harness::{dialogue, matching, notation, root};

/// How long the output may take to be complete after the client's last exchange.
const SETTLING: Duration = Duration::from_secs(10);

/// One test for each folder.
pub(crate) fn trials() -> Result<Vec<Trial>, Failed> {
    let mut found = Vec::new();
    for stem in folders(&root().join("tests/cases"))? {
        for folder in folders(&stem)? {
            let label = |path: &Path| {
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            };
            let name = format!("cases::{}::{}", label(&stem), label(&folder));
            found.push(Trial::test(name, move || Case { folder }.run()));
        }
    }
    Ok(found)
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut found: Vec<PathBuf> = fs::read_dir(parent)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    Ok(found)
}

struct Case {
    folder: PathBuf,
}

/// The words in braces and what they stand for.
struct Names(Vec<(String, String)>);

impl Names {
    fn add(&mut self, name: &str, address: SocketAddr) {
        // The address before the port: a text's addresses are named first.
        self.0.push((format!("{{{name}}}"), address.to_string()));
        self.0
            .push((format!("{{{name}.port}}"), address.port().to_string()));
    }

    fn fill_in(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

impl Case {
    fn run(&self) -> Result<(), Failed> {
        let (peer_port, other) = (Peer::bind()?, Peer::echo()?);
        // Bound and not listening: nobody answers, and nobody else gets the port.
        let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        closed.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        // This one is let go at once.
        let free = Peer::bind()?.local_addr()?;
        let mut names = Names(Vec::new());
        names.add("peer", peer_port.local_addr()?);
        names.add("other", other.address());
        names.add("closed", closed.local_addr()?.as_socket().ok_or("no IP address")?);
        names.add("free", free);

        let routes = names.fill_in(&self.read("peer.http")?.unwrap_or_default());
        let routes = notation::parse(&routes).map_err(|error| format!("peer.http: {error}"))?;
        let _peer = Peer::serve(peer_port, routes)?;

        let mut child = Atoll::new(&self.folder, self.words(&names)?).typed().start()?;
        child.input(&names.fill_in(&self.read("input")?.unwrap_or_default()))?;
        let exit = match self.read("expected.exit")? {
            Some(text) => Some(
                text.trim()
                    .parse::<i32>()
                    .map_err(|_| "expected.exit: not a number")?,
            ),
            None => None,
        };
        let mut code = exit.unwrap_or(0);
        if let Some(client) = self.read("client.http")? {
            let server = child.address()?;
            names.add("server", server);
            let steps =
                notation::parse(&names.fill_in(&client)).map_err(|error| format!("client.http: {error}"))?;
            dialogue::play(&steps, server, &child).map_err(|error| {
                let stderr = child.stderr.text();
                format!(
                    "{}\n--- stderr ---\n{stderr}",
                    error.message().unwrap_or_default()
                )
            })?;
            if exit.is_none() {
                self.settle(&child, &names)?;
                child.signal("INT")?;
                code = 130;
            }
        }
        let finished = child.finish()?;
        finished.expect_code(code)?;
        self.compare(&names, &finished.out(), &finished.err())
    }

    fn words(&self, names: &Names) -> Result<Vec<String>, Failed> {
        let words = |text: &str| -> Vec<String> { names.fill_in(text).lines().map(str::to_owned).collect() };
        if let Some(command) = self.read("command")? {
            return Ok(words(&command));
        }
        let stem = Self {
            folder: self.folder.parent().ok_or("a case without a stem")?.into(),
        };
        let flags = match self.read("args")? {
            Some(flags) => flags,
            None => stem.read("args")?.unwrap_or_default(),
        };
        Ok(["run".to_owned(), "main.luau".to_owned()]
            .into_iter()
            .chain(words(&flags))
            .collect())
    }

    /// Waits until the output is what it must be, or will not become it.
    fn settle(&self, child: &Running, names: &Names) -> Result<(), Failed> {
        let deadline = Instant::now() + SETTLING;
        for (file, pipe) in [("expected.out", &child.stdout), ("expected.err", &child.stderr)] {
            let pattern = names.fill_in(&self.read(file)?.unwrap_or_default());
            // A difference is reported at the end, with the whole output.
            let _ = pipe.wait(deadline, file, |text| {
                matching::compare(file, &pattern, &without_listening(text, &pattern)).ok()
            });
        }
        Ok(())
    }

    fn compare(&self, names: &Names, out: &str, err: &str) -> Result<(), Failed> {
        let wanted = names.fill_in(&self.read("expected.out")?.unwrap_or_default());
        let failure = matching::compare("standard output", &wanted, out).err();
        let wanted = names.fill_in(&self.read("expected.err")?.unwrap_or_default());
        let other = matching::compare("standard error", &wanted, &without_listening(err, &wanted)).err();
        let problems: Vec<String> = failure.into_iter().chain(other).collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("\n").into())
        }
    }

    /// The file's text; `None` where the case does not have it.
    fn read(&self, file: &str) -> Result<Option<String>, Failed> {
        match fs::read_to_string(self.folder.join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{file}: {error}").into()),
        }
    }
}

fn without_listening(text: &str, pattern: &str) -> String {
    if pattern.contains("listening on") {
        return text.to_owned();
    }
    text.lines()
        .filter(|line| !line.starts_with("listening on "))
        .map(|line| format!("{line}\n"))
        .collect()
}
