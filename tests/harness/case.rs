//! The cases: each folder `cases/<stem>/<name>` is one test of the real binary.
//!
//! - `main.luau`: the script, run as `atoll run main.luau` in its folder.
//! - `args`: what follows on the command line, a word per line. Where a case has none, its stem's hold.
//! - `command`: the whole command line in place of `run main.luau` and `args`.
//! - `input`: what standard input has; nothing where there is none.
//! - `expected.out`, `expected.err`: patterns (see `matching`); where there is none, nothing may be
//!   written. Listening lines are left out of standard error unless the pattern speaks of them.
//! - `expected.component.out`: what a component for wasi:http prints instead (see `wasi/scripts.rs`).
//! - `expected.exit`: the exit code; 0 where there is none. With a `client.http` and no `expected.exit`
//!   the server is interrupted once the client is through, and must end with 130.
//! - `client.http`: what a client says to the script's first server, and must hear (see `notation`).
//! - `peer.http`: the routes of the peer (see `peer`).
//!
//! The cases of some stems run a second time, as apps: built by `atoll build main.luau`, with the words of the file `build`, and
//! run in a folder where nothing else is. They must do and say the same.
//!
//! `ATOLL_BLESS=1` writes the expected output anew (see `bless`).
//!
//! In every file but the script, `{peer}` is the address of a peer, `{other}` that of one without routes,
//! `{closed}` one where nobody listens, `{free}` one that nobody holds, each with `.port` for its port
//! alone; `{server}` (with `.port`) is the script's own server.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Running, scratch};
use crate::harness::scene::{Names, Scene};
use crate::harness::{bless, dialogue, matching, notation, root};

/// How long the output may take to be complete after the client's last exchange.
const SETTLING: Duration = Duration::from_secs(10);

/// The stems whose cases also run as apps.
const BUILT: [&str; 7] = [
    "console",
    "errors",
    "http_client",
    "http_server",
    "json",
    "modules",
    "process",
];

/// Those whose cases also run stripped, where they write no errors: these would lack their lines of source.
const STRIPPED: [&str; 4] = ["console", "json", "modules", "process"];

/// A case of these that does not, as bytecode is not as long as its text.
const NOT_STRIPPED: &str = "modules/limits";

/// Cases of these that no app is built of, as `atoll check` would find a mistake.
const REFUSED: [&str; 7] = [
    "errors/syntax_in_a_module",
    "errors/syntax_of_a_block",
    "errors/syntax_of_brackets",
    "modules/a_luaurc_that_is_wrong",
    "modules/aliases_that_lead_nowhere",
    "modules/errors_in_modules",
    "modules/wrong_strings",
];

/// One test for each folder, and one for each that is built.
pub(crate) fn trials() -> Result<Vec<Trial>, Failed> {
    let mut found = Vec::new();
    for stem in folders(&root().join("tests/cases"))? {
        for folder in folders(&stem)? {
            let label = |path: &Path| {
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            };
            let (stem, case) = (label(&stem), label(&folder));
            let is_run = !folder.join("command").is_file();
            if is_run && BUILT.contains(&stem.as_str()) {
                let app = scratch().join("apps").join(&stem).join(&case);
                let name = format!("{stem}/{case}");
                let is_stripped = STRIPPED.contains(&stem.as_str())
                    && name != NOT_STRIPPED
                    && !folder.join("expected.err").exists();
                let (folder, is_refused) = (folder.clone(), REFUSED.contains(&name.as_str()));
                found.push(Trial::test(format!("built::{stem}::{case}"), move || {
                    if is_refused {
                        return refuse(&folder, &app);
                    }
                    if is_stripped {
                        Case {
                            folder: folder.clone(),
                            app: Some((app.join("stripped"), &["--strip"])),
                        }
                        .run()?;
                    }
                    Case {
                        folder,
                        app: Some((app, &[])),
                    }
                    .run()
                }));
            }
            found.push(Trial::test(format!("cases::{stem}::{case}"), move || {
                Case { folder, app: None }.run()
            }));
        }
    }
    Ok(found)
}

/// No app is built, and it is said why.
fn refuse(folder: &Path, place: &Path) -> Result<(), Failed> {
    fs::create_dir_all(place)?;
    let app = place.join("app.wasm");
    let words = ["build", "main.luau", "-o"].map(OsStr::new);
    let finished = Atoll::new(folder, words.into_iter().chain([app.as_os_str()])).finish()?;
    finished.expect_code(1)?;
    if finished.err().contains(": error: ") && !app.exists() {
        return Ok(());
    }
    Err(format!("no refusal:\n{}", finished.err()).into())
}

/// The folders in one, sorted.
pub(crate) fn folders(parent: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut found: Vec<PathBuf> = fs::read_dir(parent)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    Ok(found)
}

struct Case {
    folder: PathBuf,
    /// The folder for its app, where it runs as one, and how that is built.
    app: Option<(PathBuf, &'static [&'static str])>,
}

impl Case {
    fn run(&self) -> Result<(), Failed> {
        let scene = Scene::new(&self.read("peer.http")?.unwrap_or_default())?;
        // What else is in the scene stays as long.
        let mut names = scene.names;

        let words = self.words(&names)?;
        let mut child = match &self.app {
            None => Atoll::new(&self.folder, words),
            Some((place, how)) => {
                self.build(place, how)?;
                Atoll::new(place, words)
            }
        }
        .typed()
        .start()?;
        child.input(&names.fill_in(&self.read("input")?.unwrap_or_default()))?;
        let exit = match self.read("expected.exit")? {
            Some(text) => Some(
                text.trim()
                    .parse::<i32>()
                    .map_err(|_| "expected.exit: not a number")?,
            ),
            None => None,
        };
        let mut code = exit.unwrap_or(0);
        if let Some(client) = self.read("client.http")? {
            let server = child.address()?;
            names.add("server", server);
            let steps =
                notation::parse(&names.fill_in(&client)).map_err(|error| format!("client.http: {error}"))?;
            dialogue::play(&steps, server, &|name| child.signal(name)).map_err(|error| {
                let stderr = child.stderr.text();
                format!(
                    "{}\n--- stderr ---\n{stderr}",
                    error.message().unwrap_or_default()
                )
            })?;
            if exit.is_none() {
                self.settle(&child, &names)?;
                child.signal("INT")?;
                code = 130;
            }
        }
        let finished = child.finish()?;
        finished.expect_code(code)?;
        self.compare(&names, &finished.out(), &finished.err())
    }

    /// Builds the app in a folder of its own.
    fn build(&self, place: &Path, how: &[&str]) -> Result<(), Failed> {
        fs::create_dir_all(place)?;
        let app = place.join("app.wasm");
        let mut words = vec!["build".to_owned(), "main.luau".to_owned(), "-o".to_owned()];
        words.push(app.display().to_string());
        let more = self.read("build")?.unwrap_or_default();
        words.extend(how.iter().copied().chain(more.lines()).map(str::to_owned));
        let finished = Atoll::new(&self.folder, words).finish()?;
        finished.expect_code(0).map(|_| ())
    }

    fn words(&self, names: &Names) -> Result<Vec<String>, Failed> {
        let words = |text: &str| -> Vec<String> { names.fill_in(text).lines().map(str::to_owned).collect() };
        if let Some(command) = self.read("command")? {
            return Ok(words(&command));
        }
        let stem = Self {
            folder: self.folder.parent().ok_or("a case without a stem")?.into(),
            app: None,
        };
        let flags = match self.read("args")? {
            Some(flags) => flags,
            None => stem.read("args")?.unwrap_or_default(),
        };
        let script = if self.app.is_some() {
            "app.wasm"
        } else {
            "main.luau"
        };
        Ok(["run".to_owned(), script.to_owned()]
            .into_iter()
            .chain(words(&flags))
            .collect())
    }

    /// Waits until the output is what it must be, or will not become it.
    fn settle(&self, child: &Running, names: &Names) -> Result<(), Failed> {
        let deadline = Instant::now() + SETTLING;
        for (file, pipe) in [("expected.out", &child.stdout), ("expected.err", &child.stderr)] {
            let pattern = names.fill_in(&self.read(file)?.unwrap_or_default());
            // A difference is reported at the end, with the whole output.
            let _ = pipe.wait(deadline, file, |text| {
                matching::compare(file, &pattern, &without_listening(text, &pattern)).ok()
            });
        }
        Ok(())
    }

    fn compare(&self, names: &Names, out: &str, err: &str) -> Result<(), Failed> {
        let mut problems = Vec::new();
        for (what, file, text) in [
            ("standard output", "expected.out", out.to_owned()),
            ("standard error", "expected.err", err.to_owned()),
        ] {
            let pattern = self.read(file)?.unwrap_or_default();
            let wanted = names.fill_in(&pattern);
            let text = if file == "expected.err" {
                without_listening(&text, &wanted)
            } else {
                text
            };
            if let Err(problem) = matching::compare(what, &wanted, &text) {
                if bless::is_wanted() && self.app.is_none() {
                    let renewed = bless::renewed(&pattern, &names.take_out(&text));
                    fs::write(self.folder.join(file), renewed)?;
                } else {
                    problems.push(problem);
                }
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("\n").into())
        }
    }

    /// The file's text; `None` where the case does not have it.
    fn read(&self, file: &str) -> Result<Option<String>, Failed> {
        match fs::read_to_string(self.folder.join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{file}: {error}").into()),
        }
    }
}

fn without_listening(text: &str, pattern: &str) -> String {
    if pattern.contains("listening on") {
        return text.to_owned();
    }
    text.lines()
        .filter(|line| !line.starts_with("listening on "))
        .map(|line| format!("{line}\n"))
        .collect()
}
