//! The figures made again from the journal: for what was recorded before they were kept, and after a record was carried
//! elsewhere. Nobody may commit meanwhile.

use contract::{ConversationId, EntryId, Timestamp};

use super::{
    Noted,
    count::{Measured, standing},
};
use crate::store::{
    Commit, FullEntry, Store, StoreError,
    conversation::Conversation,
    entry::{Event, What},
};

/// How many conversations or entries are read at once.
const PAGE: usize = 500;

/// Counts everything anew, and says how many conversations that were. Where it is interrupted, it is to be begun again.
///
/// # Errors
/// The record cannot be read or written, or somebody else writes it.
pub async fn rebuild(store: &dyn Store) -> Result<u64, StoreError> {
    store.forget_figures().await?;
    let (mut after, mut conversations) = (None, 0);
    loop {
        let page = store.open_conversations(after, Some(Timestamp::MIN), PAGE).await?;
        let Some(last) = page.last() else { return Ok(conversations) };
        after = Some(last.id);
        for conversation in &page {
            let entries = journal(store, conversation.id).await?;
            let (conversation, noted) = counted(Conversation::clone(conversation), &entries);
            store.commit(figures_of(conversation, noted)).await?;
            conversations += 1;
        }
    }
}

/// What changes nothing in a conversation but what the figures know of it.
fn figures_of(conversation: Conversation, noted: Noted) -> Commit {
    Commit {
        conversation,
        structural: true,
        turn: None,
        entries: [].into(),
        outbox: Vec::new(),
        customers: Vec::new(),
        once: None,
        fence: None,
        noted: noted.into(),
    }
}

async fn journal(store: &dyn Store, conversation: ConversationId) -> Result<Vec<FullEntry>, StoreError> {
    let mut before: Option<EntryId> = None;
    let mut pages = Vec::new();
    loop {
        let page = store.entries(conversation, before, PAGE, false).await?;
        before = page.items.first().map(|full| full.entry.id);
        let more = page.more;
        pages.push(page.items);
        if !more || before.is_none() {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

/// What a conversation's journal comes to.
pub(super) fn counted(mut conversation: Conversation, entries: &[FullEntry]) -> (Conversation, Noted) {
    let mut measured = Measured { counted: true, ..Measured::default() };
    let mut noted = Noted::default();
    let (mut language, mut in_action) = (String::new(), false);
    for FullEntry { entry, inbound, .. } in entries {
        match &entry.what {
            What::Message(record) => {
                let brief = inbound.as_ref().is_some_and(|inbound| crate::turn::is_brief(inbound, &language));
                if let Some(known) = record.signals.language.known().filter(|_| !(in_action && brief)) {
                    language.clone_from(known);
                }
            }
            What::Event { event: Event::ActionBegun { .. } } => in_action = true,
            What::Event { event: Event::ActionEnded { .. } } => in_action = false,
            _ => {}
        }
        measured.take(&conversation, &language, entry, inbound.as_deref(), &mut noted);
    }
    conversation.measured = measured;
    noted.counts.extend(standing(&conversation));
    (conversation, noted)
}
