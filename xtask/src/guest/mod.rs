//! How the guest component is made from source, and how anyone can tell whether it is fresh.
//!
//! [`stamp`] is the record beside the component; the other modules make it: `toolchain` finds the compilers,
//! `exceptions` builds what they lack, `luau` changes two lines of its sources, `recipe` says with which flags, `component` wraps the module, and
//! `build` runs them in order. A missing tool is an error that says how to get it, never a silent fallback.

pub mod stamp;

#[cfg(feature = "build")]
pub mod build;
#[cfg(feature = "build")]
pub mod component;
#[cfg(feature = "build")]
pub mod exceptions;
#[cfg(feature = "build")]
pub mod luau;
#[cfg(feature = "build")]
pub mod recipe;
#[cfg(feature = "build")]
pub mod toolchain;
