//! The project's own build tool, as a library.
//!
//! Called by its binary (`cargo xtask …`) and by tests that ask whether the committed guest and the pages of the
//! documentation are fresh. Tests need [`definitions`], [`docs`], [`package`] and [`guest::stamp`] only, which is all there is without the
//! feature `build`. It changes nothing outside `guest/prebuilt/`, `docs/lib/` and cargo's target folder, and installs
//! packages only when told to (`--install`).

#[cfg(feature = "build")]
pub mod api;
pub mod definitions;
pub mod docs;
pub mod guest;
pub mod licences;
#[cfg(feature = "build")]
pub mod lint;
pub mod package;
pub mod process;
