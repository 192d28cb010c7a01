//! What the cases and the coded tests are played with: the real binary, raw sockets, and peers that
//! can misbehave. Everything is on the loopback, on ports that the system picks.

#[allow(dead_code, reason = "each of the two test targets needs a part of it")]
pub(crate) mod bless;
pub(crate) mod case;
#[allow(dead_code, reason = "each of the two test targets needs a part of it")]
pub(crate) mod certificates;
pub(crate) mod child;
pub(crate) mod dialogue;
pub(crate) mod http;
pub(crate) mod matching;
pub(crate) mod notation;
pub(crate) mod peer;
pub(crate) mod scene;
#[allow(dead_code, reason = "each of the two test targets needs a part of it")]
pub(crate) mod terminal;
#[allow(dead_code, reason = "each of the two test targets needs a part of it")]
pub(crate) mod websocket;

use std::path::{Path, PathBuf};
use std::time::Duration;

use child::Atoll;

/// The folder of the whole project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a folder of the workspace")
        .into()
}

/// Has the guest compiled and cached once, before the tests run side by side.
pub(crate) fn compile_guest() {
    let outcome = Atoll::source("warm_up", "", [""; 0])
        .and_then(|atoll| atoll.time_limit(Duration::from_secs(300)).finish())
        .and_then(|finished| finished.expect_code(0).map(|_| ()));
    if let Err(error) = outcome {
        // The tests say in detail what does not work.
        eprintln!(
            "warning: an empty script fails: {}",
            error.message().unwrap_or_default()
        );
    }
}

/// Names each listed function's test after its module and itself.
macro_rules! trials {
    ($($function:ident),+ $(,)?) => {
        vec![$(libtest_mimic::Trial::test(
            concat!(module_path!(), "::", stringify!($function)).trim_start_matches("suite::"),
            $function,
        )),+]
    };
}
pub(crate) use trials;
