//! The flags that several commands have. `args` has the commands.

use std::path::PathBuf;

use anstream::ColorChoice;
use clap::{Args as ClapArgs, ValueEnum};

/// The flags of the host's log.
#[derive(Debug, ClapArgs)]
pub(crate) struct LogArgs {
    /// Host log on standard error: a level or filter, as in `info` or `atoll::http=debug` [default: $RUST_LOG]
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// How lines of the log look
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        hide_default_value = true,
        hide_possible_values = true,
        help = "How lines of the log look: `text` (the default) or `json`"
    )]
    pub(crate) log_format: LogFormat,

    /// Colours on standard error: of themselves on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value = "auto")]
    pub(crate) color: Color,
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Chooses for the whole process, which is the command line's.
    pub(super) fn choose(self) {
        let choice = match self {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// The flags that become `Permissions`.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Permissions")]
pub(crate) struct PermissionArgs {
    /// Allow outgoing requests; bare: to every public address
    #[arg(long, value_name = RULES, num_args = 0..=1, require_equals = true, default_missing_value = "public", value_delimiter = ',')]
    pub(crate) allow_net: Vec<String>,

    /// Allow to listen; bare: on any local address and port
    #[arg(long, value_name = RULES, num_args = 0..=1, require_equals = true, default_missing_value = "*", value_delimiter = ',')]
    pub(crate) allow_listen: Vec<String>,

    /// Refuse outgoing requests, whatever else allows them
    #[arg(long, value_name = RULES, require_equals = true, value_delimiter = ',')]
    pub(crate) deny_net: Vec<String>,

    /// Refuse to listen, whatever else allows it
    #[arg(long, value_name = RULES, require_equals = true, value_delimiter = ',')]
    pub(crate) deny_listen: Vec<String>,

    /// Allow to read variables of the environment; bare: all of them
    #[arg(long, value_name = "NAME,…", num_args = 0..=1, require_equals = true, default_missing_value = "*", value_delimiter = ',')]
    pub(crate) allow_env: Vec<String>,

    /// Allow everything but cloud metadata addresses
    #[arg(short = 'A', long)]
    pub(crate) allow_all: bool,

    /// Read [permissions] and [limits] from this file; flags add to it
    #[arg(long, value_name = "ATOLL.TOML")]
    pub(crate) config: Option<PathBuf>,
}

/// The flags that show decisions.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Permissions")]
pub(crate) struct WatchArgs {
    /// Write a JSON line for each decision to this file (`-`: standard error)
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,

    /// `enforce`; or `audit`: nothing is refused but metadata addresses, and at the end the flags that were missing are
    /// shown
    #[arg(
        long = "permissions",
        value_name = "MODE",
        value_enum,
        hide_possible_values = true,
        default_value = "enforce",
        require_equals = true
    )]
    pub(crate) mode: Mode,
}

/// What becomes of what is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// It is refused.
    Enforce,
    /// It is noted.
    Audit,
}

/// The flags that show what goes on.
#[derive(Debug, Default, Clone, ClapArgs)]
#[command(next_help_heading = "Observability")]
pub(crate) struct TrafficArgs {
    /// Write a line for each request of the script's servers, in the combined format; bare, or `-`: standard error
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub(crate) access_log: Option<PathBuf>,

    /// Answer Prometheus on http://ADDRESS:PORT/metrics; the script can't reach it
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) metrics: Option<String>,
}

/// How the help text shows a list of rules.
const RULES: &str = "RULE,…";

/// The flags that become `Limits`.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Change a limit (see below); may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) limit: Vec<String>,

    /// End the script after this time
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<String>,
}
