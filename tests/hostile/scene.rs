//! An attack beside an honest server, in one process and on one tokio runtime: how the attack ended, what it cost, and
//! whether the server noticed.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use atoll::{
    Console, Event, Limits, Modules, Output, Permissions, RunError, Runtime, Script, ScriptError, Stop,
};
use libtest_mimic::Failed;

use super::guest::Guest;
use super::neighbour::{Pulse, ask};
use crate::embed::block_on;
use crate::harness::child::scratch;

/// How long an attack may go on; then the host hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is kept of a script's words.
const WORDS: usize = 1 << 10;

/// No peer.
const NOBODY: Option<fn(SocketAddr) -> Result<(), Failed>> = None;

/// The neighbour.
const HONEST: &str = "net.serve({ port = 0, address = '127.0.0.1', request = function() return 'fine' end })";

/// Keeps the first words of a script, and where its servers are. Stops it where it would start afresh: once is enough.
#[derive(Clone, Default)]
struct Words {
    said: Arc<Mutex<Said>>,
    stop: Stop,
}

#[derive(Default)]
struct Said {
    text: String,
    lines: u64,
    bytes: u64,
    address: Option<SocketAddr>,
    /// Why it would have started afresh.
    broken: Option<RunError>,
}

impl Words {
    fn with<T>(&self, act: impl FnOnce(&mut Said) -> T) -> T {
        act(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, line: &[u8]) {
        self.with(|said| {
            if said.broken.is_some() {
                return;
            }
            said.lines += 1;
            said.bytes += line.len() as u64;
            let room = WORDS.saturating_sub(said.text.len()).min(line.len());
            said.text.push_str(&String::from_utf8_lossy(&line[..room]));
            if room > 0 {
                said.text.push('\n');
            }
        });
    }

    /// Waits for the first server.
    async fn address(&self) -> SocketAddr {
        loop {
            match self.with(|said| said.address) {
                Some(address) => return address,
                None => tokio::task::yield_now().await,
            }
        }
    }
}

impl Console for Words {
    fn write_line(&self, _: Output, text: &[u8]) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn report(&self, error: &ScriptError) {
        self.add(error.to_string().as_bytes());
    }

    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Listening { address, .. } => {
                self.with(|said| *said.address.get_or_insert(*address));
            }
            Event::Restarting(cause) => {
                let cause = match cause {
                    RunError::Limit(text) => RunError::Limit(text.clone()),
                    other => RunError::Crashed(other.to_string()),
                };
                self.with(|said| said.broken.get_or_insert(cause).to_string());
                self.stop.stop();
            }
            _ => {}
        }
    }
}

/// The console of the run under way.
struct Current(Arc<Mutex<Words>>);

impl Current {
    fn words(&self) -> Words {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Console for Current {
    fn write_line(&self, to: Output, text: &[u8]) -> io::Result<()> {
        self.words().write_line(to, text)
    }

    fn report(&self, error: &ScriptError) {
        self.words().report(error);
    }

    fn event(&self, event: &Event<'_>) {
        self.words().event(event);
    }
}

/// What the attacker may do, and within which limits.
pub(crate) struct Scene {
    permissions: Permissions,
    limits: Limits,
    modules: Modules,
}

/// How an attack ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The run's result.
    pub(crate) result: Result<(), RunError>,
    /// What it said first.
    pub(crate) said: String,
    /// Lines that it wrote, and bytes.
    pub(crate) written: (u64, u64),
    /// How much the process's memory had grown at its peak, in MiB.
    pub(crate) growth: u64,
    /// How long it took.
    pub(crate) time: Duration,
}

impl Scene {
    /// Nothing is allowed; spinning ends soon.
    pub(crate) fn new() -> Scene {
        Scene {
            permissions: Permissions::none(),
            limits: Limits {
                run: Duration::from_millis(300),
                grace: Duration::from_millis(200),
                drain: Duration::from_millis(200),
                ..Limits::default()
            },
            modules: Modules::none(),
        }
    }

    /// The attacker may connect to what the rule says.
    pub(crate) fn net(mut self, rule: &str) -> Result<Scene, Failed> {
        self.permissions = self.permissions.allow_net([rule.parse()?]);
        Ok(self)
    }

    /// The attacker may serve on the loopback.
    pub(crate) fn listen(self) -> Result<Scene, Failed> {
        self.serving("localhost")
    }

    /// The attacker may serve where the rule says.
    pub(crate) fn serving(mut self, rule: &str) -> Result<Scene, Failed> {
        self.permissions = self.permissions.allow_listen([rule.parse()?]);
        Ok(self)
    }

    /// Sets a limit.
    pub(crate) fn limit(mut self, assignment: &str) -> Result<Scene, Failed> {
        self.limits.set(assignment)?;
        Ok(self)
    }

    /// The attacker may read these.
    pub(crate) fn modules(mut self, modules: Modules) -> Scene {
        self.modules = modules;
        self
    }

    /// It may take so long altogether.
    pub(crate) fn wall(mut self, time: Duration) -> Scene {
        self.limits.wall = Some(time);
        self
    }

    /// Runs the attack.
    pub(crate) fn play(self, guest: &Guest) -> Result<Ended, Failed> {
        only(self.act(guest.component()?, 1, NOBODY)?)
    }

    /// Runs the attack; `peer` speaks with its server, on a thread of its own. What it returns is kept to the end.
    pub(crate) fn play_with<T: Send + 'static>(
        self,
        guest: &Guest,
        peer: impl Fn(SocketAddr) -> Result<T, Failed> + Clone + Send + 'static,
    ) -> Result<Ended, Failed> {
        only(self.act(guest.component()?, 1, Some(peer))?)
    }

    /// Runs a component so many times, the program's source a byte longer each time.
    pub(crate) fn component_cases(self, component: Vec<u8>, count: usize) -> Result<Vec<Ended>, Failed> {
        self.act(component, count, NOBODY)
    }

    /// Runs the attack so many times, `$case` counting up from 0.
    pub(crate) fn cases(self, guest: &Guest, count: usize) -> Result<Vec<Ended>, Failed> {
        self.act(guest.component()?, count, NOBODY)
    }

    fn act<T: Send + 'static>(
        self,
        component: Vec<u8>,
        cases: usize,
        peer: Option<impl Fn(SocketAddr) -> Result<T, Failed> + Clone + Send + 'static>,
    ) -> Result<Vec<Ended>, Failed> {
        let console = Arc::new(Mutex::new(Words::default()));
        let hostile = Runtime::builder()
            .permissions(self.permissions)
            .limits(self.limits)
            .console(Current(console.clone()))
            .guest(component)
            .build()?;
        let neighbour = Words::default();
        let honest = Runtime::builder()
            .permissions(Permissions::none().allow_listen(["localhost".parse()?]))
            .console(neighbour.clone())
            .cache(scratch().join("atoll"))
            .build()?;
        let stop = Stop::new();
        let attack = async {
            let address = neighbour.address().await;
            tokio::task::spawn_blocking(move || ask(address)).await??;
            let pulse = Pulse::start(address);
            let mut all = Vec::new();
            for case in 0..cases {
                all.push(once(&hostile, &console, &self.modules, case, peer.clone()).await?);
            }
            tokio::task::spawn_blocking(move || pulse.end()).await??;
            tokio::task::spawn_blocking(move || ask(address)).await??;
            Ok(all)
        };
        let attack = async {
            let ended = attack.await;
            stop.stop();
            ended
        };
        let script = Script::new("honest.luau", HONEST);
        let (served, ended) = block_on(async { tokio::join!(honest.run_until(&script, &stop), attack) })?;
        match served {
            Ok(()) | Err(RunError::Stopped) => ended,
            other => Err(format!("the honest script ended: {other:?}; the attack: {ended:?}").into()),
        }
    }
}

/// Runs the attack once; `$case` is the length of the program's source.
async fn once<T: Send + 'static>(
    hostile: &Runtime,
    console: &Mutex<Words>,
    modules: &Modules,
    case: usize,
    peer: Option<impl FnOnce(SocketAddr) -> Result<T, Failed> + Send + 'static>,
) -> Result<Ended, Failed> {
    let words = Words::default();
    *console.lock().unwrap_or_else(PoisonError::into_inner) = words.clone();
    let before = memory("VmRSS:")?;
    forget_peak()?;
    let start = Instant::now();
    let peer = async {
        let Some(peer) = peer else { return Ok(None) };
        let address = words.address().await;
        tokio::task::spawn_blocking(move || peer(address))
            .await?
            .map(Some)
    };
    let script = Script::new("hostile.wasm", "x".repeat(case)).modules(modules.clone());
    let run = hostile.run_until(&script, &words.stop);
    let both = async { tokio::join!(run, peer) };
    let (result, peer) = tokio::time::timeout(PATIENCE, both).await.map_err(|_| {
        let said = words.with(|said| said.text.clone());
        format!("case {case} never ended; it said:\n{said}")
    })?;
    let time = start.elapsed();
    let growth = memory("VmHWM:")?.saturating_sub(before) >> 10;
    peer?;
    let usage = hostile.usage();
    if (usage.instances, usage.handles, usage.memory) != (0, 0, 0) {
        return Err(format!("case {case} left behind {usage:?}").into());
    }
    Ok(words.with(|said| Ended {
        result: said.broken.take().map_or(result, Err),
        said: said.text.clone(),
        written: (said.lines, said.bytes),
        growth,
        time,
    }))
}

fn only(mut all: Vec<Ended>) -> Result<Ended, Failed> {
    all.pop().ok_or_else(|| "nothing was run".into())
}

impl Ended {
    /// Fails unless it returned by itself, having said this.
    pub(crate) fn returned(self, said: &str) -> Result<Ended, Failed> {
        match &self.result {
            Ok(()) => self.said(said),
            Err(_) => Err(format!("expected it to return, got {self:?}").into()),
        }
    }

    /// Fails unless the virtual machine broke down for this reason.
    pub(crate) fn crashed(self, reason: &str) -> Result<Ended, Failed> {
        match &self.result {
            Err(RunError::Crashed(text)) if text.contains(reason) => Ok(self),
            _ => Err(format!("expected a crash with {reason:?}, got {self:?}").into()),
        }
    }

    /// Fails unless this limit ended it.
    pub(crate) fn limited(self, limit: &str) -> Result<Ended, Failed> {
        match &self.result {
            Err(RunError::Limit(text)) if text.contains(limit) => Ok(self),
            _ => Err(format!("expected the limit {limit:?}, got {self:?}").into()),
        }
    }

    /// Fails unless it said this; `matching` tells what stands for what.
    pub(crate) fn said(self, wanted: &str) -> Result<Ended, Failed> {
        crate::harness::matching::compare("what the guest said", wanted, &self.said)?;
        Ok(self)
    }

    /// Fails where the process grew by more.
    pub(crate) fn within(self, mebibytes: u64) -> Result<Ended, Failed> {
        if self.growth <= mebibytes {
            return Ok(self);
        }
        Err(format!(
            "it took {} MiB, and {mebibytes} are allowed: {self:?}",
            self.growth
        )
        .into())
    }

    /// Fails where it took longer.
    pub(crate) fn in_time(self, most: Duration) -> Result<Ended, Failed> {
        if self.time <= most {
            return Ok(self);
        }
        Err(format!("it took {:?}, and {most:?} are allowed: {self:?}", self.time).into())
    }
}

/// A figure of this process's memory, in KiB.
fn memory(name: &str) -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let text = line.ok_or("no such figure")?.trim().trim_end_matches("kB").trim();
    Ok(text.parse()?)
}

/// Begins a new peak.
fn forget_peak() -> Result<(), Failed> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}
