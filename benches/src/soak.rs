//! Mixed traffic for a long time, with clients that misbehave: is everything answered, and is anything left behind?
//!
//! One process holds the server (a script in an embedded `atoll`, on a thread of its own) and all its clients. Lost
//! answers, complaints of the script and leaks are errors.

mod dice;
mod polite;
mod question;
mod rude;
mod subject;

use std::error::Error;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::dice::Dice;
use self::subject::{Sample, Site, Subject};

/// A request without an answer counts as lost after this time.
const LOST: Duration = Duration::from_secs(60);

/// How long all may take to come to rest when the clients have gone. Connections that are kept idle have half of it.
const SETTLE: Duration = Duration::from_secs(60);

/// Between two lines of the report.
const REPORT: u64 = 10;

/// What may grow without being a leak: so many hundredths, and so many KiB.
const NOISE: (f64, f64) = (1.10, 8_192.0);

/// What the clients have seen.
#[derive(Default)]
struct Tally {
    /// Requests and messages of well-behaved clients, and those of them that were answered in full.
    asked: AtomicU64,
    answered: AtomicU64,
    /// Visits of the others.
    rude: AtomicU64,
    /// What went wrong.
    failures: Mutex<Vec<String>>,
}

impl Tally {
    fn ask(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    fn answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn answers(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    fn fail(&self, what: String) {
        eprintln!("failure: {what}");
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(what);
    }

    fn failures(&self) -> Vec<String> {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Plays the traffic; an error names all that went wrong.
pub(crate) fn run(seconds: u64, clients: usize, seed: u64) -> Result<(), Box<dyn Error>> {
    let subject = Subject::start()?;
    let tally = Arc::new(Tally::default());
    let mut problems = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(play(
            &subject,
            &tally,
            Duration::from_secs(seconds),
            clients,
            seed,
        ))?;
    problems.extend(subject.end()?);
    problems.extend(tally.failures());
    if problems.is_empty() {
        println!("nothing lost, nothing left behind");
        return Ok(());
    }
    Err(format!("{} problems:\n{}", problems.len(), problems.join("\n")).into())
}

async fn play(
    subject: &Subject,
    tally: &Arc<Tally>,
    time: Duration,
    clients: usize,
    seed: u64,
) -> Result<Vec<String>, Box<dyn Error>> {
    println!("soak of {} s, {clients} clients, seed {seed}", time.as_secs());
    let idle = subject.at_rest().await?;
    println!("at rest: {idle}");
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..clients)
        .map(|number| {
            let dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
            tokio::spawn(client(subject.site.clone(), tally.clone(), dice, stop.clone()))
        })
        .collect();

    let (start, mut samples) = (Instant::now(), Vec::new());
    let (mut second, mut reported) = (0, 0);
    while start.elapsed() < time {
        second += 1;
        tokio::time::sleep_until((start + Duration::from_secs(second)).into()).await;
        let sample = subject.sample().await?;
        if second % REPORT == 0 {
            let answered = tally.answers();
            println!(
                "{second:>5} s  {:>6.0} answers/s  {} failures  {sample}",
                (answered - reported) as f64 / REPORT as f64,
                tally.failures().len()
            );
            reported = answered;
        }
        samples.push(sample);
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await?;
    }

    let (asked, answered) = (tally.asked.load(Ordering::Relaxed), tally.answers());
    let rude = tally.rude.load(Ordering::Relaxed);
    println!("{answered} of {asked} answered; {rude} visits of clients that misbehave");
    let mut problems = Vec::new();
    if asked != answered {
        problems.push(format!("{} requests were not answered", asked - answered));
    }
    problems.extend(grown(&samples, answered));
    problems.extend(left_behind(subject, &idle).await?);
    Ok(problems)
}

/// One client after the other.
async fn client(site: Arc<Site>, tally: Arc<Tally>, mut dice: Dice, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        if dice.below(3) > 0 {
            let visit = polite::Visit::any(&mut dice);
            let name = format!("{visit:?}");
            match tokio::time::timeout(LOST, visit.play(&site, &tally, &mut dice)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tally.fail(format!("{name}: {error}")),
                Err(_) => tally.fail(format!("{name}: no answer within {LOST:?}")),
            }
        } else {
            tally.rude.fetch_add(1, Ordering::Relaxed);
            // Whatever comes of it: it is the server that must not mind.
            drop(tokio::time::timeout(LOST, rude::visit(&site, &mut dice)).await);
        }
        tokio::time::sleep(Duration::from_millis(dice.below(60))).await;
    }
}

/// What grew from the second minute (of a short run: the second third) to the last.
fn grown(samples: &[Sample], answered: u64) -> Vec<String> {
    let count = samples.len();
    let (early, late) = match count {
        240.. => (60..120, count - 60..count),
        _ => (count / 3..count / 3 * 2, count / 3 * 2..count),
    };
    let requests = answered as f64 * (late.start - early.start) as f64 / count.max(1) as f64;
    let mean = |range: &Range<usize>, of: fn(&Sample) -> f64| {
        samples[range.clone()].iter().map(of).sum::<f64>() / range.len().max(1) as f64
    };
    // Between two collections Luau's heap says nothing.
    let least = |range: &Range<usize>, of: fn(&Sample) -> f64| {
        samples[range.clone()]
            .iter()
            .map(of)
            .fold(f64::INFINITY, f64::min)
    };
    let quantities = [
        ("resident memory", mean(&early, resident), mean(&late, resident)),
        (
            "the guest's linear memory",
            mean(&early, memory),
            mean(&late, memory),
        ),
        ("Luau's heap", least(&early, heap), least(&late, heap)),
    ];
    let mut problems = Vec::new();
    for (name, early, late) in quantities {
        println!(
            "{name}: {early:.0} KiB early, {late:.0} KiB late ({:+.1} bytes per answer)",
            (late - early) * 1024.0 / requests.max(1.0)
        );
        if late > early * NOISE.0 + NOISE.1 {
            problems.push(format!("{name} grew from {early:.0} to {late:.0} KiB"));
        }
    }
    problems
}

fn resident(sample: &Sample) -> f64 {
    sample.resident as f64
}

fn memory(sample: &Sample) -> f64 {
    sample.memory as f64
}

fn heap(sample: &Sample) -> f64 {
    sample.heap as f64
}

/// What is not as it was before the first client came, once all had time to come to rest.
async fn left_behind(subject: &Subject, idle: &Sample) -> Result<Vec<String>, Box<dyn Error>> {
    let start = Instant::now();
    loop {
        // What a script let go of is given back when it is collected.
        subject.churn().await?;
        let rest = subject.at_rest().await?;
        let left = rest.beyond(idle);
        if left.is_empty() || start.elapsed() > SETTLE {
            println!("after {:.0} s of rest: {rest}", start.elapsed().as_secs_f64());
            return Ok(left);
        }
    }
}
