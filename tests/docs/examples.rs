//! The examples in the comments of `guest/types/`. Called by `docs`, once for each file.
//!
//! Each block of `lua` has to compile. A line `CODE --> RESULT` says what the code gives: `local x = …` and `print(…)` are statements,
//! anything else is a value. A block with such lines is run up to the last of them, and the results are compared; in these `…` stands for any
//! characters, `⏎` for a line feed and `⇥` for a tab.

use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

use super::markdown::{self, Block};
use super::session;
use crate::harness::child::{Atoll, scratch};
use crate::harness::{matching, root};

/// What stands between code and its result.
const GIVES: &str = " --> ";

/// One test for each definition file.
pub(super) fn trials() -> Result<Vec<Trial>, Failed> {
    let mut trials = Vec::new();
    for stem in xtask::docs::read(&root())?.into_keys() {
        trials.push(Trial::test(format!("docs::examples::{stem}"), move || run(&stem)));
    }
    Ok(trials)
}

fn run(stem: &str) -> Result<(), Failed> {
    let page = fs::read_to_string(root().join(format!("{}/{stem}.md", xtask::docs::PAGES)))?;
    let folder = scratch().join("docs").join(format!("examples_{stem}"));
    fs::create_dir_all(&folder)?;
    let blocks = markdown::blocks(&page)?;
    for block in blocks.iter().filter(|block| block.language == "lua") {
        check(stem, &folder, block).map_err(|error| {
            format!(
                "{}/{stem}.md:{}: {}",
                xtask::docs::PAGES,
                block.line,
                error.message().unwrap_or_default()
            )
        })?;
    }
    Ok(())
}

/// Compiles a block, and runs it where it shows results.
pub(super) fn check(stem: &str, folder: &Path, block: &Block) -> Result<(), Failed> {
    let mut code = String::new();
    let mut length = 0;
    let mut results = String::new();
    for line in block.text.lines() {
        let Some((line, result)) = line.split_once(GIVES) else {
            code.push_str(&format!("{line}\n"));
            continue;
        };
        let line = line.trim_end();
        match line
            .strip_prefix("local ")
            .and_then(|words| words.split_once(" = "))
        {
            Some((name, _)) => code.push_str(&format!("{line} print({name})\n")),
            None if line.starts_with("print(") => code.push_str(&format!("{line}\n")),
            None => code.push_str(&format!("print({line})\n")),
        }
        length = code.len();
        results.push_str(&result.replace('⏎', "\n").replace('⇥', "\t").replace('…', "*"));
        results.push('\n');
    }
    session::compile(folder, &code)?;
    if length == 0 {
        return Ok(());
    }
    let name = format!("docs_{stem}_{}", block.line);
    let finished = Atoll::source(&name, &code[..length], [""; 0])?.finish()?;
    finished.expect_code(0)?;
    Ok(matching::compare("a result", &results, &finished.out())?)
}
