//! Connections to servers, kept for the next request: one pool for each set of trusted authorities.
//!
//! A pool belongs to one instance, whose permissions never change, so a connection in it was granted to the very target
//! that may reuse it; `http_client` checks the name again all the same.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::{Notify, Semaphore};

use super::super::dial::Dialer;
use super::super::error::Error;
use super::super::stream::Stream;
use super::super::tls::{self, Protocols, Trust};
use super::connection::{Connection, Http1, Http2};
use super::link::Link;
use crate::limits::Limits;
use crate::permissions::{NamePass, Scheme, Target};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);

/// How often unused connections are looked through for those that are too old, or closed by their servers.
const SWEEP: Duration = Duration::from_secs(3);

/// Unused connections kept for one origin: fewer than requests that are under way at once would have each of them dial anew.
pub(super) const IDLE_PER_ORIGIN: usize = 64;

/// Connections that are kept for a next request at all, unused ones and those in use; further ones end with their request.
const MOST_KEPT: usize = 256;

/// Pools with authorities of their own that are kept; a script that needs more at once is slower, not wrong.
const MOST: usize = 16;

/// Bytes of one HTTP/2 response that the server may send ahead of being read. A connection may have so many for each
/// request: responses that a script does not read must not hold up the others.
const STREAM_WINDOW: u32 = 256 << 10;

/// For a handshake whose request has no time limit.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// Connections that trust the same authorities. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    dialer: Arc<Dialer>,
    trust: Arc<Trust>,
    /// Places for connections that may serve another request.
    kept: Arc<Semaphore>,
    /// Made when it is first needed, and kept, so that its connections can resume each other's sessions.
    tls: OnceLock<tls::Client>,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    /// Where grants may change, none is used twice: each request has a connection of its own, decided anew.
    keeps: bool,
    unused: Mutex<Unused>,
    /// A connection has come into it.
    kept_one: Notify,
}

#[derive(Default)]
struct Unused {
    /// By what they were granted for.
    by_target: HashMap<Target, Kept>,
    /// A task looks through them.
    is_swept: bool,
}

/// Connections to one place, each with the time when it was last used.
#[derive(Default)]
struct Kept {
    http1: Vec<(Box<Http1>, Instant)>,
    /// In use or not.
    http2: Option<(Http2, Instant)>,
}

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
            usual: Pool::new(&dialer, &trust, None, &limits, &kept),
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
                let pool = Pool::new(&self.dialer, &self.trust, Some(client), &self.limits, &self.kept);
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

/// At most what HTTP/2 knows (RFC 9113, section 6.9.1).
fn connection_window(limits: &Limits) -> u32 {
    STREAM_WINDOW.saturating_mul(limits.outgoing).min((1 << 31) - 1)
}

impl Pool {
    fn new(
        dialer: &Arc<Dialer>,
        trust: &Arc<Trust>,
        tls: Option<tls::Client>,
        limits: &Limits,
        kept: &Arc<Semaphore>,
    ) -> Pool {
        let head = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
        let mut http1 = http1::Builder::new();
        http1
            .max_buf_size(head.max(64 << 10))
            .max_headers(limits.header_fields as usize);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(connection_window(limits));
        Pool(Arc::new(Shared {
            dialer: dialer.clone(),
            trust: trust.clone(),
            kept: kept.clone(),
            tls: tls.map_or_else(OnceLock::new, OnceLock::from),
            http1,
            http2,
            keeps: dialer.grants_are_constant(),
            unused: Mutex::default(),
            kept_one: Notify::new(),
        }))
    }

    /// A connection for a target that has just passed its check, and whether it was kept: one that is there, or that is before a
    /// new one is.
    ///
    /// Cancel safety: dropping the future closes a new connection.
    pub(super) async fn get(&self, pass: &NamePass) -> Result<(bool, Connection), Error> {
        if let Some(connection) = self.take(pass) {
            return Ok((true, connection));
        }
        let mut opened = pin!(self.open(pass));
        loop {
            let mut kept_one = pin!(self.0.kept_one.notified());
            // Before the look, so that nothing between the two is missed.
            kept_one.as_mut().enable();
            if let Some(connection) = self.take(pass) {
                return Ok((true, connection));
            }
            tokio::select! {
                biased;
                connection = &mut opened => return Ok((false, connection?)),
                () = kept_one => {}
            }
        }
    }

    fn take(&self, pass: &NamePass) -> Option<Connection> {
        let mut unused = self.0.unused();
        let kept = unused.by_target.get_mut(pass.target())?;
        if let Some((shared, used)) = &mut kept.http2 {
            if !shared.sender.is_closed() {
                *used = Instant::now();
                return Some(Connection::Http2(shared.clone()));
            }
            kept.http2 = None;
        }
        while let Some((mut connection, since)) = kept.http1.pop() {
            if since.elapsed() < IDLE && connection.is_ready() {
                return Some(Connection::Http1(connection));
            }
            connection.retire();
        }
        None
    }

    /// Keeps a connection whose last response has ended, if it can be kept.
    pub(super) fn put(&self, target: Target, mut connection: Box<Http1>) {
        if !(self.0.keeps && connection.has_place() && connection.is_ready()) {
            return connection.retire();
        }
        let mut unused = self.0.unused();
        let kept = unused.by_target.entry(target).or_default();
        if kept.http1.len() >= IDLE_PER_ORIGIN {
            drop(unused);
            return connection.retire();
        }
        kept.http1.push((connection, Instant::now()));
        self.have_swept(unused);
    }

    /// A new connection, to what was granted.
    ///
    /// Cancel safety: dropping the future closes it.
    async fn open(&self, pass: &NamePass) -> Result<Connection, Error> {
        let link = self.0.dial(pass).await?;
        let (notes, has_place, is_tls) = (link.notes(), link.has_place(), link.is_tls());
        let failed = |error: hyper::Error| Error::exchange(&error);
        if !link.speaks_h2() {
            let (sender, driver) = self.0.http1.handshake(TokioIo::new(link)).await.map_err(failed)?;
            let connection = Http1::new(sender, driver, notes, has_place, is_tls);
            return Ok(Connection::Http1(Box::new(connection)));
        }
        let (sender, driver) = self.0.http2.handshake(TokioIo::new(link)).await.map_err(failed)?;
        // Ends with the last request, once it is in no pool.
        tokio::spawn(async move { drop(driver.await) });
        let connection = Http2 { sender, notes };
        if self.0.keeps && has_place {
            let mut unused = self.0.unused();
            let kept = unused.by_target.entry(pass.target().clone()).or_default();
            match &kept.http2 {
                // Others have connected at the same time: this one serves its own request only.
                Some((other, _)) if !other.sender.is_closed() => {}
                _ => kept.http2 = Some((connection.clone(), Instant::now())),
            }
            self.have_swept(unused);
        }
        Ok(Connection::Http2(connection))
    }

    /// Tells of a connection that has come, and has a task end what nobody uses for too long.
    fn have_swept(&self, mut unused: MutexGuard<'_, Unused>) {
        if !std::mem::replace(&mut unused.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
        drop(unused);
        self.0.kept_one.notify_waiters();
    }
}

impl Shared {
    fn unused(&self) -> MutexGuard<'_, Unused> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn dial(&self, pass: &NamePass) -> Result<Link, Error> {
        let stream = self.dialer.dial(pass).await?;
        let link = |stream| Link::new(stream, self.kept.clone().try_acquire_owned().ok());
        let target = pass.target();
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

/// Ends connections that are unused for too long, and those that their servers have closed, until none is left.
async fn sweep(pool: Weak<Shared>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut retired = Vec::new();
        let mut unused = pool.unused();
        unused.by_target.retain(|_, kept| {
            let spent = |(connection, since): &mut (Box<Http1>, Instant)| {
                since.elapsed() >= IDLE || !connection.is_ready()
            };
            retired.extend(kept.http1.extract_if(.., spent));
            kept.http2
                .take_if(|(shared, used)| used.elapsed() >= IDLE || shared.sender.is_closed());
            !kept.http1.is_empty() || kept.http2.is_some()
        });
        if unused.by_target.is_empty() {
            unused.is_swept = false;
        }
        let is_done = !unused.is_swept;
        drop(unused);
        for (connection, _) in retired {
            connection.retire();
        }
        if is_done {
            return;
        }
    }
}
