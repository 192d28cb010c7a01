//! The only way out: resolve → check → connect. `http_client` calls it.
//!
//! A socket is opened for a [`GrantedAddr`] and for nothing else, and only `permissions` makes one. The
//! name is resolved once, so what was checked is what is connected to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::error::Error;
use super::guard::Guard;
use crate::observe::Observer;
use crate::permissions::{Denied, GrantedAddr, Host, NamePass, Target};

/// How long one address may keep the next one waiting (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A name's resolution under way.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name. An embedder may bring its own.
pub trait Resolver: Send + Sync {
    /// Every address of `name` (lower case, IDNA-encoded, no trailing dot), in the order to try them.
    ///
    /// Cancel safety: dropping the future gives up the query.
    fn resolve(&self, name: String) -> Resolving;
}

/// Opens connections that the permissions grant.
pub(crate) struct Dialer {
    guard: Guard,
    resolver: Arc<dyn Resolver>,
    dns_timeout: Duration,
}

impl Dialer {
    /// A dialer for one instance. `dns_timeout` bounds one name's resolution.
    pub(crate) fn new(guard: Guard, resolver: Arc<dyn Resolver>, dns_timeout: Duration) -> Dialer {
        Dialer {
            guard,
            resolver,
            dns_timeout,
        }
    }

    /// Told of what the connections are used for.
    pub(crate) fn observer(&self) -> &Arc<Observer> {
        &self.guard.observer
    }

    /// The first half of the decision: the target as it is named, before anything is looked up.
    ///
    /// Cancel safety: nothing was decided.
    pub(crate) async fn check(&self, target: &Target) -> Result<NamePass, Denied> {
        self.guard.name(target).await
    }

    /// Whether a connection may be used again for what it was granted for.
    pub(crate) fn grants_are_constant(&self) -> bool {
        self.guard.is_constant()
    }

    /// Resolves, checks each address, and connects to the first granted one that answers.
    ///
    /// Cancel safety: dropping the future closes every socket that it opened.
    pub(crate) async fn dial(&self, pass: &NamePass) -> Result<TcpStream, Error> {
        let addresses = match &pass.target().host {
            Host::Ip(address) => vec![*address],
            Host::Name(name) => self.resolve(&name.to_string()).await?,
        };
        let mut granted = Vec::new();
        let mut refusal = None;
        for address in addresses {
            match self.guard.addr(pass, address).await {
                Ok(grant) => granted.push(grant),
                Err(denied) => refusal = refusal.or(Some(denied)),
            }
        }
        match refusal {
            Some(denied) if granted.is_empty() => Err(denied.into()),
            _ => connect(granted).await,
        }
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        let answer = tokio::time::timeout(self.dns_timeout, self.resolver.resolve(name.to_owned())).await;
        match answer {
            Err(_) => {
                self.observer().limit_hit("dns");
                Err(Error::Timeout(format!(
                    "no address for {name:?} within {:?} (limit dns)",
                    self.dns_timeout
                )))
            }
            Ok(Err(error)) => Err(Error::NameNotResolved(format!("{name:?}: {error}"))),
            Ok(Ok(addresses)) if addresses.is_empty() => {
                Err(Error::NameNotResolved(format!("{name:?} has no address")))
            }
            Ok(Ok(addresses)) => Ok(addresses),
        }
    }
}

/// Tries the addresses in order, the next one when the last has failed or kept us waiting.
async fn connect(granted: Vec<GrantedAddr>) -> Result<TcpStream, Error> {
    let mut waiting = granted.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = Error::HostUnreachable;
    loop {
        match waiting.next() {
            Some(grant) => attempts.push(open(grant)),
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        let next = async {
            match waiting.len() {
                0 => std::future::pending().await,
                _ => tokio::time::sleep(ATTEMPT_DELAY).await,
            }
        };
        tokio::select! {
            Some(attempt) = attempts.next() => match attempt {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Error::connect(&error),
            },
            () = next => {}
        }
    }
}

async fn open(grant: GrantedAddr) -> io::Result<TcpStream> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that connects, to an address that was granted"
    )]
    let stream = TcpStream::connect(grant.socket_addr()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Lookups of the system's that may be under way. Each takes a thread, also when nobody waits for it any more.
const LOOKUPS: usize = 64;

/// The system's resolver (getaddrinfo), so that a script sees the names that its user sees.
pub(crate) struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> Self {
        SystemResolver(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Resolver for SystemResolver {
    fn resolve(&self, name: String) -> Resolving {
        let places = self.0.clone();
        Box::pin(async move {
            // RFC 6761, section 6.3: these names never leave the machine.
            if name == "localhost" || name.ends_with(".localhost") {
                return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
            }
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            // A task of its own, with the place: the thread goes on where the script has given up.
            let lookup = tokio::spawn(async move {
                #[expect(clippy::disallowed_methods, reason = "the one place that resolves")]
                let found = tokio::net::lookup_host((name, 0)).await?;
                drop(place);
                Ok(found.map(|address| address.ip()).collect())
            });
            lookup.await.map_err(io::Error::other)?
        })
    }
}
