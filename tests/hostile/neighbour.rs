//! The honest server's client: it must notice nothing of an attack beside it. Called by the scene.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::Failed;

use crate::harness::http::get;

/// Asks the neighbour again and again while the attack goes on.
pub(super) struct Pulse {
    over: Arc<AtomicBool>,
    asking: std::thread::JoinHandle<Result<(), Failed>>,
}

impl Pulse {
    pub(super) fn start(address: SocketAddr) -> Pulse {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let asking = std::thread::spawn(move || {
            while !seen.load(Ordering::SeqCst) {
                ask(address)?;
            }
            Ok(())
        });
        Pulse { over, asking }
    }

    pub(super) fn end(self) -> Result<(), Failed> {
        self.over.store(true, Ordering::SeqCst);
        self.asking
            .join()
            .map_err(|_| "the neighbour's client panicked")?
    }
}

/// One request, which the honest server must answer.
pub(super) fn ask(address: SocketAddr) -> Result<(), Failed> {
    match get(address, "/")?.text().as_str() {
        "fine" => Ok(()),
        other => Err(format!("the honest server answered {other:?}").into()),
    }
}
