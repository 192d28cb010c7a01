//! Starts the real `atoll`, follows its output and ends it. Called by every test that runs a script; `peers`
//! has other people's programs run the same way.
//!
//! A child has a time limit, and none outlives its test: it is killed when its handle is dropped.

use std::ffi::OsStr;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

/// How long a child may live. Generous: the machine may be busy with a build.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The folder for what tests write: compiled guests, scripts.
pub(crate) fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// A command line of `atoll`, to be started.
pub(crate) struct Atoll {
    command: Command,
    time_limit: Duration,
}

impl Atoll {
    /// `atoll WORDS…` in the folder.
    pub(crate) fn new(folder: &Path, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atoll"));
        command
            .args(words)
            .current_dir(folder)
            .env("XDG_CACHE_HOME", scratch())
            .env("NO_COLOR", "1")
            // How wide help texts are.
            .env_remove("COLUMNS")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            time_limit: TIME_LIMIT,
        }
    }

    /// `atoll run main.luau WORDS…`, where `main.luau` holds the source. The name is the test's own.
    pub(crate) fn source(
        name: &str,
        source: impl AsRef<[u8]>,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Self, Failed> {
        let folder = scratch().join("scripts").join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("main.luau"), source)?;
        let mut atoll = Self::new(&folder, ["run", "main.luau"]);
        atoll.command.args(words);
        Ok(atoll)
    }

    /// Sets an environment variable of the child.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes one away.
    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Gives the child's standard output a pipe that nobody reads: it is there as long as what is returned.
    pub(crate) fn unread_stdout(mut self) -> Result<(Self, PipeReader), Failed> {
        let (reader, writer) = std::io::pipe()?;
        self.command.stdout(writer);
        Ok((self, reader))
    }

    /// The same for standard error.
    pub(crate) fn unread_stderr(mut self) -> Result<(Self, PipeReader), Failed> {
        let (reader, writer) = std::io::pipe()?;
        self.command.stderr(writer);
        Ok((self, reader))
    }

    /// Has standard input come from the test.
    pub(crate) fn typed(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// Gives a long test more time.
    pub(crate) fn time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Starts the child.
    pub(crate) fn start(self) -> Result<Running, Failed> {
        Running::start(self.command, self.time_limit)
    }

    /// Starts the child and waits for its end.
    pub(crate) fn finish(self) -> Result<Finished, Failed> {
        self.start()?.finish()
    }
}

/// A child under way.
pub(crate) struct Running {
    child: Child,
    stdin: Option<Box<dyn Write>>,
    /// What it has written to standard output so far.
    pub(crate) stdout: Captured,
    /// What it has written to standard error so far.
    pub(crate) stderr: Captured,
    /// When it has to have ended.
    pub(crate) deadline: Instant,
}

impl Running {
    /// Starts a command, whose output is followed where it is piped.
    pub(crate) fn start(mut command: Command, time_limit: Duration) -> Result<Self, Failed> {
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
        let stdout = match child.stdout.take() {
            Some(pipe) => Captured::follow(pipe),
            None => Captured::follow(std::io::empty()),
        };
        let stderr = match child.stderr.take() {
            Some(pipe) => Captured::follow(pipe),
            None => Captured::follow(std::io::empty()),
        };
        let stdin = child.stdin.take().map(|pipe| Box::new(pipe) as Box<dyn Write>);
        Ok(Self::new(child, stdin, stdout, stderr, time_limit))
    }

    /// A child that was started, and its ends of this side.
    pub(crate) fn new(
        child: Child,
        stdin: Option<Box<dyn Write>>,
        stdout: Captured,
        stderr: Captured,
        time_limit: Duration,
    ) -> Self {
        Self {
            child,
            stdin,
            stdout,
            stderr,
            deadline: Instant::now() + time_limit,
        }
    }

    /// Waits for the first server's listening line and returns its address.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failed> {
        self.addresses(1)?.pop().ok_or_else(|| "no listening line".into())
    }

    /// Waits for the listening lines of that many servers.
    pub(crate) fn addresses(&self, count: usize) -> Result<Vec<SocketAddr>, Failed> {
        self.stderr.wait(self.deadline, "the listening line", |text| {
            let found: Vec<SocketAddr> = text
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
                .filter_map(|line| {
                    line.strip_prefix("listening on http://")
                        .or_else(|| line.strip_prefix("listening on https://"))
                })
                .filter_map(|rest| rest.split_whitespace().next()?.parse().ok())
                .collect();
            (found.len() >= count).then_some(found)
        })
    }

    /// Waits until standard output contains the text.
    pub(crate) fn wait_stdout(&self, text: &str) -> Result<(), Failed> {
        self.stdout
            .wait(self.deadline, text, |all| all.contains(text).then_some(()))
    }

    /// Waits until standard error contains the text.
    pub(crate) fn wait_stderr(&self, text: &str) -> Result<(), Failed> {
        self.stderr
            .wait(self.deadline, text, |all| all.contains(text).then_some(()))
    }

    /// Writes to its standard input. A child that has gone reads no more, and that shows elsewhere.
    pub(crate) fn type_in(&mut self, text: &str) -> Result<(), Failed> {
        let stdin = self
            .stdin
            .as_mut()
            .ok_or("its standard input is not the test's")?;
        match stdin.write_all(text.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Writes all of its standard input, and ends it.
    pub(crate) fn input(&mut self, text: &str) -> Result<(), Failed> {
        self.type_in(text)?;
        self.stdin = None;
        Ok(())
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident(&self) -> Result<u64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Sends a signal, named as `kill` names it: `INT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Failed> {
        let status = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {}", self.id()))
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("cannot send SIG{name}").into())
        }
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Result<Finished, Failed> {
        self.stdin = None;
        let stdout = self.stdout.end(self.deadline);
        let stderr = self.stderr.end(self.deadline);
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            return Err(format!(
                "it did not end in time\n--- stdout ---\n{}\n--- stderr ---\n{}",
                self.stdout.text(),
                self.stderr.text()
            )
            .into());
        };
        let status = self.child.wait()?;
        let code = status
            .code()
            .or_else(|| status.signal().map(|number| 128 + number));
        Ok(Finished {
            code: code.ok_or("no exit status")?,
            stdout,
            stderr,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where the child has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a child ended.
pub(crate) struct Finished {
    /// The exit code; 128 + N after signal N.
    pub(crate) code: i32,
    /// All of standard output.
    pub(crate) stdout: Vec<u8>,
    /// All of standard error.
    pub(crate) stderr: Vec<u8>,
}

impl Finished {
    /// Standard output as text.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails unless the code is this one; the message carries what the child wrote.
    pub(crate) fn expect_code(&self, code: i32) -> Result<&Self, Failed> {
        if self.code == code {
            return Ok(self);
        }
        Err(format!(
            "exit code {} instead of {code}\n--- stdout ---\n{}\n--- stderr ---\n{}",
            self.code,
            self.out(),
            self.err()
        )
        .into())
    }
}

/// A pipe's content, as it grows.
pub(crate) struct Captured {
    state: Arc<(Mutex<Pipe>, Condvar)>,
}

#[derive(Default)]
struct Pipe {
    bytes: Vec<u8>,
    ended: bool,
}

impl Captured {
    /// Reads all there is, on a thread of its own.
    pub(crate) fn follow(mut pipe: impl Read + Send + 'static) -> Self {
        let state = Arc::new((Mutex::new(Pipe::default()), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            let mut piece = [0; 16 * 1024];
            loop {
                // An error ends the pipe as its end does.
                let count = pipe.read(&mut piece).unwrap_or(0);
                let mut guard = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                guard.bytes.extend_from_slice(&piece[..count]);
                guard.ended = count == 0;
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { state }
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        let pipe = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&pipe.bytes).into_owned()
    }

    /// Waits until the probe finds what it looks for; fails at the deadline or at the pipe's end.
    pub(crate) fn wait<T>(
        &self,
        deadline: Instant,
        what: &str,
        probe: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Failed> {
        let mut pipe = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let text = String::from_utf8_lossy(&pipe.bytes);
            if let Some(found) = probe(&text) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if pipe.ended || left.is_zero() {
                return Err(format!("it never wrote: {what}\n--- it wrote ---\n{text}").into());
            }
            pipe = self
                .state
                .1
                .wait_timeout(pipe, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits for the pipe's end and returns its bytes; `None` at the deadline.
    fn end(&self, deadline: Instant) -> Option<Vec<u8>> {
        let mut pipe = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !pipe.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            pipe = self
                .state
                .1
                .wait_timeout(pipe, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Some(pipe.bytes.clone())
    }
}
