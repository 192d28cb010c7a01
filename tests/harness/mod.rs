//! What the cases and the coded tests are played with: the real binary, raw sockets, and peers that
//! can misbehave. Everything is on the loopback, on ports that the system picks.

pub(crate) mod case;
pub(crate) mod child;
pub(crate) mod dialogue;
pub(crate) mod http;
pub(crate) mod matching;
pub(crate) mod notation;
pub(crate) mod peer;

use std::path::{Path, PathBuf};

/// The folder of the whole project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is a folder of the workspace")
        .into()
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
