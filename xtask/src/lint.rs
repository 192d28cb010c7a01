//! The checks that need no run: formatting, clippy and rustdoc, with every warning an error.
//!
//! Called by `cargo xtask lint`, which a developer and CI both use, so that the two cannot disagree. It stops
//! at the first check that fails and repairs nothing.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::guest::component::Flavour;
use crate::process::{self, ProcessError};

/// Runs every check on the project at `root`, whose build folder is `target`.
///
/// # Errors
/// [`ProcessError`] of the first check that fails; the check has printed what it found.
pub fn lint(root: &Path, target: &Path) -> Result<(), ProcessError> {
    let cargo = || {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root);
        cargo
    };
    process::run(cargo().args(["fmt", "--all", "--check"]))?;
    process::run(cargo().args(["fmt", "--check", "--manifest-path", "guest/Cargo.toml"]))?;
    process::run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"]))?;
    // A plain `cargo test` leaves this target out, and so does `--all-targets`.
    process::run(cargo().args(["clippy", "--package=atoll", "--test=peers", "--", "-Dwarnings"]))?;
    // For this machine's own target: rustup's clippy can't check for the guest's without its standard library.
    for flavour in Flavour::ALL {
        let mut guest = cargo();
        guest.args([
            "clippy",
            "--locked",
            "--manifest-path",
            "guest/Cargo.toml",
            "--target-dir",
        ]);
        process::run(
            guest
                .arg(target.join("guest-lint"))
                .args(flavour.features())
                .args(["--all-targets", "--", "-Dwarnings"]),
        )?;
    }
    process::run(
        cargo()
            .env("RUSTDOCFLAGS", "-Dwarnings")
            .args(["doc", "--workspace", "--no-deps"]),
    )
}
