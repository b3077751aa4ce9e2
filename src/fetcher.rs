//! Brings files from platforms: one fetcher a channel, apart from turns, so that no conversation waits for a download.

use std::{sync::Arc, time::Duration};

use contract::{AttachmentError, AttachmentStore, Channel, Fate, Stop, Timestamp};
use futures::future::join_all;
use jiff::SignedDuration;
use tokio::sync::Notify;

use crate::{
    courier::pause_after,
    records::Records,
    store::files::{Fetched, WantedFile},
};

/// How many files of one channel come at once.
const AT_ONCE: usize = 4;
/// How long one may take.
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// How often one is tried: with the courier's pauses, for some four hours.
const TRIES: u32 = 14;
/// How long a fetcher rests at most, in case a wake-up was lost.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Fetches the files of one channel.
pub struct Fetcher {
    /// The channel's name.
    pub name: String,
    /// The channel.
    pub channel: Arc<dyn Channel>,
    /// The record.
    pub records: Arc<Records>,
    /// Where files go.
    pub attachments: Arc<dyn AttachmentStore>,
    /// Rung when something may be due.
    pub bell: Arc<Notify>,
}

impl Fetcher {
    /// Runs until `stop`. What is under way then is fetched again at the next start.
    pub async fn run(self, stop: Stop) {
        loop {
            let rung = self.bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let due = match self.records.store.due(&self.name, crate::clock::now(), AT_ONCE).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!(%error, channel = self.name, "No files are fetched while the record does not work.");
                    Vec::new()
                }
            };
            let found = due.len();
            let all = join_all(due.into_iter().map(|(file, attempts)| self.bring(file, attempts)));
            if stop.run_until_cancelled(all).await.is_none() {
                return;
            }
            if found > 0 {
                continue;
            }
            let rest = self.rest().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = rung => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    async fn rest(&self) -> Duration {
        let due = self.records.store.next_file(&self.name).await.ok().flatten();
        let wait = due.and_then(|at| Duration::try_from(at.duration_since(crate::clock::now())).ok());
        wait.unwrap_or(LONGEST_REST).clamp(Duration::from_millis(100), LONGEST_REST)
    }

    async fn bring(&self, file: WantedFile, attempts: u32) {
        let outcome = self.fetch(&file, attempts + 1).await;
        let word = match &outcome {
            Fetched::Here(_) => "here",
            Fetched::Later { .. } => "retry",
            Fetched::Never(problem) => {
                tracing::warn!(problem, channel = self.name, message = %file.message, "A file will not come.");
                "never"
            }
        };
        metrics::counter!("switchboard_files_total", "channel" => self.name.clone(), "outcome" => word).increment(1);
        if let Err(error) = self.records.store.fetched(&file, outcome).await {
            tracing::warn!(%error, channel = self.name, "What became of a file cannot be noted; it is fetched again.");
            // Not at once, where the record does not work.
            tokio::time::sleep(Duration::from_secs(1)).await;
            return;
        }
        self.records.tell_again(file.entry()).await;
    }

    async fn fetch(&self, file: &WantedFile, attempts: u32) -> Fetched {
        let bytes = match tokio::time::timeout(TIME_LIMIT, self.channel.fetch(&file.reference)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => {
                return match error.fate() {
                    Fate::GiveUp => Fetched::Never(error.to_string()),
                    Fate::Retry(after) => again(attempts, after, error.to_string()),
                    Fate::Suspend | Fate::Unknown => again(attempts, None, error.to_string()),
                };
            }
            Err(_elapsed) => return again(attempts, None, format!("it did not come in {} s", TIME_LIMIT.as_secs())),
        };
        match self.attachments.keep(&file.name, &file.media_type, bytes).await {
            Ok(attachment) => Fetched::Here(attachment),
            Err(AttachmentError::Refused(reason)) => Fetched::Never(reason),
            Err(error @ AttachmentError::Unavailable(_)) => again(attempts, None, error.to_string()),
        }
    }
}

fn again(attempts: u32, after: Option<Duration>, problem: String) -> Fetched {
    if attempts >= TRIES {
        return Fetched::Never(problem);
    }
    let pause = SignedDuration::try_from(after.unwrap_or_else(|| pause_after(attempts))).unwrap_or_default();
    Fetched::Later { at: crate::clock::now().checked_add(pause).unwrap_or(Timestamp::MAX), problem }
}
