//! From core module to component.
//!
//! Called by the build with what the compiler made. wasi-libc speaks WASI preview 1 only, so the reactor
//! adapter translates to preview 2. A module whose imports the world and the adapter don't cover is refused.

use thiserror::Error;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

/// The module cannot be made a component.
#[derive(Debug, Error)]
#[error("the guest's module is no component of the world in `wit/`: {0}")]
pub struct ComponentError(String);

/// Wraps a core module, which carries its world in the custom section that wit-bindgen wrote, as a component.
/// The same module gives the same bytes.
///
/// # Errors
/// [`ComponentError`] with the encoder's reasons.
pub fn encode(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
        })
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| ComponentError(format!("{error:#}")))
}
