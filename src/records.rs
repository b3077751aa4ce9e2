//! The one way to change a conversation: commit, then tell. Workers, agents and the desk all go through here, so
//! nothing is committed that nobody hears of.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use contract::{Channel, ConversationId, EntryId, IdClock, Inbound, MessageId, OutboundId};
use tokio::sync::{Mutex, MutexGuard, Notify};

use crate::{
    alarms::AlarmHandle,
    announce::{Announcer, News},
    desk::DeskHandle,
    store::{
        AmendError, Amended, Commit, Committed, Draft, Fence, Store, StoreError, amend,
        conversation::Conversation,
        entry::{Entry, Event, What},
        files::WantedFile,
        outbox::DeliveryState,
    },
    tickets::Tickets,
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
    /// Tickets.
    pub tickets: Tickets,
    /// The channels by name.
    channels: Arc<BTreeMap<String, Arc<dyn Channel>>>,
    /// The state that a reply starts in, by channel.
    reply_states: HashMap<String, DeliveryState>,
    /// Rung when a file may be due.
    pub fetchers: Arc<Notify>,
    /// Held from the commit to the telling, so that what is committed in a conversation is told in that order.
    orders: Box<[Mutex<()>]>,
}

/// After how long it is too late to show that somebody writes.
const TYPING_WITHIN: Duration = Duration::from_secs(5);
/// How many conversations can be committed to at the same time at most; two that share a place wait for each other.
const ORDERS: usize = 1024;

impl Records {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        ids: Arc<IdClock>,
        announcer: Announcer,
        desk: DeskHandle,
        alarms: AlarmHandle,
        tickets: Tickets,
        channels: Arc<BTreeMap<String, Arc<dyn Channel>>>,
    ) -> Self {
        let state = |kept| if kept { DeliveryState::Sent } else { DeliveryState::Pending };
        let reply_states =
            channels.iter().map(|(name, channel)| (name.clone(), state(channel.limits().kept))).collect();
        let orders = (0..ORDERS).map(|_| Mutex::new(())).collect();
        Self { store, ids, announcer, desk, alarms, tickets, channels, reply_states, fetchers: Arc::default(), orders }
    }

    /// Has the files of a message fetched that are still with the platform.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn want_files(&self, message: MessageId, inbound: &Inbound) -> Result<(), StoreError> {
        let files: Vec<WantedFile> = WantedFile::of(message, inbound).collect();
        if files.is_empty() {
            return Ok(());
        }
        self.store.want(&inbound.channel, files).await?;
        self.fetchers.notify_waiters();
        Ok(())
    }

    /// Tells who watches of an entry as it stands now.
    pub async fn tell_again(&self, entry: EntryId) {
        let full = match self.store.entry(entry).await {
            Ok(Some(full)) => full,
            // Its turn is not committed yet: it will be told as it is then.
            Ok(None) => return,
            Err(error) => {
                return tracing::warn!(%error, %entry, "An entry cannot be read, so nobody is told that it has changed.");
            }
        };
        if let Ok(Some(conversation)) = self.store.conversation(full.conversation).await {
            self.announcer.entry(&conversation, full);
        }
    }

    /// Notes that a platform gave a message back, and tells.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn bounced(&self, id: OutboundId, reason: &str) -> Result<(), StoreError> {
        let Some((conversation, delivery)) = self.store.bounced(id, reason).await? else { return Ok(()) };
        if let Some(conversation) = self.store.conversation(conversation).await? {
            self.announcer.delivery(&conversation, id, &delivery);
        }
        Ok(())
    }

    /// Shows the customer that somebody of the company writes.
    pub fn agent_types(&self, conversation: &Conversation, name: String) {
        self.announcer.agent_types(conversation.thread(), name);
        self.show_typing(conversation);
    }

    /// Has the platform show, beside whatever else goes on, that an answer is on its way.
    pub fn show_typing(&self, conversation: &Conversation) {
        if let Some(channel) = self.channels.get(&conversation.channel).map(Arc::clone) {
            let (to, thread) = (conversation.address.clone(), conversation.thread.clone());
            tokio::spawn(async move { tokio::time::timeout(TYPING_WITHIN, channel.typing(&to, &thread)).await });
        }
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

    /// Whether buttons that were sent on a channel come back when they are pressed.
    #[must_use]
    pub fn buttons_come_back(&self, channel: &str) -> bool {
        self.channels.get(channel).is_none_or(|channel| channel.buttons_come_back())
    }

    /// Commits a turn and tells.
    ///
    /// # Errors
    /// As [`crate::store::Journal::commit`].
    pub async fn commit(&self, before: Option<&Conversation>, mut commit: Commit) -> Result<Committed, StoreError> {
        let _order = self.in_order(commit.conversation.id).await;
        commit.structural = commit.structural || self.alarms.is_due_sooner(before, &commit.conversation);
        let (entries, outbox) = (Arc::clone(&commit.entries), commit.outbox.clone());
        let inbound = commit.turn.as_ref().map(|taken| Arc::clone(&taken.inbound));
        let noted = commit.noted.clone();
        let committed = self.store.commit(commit).await?;
        if let Committed::Done(after) = &committed {
            noted.to_metrics();
            let inbound = inbound.as_ref();
            self.tell(News { before, after, entries: &entries, outbox: &outbox, inbound, once: None });
            let window = self.channels.get(&after.channel).and_then(|channel| channel.limits().reply_window);
            if inbound.is_some() && window.is_some() {
                // What waited for the customer to write may go now.
                self.announcer.wake_couriers();
            }
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
        self.amend_under(None, id, change).await
    }

    /// The same, by leave of a lease.
    ///
    /// # Errors
    /// As [`amend`]; a conflict where the lease is somebody else's by now.
    pub async fn amend_under<E>(
        &self,
        fence: Option<Fence>,
        id: ConversationId,
        change: impl FnMut(&mut Draft<'_>) -> Result<(), E>,
    ) -> Result<(Arc<Conversation>, Arc<[Entry]>), AmendError<E>> {
        let _order = self.in_order(id).await;
        let hurries = |before: &Conversation, after: &Conversation| self.alarms.is_due_sooner(Some(before), after);
        let amended = amend(&*self.store, &self.ids, id, fence, hurries, change).await?;
        let Amended { before, after, entries, once, noted } = amended;
        noted.to_metrics();
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
        let News { before, after, entries, .. } = news;
        if entries.iter().any(|entry| matches!(entry.what, What::Event { event: Event::TicketGiven { .. } })) {
            metrics::counter!("switchboard_tickets_total").increment(1);
        }
        // What was said is told before what the desk makes of it: an offer never comes ahead of its conversation.
        self.announcer.committed(news);
        if before.is_none_or(|before| after.stands_elsewhere(before)) && (after.is_held() || before.is_some()) {
            self.desk.changed(after.id);
            self.announcer.moved(after.id);
        }
        self.alarms.changed(after);
    }
}
