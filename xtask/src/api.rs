//! `cargo xtask api`: starts the program that compares what the library hands out with what is recorded. It is a package of its own
//! (`xtask/api`), as it reads what only one version of the compiler writes.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::process::{self, ProcessError};

/// Compares, or records with `bless`.
///
/// # Errors
/// [`ProcessError`] where they differ; the program has printed how.
pub fn compare(root: &Path, bless: bool) -> Result<(), ProcessError> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root)
        .args(["run", "--quiet", "--package=atoll-api"]);
    if bless {
        cargo.args(["--", "--bless"]);
    }
    process::run(&mut cargo)
}
