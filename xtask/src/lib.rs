//! The project's own build tool, as a library.
//!
//! Called by its binary (`cargo xtask …`) and by tests that ask whether the committed guest is fresh. Tests
//! need [`guest::stamp`] only, which is all there is without the feature `build`. It changes nothing outside
//! `guest/prebuilt/` and cargo's target folder, and installs packages only when told to (`--install`).

pub mod guest;
#[cfg(feature = "build")]
pub mod lint;
#[cfg(feature = "build")]
pub mod process;
