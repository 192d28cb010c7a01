//! One connection to a server, and one exchange on it.
//!
//! HTTP/1.1 has no task of its own: whoever waits for a response drives the connection, and nobody an unused one, so that a
//! request wakes nothing but itself. HTTP/2, which many requests share, has one.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::TokioIo;

use super::link::{Link, Notes};
use super::pool::Pool;
use crate::permissions::Target;

/// For a server that is slow to take the rest of a request that it has answered, or the end of TLS.
const LINGER: Duration = Duration::from_secs(30);

/// A request on its way.
pub(super) type Request = http::Request<Full<Bytes>>;

/// What a connection makes of a request.
pub(super) type Outcome = Result<http::Response<Incoming>, TrySendError<Request>>;

/// An open connection.
pub(super) enum Connection {
    /// For this request alone.
    Http1(Box<Http1>),
    /// For many at once.
    Http2(Http2),
}

/// A connection that speaks HTTP/1.1.
pub(super) struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    driver: Option<http1::Connection<TokioIo<Link>, Full<Bytes>>>,
    pub(super) notes: Notes,
    /// Whether it may serve another request.
    has_place: bool,
    is_tls: bool,
}

/// A connection that speaks HTTP/2; clones share it.
#[derive(Clone)]
pub(super) struct Http2 {
    pub(super) sender: http2::SendRequest<Full<Bytes>>,
    pub(super) notes: Notes,
}

/// A response's content. At its end the connection goes back to its pool; given up before, it is closed.
pub(crate) struct Content {
    incoming: Incoming,
    /// The connection, where nothing else drives it, and where it goes.
    home: Option<Home>,
}

struct Home {
    connection: Box<Http1>,
    pool: Pool,
    target: Target,
}

impl Http1 {
    pub(super) fn new(
        sender: http1::SendRequest<Full<Bytes>>,
        driver: http1::Connection<TokioIo<Link>, Full<Bytes>>,
        notes: Notes,
        has_place: bool,
        is_tls: bool,
    ) -> Http1 {
        Http1 {
            sender,
            driver: Some(driver),
            notes,
            has_place,
            is_tls,
        }
    }

    /// Goes on as far as it can. hyper tells whoever waits for what comes of it.
    fn drive(&mut self, context: &mut Context<'_>) {
        let has_ended = self
            .driver
            .as_mut()
            .is_some_and(|driver| Pin::new(driver).poll(context).is_ready());
        if has_ended {
            self.driver = None;
        }
    }

    /// Whether it can take a request, as far as it has noticed.
    pub(super) fn is_ready(&mut self) -> bool {
        let mut look = pin!(tokio::task::coop::unconstrained(poll_fn(|context| {
            self.drive(context);
            Poll::Ready(())
        })));
        // Nobody waits for it now.
        let _ = look.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends the request and waits for the head of its response.
    ///
    /// Cancel safety: the connection is of no use any more.
    pub(super) async fn ask(&mut self, request: Request) -> Outcome {
        self.notes.asked();
        let mut answer = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        poll_fn(|context| {
            if let Some(going) = driver
                && Pin::new(going).poll(context).is_ready()
            {
                // With it goes what it has not sent.
                *driver = None;
            }
            answer.as_mut().poll(context)
        })
        .await
    }

    /// Whether it may serve another request.
    pub(super) fn has_place(&self) -> bool {
        self.has_place
    }

    /// Ends it. What is left of a request that was answered early goes out before, and the end of TLS is said, as a server
    /// could take it for an attack where it is not.
    pub(super) fn retire(mut self) {
        let is_busy = !self.sender.is_ready();
        if self.driver.is_none() || !(is_busy || self.is_tls) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(tokio::time::timeout(LINGER, async move {
            poll_fn(|context| {
                self.drive(context);
                match self.driver.is_none() || self.sender.is_ready() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            drop(self.sender);
            if let Some(driver) = self.driver {
                // Nobody is left whom its failure could concern.
                drop(driver.await);
            }
        }));
    }
}

impl Content {
    /// Of a response that came over a connection with a task of its own.
    pub(super) fn new(incoming: Incoming) -> Content {
        Content { incoming, home: None }
    }

    /// Of a response that came over this connection, which belongs to `pool`.
    pub(super) fn over(connection: Box<Http1>, pool: Pool, target: Target, incoming: Incoming) -> Content {
        let mut content = Content {
            incoming,
            home: Some(Home {
                connection,
                pool,
                target,
            }),
        };
        if content.incoming.is_end_stream() {
            content.end();
        }
        content
    }

    /// All of it is here: the connection can serve another request.
    fn end(&mut self) {
        if let Some(home) = self.home.take() {
            home.pool.put(home.target, home.connection);
        }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let mut next = Pin::new(&mut this.incoming).poll_frame(context);
        if next.is_pending()
            && let Some(home) = &mut this.home
        {
            home.connection.drive(context);
            next = Pin::new(&mut this.incoming).poll_frame(context);
        }
        match &next {
            Poll::Ready(Some(Ok(_))) if this.incoming.is_end_stream() => this.end(),
            Poll::Ready(None) => this.end(),
            Poll::Ready(Some(Err(_))) => this.home = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
