//! What can be typed. No IO and no policy: words only.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::flags::{LimitArgs, LogArgs, PermissionArgs, TrafficArgs, WatchArgs};
use super::help;

/// Run Luau network scripts that nobody has to trust.
#[derive(Debug, Parser)]
#[command(
    name = "atoll",
    bin_name = "atoll",
    version,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 the script or the command failed, 2 bad usage or permission syntax,\n\
                  3 stopped by a limit, 130 Ctrl-C, 143 SIGTERM, or what the script gave to process.exit.\n\n\
                  Example:\n  atoll init hello && cd hello && atoll run main.luau --config atoll.toml"
)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    /// The host's log.
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a script in the sandbox; nothing is allowed unless a flag allows it
    Run(RunArgs),
    /// Run the tests in files that are called *.test.luau or *.spec.luau
    Test(TestArgs),
    /// Run what is typed, line by line, and show the results
    Repl(ReplArgs),
    /// Find mistakes in scripts without running them
    Check(CheckArgs),
    /// Put a script and its modules into one WebAssembly component, for `atoll run` or for hosts of wasi:http
    Build(BuildArgs),
    /// Show what these flags and this config allow a script, as a table
    Permissions(PermissionsArgs),
    /// Start a small project: a script, what it may do, types for editors
    Init(InitArgs),
    /// Write the types of the libraries, and the settings that have an editor find them
    Types(TypesArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page of atoll, or of one of its commands
    Man(ManArgs),
}

/// `atoll run`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_help = help::run())]
pub(crate) struct RunArgs {
    /// The script, or an app that `atoll build` has made of one
    #[arg(value_name = "SCRIPT.luau|APP.wasm")]
    pub(crate) script: PathBuf,

    /// `process.args` of the script
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,

    /// Start afresh when the script, a module or the config changes; servers keep their ports
    #[arg(long = "watch")]
    pub(crate) again: bool,

    /// Threads that run the script side by side, each with its own instance; `auto`: one for each processor
    #[arg(long, value_name = "N|auto", default_value = "1")]
    pub(crate) workers: String,

    /// Answer each request in an instance of its own, which begins as the script's start has left it: what one request does, no
    /// other sees
    #[arg(long, value_enum, value_name = "UNIT")]
    pub(crate) isolate: Option<Isolate>,

    /// What it may do.
    #[command(flatten)]
    pub(crate) permissions: PermissionArgs,

    /// What is told of that.
    #[command(flatten)]
    pub(crate) watch: WatchArgs,

    /// What is told of its traffic.
    #[command(flatten)]
    pub(crate) traffic: TrafficArgs,

    /// Its bounds.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// `atoll repl`.
#[derive(Debug, ClapArgs)]
#[command(after_help = help::repl())]
pub(crate) struct ReplArgs {
    /// `process.args` of the session
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,

    /// What it may do.
    #[command(flatten)]
    pub(crate) permissions: PermissionArgs,

    /// What is told of that.
    #[command(flatten)]
    pub(crate) watch: WatchArgs,

    /// Its bounds.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// `atoll test`.
#[derive(Debug, ClapArgs)]
#[command(after_help = help::TEST)]
pub(crate) struct TestArgs {
    /// Files with tests, and folders to look for them in
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,

    /// `process.args` of the files
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,

    /// Run only tests with this in their names, those of their groups included (`group > test`)
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,

    /// End with the first failure
    #[arg(long)]
    pub(crate) bail: bool,

    /// Files that run at once [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) jobs: Option<u8>,

    /// How long a test, or a hook, may take
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub(crate) test_timeout: String,

    /// The report: `human`, `tap` (Test Anything Protocol, version 14) or `junit` (XML)
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        default_value = "human"
    )]
    pub(crate) reporter: ReporterKind,

    /// Write the report to this file; standard output has the human one
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// What the files may do.
    #[command(flatten)]
    pub(crate) permissions: PermissionArgs,

    /// What is told of that.
    #[command(flatten)]
    pub(crate) watch: WatchArgs,

    /// Their bounds.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// What has an instance of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Isolate {
    /// Each request.
    Request,
}

/// What a report of tests looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReporterKind {
    /// For people.
    Human,
    /// Test Anything Protocol.
    Tap,
    /// XML.
    Junit,
}

/// `atoll check`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "It finds what is no Luau, strings that `require` asks for and that lead nowhere, and names of options that \
                  `net.serve` and its like do not know, in scripts and in the modules that they require. Nothing is run. \
                  Of a folder it checks every *.luau and *.lua but definition files and what is in folders whose names \
                  begin with a dot; where no atoll.toml or .luaurc says otherwise, it is the root of their requires.\n\n\
                  Exit codes: 0 nothing found, 1 something found, 2 a script cannot be read.\n\n\
                  Examples:\n  atoll check main.luau\n  atoll check . --format json"
)]
pub(crate) struct CheckArgs {
    /// Scripts, and folders of scripts
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// `text`; or `json`: an object a line, with path, line, column and message
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        default_value = "text"
    )]
    pub(crate) format: Format,
}

/// How findings are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the line of source.
    Text,
    /// For programs.
    Json,
}

/// `atoll build`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "The app has in it what the script requires by strings that stand in it, and what these require; name what else \
                  it requires with --include. What is no Luau and requires that lead nowhere are told as `atoll check` does. The \
                  app says which permissions it asks for: those of the project's atoll.toml (or of --config) and of the flags. They grant nothing: `atoll run` \
                  allows what its own flags allow, and `atoll permissions APP.wasm` shows both side by side. Its name and version \
                  come from [package] of that file. The same sources make the same bytes, whatever the target is.\n\n\
                  A component for wasi-http runs under `wasmtime serve`, Spin, wasmCloud and other hosts of wasi:http 0.2, and answers \
                  their requests. It imports WASI and nothing else; what it may do is what its host allows. For it the script \
                  runs now, until it waits for requests, and each instance begins with what it has set up. What else it \
                  waits for then must end within --timeout [default: 30]. The limits are those of `atoll run --help`. Waits pass at once there, and os.time is the date of the build \
                  or SOURCE_DATE_EPOCH.\n\n\
                  Exit codes: 0 built, 1 something is wrong with a source, 2 bad usage, or a file that cannot be read.\n\n\
                  Examples:\n  \
                  atoll build main.luau -o hello.wasm && atoll run hello.wasm --allow-listen=localhost\n  \
                  atoll build main.luau -o bot.wasm --include plugins --strip --app-version 1.2.0\n  \
                  atoll build main.luau -o app.wasm --target wasi-http && wasmtime serve app.wasm"
)]
pub(crate) struct BuildArgs {
    /// The script
    #[arg(value_name = "SCRIPT.luau")]
    pub(crate) script: PathBuf,

    /// Where the app is written
    #[arg(short, long, value_name = "APP.wasm")]
    pub(crate) output: PathBuf,

    /// What the component is for: `atoll` is for `atoll run` and embedders of Atoll, `wasi-http` for other hosts
    #[arg(
        long,
        value_name = "TARGET",
        value_enum,
        hide_possible_values = true,
        default_value = "atoll"
    )]
    pub(crate) target: Target,

    /// Modules to put in besides: files, folders, or patterns such as 'plugins/*.luau'
    #[arg(long, value_name = "GLOB|PATH", num_args = 1..)]
    pub(crate) include: Vec<String>,

    /// Put in bytecode in place of the sources: errors then name path and line, and show no source
    #[arg(long)]
    pub(crate) strip: bool,

    /// What the app is called [default: package.name of the config, or the script's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Which version of it this is [default: package.version of the config]
    #[arg(long, value_name = "VERSION")]
    pub(crate) app_version: Option<String>,

    /// What it asks for.
    #[command(flatten)]
    pub(crate) permissions: PermissionArgs,

    /// The bounds of a component for wasi-http.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// What a component is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// `atoll run`, and embedders of Atoll
    Atoll,
    /// Hosts of wasi:http 0.2
    WasiHttp,
}

/// `atoll permissions`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  atoll permissions fetch.luau --config atoll.toml --deny-net=private")]
pub(crate) struct PermissionsArgs {
    /// The script, or an app: then also what it asks for, and what of that is not granted; of a component for wasi-http what it
    /// asks for
    #[arg(value_name = "SCRIPT.luau|APP.wasm")]
    pub(crate) script: PathBuf,

    /// What it may do.
    #[command(flatten)]
    pub(crate) permissions: PermissionArgs,

    /// Its bounds.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// `atoll init`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Where main.luau or atoll.toml is there already, it does nothing.\n\n\
                  Example:\n  atoll init hello"
)]
pub(crate) struct InitArgs {
    /// The folder, created where it is missing
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// `atoll types`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "It writes .atoll/, types with documentation for luau-lsp, and keeps its files up to date until they are \
                  edited. To .luaurc and .vscode/settings.json it adds what is missing; what is there stays. Other \
                  editors have to tell luau-lsp the platform `standard` and the definition file .atoll/atoll.d.luau, \
                  named `@atoll`.\n\n\
                  Example:\n  atoll types my-project"
)]
pub(crate) struct TypesArgs {
    /// The folder of the scripts
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// `atoll completions`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example:\n  atoll completions bash > ~/.local/share/bash-completion/completions/atoll"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// `atoll man`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  atoll man run | man -l -")]
pub(crate) struct ManArgs {
    /// A command; without one the page of atoll itself
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}
