//! A script with all modules that it requires, checked: what an app is built of. Called by `build`.

use std::path::{Path, PathBuf};

use super::report::Report;
use super::{Check, Text};
use crate::app;
use crate::cli::{Exit, fail, run};
use crate::limits::Limits;
use crate::project::{self, Files, Project, Rules};
use crate::runtime::Runtime;

/// Files of an app, and bytes of each. A run's own limits are lower, unless they are raised.
const LIMITS: [&str; 2] = ["modules=10000", "module-bytes=16m"];

/// The script and its modules.
pub(in crate::cli) struct Closure {
    pub(in crate::cli) files: Files,
    /// The root of its project.
    pub(in crate::cli) root: PathBuf,
}

/// Checks the script, what it requires, and the files that are included, and what these require. What is wrong is told.
pub(in crate::cli) fn closure(
    script: &Path,
    included: &[PathBuf],
    runtime: &Runtime,
    executor: &tokio::runtime::Runtime,
) -> Result<Closure, Exit> {
    let because = |error| fail(Exit::Usage, &run::unreadable(script, &error));
    let text = std::fs::read(script).map_err(because)?;
    if app::is_wasm(&text) {
        let message = format!(
            "{} is WebAssembly, and no script to build an app of",
            script.display()
        );
        return Err(fail(Exit::Usage, &message));
    }
    let text = std::sync::Arc::<[u8]>::from(text);
    let mut limits = Limits::default();
    for limit in LIMITS {
        limits
            .set(limit)
            .map_err(|error| fail(Exit::Failed, &error.to_string()))?;
    }
    let (modules, main) = project::around(script, None).map_err(because)?;
    let root = modules.root().map(Path::to_owned).unwrap_or_default();
    let mut rules = Rules::new(Project::new(modules, main.clone(), &limits));
    let mut check = Check::new(runtime, executor, Report::aside());
    check.for_app = Some(Vec::new());
    check.is_new(script);
    let mut texts = vec![Text {
        path: main.clone(),
        name: script.display().to_string(),
        text: text.clone(),
    }];
    for file in included {
        let refused = |problem: String| fail(Exit::Usage, &format!("--include: {problem}"));
        let (path, name) = rules.module_at(file).map_err(refused)?;
        if path != main && check.is_new(file) {
            let text = rules.read(&path).map_err(refused)?;
            texts.push(Text { path, name, text });
        }
    }
    while let Some(text) = texts.pop() {
        check.text(&text, Some(&main), &mut rules, &mut texts);
    }
    if !check.report.is_empty() {
        return Err(Exit::Failed);
    }
    // Who includes files knows of it.
    if included.is_empty() {
        for note in check.for_app.iter().flatten() {
            check.report.note(&note.finding, &note.text);
        }
    }
    let files = rules
        .collect(main, text)
        .map_err(|problem| fail(Exit::Failed, &problem))?;
    Ok(Closure { files, root })
}
