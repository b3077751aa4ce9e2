//! Logs and counters.

use std::{io::IsTerminal, sync::OnceLock};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts writing logs to the standard error output.
///
/// # Errors
/// The level cannot be understood.
pub fn start_logs(log: &Log) -> anyhow::Result<()> {
    // Migrations say the same at every start; the broker's client logs whole messages, and errors that are reported anyway.
    let filter = EnvFilter::try_new(format!("refinery_core=warn,lapin=off,{}", log.level))
        .map_err(|error| anyhow::anyhow!("log.level {:?} cannot be understood: {error}", log.level))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logs cannot be written: {error}"))
}

/// Drains what histograms collected, until `stop`: without it they grow while nobody asks for `/metrics`.
pub async fn keep_up(metrics: PrometheusHandle, stop: contract::Stop) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(5));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => metrics.run_upkeep(),
        }
    }
}

/// The counters of this process.
#[must_use]
#[expect(clippy::expect_used, reason = "the buckets are constants, and this runs once")]
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(
                    Matcher::Suffix("_seconds".to_owned()),
                    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
                )
                .expect("there are buckets")
                .install_recorder()
                .expect("nobody else installed a recorder")
        })
        .clone()
}
