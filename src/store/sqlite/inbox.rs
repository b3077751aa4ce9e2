//! The inbox on the embedded record.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use contract::{Accepted, Inbound, InboxError, Unread};

use super::{
    SqliteRecord,
    writer::{Op, to_json},
};
use crate::{
    inbox::{Delivery, Queue, busy, count_accepted},
    store::{StoreError, dedup_key::dedup_key},
};

#[async_trait]
impl contract::Inbox for SqliteRecord {
    async fn accept(&self, inbound: Inbound) -> Result<Accepted, InboxError> {
        if self.waiting.load(Ordering::Relaxed) >= self.options.waiting_most {
            return Err(busy(inbound.channel, Duration::from_secs(1)));
        }
        let (key, body) = (dedup_key(&inbound), to_json(&inbound));
        let inbound = Arc::new(inbound);
        let channel = inbound.channel.clone();
        let accepted = self.ask(|answer| Op::Accept { inbound, body, key, answer: Some(answer) }).await;
        count_accepted(channel, &accepted);
        accepted.map_err(|error| InboxError::Unavailable(Box::new(error)))
    }

    async fn set_aside(&self, unread: Unread) -> Result<(), InboxError> {
        self.keep_unread(unread).await
    }
}

#[async_trait]
impl Queue for SqliteRecord {
    async fn next(&self) -> Option<Delivery> {
        let (id, inbound) = self.deliveries.lock().await.recv().await?;
        Some(Delivery::new(id, inbound))
    }

    fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        if self.is_healthy() {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', 'ok')", []).map(drop)
        })
        .await
    }

    async fn done(&self, _delivery: Delivery) -> Result<(), StoreError> {
        Ok(())
    }

    async fn dead(&self, delivery: &Delivery, reason: &str) -> Result<(), StoreError> {
        let (id, reason) = (delivery.id, reason.to_owned());
        self.ask(|answer| Op::Bury { id, reason, answer: Some(answer) }).await
    }
}
