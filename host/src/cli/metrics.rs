//! `--metrics`: the endpoint that Prometheus scrapes, on a thread of its own, so that it answers whatever scripts do.

use std::net::SocketAddr;
use std::sync::mpsc;

use tokio::sync::watch;

use crate::net::exporter::Exporter;
use crate::permissions::{NetRule, Permissions};
use crate::runtime::Runtime;

/// An endpoint that is bound, and waits for what it is to tell.
pub(super) struct MetricsServer {
    address: SocketAddr,
    source: watch::Sender<Option<Runtime>>,
}

impl MetricsServer {
    /// Binds the address.
    ///
    /// # Errors
    ///
    /// Why that can't be.
    pub(super) fn bind(address: SocketAddr) -> Result<MetricsServer, String> {
        let failed = |cause: String| format!("--metrics: cannot listen on {address}: {cause}");
        let (bound, outcome) = mpsc::channel();
        let (source, mut runtime) = watch::channel::<Option<Runtime>>(None);
        let thread = std::thread::Builder::new().name("atoll-metrics".to_owned());
        let serve = move || {
            let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let executor = match executor {
                Ok(executor) => executor,
                Err(error) => return drop(bound.send(Err(error.to_string()))),
            };
            executor.block_on(async {
                let exporter = match Exporter::bind(address).await {
                    Ok(exporter) => exporter,
                    Err(error) => return drop(bound.send(Err(error.to_string()))),
                };
                drop(bound.send(Ok(exporter.local_addr())));
                // Whoever connects meanwhile waits in the backlog.
                if runtime.wait_for(Option::is_some).await.is_err() {
                    return;
                }
                let text = move || match &*runtime.borrow() {
                    Some(runtime) => runtime.metrics().to_prometheus(),
                    None => String::new(),
                };
                exporter.serve(text).await;
            });
        };
        thread.spawn(serve).map_err(|error| failed(error.to_string()))?;
        let address = outcome
            .recv()
            .map_err(|error| failed(error.to_string()))?
            .map_err(failed)?;
        Ok(MetricsServer { address, source })
    }

    /// Where it is bound.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Keeps scripts away from it, whatever else they may do: it is the operator's.
    pub(super) fn hide(&self, permissions: Permissions) -> Permissions {
        let port = self.address.port();
        let rules = match self.address {
            address if address.ip().is_unspecified() => {
                vec![
                    format!("private:{port}"),
                    format!("127.0.0.0/8:{port}"),
                    format!("[::1]:{port}"),
                ]
            }
            address => vec![address.to_string()],
        };
        // A scope id is no part of a rule; the address is then reached by none.
        permissions.deny_net(rules.iter().filter_map(|rule| rule.parse::<NetRule>().ok()))
    }

    /// Answers with what this runtime has counted, from now on.
    pub(super) fn tell_of(&self, runtime: &Runtime) {
        self.source.send_replace(Some(runtime.clone()));
    }
}
