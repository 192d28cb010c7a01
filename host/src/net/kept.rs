//! Sockets that outlive the runs that bound them: with `--watch` the next run gets the same one, and whoever connects
//! meanwhile waits in its backlog, and with `--workers` so does the next instance of a worker whose last one has ended.
//! `listen` puts them in and takes them out, each time for a fresh grant.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::ports::{Ports, Share};
use crate::permissions::GrantedBind;

/// Sockets that are kept; further ones end with their runs.
const MOST: usize = 64;

/// The sockets. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    entries: Arc<Mutex<Vec<Entry>>>,
    /// The ports that other workers have too.
    ports: Option<Ports>,
}

struct Entry {
    /// What was asked for: the port may be 0.
    asked: SocketAddr,
    reuse: bool,
    socket: TcpListener,
    /// Its part of a port that other workers have too.
    #[expect(dead_code, reason = "it only has to be there")]
    share: Option<Share>,
    /// Alive while somebody has it.
    holder: Weak<()>,
    /// Whether this run has had it.
    was_used: bool,
}

/// A kept socket in use. When all clones are gone it is there for the next one.
#[derive(Clone)]
pub(crate) struct Lease {
    kept: Kept,
    holder: Arc<()>,
}

impl Kept {
    /// For one of the workers that share these ports.
    pub(crate) fn sharing(ports: &Ports) -> Kept {
        Kept {
            ports: Some(ports.clone()),
            ..Kept::default()
        }
    }

    /// Opens a new socket for the grant, and keeps it where there is room. `open` takes a port, and whether to share it.
    pub(super) fn open(
        &self,
        grant: &GrantedBind,
        reuse: bool,
        open: impl Fn(u16, bool) -> io::Result<TcpListener>,
    ) -> io::Result<(TcpListener, Option<Lease>)> {
        let asked = grant.socket_addr();
        let Some(ports) = &self.ports else {
            let socket = open(asked.port(), reuse)?;
            let lease = self.keep(grant, reuse, &socket, None);
            return Ok((socket, lease));
        };
        let number = self.entries().iter().filter(|entry| entry.asked == asked).count();
        let (socket, share) = ports.open(asked, number, reuse, open)?;
        let lease = self.keep(grant, reuse, &socket, Some(share));
        Ok((socket, lease))
    }

    /// The socket that was bound for such a grant before, if nobody has it now.
    pub(super) fn take(&self, grant: &GrantedBind, reuse: bool) -> Option<(TcpListener, Lease)> {
        let mut entries = self.entries();
        let entry = entries.iter_mut().find(|entry| {
            entry.holder.strong_count() == 0 && entry.asked == grant.socket_addr() && entry.reuse == reuse
        })?;
        // Where the system has no descriptor left, it is not this one's fault.
        let socket = entry.socket.try_clone().ok()?;
        let lease = self.lease();
        entry.holder = Arc::downgrade(&lease.holder);
        entry.was_used = true;
        Some((socket, lease))
    }

    /// Keeps a socket that was bound for the grant, where there is room.
    fn keep(
        &self,
        grant: &GrantedBind,
        reuse: bool,
        socket: &TcpListener,
        share: Option<Share>,
    ) -> Option<Lease> {
        let mut entries = self.entries();
        // A shared one must stay known as such while it is open; the limit on servers bounds those.
        if entries.len() >= MOST && share.is_none() {
            return None;
        }
        let socket = socket.try_clone().ok()?;
        let lease = self.lease();
        entries.push(Entry {
            asked: grant.socket_addr(),
            reuse,
            socket,
            share,
            holder: Arc::downgrade(&lease.holder),
            was_used: true,
        });
        Some(lease)
    }

    /// A run has gone well: what it did not use is closed. The next one begins.
    pub(crate) fn close_unused(&self) {
        let mut entries = self.entries();
        entries.retain(|entry| entry.was_used);
        for entry in entries.iter_mut() {
            entry.was_used = false;
        }
    }

    /// Closes all of them.
    pub(crate) fn close(&self) {
        self.entries().clear();
    }

    fn lease(&self) -> Lease {
        Lease {
            kept: self.clone(),
            holder: Arc::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The script closes its server: nobody is to wait in its backlog.
    pub(crate) fn give_up(&self) {
        let own = Arc::downgrade(&self.holder);
        self.kept.entries().retain(|entry| !entry.holder.ptr_eq(&own));
    }
}
