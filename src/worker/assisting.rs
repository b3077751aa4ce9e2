//! What a worker does for agents: looks up what they can choose, makes the call of an action once it is committed that they want
//! it, and commits what came of it. Whoever dies between the two is replaced as with the bot's own calls.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use contract::{EntryId, Stop};
use serde_json::{Map, Value as Json};

use super::{LONGEST_PAUSE, Worker};
use crate::{
    actions::{Advance, Dialogue, Ended, Form},
    assist::AgentAct,
    calls::{Failure, Returned},
    routing::RuleSet,
    store::{
        AmendError, Once, StoreError,
        conversation::{Conversation, Owner},
        entry::{Acted, Event, What},
        people::Agent,
    },
    turn::Stage,
};

/// How many bytes of one output are kept, as JSON.
const OUTPUT_BYTES: usize = 4_000;
/// The word of an end that leads back to the form.
const ASKED_AGAIN: &str = "asked_again";

/// What an agent wants to have carried out.
pub struct Assisted<'a> {
    /// Who they are.
    pub agent: &'a Agent,
    /// The action, with all that has to be known.
    pub form: Form<'a>,
    /// The language that they read.
    pub language: &'a str,
    /// Whether they say that they checked by themselves who the customer is.
    pub checked: bool,
    /// Their browser's own id for it: sent twice, it is done once.
    pub client_id: &'a str,
    /// Whether they may act here, as the conversation stands.
    pub may: &'a (dyn Fn(&Conversation) -> bool + Sync),
}

/// Why nothing is carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not theirs to act here.
    #[error("the conversation is not yours, or not any more")]
    NotYours,
    /// The conversation is closed.
    #[error("the conversation is closed")]
    Closed,
    /// Another one is under way.
    #[error("an action is under way already; wait for what comes of it")]
    UnderWay,
    /// It is not sure enough who the customer is.
    #[error("it is not sure enough who the customer is; check it, and say that you did")]
    Identity,
}

impl Worker {
    /// Where and with whom an agent acts; `None` where the customer has not written yet.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn stage_of(&self, conversation: &Conversation) -> Result<Option<Stage>, StoreError> {
        let Some(of) = conversation.last_message else { return Ok(None) };
        let Some((inbound, _)) = self.message(of).await? else { return Ok(None) };
        self.stage(conversation, &inbound, &of.to_string()).await
    }

    /// A form with what is given, in an agent's language; `None` where there is no such action. What of it can be chosen is
    /// looked up, unless it is not sure enough who the customer is.
    pub async fn fill_in<'r>(
        &self,
        rules: &'r RuleSet,
        stage: &Stage,
        (action, language): (&str, &str),
        given: &BTreeMap<String, Json>,
    ) -> Option<Form<'r>> {
        let actions = rules.actions();
        let scene = stage.scene(action, rules, crate::clock::now()).read_in(language);
        let mut form = actions.form(&scene, given)?;
        if form.action.identity > stage.identity() {
            return Some(form);
        }
        while let Some(look_up) = actions.next_look_up(&scene, &form) {
            let returned = self.called(rules, &scene, &look_up).await;
            actions.looked_up(&scene, &mut form, &look_up, &returned);
        }
        Some(form)
    }

    /// Commits that an agent wants an action carried out, and has that done; answers the entry of the journal.
    ///
    /// # Errors
    /// It is refused, or the record does not work.
    pub async fn assist(
        self: &Arc<Self>,
        conversation: &Conversation,
        stage: &Stage,
        wanted: &Assisted<'_>,
        stop: &Stop,
    ) -> Result<EntryId, AmendError<Refused>> {
        let Assisted { agent, form, checked, client_id, .. } = wanted;
        let already = || self.records.store.entry_once(agent.id, client_id);
        if let Some(entry) = already().await? {
            return Ok(entry);
        }
        if form.action.identity > stage.identity() {
            return Err(AmendError::Refused(Refused::Identity));
        }
        let new: EntryId = self.records.ids.next(crate::clock::now());
        let rules = self.policy.rules();
        let amended = self.records.amend(conversation.id, |draft| {
            match draft.conversation.owner {
                Owner::Closed => return Err(Refused::Closed),
                _ if !(wanted.may)(&draft.conversation) => return Err(Refused::NotYours),
                _ if draft.conversation.agent_act.is_some() => return Err(Refused::UnderWay),
                _ => {}
            }
            let scene = stage.scene(&form.action.name, &rules, draft.now);
            let act = AgentAct {
                agent: agent.id,
                name: agent.name.clone(),
                language: wanted.language.to_owned(),
                checked: *checked,
                dialogue: Dialogue::at_call(&scene, form.values(), format!("{new}-do")),
            };
            draft.once = Some(Once { writer: agent.id, client_id: (*client_id).to_owned(), entry: new });
            let (action, by) = (act.dialogue.action.clone(), act.name.clone());
            let event = Event::AgentActs { action, by, inputs: form.values(), checked: *checked };
            draft.event_as(new, act.author(), event);
            draft.conversation.agent_act = Some(Box::new(act));
            Ok(())
        });
        match amended.await {
            Ok((conversation, entries)) if !entries.is_empty() => {
                self.begin_act(&conversation, None, stop);
                Ok(new)
            }
            // Pressed twice: the other one was quicker, and stands.
            Ok(_) => Ok(already().await?.unwrap_or(new)),
            Err(AmendError::Refused(refused)) => already().await?.ok_or(AmendError::Refused(refused)),
            Err(error) => Err(error),
        }
    }

    /// Calls the business system that an agent's action waits for, unless that is being done; with what came of it, where that
    /// is known.
    fn begin_act(self: &Arc<Self>, conversation: &Arc<Conversation>, made: Option<Returned>, stop: &Stop) {
        let Some(act) = conversation.agent_act.clone() else { return };
        if !self.begins(act.key()) {
            return;
        }
        let (worker, conversation, stop) = (Arc::clone(self), Arc::clone(conversation), stop.clone());
        self.opinions.spawn(async move {
            worker.caring(act.key(), worker.act_out(&conversation, &act, made, &stop)).await;
        });
    }

    /// Makes the call and commits what came of it; both are tried again until they are done, or the daemon stops.
    async fn act_out(&self, conversation: &Conversation, act: &AgentAct, mut made: Option<Returned>, stop: &Stop) {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.act_once(conversation, act, &mut made).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, conversation = %conversation.id, "What came of an agent's call waits for the record.");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    async fn act_once(
        &self,
        conversation: &Conversation,
        act: &AgentAct,
        made: &mut Option<Returned>,
    ) -> Result<(), StoreError> {
        let stage = self.stage_of(conversation).await?.ok_or(StoreError::Missing("customer"))?;
        let stage = stage.vouched(act.checked);
        let rules = self.policy.rules();
        let returned = match made {
            Some(returned) => returned,
            None => {
                let scene = stage.scene(&act.dialogue.action, &rules, crate::clock::now());
                made.insert(self.called(&rules, &scene, &act.dialogue).await)
            }
        };
        self.conclude(conversation, act, &stage, &rules, returned).await
    }

    /// Commits what came of an agent's action, unless somebody has.
    async fn conclude(
        &self,
        conversation: &Conversation,
        act: &AgentAct,
        stage: &Stage,
        rules: &RuleSet,
        returned: &Returned,
    ) -> Result<(), StoreError> {
        let action = &act.dialogue.action;
        let scene = stage.scene(action, rules, crate::clock::now());
        let advance = rules.actions().returned(&scene, &act.dialogue, returned);
        let advance = advance.unwrap_or_else(Advance::gone);
        let mut outputs = rules.actions().outputs(&scene.read_in(&act.language), &act.dialogue, returned);
        outputs.retain(|_, value| value.to_string().len() <= OUTPUT_BYTES);
        let event = acted(act, returned, &advance, outputs);
        let amended = self.records.amend(conversation.id, |draft| {
            if draft.conversation.agent_act.as_ref().is_none_or(|now| now.key() != act.key()) {
                return Ok(());
            }
            draft.conversation.agent_act = None;
            draft.conversation.attributes.extend(advance.sets.iter().cloned());
            if let Some(later) = advance.later.clone() {
                later.put(&mut draft.conversation.later);
            }
            draft.event(act.author(), event.clone());
            Ok::<(), Infallible>(())
        });
        let (_, entries) = amended.await?;
        let acted = entries.iter().find_map(|entry| match &entry.what {
            What::Event { event: Event::AgentActed(acted) } => Some(acted),
            _ => None,
        });
        if let Some(acted) = acted {
            let (action, how) = (acted.action.clone(), acted.how.clone());
            metrics::counter!("switchboard_agent_actions_total", "action" => action, "how" => how).increment(1);
        }
        Ok(())
    }

    /// Nobody has heard of an agent's call for too long: it is made again under the same key, or, where that may do it twice,
    /// given up.
    pub fn act_again(self: &Arc<Self>, conversation: &Arc<Conversation>, stop: &Stop) {
        let Some(act) = &conversation.agent_act else { return };
        let may = self.policy.rules().actions().is_repeatable(&act.dialogue);
        self.begin_act(conversation, (!may).then_some(Returned::Failed(Failure::Unknown)), stop);
    }
}

fn acted(act: &AgentAct, returned: &Returned, advance: &Advance, outputs: Map<String, Json>) -> Event {
    let how = match (&advance.ended, &advance.dialogue) {
        (Some(Ended::Otherwise(why)), _) => why.word(),
        (Some(Ended::Cancelled), _) => "cancelled".to_owned(),
        (None, Some(_)) => ASKED_AGAIN.to_owned(),
        (Some(Ended::Done), _) | (None, None) => "done".to_owned(),
    };
    // Behind an outcome that leads back to a question stands the question, which is the agent's to see to.
    let told = if advance.ended.is_some() { advance.says.len() } else { 1 };
    let told: Vec<&str> = advance.says.iter().take(told).map(|body| body.text.as_str()).collect();
    Event::AgentActed(Box::new(Acted {
        action: act.dialogue.action.clone(),
        by: act.name.clone(),
        outcome: returned.word(),
        how,
        outputs,
        told: told.join("\n"),
    }))
}
