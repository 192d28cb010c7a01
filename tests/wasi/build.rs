//! Building components: the one that the other tests host, and scripts that no component can be made of.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use libtest_mimic::{Failed, Trial};
use wasmtime::component::Component;

use super::host::{Host, Instances, compile};
use crate::harness::child::{Atoll, Finished, scratch};
use crate::harness::http::get;
use crate::harness::{root, trials};

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        a_script_without_a_server_is_no_component,
        a_script_that_waits_too_early_is_no_component,
        a_script_that_fails_is_no_component,
        bytecode_will_do,
        the_same_files_make_the_same_bytes,
        the_date_of_a_build,
        secrets_are_drawn_at_each_build,
        time_passes_at_once,
        the_manifests_name_what_is_built,
    ]
}

/// A component that was built once for all tests, and what its script said meanwhile.
pub(super) struct Built {
    /// Its file.
    pub(super) path: PathBuf,
    /// It, compiled.
    pub(super) component: Component,
    /// What the script printed.
    pub(super) out: String,
    /// What stood on standard error.
    pub(super) err: String,
}

/// The component of the script in `tests/wasi/app`.
pub(super) fn built() -> Result<&'static Built, Failed> {
    static BUILT: OnceLock<Result<Built, String>> = OnceLock::new();
    let build = || {
        let path = scratch().join("wasi.wasm");
        let finished = build(&root().join("tests/wasi/app"), &path)?;
        finished.expect_code(0)?;
        Ok::<_, Failed>(Built {
            component: compile(&path)?,
            out: text(&finished.stdout),
            err: text(&finished.stderr),
            path,
        })
    };
    let built = BUILT.get_or_init(|| build().map_err(|error| error.message().unwrap_or_default().to_owned()));
    built.as_ref().map_err(Failed::from)
}

/// `atoll build` of the `main.luau` in a folder.
pub(super) fn build(folder: &Path, to: &Path) -> Result<Finished, Failed> {
    command(folder, to, SHORT).finish()
}

/// Seconds that are more than a start takes which waits for nothing.
const SHORT: &str = "1";

fn command(folder: &Path, to: &Path, seconds: &str) -> Atoll {
    let words = [
        "build",
        "main.luau",
        "--target",
        "wasi-http",
        "--timeout",
        seconds,
        "-o",
    ];
    let words = words.map(Path::new).into_iter().chain([to]);
    Atoll::new(folder, words)
        .env_remove("SOURCE_DATE_EPOCH")
        .time_limit(Duration::from_secs(300))
}

/// The same for a script of this text, which is to be refused: what stood on its streams.
fn refused(name: &str, source: &str) -> Result<(String, String), Failed> {
    let folder = scratch().join("scripts").join(name);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("main.luau"), source)?;
    let output = folder.join("app.wasm");
    if output.exists() {
        std::fs::remove_file(&output)?;
    }
    let finished = build(&folder, &output)?;
    finished.expect_code(1)?;
    assert!(!output.exists(), "a component was written");
    Ok((text(&finished.stdout), text(&finished.stderr)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn a_script_without_a_server_is_no_component() -> Result<(), Failed> {
    let (out, err) = refused("wasi_without_server", "print('done')")?;
    assert_eq!(out, "done\n");
    assert_eq!(
        err,
        "error: the script has no server: a component of the target wasi-http answers requests, so call net.serve\n"
    );
    Ok(())
}

fn a_script_that_waits_too_early_is_no_component() -> Result<(), Failed> {
    let source = "net.serve({ port = 0, request = print }) while true do task.wait(1) end";
    let (_, told) = refused("wasi_waits", source)?;
    assert!(told.contains("still waits 1s after its start"), "{told}");
    Ok(())
}

fn a_script_that_fails_is_no_component() -> Result<(), Failed> {
    let (_, told) = refused("wasi_fails", "local t\nprint(t.x)")?;
    assert!(
        told.contains("main.luau:2:9: attempt to index nil with 'x'"),
        "{told}"
    );
    assert!(told.contains("t is nil"), "{told}");
    let (_, told) = refused("wasi_syntax", "local = 1")?;
    assert!(told.contains("main.luau:1:7: "), "{told}");
    let (_, told) = refused("wasi_exits", "process.exit(0)")?;
    assert!(told.contains("the script's start broke down"), "{told}");
    Ok(())
}

fn bytecode_will_do() -> Result<(), Failed> {
    let folder = root().join("tests/wasi/app");
    let output = scratch().join("wasi_stripped.wasm");
    let words = ["build", "main.luau", "--strip", "--target", "wasi-http", "-o"];
    let words = words.map(Path::new).into_iter().chain([output.as_path()]);
    Atoll::new(&folder, words).finish()?.expect_code(0)?;
    let host = Host::start(&compile(&output)?, Instances::Each)?;
    assert_eq!(get(host.address(), "/hello?name=b")?.text(), "hello, b");
    assert_eq!(
        get(host.address(), "/late")?.text(),
        "a module that a request required"
    );
    Ok(())
}

/// The component of a script of this text, built in a folder of this name.
fn made(name: &str, source: &str, date: Option<&str>) -> Result<(PathBuf, String), Failed> {
    let folder = scratch().join("scripts").join(name);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("main.luau"), source)?;
    let output = folder.join("app.wasm");
    let mut command = command(&folder, &output, SHORT);
    if let Some(date) = date {
        command = command.env("SOURCE_DATE_EPOCH", date);
    }
    let finished = command.finish()?;
    finished.expect_code(0)?;
    Ok((output, text(&finished.stdout)))
}

fn the_same_files_make_the_same_bytes() -> Result<(), Failed> {
    // What hash tables, waits, dice and clocks leave in memory.
    let source = r#"
        local parsed = json.decode('{"a": [1, 2, {"b": null}], "c": "d"}')
        local seen = {}
        for number = 1, 200 do
            seen[tostring(number)] = { math.random(), parsed }
            task.delay(number / 1000, function()
                seen[number] = coroutine.create(print)
            end)
        end
        local began = os.clock()
        task.wait(0.05)
        task.spawn(function()
            task.wait(0.02)
            seen.waited = os.clock() - began
        end)
        print(math.random(1, 1e9), seen["7"][1], os.clock() - began)
        local ok, problem = net.request("http://127.0.0.1:1/")
        assert(not ok, problem)
        net.serve({ port = 0, request = function() return json.encode(seen.waited) end })
    "#;
    let (one, told) = made("wasi_same_one", source, None)?;
    let (other, told_again) = made("wasi_same_other", source, None)?;
    assert_eq!(told, told_again);
    assert!(
        std::fs::read(one)? == std::fs::read(other)?,
        "other bytes of the same files"
    );
    Ok(())
}

fn the_date_of_a_build() -> Result<(), Failed> {
    let source = "print(os.time()) net.serve({ port = 0, request = print })";
    let now = || {
        Ok::<_, Failed>(
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)?
                .as_secs(),
        )
    };
    let before = now()?;
    let (_, told) = made("wasi_date", source, None)?;
    let built: u64 = told.trim().parse()?;
    assert!((before..=now()?).contains(&built), "{built}");
    let (one, told) = made("wasi_date_one", source, Some("1700000000"))?;
    assert_eq!(told, "1700000000\n");
    let (other, _) = made("wasi_date_other", source, Some("1700000000"))?;
    assert!(
        std::fs::read(one)? == std::fs::read(other)?,
        "other bytes at the same date"
    );
    let folder = scratch().join("scripts/wasi_date");
    let refused = command(&folder, &folder.join("never.wasm"), SHORT)
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .finish()?;
    refused.expect_code(2)?;
    let told = text(&refused.stderr);
    assert!(
        told.contains("SOURCE_DATE_EPOCH must be a whole number of seconds since 1970, got \"yesterday\""),
        "{told}"
    );
    Ok(())
}

fn secrets_are_drawn_at_each_build() -> Result<(), Failed> {
    let source = "print(base64.encode(crypto.random(32))) net.serve({ port = 0, request = print })";
    let (_, one) = made("wasi_secret_one", source, None)?;
    let (_, other) = made("wasi_secret_other", source, None)?;
    assert_ne!(one, other);
    Ok(())
}

fn time_passes_at_once() -> Result<(), Failed> {
    // What waits, in its order; and what looks at the clock until the time has come.
    let source = r#"
        local began = os.clock()
        local order = {}
        for _, seconds in { 3, 1, 2 } do
            task.delay(seconds, table.insert, order, seconds)
        end
        task.wait(4)
        print(`{table.concat(order, " ")}, {math.round(os.clock() - began)}`)
        repeat until os.clock() - began > 4.01
        net.serve({ port = 0, request = print })
    "#;
    let folder = scratch().join("scripts/wasi_time");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("main.luau"), source)?;
    let output = folder.join("app.wasm");
    let finished = command(&folder, &output, "86400").finish()?;
    finished.expect_code(0)?;
    assert_eq!(text(&finished.stdout), "1 2 3, 4\n");
    Ok(())
}

/// The command of `spin.toml` builds what the manifests run.
fn the_manifests_name_what_is_built() -> Result<(), Failed> {
    let folder = root().join("examples/deploy");
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    let spin: toml::Table = read("spin.toml")?.parse()?;
    let hello = &spin["component"]["hello"];
    let (command, source) = (hello["build"]["command"].as_str(), hello["source"].as_str());
    let (command, source) = command
        .zip(source)
        .ok_or("it names no command, or no component")?;
    let words: Vec<&str> = command.split(' ').collect();
    let at = words
        .iter()
        .position(|word| *word == source)
        .ok_or("it builds another file")?;
    let output = scratch().join("manifests.wasm");
    let mut words: Vec<&Path> = words.into_iter().map(Path::new).collect();
    words[at] = &output;
    assert_eq!(words[0], Path::new("atoll"));
    Atoll::new(&folder, &words[1..]).finish()?.expect_code(0)?;
    let host = Host::start(&compile(&output)?, Instances::Each)?;
    assert_eq!(get(host.address(), "/")?.text(), "Hello from Atoll\n");
    assert!(read("wadm.yaml")?.contains(&format!("image: file://./{source}\n")));
    assert!(read("wasmtime.Dockerfile")?.contains(&format!("COPY {source} /{source}\n")));
    Ok(())
}
