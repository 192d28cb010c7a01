//! Why a file is no app that can be run.

/// What a file is instead of an app that this Atoll can run, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// It is no WebAssembly at all.
    #[error("it is no WebAssembly, whatever it is called; {BUILD}")]
    NoWasm,
    /// It is a core module.
    #[error("it is a core WebAssembly module, and no app; {BUILD}")]
    Module,
    /// It is a component without a script in it.
    #[error("it is a WebAssembly component without a script of Atoll's in it, and no app; {BUILD}")]
    Foreign,
    /// It is what `atoll build --target wasi-http` makes, and called this.
    #[error(
        "it is {0}, a component for hosts of wasi:http, and no app: have such a host run it, as in `wasmtime serve \
         APP.wasm`; {BUILD}, without --target"
    )]
    OtherHost(String),
    /// It is not as it was built.
    #[error("the app is damaged: {0}; copy it once more, or build it again")]
    Damaged(String),
    /// A newer Atoll wrote it, in another way.
    #[error(
        "a newer Atoll built the app (its format is {0}, this Atoll reads 1): update Atoll, or build it again with \
         this one"
    )]
    NewerFormat(u32),
    /// Its guest needs what this Atoll does not have.
    #[error(
        "the app needs {contract}, this Atoll has {CONTRACT}: update Atoll (Atoll {atoll} built it), or build it \
         again with this one"
    )]
    NewerContract {
        /// What it needs.
        contract: String,
        /// The version of Atoll that built it.
        atoll: String,
    },
    /// Its guest needs what no Atoll has any more.
    #[error(
        "the app needs {contract}, which this Atoll ({CONTRACT}) has no more: build it again with this one, or run it \
         with Atoll {atoll}"
    )]
    OlderContract {
        /// What it needs.
        contract: String,
        /// The version of Atoll that built it.
        atoll: String,
    },
}

use super::CONTRACT;

const BUILD: &str = "`atoll build SCRIPT.luau -o APP.wasm` makes an app of a script";
