//! Dead letters live in the record: what the broker gave up is brought there, and what a person redrives comes back from
//! there.

use std::{sync::Arc, time::Duration};

use contract::Stop;
use futures::{StreamExt, future::join_all};
use lapin::{
    Connection,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::sync::watch;

use super::{
    consume::{set_aside, unread, until_kept},
    envelope,
    letters::Letters,
    link::{self, Link},
    publisher::Publisher,
    settings::DELIVERIES_MOST,
    topology::{self, DEAD},
};
use crate::store::StoreError;

const PREFETCH: u16 = 16;
const PAUSE: Duration = Duration::from_secs(1);
/// How many redriven messages are published together.
const TOGETHER: usize = 64;

/// Brings what the broker gave up into the record, until stopped. Any node may.
pub(super) async fn collect(link: Arc<Link>, letters: Arc<dyn Letters>, partitions: u16, stop: Stop) {
    loop {
        let connection = tokio::select! {
            () = stop.cancelled() => return,
            connection = link.connection() => connection,
        };
        let Some(connection) = connection else { return };
        if let Err(why) = collect_on(&connection, &*letters, &stop).await {
            tracing::warn!(why, "The broker's dead letters cannot be read; it is tried again.");
            let _ = topology::declare(&connection, partitions).await;
        }
        if tokio::time::timeout(PAUSE, stop.cancelled()).await.is_ok() {
            return;
        }
    }
}

async fn collect_on(connection: &Connection, letters: &dyn Letters, stop: &Stop) -> Result<(), String> {
    let channel = link::channel(connection).await?;
    link::in_time(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
    let options = BasicConsumeOptions::default();
    let consuming = channel.basic_consume(DEAD.into(), "switchboard-dead".into(), options, FieldTable::default());
    let mut dead = link::in_time(consuming).await?;
    loop {
        let delivery = tokio::select! {
            () = stop.cancelled() => break,
            delivery = dead.next() => match delivery {
                Some(delivery) => delivery.map_err(|error| error.to_string())?,
                None => return Err("the broker ended the consumer".to_owned()),
            },
        };
        if !bury(letters, &delivery, stop).await {
            break;
        }
        link::in_time(channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default())).await?;
    }
    link::close(&channel).await;
    Ok(())
}

/// Whether it is in the record now; `false` only when stopped.
async fn bury(letters: &dyn Letters, delivery: &Delivery, stop: &Stop) -> bool {
    match envelope::read(&delivery.data) {
        // Of several, those that were processed are none.
        Ok(items) => {
            let reason = reason(delivery);
            for (id, inbound) in items {
                if !until_kept(stop, || letters.bury(id, &inbound, &reason)).await {
                    return false;
                }
                tracing::error!(message = %id, reason, "The broker gave a message up; it is kept as a dead letter.");
                metrics::counter!("switchboard_dead_total", "kind" => "turn").increment(1);
            }
            true
        }
        Err(reason) => set_aside(letters, unread(reason, delivery.data.clone()), stop).await,
    }
}

/// Why the broker gave it up, by the note that it makes of that.
fn reason(delivery: &Delivery) -> String {
    let headers = delivery.properties.headers().as_ref();
    let noted = headers.and_then(|headers| headers.inner().get("x-death")).and_then(|deaths| match deaths {
        AMQPValue::FieldArray(deaths) => match deaths.as_slice().first() {
            Some(AMQPValue::FieldTable(death)) => Some((noted(death, "reason"), noted(death, "queue"))),
            _ => None,
        },
        _ => None,
    });
    match noted {
        Some((reason, queue)) if reason == "delivery_limit" => format!(
            "it was taken from {queue} more than {DELIVERIES_MOST} times and never settled: its turn ended the daemon, or the \
             daemons lost the broker again and again. Look for crashes at its time before you redrive it"
        ),
        Some((reason, queue)) => format!("the broker moved it out of {queue}: {reason}"),
        None => "it was published to the dead letters".to_owned(),
    }
}

fn noted(death: &FieldTable, name: &str) -> String {
    match death.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        Some(AMQPValue::ShortString(text)) => text.to_string(),
        _ => "unknown".to_owned(),
    }
}

/// Publishes what was redriven, until stopped. The owner of the first partition does it for all.
pub(super) async fn redrive(
    letters: Arc<dyn Letters>,
    publisher: Publisher,
    owned: watch::Receiver<Vec<u16>>,
    every: Duration,
    stop: Stop,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let is_mine = owned.borrow().first() == Some(&0);
        if is_mine && let Err(error) = publish_redriven(&*letters, &publisher).await {
            tracing::warn!(%error, "What was redriven waits for the record.");
        }
    }
}

async fn publish_redriven(letters: &dyn Letters, publisher: &Publisher) -> Result<(), StoreError> {
    loop {
        let redriven = letters.to_publish(TOGETHER).await?;
        let last = redriven.len() < TOGETHER;
        let published = redriven.into_iter().map(|(id, inbound)| publisher.publish(Some(id), inbound));
        let (published, failed): (Vec<_>, Vec<_>) = join_all(published).await.into_iter().partition(Result::is_ok);
        let ids: Vec<_> = published.into_iter().filter_map(Result::ok).collect();
        if !ids.is_empty() {
            letters.published(&ids).await?;
        }
        if let Some(Err(error)) = failed.into_iter().next() {
            tracing::warn!(%error, "What was redriven waits for the broker.");
            return Ok(());
        }
        if last {
            return Ok(());
        }
    }
}
