//! `atoll run --watch`: runs the script, and runs it afresh when a file that it is made of has changed.
//!
//! The sockets of its servers stay open in between, so that nobody is refused: who connects waits for the next run.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use super::signals::Signals;
use super::traffic::Traffic;
use super::workers::Workers;
use super::{Exit, RunArgs, apps, fail, run, usage};
use crate::config::{self, Config};
use crate::net::guard::Learning;
use crate::project::Seen;
use crate::runtime::{Runtime, Script, Stop};

/// How long the requests under way may take when the script has changed.
const GOODBYE: Duration = Duration::from_secs(1);

/// Runs the script again and again, until a signal ends it.
pub(super) fn run(args: &RunArgs) -> Exit {
    if apps::is_at(&args.script) {
        return fail(
            Exit::Usage,
            &format!(
                "--watch is for scripts: {} is an app, which changes only when it is built anew; watch the script that it \
                 is built from, or leave --watch out",
                args.script.display()
            ),
        );
    }
    let executor = match run::executor() {
        Ok(executor) => executor,
        Err(exit) => return exit,
    };
    let exit = executor.block_on(async {
        match Signals::new() {
            Ok(mut signals) => again_and_again(args, &mut signals).await,
            Err(error) => fail(Exit::Failed, &format!("cannot wait for signals: {error}")),
        }
    });
    executor.shutdown_background();
    exit
}

async fn again_and_again(args: &RunArgs, signals: &mut Signals) -> Exit {
    let workers = match config::workers(&args.workers) {
        Ok(count) => Workers::new(count, true),
        Err(error) => return usage(&error.to_string()),
    };
    let mut traffic = None;
    let mut is_first = true;
    let exit = loop {
        let seen = Seen::default();
        let end = match Round::prepare(args, &seen, &mut traffic) {
            Ok(round) => round.run(&seen, &workers, signals).await,
            // What was typed is wrong, and no change of a file mends that.
            Err(exit) if is_first => break exit,
            Err(_) => wait(&seen, signals).await,
        };
        if let Some(exit) = end {
            break exit;
        }
        is_first = false;
    };
    if let Some(traffic) = traffic {
        traffic.finish();
    }
    exit
}

/// One run to be.
struct Round {
    runtime: Runtime,
    script: Script,
    learning: Option<Learning>,
}

impl Round {
    /// Reads what there is now. The error is told already.
    fn prepare(args: &RunArgs, seen: &Seen, traffic: &mut Option<Traffic>) -> Result<Round, Exit> {
        if let Some(path) = &args.permissions.config {
            seen.note(path);
        }
        seen.note(&args.script);
        let mut config = Config::from_args(args.clone()).map_err(|error| usage(&error.to_string()))?;
        let script = Script::watched(&args.script, seen)
            .map_err(|error| fail(Exit::Usage, &run::unreadable(&args.script, &error)))?;
        // Of all rounds: what asks at the endpoint goes on asking.
        let traffic = match traffic {
            Some(traffic) => traffic,
            None => traffic.insert(Traffic::open(&config)?),
        };
        traffic.hide(&mut config);
        let learning = run::learning(&config);
        let builder = run::builder(&config, learning.as_ref())?;
        let runtime = run::build(traffic.told_to(builder))?;
        traffic.serve(&runtime);
        Ok(Round {
            runtime,
            script: run::equip(script, &config),
            learning,
        })
    }

    /// Runs the script, and waits for what makes another run necessary; or returns what a signal makes of it.
    async fn run(self, seen: &Seen, workers: &Workers, signals: &mut Signals) -> Option<Exit> {
        let stop = Stop::new();
        let mut running = pin!(workers.run(&self.runtime, &self.script, &stop));
        let end = tokio::select! {
            ended = &mut running => {
                if run::judge(ended) == Exit::Done {
                    // It needs its ports no more.
                    workers.close();
                }
                self.tell_learned();
                return wait(seen, signals).await;
            }
            path = seen.changed() => {
                tell_change(&path);
                stop.stop();
                // Who has not ended by then is cut off.
                drop(tokio::time::timeout(GOODBYE, &mut running).await);
                workers.close_unused();
                None
            }
            exit = signals.next() => {
                workers.close();
                stop.stop();
                tokio::select! {
                    _ = &mut running => Some(exit),
                    exit = signals.next() => Some(exit),
                }
            }
        };
        self.tell_learned();
        end
    }

    fn tell_learned(&self) {
        if let Some(learning) = &self.learning {
            eprintln!("{}", run::learned(&learning.flags()));
        }
    }
}

/// Waits for a change, or for a signal that ends it all.
async fn wait(seen: &Seen, signals: &mut Signals) -> Option<Exit> {
    eprintln!("waiting for a change");
    tokio::select! {
        path = seen.changed() => {
            tell_change(&path);
            None
        }
        exit = signals.next() => Some(exit),
    }
}

fn tell_change(path: &Path) {
    let here = std::env::current_dir().ok();
    let shown = here.and_then(|here| path.strip_prefix(here).ok());
    eprintln!("{} has changed, starting afresh", shown.unwrap_or(path).display());
}
