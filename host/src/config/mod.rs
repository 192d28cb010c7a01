//! What was typed and what `atoll.toml` says, checked: words become permissions and limits, or an error that names the
//! word.

pub(crate) mod file;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use self::file::{File, Grant, Package, PermissionTable};
use crate::cli::{
    LimitArgs, Mode, PermissionArgs, PermissionsArgs, ReplArgs, RunArgs, TestArgs, WatchArgs, processors,
};
use crate::limits::{LimitError, Limits};
use crate::permissions::{Permissions, RuleError};

pub(crate) use self::file::FileError;

/// More than machines have processors.
const MOST_WORKERS: usize = 1024;

/// All that `atoll run` needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    /// The script's path, as typed; empty for a session and for tests.
    pub(crate) script: PathBuf,
    /// What it may do.
    pub(crate) policy: Policy,
    /// Its bounds.
    pub(crate) limits: Limits,
    /// `process.args`.
    pub(crate) arguments: Vec<String>,
    /// Where decisions are recorded: a file, or `-`.
    pub(crate) audit: Option<PathBuf>,
    /// Whether missing permissions are only noted.
    pub(crate) learns: bool,
    /// Where requests are recorded: a file, or `-`.
    pub(crate) access_log: Option<PathBuf>,
    /// Where metrics are served.
    pub(crate) metrics: Option<SocketAddr>,
    /// How many run the script side by side.
    pub(crate) workers: usize,
    /// Whether each request has an instance of its own.
    pub(crate) isolates: bool,
}

/// What a script may do, and where that was said.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    /// What decides.
    pub(crate) permissions: Permissions,
    /// The same, word by word.
    pub(crate) entries: Vec<Entry>,
}

/// One word of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Which flag it belongs to: `--allow-net`.
    pub(crate) flag: &'static str,
    /// The rule in canonical form, or a name; empty for `--allow-all`.
    pub(crate) rule: String,
    /// `command line`, or the file.
    pub(crate) source: String,
}

/// Why what was typed makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A permission rule does not parse.
    #[error("{place}: {cause}")]
    Rule {
        /// Where it was given.
        place: String,
        /// What is wrong with it.
        cause: RuleError,
    },
    /// A name of a variable can't be one.
    #[error("{place}: {name:?} is no name of a variable: it is empty, or has a `=` or a NUL")]
    Variable {
        /// Where it was given.
        place: String,
        /// What was given.
        name: String,
    },
    /// A limit does not exist, or can't have that value.
    #[error("{place}: {cause}")]
    Limit {
        /// Where it was given.
        place: String,
        /// What is wrong with it.
        cause: LimitError,
    },
    /// The wall time is no time.
    #[error("{place} must be a number of seconds above 0, got {value:?}")]
    Timeout {
        /// Where it was given.
        place: String,
        /// What was given.
        value: String,
    },
    /// The address for metrics is none.
    #[error("--metrics must be an IP address and a port, as in 127.0.0.1:9464 or [::1]:0, got {0:?}")]
    Endpoint(String),
    /// The number of workers is none.
    #[error("--workers must be `auto` or an integer from 1 to {MOST_WORKERS}, got {0:?}")]
    Workers(String),
    /// The config file can't be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Where words come from.
enum Source<'a> {
    CommandLine,
    File(&'a Path),
}

impl Source<'_> {
    /// How an error names a flag's place.
    fn place(&self, flag: &str) -> String {
        match self {
            Source::CommandLine => flag.to_owned(),
            Source::File(path) => format!("{}: {}", path.display(), flag.trim_start_matches('-')),
        }
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::CommandLine => f.write_str("command line"),
            Source::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Config {
    /// Checks the words of `atoll run`.
    pub(crate) fn from_args(args: RunArgs) -> Result<Config, ConfigError> {
        let config = Config::of(args.arguments, args.permissions, args.watch, args.limits)?;
        Ok(Config {
            script: args.script,
            access_log: args.traffic.access_log,
            metrics: args.traffic.metrics.as_deref().map(endpoint).transpose()?,
            workers: workers(&args.workers)?,
            isolates: args.isolate.is_some(),
            ..config
        })
    }

    /// Checks the words of `atoll test` that `atoll run` has too.
    pub(crate) fn of_tests(args: TestArgs) -> Result<Config, ConfigError> {
        Config::of(args.arguments, args.permissions, args.watch, args.limits)
    }

    /// Checks the words of `atoll repl`.
    pub(crate) fn of_session(args: ReplArgs) -> Result<Config, ConfigError> {
        Config::of(args.arguments, args.permissions, args.watch, args.limits)
    }

    /// Checks what all commands have that run something.
    fn of(
        arguments: Vec<String>,
        permissions: PermissionArgs,
        watch: WatchArgs,
        bounds: LimitArgs,
    ) -> Result<Config, ConfigError> {
        let (policy, file) = Policy::from_args(permissions)?;
        Ok(Config {
            script: PathBuf::new(),
            policy,
            limits: limits(bounds, file)?,
            arguments,
            audit: watch.audit,
            learns: watch.mode == Mode::Audit,
            access_log: None,
            metrics: None,
            workers: 1,
            isolates: false,
        })
    }
}

/// What `--workers` says.
pub(crate) fn workers(word: &str) -> Result<usize, ConfigError> {
    match word {
        "auto" => Ok(processors().min(MOST_WORKERS)),
        number => number
            .parse()
            .ok()
            .filter(|number| (1..=MOST_WORKERS).contains(number))
            .ok_or_else(|| ConfigError::Workers(word.to_owned())),
    }
}

impl Policy {
    /// Checks the words of `atoll permissions`.
    pub(crate) fn of(args: PermissionsArgs) -> Result<(Policy, Limits), ConfigError> {
        let (policy, file) = Policy::from_args(args.permissions)?;
        Ok((policy, limits(args.limits, file)?))
    }

    /// Checks the words of `atoll build`: what an app asks for, and what the file calls it.
    pub(crate) fn of_app(args: PermissionArgs) -> Result<(Policy, Package), ConfigError> {
        let (policy, file) = Policy::from_args(args)?;
        Ok((policy, file.map(|(_, file)| file.package).unwrap_or_default()))
    }

    /// What the config file says, if one is named, and what the flags add to it; and that file, for its limits.
    fn from_args(args: PermissionArgs) -> Result<(Policy, Option<(PathBuf, File)>), ConfigError> {
        let mut policy = Policy::default();
        let file = match args.config {
            None => None,
            Some(path) => {
                let mut file = file::read(&path)?;
                policy.add(std::mem::take(&mut file.permissions), &Source::File(&path))?;
                Some((path, file))
            }
        };
        let rules = |words: Vec<String>| match words.is_empty() {
            true => Grant::Nothing,
            false => Grant::Rules(words),
        };
        let typed = PermissionTable {
            allow_net: rules(args.allow_net),
            deny_net: args.deny_net,
            allow_listen: rules(args.allow_listen),
            deny_listen: args.deny_listen,
            allow_env: rules(args.allow_env),
            allow_all: args.allow_all,
        };
        policy.add(typed, &Source::CommandLine)?;
        Ok((policy, file))
    }

    fn add(&mut self, table: PermissionTable, source: &Source<'_>) -> Result<(), ConfigError> {
        let words = |grant: Grant, bare: &str| match grant {
            Grant::Nothing => Vec::new(),
            Grant::Bare => vec![bare.to_owned()],
            Grant::Rules(words) => words,
        };
        let allow_net = self.rules("--allow-net", words(table.allow_net, "public"), source)?;
        let deny_net = self.rules("--deny-net", table.deny_net, source)?;
        let allow_listen = self.rules("--allow-listen", words(table.allow_listen, "*"), source)?;
        let deny_listen = self.rules("--deny-listen", table.deny_listen, source)?;
        let allow_env = words(table.allow_env, "*");
        for name in &allow_env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(ConfigError::Variable {
                    place: source.place("--allow-env"),
                    name: name.clone(),
                });
            }
            self.note("--allow-env", name.clone(), source);
        }
        let permissions = std::mem::take(&mut self.permissions)
            .allow_net(allow_net)
            .deny_net(deny_net)
            .allow_listen(allow_listen)
            .deny_listen(deny_listen)
            .allow_env(allow_env);
        self.permissions = if table.allow_all {
            self.note("--allow-all", String::new(), source);
            permissions.allow_all()
        } else {
            permissions
        };
        Ok(())
    }

    fn rules<R: FromStr<Err = RuleError> + fmt::Display>(
        &mut self,
        flag: &'static str,
        words: Vec<String>,
        source: &Source<'_>,
    ) -> Result<Vec<R>, ConfigError> {
        let mut rules = Vec::with_capacity(words.len());
        for word in words {
            let rule: R = word.parse().map_err(|cause| ConfigError::Rule {
                place: source.place(flag),
                cause,
            })?;
            self.note(flag, rule.to_string(), source);
            rules.push(rule);
        }
        Ok(rules)
    }

    fn note(&mut self, flag: &'static str, rule: String, source: &Source<'_>) {
        self.entries.push(Entry {
            flag,
            rule,
            source: source.to_string(),
        });
    }
}

/// What the file says, then what the flags say.
pub(crate) fn limits(args: LimitArgs, file: Option<(PathBuf, File)>) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
    if let Some((path, file)) = &file {
        let source = Source::File(path);
        for (name, value) in &file.limits {
            if name == "timeout" {
                limits.wall = Some(wall(&value.0, source.place("limits.timeout"))?);
                continue;
            }
            limits
                .set(&format!("{name}={}", value.0))
                .map_err(|cause| ConfigError::Limit {
                    place: source.place("limits"),
                    cause,
                })?;
        }
    }
    for assignment in &args.limit {
        limits.set(assignment).map_err(|cause| ConfigError::Limit {
            place: "--limit".to_owned(),
            cause,
        })?;
    }
    if let Some(text) = args.timeout {
        limits.wall = Some(wall(&text, "--timeout".to_owned())?);
    }
    Ok(limits)
}

/// An address and a port; `localhost` is IPv4's.
fn endpoint(text: &str) -> Result<SocketAddr, ConfigError> {
    let literal = match text.strip_prefix("localhost:") {
        Some(port) => format!("{}:{port}", Ipv4Addr::LOCALHOST),
        None => text.to_owned(),
    };
    literal
        .parse()
        .map_err(|_| ConfigError::Endpoint(text.to_owned()))
}

fn wall(text: &str, place: String) -> Result<Duration, ConfigError> {
    let time = text.parse().ok().filter(|seconds| *seconds > 0.0);
    time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| ConfigError::Timeout {
            place,
            value: text.to_owned(),
        })
}
