//! `atoll init`: writes a small project that runs.

use std::path::Path;

use super::project::{FileError, Project};
use super::settings::Wish;
use super::types::{self, ALIAS};
use super::{Exit, InitArgs, fail, say};

/// What a project starts with, beside what `types` writes.
const FILES: [(&str, &str); 2] = [
    ("main.luau", include_str!("init/main.luau")),
    ("atoll.toml", include_str!("init/atoll.toml")),
];

/// New scripts are checked strictly.
const STRICT: Wish = Wish {
    path: &["languageMode"],
    value: "strict",
};

/// Writes the project and says how to go on.
pub(super) fn create(args: &InitArgs) -> Exit {
    let mut project = match Project::create(&args.folder) {
        Ok(project) => project,
        Err(error) => return fail(Exit::Failed, &error.to_string()),
    };
    if let Some((path, _)) = FILES.iter().find(|(path, _)| project.has(path)) {
        let path = args.folder.join(path);
        return fail(
            Exit::Failed,
            &format!(
                "{} is there already, and `atoll init` overwrites nothing; choose another folder, \
                 or run `atoll types` for the types alone",
                path.display()
            ),
        );
    }
    match fill(&mut project) {
        Ok(()) => {
            say(format!("{}\n{}", project.into_report(), next_steps(&args.folder)));
            Exit::Done
        }
        Err(error) => fail(Exit::Failed, &error.to_string()),
    }
}

fn fill(project: &mut Project) -> Result<(), FileError> {
    for (path, text) in FILES {
        project.write_new(path, text)?;
    }
    types::add_to(project, &[STRICT, ALIAS])
}

fn next_steps(folder: &Path) -> String {
    let enter = match folder == Path::new(".") {
        true => String::new(),
        false => format!("  cd {}\n", folder.display()),
    };
    format!(
        "Next:\n{enter}  atoll run main.luau --config atoll.toml\n  curl http://127.0.0.1:8080/\n\n\
         VS Code completes and checks scripts with its extension \"Luau Language Server\".\n"
    )
}
