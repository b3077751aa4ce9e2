//! What a courier does next: hand over, hold back, or rest.

use std::{sync::Arc, time::Duration};

use contract::Stop;
use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

use super::{Courier, Sent};
use crate::{
    live::Granted,
    share::BulkShare,
    store::outbox::{Delivery, HeldFor, Leased, Precedence, Settled},
};

/// How many messages of one channel are being sent at once.
const AT_ONCE: usize = 32;
/// How often what other daemons left behind is looked for.
const RECLAIM_EVERY: Duration = Duration::from_secs(5);
/// After how long a channel that the platform refused is tried again.
const PROBE_AFTER: Duration = Duration::from_secs(60);

/// A courier at work.
pub(super) struct Round {
    courier: Arc<Courier>,
    /// Tasks of their own: a send that waits for the record must go on while the loop waits for it too.
    sending: JoinSet<Sent>,
    share: BulkShare,
    /// How many sends in a row the platform answered with a pause.
    asked: u32,
    refusal: Option<Refusal>,
    insisted: watch::Receiver<()>,
}

/// The platform refuses the channel.
struct Refusal {
    /// Why, in its words.
    reason: String,
    /// When the next message is tried.
    probe_at: tokio::time::Instant,
}

enum Next {
    /// There may be more to do now.
    Again,
    /// Nothing for so long, unless a bell rings that counts.
    Rest { rest: Duration, hears_bell: bool },
}

impl Round {
    pub(super) fn new(courier: Arc<Courier>) -> Self {
        let insisted = courier.bell.insisted.subscribe();
        Self { courier, sending: JoinSet::new(), share: BulkShare::default(), asked: 0, refusal: None, insisted }
    }

    pub(super) async fn run(mut self, stop: &Stop) {
        let bell = Arc::clone(&self.courier.bell);
        let mut sweep = tokio::time::interval(RECLAIM_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = bell.due.notified();
            tokio::pin!(due);
            due.as_mut().enable();
            let next = if self.refusal.is_some() { self.hold_back(stop).await } else { self.hand_over().await };
            let Next::Rest { rest, hears_bell } = next else { continue };
            tokio::select! {
                () = stop.cancelled() => break,
                () = due, if hears_bell => {}
                Ok(()) = self.insisted.changed() => self.probe_now(),
                Some(sent) = self.sending.join_next() => {
                    let others = std::iter::from_fn(|| self.sending.try_join_next());
                    let sent = std::iter::once(sent).chain(others).filter_map(Result::ok).collect();
                    self.sent(sent, stop).await;
                }
                _ = sweep.tick() => self.courier.reclaim().await,
                () = tokio::time::sleep(rest) => {}
            }
        }
        while let Some(sent) = self.sending.join_next().await {
            if let Ok(sent) = sent {
                self.courier.settle(vec![sent.settled], stop).await;
            }
        }
    }

    async fn hand_over(&mut self) -> Next {
        // What is not leased yet is not lost to a crash either, so the pace comes before the lease.
        let Granted { now: room, wait } = self.courier.granted(AT_ONCE - self.sending.len()).await;
        let leased = if room > 0 { self.courier.lease(room, self.share.of(room)).await } else { Vec::new() };
        let found = leased.len();
        self.courier.give_back(room - found.min(room)).await;
        self.share.leased(found, leased.iter().filter(|leased| leased.precedence == Precedence::Bulk).count());
        for leased in leased {
            self.sending.spawn(Arc::clone(&self.courier).send(leased));
        }
        if found == room && room > 0 {
            return Next::Again;
        }
        // A bell is no reason to hurry where the pace is what holds things up.
        let is_held_up = room == 0 && self.sending.len() < AT_ONCE;
        let rest = if is_held_up { wait } else { self.courier.rest().await };
        Next::Rest { rest, hears_bell: !is_held_up }
    }

    /// Holds what is due, and has one message tried when it is time.
    async fn hold_back(&mut self, stop: &Stop) -> Next {
        let Some(refusal) = &mut self.refusal else { return Next::Again };
        let leased = self.courier.lease(AT_ONCE, 0).await;
        if !leased.is_empty() {
            let held = leased.into_iter().map(|leased| refusal.holds(leased)).collect();
            self.courier.settle(held, stop).await;
            return Next::Again;
        }
        let now = tokio::time::Instant::now();
        if self.sending.is_empty() && refusal.probe_at <= now {
            refusal.probe_at = now + PROBE_AFTER;
            match self.courier.records.store.probe(&self.courier.name).await {
                Ok(Some(leased)) => _ = self.sending.spawn(Arc::clone(&self.courier).send(leased)),
                Ok(None) => {
                    self.refusal = None;
                    return Next::Again;
                }
                Err(error) => tracing::warn!(%error, channel = self.courier.name, "Nothing can be tried yet."),
            }
        }
        let rest = if self.sending.is_empty() { refusal.probe_at.saturating_duration_since(now) } else { PROBE_AFTER };
        Next::Rest { rest, hears_bell: true }
    }

    fn probe_now(&mut self) {
        if let Some(refusal) = &mut self.refusal {
            refusal.probe_at = tokio::time::Instant::now();
        }
    }

    /// Notes what has gone, all of it at once.
    async fn sent(&mut self, sent: Vec<Sent>, stop: &Stop) {
        let mut works = false;
        for Sent { settled, asked } in &sent {
            self.asked = if asked.is_some() { self.asked + 1 } else { 0 };
            // One alone may mean its own chat; two in a row, the channel.
            if let Some(pause) = asked.filter(|_| self.asked > 1) {
                self.courier.rates.pause(&self.courier.name, pause).await;
            }
            if settled.delivery.held_for == Some(HeldFor::Channel) {
                self.refused(settled.delivery.error.clone().unwrap_or_default());
                works = false;
            }
            works |= settled.delivery.state.is_taken();
        }
        let settled: Vec<Settled> = sent.into_iter().map(|sent| sent.settled).collect();
        self.courier.settle(settled.clone(), stop).await;
        for held in settled.iter().filter(|settled| settled.delivery.held_for == Some(HeldFor::Customer)) {
            self.courier.look_again(held).await;
        }
        if works && self.refusal.is_some() {
            self.works_again().await;
        }
    }

    fn refused(&mut self, reason: String) {
        if self.refusal.is_none() {
            tracing::error!(
                reason,
                channel = self.courier.name,
                "The platform refuses this channel; check its credentials. Its messages are held until it works."
            );
        }
        self.refusal = Some(Refusal { reason, probe_at: tokio::time::Instant::now() + PROBE_AFTER });
    }

    /// Everything goes that was held. Where that cannot be noted, the next probe finds out.
    async fn works_again(&mut self) {
        match self.courier.records.store.release(&self.courier.name).await {
            Ok(()) => {
                tracing::info!(channel = self.courier.name, "The platform takes this channel's messages again.");
                self.refusal = None;
            }
            Err(error) => tracing::warn!(%error, channel = self.courier.name, "What is held cannot be released yet."),
        }
    }
}

impl Refusal {
    /// A message that is not even tried.
    fn holds(&self, Leased { outbound, attempts, .. }: Leased) -> Settled {
        Settled {
            id: outbound.id,
            conversation: outbound.conversation,
            delivery: Delivery::held(HeldFor::Channel, attempts, self.reason.clone()),
            external_id: None,
            next_at: crate::clock::now(),
        }
    }
}
