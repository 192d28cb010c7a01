//! Cases of scripts that run to their end, once more: each by a request to a component that has all of them in it, with an instance
//! of its own. They must print the same, or what `expected.component.out` says where such hosts differ.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use wasmtime::component::Component;

use super::build::build;
use super::host::{Host, Instances, compile};
use super::{encoded, left_out};
use crate::harness::case::folders;
use crate::harness::child::scratch;
use crate::harness::http::get;
use crate::harness::scene::Scene;
use crate::harness::{matching, root};

/// The stems whose cases run.
const STEMS: [&str; 8] = [
    "base64",
    "console",
    "crypto",
    "http_client",
    "json",
    "modules",
    "task",
    "timer",
];

/// How long what a script has left behind may take.
const SETTLING: Duration = Duration::from_secs(10);

/// What only a command line can give or tell: a case with one of these files has no place in a component, nor has one whose
/// `args` choose a limit.
const COMMAND_LINE: [&str; 6] = [
    "build",
    "client.http",
    "command",
    "expected.err",
    "expected.exit",
    "input",
];

/// One test for each.
pub(super) fn trials() -> Result<Vec<Trial>, Failed> {
    let mut trials: Vec<Trial> = cases()?
        .into_iter()
        .map(|case| Trial::test(format!("wasi::scripts::{case}"), move || play(&case)))
        .collect();
    trials.push(Trial::test("wasi::scripts::what_is_left_out_is_there", || {
        for (case, _) in left_out::CASES {
            assert!(folder(case).is_dir(), "there is no {case}");
        }
        Ok(())
    }));
    Ok(trials)
}

fn folder(case: &str) -> PathBuf {
    root().join("tests/cases").join(case)
}

fn cases() -> Result<Vec<String>, Failed> {
    let left_out: BTreeSet<&str> = left_out::CASES.iter().map(|(case, _)| *case).collect();
    let mut found = Vec::new();
    for stem in STEMS {
        for path in folders(&folder(stem))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let case = format!("{stem}/{name}");
            let is_bound = COMMAND_LINE.iter().any(|file| path.join(file).exists())
                || fs::read_to_string(path.join("args")).is_ok_and(|args| args.contains("--limit"));
            if !is_bound && !left_out.contains(case.as_str()) {
                found.push(case);
            }
        }
    }
    Ok(found)
}

/// The component with all of them, built once.
fn component() -> Result<&'static Component, Failed> {
    static BUILT: OnceLock<Result<Component, String>> = OnceLock::new();
    let built =
        BUILT.get_or_init(|| put_together().map_err(|error| error.message().unwrap_or_default().to_owned()));
    built.as_ref().map_err(Failed::from)
}

fn put_together() -> Result<Component, Failed> {
    let project = scratch().join("components/scripts");
    if project.exists() {
        fs::remove_dir_all(&project)?;
    }
    let mut main = "local process = require(\"./process\")\nlocal cases = {}\n".to_owned();
    for case in cases()? {
        copy(&folder(&case), &project.join(&case))?;
        let script = project.join(&case).join("main.luau");
        let mut text = fs::read_to_string(&script)?;
        // On the first line, so that the others keep their numbers.
        text.insert_str(0, "local process = require(\"../../process\"); ");
        let ends = text.lines().rfind(|line| !line.is_empty());
        if ends.is_none_or(|line| !line.starts_with("return ")) {
            text.push_str("\nreturn true\n");
        }
        fs::write(script, text)?;
        writeln!(
            main,
            "cases[\"{case}\"] = function() require(\"./{case}/main\") end"
        )?;
    }
    main.push_str(
        "net.serve({ port = 0, request = function(request)
            if request.path == \"/wait\" then
                task.wait(0.02)
            else
                process.args = string.split(request.query.args, \",\")
                cases[request.query.case]()
            end
            return \"done\"
        end })\n",
    );
    fs::write(project.join("process.luau"), "return { args = {} }\n")?;
    fs::write(project.join("main.luau"), main)?;
    let component = project.join("app.wasm");
    build(&project, &component)?.expect_code(0)?;
    compile(&component)
}

fn copy(from: &Path, to: &Path) -> Result<(), Failed> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to)?,
            false => drop(fs::copy(entry.path(), to)?),
        }
    }
    Ok(())
}

/// The file of the case, else of its stem; empty where there is none.
fn read(case: &str, file: &str) -> String {
    let own = folder(case);
    let stem = own.parent().map(|stem| stem.join(file));
    let text = fs::read_to_string(own.join(file));
    text.or_else(|_| fs::read_to_string(stem.unwrap_or_default()))
        .unwrap_or_default()
}

fn play(case: &str) -> Result<(), Failed> {
    let scene = Scene::new(&read(case, "peer.http"))?;
    let words = scene.names.fill_in(&read(case, "args"));
    let words: Vec<&str> = words.lines().skip_while(|word| *word != "--").skip(1).collect();
    let host = Host::start(component()?, Instances::Shared)?;
    let target = format!("/?case={}&args={}", encoded(case), encoded(&words.join(",")));
    let answer = get(host.address(), &target);
    let wanted = scene.names.fill_in(&expected(case)?);
    let compared = || {
        let (out, err) = host.words();
        // It is called by its path in the project.
        let out = out.replace(&format!("{case}/"), "");
        let told = match err.is_empty() {
            true => String::new(),
            false => format!("--- standard error ---\n{err}"),
        };
        (matching::compare("standard output", &wanted, &out), told)
    };
    let answer = answer.map(|answer| answer.text());
    let answered = matches!(&answer, Ok(text) if text == "done");
    let deadline = Instant::now() + SETTLING;
    // What it has left behind goes on with the next requests.
    while answered && compared().0.is_err() && Instant::now() < deadline {
        drop(get(host.address(), "/wait"));
    }
    match compared() {
        (Ok(()), told) if answered && told.is_empty() => Ok(()),
        (compared, told) => Err(format!("{answer:?}\n{}\n{told}", compared.err().unwrap_or_default()).into()),
    }
}

/// What it must print.
fn expected(case: &str) -> Result<String, Failed> {
    let own = folder(case).join("expected.component.out");
    match own.exists() {
        true => Ok(fs::read_to_string(own)?),
        false => Ok(read(case, "expected.out")),
    }
}
