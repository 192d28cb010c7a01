//! The only way in: check → bind → accept. `http_server` calls it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::error::{self, Error};
use super::guard::Guard;
use super::kept::{Kept, Lease};
use crate::observe::{HTTP, Observer};
use crate::permissions::{self, GrantedBind};

/// Connections that the system holds until we take them.
const BACKLOG: i32 = 1024;

/// Bytes of an address as a text; more need not be looked at, nor shown.
const LONGEST_ADDRESS: usize = 64;

/// How long to wait after the system ran out of descriptors: some connection must end first.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(100);

/// Binds the sockets of a script's servers.
pub(crate) struct Listeners {
    guard: Guard,
    /// Where sockets are kept for the next run, if they are.
    kept: Option<Kept>,
}

/// A bound socket that accepts connections.
pub(crate) struct Listener {
    inner: TcpListener,
    local: SocketAddr,
    /// Holds the socket that is kept.
    lease: Option<Lease>,
}

impl Listeners {
    pub(crate) fn new(guard: Guard, kept: Option<Kept>) -> Listeners {
        Listeners { guard, kept }
    }

    /// Who is told of what the servers do.
    pub(crate) fn observer(&self) -> Arc<Observer> {
        self.guard.observer.clone()
    }

    /// Checks the address and binds it. `address` is an IP literal or `localhost`.
    ///
    /// Cancel safety: nothing is bound.
    pub(crate) async fn bind(&self, address: &str, port: u16, reuse: bool) -> Result<Listener, Error> {
        let ip: IpAddr = match address {
            "localhost" => Ipv4Addr::LOCALHOST.into(),
            long if long.len() > LONGEST_ADDRESS => {
                return Err(Error::InvalidUrl(format!(
                    "no IP address has {} bytes",
                    long.len()
                )));
            }
            literal => literal
                .parse()
                .map_err(|_| Error::InvalidUrl(format!("{literal:?} is not an IP address or `localhost`")))?,
        };
        let wanted = SocketAddr::new(ip, port);
        let grant = self.guard.listen(wanted).await?;
        let (inner, lease) = self
            .open(&grant, reuse)
            .map_err(|error| Error::bind(&error, || permissions::refused_by_system(wanted)))?;
        let local = inner.local_addr().map_err(|_| Error::AddressNotAvailable)?;
        Ok(Listener { inner, local, lease })
    }

    /// The socket that was kept for such a grant, or a new one.
    fn open(&self, grant: &GrantedBind, reuse: bool) -> io::Result<(TcpListener, Option<Lease>)> {
        let Some(kept) = &self.kept else {
            let socket = open(grant, grant.socket_addr().port(), reuse)?;
            return Ok((TcpListener::from_std(socket)?, None));
        };
        let (socket, lease) = match kept.take(grant, reuse) {
            Some((socket, lease)) => (socket, Some(lease)),
            None => kept.open(grant, reuse, |port, reuse| open(grant, port, reuse))?,
        };
        Ok((TcpListener::from_std(socket)?, lease))
    }
}

impl Listener {
    /// What holds the socket that is kept, where it is.
    pub(crate) fn lease(&self) -> Option<Lease> {
        self.lease.clone()
    }

    /// The address that it is bound to, with the port that the system chose.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The next connection. Backs off while the system has no descriptor left.
    ///
    /// Cancel safety: dropping the future loses no connection.
    pub(crate) async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, peer)) => {
                    // Without it small responses wait for the peer's delayed acknowledgement.
                    if stream.set_nodelay(true).is_ok() {
                        return (stream, peer);
                    }
                }
                Err(error) if error.raw_os_error().is_some_and(error::is_descriptor_limit) => {
                    tracing::warn!(target: HTTP, error = error.to_string(), address = %self.local, "cannot accept");
                    tokio::time::sleep(DESCRIPTOR_PAUSE).await;
                }
                // The connection died between the system's accept and ours.
                Err(error) => tracing::debug!(target: HTTP, error = error.to_string(), "cannot accept"),
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that binds, an address that was granted"
)]
fn open(grant: &GrantedBind, port: u16, reuse: bool) -> io::Result<std::net::TcpListener> {
    // The port is the granted one; or, where any was granted, that which another worker has got for the same grant.
    let mut address = grant.socket_addr();
    if address.port() == 0 {
        address.set_port(port);
    }
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A port whose last connections linger in TIME_WAIT is free; two listeners still exclude each other.
    socket.set_reuse_address(true)?;
    if reuse {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // What was granted is this family's addresses: `::` must not take IPv4 connections too.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
