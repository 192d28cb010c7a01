//! The target `wasi-http`: has the script started, tells what it says meanwhile, and why no component came of it.

use std::io::Write;

use super::super::{Exit, LimitArgs, fail, folders, say, usage};
use crate::config;
use crate::diagnostics::tell;
use crate::project::Files;
use crate::runtime::component::{Unbuilt, build};

/// The component's bytes.
///
/// # Errors
///
/// How the program ends, once it is told why.
pub(super) fn component(
    files: &Files,
    limits: LimitArgs,
    executor: &tokio::runtime::Runtime,
) -> Result<Vec<u8>, Exit> {
    let limits = config::limits(limits, None).map_err(|error| usage(&error.to_string()))?;
    let built = executor.block_on(build(files, &limits, folders::cache()));
    say(&built.out);
    // A closed pipe is no reason to fail.
    drop(std::io::stderr().lock().write_all(&built.err));
    built.component.map_err(|unbuilt| match unbuilt {
        Unbuilt::Script(error) => {
            tell(&error.diagnostic());
            Exit::Failed
        }
        limit @ Unbuilt::Limit(_) => fail(Exit::Limit, &limit.to_string()),
        other => fail(Exit::Failed, &other.to_string()),
    })
}
