//! The functions of `host/src/fuzzing/`, for libFuzzer.
//!
//! They are compiled with the host's own sources, as modules of this crate with the same names: most of what they try is
//! not public, and the host as a whole is too large to be instrumented.
#![allow(dead_code, unused_imports, reason = "most of the host is not tried here")]

#[path = "../../host/src/config/file.rs"]
mod config_file;
#[path = "../../host/src/fuzzing/mod.rs"]
mod fuzzing;
#[path = "../../host/src/limits/mod.rs"]
mod limits;
#[path = "../../host/src/net/mod.rs"]
mod net;
#[path = "../../host/src/observe/mod.rs"]
mod observe;
#[path = "../../host/src/permissions/mod.rs"]
mod permissions;

mod config {
    pub(crate) use crate::config_file as file;
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            /// The target of this name.
            pub fn $name(data: &[u8]) {
                fuzzing::$name(data);
            }
        )*
    };
}

targets! { config guest_target head limits redirect request_line response_head rule url_target }
