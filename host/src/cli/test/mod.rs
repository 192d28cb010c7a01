//! `atoll test`: finds files with tests, runs them, and reports what became of them.
//!
//! The tests themselves are the guest's business (`guest/src/prelude/test.luau`), which tells of them through `wit/test.wit`:
//! `log` keeps that for each file, and one of `human`, `tap` and `junit` makes a text of it.

mod discovery;
mod human;
mod junit;
mod log;
mod report;
mod runner;
mod tap;
mod text;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use self::human::Human;
use self::junit::Junit;
use self::log::Rules;
use self::report::{Reporter, Totals};
use self::runner::Suite;
use self::tap::Tap;
use super::signals::Signals;
use super::{Exit, ReporterKind, TestArgs, fail, say, usage};
use crate::cli::apps;
use crate::cli::run;
use crate::config::Config;

/// Runs all tests.
pub(super) fn run(mut args: TestArgs) -> Exit {
    let time_limit = match seconds(&args.test_timeout) {
        Some(time) => time,
        None => {
            let got = &args.test_timeout;
            return usage(&format!(
                "--test-timeout must be a number of seconds above 0, got {got:?}"
            ));
        }
    };
    let files = match discovery::find(&args.paths) {
        Ok(files) => files,
        Err(error) => return usage(&error.to_string()),
    };
    if let Some(app) = files.iter().find(|file| apps::is_at(file)) {
        return fail(
            Exit::Usage,
            &format!(
                "{} is WebAssembly, and no file of tests: test the sources, before an app is built of them",
                app.display()
            ),
        );
    }
    let jobs = args
        .jobs
        .map(usize::from)
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1);
    let mut reports = match Reports::new(args.reporter, args.output.take()) {
        Ok(reports) => reports,
        Err(error) => return fail(Exit::Usage, &error),
    };
    let rules = Rules {
        filter: args.filter.take(),
        time_limit,
        bail: args.bail,
        give_up: CancellationToken::new(),
    };
    let config = match Config::of_tests(args) {
        Ok(config) => config,
        Err(error) => return usage(&error.to_string()),
    };
    let learning = run::learning(&config);
    let runtime = match run::builder(&config, learning.as_ref()).and_then(run::build) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let executor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(jobs)
        .enable_all()
        .build();
    let executor = match executor {
        Ok(executor) => executor,
        Err(error) => return fail(Exit::Failed, &format!("cannot start: {error}")),
    };
    let rules = Arc::new(rules);
    let suite = Suite {
        runtime,
        rules: rules.clone(),
        equip: Box::new(move |script| run::equip(script, &config)),
    };
    let exit = executor.block_on(play(suite, files, jobs, &rules, &mut reports));
    executor.shutdown_background();
    if let Some(learning) = learning {
        eprintln!("{}", run::learned(&learning.flags()));
    }
    exit
}

/// Runs the files and reports them as they end.
async fn play(suite: Suite, files: Vec<PathBuf>, jobs: usize, rules: &Rules, reports: &mut Reports) -> Exit {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(Exit::Failed, &format!("cannot wait for signals: {error}")),
    };
    let start = Instant::now();
    let mut totals = Totals::default();
    let mut interrupted = None;
    let mut written = reports.begin();
    {
        let mut ended = pin!(runner::run(suite, files, jobs));
        while written.is_ok() {
            tokio::select! {
                exit = signals.next(), if interrupted.is_none() => {
                    interrupted = Some(exit);
                    rules.give_up.cancel();
                }
                report = ended.next() => match report {
                    None => break,
                    Some(report) => {
                        totals.add(&report);
                        written = reports.file(&report);
                    }
                },
            }
        }
    }
    totals.time = start.elapsed();
    totals.end = match interrupted {
        Some(Exit::Interrupted) => Some("interrupted"),
        Some(_) => Some("terminated"),
        None if rules.give_up.is_cancelled() => Some("given up after the first failure"),
        None => None,
    };
    if let Err(error) = written.and_then(|()| reports.end(&totals)) {
        return fail(Exit::Failed, &format!("cannot write the report: {error}"));
    }
    match interrupted {
        Some(exit) => exit,
        None if totals.failed > 0 => Exit::Failed,
        None if totals.is_nothing() => usage(&format!(
            "no test has {:?} in its name (--filter)",
            rules.filter.as_deref().unwrap_or_default()
        )),
        None => Exit::Done,
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0)?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Where the reports go: one to standard output, and where a file is named, another there.
struct Reports {
    shown: Box<dyn Reporter>,
    saved: Option<(Box<dyn Reporter>, File)>,
}

impl Reports {
    fn new(kind: ReporterKind, output: Option<PathBuf>) -> Result<Reports, String> {
        let has_colors = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let Some(path) = output else {
            return Ok(Reports {
                shown: reporter(kind, has_colors),
                saved: None,
            });
        };
        let file = File::create(&path)
            .map_err(|error| format!("cannot write the report to {}: {error}", path.display()))?;
        Ok(Reports {
            shown: reporter(ReporterKind::Human, has_colors),
            saved: Some((reporter(kind, false), file)),
        })
    }

    fn begin(&mut self) -> io::Result<()> {
        self.each(|reporter| reporter.begin())
    }

    fn file(&mut self, report: &report::FileReport) -> io::Result<()> {
        self.each(|reporter| reporter.file(report))
    }

    fn end(&mut self, totals: &Totals) -> io::Result<()> {
        self.each(|reporter| reporter.end(totals))
    }

    fn each(&mut self, text: impl Fn(&mut dyn Reporter) -> String) -> io::Result<()> {
        say(text(self.shown.as_mut()));
        match &mut self.saved {
            Some((reporter, file)) => file.write_all(text(reporter.as_mut()).as_bytes()),
            None => Ok(()),
        }
    }
}

fn reporter(kind: ReporterKind, has_colors: bool) -> Box<dyn Reporter> {
    match kind {
        ReporterKind::Human => Box::new(Human::new(has_colors)),
        ReporterKind::Tap => Box::new(Tap::default()),
        ReporterKind::Junit => Box::new(Junit),
    }
}
