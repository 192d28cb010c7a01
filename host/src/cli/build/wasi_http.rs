//! The target `wasi-http`: has the script started, tells what it says meanwhile, and why no component came of it.

use std::env;
use std::io::Write;
use std::time::{Duration, SystemTime};

use super::super::{Exit, LimitArgs, fail, folders, say, usage};
use crate::config;
use crate::diagnostics::tell;
use crate::project::Files;
use crate::runtime::component::{Unbuilt, build};

/// The variable that names a date for builds, in seconds since 1970 (reproducible-builds.org, "SOURCE_DATE_EPOCH").
const DATE: &str = "SOURCE_DATE_EPOCH";

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
    let date = date().map_err(|problem| usage(&problem))?;
    let built = executor.block_on(build(files, &limits, folders::cache(), date));
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

/// What a script is told that asks for the date while its component is built.
fn date() -> Result<Duration, String> {
    let Some(given) = env::var_os(DATE) else {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // A clock that is set before 1970 is told as 1970.
        return Ok(now.unwrap_or_default());
    };
    let seconds: Option<u32> = given.to_str().and_then(|text| text.parse().ok());
    seconds.map(|seconds| Duration::from_secs(seconds.into())).ok_or_else(|| {
        format!("the variable {DATE} must be a whole number of seconds since 1970, got {given:?}; unset it, or set it so")
    })
}
