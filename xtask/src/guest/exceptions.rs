//! The parts of the C++ runtime that throw and catch.
//!
//! Called by the build before the guest. Luau raises its errors as C++ exceptions. Debian builds its wasm32
//! libc++abi without them, so this builds libc++abi and libunwind's wasm part from LLVM's own sources, which
//! the ziglang package of PyPI carries in the same LLVM version. A wasi-sdk brings them, and only the tag is made.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use thiserror::Error;

use super::recipe;
use super::toolchain::{Exceptions, Toolchain};
use crate::process::{self, ProcessError};

/// The release whose sources are LLVM 22's, as Debian's clang is.
pub const ZIGLANG: &str = "ziglang==0.17.1";

/// The archive that the guest is linked with, as `-l` names it.
pub const LIBRARY: &str = "atoll-exceptions";

/// The parts of libc++abi that a program without threads and without the demangler needs.
const LIBCXXABI: &[&str] = &[
    "abort_message",
    "cxa_aux_runtime",
    "cxa_default_handlers",
    "cxa_exception",
    "cxa_exception_storage",
    "cxa_handlers",
    "cxa_personality",
    "cxa_vector",
    "cxa_virtual",
    "fallback_malloc",
    "private_typeinfo",
    "stdlib_exception",
    "stdlib_new_delete",
    "stdlib_stdexcept",
    "stdlib_typeinfo",
];

/// Why the archive could not be made.
#[derive(Debug, Error)]
pub enum ExceptionsError {
    /// A compiler or pip failed.
    #[error("cannot build the C++ exception runtime: {0}")]
    Process(#[from] ProcessError),
    /// A file could not be written.
    #[error("cannot build the C++ exception runtime in `{0}`: {1}")]
    File(PathBuf, io::Error),
}

/// Makes the folder with the archive [`LIBRARY`], once for each `version` (a text that changes with the
/// compilers and the recipe), and returns it.
///
/// # Errors
/// [`ExceptionsError`] names the step that failed.
pub fn ensure(toolchain: &Toolchain, folder: &Path, version: &str) -> Result<PathBuf, ExceptionsError> {
    let made = folder.join("version");
    if fs::read_to_string(&made).is_ok_and(|made| made == version) {
        return Ok(folder.to_owned());
    }
    let failed = |error| ExceptionsError::File(folder.to_owned(), error);
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;

    let mut objects = vec![tag(toolchain, folder)?];
    if toolchain.cpp.exceptions == Exceptions::Build {
        let sources = folder.join("sources");
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--root-user-action=ignore",
            "--no-deps",
            "--only-binary=:all:",
            "--target",
        ];
        process::run(Command::new("python3").args(pip).arg(&sources).arg(ZIGLANG))?;
        let llvm = sources.join("ziglang/lib");
        for name in LIBCXXABI {
            objects.push(cxxabi(toolchain, &llvm, folder, name)?);
        }
        objects.push(unwind(toolchain, &llvm, folder)?);
        // Hundreds of megabytes that nobody needs again.
        fs::remove_dir_all(&sources).map_err(failed)?;
    }
    let archive = folder.join(format!("lib{LIBRARY}.a"));
    // `D`: no dates and owners in the archive.
    process::run(
        Command::new(&toolchain.cpp.ar)
            .arg("rcsD")
            .arg(archive)
            .args(objects),
    )?;
    fs::write(made, version).map_err(failed)?;
    Ok(folder.to_owned())
}

/// The exception tag that C++ and Rust both throw with. Weak, because a wasi-sdk may define it too.
fn tag(toolchain: &Toolchain, folder: &Path) -> Result<PathBuf, ExceptionsError> {
    let source = folder.join("tag.s");
    let text = "\t.tagtype __cpp_exception i32\n\t.globl __cpp_exception\n\t.weak __cpp_exception\n__cpp_exception:\n";
    fs::write(&source, text).map_err(|error| ExceptionsError::File(source.clone(), error))?;
    let object = folder.join("tag.o");
    let target = format!("--target={}", toolchain.cpp.target);
    let mut clang = Command::new(&toolchain.cpp.clang);
    process::run(
        clang
            .args([&target, "-Wno-deprecated", "-mexception-handling", "-c"])
            .arg(source)
            .arg("-o")
            .arg(&object),
    )?;
    Ok(object)
}

fn cxxabi(toolchain: &Toolchain, llvm: &Path, folder: &Path, name: &str) -> Result<PathBuf, ExceptionsError> {
    let abi = llvm.join("libcxxabi");
    let object = folder.join(format!("{name}.o"));
    let mut clang = Command::new(&toolchain.cpp.clangxx);
    clang
        .args(recipe::cxx_flags(&toolchain.cpp))
        .args(["-O2", "-std=c++23", "-DNDEBUG"]);
    clang.args([
        "-D_LIBCXXABI_BUILDING_LIBRARY",
        "-D_LIBCPP_BUILDING_LIBRARY",
        "-D_LIBCXXABI_HAS_NO_THREADS",
    ]);
    clang.args([
        "-DLIBCXXABI_NON_DEMANGLING_TERMINATE",
        "-D_LIBCXXABI_DISABLE_VISIBILITY_ANNOTATIONS",
    ]);
    clang
        .arg("-I")
        .arg(abi.join("include"))
        .arg("-I")
        .arg(llvm.join("libcxx/src"))
        .arg("-I")
        .arg(abi.join("src"));
    clang.arg(recipe::prefix_map(folder, "/exceptions"));
    process::run(
        clang
            .arg("-c")
            .arg(abi.join(format!("src/{name}.cpp")))
            .arg("-o")
            .arg(&object),
    )?;
    Ok(object)
}

fn unwind(toolchain: &Toolchain, llvm: &Path, folder: &Path) -> Result<PathBuf, ExceptionsError> {
    let unwind = llvm.join("libunwind");
    let object = folder.join("unwind.o");
    let mut clang = Command::new(&toolchain.cpp.clang);
    clang.args(recipe::cxx_flags(&toolchain.cpp)).args([
        "-O2",
        "-DNDEBUG",
        "-fdeclspec",
        "-Wno-c23-extensions",
    ]);
    clang
        .arg("-D_LIBUNWIND_HIDE_SYMBOLS")
        .arg("-I")
        .arg(unwind.join("include"));
    clang.arg(recipe::prefix_map(folder, "/exceptions"));
    process::run(
        clang
            .arg("-c")
            .arg(unwind.join("src/Unwind-wasm.c"))
            .arg("-o")
            .arg(&object),
    )?;
    Ok(object)
}
