//! What was typed, checked: words become permissions and limits, or an error that names the word.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::cli::{LimitArgs, PermissionArgs, RunArgs};
use crate::limits::{LimitError, Limits};
use crate::permissions::{Permissions, RuleError};

/// All that `atoll run` needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    /// The script's path, as typed.
    pub(crate) script: PathBuf,
    /// What it may do.
    pub(crate) permissions: Permissions,
    /// Its bounds.
    pub(crate) limits: Limits,
    /// `process.args`.
    pub(crate) arguments: Vec<String>,
}

/// Why what was typed makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A permission rule does not parse.
    #[error("{flag}: {cause}")]
    Rule {
        /// Where it was given.
        flag: &'static str,
        /// What is wrong with it.
        cause: RuleError,
    },
    /// A limit does not exist, or can't have that value.
    #[error("--limit: {0}")]
    Limit(#[from] LimitError),
    /// The wall time is no time.
    #[error("--timeout must be a number of seconds above 0, got {0:?}")]
    Timeout(String),
}

impl Config {
    /// Checks the words of `atoll run`.
    pub(crate) fn from_args(args: RunArgs) -> Result<Config, ConfigError> {
        Ok(Config {
            script: args.script,
            permissions: permissions(args.permissions)?,
            limits: limits(args.limits)?,
            arguments: args.arguments,
        })
    }
}

fn permissions(args: PermissionArgs) -> Result<Permissions, ConfigError> {
    let permissions = Permissions::none()
        .allow_net(rules("--allow-net", &args.allow_net)?)
        .deny_net(rules("--deny-net", &args.deny_net)?)
        .allow_listen(rules("--allow-listen", &args.allow_listen)?)
        .deny_listen(rules("--deny-listen", &args.deny_listen)?);
    Ok(if args.allow_all {
        permissions.allow_all()
    } else {
        permissions
    })
}

fn limits(args: LimitArgs) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
    for assignment in &args.limit {
        limits.set(assignment)?;
    }
    limits.wall = args.timeout.map(wall).transpose()?;
    Ok(limits)
}

fn rules<R: FromStr<Err = RuleError>>(flag: &'static str, words: &[String]) -> Result<Vec<R>, ConfigError> {
    words
        .iter()
        .map(|word| word.parse().map_err(|cause| ConfigError::Rule { flag, cause }))
        .collect()
}

fn wall(text: String) -> Result<Duration, ConfigError> {
    let time = text.parse().ok().filter(|seconds| *seconds > 0.0);
    time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or(ConfigError::Timeout(text))
}
