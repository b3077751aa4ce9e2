//! Changing a conversation outside of a turn: what agents and the desk do.

use std::{convert::Infallible, sync::Arc};

use contract::{Body, ConversationId, EntryId, IdClock, Outbound, OutboundId, Timestamp};

use super::{
    Commit, Committed, Fence, Once, Store, StoreError,
    conversation::Conversation,
    entry::{Entry, EntryAuthor, Event, What},
    outbox::DeliveryState,
};
use crate::bot::Citation;
use crate::measure::{Noted, note};
use crate::tickets::Drawn;

/// How often a change is tried again when somebody else was quicker.
const TRIES: usize = 32;

/// A change in the making: the conversation, and what is appended to its journal.
pub struct Draft<'a> {
    /// The conversation, to be changed in place.
    pub conversation: Conversation,
    /// The moment of the change.
    pub now: Timestamp,
    /// What is done once, however often it is sent.
    pub once: Option<Once>,
    ids: &'a IdClock,
    entries: Vec<Entry>,
    outbox: Vec<(OutboundId, DeliveryState)>,
}

impl Draft<'_> {
    /// Something happened.
    pub fn event(&mut self, author: EntryAuthor, event: Event) {
        self.push(None, author, What::Event { event });
    }

    /// The same, under an id that is known already.
    pub fn event_as(&mut self, id: EntryId, author: EntryAuthor, event: Event) {
        self.push(Some(id), author, What::Event { event });
    }

    /// A note, under an id of the writer's so that writing it twice is once.
    pub fn note(&mut self, id: EntryId, author: EntryAuthor, body: Body) {
        self.push(Some(id), author, What::Note { body });
    }

    /// A reply to the customer, which starts in `state`.
    pub fn reply(&mut self, id: OutboundId, author: EntryAuthor, body: Body, state: DeliveryState) {
        let conversation = &mut self.conversation;
        conversation.said(self.now, author.clone(), &body.text);
        let outbound = Outbound {
            id,
            conversation: conversation.id,
            channel: conversation.channel.clone(),
            to: conversation.address.clone(),
            thread: conversation.thread.clone(),
            queue: conversation.queue(),
            author: (&author).into(),
            body,
            in_reply_to: conversation.answers(),
        };
        self.outbox.push((id, state));
        self.push(
            Some(id.into()),
            author,
            What::Reply { outbound: Box::new(outbound), citation: None, also: Vec::new() },
        );
    }

    /// Gives the conversation a ticket for being handed to a queue, where it has none yet.
    pub fn give_ticket(&mut self, drawn: &mut Drawn<'_>, queue: &str) {
        let number = drawn.number();
        if self.conversation.give_ticket(number, queue, None, self.now) {
            drawn.give();
            self.event(EntryAuthor::System, Event::TicketGiven { number });
        }
    }

    /// Says of the reply that was just written where it was taken from.
    pub fn cite(&mut self, from: Citation) {
        if let Some(Entry { what: What::Reply { citation, .. }, .. }) = self.entries.last_mut() {
            *citation = Some(from);
        }
    }

    fn push(&mut self, id: Option<EntryId>, author: EntryAuthor, what: What) {
        let id = id.unwrap_or_else(|| self.ids.next(self.now));
        self.entries.push(Entry { id, at: self.now, author, what });
    }
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum AmendError<E> {
    /// The change itself does not want to be made on the conversation as it is.
    #[error("{0}")]
    Refused(E),
    /// The record failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Of a change that never refuses.
impl From<AmendError<Infallible>> for StoreError {
    fn from(error: AmendError<Infallible>) -> Self {
        match error {
            AmendError::Refused(never) => match never {},
            AmendError::Store(error) => error,
        }
    }
}

/// A change that stands.
pub struct Amended {
    /// The conversation before it.
    pub before: Arc<Conversation>,
    /// The conversation after it.
    pub after: Arc<Conversation>,
    /// What was appended; nothing where nothing had to be done, or was done before.
    pub entries: Arc<[Entry]>,
    /// What was sent under an id.
    pub once: Option<Once>,
    /// What it added to the figures.
    pub noted: Arc<Noted>,
}

/// Changes a conversation as it is at the moment of the commit: reads it, lets `change` draft, commits, and begins
/// again when somebody else was quicker. `hurries` says whether a change makes something due sooner.
///
/// # Errors
/// What `change` refused, or [`StoreError`].
pub async fn amend<E>(
    store: &dyn Store,
    ids: &IdClock,
    id: ConversationId,
    fence: Option<Fence>,
    hurries: impl Fn(&Conversation, &Conversation) -> bool,
    mut change: impl FnMut(&mut Draft<'_>) -> Result<(), E>,
) -> Result<Amended, AmendError<E>> {
    for _ in 0..TRIES {
        let before = store.conversation(id).await?.ok_or(StoreError::Missing("conversation"))?;
        let mut draft = Draft {
            conversation: Conversation::clone(&before),
            now: crate::clock::now(),
            once: None,
            ids,
            entries: Vec::new(),
            outbox: Vec::new(),
        };
        change(&mut draft).map_err(AmendError::Refused)?;
        let once = draft.once.clone();
        let nothing = |before: Arc<Conversation>| Amended {
            after: Arc::clone(&before),
            before,
            entries: Arc::default(),
            once: None,
            noted: Arc::default(),
        };
        if draft.entries.is_empty() {
            return Ok(nothing(before));
        }
        let entries: Arc<[Entry]> = draft.entries.into();
        let noted = Arc::new(note(Some(&before), &mut draft.conversation, &entries, None));
        let commit = Commit {
            structural: draft.conversation.stands_elsewhere(&before) || hurries(&before, &draft.conversation),
            conversation: draft.conversation,
            turn: None,
            entries: Arc::clone(&entries),
            outbox: draft.outbox,
            customers: Vec::new(),
            once: draft.once,
            fence,
            noted: Arc::clone(&noted),
        };
        match store.commit(commit).await {
            Ok(Committed::Done(after)) => return Ok(Amended { before, after, entries, once, noted }),
            Ok(Committed::AlreadyDone) => return Ok(nothing(before)),
            Err(StoreError::Conflict) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}
