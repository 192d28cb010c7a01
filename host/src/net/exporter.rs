//! The operator's own endpoint: metrics over HTTP, for Prometheus to scrape. `cli` starts it; no script knows of it.
//!
//! It listens where the operator said, through `listen` like everything else: its guard has that address as its only rule.
//! Answers `GET` and `HEAD` of `/metrics`, and refuses the rest. Each connection is for one request and short.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;

use super::error::{CODES, Error};
use super::guard::Guard;
use super::listen::{Listener, Listeners};
use crate::observe::{CONTENT_TYPE, Observer};
use crate::permissions::{ListenRule, Permissions, RuleError};

/// The only thing there is.
pub(crate) const PATH: &str = "/metrics";

/// Connections at once; further ones wait in the backlog.
const CONNECTIONS: usize = 8;

/// For a connection, from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bound endpoint.
pub(crate) struct Exporter(Listener);

impl Exporter {
    /// Binds the address that the operator gave; port 0 takes any free one. Needs a tokio runtime.
    ///
    /// Cancel safety: nothing is bound.
    pub(crate) async fn bind(address: SocketAddr) -> Result<Exporter, Error> {
        let rule = rule(address).map_err(|error| Error::InvalidUrl(error.to_string()))?;
        let guard = Guard {
            permissions: Arc::new(Permissions::none().allow_listen([rule])),
            learning: None,
            decider: None,
            audit: None,
            patience: PATIENCE,
            // What the operator does is nothing that scripts did.
            observer: Arc::new(Observer::new(CODES, 1, None)),
        };
        let (ip, port) = (address.ip().to_string(), address.port());
        let listeners = Listeners::new(guard, None);
        Ok(Exporter(listeners.bind(&ip, port, false).await?))
    }

    /// Where it is bound.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// Answers with what `text` says, until it is dropped.
    ///
    /// Cancel safety: nothing is left but connections under way, which end by themselves.
    pub(crate) async fn serve(self, text: impl Fn() -> String + Clone + Send + 'static) -> Infallible {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // The semaphore is never closed.
            let place = room.clone().acquire_owned().await.ok();
            let (stream, _) = self.0.accept().await;
            let text = text.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let response = answer(&request, &text);
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service);
                // Whoever is too slow, or says what can't be read, comes again or does not.
                drop(tokio::time::timeout(PATIENCE, connection).await);
                drop(place);
            });
        }
    }
}

/// This address and port, or every port of it where it is 0.
fn rule(address: SocketAddr) -> Result<ListenRule, RuleError> {
    match (address.port(), address) {
        (0, SocketAddr::V4(address)) => address.ip().to_string().parse(),
        (0, SocketAddr::V6(address)) => format!("[{}]", address.ip()).parse(),
        (port, SocketAddr::V4(address)) => format!("{}:{port}", address.ip()).parse(),
        (port, SocketAddr::V6(address)) => format!("[{}]:{port}", address.ip()).parse(),
    }
}

fn answer(request: &Request<Incoming>, text: impl Fn() -> String) -> Response<Full<Bytes>> {
    let plain = |status, text: String, kind| {
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    };
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND, format!("see {PATH}\n"), "text/plain");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, String::new(), "text/plain");
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    plain(StatusCode::OK, text(), CONTENT_TYPE)
}
