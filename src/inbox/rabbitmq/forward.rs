//! Brings what was kept on this machine to the broker, in order.

use std::{collections::HashSet, sync::Arc, time::Duration};

use contract::Stop;
use futures::future::join_all;

use super::{link::Link, publisher::Publisher};
use crate::{
    inbox::spool::{Spool, Spooled},
    store::StoreError,
};

/// How many messages are looked at together.
const TOGETHER: usize = 256;
const PAUSE: Duration = Duration::from_millis(500);

/// Publishes what is in the spool whenever the broker is there, until stopped.
pub(super) async fn forward(spool: Arc<Spool>, link: Arc<Link>, publisher: Publisher, stop: Stop) {
    loop {
        while spool.waiting() > 0 && link.now().is_ok() {
            match publish_oldest(&spool, &publisher).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, "What was kept on this machine waits for its file.");
                    break;
                }
            }
        }
        let something = async {
            match spool.waiting() {
                0 => spool.filled().await,
                _ => tokio::time::sleep(PAUSE).await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = something => {}
        }
    }
}

/// Publishes the oldest message of each thread among the oldest ones; whether the broker took them.
///
/// One of a thread at a time: were two under way, the second might be kept where the first is not.
async fn publish_oldest(spool: &Spool, publisher: &Publisher) -> Result<bool, StoreError> {
    let oldest = spool.oldest(TOGETHER).await?;
    let mut threads = HashSet::new();
    let first: Vec<&Spooled> = oldest
        .iter()
        .filter(|Spooled { inbound, .. }| threads.insert((inbound.channel.as_str(), inbound.thread.as_str())))
        .collect();
    let published =
        join_all(first.iter().map(|spooled| publisher.publish(Some(spooled.id), Arc::clone(&spooled.inbound))));
    let published = published.await;
    if let Some(Err(error)) = published.iter().find(|published| published.is_err()) {
        tracing::warn!(%error, "What was kept on this machine waits for the broker.");
    }
    let gone: Vec<Spooled> = first
        .iter()
        .zip(&published)
        .filter(|(_, taken)| taken.is_ok())
        .map(|(spooled, _)| (*spooled).clone())
        .collect();
    let all = gone.len() == first.len();
    if !gone.is_empty() {
        spool.remove(&gone).await?;
    }
    Ok(all)
}
