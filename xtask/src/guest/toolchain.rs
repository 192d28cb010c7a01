//! Finding the compilers that build the guest.
//!
//! Called by the build. Two kinds of machine are known: Debian with its own packages, and anything else with
//! rustup and a wasi-sdk that `WASI_SDK_PATH` points to (which wins, where both are there). What is missing is
//! reported all at once, each piece with the command that brings it; nothing is guessed or downloaded here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs};

use thiserror::Error;

use super::stamp;
use crate::process::{self, ProcessError};

/// The C and C++ half: compiler, linker and libraries for wasm32 with WASI preview 1.
#[derive(Clone, Debug)]
pub struct Cpp {
    /// The C compiler.
    pub clang: PathBuf,
    /// The C++ compiler.
    pub clangxx: PathBuf,
    /// The archiver, which must know wasm objects.
    pub ar: PathBuf,
    /// The wasm linker: named to rustc so that its own choice cannot change the bytes.
    pub linker: PathBuf,
    /// The target triple under which this distribution files its headers.
    pub target: &'static str,
    /// The root of headers and libraries, where the compiler does not know it by itself.
    pub sysroot: Option<PathBuf>,
    /// The folder of `libc.a` and `crt1-reactor.o`.
    pub libc: PathBuf,
    /// The folder of `libc++.a`.
    pub libcxx: PathBuf,
    /// Where libc++abi and libunwind with exceptions come from.
    pub exceptions: Exceptions,
}

/// Where the parts of the C++ runtime that throw and catch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceptions {
    /// The distribution's are built without exceptions: build our own from LLVM's sources.
    Build,
    /// The wasi-sdk has them, in the folder of `libc++.a`.
    Shipped,
}

/// Everything that turns the guest's sources into a module.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The cargo that belongs to `rustc`.
    pub cargo: PathBuf,
    /// A rustc with the standard library's sources beside it.
    pub rustc: PathBuf,
    /// The sysroot of `rustc`: its path is taken out of the module.
    pub rust_sysroot: PathBuf,
    /// The C and C++ half.
    pub cpp: Cpp,
}

/// One thing that is not there, and how to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What was looked for, and where.
    what: String,
    /// What to do about it.
    cure: String,
    /// The Debian package that has it, for `--install`.
    package: Option<&'static str>,
}

/// Why there is no toolchain.
#[derive(Debug, Error)]
pub enum ToolchainError {
    /// Parts are missing; all of them are listed.
    #[error("the guest cannot be built here yet:{}", list(.0))]
    Missing(Vec<Missing>),
    /// A compiler is there but does not answer.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A library that takes part cannot be read.
    #[error("cannot read `{0}`: {1}")]
    Library(PathBuf, std::io::Error),
}

/// The Debian packages whose files are looked for.
const DEBIAN: &[(&str, &str)] = &[
    ("/usr/bin/clang-22", "clang-22"),
    ("/usr/bin/clang++-22", "clang-22"),
    ("/usr/bin/wasm-ld-22", "lld-22"),
    ("/usr/bin/llvm-ar-22", "llvm-22"),
    ("/usr/lib/wasm32-wasi/crt1-reactor.o", "wasi-libc"),
    (
        "/usr/lib/llvm-22/lib/wasm32-wasi/libc++.a",
        "libc++-22-dev-wasm32",
    ),
    (
        "/usr/lib/llvm-22/include/wasm32-wasi/c++/v1/cxxabi.h",
        "libc++abi-22-dev-wasm32",
    ),
];

/// What a wasi-sdk must have, below its root. The `eh` folder came with wasi-sdk 33.
const WASI_SDK: &[&str] = &[
    "bin/clang",
    "bin/clang++",
    "bin/llvm-ar",
    "bin/wasm-ld",
    "share/wasi-sysroot/lib/wasm32-wasip1/crt1-reactor.o",
    "share/wasi-sysroot/lib/wasm32-wasip1/eh/libc++abi.a",
];

impl Toolchain {
    /// Looks for the tools on this machine.
    ///
    /// # Errors
    /// [`ToolchainError::Missing`] lists all that is not there; the others when a tool does not work.
    pub fn find() -> Result<Self, ToolchainError> {
        let mut missing = Vec::new();
        let cpp = match env::var_os("WASI_SDK_PATH") {
            Some(sdk) => Cpp::wasi_sdk(Path::new(&sdk), &mut missing),
            None => Cpp::debian(&mut missing),
        };
        let rust = find_rust();
        match rust {
            Some((rustc, rust_sysroot)) if missing.is_empty() => {
                let cargo = rustc.with_file_name("cargo");
                Ok(Self {
                    cargo,
                    rustc,
                    rust_sysroot,
                    cpp,
                })
            }
            Some(_) => Err(ToolchainError::Missing(missing)),
            None => {
                missing.extend(missing_rust());
                Err(ToolchainError::Missing(missing))
            }
        }
    }

    /// The versions that decide the bytes, for the stamp: what the compilers call themselves, and hashes of the
    /// libraries that are linked in.
    ///
    /// # Errors
    /// [`ToolchainError`] when a tool does not answer or a library cannot be read.
    pub fn versions(&self) -> Result<BTreeMap<String, String>, ToolchainError> {
        let mut versions = BTreeMap::new();
        for (name, tool) in [
            ("rustc", &self.rustc),
            ("clang", &self.cpp.clang),
            ("wasm-ld", &self.cpp.linker),
        ] {
            let text = process::output(Command::new(tool).arg("--version"))?;
            versions.insert(
                name.to_owned(),
                text.lines().next().unwrap_or_default().trim().to_owned(),
            );
        }
        for (name, path) in [("libc.a", &self.cpp.libc), ("libc++.a", &self.cpp.libcxx)] {
            let path = path.join(name);
            let bytes = fs::read(&path).map_err(|error| ToolchainError::Library(path, error))?;
            versions.insert(name.to_owned(), stamp::hash(&bytes));
        }
        Ok(versions)
    }
}

impl Cpp {
    fn debian(missing: &mut Vec<Missing>) -> Self {
        let mut lacks = |what: String, package| {
            let cure = format!(
                "`apt-get install {package}`, or set WASI_SDK_PATH to a wasi-sdk of version 33 or later"
            );
            missing.push(Missing {
                what,
                cure,
                package: Some(package),
            });
        };
        for (file, package) in DEBIAN.iter().filter(|(file, _)| !Path::new(file).exists()) {
            lacks(format!("`{file}`"), package);
        }
        if process::output(Command::new("python3").args(["-m", "pip", "--version"])).is_err() {
            lacks(
                "pip for `python3`, which fetches LLVM's sources".to_owned(),
                "python3-pip",
            );
        }
        Self {
            clang: "/usr/bin/clang-22".into(),
            clangxx: "/usr/bin/clang++-22".into(),
            ar: "/usr/bin/llvm-ar-22".into(),
            linker: "/usr/bin/wasm-ld-22".into(),
            target: "wasm32-wasi",
            sysroot: None,
            libc: "/usr/lib/wasm32-wasi".into(),
            libcxx: "/usr/lib/llvm-22/lib/wasm32-wasi".into(),
            exceptions: Exceptions::Build,
        }
    }

    fn wasi_sdk(sdk: &Path, missing: &mut Vec<Missing>) -> Self {
        // One cure for all: the first that is not there tells enough.
        if let Some(file) = WASI_SDK.iter().find(|file| !sdk.join(file).exists()) {
            missing.push(Missing {
                what: format!("`{file}` below WASI_SDK_PATH ({})", sdk.display()),
                cure: "unpack a wasi-sdk of version 33 or later (github.com/WebAssembly/wasi-sdk/releases), the \
                       first whose C++ library has exceptions, and set WASI_SDK_PATH to it"
                    .to_owned(),
                package: None,
            });
        }
        let sysroot = sdk.join("share/wasi-sysroot");
        let libc = sysroot.join("lib/wasm32-wasip1");
        Self {
            clang: sdk.join("bin/clang"),
            clangxx: sdk.join("bin/clang++"),
            ar: sdk.join("bin/llvm-ar"),
            linker: sdk.join("bin/wasm-ld"),
            target: "wasm32-wasip1",
            sysroot: Some(sysroot),
            libcxx: libc.join("eh"),
            libc,
            exceptions: Exceptions::Shipped,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is missing: {}", self.what, self.cure)
    }
}

/// Installs the Debian packages that have what is missing.
///
/// # Errors
/// [`ProcessError`] when apt-get fails, which it does for anyone but root.
pub fn install(missing: &[Missing]) -> Result<(), ProcessError> {
    let mut packages: Vec<&str> = missing.iter().filter_map(|missing| missing.package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    process::run(Command::new("apt-get").args(["update", "--quiet=2"]))?;
    process::run(
        apt.args(["install", "--quiet=2", "--yes", "--no-install-recommends"])
            .args(packages),
    )
}

/// The first rustc that has the standard library's sources, and its sysroot. Without a prebuilt standard
/// library for the target that unwinds, cargo must build one.
fn find_rust() -> Option<(PathBuf, PathBuf)> {
    let chosen = env::var_os("RUSTC").map(PathBuf::from);
    let candidates = chosen.map_or_else(
        || vec!["/usr/bin/rustc".into(), "rustc".into()],
        |rustc| vec![rustc],
    );
    candidates.into_iter().find_map(|rustc: PathBuf| {
        let sysroot = process::output(Command::new(&rustc).args(["--print", "sysroot"])).ok()?;
        let sysroot = PathBuf::from(sysroot.trim());
        let source = sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml");
        source.exists().then_some((rustc, sysroot))
    })
}

fn missing_rust() -> Vec<Missing> {
    let sources = "`rustup component add rust-src`";
    if let Some(rustc) = env::var_os("RUSTC") {
        let what = format!(
            "the source of the standard library beside RUSTC ({})",
            rustc.display()
        );
        return vec![Missing {
            what,
            cure: format!("{sources}, or unset RUSTC"),
            package: None,
        }];
    }
    if Path::new("/etc/debian_version").exists() {
        return [
            ("/usr/bin/rustc", "rustc-web"),
            ("/usr/bin/cargo", "cargo-web"),
            ("/usr/lib/rustlib/src/rust/library/std/Cargo.toml", "rust-web-src"),
        ]
        .into_iter()
        .filter(|(file, _)| !Path::new(file).exists())
        .map(|(file, package)| Missing {
            what: format!("`{file}`"),
            cure: format!("`apt-get install {package}`, or {sources}"),
            package: Some(package),
        })
        .collect();
    }
    let what = "a rustc with the sources of the standard library".to_owned();
    vec![Missing {
        what,
        cure: sources.to_owned(),
        package: None,
    }]
}

fn list(missing: &[Missing]) -> String {
    let mut text: String = missing.iter().map(|missing| format!("\n  - {missing}")).collect();
    if missing.iter().any(|missing| missing.package.is_some()) {
        text.push_str("\nOn Debian, `cargo xtask guest --install` (as root) installs all of it.");
    }
    text
}
