//! The hostile guest: the virtual machine is taken over, and calls the host as it likes. Each attack is a component of
//! its own, in place of the Luau machine, beside an honest server in the same process.
//!
//! Each runs in a process of its own: so its memory can be measured, and a host that aborts fails one test.

mod beyond;
mod bypasses;
mod files;
mod floods;
mod guest;
mod handles;
mod neighbour;
mod order;
mod queues;
mod scene;
mod spinning;
mod values;
mod wire;

use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::Running;

/// Set where a process runs one attack.
const ALONE: &str = "ATOLL_TEST_ALONE";

/// An attack that goes on for so long has found a hang.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The tests of this file and of its folder.
pub(crate) fn trials() -> Vec<Trial> {
    let mut all = beyond::trials();
    all.extend(bypasses::trials());
    all.extend(files::trials());
    all.extend(floods::trials());
    all.extend(handles::trials());
    all.extend(order::trials());
    all.extend(queues::trials());
    all.extend(spinning::trials());
    all.extend(values::trials());
    all.extend(wire::trials());
    all
}

/// Whether this process is there for one attack.
pub(crate) fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// Runs the test in a process of its own.
fn alone(name: &str, test: fn() -> Result<(), Failed>) -> Result<(), Failed> {
    if is_alone() {
        return test();
    }
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let finished = Running::start(command, TIME_LIMIT)?.finish()?;
    finished.expect_code(0)?;
    // A task's panic is caught by tokio, and is a defect all the same.
    if finished.err().contains("panicked at") {
        return Err(format!("the host panicked:\n{}", finished.err()).into());
    }
    if !finished.out().contains("1 passed") {
        return Err(format!("no such test: {}", finished.out()).into());
    }
    Ok(())
}

/// As `harness::trials`, each test in a process of its own.
macro_rules! attacks {
    ($($function:ident),+ $(,)?) => {
        vec![$({
            let name = concat!(module_path!(), "::", stringify!($function)).trim_start_matches("suite::");
            libtest_mimic::Trial::test(name, move || $crate::hostile::alone(name, $function))
        }),+]
    };
}
use attacks;
