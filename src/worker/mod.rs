//! Takes messages off the queue and gives each its turn: recall, classify, decide, respond, commit.
//!
//! Messages of one thread take their turns one after the other, in the order of acceptance; threads do not wait for
//! each other. A turn that meets a record out of order waits for it; one that fails by its own message is tried again
//! and then becomes a dead letter, so that a bad message stops only itself.

mod acting;
mod assisting;
mod lanes;
mod summarising;
mod thinking;
mod verifying;

pub use acting::Calling;
pub use assisting::{Assisted, Refused};
pub use lanes::Lanes;
pub use summarising::{Summarising, Unsummarised};
pub use thinking::Asking;

use std::{
    borrow::Cow,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{Content, ConversationId, Inbound, MessageId, Stop, Thread};
use futures::{FutureExt, future::BoxFuture};
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::{
    alarms::{self, Due, RuleAlarm},
    bot::{Question, Reply, Responder},
    calls::Caller,
    hits::Hits,
    identity::Verifier,
    inbox::{Delivery, Queue},
    models::Models,
    policy::Policy,
    records::Records,
    routing::{Answer, Destination, Otherwise, RuleSet, Trigger, decide},
    satisfaction::RatingLinks,
    shadow::Shadow,
    store::{
        Committed, FullEntry, Recall, StoreError,
        conversation::{Conversation, Owner},
        entry::What,
    },
    tickets::Drawn,
    turn::{Occasion, Setting, Stage, Turn, opens, vouched},
    typing::shown_during,
    understand::{Remote, Signals, Text, classify_within},
};

/// How often a message whose own turn fails is tried.
const TRIES: u32 = 3;
/// How often a turn begins again because its conversation changed, before it waits.
const REPEATS: u32 = 16;
/// The longest pause while the record does not work.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What turns can be told by the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How many turns may be under way at once.
    pub at_once: usize,
    /// How long a classifier may take.
    pub classify_within: Duration,
    /// How long a turn waits for a second opinion.
    pub opinion_within: Duration,
    /// How long the bot may take before the conversation is handled as if it had no answer.
    pub respond_within: Duration,
    /// How long after closing a conversation goes on when the customer writes again.
    pub reopen_within: SignedDuration,
}

/// Gives messages their turns.
pub struct Worker {
    /// Where they come from.
    pub queue: Arc<dyn Queue>,
    /// Where what they change goes.
    pub records: Arc<Records>,
    /// The rules, the classifier and the knowledge in force.
    pub policy: Arc<Policy>,
    /// Whom to ask about messages that are not sure.
    pub remote: Option<Arc<Remote>>,
    /// Settings.
    pub settings: Settings,
    /// How often each rule acts.
    pub hits: Arc<Hits>,
    /// What candidate rules would decide.
    pub shadow: Arc<Shadow>,
    /// Messages by thread, for the threads whose turns are under way.
    pub lanes: Lanes,
    /// Second opinions and calls that are waited for.
    pub opinions: TaskTracker,
    /// What calls business systems.
    pub caller: Arc<Caller>,
    /// The calls that are under way here.
    pub calling: Calling,
    /// How customers can prove who they are.
    pub verifier: Arc<Verifier>,
    /// The model that answers where the bot is not sure, if there is one.
    pub models: Option<Arc<Models>>,
    /// What it is asked here.
    pub asking: Asking,
    /// The conversations that it summarises here.
    pub summarising: Summarising,
    /// Links to the page to rate on.
    pub rating_links: RatingLinks,
}

/// A second opinion that is on its way; `None` where it says nothing else.
type Opinion = BoxFuture<'static, Option<Arc<Signals>>>;

/// Where a turn leads on which no rule acts, and which is not even noted.
const IN_VAIN: &str = "nothing";

/// What came of rules that waited for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTime {
    /// Some acted, which is committed.
    Acted,
    /// None acts.
    NothingToDo,
    /// The conversation has moved on.
    Gone,
}

/// Why a turn did not end in a commit.
#[derive(Debug, thiserror::Error)]
enum TurnError {
    /// The record does not work; the message is not to blame.
    #[error(transparent)]
    Store(StoreError),
    /// The message cannot be processed.
    #[error("{0}")]
    Message(String),
}

impl TurnError {
    /// What is to be done about it by who is not giving a message its turn: the record is waited for, and what cannot be
    /// processed is said and let be.
    fn said(self, conversation: ConversationId, what: &str) -> Result<(), StoreError> {
        match self {
            Self::Store(error) => Err(error),
            Self::Message(reason) => {
                tracing::error!(reason, %conversation, "{what}");
                Ok(())
            }
        }
    }
}

impl From<StoreError> for TurnError {
    fn from(error: StoreError) -> Self {
        match error {
            error @ (StoreError::Corrupt { .. } | StoreError::Missing(_)) => Self::Message(error.to_string()),
            error => Self::Store(error),
        }
    }
}

impl Worker {
    /// Runs until `stop`; then finishes the turns that have begun.
    pub async fn run(self: Arc<Self>, stop: Stop) {
        let turns = TaskTracker::new();
        let permits = Arc::new(Semaphore::new(self.settings.at_once));
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => break,
                delivery = self.queue.next() => match delivery {
                    Some(delivery) => delivery,
                    None => break,
                },
            };
            let thread = thread_of(&delivery.inbound);
            let Some(first) = self.lanes.join(&thread, delivery) else { continue };
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
            let (worker, stop) = (Arc::clone(&self), stop.clone());
            turns.spawn(async move {
                let mut next = Some(first);
                while let Some(delivery) = next {
                    if stop.is_cancelled() {
                        return;
                    }
                    worker.process(delivery, &stop).await;
                    next = worker.lanes.next(&thread);
                }
                drop(permit);
            });
        }
        turns.close();
        turns.wait().await;
        self.opinions.close();
        self.opinions.wait().await;
    }

    /// Gives one message its turn, however long that takes; returns early only when stopped.
    async fn process(self: &Arc<Self>, delivery: Delivery, stop: &Stop) {
        let started = Instant::now();
        let mut tries = 0;
        let mut pause = Duration::from_millis(50);
        let reason = loop {
            let turn = AssertUnwindSafe(self.turn(&delivery, stop)).catch_unwind().await;
            let error = match turn {
                Ok(Ok(destination)) => {
                    metrics::counter!("switchboard_turns_total", "destination" => destination).increment(1);
                    metrics::histogram!("switchboard_turn_seconds").record(started.elapsed().as_secs_f64());
                    let since_accepted = crate::clock::now().duration_since(delivery.id.made_at());
                    metrics::histogram!("switchboard_decided_seconds").record(since_accepted.as_secs_f64());
                    self.settle(delivery).await;
                    return;
                }
                Ok(Err(error)) => error,
                Err(_panic) => TurnError::Message("its turn ended by a defect of the daemon; see the log".to_owned()),
            };
            match error {
                TurnError::Store(error) => {
                    tracing::warn!(%error, message = %delivery.id, "A turn waits for the record.");
                }
                TurnError::Message(reason) => {
                    tries += 1;
                    tracing::warn!(reason, tries, message = %delivery.id, "A turn failed.");
                    if tries == TRIES {
                        break reason;
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        };
        self.bury(&delivery, &reason, stop).await;
    }

    async fn settle(&self, delivery: Delivery) {
        let id = delivery.id;
        if let Err(error) = self.queue.done(delivery).await {
            tracing::warn!(%error, message = %id, "The queue could not be told of a committed turn; it will ask again.");
        }
    }

    async fn bury(&self, delivery: &Delivery, reason: &str, stop: &Stop) {
        let id = delivery.id;
        let mut pause = Duration::from_millis(100);
        loop {
            match self.queue.dead(delivery, reason).await {
                Ok(()) => {
                    tracing::error!(message = %id, reason, "A message could not be processed; it is kept as a dead letter.");
                    metrics::counter!("switchboard_dead_total", "kind" => "turn").increment(1);
                    return;
                }
                Err(error) => tracing::warn!(%error, message = %id, "A dead letter could not be kept yet."),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// One turn; answers where it led, for the metrics.
    async fn turn(self: &Arc<Self>, delivery: &Delivery, stop: &Stop) -> Result<&'static str, TurnError> {
        let (inbound, message) = (&delivery.inbound, delivery.id);
        self.records.want_files(message, inbound).await?;
        if let Content::Bounce { outbound, reason } = &inbound.content {
            self.records.bounced(*outbound, reason).await?;
        }
        let (signals, opinion) = self.understood(inbound).await;
        let occasion = Occasion::Message { id: message, signals: &signals };
        let Some((destination, conversation)) = self.take(inbound, occasion).await? else { return Ok("already done") };
        self.begin_call(&conversation, inbound, &signals, stop);
        if conversation.thinks_about(&message.to_string()) {
            self.begin_thinking(&conversation, inbound, &signals, stop);
        }
        if let Some(opinion) = opinion {
            let (worker, inbound, stop) = (Arc::clone(self), Arc::clone(inbound), stop.clone());
            // Not kept over a restart: the turn stands without it.
            self.opinions.spawn(async move {
                let Some(Some(refined)) = stop.run_until_cancelled(opinion).await else { return };
                let (conversation, at_first) = (conversation.id, &signals);
                let occasion = Occasion::Opinion { conversation, of: message, at_first, signals: &refined };
                if let Err(error) = worker.take(&inbound, occasion).await {
                    tracing::warn!(%error, %message, "A second opinion came and could not be kept.");
                }
            });
        }
        Ok(destination)
    }

    /// Runs the rules that waited for a moment, on the customer's last message.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn on_time(&self, conversation: &Conversation, alarm: RuleAlarm, due: Due) -> Result<OnTime, StoreError> {
        let Some(of) = conversation.last_message else { return Ok(OnTime::NothingToDo) };
        let Some((inbound, signals)) = self.message(of).await? else { return Ok(OnTime::NothingToDo) };
        let rules = self.policy.rules();
        let stands = |conversation: &Conversation| alarms::stands(conversation, &rules, due);
        let occasion = Occasion::Time { conversation: conversation.id, of, alarm, stands: &stands, signals: &signals };
        match self.take(&inbound, occasion).await {
            Ok(Some((IN_VAIN, _))) => Ok(OnTime::NothingToDo),
            Ok(Some(_)) => {
                metrics::counter!("switchboard_alarms_total", "on" => alarm.on.as_str()).increment(1);
                Ok(OnTime::Acted)
            }
            Ok(None) => Ok(OnTime::Gone),
            Err(error) => {
                error.said(conversation.id, "The rules of an alarm could not be carried out.")?;
                Ok(OnTime::NothingToDo)
            }
        }
    }

    /// A message of a customer whose turn is committed, and what it means; `None` where it is not kept any more.
    async fn message(&self, id: MessageId) -> Result<Option<(Arc<Inbound>, Arc<Signals>)>, StoreError> {
        let Some(FullEntry { entry, inbound: Some(inbound), .. }) = self.records.store.entry(id.into()).await? else {
            return Ok(None);
        };
        let What::Message(record) = entry.what else { return Ok(None) };
        Ok(Some((inbound, record.signals)))
    }

    /// Where and with whom an action takes place outside of a turn, on a message of the customer; `None` where nobody knows them.
    async fn stage(
        &self,
        conversation: &Conversation,
        inbound: &Inbound,
        entry: &str,
    ) -> Result<Option<Stage>, StoreError> {
        let recall = self.records.store.recall(&thread_of(inbound), &inbound.from).await?;
        let Some(customer) = &recall.customer else { return Ok(None) };
        let (who, now) = ((&**customer, &inbound.from), crate::clock::now());
        let stage = Stage::of(conversation, &recall, who, now, (entry, inbound.content.text()));
        Ok(Some(stage.with_ticket(&self.records.tickets.links, conversation, None)))
    }

    /// A turn from what is recalled to what is committed, as often as it takes. `None` when there is nothing to do.
    async fn take(
        &self,
        inbound: &Arc<Inbound>,
        occasion: Occasion<'_>,
    ) -> Result<Option<(&'static str, Arc<Conversation>)>, TurnError> {
        let thread = thread_of(inbound);
        for _ in 0..REPEATS {
            let (now, store) = (crate::clock::now(), &self.records.store);
            let mut recall = store.recall(&thread, &inbound.from).await?;
            let from = vouched(&self.verifier, &recall, inbound, occasion, now);
            if let Cow::Owned(vouched_for) = &from {
                // Whom the address makes them, and that the code is still asked for.
                recall = store.recall(&thread, vouched_for).await?;
                if vouched(&self.verifier, &recall, inbound, occasion, now) != from {
                    continue;
                }
                self.know_joined(&mut recall).await?;
            }
            let related = self.related(inbound, &recall).await?;
            let elsewhere = self.waiting_elsewhere(inbound, &recall, occasion).await?;
            let mut number = match recall.conversation.as_ref().filter(|known| known.owner != Owner::Closed) {
                Some(known) if known.ticket.is_some() => None,
                _ => Some(self.records.tickets.numbers.draw().await?),
            };
            let (rules, bot) = (self.policy.rules(), self.policy.responder());
            let board = self.records.desk.board();
            let roster = self.records.announcer.roster();
            let setting = Setting {
                ids: &self.records.ids,
                now,
                queues: &board.queues,
                login: &|agent| roster.get(agent).map(|agent| agent.login.clone()),
                reopen_within: self.settings.reopen_within,
                reply_state: self.records.reply_state(&inbound.channel),
                rules: &rules,
                related,
                elsewhere,
                from: &from,
                verifier: &self.verifier,
                number: number.as_ref().map(Drawn::number),
                links: &self.records.tickets.links,
                rating_links: Some(&self.rating_links).filter(|_| !self.records.buttons_come_back(&inbound.channel)),
            };
            let Some(mut turn) = Turn::begin(&setting, &recall, inbound, occasion) else { return Ok(None) };
            let (destination, acted) = match occasion {
                Occasion::Called { returned, .. } => {
                    let otherwise = turn.take_answer(returned);
                    self.carry_out_otherwise(&mut turn, otherwise).await;
                    ("called", Vec::new())
                }
                Occasion::Planned { planned, .. } => {
                    turn.begin_planned(planned);
                    ("planned", Vec::new())
                }
                Occasion::Proven { .. } => {
                    let otherwise = turn.take_proof();
                    self.carry_out_otherwise(&mut turn, otherwise).await;
                    ("verified", Vec::new())
                }
                Occasion::Thought { thought, .. } => {
                    self.carry_out_thought(&mut turn, &*bot, inbound, thought).await?;
                    ("thought", Vec::new())
                }
                _ if turn.is_routed() => self.route(&mut turn, &rules, &*bot, inbound).await?,
                _ => ("noted", Vec::new()),
            };
            if destination == IN_VAIN {
                return Ok(recall.conversation.clone().map(|conversation| (destination, conversation)));
            }
            let followed = turn.followed().map(|other| other.id);
            let commit = turn.finish();
            if let Some(number) = number.as_mut().filter(|_| commit.ticket().is_some()) {
                number.give();
            }
            let entries = Arc::clone(&commit.entries);
            match self.records.commit(recall.conversation.as_deref(), commit).await {
                Ok(Committed::Done(conversation)) => {
                    self.hits.note(&acted);
                    acting::count(&entries);
                    self.shadow.decided(&conversation, inbound, &entries);
                    if let Some(other) = followed {
                        self.let_go(other, &conversation).await;
                    }
                    return Ok(Some((destination, conversation)));
                }
                Ok(Committed::AlreadyDone) => return Ok(None),
                Err(StoreError::Conflict) => {
                    metrics::counter!("switchboard_turn_repeats_total").increment(1);
                    tokio::task::yield_now().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(TurnError::Store(StoreError::Conflict))
    }

    /// The conversation that a message says it belongs to, where it opens one of its own.
    async fn related(&self, inbound: &Inbound, recall: &Recall) -> Result<Option<ConversationId>, StoreError> {
        let Some(key) = inbound.related.as_ref().filter(|_| recall.conversation.is_none()) else { return Ok(None) };
        let thread = Thread { channel: inbound.channel.clone(), key: key.clone() };
        let found = self.records.store.recall(&thread, &inbound.from).await?;
        Ok(found.conversation.map(|conversation| conversation.id))
    }

    /// What a message means; and, where that is not sure and somebody else is asked, what comes of it later.
    async fn understood(&self, inbound: &Arc<Inbound>) -> (Arc<Signals>, Option<Opinion>) {
        let classifier = self.policy.classifier();
        let mut signals = classify_within(&*classifier, self.settings.classify_within, &text_of(inbound)).await;
        signals.automatic |= inbound.automatic;
        let signals = Arc::new(signals);
        let doubts = |remote: &&Arc<Remote>| opens(inbound) && remote.doubts(inbound.content.text(), &signals);
        let Some(remote) = self.remote.as_ref().filter(doubts).map(Arc::clone) else { return (signals, None) };
        let (inbound, at_first, rules) = (Arc::clone(inbound), Arc::clone(&signals), self.policy.rules());
        let mut opinion: Opinion = async move {
            remote.refine(&text_of(&inbound), &at_first, rules.intents()).await.ok().flatten().map(Arc::new)
        }
        .boxed();
        if self.settings.opinion_within.is_zero() {
            return (signals, Some(opinion));
        }
        match tokio::time::timeout(self.settings.opinion_within, &mut opinion).await {
            Ok(refined) => (refined.unwrap_or(signals), None),
            Err(_elapsed) => (signals, Some(opinion)),
        }
    }

    /// Has the rules decide and carries that out: where it leads, and the rules that acted.
    async fn route(
        &self,
        turn: &mut Turn<'_>,
        rules: &RuleSet,
        bot: &dyn Responder,
        inbound: &Inbound,
    ) -> Result<(&'static str, Vec<Arc<str>>), TurnError> {
        let facts = turn.facts();
        let decision = decide(rules, &facts);
        if decision.trigger.is_timed() && decision.matched.is_empty() {
            return Ok((IN_VAIN, Vec::new()));
        }
        turn.note_decision(&decision, facts)
            .map_err(|error| TurnError::Message(format!("its facts cannot be written down: {error}")))?;
        if decision.trigger == Trigger::Message
            && let Some(destination) = self.act(turn, bot, inbound, &decision).await?
        {
            return Ok((destination, decision.matched));
        }
        let position = self.position(decision.destination.as_ref()).await;
        turn.carry_out(&decision.actions, decision.destination.as_ref(), position);
        let destination = match &decision.destination {
            Some(Destination::Answer(answer)) => self.answer(turn, bot, inbound, (answer, decision.trigger)).await,
            Some(Destination::Do(wanted)) => self.begin(turn, wanted).await?,
            Some(destination) => word(destination),
            None => "stays",
        };
        Ok((destination, decision.matched))
    }

    async fn carry_out_otherwise(&self, turn: &mut Turn<'_>, otherwise: Option<Box<Otherwise>>) {
        let Some(otherwise) = otherwise else { return };
        let Otherwise { actions, destination } = *otherwise;
        let position = self.position(Some(&destination)).await;
        turn.carry_out(&actions, Some(&destination), position);
    }

    async fn answer(
        &self,
        turn: &mut Turn<'_>,
        bot: &dyn Responder,
        inbound: &Inbound,
        (wanted, trigger): (&Answer, Trigger),
    ) -> &'static str {
        if let Some(destination) = self.has_model_asked(turn, bot, inbound, (wanted, trigger)).await {
            return destination;
        }
        if self.is_answered(turn, bot, inbound, wanted).await {
            return "answer";
        }
        let Otherwise { destination, .. } = &*wanted.otherwise;
        let position = self.position(Some(destination)).await;
        turn.miss(&wanted.otherwise, position);
        "no answer"
    }

    /// Whether the bot knows an answer, which it gives then.
    async fn is_answered(&self, turn: &mut Turn<'_>, bot: &dyn Responder, inbound: &Inbound, wanted: &Answer) -> bool {
        let question = Question { text: inbound.content.text(), language: turn.language().unwrap_or("und") };
        let attempt = AssertUnwindSafe(bot.respond(&question)).catch_unwind();
        let answered = tokio::time::timeout(self.settings.respond_within, attempt);
        let reply = shown_during(answered, || self.records.show_typing(turn.conversation())).await;
        let failure = match reply {
            Ok(Ok(Ok(Reply::Answer(answer))))
                if wanted.min_confidence.is_none_or(|least| f64::from(answer.citation.score) >= least) =>
            {
                turn.answer(answer.text, answer.citation);
                return true;
            }
            Ok(Ok(Ok(_))) => None,
            Ok(Ok(Err(error))) => Some(error.0.to_string()),
            Ok(Err(_panic)) => Some("it panicked".to_owned()),
            Err(_elapsed) => Some("it took too long".to_owned()),
        };
        if let Some(failure) = failure {
            tracing::warn!(failure, "The bot failed; the message is handled as one without an answer.");
            metrics::counter!("switchboard_bot_failures_total").increment(1);
        }
        false
    }

    /// Where a handoff would stand in its queue.
    async fn position(&self, destination: Option<&Destination>) -> Option<u32> {
        match destination {
            Some(Destination::Handoff(handoff)) => {
                self.records.desk.position_of_next(&handoff.queue, handoff.priority).await
            }
            _ => None,
        }
    }
}

fn text_of(inbound: &Inbound) -> Text<'_> {
    let subject = inbound.content.body().and_then(|body| body.subject.as_deref());
    Text { text: inbound.content.text(), subject }
}

fn thread_of(inbound: &Inbound) -> Thread {
    Thread { channel: inbound.channel.clone(), key: inbound.thread.clone() }
}

fn word(destination: &Destination) -> &'static str {
    match destination {
        Destination::Answer(_) => "answer",
        Destination::Do(_) => "action",
        Destination::Handoff(_) => "handoff",
        Destination::Close => "close",
        Destination::Ignore => "ignore",
    }
}
