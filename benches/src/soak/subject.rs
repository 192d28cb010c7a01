//! What is watched: the script's server, and its vitals.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use atoll::{Console, Event, Limits, Output, Permissions, RunError, Runtime, Script, ScriptError, Stop};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client;
use crate::vitals;

/// The script.
const SCRIPT: &str = include_str!("../../soak.luau");

/// For the two servers to be there; the guest is compiled first.
const START: Duration = Duration::from_secs(120);

/// Where the clients go.
pub(super) struct Site {
    pub(super) plain: SocketAddr,
    pub(super) secure: SocketAddr,
    http1: TlsConnector,
    http2: TlsConnector,
}

impl Site {
    /// A connection to the secure server.
    pub(super) async fn tls(&self, http2: bool) -> io::Result<TlsStream<TcpStream>> {
        let connector = if http2 { &self.http2 } else { &self.http1 };
        let name = rustls::pki_types::ServerName::from(self.secure.ip());
        connector
            .connect(name, client::connect(self.secure, None).await?)
            .await
    }
}

/// The script, running on a thread of its own.
pub(super) struct Subject {
    pub(super) site: Arc<Site>,
    runtime: Runtime,
    /// Of the tasks on that thread.
    tasks: Handle,
    stop: Stop,
    watch: Watch,
    thread: JoinHandle<Result<(), RunError>>,
    /// Descriptors before it started.
    descriptors: usize,
}

/// Takes down what the script says that it should not.
#[derive(Clone)]
struct Watch {
    listening: mpsc::Sender<SocketAddr>,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Watch {
    fn complain(&self, what: String) {
        eprintln!("server: {what}");
        self.complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(what);
    }
}

impl Console for Watch {
    fn write_line(&self, _: Output, text: &[u8]) -> io::Result<()> {
        self.complain(String::from_utf8_lossy(text).into_owned());
        Ok(())
    }

    fn report(&self, error: &ScriptError) {
        self.complain(error.to_string());
    }

    fn event(&self, event: &Event<'_>) {
        match event {
            // The plain server is first.
            Event::Listening { address, .. } => drop(self.listening.send(*address)),
            Event::Restarting(error) => self.complain(format!("restarted: {error}")),
            _ => {}
        }
    }
}

/// What is held at a moment.
pub(super) struct Sample {
    /// Host resources in the guest's hands.
    handles: u64,
    /// Of this process.
    descriptors: usize,
    /// On the server's thread.
    tasks: usize,
    /// Requests, streams, sockets and calls that the script has under way.
    live: [u64; 4],
    /// KiB: of this process, of the guest's linear memory, and of Luau's heap.
    pub(super) resident: u64,
    pub(super) memory: u64,
    pub(super) heap: u64,
}

impl Sample {
    /// What it holds that the other does not; memory aside.
    pub(super) fn beyond(&self, idle: &Sample) -> Vec<String> {
        let mut all = vec![
            ("handles", self.handles, idle.handles),
            ("descriptors", self.descriptors as u64, idle.descriptors as u64),
            ("tasks", self.tasks as u64, idle.tasks as u64),
        ];
        let names = ["requests", "streams", "sockets", "calls"];
        all.extend(
            names
                .iter()
                .zip(self.live)
                .zip(idle.live)
                .map(|((name, now), then)| (*name, now, then)),
        );
        all.retain(|(_, now, then)| now != then);
        all.iter()
            .map(|(name, now, then)| format!("left behind: {now} {name}, {then} at rest"))
            .collect()
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [requests, streams, sockets, calls] = self.live;
        write!(
            f,
            "{} handles, {} descriptors, {} tasks, resident {} KiB, guest {} KiB, heap {} KiB; \
             script: {requests} requests, {streams} streams, {sockets} sockets, {calls} calls",
            self.handles, self.descriptors, self.tasks, self.resident, self.memory, self.heap
        )
    }
}

impl Subject {
    /// Starts the script and waits for its servers.
    pub(super) fn start() -> Result<Subject, Box<dyn Error>> {
        // The first runtime of a process opens what all of them share.
        drop(executor()?);
        let descriptors = vitals::descriptors()?;
        let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
        let (cert, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
        let (sender, listening) = mpsc::channel();
        let watch = Watch {
            listening: sender,
            complaints: Arc::default(),
        };
        let limits = Limits {
            outgoing: 1_000,
            ..Limits::default()
        };
        let runtime = Runtime::builder()
            .permissions(
                Permissions::none()
                    .allow_net(["127.0.0.1".parse()?])
                    .allow_listen(["127.0.0.1".parse()?]),
            )
            .limits(limits)
            .console(watch.clone())
            .build()?;
        let stop = Stop::new();
        let executor = executor()?;
        let tasks = executor.handle().clone();
        let thread = {
            let (runtime, stop) = (runtime.clone(), stop.clone());
            let script = Script::new("soak.luau", SCRIPT).arguments([cert.clone(), key, cert]);
            std::thread::spawn(move || executor.block_on(runtime.run_until(&script, &stop)))
        };
        let (plain, secure) = (listening.recv_timeout(START)?, listening.recv_timeout(START)?);
        let site = Site {
            plain,
            secure,
            http1: connector(certified.cert.der(), b"http/1.1")?,
            http2: connector(certified.cert.der(), b"h2")?,
        };
        Ok(Subject {
            site: Arc::new(site),
            runtime,
            tasks,
            stop,
            watch,
            thread,
            descriptors,
        })
    }

    /// The vitals now.
    pub(super) async fn sample(&self) -> Result<Sample, Box<dyn Error>> {
        let words = client::http(self.site.plain, "GET /stats", "").await?;
        let numbers: Vec<u64> = words.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [requests, streams, sockets, calls, heap] = numbers[..] else {
            return Err(format!("not the script's counts: {words}").into());
        };
        let usage = self.runtime.usage();
        Ok(Sample {
            handles: usage.handles,
            descriptors: vitals::descriptors()?,
            tasks: self.tasks.metrics().num_alive_tasks(),
            live: [requests, streams, sockets, calls],
            resident: vitals::resident(std::process::id())?.all,
            memory: usage.memory >> 10,
            heap,
        })
    }

    /// The vitals without the connection that asks for them.
    pub(super) async fn at_rest(&self) -> Result<Sample, Box<dyn Error>> {
        let mut sample = self.sample().await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        sample.handles = self.runtime.usage().handles;
        sample.descriptors = vitals::descriptors()?;
        sample.tasks = self.tasks.metrics().num_alive_tasks();
        Ok(sample)
    }

    /// Has the script make garbage for a collection or two.
    pub(super) async fn churn(&self) -> Result<(), Box<dyn Error>> {
        for _ in 0..50 {
            client::http(self.site.plain, "GET /churn", "").await?;
        }
        Ok(())
    }

    /// Stops the script, and says what it complained of and what is left of it.
    pub(super) fn end(self) -> Result<Vec<String>, Box<dyn Error>> {
        self.stop.stop();
        let ended = self.thread.join().map_err(|_| "the server's thread panicked")?;
        let mut problems = Vec::new();
        // Once its servers have drained, nothing is left for it to wait for.
        if !matches!(ended, Ok(()) | Err(RunError::Stopped)) {
            problems.push(format!("the script ended with {ended:?}"));
        }
        let usage = self.runtime.usage();
        if (usage.instances, usage.handles, usage.memory) != (0, 0, 0) {
            problems.push(format!("left behind after the end: {usage:?}"));
        }
        drop((self.runtime, self.tasks));
        let descriptors = vitals::descriptors()?;
        if descriptors != self.descriptors {
            let before = self.descriptors;
            problems.push(format!(
                "left behind after the end: {descriptors} descriptors, {before} before"
            ));
        }
        problems.extend(
            self.watch
                .complaints
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        );
        Ok(problems)
    }
}

fn executor() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// What makes connections to the secure server.
fn connector(trusted: &CertificateDer<'static>, protocol: &[u8]) -> Result<TlsConnector, Box<dyn Error>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
