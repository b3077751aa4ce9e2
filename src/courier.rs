//! Carries outbound messages from the outbox to their channels: one courier a channel, several messages at once, the
//! messages of one conversation one after the other.
//!
//! A message is marked as being sent before it is handed over, and as sent after. What a crash leaves in between is
//! sent again only where the receiver drops doubles; elsewhere it is `unknown`, and a person decides.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use contract::{Channel, Fate, Host, Outbound, SendError, Stop};
use futures::FutureExt;
use jiff::SignedDuration;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    live::{Granted, Rates},
    records::Records,
    store::outbox::{Delivery, DeliveryState, Leased, Settled},
};

/// How many messages of one channel are being sent at once.
const AT_ONCE: usize = 32;
/// The pause before the second try; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How often a message is tried: with the pauses above, for about a day.
const TRIES: u32 = 32;
/// How long a courier rests at most, in case a wake-up was lost.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// The longest pause between tries to note how a message went.
const SETTLE_PAUSE: Duration = Duration::from_secs(5);
/// How long a channel that refused everything rests.
const SUSPENDED: Duration = Duration::from_secs(60);

/// Sends the messages of one channel.
pub struct Courier {
    /// The channel's name.
    pub name: String,
    /// The channel.
    pub channel: Arc<dyn Channel>,
    /// The record.
    pub records: Arc<Records>,
    /// Rung when something may be due.
    pub bell: Arc<Notify>,
    /// How fast the platform takes messages, from all nodes together; by the channel's name.
    pub rates: Arc<dyn Rates>,
    /// What the channel may ask of the daemon.
    pub host: Host,
}

impl Courier {
    /// Runs until `stop`, then waits for what is being sent.
    pub async fn run(self, stop: Stop) {
        while let Err(error) = self.records.store.recover(&self.name, self.channel.limits().resends_unknown).await {
            tracing::warn!(%error, channel = self.name, "The outbox cannot be read yet.");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        let courier = Arc::new(self);
        // Tasks of their own: a send that waits for the record must go on while this loop waits for it too.
        let mut sending = JoinSet::new();
        let mut refusals = 0;
        loop {
            // What is not leased yet is not lost to a crash either, so the pace comes before the lease.
            let Granted { now: room, wait } = courier.granted(AT_ONCE - sending.len()).await;
            let rung = courier.bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let leased = if room > 0 { courier.lease(room).await } else { Vec::new() };
            let found = leased.len();
            courier.give_back(room - found.min(room)).await;
            for leased in leased {
                sending.spawn(Arc::clone(&courier).send(leased));
            }
            if found == room && room > 0 {
                continue;
            }
            // A bell is no reason to hurry where the pace is what holds things up.
            let is_held_up = room == 0 && sending.len() < AT_ONCE;
            let rest = if is_held_up { wait } else { courier.rest().await };
            tokio::select! {
                () = stop.cancelled() => break,
                () = rung, if !is_held_up => {}
                Some(sent) = sending.join_next() => {
                    let Ok((settled, asked)) = sent else { continue };
                    refusals = if asked.is_some() { refusals + 1 } else { 0 };
                    // One alone may mean its own chat; two in a row, the channel.
                    if let Some(pause) = asked.filter(|_| refusals > 1) {
                        courier.rates.pause(&courier.name, pause).await;
                    }
                    courier.settle(settled, &stop).await;
                }
                () = tokio::time::sleep(rest) => {}
            }
        }
        while let Some(sent) = sending.join_next().await {
            if let Ok((settled, _)) = sent {
                courier.settle(settled, &stop).await;
            }
        }
    }

    /// How many of `wanted` may go now.
    async fn granted(&self, wanted: usize) -> Granted {
        if wanted == 0 {
            return Granted { now: 0, wait: Duration::ZERO };
        }
        self.rates.take(&self.name, self.channel.limits().per_second, wanted).await
    }

    async fn give_back(&self, count: usize) {
        if count > 0 {
            self.rates.give_back(&self.name, self.channel.limits().per_second, count).await;
        }
    }

    async fn lease(&self, limit: usize) -> Vec<Leased> {
        match self.records.store.lease(&self.name, crate::clock::now(), limit).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::warn!(%error, channel = self.name, "Nothing can be sent while the record does not work.");
                Vec::new()
            }
        }
    }

    async fn rest(&self) -> Duration {
        match self.records.store.next_due(&self.name).await {
            Ok(Some(due)) => {
                let wait = Duration::try_from(due.duration_since(crate::clock::now())).unwrap_or(Duration::ZERO);
                wait.clamp(Duration::from_millis(20), LONGEST_REST)
            }
            Ok(None) | Err(_) => LONGEST_REST,
        }
    }

    /// Sends one. Also answers the pause that the platform asks for.
    async fn send(self: Arc<Self>, leased: Leased) -> (Settled, Option<Duration>) {
        let Leased { outbound, attempts } = leased;
        let attempts = attempts + 1;
        let sending = AssertUnwindSafe(self.channel.send(&outbound, &self.host)).catch_unwind();
        let result = sending
            .await
            .unwrap_or_else(|_| Err(SendError::Unanswered("a defect in the adapter: it is in the log".to_owned())));
        let asked = match &result {
            Err(SendError::Temporary { retry_after, .. }) => *retry_after,
            _ => None,
        };
        let (state, error, external_id, pause) = match result {
            Ok(receipt) => (DeliveryState::Sent, None, receipt.external_id, Duration::ZERO),
            Err(error) => {
                let (state, pause) = self.after_failure(&error, &outbound, attempts);
                (state, Some(error.to_string()), None, pause)
            }
        };
        metrics::counter!("switchboard_deliveries_total", "channel" => self.name.clone(), "state" => word(state))
            .increment(1);
        let settled = Settled {
            id: outbound.id,
            conversation: outbound.conversation,
            delivery: Delivery { state, attempts, error },
            external_id,
            next_at: crate::clock::now() + SignedDuration::try_from(pause).unwrap_or_default(),
        };
        (settled, asked)
    }

    fn after_failure(&self, error: &SendError, outbound: &Outbound, attempts: u32) -> (DeliveryState, Duration) {
        match error.fate() {
            Fate::Retry(_) if attempts >= TRIES => {
                tracing::error!(%error, channel = self.name, outbound = %outbound.id, "A message was tried for a day; it is a dead letter now.");
                (DeliveryState::Failed, Duration::ZERO)
            }
            Fate::Retry(after) => (DeliveryState::Pending, after.unwrap_or_else(|| pause_after(attempts))),
            Fate::GiveUp => {
                tracing::error!(%error, channel = self.name, outbound = %outbound.id, "The platform refused a message for good; it is a dead letter now.");
                (DeliveryState::Failed, Duration::ZERO)
            }
            // The channel is to blame, not the message: it stays, and the next try tells whether it works again.
            Fate::Suspend => {
                tracing::error!(%error, channel = self.name, "The platform refuses this channel; check its credentials.");
                (DeliveryState::Pending, SUSPENDED)
            }
            Fate::Unknown if self.channel.limits().resends_unknown => (DeliveryState::Pending, pause_after(attempts)),
            Fate::Unknown => (DeliveryState::Unknown, Duration::ZERO),
        }
    }

    /// Notes how a message went, however long the record does not work: until then nobody would send it again. Once
    /// stopped it tries once, and the next start finds out.
    async fn settle(&self, settled: Settled, stop: &Stop) {
        let mut pause = Duration::from_millis(100);
        while let Err(error) = self.records.store.settle(vec![settled.clone()]).await {
            tracing::warn!(%error, outbound = %settled.id, "How a message went cannot be noted yet.");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(SETTLE_PAUSE),
            }
        }
        if let Ok(Some(conversation)) = self.records.store.conversation(settled.conversation).await {
            self.records.announcer.delivery(&conversation, settled.id, &settled.delivery);
        }
    }
}

/// The pause before the next try: doubling, up to an hour, a fifth of it by chance so that retries spread.
pub(crate) fn pause_after(attempts: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(LONGEST_PAUSE);
    doubled.mul_f64(0.9 + 0.2 * rand::random::<f64>())
}

fn word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "retry",
        DeliveryState::Sending => "sending",
        DeliveryState::Sent => "sent",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Read => "read",
        DeliveryState::Failed => "failed",
        DeliveryState::Unknown => "unknown",
        DeliveryState::Held => "held",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_spread() {
        for (attempts, seconds) in [(1, 2.0), (2, 4.0), (5, 32.0), (13, 3600.0), (400, 3600.0)] {
            let pause = pause_after(attempts).as_secs_f64();
            assert!(pause >= seconds * 0.9 && pause <= seconds * 1.1, "{attempts}: {pause}");
        }
    }
}
