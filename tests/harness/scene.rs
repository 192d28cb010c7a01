//! What is around a case's script: peers, and their addresses by name.

use std::net::SocketAddr;

use libtest_mimic::Failed;

use crate::harness::notation;
use crate::harness::peer::Peer;

/// The peers, as long as this is there.
pub(crate) struct Scene {
    /// What they are called.
    pub(crate) names: Names,
    _peer: Peer,
    _other: Peer,
    _closed: socket2::Socket,
}

impl Scene {
    /// Sets it up, with the routes of a `peer.http`.
    pub(crate) fn new(routes: &str) -> Result<Scene, Failed> {
        let (peer_port, other) = (Peer::bind()?, Peer::echo()?);
        // Bound and not listening: nobody answers, and nobody else gets the port.
        let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        closed.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        // This one is let go at once.
        let free = Peer::bind()?.local_addr()?;
        let mut names = Names(Vec::new());
        names.add("peer", peer_port.local_addr()?);
        names.add("other", other.address());
        names.add("closed", closed.local_addr()?.as_socket().ok_or("no IP address")?);
        names.add("free", free);
        let routes =
            notation::parse(&names.fill_in(routes)).map_err(|error| format!("peer.http: {error}"))?;
        Ok(Scene {
            names,
            _peer: Peer::serve(peer_port, routes)?,
            _other: other,
            _closed: closed,
        })
    }
}

/// The words in braces and what they stand for.
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    /// Adds an address, and its port alone.
    pub(crate) fn add(&mut self, name: &str, address: SocketAddr) {
        // The address before the port: a text's addresses are named first.
        self.0.push((format!("{{{name}}}"), address.to_string()));
        self.0
            .push((format!("{{{name}.port}}"), address.port().to_string()));
    }

    /// The text with what the words stand for.
    pub(crate) fn fill_in(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The other way round: addresses are called by their names again. Ports alone are not, as other numbers may be the
    /// same.
    pub(crate) fn take_out(&self, text: &str) -> String {
        let addresses = self.0.iter().filter(|(name, _)| !name.ends_with(".port}"));
        addresses.fold(text.to_owned(), |text, (name, value)| text.replace(value, name))
    }
}
