//! The connection for commands: opened again whenever it breaks, for as long as the daemon runs.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use contract::Stop;
use redis::RedisError;
use tokio::sync::{Notify, watch};

use super::{
    Timing,
    server::{Connection, Server},
};

/// The connection for commands, while there is one.
pub(super) struct Link {
    server: Server,
    timing: Timing,
    now: ArcSwapOption<Connection>,
    is_up: watch::Sender<bool>,
    broken: Notify,
}

impl Link {
    pub(super) fn new(server: Server, timing: Timing) -> Self {
        let (is_up, _) = watch::channel(false);
        Self { server, timing, now: ArcSwapOption::empty(), is_up, broken: Notify::new() }
    }

    /// The connection; `None` while Redis is away.
    pub(super) fn get(&self) -> Option<Connection> {
        self.now.load().as_deref().cloned()
    }

    /// Whether there is one, as it changes.
    pub(super) fn is_up(&self) -> watch::Receiver<bool> {
        self.is_up.subscribe()
    }

    /// A command failed: the connection is given up, and what it was asked may or may not have happened.
    pub(super) fn failed(&self, error: &RedisError) {
        tracing::debug!(%error, "A command to Redis failed.");
        // Only the first of several that fail on it.
        if self.now.swap(None).is_some() {
            self.broken.notify_one();
        }
    }

    /// Opens it, sees that it works, and opens it again, until `stop`.
    pub(super) async fn keep(self: Arc<Self>, stop: Stop) {
        let mut pause = Backoff::new(self.timing);
        let mut is_said = false;
        while !stop.is_cancelled() {
            let error = tokio::select! {
                () = stop.cancelled() => return,
                opened = self.server.open(None) => match opened {
                    Ok(opened) => {
                        tracing::info!("Redis is connected.");
                        is_said = false;
                        pause = Backoff::new(self.timing);
                        self.now.store(Some(Arc::new(opened.clone())));
                        self.is_up.send_replace(true);
                        metrics::gauge!("switchboard_redis_up").set(1.0);
                        let error = tokio::select! {
                            () = stop.cancelled() => return,
                            error = self.until_broken(opened) => error,
                        };
                        self.now.store(None);
                        self.is_up.send_replace(false);
                        error
                    }
                    Err(error) => Some(error),
                },
            };
            metrics::gauge!("switchboard_redis_up").set(0.0);
            if !is_said {
                let error = error.map(|error| error.to_string()).unwrap_or_default();
                tracing::warn!(error, "Redis is away; until it is back, consoles and widgets read the record.");
                is_said = true;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause.next()) => {}
            }
        }
    }

    async fn until_broken(&self, mut connection: Connection) -> Option<RedisError> {
        loop {
            tokio::select! {
                () = self.broken.notified() => return None,
                () = tokio::time::sleep(self.timing.probe) => {
                    if let Err(error) = connection.ping().await {
                        return Some(error);
                    }
                }
            }
        }
    }
}

/// Pauses between tries: growing, up to a bound, half of each by chance.
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(super) fn new(timing: Timing) -> Self {
        Self { next: timing.retry, longest: timing.retry_most }
    }

    pub(super) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(self.longest);
        now.mul_f64(0.5 + 0.5 * rand::random::<f64>())
    }
}
