//! From core module to component.
//!
//! Called by the build with what the compiler made. wasi-libc speaks WASI preview 1 only, so an adapter translates to
//! preview 2: for other hosts than Atoll's the one that needs no more than the world `wasi:http/proxy`. A module whose imports
//! the world and the adapter don't cover is refused.

use thiserror::Error;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use super::stamp::{COMPONENT, WASI_HTTP};

/// One of the guest's components: for which hosts it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Atoll's own.
    Atoll,
    /// All that run components of `wasi:http`.
    WasiHttp,
}

impl Flavour {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Atoll, Self::WasiHttp];

    /// The component's path below the project's root.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Atoll => COMPONENT,
            Self::WasiHttp => WASI_HTTP,
        }
    }

    /// cargo's arguments that it adds.
    #[must_use]
    pub fn features(self) -> &'static [&'static str] {
        match self {
            Self::Atoll => &[],
            Self::WasiHttp => &["--features=wasi-http"],
        }
    }

    fn adapter(self) -> &'static [u8] {
        match self {
            Self::Atoll => WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            Self::WasiHttp => WASI_SNAPSHOT_PREVIEW1_PROXY_ADAPTER,
        }
    }
}

/// The module cannot be made a component.
#[derive(Debug, Error)]
#[error("the guest's module is no component of the world in `wit/`: {0}")]
pub struct ComponentError(String);

/// Wraps a core module, which carries its world in the custom section that wit-bindgen wrote, as a component.
/// The same module gives the same bytes.
///
/// # Errors
/// [`ComponentError`] with the encoder's reasons.
pub fn encode(flavour: Flavour, module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, flavour.adapter()))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| ComponentError(format!("{error:#}")))
}
