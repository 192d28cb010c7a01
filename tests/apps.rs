//! Apps: `atoll build` makes one file of a script and its modules, and that alone does what the script did. The cases of several
//! stems run as apps too (`harness::case`); here is what they cannot show.

mod forged;
mod stripped;
mod wishes;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use atoll::{AppError, Script};
use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Finished, scratch};
use crate::harness::trials;

/// The tests of this file and of those below it.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![
        alone_it_does_what_the_script_did,
        the_same_sources_make_the_same_bytes,
        nothing_of_the_disk_is_in_it_later,
        links_lead_where_they_led,
        what_is_included,
        what_can_not_be_included,
        what_is_required_by_computed_strings_is_noted,
        a_script_is_not_overwritten,
        names_and_versions,
        commands_that_take_no_app,
        an_embedder_runs_one,
    ];
    trials.extend(forged::trials());
    trials.extend(stripped::trials());
    trials.extend(wishes::trials());
    trials
}

/// A script with a module of a module behind an alias, which fails in the end.
const PROJECT: &[(&str, &str)] = &[
    ("atoll.toml", ""),
    (".luaurc", "{ \"aliases\": { \"lib\": \"./lib\" } }"),
    (
        "main.luau",
        "local lib = require('@lib/lib')\nprint(lib.greet(process.args[1]))\nwarn('so far')\nlib.fail({})\n",
    ),
    (
        "lib/lib.luau",
        "local words = require('./words')\nreturn {\n\tgreet = function(name)\n\t\treturn words.hello .. ', ' .. tostring(name)\n\
         \tend,\n\tfail = function(user)\n\t\treturn user.name.first\n\tend,\n}\n",
    ),
    ("lib/words.luau", "return { hello = 'Hello' }\n"),
];

/// A fresh folder with these files.
fn folder(name: &str, files: &[(&str, &str)]) -> Result<PathBuf, Failed> {
    let folder = scratch().join("built").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        fs::write(path, text)?;
    }
    Ok(folder)
}

/// `atoll WORDS…` in the folder.
fn atoll(folder: &Path, words: &[&str]) -> Result<Finished, Failed> {
    Atoll::new(folder, words).finish()
}

/// `app.wasm`, alone in a fresh folder, built of `main.luau` in this one.
fn built(from: &Path, words: &[&str]) -> Result<PathBuf, Failed> {
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let place = folder(&format!("{name}_alone"), &[])?;
    let app = place.join("app.wasm");
    let words = ["build", "main.luau", "-o"]
        .iter()
        .map(|word| (*word).to_owned())
        .chain([app.display().to_string()])
        .chain(words.iter().map(|word| (*word).to_owned()));
    Atoll::new(from, words).finish()?.expect_code(0)?;
    Ok(place)
}

fn expect_same(one: &Finished, other: &Finished) -> Result<(), Failed> {
    let whole = |finished: &Finished| (finished.code, finished.out(), finished.err());
    match whole(one) == whole(other) {
        true => Ok(()),
        false => Err(format!("{:#?}\nis not\n{:#?}", whole(one), whole(other)).into()),
    }
}

/// It ends with this code, and says this in one line.
fn expect_refusal(finished: &Finished, code: i32, words: &[&str]) -> Result<(), Failed> {
    finished.expect_code(code)?;
    let err = finished.err();
    match err.lines().count() == 1 && words.iter().all(|word| err.contains(word)) {
        true => Ok(()),
        false => Err(format!("expected a line with {words:?}, got {err}").into()),
    }
}

fn alone_it_does_what_the_script_did() -> Result<(), Failed> {
    let project = folder("alone", PROJECT)?;
    let script = atoll(&project, &["run", "main.luau", "--", "Ada"])?;
    script.expect_code(1)?;
    assert_eq!(script.out(), "Hello, Ada\n");
    let err = "so far\nerror: lib/lib.luau:7:20: attempt to index nil with 'first'\n";
    assert!(script.err().starts_with(err), "{}", script.err());
    assert!(script.err().ends_with("  at main.luau:4\n"), "{}", script.err());
    let place = built(&project, &[])?;
    // Where nothing of it is left.
    fs::remove_dir_all(&project)?;
    expect_same(&script, &atoll(&place, &["run", "app.wasm", "--", "Ada"])?)?;
    // Whatever it is called.
    fs::rename(place.join("app.wasm"), place.join("hello"))?;
    expect_same(&script, &atoll(&place, &["run", "hello", "--", "Ada"])?)
}

fn the_same_sources_make_the_same_bytes() -> Result<(), Failed> {
    for (name, strip) in [("bytes", &[][..]), ("bytes_stripped", &["--strip"])] {
        let one = folder(&format!("{name}_one"), PROJECT)?;
        let other = folder(&format!("{name}/deeper/in/other"), PROJECT)?;
        let first = fs::read(built(&one, strip)?.join("app.wasm"))?;
        // From elsewhere, by another path, with the files that it has anyway named in another order.
        let words = [
            "build",
            "deeper/in/other/main.luau",
            "-o",
            "app.wasm",
            "--include",
        ];
        let words: Vec<&str> = words
            .into_iter()
            .chain(["deeper/in/other/lib/words.luau", "deeper/in/other/lib/lib.luau"])
            .chain(strip.iter().copied())
            .collect();
        let above = folder(name, &[]).and_then(|_| folder(&format!("{name}/deeper/in/other"), PROJECT))?;
        assert_eq!(above, other);
        let above = scratch().join("built").join(name);
        atoll(&above, &words)?.expect_code(0)?;
        assert!(
            fs::read(above.join("app.wasm"))? == first,
            "{name}: the bytes depend on the folder"
        );
    }
    Ok(())
}

fn nothing_of_the_disk_is_in_it_later() -> Result<(), Failed> {
    let main = "print(require('./x'))\nlocal name = './' .. 'y'\nprint((select(2, pcall(require, name))))\n";
    let project = folder("later", &[("main.luau", main), ("x.luau", "return 'built'")])?;
    let place = built(&project, &[])?;
    fs::write(place.join("x.luau"), "return 'found here'")?;
    fs::write(place.join("y.luau"), "return 'found here'")?;
    let finished = atoll(&place, &["run", "app.wasm"])?;
    finished.expect_code(0)?;
    let missing =
        "main.luau:3: require: there is no module \"./y\"; tried y.luau, y.lua, y/init.luau, y/init.lua";
    assert_eq!(finished.out(), format!("built\n{missing}\n"));
    Ok(())
}

fn links_lead_where_they_led() -> Result<(), Failed> {
    let project = folder(
        "links",
        &[
            (
                "main.luau",
                "print(require('./link') == require('./lib/own'))\nerror(require('./link').name)",
            ),
            ("lib/own.luau", "return { name = 'mine' }"),
        ],
    )?;
    symlink("lib/own.luau", project.join("link.luau"))?;
    let script = atoll(&project, &["run", "main.luau"])?;
    assert_eq!(script.out(), "true\n");
    let place = built(&project, &[])?;
    expect_same(&script, &atoll(&place, &["run", "app.wasm"])?)
}

fn what_is_included() -> Result<(), Failed> {
    let project = folder(
        "included",
        &[
            (
                "main.luau",
                "for _, name in process.args do print((select(2, pcall(require, './' .. name)))) end",
            ),
            ("one.luau", "return require('./inner/of_one')"),
            ("inner/of_one.luau", "return 'one'"),
            ("plugins/a.luau", "return 'a'"),
            ("plugins/deep/b.lua", "return 'b'"),
            ("plugins/deep/c.d.luau", "declare no: Luau"),
            ("other/d.luau", "return 'd'"),
            ("other/.hidden.luau", "return 'hidden'"),
        ],
    )?;
    let names = ["one", "plugins/a", "plugins/deep/b", "other/d", "other/.hidden"];
    let table: [(&[&str], &str); 7] = [
        (&["one.luau"], "one"),
        (&["plugins"], "a b"),
        (&["plugins/*.luau"], "a"),
        (&["plugins/**/*"], "a b"),
        (&["one.luau", "other/*"], "one d"),
        (&["./plugins/../other/d.luau", "main.luau"], "d"),
        (&["*/d.luau"], "d"),
    ];
    for (included, expected) in table {
        let words: Vec<&str> = ["--include"].iter().chain(included).copied().collect();
        // A pattern does not know definition files from others.
        if included.contains(&"plugins/**/*") {
            fs::remove_file(project.join("plugins/deep/c.d.luau"))?;
        }
        let place = built(&project, &words)?;
        let words: Vec<&str> = ["run", "app.wasm", "--"].into_iter().chain(names).collect();
        let finished = atoll(&place, &words)?;
        let out = finished.out();
        let found: Vec<&str> = out
            .lines()
            .filter(|line| !line.contains("there is no module"))
            .collect();
        assert_eq!(found.join(" "), expected, "{included:?}: {}", finished.err());
    }
    Ok(())
}

fn what_can_not_be_included() -> Result<(), Failed> {
    let above = folder(
        "not_included",
        &[
            ("outside.luau", "return 1"),
            ("project/main.luau", "return 1"),
            ("project/data.json", "{}"),
            ("project/wrong.luau", "local = 2"),
            ("project/broken.luau", "return require('./gone')"),
        ],
    )?;
    let project = above.join("project");
    symlink("../outside.luau", project.join("out.luau"))?;
    let table = [
        ("gone.luau", 2, "there is no such file"),
        ("*.txt", 2, "there is no such file"),
        ("[", 2, "--include [: "),
        ("../outside.luau", 2, "is not in the script's project"),
        ("out.luau", 2, "leads out of the project"),
        ("data.json", 2, "is no Luau source"),
    ];
    let output = project.join("app.wasm");
    for (word, code, expected) in table {
        let finished = atoll(
            &project,
            &["build", "main.luau", "-o", "app.wasm", "--include", word],
        )?;
        expect_refusal(&finished, code, &["error: --include", expected])?;
    }
    for (word, expected) in [
        ("wrong.luau", "wrong.luau:1:7: error: Expected identifier"),
        (
            "broken.luau",
            "broken.luau:1:16: error: require: there is no module \"./gone\"",
        ),
    ] {
        let finished = atoll(
            &project,
            &["build", "main.luau", "-o", "app.wasm", "--include", word],
        )?;
        finished.expect_code(1)?;
        assert!(finished.err().starts_with(expected), "{}", finished.err());
    }
    assert!(!output.exists());
    Ok(())
}

fn what_is_required_by_computed_strings_is_noted() -> Result<(), Failed> {
    let main = "local name = './x'\nrequire(name)\npcall(require, name)\npcall(require, './maybe')\n";
    let project = folder("noted", &[("main.luau", main), ("x.luau", "return 1")])?;
    let build = ["build", "main.luau", "-o", "app.wasm"];
    let finished = atoll(&project, &build)?;
    finished.expect_code(0)?;
    let notes: Vec<String> = finished.err().lines().map(str::to_owned).collect();
    let heads: Vec<&String> = notes.iter().filter(|line| line.contains(": note: ")).collect();
    assert_eq!(heads.len(), 2, "{notes:#?}");
    assert!(
        heads[0].starts_with("main.luau:2:9: note: ") && heads[0].contains("--include"),
        "{notes:#?}"
    );
    assert!(heads[1].starts_with("main.luau:3:16: note: "), "{notes:#?}");
    let words: Vec<&str> = build.into_iter().chain(["--include", "x.luau"]).collect();
    let finished = atoll(&project, &words)?;
    assert_eq!((finished.out(), finished.err()), (String::new(), String::new()));
    Ok(())
}

fn a_script_is_not_overwritten() -> Result<(), Failed> {
    let project = folder("overwritten", PROJECT)?;
    let main = fs::read(project.join("main.luau"))?;
    let finished = atoll(&project, &["build", "main.luau", "-o", "main.luau"])?;
    expect_refusal(&finished, 2, &["main.luau is there and is no WebAssembly", "-o"])?;
    assert_eq!(fs::read(project.join("main.luau"))?, main);
    let finished = atoll(&project, &["build", "main.luau", "-o", "gone/app.wasm"])?;
    expect_refusal(&finished, 1, &["cannot write the app gone/app.wasm"])?;
    // Over an older app it is written.
    for _ in 0..2 {
        atoll(&project, &["build", "main.luau", "-o", "app.wasm"])?.expect_code(0)?;
    }
    Ok(())
}

fn names_and_versions() -> Result<(), Failed> {
    let package = "[package]\nname = \"named\"\nversion = \"1.2.0\"\n";
    let table: [(&str, &[&str], &str); 4] = [
        ("", &[], "main (for atoll:net@"),
        (package, &[], "named 1.2.0 (for atoll:net@"),
        (package, &["--name", "other"], "other 1.2.0 (for "),
        (
            package,
            &["--name", "other", "--app-version", "2"],
            "other 2 (for ",
        ),
    ];
    for (config, words, expected) in table {
        let project = folder("names", &[("main.luau", ""), ("atoll.toml", config)])?;
        let place = built(&project, words)?;
        let finished = atoll(&place, &["permissions", "app.wasm"])?;
        finished.expect_code(0)?;
        assert!(finished.out().starts_with(expected), "{}", finished.out());
    }
    let build = |words: &[&str], config: &str| {
        let project = folder("names", &[("main.luau", ""), ("atoll.toml", config)])?;
        let words: Vec<&str> = ["build", "main.luau", "-o", "app.wasm"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        atoll(&project, &words)
    };
    let wrong = build(&["--name", "a b"], "")?;
    expect_refusal(&wrong, 2, &["--name must be 1 to 64 letters", "\"a b\""])?;
    let wrong = build(&["--app-version", ""], "")?;
    expect_refusal(&wrong, 2, &["--app-version must be"])?;
    let wrong = build(&[], "[package]\nname = \"\\u001b[31m\"\n")?;
    expect_refusal(&wrong, 2, &["atoll.toml: package.name must be", "\\u{1b}[31m"])?;
    let wrong = build(&[], "[package]\ntitle = \"x\"\n")?;
    expect_refusal(&wrong, 2, &["atoll.toml:2:1: unknown field `title`"])
}

fn commands_that_take_no_app() -> Result<(), Failed> {
    let place = built(&folder("no_app", &[("main.luau", "")])?, &[])?;
    let table: [(&[&str], &str); 4] = [
        (&["run", "--watch", "app.wasm"], "--watch is for scripts"),
        (&["check", "app.wasm"], "check the script that it was built from"),
        (&["test", "app.wasm"], "no file of tests"),
        (
            &["build", "app.wasm", "-o", "more.wasm"],
            "no script to build an app of",
        ),
    ];
    for (words, expected) in table {
        expect_refusal(&atoll(&place, words)?, 2, &["app.wasm", expected])?;
    }
    Ok(())
}

fn an_embedder_runs_one() -> Result<(), Failed> {
    let place = built(&folder("embedded", PROJECT)?, &[])?;
    let bytes = fs::read(place.join("app.wasm"))?;
    let failed = |error: AppError| Failed::from(error.to_string());
    let script = Script::from_app(bytes.clone()).map_err(failed)?;
    let by_path = Script::from_path(place.join("app.wasm"))?;
    let runtime = atoll::Runtime::builder().cache(scratch().join("atoll")).build()?;
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for script in [script, by_path] {
        let ended = executor.block_on(runtime.run(&script.arguments(["Ada".to_owned()])));
        let error = ended.err().ok_or("it fails in the end")?.to_string();
        assert!(
            error.starts_with("lib/lib.luau:7:20: attempt to index nil with 'first'\n  7 | "),
            "{error}"
        );
    }
    assert!(matches!(Script::from_app(&b"print()"[..]), Err(AppError::NoWasm)));
    fs::write(place.join("cut.wasm"), &bytes[..bytes.len() - 1])?;
    let error = Script::from_path(place.join("cut.wasm"))
        .err()
        .ok_or("an error")?;
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<AppError>());
    assert!(matches!(inner, Some(AppError::Damaged(_))), "{error}");
    Ok(())
}
