//! `atoll build`: makes a component of a script and what it requires.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::{BuildArgs, Exit, check, fail, folders, run, say, usage};
use crate::config;
use crate::diagnostics::tell;
use crate::limits::Limits;
use crate::project::{self, Project, Rules, Target};
use crate::runtime::component::{self, Bundle, Unbuilt};

/// Writes the component.
pub(super) fn run(args: &BuildArgs) -> Exit {
    let limits = match config::limits(args.limits.clone(), None) {
        Ok(limits) => limits,
        Err(error) => return usage(&error.to_string()),
    };
    let bundle = match collect(&args.script, &limits) {
        Ok(bundle) => bundle,
        Err(message) => return fail(Exit::Usage, &message),
    };
    let executor = match run::executor() {
        Ok(executor) => executor,
        Err(exit) => return exit,
    };
    let built = executor.block_on(component::build(&bundle, &limits, folders::cache()));
    say(&built.out);
    // A closed pipe is no reason to fail.
    drop(std::io::stderr().lock().write_all(&built.err));
    match built.component {
        Ok(component) => match std::fs::write(&args.output, component) {
            Ok(()) => Exit::Done,
            Err(error) => {
                let message = format!("cannot write {}: {error}", args.output.display());
                fail(Exit::Usage, &message)
            }
        },
        Err(Unbuilt::Script(error)) => {
            tell(&error.diagnostic());
            Exit::Failed
        }
        Err(error @ Unbuilt::Limit(_)) => fail(Exit::Limit, &error.to_string()),
        Err(error) => fail(Exit::Failed, &error.to_string()),
    }
}

/// The script and what it requires, with the aliases around them.
fn collect(script: &Path, limits: &Limits) -> Result<Bundle, String> {
    let because = |error| run::unreadable(script, &error);
    let text: Arc<[u8]> = std::fs::read(script).map_err(because)?.into();
    let (modules, main) = project::around(script, None).map_err(because)?;
    let mut rules = Rules::new(Project::new(modules, main.clone(), limits));
    let mut texts = BTreeMap::from([(main.clone(), text)]);
    let mut next = vec![main.clone()];
    while let Some(path) = next.pop() {
        let folders = path.match_indices('/').map(|(end, _)| &path[..=end]);
        for folder in folders.chain([""]) {
            let aliases = format!("{folder}.luaurc");
            if let Ok(text) = rules.read(&aliases) {
                texts.insert(aliases, text);
            }
        }
        for wanted in check::required(&texts[&path]) {
            // What leads nowhere fails when it is required, which may be never.
            let Ok(Target::Module { path, .. }) = rules.resolve(&path, &wanted) else {
                continue;
            };
            if !texts.contains_key(&path) {
                let text = rules.read(&path)?;
                texts.insert(path.clone(), text);
                next.push(path);
            }
        }
    }
    Ok(Bundle {
        main,
        texts,
        links: BTreeMap::new(),
        arguments: Vec::new(),
        environment: Vec::new(),
    })
}
