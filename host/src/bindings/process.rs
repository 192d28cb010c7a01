//! `atoll:net/process`: the end of the program, where the script chooses it.

use super::generated::atoll::net::process as wit;
use crate::runtime::{Exited, State};

impl wit::Host for State {
    fn exit(&mut self, code: u8) -> wasmtime::Result<()> {
        // As a trap, which nothing in the guest can hold up.
        Err(Exited(code).into())
    }
}
