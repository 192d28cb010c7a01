//! The compiled guests of a runtime: its own, and those that apps have brought.
//!
//! An app runs in the guest that it was built with, as only that one surely knows its bytecode and behaves as it did when the
//! app was tried. Most bring the very one that the runtime has, byte by byte, and nothing is compiled for them. Any other is
//! nobody's in particular, and gets the same imports and the same bounds.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Mutex;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use super::{RunError, State};
use crate::bindings::{self, generated::ScriptPre};

/// Guests of apps that are kept compiled. One that is not is compiled anew, or comes from the cache.
const MOST: usize = 8;

/// The guests of one runtime. Clones are the same.
#[derive(Clone)]
pub(super) struct Guests {
    engine: Engine,
    own: Guest,
    /// The one that was used last comes last. Locked while one is compiled: the next run may want the same.
    others: Arc<Mutex<Vec<Guest>>>,
}

#[derive(Clone)]
struct Guest {
    bytes: Bytes,
    compiled: InstancePre<State>,
}

impl Guests {
    /// Compiles the runtime's own guest.
    pub(super) fn new(engine: &Engine, bytes: Bytes) -> wasmtime::Result<Guests> {
        Ok(Guests {
            engine: engine.clone(),
            own: Guest {
                compiled: compile(engine, &bytes)?,
                bytes,
            },
            others: Arc::default(),
        })
    }

    /// The component that runs scripts which bring none.
    pub(super) fn own(&self) -> &Bytes {
        &self.own.bytes
    }

    /// The guest for a script that brings this one, or none. Compiles on a thread of its own where that is to be done.
    ///
    /// Cancel safety: what was compiled is lost.
    pub(super) async fn of(&self, brought: Option<&Bytes>) -> Result<InstancePre<State>, RunError> {
        let Some(bytes) = brought.filter(|bytes| !is_same(bytes, &self.own.bytes)) else {
            return Ok(self.own.compiled.clone());
        };
        let mut others = self.others.lock().await;
        if let Some(at) = others.iter().position(|guest| is_same(&guest.bytes, bytes)) {
            let guest = others.remove(at);
            let compiled = guest.compiled.clone();
            others.push(guest);
            return Ok(compiled);
        }
        let (engine, text) = (self.engine.clone(), bytes.clone());
        let compiled = tokio::task::spawn_blocking(move || compile(&engine, &text)).await;
        let compiled = match compiled {
            Ok(compiled) => compiled.map_err(|error| RunError::Guest(format!("{error:#}")))?,
            Err(error) => return Err(RunError::Guest(error.to_string())),
        };
        if others.len() == MOST {
            others.remove(0);
        }
        others.push(Guest {
            bytes: bytes.clone(),
            compiled: compiled.clone(),
        });
        Ok(compiled)
    }
}

/// Whether both are the same bytes. Those of a script that runs again are in the same place.
fn is_same(one: &Bytes, other: &Bytes) -> bool {
    one.as_ptr() == other.as_ptr() && one.len() == other.len() || one == other
}

/// Compiles a guest and links all that it may import: our own interfaces, and of WASI what its libc needs to
/// start. No sockets, no folders, no environment.
fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<InstancePre<State>> {
    let component = Component::new(engine, component)?;
    let mut linker = Linker::new(engine);
    bindings::add_to_linker(&mut linker)?;
    super::state::add_wasi_to_linker(&mut linker)?;
    let guest = linker.instantiate_pre(&component)?;
    // That it is of the world `script` should be known now.
    ScriptPre::new(guest.clone())?;
    Ok(guest)
}
