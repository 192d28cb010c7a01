//! What the recipe takes from the caller's environment, and that folders with any name are spelled right.

use std::ffi::OsString;
use std::path::Path;

use xtask::guest::recipe::{self, Folders};
use xtask::guest::toolchain::{Cpp, Exceptions, Toolchain};

#[test]
fn flags_of_the_environment_are_not_inherited() {
    for name in [
        "AR",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_PROFILE_RELEASE_LTO",
        "CARGO_TARGET_WASM32_WASIP1_LINKER",
        "CC",
        "CC_wasm32_wasip1",
        "CFLAGS",
        "CXXFLAGS_wasm32-wasip1",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
        "TARGET_CXXFLAGS",
    ] {
        assert!(recipe::interferes(name), "{name}");
    }
    for name in [
        "CARGO_HOME",
        "HOME",
        "PATH",
        "CCACHE_DIR",
        "ARCH",
        "HTTPS_PROXY",
        "RUSTUP_TOOLCHAIN",
    ] {
        assert!(!recipe::interferes(name), "{name}");
    }
}

#[test]
fn folders_with_spaces_and_quotes_stay_one_word() {
    let variables = variables(Exceptions::Build, "/srv/it's me/atoll");
    assert!(
        value(&variables, "CXXFLAGS_wasm32_wasip1")
            .contains(r"'-ffile-prefix-map=/srv/it'\''s me/atoll=/atoll'")
    );
    let rust = value(&variables, "CARGO_ENCODED_RUSTFLAGS");
    assert!(
        rust.split('\x1f')
            .any(|flag| flag == "--remap-path-prefix=/srv/it's me/atoll=/atoll"),
        "{rust}"
    );
}

#[test]
fn the_runtime_that_throws_comes_from_one_place() {
    for (exceptions, shipped) in [(Exceptions::Build, false), (Exceptions::Shipped, true)] {
        let variables = variables(exceptions, "/atoll");
        let rust = value(&variables, "CARGO_ENCODED_RUSTFLAGS");
        assert_eq!(
            rust.split('\x1f').any(|flag| flag == "-lc++abi"),
            shipped,
            "{rust}"
        );
        assert!(rust.contains("-latoll-exceptions"), "{rust}");
    }
}

fn variables(exceptions: Exceptions, root: &str) -> Vec<(&'static str, OsString)> {
    let cpp = Cpp {
        clang: "clang".into(),
        clangxx: "clang++".into(),
        ar: "llvm-ar".into(),
        linker: "wasm-ld".into(),
        target: "wasm32-wasi",
        sysroot: None,
        libc: "/libc".into(),
        libcxx: "/libcxx".into(),
        exceptions,
    };
    let toolchain = Toolchain {
        cargo: "cargo".into(),
        rustc: "rustc".into(),
        rust_sysroot: "/rust".into(),
        cpp,
    };
    let root = Path::new(root);
    let folders = Folders {
        root,
        cargo_home: Path::new("/home"),
        target: Path::new("/t"),
        exceptions: Path::new("/eh"),
        luau: Path::new("/luau/overlay.yaml"),
    };
    recipe::variables(&toolchain, folders)
}

fn value(variables: &[(&'static str, OsString)], name: &str) -> String {
    let (_, value) = variables
        .iter()
        .find(|(found, _)| *found == name)
        .expect("the recipe sets it");
    value.to_string_lossy().into_owned()
}
