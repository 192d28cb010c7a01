//! Runs the two scripts that the peers meet: `scripts/server.luau` and `scripts/client.luau`. Called by the tests
//! of `peers`, which play each over a plain connection and over TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::harness::certificates::{Authority, Files, Kind};
use crate::harness::child::{Atoll, Captured, Running};
use crate::harness::{matching, root};
use crate::program;

/// How long the last lines may take once the other side is through.
const SETTLING: Duration = Duration::from_secs(20);

/// What a connection runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// TCP alone.
    Plain,
    /// TLS, with a certificate of the test's own authority.
    Tls,
}

impl Transport {
    /// Each of them.
    pub(crate) const BOTH: [Self; 2] = [Self::Plain, Self::Tls];

    /// The scheme of a URL, from its plain form: `http` or `ws`.
    pub(crate) fn scheme(self, plain: &str) -> String {
        match self {
            Self::Plain => plain.to_owned(),
            Self::Tls => format!("{plain}s"),
        }
    }
}

/// Makes a good certificate and puts it where programs can read it.
pub(crate) fn certificate(test: &str) -> Result<Files, Failed> {
    let authority = Authority::new()?;
    authority.write(&authority.issue(Kind::Localhost)?, &program::folder(test)?)
}

/// `scripts/server.luau` under way.
pub(crate) struct Server {
    /// The program.
    pub(crate) running: Running,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    transport: Transport,
    files: Files,
}

impl Server {
    /// Starts it; the test's name keeps its certificates apart from others'.
    pub(crate) fn start(test: &str, transport: Transport) -> Result<Self, Failed> {
        let files = certificate(test)?;
        let mut words = vec!["run".to_owned(), "server.luau".to_owned()];
        words.push("--allow-listen=localhost".to_owned());
        if transport == Transport::Tls {
            words.push("--".to_owned());
            words.push(std::fs::read_to_string(&files.cert)?);
            words.push(std::fs::read_to_string(&files.key)?);
        }
        let running = Atoll::new(&root().join("tests/peers/scripts"), words).start()?;
        let address = running.address()?;
        Ok(Self {
            running,
            address,
            transport,
            files,
        })
    }

    /// Waits until the script has printed what the pattern says, then interrupts it; it must not have complained.
    pub(crate) fn end(self, printed: &str) -> Result<(), Failed> {
        settle(&self.running.stdout, printed)?;
        // Without effect on a server that the script has closed itself.
        self.running.signal("INT")?;
        let finished = self.running.finish()?;
        let complaints = finished.err();
        let complaints: Vec<&str> = complaints
            .lines()
            .filter(|line| !line.starts_with("listening on "))
            .collect();
        if complaints.is_empty() {
            return Ok(());
        }
        Err(format!("standard error: {}", complaints.join("\n")).into())
    }

    /// The URL of a path for HTTP.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.transport.scheme("http"), self.address)
    }

    /// The server's URL for WebSocket, and the authority's certificate where the client needs it.
    pub(crate) fn socket_words(&self) -> Vec<String> {
        let mut words = vec![format!("{}://{}", self.transport.scheme("ws"), self.address)];
        words.extend((self.transport == Transport::Tls).then(|| self.ca().display().to_string()));
        words
    }

    /// The certificate that a client has to trust.
    pub(crate) fn ca(&self) -> &PathBuf {
        &self.files.ca
    }
}

/// Runs `scripts/client.luau` to its end and returns what it printed.
///
/// `ca` is the certificate of the authority to trust, over TLS, as PEM.
pub(crate) fn client(check: &str, url: &str, ca: Option<&str>) -> Result<String, Failed> {
    let mut words = vec!["run", "client.luau", "--allow-net=localhost", "--", check, url];
    words.extend(ca);
    let finished = Atoll::new(&root().join("tests/peers/scripts"), words).finish()?;
    finished.expect_code(0)?;
    Ok(finished.out())
}

/// Waits until the output is what the pattern says (see `matching`).
fn settle(output: &Captured, pattern: &str) -> Result<(), Failed> {
    output.wait(Instant::now() + SETTLING, pattern, |text| {
        matching::compare("the output", pattern, text).ok()
    })
}

/// Something that a peer and a script do together: what each must print.
pub(crate) struct Check {
    /// Its name in the peer's script, or in `scripts/client.luau`: the client's side.
    pub(crate) name: &'static str,
    /// Over what it is played.
    pub(crate) over: &'static [Transport],
    /// What the client prints, as a pattern.
    pub(crate) client: &'static str,
    /// What the server prints, as a pattern.
    pub(crate) server: &'static str,
}

impl Check {
    fn trials(
        &'static self,
        group: &str,
        run: impl Fn(&'static Self, &str, Transport) -> Result<(), Failed> + Clone + Send + 'static,
    ) -> Vec<Trial> {
        let trial = |transport: &Transport| {
            let (transport, run) = (*transport, run.clone());
            let name = format!("{group}::{}_{}", self.name, transport.scheme("ws"));
            let folder = name.replace("::", "_");
            Trial::test(name, move || run(self, &folder, transport))
        };
        self.over.iter().map(trial).collect()
    }

    /// The tests of a peer's client with `scripts/server.luau`.
    pub(crate) fn of_server(
        checks: &'static [Self],
        group: &str,
        client: fn() -> Result<Command, Failed>,
    ) -> Vec<Trial> {
        let run = move |check: &'static Self, test: &str, transport: Transport| {
            let server = Server::start(test, transport)?;
            let mut command = client()?;
            command.arg(check.name).args(server.socket_words());
            let finished = program::finish(command)?;
            matching::compare("the client's output", check.client, &finished.out())?;
            server.end(check.server)
        };
        checks.iter().flat_map(|check| check.trials(group, run)).collect()
    }

    /// The tests of `scripts/client.luau` with a peer's server.
    pub(crate) fn of_client(
        checks: &'static [Self],
        group: &str,
        server: fn() -> Result<Command, Failed>,
    ) -> Vec<Trial> {
        let run = move |check: &'static Self, test: &str, transport: Transport| {
            let files = certificate(test)?;
            let mut command = server()?;
            if transport == Transport::Tls {
                command.args([&files.cert, &files.key]);
            }
            let server = program::start(command)?;
            let url = format!("{}://{}", transport.scheme("ws"), server.address()?);
            // To a script an authority is a text, to the programs a file.
            let ca = std::fs::read_to_string(&files.ca)?;
            let ca = (transport == Transport::Tls).then_some(ca.as_str());
            let out = client(check.name, &url, ca)?;
            matching::compare("the client's output", check.client, &out)?;
            settle(&server.stdout, check.server)
        };
        checks.iter().flat_map(|check| check.trials(group, run)).collect()
    }
}
