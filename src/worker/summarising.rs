//! What a worker does for an agent who wants to know what a conversation is about: reads the summary off its journal, and has a
//! model say it in a few sentences where they ask for that. Asked once for the same journal; what came of it, and what it cost, is
//! an event of it.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use contract::{ConversationId, Stop};
use tokio::{
    sync::Mutex as Turn,
    time::{Instant, timeout_at},
};

use super::{Worker, thinking::count};
use crate::{
    assist::{Line, Recap, Seen, Tongue, last_entry, recap, summary},
    models::{Account, Mask, Models, Spent, Summing, Why, own_of},
    store::{
        FullEntry, StoreError,
        conversation::Conversation,
        entry::{EntryAuthor, Event, Summarised, What},
    },
    turn::Stage,
};

/// How much of a journal is read, in entries, the newest.
const ENTRIES: usize = 1_000;
/// How many of the customer's other conversations are counted.
const OTHERS: usize = 50;
/// How long it may take, all in all: whoever asks waits for it.
const WITHIN: Duration = Duration::from_secs(20);

/// Why no model summarises.
#[derive(Debug, thiserror::Error)]
pub enum Unsummarised {
    /// There is none, or it is not to.
    #[error("there is no model that summarises; see [model] in the configuration")]
    NoModel,
    /// The customer has not written.
    #[error("nothing has been said yet")]
    NothingSaid,
    /// Nothing came of asking.
    #[error("the model did not summarise it: {}", .0.as_str())]
    Model(Why),
    /// The record does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is being summarised here, by conversation: who comes second waits for what the first one gets.
#[derive(Default)]
pub struct Summarising(Mutex<HashMap<ConversationId, Weak<Turn<()>>>>);

impl Summarising {
    fn turn(&self, conversation: ConversationId) -> Arc<Turn<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, turn| turn.strong_count() > 0);
        let turn = all.get(&conversation).and_then(Weak::upgrade).unwrap_or_default();
        all.insert(conversation, Arc::downgrade(&turn));
        turn
    }
}

impl Worker {
    /// The newest entries of a conversation, oldest first, as many as a summary is made of.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn journal_of(&self, conversation: ConversationId) -> Result<Vec<FullEntry>, StoreError> {
        Ok(self.records.store.entries(conversation, None, ENTRIES, false).await?.items)
    }

    /// What happened in a conversation, in a few lines.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn summary_of(
        &self,
        conversation: &Conversation,
        entries: &[FullEntry],
        stage: Option<&Stage>,
        tongue: Tongue,
    ) -> Result<Vec<Line>, StoreError> {
        let contact = self.records.store.contact(conversation.customer).await?;
        let ids = contact.map(|contact| contact.ids).unwrap_or_default();
        let others = self.records.store.conversations_of(&ids, OTHERS).await?;
        let others = others.iter().map(|other| &**other).filter(|other| other.id != conversation.id);
        let (rules, roster) = (self.policy.rules(), self.records.announcer.roster());
        Ok(summary(&Seen {
            conversation,
            entries,
            others: &others.collect::<Vec<&Conversation>>(),
            identity: stage.map(Stage::identity).unwrap_or_default(),
            actions: rules.actions(),
            queue: &|name| rules.queues().get(name).map(|queue| queue.title.clone()),
            agent: &|agent| roster.name(agent),
            zone: rules.zone(),
            tongue,
        }))
    }

    /// The model that summarises, if there is one.
    #[must_use]
    pub fn summariser(&self) -> Option<&Models> {
        self.models.as_deref().filter(|models| models.settings.summaries)
    }

    /// Has a model say in a few sentences what happened, unless one did and nothing has happened since. What is begun is
    /// finished and kept, whether or not anybody waits for it.
    ///
    /// # Errors
    /// [`Unsummarised`]; nothing else comes of that.
    pub async fn summarise(
        self: &Arc<Self>,
        conversation: ConversationId,
        by: EntryAuthor,
        tongue: Tongue,
        stop: &Stop,
    ) -> Result<Recap, Unsummarised> {
        let (worker, stop) = (Arc::clone(self), stop.clone());
        let asked = self
            .opinions
            .spawn(async move { stop.run_until_cancelled(worker.summarised(conversation, by, tongue)).await });
        asked.await.ok().flatten().unwrap_or(Err(Unsummarised::Model(Why::Lost)))
    }

    async fn summarised(&self, id: ConversationId, by: EntryAuthor, tongue: Tongue) -> Result<Recap, Unsummarised> {
        let models = self.summariser().ok_or(Unsummarised::NoModel)?;
        let began = Instant::now();
        let end = began + models.settings.time.min(WITHIN);
        let turn = self.summarising.turn(id);
        let _turn = timeout_at(end, turn.lock()).await.map_err(|_elapsed| Unsummarised::Model(Why::Time))?;
        let conversation = self.records.store.conversation(id).await?.ok_or(StoreError::Missing("conversation"))?;
        let entries = self.journal_of(id).await?;
        if let Some(recap) = recap(&entries, tongue).filter(|recap| recap.current) {
            return Ok(recap);
        }
        let stage = self.stage_of(&conversation).await?.ok_or(Unsummarised::NothingSaid)?;
        let lines = self.summary_of(&conversation, &entries, Some(&stage), tongue).await?;
        let summing = Summing::new(self.mask(models, &stage, &entries), tongue, &lines, &said(&entries));
        let mut spent = Spent::default();
        let spends = (conversation.spent, &mut spent);
        let said = self.ask(models, spends, (summing.messages(), &[]), end, &mut |_| {}).await?;
        let heard = said.and_then(|said| summing.heard(&said));
        if spent.steps > 0 {
            let account = Account {
                of: last_entry(&entries).map(|last| last.to_string()).unwrap_or_default(),
                model: models.settings.name.clone(),
                how: heard.as_ref().map_or_else(|why| why.as_str(), |_| "summarised").to_owned(),
                steps: spent.steps,
                tokens: spent.tokens,
                millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                micros: spent.micros,
                currency: models.settings.price.paid_in().to_owned(),
                ..Account::default()
            };
            count(&account, &spent);
            let text = heard.clone().unwrap_or_default();
            self.note_summary(id, by, spent, (tongue, text, account)).await?;
        }
        heard.map_err(Unsummarised::Model)?;
        recap(&self.journal_of(id).await?, tongue).ok_or(Unsummarised::Model(Why::Lost))
    }

    async fn note_summary(
        &self,
        id: ConversationId,
        author: EntryAuthor,
        spent: Spent,
        (tongue, text, account): (Tongue, String, Account),
    ) -> Result<(), StoreError> {
        let by = match &author {
            EntryAuthor::Agent { name, .. } => name.clone(),
            _ => String::new(),
        };
        let event = Event::Summarised(Box::new(Summarised { by, language: tongue.tag().to_owned(), text, account }));
        let amended = self.records.amend(id, |draft| {
            draft.conversation.spent = draft.conversation.spent.and(spent);
            draft.event(author.clone(), event.clone());
            Ok::<(), Infallible>(())
        });
        amended.await?;
        Ok(())
    }

    /// Hides what is the customer's own, and what colleagues are called.
    fn mask<'m>(&self, models: &'m Models, stage: &Stage, entries: &[FullEntry]) -> Mask<'m> {
        let mut mask = Mask::new(&models.patterns, &models.settings.mask);
        let rules = self.policy.rules();
        for (kind, value) in own_of(stage.scene("", &rules, crate::clock::now()).who) {
            mask.know(kind, value);
        }
        for full in entries {
            if let EntryAuthor::Agent { name, .. } = &full.entry.author {
                mask.know("name", name);
            }
        }
        mask
    }
}

/// What was said, and by whom, oldest first. What agents note for each other is not.
fn said(entries: &[FullEntry]) -> Vec<(&str, &str)> {
    let said = entries.iter().filter_map(|full| match (&full.entry.what, &full.entry.author) {
        (What::Message(_), _) => Some(("customer", full.inbound.as_ref()?.content.text())),
        (What::Reply { outbound, .. }, EntryAuthor::Agent { .. }) => Some(("agent", outbound.body.text.as_str())),
        (What::Reply { outbound, .. }, _) => Some(("bot", outbound.body.text.as_str())),
        _ => None,
    });
    said.filter(|(_, text)| !text.trim().is_empty()).collect()
}
