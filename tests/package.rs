//! What is handed out: the archive of a release, the crate, and the files for servers.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use xtask::package;

use crate::harness::child::scratch;
use crate::harness::{root, trials};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_archive_is_whole_and_the_same_each_time,
        the_crate_has_all_that_it_includes,
        the_service_starts_what_there_is,
    ]
}

/// What the program wrote to standard output.
fn output(command: &mut Command) -> Result<String, Failed> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn the_archive_is_whole_and_the_same_each_time() -> Result<(), Failed> {
    let folder = scratch().join("package");
    let program = env!("CARGO_BIN_EXE_atoll").as_ref();
    let first = package::package(&root(), program, &folder).map_err(|error| error.to_string())?;
    let bytes = fs::read(&first.archive)?;
    let again = package::package(&root(), program, &folder).map_err(|error| error.to_string())?;
    assert!(
        bytes == fs::read(&again.archive)?,
        "another archive of the same files"
    );

    let list = output(Command::new("tar").arg("-tzf").arg(&first.archive))?;
    let names: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| line.split_once('/').map(|(_, name)| name))
        .collect();
    for name in [
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "LICENSE-THIRD-PARTY",
        "README.md",
        "atoll",
        "completions/_atoll",
        "completions/atoll.bash",
        "man/man1/atoll.1",
        "types/net.d.luau",
    ] {
        assert!(names.contains(name), "no {name} in\n{list}");
    }
    // A page for each command that there is.
    let help = output(Command::new(program).arg("--help"))?;
    let mut commands = 0;
    for name in names.iter().filter_map(|name| {
        name.strip_prefix("man/man1/atoll-")
            .and_then(|name| name.strip_suffix(".1"))
    }) {
        assert!(help.contains(&format!("\n  {name} ")), "{name} is no command");
        commands += 1;
    }
    let completions = output(Command::new(program).args(["completions", "bash"]))?;
    let known: BTreeSet<&str> = completions
        .lines()
        .filter_map(|line| line.trim().strip_prefix("atoll,")?.strip_suffix(')'))
        .filter(|command| *command != "help")
        .collect();
    assert_eq!(commands, known.len(), "{known:?} and\n{list}");

    // And it runs where it is unpacked.
    output(
        Command::new("tar")
            .arg("-xzf")
            .arg(&first.archive)
            .arg("-C")
            .arg(&folder),
    )?;
    let name = list.split('/').next().unwrap_or_default();
    let licences = fs::read_to_string(folder.join(name).join("LICENSE-THIRD-PARTY"))?;
    the_licences_of_all(&licences)?;
    let version = output(Command::new(folder.join(name).join("atoll")).arg("--version"))?;
    assert!(version.starts_with("atoll "), "{version}");
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// Of each kind of what the program is made of there is one, and nothing that it is not made of.
fn the_licences_of_all(text: &str) -> Result<(), Failed> {
    for part in [
        // The host's, the guest's, and what only its second component has.
        "\nhyper 1.",
        ", wasmtime 48.",
        "mlua-sys 0.",
        "wasip2 2.",
        // Luau itself, wasi-libc and libc++abi.
        "Roblox Corporation",
        "Lua.org, PUC-Rio",
        "Upstream-Name: wasi-libc",
        "Upstream-Name: LLVM/Clang",
        // Texts of C in crates.
        "BoringSSL",
        "Zstandard",
        // One that brings no text.
        "  full_moon 3.0.0: MPL-2.0\n",
    ] {
        assert!(text.contains(part), "no {part:?}");
    }
    for other in ["libtest-mimic", "serde_derive", "clap_derive", "atoll 0"] {
        assert!(!text.contains(other), "{other} is not in the program");
    }
    Ok(())
}

fn the_crate_has_all_that_it_includes() -> Result<(), Failed> {
    let list = output(Command::new(env!("CARGO")).current_dir(root()).args([
        "package",
        "--quiet",
        "--package=atoll",
        "--allow-dirty",
        "--list",
    ]))?;
    let packed: BTreeSet<&str> = list.lines().collect();
    for folder in ["types", "wit"] {
        for entry in fs::read_dir(root().join("host/shared").join(folder))? {
            let name = format!("shared/{folder}/{}", entry?.file_name().to_string_lossy());
            assert!(packed.contains(name.as_str()), "no {name} in\n{list}");
        }
    }
    for name in [
        "build.rs",
        "shared/prebuilt/atoll-guest.wasm",
        "shared/require/resolve.rs",
        "LICENSE-MIT",
        "README.md",
    ] {
        assert!(packed.contains(name), "no {name} in\n{list}");
    }
    // What code includes from outside of the package would be missing in it.
    let outside = output(Command::new("grep").current_dir(root().join("host")).args([
        "-rnE",
        "(include_str!|include_bytes!|path = |path: )\\(?\"(\\.\\./)+(guest|wit|docs|tests|examples)",
        "src",
    ]))
    .unwrap_or_default();
    let shipped: Vec<&str> = outside
        .lines()
        // Only its own tests read it.
        .filter(|line| !line.starts_with("src/fuzzing/"))
        .collect();
    assert!(shipped.is_empty(), "{shipped:#?}");
    Ok(())
}

/// The command lines of the files for servers are such that `atoll` takes them.
fn the_service_starts_what_there_is() -> Result<(), Failed> {
    let unit = fs::read_to_string(root().join("examples/deploy/atoll.service"))?;
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/atoll run /srv/atoll/main.luau "))
        .ok_or("the unit starts something else")?;
    let image = fs::read_to_string(root().join("examples/deploy/Dockerfile"))?;
    let words = image
        .lines()
        .find_map(|line| line.strip_prefix("CMD [\"run\", \"/app/main.luau\", "))
        .ok_or("the image starts something else")?;
    let words = words.trim_end_matches(']').replace([',', '"'], "");
    for flags in [line, words.as_str()] {
        let flags: Vec<&str> = flags
            .split_whitespace()
            .filter(|flag| !flag.starts_with("--log"))
            .collect();
        let text = output(
            Command::new(env!("CARGO_BIN_EXE_atoll"))
                .current_dir(root())
                .args(["permissions", "examples/hello.luau"])
                .args(&flags),
        )?;
        assert!(text.contains("8080"), "{text}");
    }
    Ok(())
}
