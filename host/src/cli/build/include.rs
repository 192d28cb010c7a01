//! The files that `--include` names: for modules that are required by strings which only a run knows.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::cli::check::{Start, starts};

/// As shells do it: `*` stays in its folder, and hidden files have to be named.
const RULES: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The sources that the words mean: files, all in and below folders, and what patterns fit.
///
/// # Errors
///
/// A word that means nothing.
pub(super) fn expand(words: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for word in words {
        let path = Path::new(word);
        if path.is_dir() {
            let starts = starts(path).map_err(|problem| format!("--include: {problem}"))?;
            found.extend(starts.into_iter().map(|Start { path, .. }| path));
        } else if path.exists() {
            found.push(path.to_owned());
        } else {
            let before = found.len();
            found.extend(fitting(word)?);
            if found.len() == before {
                return Err(format!(
                    "--include {word}: there is no such file and no such folder, and no *.luau and no *.lua that fits it"
                ));
            }
        }
    }
    Ok(found)
}

fn fitting(word: &str) -> Result<Vec<PathBuf>, String> {
    let because = |problem: String| format!("--include {word}: {problem}");
    Pattern::new(word).map_err(|error| because(error.to_string()))?;
    let paths = glob::glob_with(word, RULES).map_err(|error| because(error.to_string()))?;
    let paths: Result<Vec<PathBuf>, _> = paths.collect();
    let is_source = |path: &PathBuf| {
        let ending = path.extension();
        path.is_file() && ending.is_some_and(|ending| ending == "luau" || ending == "lua")
    };
    let paths = paths.map_err(|error| because(error.to_string()))?;
    Ok(paths.into_iter().filter(is_source).collect())
}
