//! The only way in: check → bind → accept. `http_server` calls it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::error::{self, Error};
use super::guard::Guard;
use crate::observe::HTTP;
use crate::permissions::{self, GrantedBind};

/// Connections that the system holds until we take them.
const BACKLOG: i32 = 1024;

/// Bytes of an address as a text; more need not be looked at, nor shown.
const LONGEST_ADDRESS: usize = 64;

/// How long to wait after the system ran out of descriptors: some connection must end first.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket that accepts connections.
pub(crate) struct Listener {
    inner: TcpListener,
    local: SocketAddr,
}

impl Listener {
    /// Checks the address and binds it. `address` is an IP literal or `localhost`.
    ///
    /// Cancel safety: nothing is bound.
    pub(crate) async fn bind(
        guard: &Guard,
        address: &str,
        port: u16,
        reuse: bool,
    ) -> Result<Listener, Error> {
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
        let grant = guard.listen(wanted).await?;
        let inner = open(&grant, reuse)
            .map_err(|error| Error::bind(&error, || permissions::refused_by_system(wanted)))?;
        let local = inner.local_addr().map_err(|_| Error::AddressNotAvailable)?;
        Ok(Listener { inner, local })
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
fn open(grant: &GrantedBind, reuse: bool) -> io::Result<TcpListener> {
    let address = grant.socket_addr();
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
    TcpListener::from_std(socket.into())
}
