//! `cargo xtask`: what was typed, and what came of it. All work is the library's. An argument that it does not
//! know ends it with exit code 2, a task that fails with 1.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use xtask::docs;
use xtask::guest::build::{self, Mode, Outcome};
use xtask::guest::toolchain::{self, Toolchain, ToolchainError};
use xtask::{api, lint, package};

const USAGE: &str = "\
Usage: cargo xtask <TASK>

Tasks:
  guest [--check] [--install]  build the guest's components from source
      --check    compare them with the committed ones instead of replacing those
      --install  first install the Debian packages that are missing (as root)
  docs [--check]               write docs/lib/ from the comments of guest/types/
      --check    compare instead
  package [PROGRAM]            make the archive of a release in target/dist/, of this program or a fresh one
  api [--bless]                compare what the library hands out with host/api.txt
      --bless    record it instead
  lint                         rustfmt, clippy and rustdoc, warnings are errors
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["guest", options @ ..]
            if options
                .iter()
                .all(|option| ["--check", "--install"].contains(option)) =>
        {
            let mode = if options.contains(&"--check") {
                Mode::Check
            } else {
                Mode::Write
            };
            guest(mode, options.contains(&"--install"))
        }
        ["docs"] => documentation(),
        ["docs", "--check"] => root().and_then(|root| Ok(docs::check(&root)?)),
        ["package"] => archive(None),
        ["package", program] => archive(Some(Path::new(program))),
        ["api"] => root().and_then(|root| Ok(api::compare(&root, false)?)),
        ["api", "--bless"] => root().and_then(|root| Ok(api::compare(&root, true)?)),
        ["lint"] => root().and_then(|root| Ok(lint::lint(&root, &target(&root))?)),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("error: no such task: `{}`\n\n{USAGE}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn guest(mode: Mode, install: bool) -> Result<(), Box<dyn Error>> {
    let root = root()?;
    if install && let Err(ToolchainError::Missing(missing)) = Toolchain::find() {
        toolchain::install(&missing)?;
    }
    let outcome = build::build(&root, &target(&root), mode)?;
    match outcome {
        Outcome::First => println!("guest/prebuilt: built"),
        Outcome::Same => println!("guest/prebuilt: the same bytes as before"),
        Outcome::Inputs(changes) => {
            println!(
                "guest/prebuilt: rebuilt, {} of its sources changed",
                changes.len()
            );
        }
        Outcome::Tools(differences) => {
            println!("guest/prebuilt: other bytes from the same sources, because the tools differ:");
            for difference in differences {
                println!("  {difference}");
            }
        }
    }
    Ok(())
}

fn archive(program: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let root = root()?;
    let target = target(&root);
    let program = match program {
        Some(program) => std::path::absolute(program)?,
        None => package::build(&root, &target)?,
    };
    let made = package::package(&root, &program, &target.join("dist"))?;
    println!(
        "{}: made, with a program of {} bytes",
        made.archive.display(),
        made.program
    );
    Ok(())
}

fn documentation() -> Result<(), Box<dyn Error>> {
    for page in docs::write(&root()?)? {
        println!("{page}: written");
    }
    Ok(())
}

/// The project's root. Asked of cargo at run time: a path compiled in would be another clone's when two share
/// a build folder.
fn root() -> Result<PathBuf, Box<dyn Error>> {
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").ok_or("run this as `cargo xtask`, from inside the project")?;
    let root = Path::new(&manifest)
        .parent()
        .ok_or("the xtask package has no parent folder")?;
    Ok(root.to_owned())
}

/// Cargo's build folder, which the guest's own builds share.
fn target(root: &Path) -> PathBuf {
    root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
