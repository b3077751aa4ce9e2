//! The one way to change a conversation: commit, then tell. Workers, agents and the desk all go through here, so
//! nothing is committed that nobody hears of.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use contract::{ConversationId, IdClock, Inbound, OutboundId};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    alarms::AlarmHandle,
    announce::{Announcer, News},
    desk::DeskHandle,
    store::{
        AmendError, Amended, Commit, Committed, Draft, Store, StoreError, amend, conversation::Conversation,
        entry::Entry, outbox::DeliveryState,
    },
};

/// The record, with everybody told.
pub struct Records {
    /// The record itself, for reading.
    pub store: Arc<dyn Store>,
    /// Where ids come from.
    pub ids: Arc<IdClock>,
    /// Tells those who watch.
    pub announcer: Announcer,
    /// The desk.
    pub desk: DeskHandle,
    /// The alarms.
    pub alarms: AlarmHandle,
    /// The state that a reply starts in, by channel.
    reply_states: HashMap<String, DeliveryState>,
    /// Held from the commit to the telling, so that what is committed in a conversation is told in that order.
    orders: Box<[Mutex<()>]>,
}

/// How many conversations can be committed to at the same time at most; two that share a place wait for each other.
const ORDERS: usize = 1024;

impl Records {
    /// Puts the parts together. `kept` are the channels whose customers fetch replies themselves.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<IdClock>,
        announcer: Announcer,
        desk: DeskHandle,
        alarms: AlarmHandle,
        channels: &BTreeMap<String, Arc<dyn contract::Channel>>,
    ) -> Self {
        let state = |kept| if kept { DeliveryState::Sent } else { DeliveryState::Pending };
        let reply_states =
            channels.iter().map(|(name, channel)| (name.clone(), state(channel.limits().kept))).collect();
        let orders = (0..ORDERS).map(|_| Mutex::new(())).collect();
        Self { store, ids, announcer, desk, alarms, reply_states, orders }
    }

    async fn in_order(&self, id: ConversationId) -> MutexGuard<'_, ()> {
        // Ids made in one millisecond differ in their lowest bits, others above the node's.
        let mixed = id.get() ^ (id.get() >> 20);
        self.orders[usize::try_from(mixed).unwrap_or(0) % ORDERS].lock().await
    }

    /// The state that a reply on a channel starts in. One on a channel that is no longer configured is held.
    #[must_use]
    pub fn reply_state(&self, channel: &str) -> DeliveryState {
        self.reply_states.get(channel).copied().unwrap_or(DeliveryState::Held)
    }

    /// Commits a turn and tells.
    ///
    /// # Errors
    /// As [`crate::store::Journal::commit`].
    pub async fn commit(
        &self,
        before: Option<&Conversation>,
        commit: Commit,
        inbound: &Arc<Inbound>,
    ) -> Result<Committed, StoreError> {
        let _order = self.in_order(commit.conversation.id).await;
        let (entries, outbox) = (Arc::clone(&commit.entries), commit.outbox.clone());
        let inbound = commit.turn.is_some().then_some(inbound);
        let committed = self.store.commit(commit).await?;
        if let Committed::Done(after) = &committed {
            self.tell(News { before, after, entries: &entries, outbox: &outbox, inbound, once: None });
        }
        Ok(committed)
    }

    /// Changes a conversation and tells; see [`amend`]. Returns the conversation after it, and what was appended.
    ///
    /// # Errors
    /// As [`amend`].
    pub async fn amend<E>(
        &self,
        id: ConversationId,
        change: impl FnMut(&mut Draft<'_>) -> Result<(), E>,
    ) -> Result<(Arc<Conversation>, Arc<[Entry]>), AmendError<E>> {
        let _order = self.in_order(id).await;
        let Amended { before, after, entries, once } = amend(&*self.store, &self.ids, id, change).await?;
        let state = self.reply_state(&after.channel);
        let outbox: Vec<(OutboundId, DeliveryState)> = entries
            .iter()
            .filter(|entry| matches!(entry.what, crate::store::entry::What::Reply { .. }))
            .map(|entry| (OutboundId::from(entry.id.get()), state))
            .collect();
        let (before, once) = (Some(&*before), once.as_ref());
        self.tell(News { before, after: &after, entries: &entries, outbox: &outbox, inbound: None, once });
        Ok((after, entries))
    }

    fn tell(&self, news: News<'_>) {
        let News { before, after, .. } = news;
        // What was said is told before what the desk makes of it: an offer never comes ahead of its conversation.
        self.announcer.committed(news);
        if before.is_none_or(|before| after.stands_elsewhere(before)) && (after.is_held() || before.is_some()) {
            self.desk.changed(after);
        }
        self.alarms.changed(after);
    }
}
