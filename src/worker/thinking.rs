//! What a worker does of models: has one asked once that is committed, bounded in time, steps and money, and commits what came
//! of it. A later message takes the place of an earlier one; whoever dies meanwhile is replaced by an alarm.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::{ConversationId, Inbound, MessageId, Stop, Timestamp, truncate_chars};
use futures::FutureExt;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::{LONGEST_PAUSE, TurnError, Worker};
use crate::{
    actions::{Heard, texts::instant},
    alarms,
    bot::{Question, Responder},
    models::{
        Account, Asked, End, Failure, Mask, Matter, Models, Moment, Next, Said, Spent, Thinking, Thought, Usage, Why,
        Wish, is_small_talk, own_of, tokens_of,
    },
    routing::{Answer, Trigger},
    store::{
        FullEntry, StoreError,
        conversation::Conversation,
        entry::{EntryAuthor, What},
    },
    turn::{After, Occasion, Stage, Turn},
    typing::shown_during,
    understand::Signals,
};

/// How many characters of one message a model is shown.
const SHOWN: usize = 2_000;
/// How often a customer sees more of an answer that is being written.
const EVERY: Duration = Duration::from_millis(80);
/// A day, in seconds.
const DAY: i64 = 24 * 60 * 60;

/// What models are asked here, by conversation.
#[derive(Default)]
pub struct Asking(Mutex<HashMap<ConversationId, (String, Stop)>>);

impl Asking {
    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, (String, Stop)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins, in place of what was asked before; `None` where the same is being asked.
    fn begin(&self, conversation: ConversationId, key: &str, stop: &Stop) -> Option<Stop> {
        let mut asking = self.lock();
        if asking.get(&conversation).is_some_and(|(known, _)| known == key) {
            return None;
        }
        let own = stop.child_token();
        if let Some((_, before)) = asking.insert(conversation, (key.to_owned(), own.clone())) {
            before.cancel();
        }
        Some(own)
    }

    fn end(&self, conversation: ConversationId, key: &str) {
        let mut asking = self.lock();
        if asking.get(&conversation).is_some_and(|(known, _)| known == key) {
            asking.remove(&conversation);
        }
    }
}

/// Finds passages for a question.
type Look<'a> = dyn Fn(&str) -> Vec<crate::bot::Answer> + Sync + 'a;

impl Worker {
    /// Has a model asked where the rules want one, there is one, and the bot alone is not sure. Whether it is.
    pub(super) async fn has_model_asked(
        &self,
        turn: &mut Turn<'_>,
        bot: &dyn Responder,
        inbound: &Inbound,
        (wanted, trigger): (&Answer, Trigger),
    ) -> Option<&'static str> {
        let (models, persona) = (self.models.as_ref()?, wanted.model.as_deref()?);
        let allowed = models.settings.per_conversation.allow(turn.conversation().spent);
        if trigger != Trigger::Message || !allowed {
            return None;
        }
        // What was asked before and is not answered yet belongs to it.
        if !turn.is_thinking() && self.is_answered(turn, bot, inbound, wanted).await {
            return Some("answer");
        }
        turn.think(wanted, persona, models.settings.time);
        Some("model")
    }

    /// Asks a model what a conversation waits for, unless that is being done.
    pub(super) fn begin_thinking(
        self: &Arc<Self>,
        conversation: &Arc<Conversation>,
        inbound: &Arc<Inbound>,
        signals: &Arc<Signals>,
        stop: &Stop,
    ) {
        let Some(asked) = conversation.thinking.clone() else { return };
        let Some(own) = self.asking.begin(conversation.id, &asked.key, stop) else { return };
        let (worker, conversation) = (Arc::clone(self), Arc::clone(conversation));
        let (inbound, signals, stop) = (Arc::clone(inbound), Arc::clone(signals), stop.clone());
        self.opinions.spawn(async move {
            let thought = worker.think_and_commit(&conversation, &asked, (&inbound, &signals), &stop);
            let thought = AssertUnwindSafe(own.run_until_cancelled(thought)).catch_unwind().await;
            if thought.is_err() {
                tracing::error!(conversation = %conversation.id, "A model's turn ended by a defect of the daemon; it is taken again later.");
            }
            worker.asking.end(conversation.id, &asked.key);
        });
    }

    /// Nobody has heard of a model for too long: whoever asked it is gone. It is asked once more, and then given up.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn think_again(
        self: &Arc<Self>,
        conversation: &Arc<Conversation>,
        stop: &Stop,
    ) -> Result<(), StoreError> {
        let Some(asked) = &conversation.thinking else { return Ok(()) };
        let Ok(of) = asked.key.parse::<MessageId>() else { return Ok(()) };
        let Some((inbound, signals)) = self.message(of).await? else { return Ok(()) };
        if self.models.is_some() && crate::clock::now() < alarms::last_thought(asked) {
            self.begin_thinking(conversation, &inbound, &signals, stop);
            return Ok(());
        }
        let thought = &Thought::failed(asked, Why::Lost);
        let (conversation, key, signals) = (conversation.id, &asked.key, &signals);
        match self.take(&inbound, Occasion::Thought { conversation, of, key, thought, signals }).await {
            Ok(_) => Ok(()),
            Err(error) => error.said(conversation, "What came of a model could not be noted."),
        }
    }

    /// Carries out what a model came to.
    pub(super) async fn carry_out_thought(
        &self,
        turn: &mut Turn<'_>,
        bot: &dyn Responder,
        inbound: &Inbound,
        thought: &Thought,
    ) -> Result<(), TurnError> {
        if let End::Act { action, .. } = &thought.end {
            self.permit(turn, Some(action)).await?;
        }
        match turn.take_thought(thought) {
            After::Done => {}
            After::Otherwise(otherwise) => self.carry_out_otherwise(turn, Some(otherwise)).await,
            After::Without(wanted) => {
                if self.is_answered(turn, bot, inbound, &wanted).await {
                    return Ok(());
                }
                // That the day's money is spent is nothing that customers have to hear.
                if thought.end != End::Failed(Why::Budget) {
                    turn.apologise(&thought.account.persona);
                }
                let position = self.position(Some(&wanted.otherwise.destination)).await;
                turn.miss(&wanted.otherwise, position);
            }
        }
        Ok(())
    }

    async fn think_and_commit(
        self: &Arc<Self>,
        conversation: &Arc<Conversation>,
        asked: &Asked,
        (inbound, signals): (&Arc<Inbound>, &Arc<Signals>),
        stop: &Stop,
    ) {
        let (Some(models), Ok(of)) = (&self.models, asked.key.parse::<MessageId>()) else { return };
        let mut pause = Duration::from_millis(50);
        let mut made = None;
        loop {
            let committed = async {
                let thought = match &made {
                    Some(thought) => thought,
                    None => {
                        let thought = self.thought(models, conversation, asked, (inbound, signals));
                        let thought = shown_during(thought, || self.records.show_typing(conversation)).await?;
                        count(&thought.account, &thought.spent);
                        made.insert(thought)
                    }
                };
                let (conversation, key) = (conversation.id, &asked.key);
                self.take(inbound, Occasion::Thought { conversation, of, key, thought, signals }).await
            };
            match committed.await {
                // An action that only reads may begin with a call.
                Ok(Some((_, conversation))) => return self.begin_call(&conversation, inbound, signals, stop),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, conversation = %conversation.id, "What came of a model waits for the record.");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn thought(
        &self,
        models: &Models,
        conversation: &Conversation,
        asked: &Asked,
        (inbound, signals): (&Arc<Inbound>, &Arc<Signals>),
    ) -> Result<Thought, StoreError> {
        let rules = self.policy.rules();
        let Some(persona) = rules.personas().personas.get(&asked.persona) else {
            return Ok(Thought::failed(asked, Why::Gone));
        };
        let Some(stage) = self.stage(conversation, inbound, &asked.key).await? else {
            return Ok(Thought::failed(asked, Why::Gone));
        };
        let now = crate::clock::now();
        let scene = stage.scene("", &rules, now);
        let time = instant(&now.to_zoned(rules.zone().clone()));
        let moment = Moment {
            who: scene.who,
            language: scene.language,
            default_language: scene.default_language,
            mood: conversation.mood,
            channel: &conversation.kind,
            now: &time,
        };
        let facts = persona.told_of(scene.who, scene.language);
        let page = self.records.store.entries(conversation.id, None, models.settings.history, false).await?;
        let said = said_in(&page.items, inbound.content.text());
        let question = said.last().map_or("", |(_, text)| text.as_str());
        let look = |query: &str| {
            let question = Question { text: query, language: scene.language };
            self.policy.knowledge().best(&question, persona.passages)
        };
        let matter = Matter {
            persona,
            rules: &rules,
            scene: &|action| stage.scene(action, &rules, now),
            heard: Heard { text: inbound.content.text(), pressed: None, entities: &signals.entities },
            otherwise: &asked.wanted.otherwise,
            language: scene.language,
            small_talk: is_small_talk(question, signals),
            facts: &facts,
            steps: models.settings.steps,
        };
        let mut mask = Mask::new(&models.patterns, &models.settings.mask);
        for (kind, value) in own_of(scene.who) {
            mask.know(kind, value);
        }
        let order = rules.personas().order(persona, &moment);
        let mut thinking = Thinking::new(matter, mask, &order, &said, look(question));
        let began = Instant::now();
        let mut spent = Spent::default();
        let end = self.steps(models, conversation, &mut thinking, &mut spent, (&stage, &look)).await?;
        if !matches!(end, End::Answer { .. }) {
            self.records.announcer.bot_writes(conversation.thread(), String::new());
        }
        let account = Account {
            of: asked.key.clone(),
            persona: asked.persona.clone(),
            model: models.settings.name.clone(),
            how: end.as_str().to_owned(),
            steps: spent.steps,
            tokens: spent.tokens,
            millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            micros: spent.micros,
            currency: models.settings.price.paid_in().to_owned(),
            passages: thinking.given(),
            tools: thinking.called().to_vec(),
        };
        Ok(Thought { end, account, spent, sets: thinking.sets().to_vec() })
    }

    /// Asks, and tells what is wanted to be known, until it is over.
    async fn steps<'a>(
        &self,
        models: &Models,
        conversation: &Conversation,
        thinking: &mut Thinking<'a>,
        spent: &mut Spent,
        (stage, look): (&Stage, &Look<'_>),
    ) -> Result<End, StoreError> {
        let tools = thinking.tools();
        let end = Instant::now() + models.settings.time;
        loop {
            let said = {
                let mut tell = self.telling(conversation, thinking);
                let asks = (thinking.messages(), &*tools);
                self.ask(models, (conversation.spent, &mut *spent), asks, end, &mut tell).await?
            };
            let next = match said {
                Ok(said) => thinking.heard(said),
                Err(why) => return Ok(End::Failed(why)),
            };
            let wishes = match next {
                Next::End(end) => return Ok(end),
                Next::Know(wishes) => wishes,
            };
            for wish in wishes {
                match wish {
                    Wish::Search { call, query } => thinking.found(&call, look(&query)),
                    Wish::Call { call, dialogue } => {
                        let returned = self.call_as(stage, &dialogue);
                        let Ok(returned) = tokio::time::timeout_at(end, returned).await else {
                            return Ok(End::Failed(Why::Time));
                        };
                        thinking.returned(&call, &dialogue, &returned);
                    }
                }
            }
        }
    }

    /// One request, unless the conversation or the day has used what it may; what it used is added to what was spent.
    pub(super) async fn ask(
        &self,
        models: &Models,
        (before, spent): (Spent, &mut Spent),
        (messages, tools): (&[Json], &[Json]),
        end: Instant,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Result<Said, Why>, StoreError> {
        let settings = &models.settings;
        let input = tokens_in(messages) + tokens_in(tools);
        let most = Usage { input, output: settings.most_tokens.into() };
        let reserved = Spent::of(most, Duration::ZERO, &settings.price);
        if !settings.per_conversation.allow(before.and(*spent).and(reserved)) {
            return Ok(Err(Why::Budget));
        }
        let (day, none) = (day_of(crate::clock::now()), Spent::default());
        let total = self.records.store.spend_on_models(day, reserved, none).await?;
        if !settings.per_day.allow(total) {
            self.records.store.spend_on_models(day, none, reserved).await?;
            return Ok(Err(Why::Budget));
        }
        let asked_at = Instant::now();
        let said = models.client.ask(messages, tools, end, tell).await;
        let usage = match &said {
            Ok(said) => said.usage.unwrap_or_else(|| Usage { input, output: tokens_of(&said.text) }),
            Err(Failure::Down | Failure::Resting | Failure::Refused) => Usage::default(),
            Err(_) => Usage { input, output: 0 },
        };
        let used = Spent::of(usage, asked_at.elapsed(), &settings.price);
        *spent = spent.and(used);
        self.records.store.spend_on_models(day, used, reserved).await?;
        Ok(said.map_err(|failure| if Instant::now() >= end { Why::Time } else { Why::Server(failure) }))
    }

    /// Has the customer see what may be seen while it is being answered.
    fn telling(&self, conversation: &Conversation, thinking: &Thinking<'_>) -> impl FnMut(&str) + Send {
        let thread = conversation.thread();
        let (mut told, mut last) = (String::new(), None::<Instant>);
        move |text: &str| {
            if last.is_some_and(|last| last.elapsed() < EVERY) {
                return;
            }
            let shown = thinking.shown(text);
            if shown != told {
                (told, last) = (shown.clone(), Some(Instant::now()));
                self.records.announcer.bot_writes(thread.clone(), shown);
            }
        }
    }
}

/// What was said, by whom, the last by the customer: one after the other, as chat endpoints want it.
fn said_in(entries: &[FullEntry], last: &str) -> Vec<(&'static str, String)> {
    let mut said: Vec<(&'static str, String)> = Vec::new();
    for full in entries {
        let (role, text) = match (&full.entry.what, &full.entry.author) {
            (What::Message(_), _) => ("user", full.inbound.as_ref().map_or("", |inbound| inbound.content.text())),
            (What::Reply { outbound, .. }, author) if *author != EntryAuthor::Customer => {
                ("assistant", outbound.body.text.as_str())
            }
            _ => continue,
        };
        let text = truncate_chars(text.trim(), SHOWN);
        match said.last_mut() {
            _ if text.is_empty() => {}
            None if role == "assistant" => {}
            Some((before, so_far)) if *before == role => {
                so_far.push('\n');
                so_far.push_str(text);
            }
            _ => said.push((role, text.to_owned())),
        }
    }
    // What the rules said on the way to the answer comes behind the question.
    while said.last().is_some_and(|(role, _)| *role == "assistant") {
        said.pop();
    }
    if said.is_empty() {
        said.push(("user", truncate_chars(last, SHOWN).to_owned()));
    }
    said
}

fn tokens_in(parts: &[Json]) -> u64 {
    parts.iter().map(|part| tokens_of(&part.to_string())).sum()
}

/// When the day of a moment began, UTC.
fn day_of(now: Timestamp) -> Timestamp {
    let began = now.as_second().div_euclid(DAY) * DAY;
    Timestamp::from_second(began).unwrap_or(now)
}

pub(super) fn count(account: &Account, spent: &Spent) {
    let persona = account.persona.clone();
    let how = account.how.clone();
    metrics::counter!("switchboard_model_turns_total", "persona" => persona.clone(), "how" => how).increment(1);
    metrics::counter!("switchboard_model_requests_total", "persona" => persona.clone()).increment(spent.steps);
    metrics::counter!("switchboard_model_tokens_total", "persona" => persona.clone()).increment(spent.tokens);
    metrics::counter!("switchboard_model_cost_millionths_total", "persona" => persona).increment(spent.micros);
    metrics::histogram!("switchboard_model_seconds").record(Duration::from_millis(account.millis).as_secs_f64());
}
