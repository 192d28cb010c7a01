//! `atoll run --watch`: what starts a run afresh. What becomes of servers meanwhile is in `ports`.

mod ports;

use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Running, scratch};
use crate::harness::http::get;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    let mut all = trials![
        a_change_of_the_script_starts_it_afresh,
        a_change_of_a_module_starts_it_afresh,
        a_module_that_was_missing_starts_it_afresh,
        a_change_of_the_config_starts_it_afresh,
        an_error_is_told_and_mended,
        a_script_that_goes_and_comes,
        a_script_that_has_ended_is_run_again,
        a_spinning_script_is_started_afresh,
        what_was_typed_wrong_ends_it,
        interrupt_ends_it_at_any_time,
        metrics_and_the_access_log_go_on,
    ];
    all.extend(ports::trials());
    all
}

/// A folder with the script.
struct Project(PathBuf);

impl Project {
    fn new(name: &str, script: &str) -> Result<Project, Failed> {
        let folder = scratch().join("watched").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let project = Project(folder);
        project.write("main.luau", script)?;
        Ok(project)
    }

    /// Puts a new file in the place of the old one, as most editors do.
    fn write(&self, name: &str, text: &str) -> Result<(), Failed> {
        let (path, new) = (self.0.join(name), self.0.join("new.tmp"));
        fs::write(&new, text)?;
        fs::rename(new, path)?;
        Ok(())
    }

    fn run(&self, words: &[&str]) -> Result<Running, Failed> {
        let words = ["run", "main.luau", "--watch"].iter().chain(words);
        Atoll::new(&self.0, words).start()
    }
}

/// Ends it, and expects it to end as a signal's.
fn interrupt(running: Running) -> Result<String, Failed> {
    running.signal("INT")?;
    let finished = running.finish()?;
    finished.expect_code(130)?;
    Ok(finished.err())
}

fn a_change_of_the_script_starts_it_afresh() -> Result<(), Failed> {
    let project = Project::new("script", "print('one') task.wait(1000)")?;
    let running = project.run(&[])?;
    running.wait_stdout("one\n")?;
    project.write("main.luau", "print('two') task.wait(1000)")?;
    running.wait_stdout("two\n")?;
    // In place, as other editors do.
    fs::write(project.0.join("main.luau"), "print('three') task.wait(1000)")?;
    running.wait_stdout("three\n")?;
    let err = interrupt(running)?;
    assert_eq!(err, "main.luau has changed, starting afresh\n".repeat(2));
    Ok(())
}

fn a_change_of_a_module_starts_it_afresh() -> Result<(), Failed> {
    let project = Project::new("module", "print(require('./lib/x')) task.wait(1000)")?;
    fs::create_dir(project.0.join("lib"))?;
    project.write("lib/x.luau", "return require('@other/y')")?;
    project.write(".luaurc", "{ \"aliases\": { \"other\": \"./a\" } }")?;
    for name in ["a", "b"] {
        fs::create_dir(project.0.join(name))?;
        project.write(&format!("{name}/y.luau"), &format!("return 'from {name}'"))?;
    }
    let running = project.run(&[])?;
    running.wait_stdout("from a\n")?;
    project.write("a/y.luau", "return 'changed'")?;
    running.wait_stdout("changed\n")?;
    project.write(".luaurc", "{ \"aliases\": { \"other\": \"./b\" } }")?;
    running.wait_stdout("from b\n")?;
    project.write("b/y.luau", "return 'changed too'")?;
    running.wait_stdout("changed too\n")?;
    let err = interrupt(running)?;
    let lines =
        ["a/y.luau", ".luaurc", "b/y.luau"].map(|path| format!("{path} has changed, starting afresh\n"));
    assert_eq!(err, lines.concat());
    Ok(())
}

fn a_module_that_was_missing_starts_it_afresh() -> Result<(), Failed> {
    let project = Project::new("missing", "print(require('./x'))")?;
    let running = project.run(&[])?;
    running.wait_stderr("there is no module \"./x\"")?;
    running.wait_stderr("waiting for a change\n")?;
    project.write("x.luau", "return 'there it is'")?;
    running.wait_stdout("there it is\n")?;
    interrupt(running)?;
    Ok(())
}

fn a_change_of_the_config_starts_it_afresh() -> Result<(), Failed> {
    let project = Project::new("config", "print(process.env.HOME) task.wait(1000)")?;
    project.write("atoll.toml", "")?;
    let running = project.run(&["--config", "atoll.toml"])?;
    running.wait_stdout("nil\n")?;
    project.write("atoll.toml", "[permissions]\nallow-env = [\"HOME\"]\n")?;
    running.wait_stdout("/")?;
    project.write("atoll.toml", "[permissions]\nallow-evn = true\n")?;
    running.wait_stderr("error: atoll.toml:2:1: unknown field `allow-evn`")?;
    running.wait_stderr("waiting for a change\n")?;
    project.write("atoll.toml", "[limits]\nmemory = \"256m\"\n")?;
    running.wait_stdout("\nnil\n")?;
    interrupt(running)?;
    Ok(())
}

fn an_error_is_told_and_mended() -> Result<(), Failed> {
    let project = Project::new("error", "print('one'")?;
    let running = project.run(&[])?;
    running.wait_stderr("error: main.luau:1:12: ")?;
    running.wait_stderr("waiting for a change\n")?;
    project.write("main.luau", "error('at run time')")?;
    running.wait_stderr("error: main.luau:1: at run time")?;
    project.write("main.luau", "print('mended') task.wait(1000)")?;
    running.wait_stdout("mended\n")?;
    interrupt(running)?;
    Ok(())
}

fn a_script_that_goes_and_comes() -> Result<(), Failed> {
    let project = Project::new("goes", "print('one') task.wait(1000)")?;
    let running = project.run(&[])?;
    running.wait_stdout("one\n")?;
    fs::remove_file(project.0.join("main.luau"))?;
    running.wait_stderr("error: cannot read the script main.luau: ")?;
    running.wait_stderr("waiting for a change\n")?;
    project.write("main.luau", "print('two') task.wait(1000)")?;
    running.wait_stdout("two\n")?;
    interrupt(running)?;
    Ok(())
}

fn a_script_that_has_ended_is_run_again() -> Result<(), Failed> {
    let project = Project::new("ended", "print('one')")?;
    let running = project.run(&[])?;
    running.wait_stderr("waiting for a change\n")?;
    project.write("main.luau", "print('two')")?;
    running.wait_stdout("two\n")?;
    let err = interrupt(running)?;
    assert!(
        err.starts_with("waiting for a change\nmain.luau has changed, starting afresh\n"),
        "{err}"
    );
    Ok(())
}

fn a_spinning_script_is_started_afresh() -> Result<(), Failed> {
    let project = Project::new("spins", "print('spins') while true do end")?;
    let running = project.run(&["--limit", "run=1000"])?;
    running.wait_stdout("spins\n")?;
    project.write("main.luau", "print('two') task.wait(1000)")?;
    running.wait_stdout("two\n")?;
    interrupt(running)?;
    Ok(())
}

fn what_was_typed_wrong_ends_it() -> Result<(), Failed> {
    let project = Project::new("typed", "print('never')")?;
    for (words, said) in [
        (
            &["run", "none.luau", "--watch"][..],
            "error: cannot read the script none.luau: ",
        ),
        (
            &["run", "main.luau", "--watch", "--limit", "none=1"],
            "error: --limit: ",
        ),
        (
            &["run", "main.luau", "--watch", "--config", "none.toml"],
            "error: cannot read the config none.toml: ",
        ),
    ] {
        let finished = Atoll::new(&project.0, words).finish()?;
        finished.expect_code(2)?;
        assert!(
            finished.err().starts_with(said) && finished.out().is_empty(),
            "{}",
            finished.err()
        );
    }
    Ok(())
}

fn interrupt_ends_it_at_any_time() -> Result<(), Failed> {
    for (name, script, until) in [
        ("runs", "warn('runs') task.wait(1000)", "runs\n"),
        ("waits", "not Luau", "waiting for a change\n"),
        ("has_ended", "", "waiting for a change\n"),
    ] {
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let project = Project::new(&format!("interrupt_{name}_{signal}"), script)?;
            let running = project.run(&[])?;
            running.wait_stderr(until)?;
            running.signal(signal)?;
            running.finish()?.expect_code(code)?;
        }
    }
    Ok(())
}

fn metrics_and_the_access_log_go_on() -> Result<(), Failed> {
    let serving = |word| {
        format!(
            "net.serve({{ port = 0, address = '127.0.0.1', request = function() return '{word}' end }}) print('{word}')"
        )
    };
    let project = Project::new("traffic", &serving("one"))?;
    let running = project.run(&["--allow-listen", "--metrics=127.0.0.1:0", "--access-log=access"])?;
    running.wait_stdout("one\n")?;
    let metrics = running
        .stderr
        .text()
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split_once('/')?.0.parse().ok())
        .ok_or("no metrics line")?;
    let requests = || -> Result<bool, Failed> {
        Ok(get(metrics, "/metrics")?
            .text()
            .contains("atoll_http_requests_total{method=\"GET\",status=\"200\"} 1\n"))
    };
    let address = running.address()?;
    get(address, "/one")?;
    assert!(requests()?);
    project.write("main.luau", &serving("two"))?;
    running.wait_stdout("two\n")?;
    assert!(!requests()?, "it counts the run of now");
    get(address, "/two")?;
    assert!(requests()?);
    let err = interrupt(running)?;
    assert_eq!(err.matches("metrics on").count(), 1, "{err}");
    let log = fs::read_to_string(project.0.join("access"))?;
    let paths: Vec<&str> = log.lines().filter_map(|line| line.split(' ').nth(6)).collect();
    assert_eq!(paths, ["/one", "/two"]);
    Ok(())
}
