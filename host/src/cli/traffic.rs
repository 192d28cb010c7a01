//! What `--access-log` and `--metrics` ask for, from before the runtime is built to the end of the run.

use super::access_log::AccessLines;
use super::metrics::MetricsServer;
use super::{Exit, fail};
use crate::config::Config;
use crate::net::exporter;
use crate::runtime::{Builder, Runtime};

/// What a run's traffic is told to.
pub(super) struct Traffic {
    metrics: Option<MetricsServer>,
    access_log: Option<AccessLines>,
}

impl Traffic {
    /// Opens the log, and binds the endpoint.
    ///
    /// # Errors
    ///
    /// The exit code, once the reason is said.
    pub(super) fn open(config: &Config) -> Result<Traffic, Exit> {
        let metrics = config.metrics.map(MetricsServer::bind).transpose();
        let metrics = metrics.map_err(|error| fail(Exit::Usage, &error))?;
        if let Some(metrics) = &metrics {
            eprintln!("metrics on http://{}{}", metrics.address(), exporter::PATH);
        }
        let open = |path: &std::path::PathBuf| {
            AccessLines::open(path).map_err(|error| {
                let message = format!("cannot write the access log {}: {error}", path.display());
                fail(Exit::Usage, &message)
            })
        };
        Ok(Traffic {
            access_log: config.access_log.as_ref().map(open).transpose()?,
            metrics,
        })
    }

    /// Keeps the script away from the endpoint.
    pub(super) fn hide(&self, config: &mut Config) {
        if let Some(metrics) = &self.metrics {
            let permissions = std::mem::take(&mut config.policy.permissions);
            config.policy.permissions = metrics.hide(permissions);
        }
    }

    /// Has the runtime to be write the log.
    pub(super) fn told_to(&self, builder: Builder) -> Builder {
        match &self.access_log {
            Some(log) => builder.access_log(log.clone()),
            None => builder,
        }
    }

    /// Has the endpoint answer with what this runtime counts.
    pub(super) fn serve(&self, runtime: &Runtime) {
        if let Some(metrics) = &self.metrics {
            metrics.tell_of(runtime);
        }
    }

    /// Waits for the last lines, for a while.
    pub(super) fn finish(self) {
        if let Some(log) = self.access_log {
            log.finish();
        }
    }
}
