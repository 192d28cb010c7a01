//! `atoll check`: finds mistakes in scripts and in the modules that they require, and runs nothing.
//!
//! Whether a text is Luau, Luau itself says, in the guest, with no permissions and the usual limits. What else there is to
//! know of a text is read by full_moon (`facts`).

mod api;
mod closure;
mod facts;
mod files;
mod names;
mod report;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::api::Api;
pub(super) use self::closure::{Closure, closure};
use self::facts::{Facts, Found};
pub(super) use self::files::{Start, starts};
use self::report::{Finding, Report};
use super::types::DEFINITIONS;
use super::{CheckArgs, Exit, fail, folders, run};
use crate::app;
use crate::limits::Limits;
use crate::project::{self, Project, Rules, Target};
use crate::runtime::{RunError, Runtime, Script};

/// Checks what is named, and says what was found.
pub(super) fn run(args: &CheckArgs) -> Exit {
    let builder = match folders::cache() {
        Some(folder) => Runtime::builder().cache(folder),
        None => Runtime::builder(),
    };
    let ready = run::build(builder).and_then(|runtime| Ok((runtime, run::executor()?)));
    let (runtime, executor) = match ready {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    let mut check = Check::new(&runtime, &executor, Report::new(args.format));
    let mut exit = Exit::Done;
    for path in &args.paths {
        let outcome = starts(path).and_then(|starts| {
            let mut checked = starts.iter().map(|start| check.script(start));
            checked.find_map(Result::err).map_or(Ok(()), Err)
        });
        if let Err(message) = outcome {
            exit = fail(Exit::Usage, &message);
        }
    }
    match exit {
        Exit::Done if !check.report.is_empty() => Exit::Failed,
        exit => exit,
    }
}

struct Check<'a> {
    runtime: &'a Runtime,
    executor: &'a tokio::runtime::Runtime,
    api: Arc<Api>,
    limits: Limits,
    /// Files that were checked, by their real paths.
    done: BTreeSet<PathBuf>,
    report: Report,
    /// What else is to be known of them for an app; nothing where none is built.
    for_app: Option<Vec<Note>>,
}

/// Something in a text that an app may lack.
struct Note {
    finding: Finding,
    text: Arc<[u8]>,
}

/// What is said of a require that only a run can follow.
const COMPUTED: &str =
    "what this requires is known only when it runs: the app has it where --include names it";

/// What is said of a text that full_moon does not follow.
const UNREAD: &str = "what this requires can't be told, as the file is nested too deep: the app has it where --include names it";

/// A text to check.
struct Text {
    /// Its path in its project.
    path: String,
    /// What messages call it.
    name: String,
    text: Arc<[u8]>,
}

impl<'a> Check<'a> {
    fn new(runtime: &'a Runtime, executor: &'a tokio::runtime::Runtime, report: Report) -> Check<'a> {
        Check {
            runtime,
            executor,
            api: Arc::new(Api::of(DEFINITIONS)),
            limits: Limits::default(),
            done: BTreeSet::new(),
            report,
            for_app: None,
        }
    }

    /// Checks a script and the modules that it requires. Fails where it can't be read.
    fn script(&mut self, start: &Start) -> Result<(), String> {
        let because = |error| run::unreadable(&start.path, &error);
        if !self.is_new(&start.path) {
            return Ok(());
        }
        let text = std::fs::read(&start.path).map_err(because)?;
        if app::is_wasm(&text) {
            return Err(format!(
                "{} is WebAssembly: an app was checked when it was built, so check the script that it was built from",
                start.path.display()
            ));
        }
        let (modules, own) = match &start.folder {
            None => project::around(&start.path, None),
            Some(folder) => project::around_within(&start.path, folder),
        }
        .map_err(because)?;
        let mut rules = Rules::new(Project::new(modules, own.clone(), &self.limits));
        // What is run is no module; in a folder any file may be one.
        let main = start.folder.is_none().then(|| own.clone());
        let mut texts = vec![Text {
            path: own,
            name: start.path.display().to_string(),
            text: text.into(),
        }];
        while let Some(text) = texts.pop() {
            self.text(&text, main.as_deref(), &mut rules, &mut texts);
        }
        Ok(())
    }

    fn text(&mut self, text: &Text, main: Option<&str>, rules: &mut Rules, texts: &mut Vec<Text>) {
        if let Err(error) = self.compile(text) {
            self.tell_syntax(text, &error);
            return;
        }
        let facts = facts::of(&text.text, &self.api);
        if self.for_app.is_some() {
            self.note(text, facts.as_ref());
        }
        let facts = facts.unwrap_or_default();
        let mut findings = Vec::new();
        let mut next = Vec::new();
        if self.for_app.is_none() {
            let options = facts.options.into_iter();
            findings.extend(options.map(|found| self.finding(text, found)));
        } else {
            for wanted in facts.attempts {
                next.extend(self.required(text, &wanted.text, main, rules).ok().flatten());
            }
        }
        for wanted in facts.requires {
            match self.required(text, &wanted.text, main, rules) {
                Ok(module) => next.extend(module),
                Err(problem) => findings.push(self.finding(
                    text,
                    Found {
                        text: format!("require: {problem}"),
                        ..wanted
                    },
                )),
            }
        }
        findings.sort_by_key(|finding| (finding.line, finding.column));
        for finding in findings {
            self.report.tell(&finding, &text.text);
        }
        // The last is taken first.
        texts.extend(next.into_iter().rev());
    }

    /// Notes what is not seen of what the text requires.
    fn note(&mut self, text: &Text, facts: Option<&Facts>) {
        let mut findings = Vec::new();
        match facts {
            None => findings.push(Finding::of_file(&text.name, UNREAD)),
            Some(facts) => {
                let computed = facts.computed.iter().cloned();
                findings.extend(computed.map(|found| {
                    let message = COMPUTED.to_owned();
                    self.finding(
                        text,
                        Found {
                            text: message,
                            ..found
                        },
                    )
                }));
            }
        }
        let notes = findings.into_iter().map(|finding| Note {
            finding,
            text: text.text.clone(),
        });
        self.for_app.get_or_insert_default().extend(notes);
    }

    /// The module that the string means, where it has not been checked yet; or what is wrong with the string.
    fn required(
        &mut self,
        text: &Text,
        wanted: &str,
        main: Option<&str>,
        rules: &mut Rules,
    ) -> Result<Option<Text>, String> {
        let (path, name) = match rules.resolve(&text.path, wanted)? {
            Target::Module { path, name } => (path, name),
            Target::Library(library) if self.api.libraries().any(|known| known == library) => {
                return Ok(None);
            }
            Target::Library(library) => {
                let known: Vec<String> = self
                    .api
                    .libraries()
                    .map(|name| format!("\"@atoll/{name}\""))
                    .collect();
                return Err(format!(
                    "there is no library \"@atoll/{library}\"; there are {}",
                    known.join(", ")
                ));
            }
        };
        if main == Some(path.as_str()) {
            return Err(format!(
                "{wanted:?} is the main script ({name}), which is no module"
            ));
        }
        // Before it counts as checked: another require may ask for what an attempt goes on without.
        let text = rules.read(&path)?;
        if !self.is_new(Path::new(&name)) {
            return Ok(None);
        }
        Ok(Some(Text { path, name, text }))
    }

    /// Whether the file was not checked yet; from now on it was.
    fn is_new(&mut self, path: &Path) -> bool {
        // One that is not there is said to be missing later.
        self.done
            .insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
    }

    /// What Luau says of the text.
    fn compile(&self, text: &Text) -> Result<(), RunError> {
        let script = Script::checked(&text.name, &text.text);
        self.executor.block_on(self.runtime.run(&script))
    }

    /// Tells Luau's error, and what else is wrong further down.
    fn tell_syntax(&mut self, text: &Text, error: &RunError) {
        let message = match error {
            RunError::Script(error) => error.message.clone(),
            error => error.to_string(),
        };
        let place = message
            .strip_prefix(&format!("{}:", text.name))
            .and_then(|rest| rest.split_once(": "))
            .and_then(|(line, message)| Some((line.parse::<usize>().ok()?, message)));
        let Some((line, message)) = place else {
            self.report
                .tell(&Finding::of_file(&text.name, &message), &text.text);
            return;
        };
        let others: Vec<Finding> = facts::errors(&text.text)
            .into_iter()
            .map(|found| self.finding(text, found))
            .collect();
        // Luau says only the line.
        let hint = others.iter().find(|other| other.line == Some(line));
        let column = report::column(&text.text, line, message, hint.and_then(|other| other.column));
        let first = Finding {
            path: text.name.clone(),
            line: Some(line),
            column,
            message: message.to_owned(),
        };
        self.report.tell(&first, &text.text);
        for other in others.iter().filter(|other| other.line > Some(line)) {
            self.report.tell(other, &text.text);
        }
    }

    fn finding(&self, text: &Text, found: Found) -> Finding {
        Finding::at(&text.name, &text.text, found.bytes.start, found.text)
    }
}
