//! What the daemon offers to channels whose platform is Switchboard itself: the threads of their customers, as far as
//! customers may see them.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use contract::{EntryId, Notice, Thread, ThreadEntry, ThreadError, ThreadEvent, ThreadStatus, ThreadWatch, Threads};
use futures::StreamExt;

use crate::{
    announce::{nobody_wrote_yet, seen_by_customer},
    live::{Event, Live, Topic},
    records::Records,
    store::StoreError,
};

/// How many entries are read at once on the way back to a cursor.
const PAGE: usize = 100;

/// Threads as customers see them.
pub struct CustomerThreads {
    records: Arc<Records>,
    live: Arc<dyn Live>,
}

impl CustomerThreads {
    /// Reads the record, watches the live events.
    #[must_use]
    pub fn new(records: Arc<Records>, live: Arc<dyn Live>) -> Self {
        Self { records, live }
    }

    /// Walks back from the newest entry to the cursor, or without one as far as the limit. Behind a cursor the oldest
    /// entries are the next ones, so the newest of more than `limit` are left for the next call.
    async fn walk(
        &self,
        thread: &Thread,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<ThreadEntry>, StoreError> {
        let store = &self.records.store;
        let Some(conversation) = store.conversation_of(thread).await? else { return Ok(Vec::new()) };
        let mut newest_first = VecDeque::new();
        let mut before = None;
        'walk: loop {
            let page = store.entries(conversation.id, before, PAGE, true).await?;
            before = page.items.first().map(|full| full.entry.id);
            for full in page.items.iter().rev() {
                if Some(full.entry.id) == after || (after.is_none() && newest_first.len() == limit) {
                    break 'walk;
                }
                let Some(seen) = seen_by_customer(&full.entry, full.inbound.as_deref()) else { continue };
                newest_first.push_back(seen);
                if newest_first.len() > limit {
                    newest_first.pop_front();
                }
            }
            if !page.more {
                break;
            }
        }
        Ok(newest_first.into_iter().rev().collect())
    }
}

#[async_trait]
impl Threads for CustomerThreads {
    async fn read(
        &self,
        thread: &Thread,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<ThreadEntry>, ThreadError> {
        self.walk(thread, after, limit).await.map_err(|error| ThreadError(Box::new(error)))
    }

    async fn status(&self, thread: &Thread) -> Result<ThreadStatus, ThreadError> {
        let conversation =
            self.records.store.conversation_of(thread).await.map_err(|error| ThreadError(Box::new(error)))?;
        Ok(conversation.map_or_else(nobody_wrote_yet, |conversation| self.records.announcer.status(&conversation)))
    }

    fn watch(&self, thread: &Thread) -> ThreadWatch {
        let events = self.live.watch(vec![Topic::Thread(thread.clone())]);
        events
            .filter_map(|event| async move {
                match event {
                    Event::Thread(event) => Some(ThreadEvent::clone(&event)),
                    Event::Missed => Some(ThreadEvent::Missed),
                    Event::Frame(_) | Event::Conversation(_) | Event::Changed | Event::Insisted => None,
                }
            })
            .boxed()
    }

    fn notice(&self, thread: &Thread, notice: Notice) {
        let (records, thread) = (Arc::clone(&self.records), thread.clone());
        tokio::spawn(async move {
            if let Err(error) = take_notice(&records, &thread, notice).await {
                tracing::debug!(%error, "A customer's notice was lost.");
            }
        });
    }
}

async fn take_notice(records: &Records, thread: &Thread, notice: Notice) -> Result<(), StoreError> {
    let Some(conversation) = records.store.conversation_of(thread).await? else { return Ok(()) };
    match notice {
        Notice::Typing { on: true } => records.announcer.customer_types(&conversation),
        Notice::Typing { on: false } => {}
        Notice::Reached { outbound, reached } => {
            // A receipt counts only from the thread that the message went to.
            let sent_here = match records.store.entry(outbound.into()).await? {
                Some(entry) => match records.store.conversation(entry.conversation).await? {
                    Some(theirs) => theirs.thread() == *thread,
                    None => false,
                },
                None => false,
            };
            if sent_here && let Some((_, delivery)) = records.store.reached(outbound, reached).await? {
                records.announcer.delivery(&conversation, outbound, &delivery);
            }
        }
    }
    Ok(())
}
