//! The CPU set in the sandbox, against the same Luau as native code.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use crate::median::{geometric_mean, spread};

/// What both sides run.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cpu.luau");

/// Seconds by the name of the work.
type Times = BTreeMap<String, f64>;

/// Prints each piece of work's ratio, the mean of all, and what `RUST_BACKTRACE` costs an error.
pub(crate) fn run(atoll: &Path, rounds: usize) -> Result<(), Box<dyn Error>> {
    let mut ratios: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut backtrace = Vec::new();
    for _ in 0..rounds {
        let native = times(Command::new(std::env::current_exe()?).args(["luau", SCRIPT]))?;
        let ours = |value| {
            times(
                Command::new(atoll)
                    .args(["run", SCRIPT, "--limit", "run=600"])
                    .env("RUST_BACKTRACE", value),
            )
        };
        let (without, with) = (ours("0")?, ours("1")?);
        for (name, seconds) in &without {
            let reference = native
                .get(name)
                .ok_or_else(|| format!("{name} is missing from the reference"))?;
            ratios.entry(name.clone()).or_default().push(seconds / reference);
        }
        let errors = |times: &Times| times.get("pcall-error").copied().unwrap_or(f64::NAN);
        backtrace.push(errors(&with) / errors(&without));
    }
    println!("time in Atoll / time in native Luau, median of {rounds} rounds (lowest to highest)");
    let mut medians = Vec::new();
    for (name, samples) in &ratios {
        let (median, low, high) = spread(samples);
        medians.push(median);
        println!("  {name:<12} {median:>6.2}  ({low:.2} to {high:.2})");
    }
    println!("  {:<12} {:>6.2}", "mean", geometric_mean(&medians));
    let (median, low, high) = spread(&backtrace);
    println!("pcall-error with RUST_BACKTRACE=1 / without: {median:.2}  ({low:.2} to {high:.2})");
    Ok(())
}

/// Runs the script in native Luau.
pub(crate) fn reference(script: &Path) -> Result<(), Box<dyn Error>> {
    let lua = mlua::Lua::new();
    lua.sandbox(true)?;
    Ok(lua.load(std::fs::read(script)?).set_name("=cpu").exec()?)
}

fn times(command: &mut Command) -> Result<Times, Box<dyn Error>> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs
        .map(|(name, time)| Ok((name.to_owned(), time.parse()?)))
        .collect::<Result<_, std::num::ParseFloatError>>()?)
}
