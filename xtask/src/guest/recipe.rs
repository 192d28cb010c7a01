//! The recipe: with which flags the guest is compiled and linked.
//!
//! Called by the build and by `exceptions`. Pure: from a toolchain and folders to arguments and environment
//! variables, so the stamp can take this file for all that decides the bytes. Flags that the caller's
//! environment carries are refused: they would make the bytes depend on who builds.

use std::ffi::OsString;
use std::path::Path;

use super::exceptions::LIBRARY;
use super::toolchain::{Cpp, Exceptions, Toolchain};

/// The target: wasi-libc of both kinds of toolchain has preview 1, and mlua compiles for it.
pub const TARGET: &str = "wasm32-wasip1";

/// cargo's arguments. The standard library is built too: no prebuilt one for this target unwinds.
pub const CARGO: &[&str] = &[
    "build",
    "--release",
    "--locked",
    "--target",
    TARGET,
    "-Zbuild-std=std,panic_unwind",
];

/// Exceptions in the standard encoding; wasmtime has no other.
const EXCEPTIONS: &[&str] = &[
    "-fexceptions",
    "-fwasm-exceptions",
    "-mllvm",
    "-wasm-use-legacy-eh=false",
];

/// Bytes of the stack in linear memory: Luau's parser and compiler recurse natively.
const STACK: u32 = 4 << 20;

/// The folders whose paths must not reach the component, and where the exception runtime lies.
#[derive(Clone, Copy, Debug)]
pub struct Folders<'a> {
    /// The project's root.
    pub root: &'a Path,
    /// Cargo's home, below which the sources of dependencies lie.
    pub cargo_home: &'a Path,
    /// The build's target folder, below which build scripts write.
    pub target: &'a Path,
    /// The folder of the archive that `exceptions` made.
    pub exceptions: &'a Path,
    /// The file by which the compiler finds the changed sources of Luau.
    pub luau: &'a Path,
}

/// The environment variables that make cargo build the guest by this recipe.
#[must_use]
pub fn variables(toolchain: &Toolchain, folders: Folders<'_>) -> Vec<(&'static str, OsString)> {
    let cpp = &toolchain.cpp;
    let c: Vec<OsString> = base_flags(cpp).into_iter().chain(prefix_maps(folders)).collect();
    let cxx: Vec<OsString> = cxx_flags(cpp)
        .into_iter()
        .chain(luau_flags(folders))
        .chain(prefix_maps(folders))
        .collect();
    vec![
        // build-std and the exception-handling option are not stable yet.
        ("RUSTC_BOOTSTRAP", "1".into()),
        ("RUSTC", toolchain.rustc.clone().into()),
        (
            "CARGO_ENCODED_RUSTFLAGS",
            join(&rust_flags(toolchain, folders), "\x1f"),
        ),
        ("CARGO_INCREMENTAL", "0".into()),
        ("CC_wasm32_wasip1", cpp.clang.clone().into()),
        ("CXX_wasm32_wasip1", cpp.clangxx.clone().into()),
        ("AR_wasm32_wasip1", cpp.ar.clone().into()),
        // Paths with spaces survive only in quotes.
        ("CC_SHELL_ESCAPED_FLAGS", "1".into()),
        ("CFLAGS_wasm32_wasip1", join(&quote(&c), " ")),
        ("CXXFLAGS_wasm32_wasip1", join(&quote(&cxx), " ")),
        ("CXXSTDLIB_wasm32_wasip1", "c++".into()),
    ]
}

/// Whether a variable of the caller's environment could change what is built, and must not be inherited.
#[must_use]
pub fn interferes(name: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "CARGO_BUILD_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "CARGO_UNSTABLE_",
        "LUAU_",
    ];
    const STEMS: &[&str] = &[
        "AR",
        "CC",
        "CFLAGS",
        "CPPFLAGS",
        "CXX",
        "CXXFLAGS",
        "CXXSTDLIB",
        "RUSTFLAGS",
    ];
    const NAMES: &[&str] = &[
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "SOURCE_DATE_EPOCH",
        "LD_LIBRARY_PATH",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || NAMES.contains(&name)
        || STEMS.iter().any(|stem| {
            let rest = name
                .strip_prefix("TARGET_")
                .or_else(|| name.strip_prefix("HOST_"))
                .unwrap_or(name);
            rest == *stem || rest.strip_prefix(stem).is_some_and(|rest| rest.starts_with('_'))
        })
}

/// Flags for C++ with exceptions, and for C that takes part in unwinding.
#[must_use]
pub fn cxx_flags(cpp: &Cpp) -> Vec<OsString> {
    base_flags(cpp)
        .into_iter()
        .chain(EXCEPTIONS.iter().map(Into::into))
        .collect()
}

/// The flag that replaces a folder's path in what the C and C++ compilers write.
#[must_use]
pub fn prefix_map(folder: &Path, name: &str) -> OsString {
    mapping("-ffile-prefix-map=", folder, name)
}

/// What only Luau's sources take. Its assertions are for those who work on Luau: its own releases are built without them, too.
fn luau_flags(folders: Folders<'_>) -> [OsString; 3] {
    ["-DNDEBUG".into(), "-ivfsoverlay".into(), folders.luau.into()]
}

fn base_flags(cpp: &Cpp) -> Vec<OsString> {
    // The triple under which Debian files its headers has a newer name that clang would rather see.
    let mut flags = vec![
        format!("--target={}", cpp.target).into(),
        "-Wno-deprecated".into(),
    ];
    if let Some(sysroot) = &cpp.sysroot {
        let mut flag = OsString::from("--sysroot=");
        flag.push(sysroot);
        flags.push(flag);
    }
    flags
}

fn rust_flags(toolchain: &Toolchain, folders: Folders<'_>) -> Vec<OsString> {
    let cpp = &toolchain.cpp;
    let mut flags: Vec<OsString> = [
        "-Cpanic=unwind",
        "-Ctarget-feature=+exception-handling",
        "-Cllvm-args=-wasm-use-legacy-eh=false",
        "-Clink-self-contained=no",
        "-Cstrip=symbols",
    ]
    .map(Into::into)
    .to_vec();
    let mut path = |prefix: &str, path: &Path| {
        let mut flag = OsString::from(prefix);
        flag.push(path);
        flags.push(flag);
    };
    path("-Clinker=", &cpp.linker);
    path("-Clink-arg=", &cpp.libc.join("crt1-reactor.o"));
    // Ours first: Debian's libc++abi, without exceptions, lies in the other folders.
    path("-Lnative=", folders.exceptions);
    path("-Lnative=", &cpp.libcxx);
    path("-Lnative=", &cpp.libc);
    flags.push(format!("-l{LIBRARY}").into());
    if cpp.exceptions == Exceptions::Shipped {
        flags.extend(["-lc++abi", "-lunwind"].map(OsString::from));
    }
    // Luau's `os.clock` calls `clock`.
    flags.push("-lwasi-emulated-process-clocks".into());
    flags.push(format!("-Clink-arg=-zstack-size={STACK}").into());
    // An overflow then runs below address 0 and traps, instead of overwriting data.
    flags.push("-Clink-arg=--stack-first".into());
    let source = toolchain.rust_sysroot.join("lib/rustlib/src/rust");
    for (folder, name) in mapped(folders).into_iter().chain([(source.as_path(), "/rust")]) {
        flags.push(mapping("--remap-path-prefix=", folder, name));
    }
    flags
}

fn prefix_maps(folders: Folders<'_>) -> Vec<OsString> {
    mapped(folders)
        .into_iter()
        .map(|(folder, name)| prefix_map(folder, name))
        .collect()
}

/// Outer folders first: the compilers let the last one that matches win.
fn mapped(folders: Folders<'_>) -> [(&Path, &'static str); 3] {
    [
        (folders.root, "/atoll"),
        (folders.cargo_home, "/cargo"),
        (folders.target, "/target"),
    ]
}

fn mapping(flag: &str, folder: &Path, name: &str) -> OsString {
    let mut text = OsString::from(flag);
    text.push(folder);
    text.push("=");
    text.push(name);
    text
}

fn join(words: &[OsString], separator: &str) -> OsString {
    words.join(separator.as_ref())
}

fn quote(words: &[OsString]) -> Vec<OsString> {
    words
        .iter()
        .map(|word| OsString::from(format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"))))
        .collect()
}
