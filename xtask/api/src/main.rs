//! What the library `atoll` hands out, line by line, compared with `host/api.txt`: `cargo xtask api` starts it.
//!
//! rustdoc writes the surface as JSON, which on a stable compiler it does only if told to believe that it is none. Told to the whole
//! build that would compile every dependency anew, so this program stands in for rustdoc and tells it alone.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Where the real rustdoc is, for this program as one.
const RUSTDOC: &str = "ATOLL_API_RUSTDOC";

/// The record, below the project's root.
const RECORD: &str = "host/api.txt";

fn main() -> ExitCode {
    if let Some(rustdoc) = env::var_os(RUSTDOC) {
        let status = Command::new(rustdoc)
            .env("RUSTC_BOOTSTRAP", "1")
            .args(env::args_os().skip(1))
            .status();
        return match status {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
    }
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let bless = match words.as_slice() {
        [] => false,
        ["--bless"] => true,
        other => {
            eprintln!("error: no such words: `{}`; there is --bless", other.join(" "));
            return ExitCode::from(2);
        }
    };
    match run(bless) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(bless: bool) -> Result<(), Box<dyn Error>> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or("run this as `cargo xtask api`")?;
    let root = Path::new(&manifest)
        .ancestors()
        .nth(2)
        .ok_or("the package has no project")?;
    let surface = surface(root)?;
    let record = root.join(RECORD);
    if bless {
        fs::write(&record, surface)?;
        println!("{RECORD}: written");
        return Ok(());
    }
    let recorded = fs::read_to_string(&record)?;
    if surface == recorded {
        println!("{RECORD}: the library hands out the same");
        return Ok(());
    }
    let (before, now): (Vec<&str>, Vec<&str>) = (recorded.lines().collect(), surface.lines().collect());
    for line in before.iter().filter(|line| !now.contains(line)) {
        println!("- {line}");
    }
    for line in now.iter().filter(|line| !before.contains(line)) {
        println!("+ {line}");
    }
    Err(format!(
        "the library hands out something else than {RECORD} records; if that is meant, `cargo xtask api --bless` records it, \
         and CHANGELOG.md tells it"
    )
    .into())
}

/// All of it, a line each.
fn surface(root: &Path) -> Result<String, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let rustdoc = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    let status = Command::new(cargo)
        .current_dir(root)
        .env("RUSTDOC", env::current_exe()?)
        .env(RUSTDOC, rustdoc)
        .args([
            "rustdoc",
            "--package=atoll",
            "--lib",
            "--",
            "-Zunstable-options",
            "--output-format=json",
            "--cap-lints=allow",
        ])
        .status()?;
    if !status.success() {
        return Err("rustdoc did not write the library's surface".into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let json = root.join(target).join("doc/atoll.json");
    let surface = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(surface.to_string())
}
