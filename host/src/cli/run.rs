//! `atoll run`: reads the script, runs it, and turns how it ended into an exit code.

use std::path::Path;

use super::audit::AuditLog;
use super::signals::Signals;
use super::traffic::Traffic;
use super::workers::Workers;
use super::{Exit, fail, folders};
use crate::app::AppError;
use crate::config::Config;
use crate::diagnostics::tell;
use crate::net::guard::Learning;
use crate::permissions::Permissions;
use crate::runtime::{Builder, RunError, Runtime, Script, Stop};

/// Runs the script to its end.
pub(super) fn run(mut config: Config) -> Exit {
    let script = match Script::from_path(&config.script) {
        Ok(script) => equip(script, &config),
        Err(error) => return fail(Exit::Usage, &unreadable(&config.script, &error)),
    };
    let traffic = match Traffic::open(&config) {
        Ok(traffic) => traffic,
        Err(exit) => return exit,
    };
    traffic.hide(&mut config);
    let learning = learning(&config);
    let runtime = builder(&config, learning.as_ref())
        .map(|builder| traffic.told_to(builder))
        .and_then(build);
    let (runtime, executor) = match runtime.and_then(|runtime| Ok((runtime, executor()?))) {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    traffic.serve(&runtime);
    let workers = Workers::new(config.workers, false);
    let exit = executor.block_on(async {
        let stop = Stop::new();
        let signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return fail(Exit::Failed, &format!("cannot wait for signals: {error}")),
        };
        let last = signals.last();
        tokio::select! {
            ended = workers.run(&runtime, &script, &stop) => match judge(ended) {
                Exit::Done if stop.is_stopped() => last.exit(),
                exit => exit,
            },
            exit = signals.obey(|| {
                workers.close();
                stop.stop();
            }) => exit,
        }
    });
    traffic.finish();
    // A name that the system still looks up must not hold up the end.
    executor.shutdown_background();
    if let Some(learning) = learning {
        eprintln!("{}", learned(&learning.flags()));
    }
    exit
}

/// Gives the script its arguments and variables.
pub(super) fn equip(script: Script, config: &Config) -> Script {
    let script = script
        .arguments(config.arguments.iter().cloned())
        .environment(environment(&config.policy.permissions));
    match config.isolates {
        true => script.isolated(),
        false => script,
    }
}

/// What notes the permissions that are missing, where that is wanted.
pub(super) fn learning(config: &Config) -> Option<Learning> {
    config
        .learns
        .then(|| Learning::new(config.policy.permissions.clone()))
}

/// A runtime to be, as the flags say.
pub(super) fn builder(config: &Config, learning: Option<&Learning>) -> Result<Builder, Exit> {
    let mut builder = Runtime::builder()
        .permissions(config.policy.permissions.clone())
        .limits(config.limits.clone());
    if let Some(learning) = learning {
        builder = builder.learn(learning);
    }
    if let Some(path) = &config.audit {
        let log = AuditLog::open(path).map_err(|error| {
            let message = format!("cannot write the audit {}: {error}", path.display());
            fail(Exit::Usage, &message)
        })?;
        builder = builder.audit(log);
    }
    Ok(match folders::cache() {
        Some(folder) => builder.cache(folder),
        None => builder,
    })
}

/// Compiles the guest.
pub(super) fn build(builder: Builder) -> Result<Runtime, Exit> {
    builder
        .build()
        .map_err(|error| fail(Exit::Failed, &error.to_string()))
}

/// What runs everything, on this thread.
pub(super) fn executor() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| fail(Exit::Failed, &format!("cannot start: {error}")))
}

/// What a run with `--permissions=audit` ends with.
pub(super) fn learned(flags: &[String]) -> String {
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
pub(super) fn judge(ended: Result<(), RunError>) -> Exit {
    match ended {
        // Whoever stopped it knows why.
        Ok(()) | Err(RunError::Stopped) => Exit::Done,
        // A pipe's reader that has seen enough is no failure to speak of.
        Err(RunError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Failed,
        Err(RunError::Exited(code)) => Exit::Chosen(code),
        Err(error @ RunError::Limit(_)) => fail(Exit::Limit, &error.to_string()),
        Err(RunError::Script(error)) => {
            tell(&error.diagnostic());
            Exit::Failed
        }
        Err(error) => fail(Exit::Failed, &error.to_string()),
    }
}

/// Why a script, or an app, can't be run.
pub(super) fn unreadable(script: &Path, error: &std::io::Error) -> String {
    if let Some(problem) = error.get_ref().and_then(|error| error.downcast_ref::<AppError>()) {
        return format!("cannot use {}: {problem}", script.display());
    }
    format!("cannot read the script {}: {error}", script.display())
}
