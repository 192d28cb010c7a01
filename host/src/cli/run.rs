//! `atoll run`: reads the script, runs it, and turns how it ended into an exit code.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::access_log::AccessLines;
use super::audit::AuditLog;
use super::metrics::MetricsServer;
use super::{Exit, fail};
use crate::config::Config;
use crate::net::exporter;
use crate::net::guard::Learning;
use crate::permissions::Permissions;
use crate::runtime::{RunError, Runtime, Script, Stop};

/// Runs the script to its end.
pub(super) fn run(config: Config) -> Exit {
    let script = match Script::from_path(&config.script) {
        Ok(script) => script
            .arguments(config.arguments)
            .environment(environment(&config.policy.permissions)),
        Err(error) => return fail(Exit::Usage, &unreadable(&config.script, &error)),
    };
    let metrics = match config.metrics.map(MetricsServer::bind).transpose() {
        Ok(metrics) => metrics,
        Err(error) => return fail(Exit::Usage, &error),
    };
    let mut permissions = config.policy.permissions;
    if let Some(metrics) = &metrics {
        permissions = metrics.hide(permissions);
    }
    let learning = config.learns.then(|| Learning::new(permissions.clone()));
    let mut builder = Runtime::builder().permissions(permissions).limits(config.limits);
    if let Some(learning) = &learning {
        builder = builder.learn(learning);
    }
    if let Some(path) = &config.audit {
        match AuditLog::open(path) {
            Ok(log) => builder = builder.audit(log),
            Err(error) => {
                return fail(
                    Exit::Usage,
                    &format!("cannot write the audit {}: {error}", path.display()),
                );
            }
        }
    }
    let access_log = match config.access_log.as_deref().map(AccessLines::open).transpose() {
        Ok(log) => log,
        Err(error) => {
            let path = config.access_log.unwrap_or_default();
            return fail(
                Exit::Usage,
                &format!("cannot write the access log {}: {error}", path.display()),
            );
        }
    };
    if let Some(log) = &access_log {
        builder = builder.access_log(log.clone());
    }
    if let Some(folder) = cache_folder() {
        builder = builder.cache(folder);
    }
    let runtime = match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Failed, &error.to_string()),
    };
    if let Some(metrics) = metrics {
        eprintln!("metrics on http://{}{}", metrics.address(), exporter::PATH);
        metrics.start(runtime.clone());
    }
    let executor = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(executor) => executor,
        Err(error) => return fail(Exit::Failed, &format!("cannot start: {error}")),
    };
    let exit = executor.block_on(async {
        let stop = Stop::new();
        let signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return fail(Exit::Failed, &format!("cannot wait for signals: {error}")),
        };
        let interrupted = signals.interrupted.clone();
        tokio::select! {
            ended = runtime.run_until(&script, &stop) => match judge(ended) {
                Exit::Done if stop.is_stopped() => stopped_by(&interrupted),
                exit => exit,
            },
            exit = signals.obey(stop.clone()) => exit,
        }
    });
    if let Some(log) = access_log {
        log.finish();
    }
    // A name that the system still looks up must not hold up the end.
    executor.shutdown_background();
    if let Some(learning) = learning {
        eprintln!("{}", learned(&learning.flags()));
    }
    exit
}

/// What a run with `--permissions=audit` ends with.
fn learned(flags: &[String]) -> String {
    if flags.is_empty() {
        return "no permission was missing".to_owned();
    }
    format!("permissions that were missing: {}", flags.join(" "))
}

/// The variables that the script may read. A value that is not UTF-8 is none that a script could use.
fn environment(permissions: &Permissions) -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| permissions.allows_env(name))
        .collect()
}

/// What the user is told of how the script ended.
fn judge(ended: Result<(), RunError>) -> Exit {
    match ended {
        // Whoever stopped it knows why.
        Ok(()) | Err(RunError::Stopped) => Exit::Done,
        // A pipe's reader that has seen enough is no failure to speak of.
        Err(RunError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Failed,
        Err(error @ RunError::Limit(_)) => fail(Exit::Limit, &error.to_string()),
        Err(error) => fail(Exit::Failed, &error.to_string()),
    }
}

/// The first signal drains, the second one stops at once.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Whether Ctrl-C came first, and not SIGTERM.
    interrupted: Arc<AtomicBool>,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            interrupted: Arc::default(),
        })
    }

    async fn obey(mut self, stop: Stop) -> Exit {
        self.next().await;
        stop.stop();
        self.next().await;
        stopped_by(&self.interrupted)
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => self.interrupted.store(true, Ordering::Relaxed),
            _ = self.terminate.recv() => self.interrupted.store(false, Ordering::Relaxed),
        }
    }
}

fn stopped_by(interrupted: &AtomicBool) -> Exit {
    if interrupted.load(Ordering::Relaxed) {
        Exit::Interrupted
    } else {
        Exit::Terminated
    }
}

/// The user's own cache folder (XDG Base Directory): the compiled guest is kept there.
fn cache_folder() -> Option<PathBuf> {
    let folder = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    let own = base.join("atoll");
    // Somewhere to keep it may be missing, or not ours to write: then the guest is compiled anew.
    std::fs::create_dir_all(&own).ok()?;
    Some(own)
}

pub(super) fn unreadable(script: &Path, error: &std::io::Error) -> String {
    format!("cannot read the script {}: {error}", script.display())
}
