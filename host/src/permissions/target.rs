//! What a script asks for, as a plain value. `net` makes one from each URL, redirects included.
//!
//! Refused: URLs without a host, with a host that is no name, and with port 0.

use std::fmt;
use std::net::IpAddr;

use url::Url;

use super::name::{Name, NameError};

/// The schemes that rules know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
    /// `ws`
    Ws,
    /// `wss`
    Wss,
}

/// A host as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// To be resolved first.
    Name(Name),
    /// Nothing to resolve.
    Ip(IpAddr),
}

/// One outgoing connection that a script asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// The function that asks, as scripts call it: `net.request`. For the denial.
    pub(crate) action: &'static str,
    /// Rules may be for one scheme only.
    pub(crate) scheme: Scheme,
    /// Where to.
    pub(crate) host: Host,
    /// Where to; the scheme's own where the URL names none.
    pub(crate) port: u16,
}

/// Why a URL is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// No client speaks it.
    #[error("unsupported scheme {0:?}; use http, https, ws or wss")]
    Scheme(String),
    /// Nothing to connect to.
    #[error("missing host in {0:?}; write one after \"//\"")]
    NoHost(String),
    /// The host is neither an address nor a name.
    #[error("bad host in {url:?}: {problem}")]
    Host {
        /// The URL that names it.
        url: String,
        /// What is wrong with it.
        problem: NameError,
    },
    /// Nothing answers on port 0.
    #[error("port 0 in {0:?} can't be connected to; name the port of the server")]
    PortZero(String),
}

impl Scheme {
    /// The scheme of this name, in lower case, if rules know it.
    pub(super) fn from_name(name: &str) -> Option<Scheme> {
        [Scheme::Http, Scheme::Https, Scheme::Ws, Scheme::Wss]
            .into_iter()
            .find(|scheme| scheme.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
        }
    }
}

impl Target {
    /// What `action` asks for with this URL. (The URL parser has made addresses of numeric hosts.)
    ///
    /// # Errors
    /// Says what the URL lacks.
    pub(crate) fn from_url(action: &'static str, url: &Url) -> Result<Target, TargetError> {
        let scheme =
            Scheme::from_name(url.scheme()).ok_or_else(|| TargetError::Scheme(url.scheme().to_owned()))?;
        let host = match url.host().ok_or_else(|| TargetError::NoHost(url.to_string()))? {
            url::Host::Ipv4(address) => Host::Ip(address.into()),
            url::Host::Ipv6(address) => Host::Ip(address.into()),
            url::Host::Domain(name) => {
                Host::Name(Name::parse(name).map_err(|problem| TargetError::Host {
                    url: url.to_string(),
                    problem,
                })?)
            }
        };
        match url.port_or_known_default() {
            None | Some(0) => Err(TargetError::PortZero(url.to_string())),
            Some(port) => Ok(Target {
                action,
                scheme,
                host,
                port,
            }),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => name.fmt(f),
            Host::Ip(IpAddr::V4(address)) => address.fmt(f),
            Host::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// `scheme://host:port`, the port always there.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}
