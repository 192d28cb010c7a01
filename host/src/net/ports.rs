//! Ports that the workers of one script share: each has a socket of its own (SO_REUSEPORT), and the system hands each connection
//! to one of them. Where the script asks for any free port, all get the same. `kept` asks.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The ports of one script. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Ports(Arc<Mutex<Vec<Place>>>);

/// What one call of `net.serve` has bound, in one worker at least.
struct Place {
    /// What was asked for: the port may be 0.
    asked: SocketAddr,
    /// Which one it is of those that a worker has for the same address.
    number: usize,
    /// The port that it became.
    port: u16,
    /// Alive while a worker has it.
    holders: Weak<()>,
}

/// One worker's part of a place.
pub(super) struct Share {
    #[expect(dead_code, reason = "it only has to be there")]
    holder: Arc<()>,
}

impl Ports {
    /// Opens a socket of one worker. `open` takes a port, and whether to share it. `is_open`: the script wants it to be shared
    /// with other processes too.
    pub(super) fn open(
        &self,
        asked: SocketAddr,
        number: usize,
        is_open: bool,
        open: impl Fn(u16, bool) -> io::Result<TcpListener>,
    ) -> io::Result<(TcpListener, Share)> {
        // Held throughout: of two workers that come at once, one chooses the port.
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|place| place.holders.strong_count() > 0);
        let known = places
            .iter()
            .find(|place| place.asked == asked && place.number == number);
        if let Some((port, holder)) = known.and_then(|place| Some((place.port, place.holders.upgrade()?))) {
            return Ok((open(port, true)?, Share { holder }));
        }
        if !is_open && number > 0 && asked.port() != 0 {
            // This worker has that port already. Sharing must not hide it.
            return Err(io::ErrorKind::AddrInUse.into());
        }
        if !is_open && asked.port() != 0 {
            // Nor that another program has it.
            drop(open(asked.port(), false)?);
        }
        let socket = open(asked.port(), true)?;
        let holder = Arc::default();
        places.push(Place {
            asked,
            number,
            port: socket.local_addr()?.port(),
            holders: Arc::downgrade(&holder),
        });
        Ok((socket, Share { holder }))
    }
}
