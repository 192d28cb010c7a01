//! Connections to servers, kept for the next request: one pool for each set of trusted authorities.
//!
//! A pool belongs to one instance, whose permissions never change, so a connection in it was granted to the very URLs
//! that may reuse it; `http_client` checks the name again all the same.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Semaphore;

use super::super::dial::Dialer;
use super::super::error::Error;
use super::super::stream::Stream;
use super::super::tls::{self, Protocols, Trust};
use super::link::Link;
use super::{parse, target};
use crate::limits::Limits;
use crate::permissions::{Scheme, Target};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);

/// Unused connections kept for one origin: fewer than requests that are under way at once would have each of them dial anew.
pub(super) const IDLE_PER_ORIGIN: usize = 64;

/// Connections that are kept for a next request at all, unused ones and those in use; further ones end with their request.
const MOST_KEPT: usize = 256;

/// Pools with authorities of their own that are kept; a script that needs more at once is slower, not wrong.
const MOST: usize = 16;

/// Bytes of one HTTP/2 response that the server may send ahead of being read. A connection may have so many for each
/// request: responses that a script does not read must not hold up the others.
const STREAM_WINDOW: u32 = 256 << 10;

/// For a handshake whose request has gone elsewhere meanwhile.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// Pooled connections that trust the same authorities.
pub(super) type Pool = legacy::Client<Connector, Full<Bytes>>;

/// The pools of one instance.
pub(super) struct Pools {
    dialer: Arc<Dialer>,
    trust: Arc<Trust>,
    limits: Arc<Limits>,
    kept: Arc<Semaphore>,
    /// For requests that add no authority.
    usual: Pool,
    /// By the authorities that they add, the most recently used last.
    others: Mutex<VecDeque<(String, Pool)>>,
}

impl Pools {
    pub(super) fn new(dialer: Arc<Dialer>, trust: Arc<Trust>, limits: Arc<Limits>) -> Pools {
        let kept = Arc::new(Semaphore::new(MOST_KEPT));
        Pools {
            usual: new_pool(&dialer, &trust, None, &limits, &kept),
            kept,
            dialer,
            trust,
            limits,
            others: Mutex::default(),
        }
    }

    /// The pool for requests that also trust `authorities` (PEM).
    pub(super) fn get(&self, authorities: Option<&str>) -> Result<Pool, Error> {
        let Some(text) = authorities else {
            return Ok(self.usual.clone());
        };
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let known = others.iter().position(|(known, _)| known == text);
        let entry = match known.and_then(|index| others.remove(index)) {
            Some(entry) => entry,
            None => {
                // Now, and not when the first connection is made: the text may be at fault.
                let client = tls::Client::new(&self.trust, Some(text), Protocols::Http)?;
                let pool = new_pool(&self.dialer, &self.trust, Some(client), &self.limits, &self.kept);
                (text.to_owned(), pool)
            }
        };
        let pool = entry.1.clone();
        others.push_back(entry);
        if others.len() > MOST {
            others.pop_front();
        }
        Ok(pool)
    }
}

fn new_pool(
    dialer: &Arc<Dialer>,
    trust: &Arc<Trust>,
    tls: Option<tls::Client>,
    limits: &Limits,
    kept: &Arc<Semaphore>,
) -> Pool {
    let head = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
    // Where grants may change, none is used twice: each request has a connection of its own, decided anew.
    let idle = if dialer.grants_are_constant() {
        IDLE_PER_ORIGIN
    } else {
        0
    };
    legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle)
        .http1_max_buf_size(head.max(64 << 10))
        .http1_max_headers(limits.header_fields as usize)
        .http2_max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(connection_window(limits))
        .build(Connector {
            dialer: dialer.clone(),
            trust: trust.clone(),
            kept: kept.clone(),
            tls: Arc::new(tls.map_or_else(OnceLock::new, OnceLock::from)),
        })
}

/// At most what HTTP/2 knows (RFC 9113, section 6.9.1).
fn connection_window(limits: &Limits) -> u32 {
    STREAM_WINDOW.saturating_mul(limits.outgoing).min((1 << 31) - 1)
}

/// Opens the pool's connections through the dialer.
#[derive(Clone)]
pub(super) struct Connector {
    dialer: Arc<Dialer>,
    trust: Arc<Trust>,
    /// Places for connections that may serve another request.
    kept: Arc<Semaphore>,
    /// Made when it is first needed, and kept, so that its connections can resume each other's sessions.
    tls: Arc<OnceLock<tls::Client>>,
}

impl Connector {
    async fn open(self, target: Target) -> Result<Link, Error> {
        // The request that wants the connection has passed the whole check.
        let pass = self.dialer.check_again(&target)?;
        let stream = self.dialer.dial(&pass).await?;
        let link = |stream| Link::new(stream, self.kept.clone().try_acquire_owned().ok());
        if target.scheme == Scheme::Http {
            return Ok(link(Stream::Plain(stream)));
        }
        let client = match self.tls.get() {
            Some(client) => client,
            None => {
                let client = tls::Client::new(&self.trust, None, Protocols::Http)?;
                self.tls.get_or_init(|| client)
            }
        };
        let handshake = client.shake_hands(stream, &target.host);
        match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(stream) => Ok(link(stream?)),
            Err(_) => Err(Error::Timeout(format!("no TLS handshake within {HANDSHAKE:?}"))),
        }
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Link>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let target = target(&parse(&uri.to_string())?)?;
            Ok(TokioIo::new(connector.open(target).await?))
        })
    }
}
