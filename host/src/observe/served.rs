//! One request of a server: its account, from its head to the end of its response.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, Method, Version, header};
use hyper::body::{Body, Frame, SizeHint};
use tracing::Span;
use tracing::field::Empty;

use super::access::{Access, RequestLine};
use super::family::Outcome;
use super::{HTTP, Observer, cut};

/// What is told of a request whose client went before there was an answer. No such status goes on the wire; the number is
/// nginx's.
const GONE: u16 = 499;

/// A request under way. Dropped, it is over.
pub(crate) struct Served {
    observer: Arc<Observer>,
    peer: IpAddr,
    begun: Instant,
    handling: Arc<Handling>,
    method: Method,
    answer: Answer,
    received: u64,
    sent: u64,
    span: Span,
    /// For the access log, where there is one.
    words: Option<Box<Words>>,
}

/// How it was answered.
enum Answer {
    /// Not yet.
    None,
    /// By the script, or for it.
    Given(u16),
    /// By the host, before the script or in its place: why.
    Refused(u16, String),
}

/// When the script had a request. Its account and its exchange share it.
pub(crate) struct Handling {
    begun: Instant,
    /// Nanoseconds from `begun`; 0 for what did not happen.
    queued: AtomicU64,
    handed: AtomicU64,
    answered: AtomicU64,
}

/// What only the access log wants to know.
struct Words {
    time: SystemTime,
    target: String,
    version: Version,
    referer: Option<Vec<u8>>,
    user_agent: Option<Vec<u8>>,
}

impl Served {
    /// Begins with the request's head.
    pub(crate) fn begin(observer: &Arc<Observer>, peer: IpAddr, head: &Parts) -> Served {
        let begun = Instant::now();
        observer.counters.served.begin();
        let span = tracing::info_span!(
            target: HTTP,
            "request",
            method = head.method.as_str(),
            path = cut(head.uri.path()),
            version = ?head.version,
            %peer,
            status = Empty,
            received = Empty,
            sent = Empty,
            queued_us = Empty,
            script_us = Empty,
            total_us = Empty,
        );
        let words = observer.access_log.as_ref().map(|_| {
            let field = |name: HeaderName| head.headers.get(name).map(|value| value.as_bytes().to_vec());
            Box::new(Words {
                time: SystemTime::now(),
                target: head.uri.to_string(),
                version: head.version,
                referer: field(header::REFERER),
                user_agent: field(header::USER_AGENT),
            })
        });
        Served {
            observer: observer.clone(),
            peer,
            begun,
            handling: Arc::new(Handling {
                begun,
                queued: AtomicU64::new(0),
                handed: AtomicU64::new(0),
                answered: AtomicU64::new(0),
            }),
            method: head.method.clone(),
            answer: Answer::None,
            received: 0,
            sent: 0,
            span,
            words,
        }
    }

    /// It waits for the script from now on. `received` are the bytes of its content.
    pub(crate) fn queued(&mut self, received: u64) -> Arc<Handling> {
        self.received = received;
        self.handling.mark(&self.handling.queued, Instant::now());
        self.handling.clone()
    }

    /// The host answers in the script's place; `limit` is the one that was met, if one was.
    pub(crate) fn refused(&mut self, status: u16, reason: &str, limit: Option<&str>) {
        if let Some(limit) = limit {
            self.observer.limit_hit(limit);
        }
        // Only a log wants the reason.
        let reason = if self.span.is_disabled() { "" } else { cut(reason) };
        self.answer = Answer::Refused(status, reason.to_owned());
    }

    /// The response goes out: it is over when its content is.
    pub(crate) fn sends<B>(mut self, response: http::Response<B>) -> http::Response<Counting<B>> {
        if matches!(self.answer, Answer::None) {
            self.answer = Answer::Given(response.status().as_u16());
        }
        response.map(|content| Counting {
            content,
            served: self,
        })
    }
}

impl Handling {
    /// The script has it from now on.
    pub(crate) fn hand_over(&self, now: Instant) {
        self.mark(&self.handed, now);
    }

    /// The script has answered.
    pub(crate) fn answer(&self) {
        self.mark(&self.answered, Instant::now());
    }

    fn mark(&self, moment: &AtomicU64, now: Instant) {
        let since = now.saturating_duration_since(self.begun).as_nanos();
        moment.store(u64::try_from(since).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    /// How long it waited for the script, and how long the script had it, if it did.
    fn times(&self, total: Duration) -> (Duration, Option<Duration>) {
        let moment = |moment: &AtomicU64| match moment.load(Ordering::Relaxed) {
            0 => None,
            since => Some(Duration::from_nanos(since)),
        };
        let (queued, handed) = (moment(&self.queued), moment(&self.handed));
        let waited = queued.map(|queued| handed.unwrap_or(total).saturating_sub(queued));
        let answered = moment(&self.answered).unwrap_or(total);
        (
            waited.unwrap_or_default(),
            handed.map(|handed| answered.saturating_sub(handed)),
        )
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let total = self.begun.elapsed();
        let status = match self.answer {
            Answer::None => GONE,
            Answer::Given(status) | Answer::Refused(status, _) => status,
        };
        let counters = &self.observer.counters;
        let outcome = Outcome::Status(status);
        counters
            .served
            .end(Some(&self.method), outcome, total, self.received, self.sent);
        let (queued, script) = self.handling.times(total);
        if let Some(script) = script {
            counters.script_took(script);
        }
        if !self.span.is_disabled() {
            self.span.record("status", status);
            self.span.record("received", self.received);
            self.span.record("sent", self.sent);
            self.span.record("queued_us", micros(queued));
            self.span.record("script_us", micros(script.unwrap_or_default()));
            self.span.record("total_us", micros(total));
            match &self.answer {
                Answer::None => tracing::info!(target: HTTP, parent: &self.span, "gone"),
                Answer::Given(_) => tracing::info!(target: HTTP, parent: &self.span, "served"),
                Answer::Refused(_, reason) => {
                    tracing::info!(target: HTTP, parent: &self.span, reason, "refused");
                }
            }
        }
        if let Some(words) = &self.words {
            let version = format!("{:?}", words.version);
            self.observer.record(&Access {
                time: words.time,
                peer: self.peer,
                line: Some(RequestLine {
                    method: self.method.as_str(),
                    target: &words.target,
                    version: &version,
                }),
                status,
                received: self.received,
                sent: self.sent,
                referer: words.referer.as_deref(),
                user_agent: words.user_agent.as_deref(),
                script: script.unwrap_or_default(),
                total,
            });
        }
    }
}

impl Observer {
    /// A request whose head could not be read was answered.
    pub(crate) fn unread_request(&self, peer: IpAddr, status: u16, reason: &str) {
        self.counters.served.unread(status);
        tracing::info!(target: HTTP, %peer, status, reason = cut(reason), "refused");
        self.record(&Access {
            time: SystemTime::now(),
            peer,
            line: None,
            status,
            received: 0,
            sent: 0,
            referer: None,
            user_agent: None,
            script: Duration::ZERO,
            total: Duration::ZERO,
        });
    }

    fn record(&self, access: &Access<'_>) {
        if let Some(log) = &self.access_log
            && log.record(access).is_err()
        {
            self.counters.access_line_lost();
        }
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A response's content, counted on its way.
pub(crate) struct Counting<B> {
    content: B,
    served: Served,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counting<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.content).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.served.sent += data.len() as u64;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
