//! `atoll types`: writes what an editor needs to know the libraries of scripts.

use std::path::Path;

use super::project::{FileError, Project};
use super::settings::Wish;
use super::{Exit, TypesArgs, fail, say};

/// The types of everything that scripts find, with documentation, for luau-lsp.
pub(super) const DEFINITIONS: &str = concat!(
    include_str!("../../shared/types/atoll.d.luau"),
    "\n",
    include_str!("../../shared/types/base64.d.luau"),
    "\n",
    include_str!("../../shared/types/crypto.d.luau"),
    "\n",
    include_str!("../../shared/types/json.d.luau"),
    "\n",
    include_str!("../../shared/types/net.d.luau"),
    "\n",
    include_str!("../../shared/types/task.d.luau"),
    "\n",
    include_str!("../../shared/types/test.d.luau"),
);

/// The modules `@atoll/…`. A definition file cannot say what a module returns, so each gets a file for editors to find.
const MODULES: [(&str, &str); 7] = [
    ("base64", "base64"),
    ("crypto", "crypto"),
    ("json", "json"),
    ("net", "net"),
    ("process", "process"),
    ("task", "task"),
    (
        "test",
        "{\n\tafterAll = afterAll,\n\tafterEach = afterEach,\n\tbeforeAll = beforeAll,\n\tbeforeEach = beforeEach,\n\t\
         describe = describe,\n\texpect = expect,\n\tit = it,\n\ttest = test,\n}",
    ),
];

/// Where `@atoll` leads an editor. At run time it is built in.
pub(super) const ALIAS: Wish = Wish {
    path: &["aliases", "atoll"],
    value: "./.atoll",
};

/// What luau-lsp must be told (names as of its version 1.60).
const VSCODE: [Wish; 2] = [
    Wish {
        path: &["luau-lsp.platform.type"],
        value: "standard",
    },
    Wish {
        path: &["luau-lsp.types.definitionFiles", "@atoll"],
        value: ".atoll/atoll.d.luau",
    },
];

/// Writes it all and says what became of each file.
pub(super) fn write(args: &TypesArgs) -> Exit {
    match written(&args.folder) {
        Ok(report) => {
            say(report);
            Exit::Done
        }
        Err(error) => fail(Exit::Failed, &error.to_string()),
    }
}

fn written(folder: &Path) -> Result<String, FileError> {
    let mut project = Project::open(folder)?;
    add_to(&mut project, &[ALIAS])?;
    Ok(project.into_report())
}

/// Writes types and settings to the project, these for `.luaurc`. What is there already stays.
pub(super) fn add_to(project: &mut Project, luaurc: &[Wish]) -> Result<(), FileError> {
    project.write_own(".atoll/atoll.d.luau", DEFINITIONS)?;
    for (module, value) in MODULES {
        project.write_own(&format!(".atoll/{module}.luau"), &format!("return {value}\n"))?;
    }
    project.merge(".luaurc", luaurc)?;
    project.merge(".vscode/settings.json", &VSCODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_file_is_among_them() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/types");
        let mut length = 0;
        for entry in folder.read_dir().expect("the folder of types") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a text");
            assert!(DEFINITIONS.contains(&text), "{}", path.display());
            length += text.len() + 1;
        }
        assert_eq!(DEFINITIONS.len() + 1, length);
    }
}
