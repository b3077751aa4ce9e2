//! What a worker does of actions: lets them hear messages, calls business systems once what is due is committed, and commits
//! what came of it.

use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use contract::{ConversationId, Inbound, Stop};
use futures::FutureExt;

use super::{LONGEST_PAUSE, TurnError, Worker};
use crate::{
    actions::{Dialogue, Scene, Step},
    alarms,
    bot::Responder,
    calls::{Failure, Returned},
    routing::{Action, Decision, Destination, Do, RuleSet},
    store::{
        AmendError, Recall, StoreError,
        conversation::{Conversation, Owner},
        entry::{Entry, EntryAuthor, Event, What},
    },
    turn::{Hearing, Occasion, Stage, Turn, opens},
    typing::shown_during,
    understand::Signals,
};

/// The calls that are under way, by their keys.
#[derive(Default)]
pub struct Calling(Mutex<HashSet<String>>);

impl Calling {
    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Calls the business system that an action waits for, unless that is being done.
    pub(super) fn begin_call(
        self: &Arc<Self>,
        conversation: &Arc<Conversation>,
        inbound: &Arc<Inbound>,
        signals: &Arc<Signals>,
        stop: &Stop,
    ) {
        let Some(dialogue) = conversation.dialogue.clone() else { return };
        let Step::Calls { key, .. } = &dialogue.step else { return };
        if !self.begins(key) {
            return;
        }
        let (worker, conversation) = (Arc::clone(self), Arc::clone(conversation));
        let (inbound, signals, stop) = (Arc::clone(inbound), Arc::clone(signals), stop.clone());
        let key = key.clone();
        self.opinions.spawn(async move {
            worker.caring(&key, worker.call(&conversation, &dialogue, &inbound, &signals, &stop)).await;
        });
    }

    /// Whether nobody here sees to the call of a key yet; whoever hears so does, in [`Worker::caring`].
    pub(super) fn begins(&self, key: &str) -> bool {
        self.calling.lock().insert(key.to_owned())
    }

    /// Sees to the call of a key, which is nobody's any more when that has ended.
    pub(super) async fn caring(&self, key: &str, call: impl Future<Output = ()>) {
        if AssertUnwindSafe(call).catch_unwind().await.is_err() {
            tracing::error!(key, "A call ended by a defect of the daemon; it is made again later.");
        }
        self.ends(key);
    }

    pub(super) fn ends(&self, key: &str) {
        self.calling.lock().remove(key);
    }

    /// Makes a call and commits what came of it; both are tried again until they are done, or the daemon stops. Whoever has
    /// the clock makes it again then, under the same key.
    async fn call(
        self: &Arc<Self>,
        conversation: &Conversation,
        dialogue: &Dialogue,
        inbound: &Arc<Inbound>,
        signals: &Arc<Signals>,
        stop: &Stop,
    ) {
        let (Step::Calls { key, .. }, Some(of)) = (&dialogue.step, conversation.last_message) else { return };
        let mut pause = Duration::from_millis(50);
        let mut made = None;
        loop {
            let committed = async {
                let (returned, took) = match &made {
                    Some(made) => made,
                    None => {
                        let began = Instant::now();
                        let returned = self.returned(conversation, dialogue, inbound).await?;
                        made.insert((returned, began.elapsed()))
                    }
                };
                let (conversation, took) = (conversation.id, Some(*took));
                let occasion = Occasion::Called { conversation, of, key, returned, took, signals };
                self.take(inbound, occasion).await
            };
            match committed.await {
                // What came of it may lead to the next call: choices, and then the question for the next input.
                Ok(Some((_, conversation))) => return self.begin_call(&conversation, inbound, signals, stop),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, conversation = %conversation.id, "What came of a call waits for the record.")
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// Another conversation of the customer, in which an action waits for a word of theirs.
    pub(super) async fn waiting_elsewhere(
        &self,
        inbound: &Inbound,
        recall: &Recall,
        occasion: Occasion<'_>,
    ) -> Result<Option<Arc<Conversation>>, StoreError> {
        /// How many conversations are looked at.
        const LOOKED_AT: usize = 10;
        let here = recall.conversation.as_deref();
        let is_free =
            here.is_none_or(|here| here.dialogue.is_none() && matches!(here.owner, Owner::Bot | Owner::Closed));
        let of_here = u32::from(here.is_some_and(|here| here.owner != Owner::Closed));
        let may_wait = recall.ties.open_conversations > of_here || !recall.identified.is_empty();
        let may_go_on = matches!(occasion, Occasion::Message { .. }) && opens(inbound) && is_free && may_wait;
        if !may_go_on || self.policy.rules().actions().actions.is_empty() {
            return Ok(None);
        }
        let identified = recall.identified.iter().map(|(_, customer)| customer);
        let identified = identified.filter(|customer| !recall.parted.contains(&customer.id));
        let mut theirs = Vec::new();
        for customer in recall.customer.iter().chain(identified) {
            let Some(contact) = self.records.store.contact(customer.id).await? else { continue };
            theirs.extend(self.records.store.conversations_of(&contact.ids, LOOKED_AT).await?);
        }
        let waits = |other: &Arc<Conversation>| {
            other.owner == Owner::Bot && Some(other.id) != here.map(|here| here.id) && other.dialogue.is_some()
        };
        Ok(theirs.into_iter().find(waits))
    }

    /// Tells the conversation that an action waited in that it went on in another one. Where that fails, it is forgotten there
    /// in time; what both would do is one call, under one key.
    pub(super) async fn let_go(&self, other: ConversationId, to: &Conversation) {
        let let_go = self.records.amend(other, |draft| {
            if let Some(Dialogue { action, inputs, .. }) = draft.conversation.dialogue.take().map(|dialogue| *dialogue)
            {
                draft.event(EntryAuthor::System, Event::ActionEnded { action, how: "followed".to_owned(), inputs });
                draft.event(EntryAuthor::System, Event::Related { conversation: to.id });
            }
            Ok::<(), std::convert::Infallible>(())
        });
        if let Err(AmendError::Store(error)) = let_go.await {
            tracing::warn!(%error, conversation = %other, "An action went on elsewhere, and its conversation could not be told.");
        }
    }

    async fn returned(
        &self,
        conversation: &Conversation,
        dialogue: &Dialogue,
        inbound: &Inbound,
    ) -> Result<Returned, StoreError> {
        let entry = conversation.last_message.map(|id| id.to_string()).unwrap_or_default();
        let Some(stage) = self.stage(conversation, inbound, &entry).await? else {
            return Ok(Returned::Failed(Failure::Unmade));
        };
        Ok(shown_during(self.call_as(&stage, dialogue), || self.records.show_typing(conversation)).await)
    }

    /// Makes the call that a dialogue waits for.
    pub(super) async fn call_as(&self, stage: &Stage, dialogue: &Dialogue) -> Returned {
        let rules = self.policy.rules();
        self.called(&rules, &stage.scene(&dialogue.action, &rules, crate::clock::now()), dialogue).await
    }

    /// The same, where the scene is another one.
    pub(super) async fn called(&self, rules: &RuleSet, scene: &Scene<'_>, dialogue: &Dialogue) -> Returned {
        match rules.actions().request(scene, dialogue, &self.caller.secrets()) {
            Ok(request) => self.caller.call(&request).await,
            Err(why) => {
                let action = &dialogue.action;
                tracing::error!(why, action, "A call cannot be made; the action's file is to be mended.");
                Returned::Failed(Failure::Unmade)
            }
        }
    }

    /// Nobody has heard of a call for too long: whoever made it is gone. It is made again under the same key, or, where that
    /// may do it twice, given up.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn call_again(self: &Arc<Self>, conversation: &Arc<Conversation>, stop: &Stop) -> Result<(), StoreError> {
        let (Some(of), Some(dialogue)) = (conversation.last_message, &conversation.dialogue) else { return Ok(()) };
        let Step::Calls { key, .. } = &dialogue.step else { return Ok(()) };
        let Some((inbound, signals)) = self.message(of).await? else { return Ok(()) };
        if self.policy.rules().actions().is_repeatable(dialogue) {
            self.begin_call(conversation, &inbound, &signals, stop);
            return Ok(());
        }
        let returned = &Returned::Failed(Failure::Unknown);
        let (signals, took) = (&signals, None);
        let occasion = Occasion::Called { conversation: conversation.id, of, key, returned, took, signals };
        match self.take(&inbound, occasion).await {
            Ok(_) => Ok(()),
            Err(error) => error.said(conversation.id, "What came of a call could not be noted."),
        }
    }

    /// Begins what the bot does by itself now. Whether there was anything to begin it with: the customer's last message is not
    /// kept for ever.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn begin_planned(self: &Arc<Self>, conversation: &Conversation, stop: &Stop) -> Result<bool, StoreError> {
        let (Some(of), Some((_, planned))) = (conversation.last_message, alarms::planned(conversation)) else {
            return Ok(false);
        };
        let Some((inbound, signals)) = self.message(of).await? else { return Ok(false) };
        let occasion = Occasion::Planned { conversation: conversation.id, of, planned, signals: &signals };
        match self.take(&inbound, occasion).await {
            Ok(Some((_, conversation))) => {
                self.begin_call(&conversation, &inbound, &signals, stop);
                Ok(true)
            }
            Ok(None) => Ok(true),
            Err(error) => error.said(conversation.id, "What was planned could not be begun.").map(|()| false),
        }
    }

    /// Lets an action that is under way hear the message, where the rules do not take the customer elsewhere: where that leads.
    /// `None` where it is for the rules.
    pub(super) async fn act(
        &self,
        turn: &mut Turn<'_>,
        bot: &dyn Responder,
        inbound: &Inbound,
        decision: &Decision,
    ) -> Result<Option<&'static str>, TurnError> {
        let Some(under_way) = turn.under_way().map(str::to_owned) else { return Ok(None) };
        let leads_away = matches!(decision.destination, Some(Destination::Handoff(_) | Destination::Close));
        let said = turn.is_said_by_a_button();
        if !opens(inbound) || leads_away && (said || turn.insists()) {
            return Ok(None);
        }
        // A card's button may be pressed long after the card was shown: it begins what it says, and is no answer to what
        // is asked now.
        if said && !turn.is_calling() && matches!(decision.destination, Some(Destination::Do(_))) {
            return Ok(None);
        }
        self.permit(turn, None).await?;
        let otherwise = match turn.hear() {
            Hearing::Nothing => return Ok(None),
            Hearing::Waits => None,
            Hearing::Went(otherwise) => otherwise,
            Hearing::NotUnderstood if leads_away => return Ok(None),
            Hearing::NotUnderstood => match &decision.destination {
                Some(Destination::Do(wanted)) if wanted.action != under_way => return Ok(None),
                Some(Destination::Answer(wanted)) if self.is_answered(turn, bot, inbound, wanted).await => {
                    turn.ask_again();
                    return Ok(Some("answer"));
                }
                _ => turn.misunderstood(),
            },
        };
        // What the rules would say to the message is not meant for an answer to the bot's own question.
        let noted: Vec<Action> =
            decision.actions.iter().filter(|action| !matches!(action, Action::Reply { .. })).cloned().collect();
        turn.note_heard(under_way);
        turn.carry_out(&noted, None, None);
        self.carry_out_otherwise(turn, otherwise).await;
        Ok(Some("action"))
    }

    pub(super) async fn begin(&self, turn: &mut Turn<'_>, wanted: &Do) -> Result<&'static str, TurnError> {
        self.permit(turn, Some(&wanted.action)).await?;
        let otherwise = turn.act_for(wanted);
        self.carry_out_otherwise(turn, otherwise).await;
        Ok("action")
    }
}

/// Counts the actions that ended, and what became of who customers say they are.
pub(super) fn count(entries: &[Entry]) {
    for entry in entries {
        let What::Event { event } = &entry.what else { continue };
        let verified = |how: &str| metrics::counter!("switchboard_verifications_total", "how" => how.to_owned());
        match event {
            Event::ActionEnded { action, how, .. } => {
                metrics::counter!("switchboard_actions_total", "action" => action.clone(), "how" => how.clone())
                    .increment(1);
            }
            Event::VerificationAsked { .. } => verified("asked").increment(1),
            Event::VerificationPassed { .. } => verified("passed").increment(1),
            Event::VerificationFailed { how, .. } => verified(how).increment(1),
            _ => {}
        }
    }
}
