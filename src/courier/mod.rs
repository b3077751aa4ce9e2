//! Carries outbound messages from the outbox to their channels: one courier a channel, several messages at once, the
//! messages of one conversation one after the other, replies before bulk.
//!
//! A message is marked as being sent before it is handed over, and as sent after. What a crash leaves in between is
//! sent again only where the receiver drops doubles; elsewhere it is `unknown`, and a person decides.
//!
//! While the platform refuses the channel, what is due is held, and one message is tried now and then; when that
//! works, all of them go, in their order. What comes too late for the channel's reply window is held as well, until
//! the customer writes.

mod round;
#[cfg(test)]
mod tests;
mod window;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use contract::{Channel, Fate, Host, MessageId, Outbound, SendError, Stop};
use futures::FutureExt;
use jiff::SignedDuration;
use tokio::sync::{Notify, watch};

use self::round::Round;
use crate::{
    identity::Verifier,
    live::{Event, Granted, Rates},
    records::Records,
    store::{
        StoreError,
        outbox::{Delivery, DeliveryState, HeldFor, Leased, Settled},
    },
};

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

/// What couriers listen to.
#[derive(Debug, Default)]
pub struct Bell {
    /// Rung when something may be due.
    pub due: Notify,
    /// Rung when a person wants something sent, whatever was refused before. No courier misses it.
    pub insisted: watch::Sender<()>,
}

impl Bell {
    /// Rings for what was heard of the outbox. Who only may have missed something does not insist.
    pub fn ring(&self, heard: &Event) {
        match heard {
            Event::Insisted => self.insisted.send_replace(()),
            _ => self.due.notify_waiters(),
        }
    }
}

/// Sends the messages of one channel.
pub struct Courier {
    /// The channel's name.
    pub name: String,
    /// The channel.
    pub channel: Arc<dyn Channel>,
    /// The record.
    pub records: Arc<Records>,
    /// What wakes it.
    pub bell: Arc<Bell>,
    /// How fast the platform takes messages, from all nodes together; by the channel's name.
    pub rates: Arc<dyn Rates>,
    /// What the channel may ask of the daemon.
    pub host: Host,
    /// What puts one-time codes into messages.
    pub verifier: Arc<Verifier>,
}

/// How one message went.
struct Sent {
    settled: Settled,
    /// The pause that the platform asked for.
    asked: Option<Duration>,
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
        Round::new(Arc::new(self)).run(&stop).await;
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

    async fn lease(&self, limit: usize, for_bulk: usize) -> Vec<Leased> {
        match self.records.store.lease(&self.name, crate::clock::now(), limit, for_bulk).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::warn!(%error, channel = self.name, "Nothing can be sent while the record does not work.");
                Vec::new()
            }
        }
    }

    /// What a daemon that is no more was sending, others send, or leave to a person.
    async fn reclaim(&self) {
        match self.records.store.reclaim(&self.name, self.channel.limits().resends_unknown).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, channel = self.name, "A daemon went that was sending messages."),
            Err(error) => tracing::warn!(%error, channel = self.name, "What others left behind cannot be looked for."),
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

    /// Sends one, unless it comes too late.
    async fn send(self: Arc<Self>, leased: Leased) -> Sent {
        let Leased { outbound, attempts, .. } = leased;
        let (delivery, external_id, pause, asked) = match self.closed_window(&outbound).await {
            Ok(Some(why)) => (Delivery::held(HeldFor::Customer, attempts, why), None, Duration::ZERO, None),
            Ok(None) => self.hand_over(&outbound, attempts + 1).await,
            Err(error) => (
                Delivery { error: Some(error.to_string()), attempts, ..Delivery::first(DeliveryState::Pending) },
                None,
                FIRST_PAUSE,
                None,
            ),
        };
        metrics::counter!("switchboard_deliveries_total", "channel" => self.name.clone(), "state" => word(delivery.state))
            .increment(1);
        let settled = Settled {
            id: outbound.id,
            conversation: outbound.conversation,
            delivery,
            external_id,
            next_at: crate::clock::now() + SignedDuration::try_from(pause).unwrap_or_default(),
        };
        Sent { settled, asked }
    }

    async fn hand_over(
        &self,
        outbound: &Outbound,
        attempts: u32,
    ) -> (Delivery, Option<String>, Duration, Option<Duration>) {
        let revealed = self.verifier.codes.revealed(outbound);
        let is_too_late = self.is_too_late(outbound);
        let sending = async {
            if is_too_late {
                return Err(SendError::Permanent("the code in it has run out".to_owned()));
            }
            self.channel.send(&revealed, &self.host).await
        };
        let result = AssertUnwindSafe(sending).catch_unwind();
        let result = result
            .await
            .unwrap_or_else(|_| Err(SendError::Unanswered("a defect in the adapter: it is in the log".to_owned())));
        let asked = match &result {
            Err(SendError::Temporary { retry_after, .. }) => *retry_after,
            _ => None,
        };
        match result {
            Ok(receipt) => {
                let sent = Delivery { attempts, ..Delivery::first(DeliveryState::Sent) };
                (sent, receipt.external_id, Duration::ZERO, asked)
            }
            Err(error) => {
                let (state, pause) = self.after_failure(&error, outbound, attempts);
                (Delivery { attempts, error: Some(error.to_string()), ..Delivery::first(state) }, None, pause, asked)
            }
        }
    }

    /// Whether a message only brings a code that is not good any more.
    fn is_too_late(&self, outbound: &Outbound) -> bool {
        let since = outbound.body.challenge.map(|challenge| crate::clock::now().duration_since(challenge.made_at()));
        since.is_some_and(|since| since >= self.verifier.lasts)
    }

    /// Why the platform would not take a message now: the customer has not written for too long.
    async fn closed_window(&self, outbound: &Outbound) -> Result<Option<String>, StoreError> {
        let Some(window) = self.channel.limits().reply_window else { return Ok(None) };
        let conversation = self.records.store.conversation(outbound.conversation).await?;
        let last = conversation.and_then(|conversation| conversation.last_message).map(MessageId::made_at);
        Ok(window::closed(window, last, crate::clock::now()))
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
            // The channel is to blame, not the message.
            Fate::Suspend => (DeliveryState::Held, Duration::ZERO),
            Fate::Unknown if self.channel.limits().resends_unknown => (DeliveryState::Pending, pause_after(attempts)),
            Fate::Unknown => (DeliveryState::Unknown, Duration::ZERO),
        }
    }

    /// Notes how messages went, however long the record does not work: until then nobody would send them again. Once
    /// stopped it tries once, and the next start finds out.
    async fn settle(&self, settled: Vec<Settled>, stop: &Stop) {
        let mut pause = Duration::from_millis(100);
        while let Err(error) = self.records.store.settle(settled.clone()).await {
            tracing::warn!(%error, channel = self.name, count = settled.len(), "How messages went cannot be noted yet.");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(SETTLE_PAUSE),
            }
        }
        for settled in settled {
            if let Ok(Some(conversation)) = self.records.store.conversation(settled.conversation).await {
                self.records.announcer.delivery(&conversation, settled.id, &settled.delivery);
            }
        }
    }

    /// Lets a message go after all whose customer wrote while it was being held: that turn did not find it.
    async fn look_again(&self, held: &Settled) {
        let Some(window) = self.channel.limits().reply_window else { return };
        let Ok(Some(conversation)) = self.records.store.conversation(held.conversation).await else { return };
        let last = conversation.last_message.map(MessageId::made_at);
        if window::closed(window, last, crate::clock::now()).is_none()
            && let Err(error) = self.records.store.resend(held.id).await
        {
            tracing::debug!(%error, outbound = %held.id, "It had been released already.");
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
