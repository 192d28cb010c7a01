//! The stamp notices every change that could change the component, and the committed component is fresh.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use xtask::guest::stamp::{self, COMPONENT, STAMP, Stale, Stamp, StampError, WASI_HTTP};

/// A change made to a project, and what the stamp must say about it.
type Case = (&'static str, fn(&Path), Vec<Stale>);

#[test]
fn prebuilt_guest_is_fresh() {
    let stale = stamp::stale(project().parent().expect("the package lies in the project"))
        .expect("the stamp is readable");
    let reasons: Vec<String> = stale.iter().map(ToString::to_string).collect();
    assert!(
        reasons.is_empty(),
        "the committed guest is stale:\n{}",
        reasons.join("\n")
    );
}

#[test]
fn every_change_of_an_input_is_named() {
    let name = String::from;
    let cases: Vec<Case> = vec![
        ("nothing", |_| {}, vec![]),
        (
            "a source edited",
            |root| write(root, "guest/src/lib.rs", "edited"),
            vec![Stale::Changed(name("guest/src/lib.rs"))],
        ),
        (
            "a nested source edited",
            |root| write(root, "guest/src/net/serve.rs", "edited"),
            vec![Stale::Changed(name("guest/src/net/serve.rs"))],
        ),
        (
            "a prelude in Luau edited",
            |root| write(root, "guest/src/prelude.luau", "edited"),
            vec![Stale::Changed(name("guest/src/prelude.luau"))],
        ),
        (
            "a source added",
            |root| write(root, "guest/src/new.rs", ""),
            vec![Stale::Added(name("guest/src/new.rs"))],
        ),
        (
            "a source removed",
            |root| remove(root, "guest/src/lib.rs"),
            vec![Stale::Removed(name("guest/src/lib.rs"))],
        ),
        (
            "a source renamed",
            |root| fs::rename(root.join("guest/src/lib.rs"), root.join("guest/src/main.rs")).expect("rename"),
            vec![
                Stale::Removed(name("guest/src/lib.rs")),
                Stale::Added(name("guest/src/main.rs")),
            ],
        ),
        (
            "an interface edited",
            |root| write(root, "wit/world.wit", "edited"),
            vec![Stale::Changed(name("wit/world.wit"))],
        ),
        (
            "a dependency updated",
            |root| write(root, "guest/Cargo.lock", "edited"),
            vec![Stale::Changed(name("guest/Cargo.lock"))],
        ),
        (
            "a profile edited",
            |root| write(root, "guest/Cargo.toml", "edited"),
            vec![Stale::Changed(name("guest/Cargo.toml"))],
        ),
        (
            "the changes to Luau edited",
            |root| write(root, "xtask/src/guest/luau.rs", "edited"),
            vec![Stale::Changed(name("xtask/src/guest/luau.rs"))],
        ),
        (
            "the recipe edited",
            |root| write(root, "xtask/src/guest/recipe.rs", "edited"),
            vec![Stale::Changed(name("xtask/src/guest/recipe.rs"))],
        ),
        (
            "the encoder's version edited",
            |root| write(root, "xtask/Cargo.toml", "edited"),
            vec![Stale::Changed(name("xtask/Cargo.toml"))],
        ),
        (
            "the component replaced",
            |root| write(root, COMPONENT, "other"),
            vec![Stale::Component(name(COMPONENT))],
        ),
        (
            "the component for other hosts replaced",
            |root| write(root, WASI_HTTP, "other"),
            vec![Stale::Component(name(WASI_HTTP))],
        ),
        (
            "types and build folder edited",
            |root| write(root, "guest/target/lib.rs", "x"),
            vec![],
        ),
        (
            "an editor's swap file left",
            |root| write(root, "guest/src/.lib.rs.swp", "x"),
            vec![],
        ),
    ];
    for (index, (what, change, expected)) in cases.into_iter().enumerate() {
        let root = fresh_project(&format!("change-{index}"));
        change(&root);
        assert_eq!(stamp::stale(&root).expect("readable"), expected, "{what}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_and_not_fresh() {
    let root = fresh_project("no-stamp");
    remove(&root, STAMP);
    assert!(matches!(stamp::stale(&root), Err(StampError::Read { path, .. }) if path.ends_with("stamp.txt")));

    let root = fresh_project("no-component");
    remove(&root, COMPONENT);
    assert!(
        matches!(stamp::stale(&root), Err(StampError::Read { path, .. }) if path.ends_with("atoll-guest.wasm"))
    );

    let root = fresh_project("no-lock-file");
    remove(&root, "guest/Cargo.lock");
    assert!(
        matches!(stamp::stale(&root), Err(StampError::Read { path, .. }) if path.ends_with("Cargo.lock"))
    );
}

#[test]
fn damaged_lines_are_refused_with_their_number() {
    for (text, wrong) in [
        ("component aa a.wasm\nnonsense\n", 2),
        ("# note\n\ncomponent aa a.wasm\ntool rustc 1.96\n", 4),
        ("input aa\n", 1),
        ("component\n", 1),
        ("component aa\n", 1),
        ("output aa guest/src/lib.rs\n", 1),
    ] {
        let parsed = Stamp::parse(text);
        assert!(
            matches!(parsed, Err(StampError::Line { line }) if line == wrong),
            "{text:?}: {parsed:?}"
        );
    }
}

#[test]
fn a_stamp_reads_back_as_it_was_written() {
    let map = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
        entries
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    let stamp = Stamp {
        components: map(&[(COMPONENT, "00ff"), (WASI_HTTP, "01ff")]),
        tools: map(&[
            ("clang", "clang version 22: patched"),
            ("rustc", "rustc 1.96.0 (ac68faa20 2026-05-25)"),
        ]),
        inputs: map(&[("guest/src/a file.rs", "01"), ("wit/world.wit", "02")]),
    };
    assert_eq!(Stamp::parse(&stamp.to_text()).expect("parses"), stamp);
}

#[test]
fn hashes_are_sha256_in_hex() {
    // FIPS 180-2, appendix B.1.
    assert_eq!(
        stamp::hash(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

/// A small project with a fresh stamp, in a folder of its own.
fn fresh_project(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stamp").join(name);
    if root.exists() {
        fs::remove_dir_all(&root).expect("an earlier run's folder can be removed");
    }
    for file in [
        "guest/Cargo.toml",
        "guest/Cargo.lock",
        "guest/src/lib.rs",
        "guest/src/prelude.luau",
        "guest/src/net/serve.rs",
        "wit/world.wit",
        "xtask/Cargo.toml",
        "xtask/src/guest/component.rs",
        "xtask/src/guest/exceptions.rs",
        "xtask/src/guest/luau.rs",
        "xtask/src/guest/recipe.rs",
        COMPONENT,
        WASI_HTTP,
    ] {
        write(&root, file, file);
    }
    let stamp = Stamp {
        components: [COMPONENT, WASI_HTTP]
            .map(|name| (name.to_owned(), stamp::hash(name.as_bytes())))
            .into(),
        tools: BTreeMap::new(),
        inputs: stamp::inputs(&root).expect("every input is there"),
    };
    write(&root, STAMP, &stamp.to_text());
    root
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("below the root")).expect("folder");
    fs::write(path, text).expect("file");
}

fn remove(root: &Path, name: &str) {
    fs::remove_file(root.join(name)).expect("the file was there");
}

/// The xtask package's folder, asked at run time: the build folder may be shared between clones.
fn project() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .expect("cargo sets it for tests")
        .into()
}
