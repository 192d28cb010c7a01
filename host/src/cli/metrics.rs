//! `--metrics`: the endpoint that Prometheus scrapes, on a thread of its own, so that it answers whatever scripts do.

use std::net::SocketAddr;
use std::sync::mpsc;

use crate::net::exporter::Exporter;
use crate::permissions::{NetRule, Permissions};
use crate::runtime::Runtime;

/// An endpoint that is bound, and waits for what it is to tell.
pub(super) struct MetricsServer {
    address: SocketAddr,
    source: mpsc::Sender<Runtime>,
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
        let (source, runtime) = mpsc::channel::<Runtime>();
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
                if let Ok(runtime) = runtime.recv() {
                    exporter.serve(move || runtime.metrics().to_prometheus()).await;
                }
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

    /// Begins to answer.
    pub(super) fn start(self, runtime: Runtime) {
        // The thread is there as long as the process.
        drop(self.source.send(runtime));
    }
}
