//! Runs the desk: one task that owns the [`Desk`], tells it what was committed, who is there and what time it is, and
//! carries out what it decides. It never waits for the record while others wait for it: what has to be written is
//! written by tasks of its own, and what turns out to be impossible is read again from the record.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use contract::{AgentId, ConversationId, IdClock, OfferId, Stop, Timestamp};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    AgentProfile, Board, Desk, Effect, Input, Membership, Offer, Outcome, Person, Presence, Refusal, desk_rules,
    input_for, profile,
};
use crate::{
    http::views::{LiveFrame, OfferView, QueueView},
    live::Here,
    records::Records,
    routing::{Priority, RuleSet},
    seat::Seat,
    store::{
        AmendError, Fence, OfferRecord, StoreError,
        conversation::{Conversation, Owner},
        entry::{EntryAuthor, Event},
        people::Agent,
    },
};

/// How often at most the board is drawn anew.
const BOARD_EVERY: Duration = Duration::from_millis(100);

/// Where the result of an answer goes.
type AnswerTo = oneshot::Sender<Result<Arc<Conversation>, AnswerError>>;

/// Something for the desk to do.
enum Command {
    Changed(ConversationId),
    Agents(Vec<Agent>),
    Rules(Arc<RuleSet>),
    Presence { agent: AgentId, presence: Presence, done: oneshot::Sender<()> },
    Here(Here),
    Ready(AgentId),
    Answer { answer: Answer, done: AnswerTo },
    Ask(Box<dyn FnOnce(&Desk) + Send>),
}

/// An agent's answer to an offer.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// Which offer.
    pub offer: OfferId,
    /// Who answers.
    pub agent: AgentId,
    /// The offer's epoch.
    pub epoch: u32,
    /// Whether they take it.
    pub accept: bool,
}

/// Why an answer to an offer came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The offer does not stand.
    #[error("{0}")]
    Refused(Refusal),
    /// The conversation moved on while the answer was on its way.
    #[error("the conversation has moved on; it may have been closed or taken by somebody else")]
    MovedOn,
    /// The desk is not in this process.
    #[error(transparent)]
    Away(#[from] Away),
    /// The record failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Another process runs the desk, or nobody does at this moment.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the desk is being moved to another daemon; try again in a moment")]
pub struct Away;

/// How the rest of the daemon speaks to the desk. Cheap to clone.
#[derive(Clone)]
pub struct DeskHandle {
    commands: Seat<Command>,
    board: Arc<ArcSwap<Board>>,
}

/// The other end of a [`DeskHandle`].
pub struct DeskMailbox(mpsc::UnboundedReceiver<Command>);

impl DeskHandle {
    /// A handle to a desk that nobody runs yet.
    #[must_use]
    pub fn new(board: Arc<ArcSwap<Board>>) -> Self {
        Self { commands: Seat::default(), board }
    }

    /// The mailbox to run the desk with in this process. Whoever ran it before hears nothing more.
    #[must_use]
    pub fn sit(&self) -> DeskMailbox {
        DeskMailbox(self.commands.sit())
    }

    /// The desk at a glance.
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        self.board.load_full()
    }

    /// A conversation was committed that the desk may see differently now.
    pub fn changed(&self, conversation: ConversationId) {
        self.tell(Command::Changed(conversation));
    }

    /// The people of the company changed: this is everybody.
    pub fn agents(&self, agents: Vec<Agent>) {
        self.tell(Command::Agents(agents));
    }

    /// Another rule set is in force.
    pub fn rules(&self, rules: Arc<RuleSet>) {
        self.tell(Command::Rules(rules));
    }

    /// An agent says what they are. Returns when the board shows it.
    ///
    /// # Errors
    /// The desk is elsewhere.
    pub async fn presence(&self, agent: AgentId, presence: Presence) -> Result<(), Away> {
        let (done, told) = oneshot::channel();
        self.tell(Command::Presence { agent, presence, done });
        told.await.map_err(|_| Away)
    }

    /// Who has consoles open.
    pub fn here(&self, here: Here) {
        self.tell(Command::Here(here));
    }

    /// The board as another process has drawn it.
    pub fn show(&self, board: Board) {
        self.board.store(Arc::new(board));
    }

    /// An agent has finished up what they closed.
    pub fn ready(&self, agent: AgentId) {
        self.tell(Command::Ready(agent));
    }

    /// An agent answers an offer.
    ///
    /// # Errors
    /// The offer does not stand, or the record failed.
    pub async fn answer(&self, answer: Answer) -> Result<Arc<Conversation>, AnswerError> {
        let (done, told) = oneshot::channel();
        self.tell(Command::Answer { answer, done });
        told.await.unwrap_or(Err(Away.into()))
    }

    /// Reads the desk itself.
    ///
    /// # Errors
    /// It is elsewhere.
    pub async fn ask<T: Send + 'static>(&self, read: impl FnOnce(&Desk) -> T + Send + 'static) -> Result<T, Away> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Ask(Box::new(move |desk| {
            let _ = answer.send(read(desk));
        })));
        answered.await.map_err(|_| Away)
    }

    /// Where one that joins a queue now would stand, 1 being next. Where the desk is elsewhere: behind everybody whom the
    /// board has.
    pub async fn position_of_next(&self, queue: &str, priority: Priority) -> Option<u32> {
        let name = queue.to_owned();
        match self.ask(move |desk| desk.position_of_next(&name, priority, crate::clock::now())).await {
            Ok(position) => Some(position),
            Err(Away) => u32::try_from(self.board().queues.get(queue)?.waiting + 1).ok(),
        }
    }

    fn tell(&self, command: Command) {
        self.commands.tell(command);
    }
}

/// The task that runs the desk.
pub struct Dispatcher {
    desk: Desk,
    records: Arc<Records>,
    rules: Arc<RuleSet>,
    /// By whose leave it gives conversations to agents, where several processes could.
    fence: Option<Fence>,
    /// How long after the last console of an agent closed they become offline.
    offline_after: Duration,
    /// Agents with an open console.
    here: BTreeSet<AgentId>,
    /// When agents without a console become offline.
    leaving: HashMap<AgentId, Instant>,
    /// What agents were when the daemon stopped, until they are back or too late.
    returning: HashMap<AgentId, Presence>,
    started: Instant,
    drawn: Instant,
    /// Whether the board does not show the desk as it is.
    stale: bool,
    shown: Vec<QueueView>,
    /// Agents whom the desk set away, to be remembered as such.
    went_away: Vec<AgentId>,
}

impl Dispatcher {
    /// A desk that knows everybody and everything that waits or is held, as the record has it.
    ///
    /// # Errors
    /// The record cannot be read.
    pub async fn open(
        records: Arc<Records>,
        rules: Arc<RuleSet>,
        ids: Arc<IdClock>,
        offline_after: Duration,
        fence: Option<Fence>,
    ) -> Result<Self, StoreError> {
        let now = crate::clock::now();
        let mut desk = Desk::new(desk_rules(&rules), ids);
        for agent in records.store.agents().await? {
            desk.apply(Input::AgentChanged(profile_of(&agent, &rules)), now);
        }
        for conversation in records.store.held().await? {
            if let Some(input) = input_for(&conversation, &rules) {
                desk.apply(input, now);
            }
        }
        let presences = records.store.presences().await?;
        let returning = presences.into_iter().filter_map(|(agent, word)| Some((agent, presence_of(&word)?))).collect();
        let mut dispatcher = Self {
            desk,
            records,
            rules,
            fence,
            offline_after,
            here: BTreeSet::new(),
            leaving: HashMap::new(),
            returning,
            started: Instant::now(),
            drawn: Instant::now(),
            stale: true,
            shown: Vec::new(),
            went_away: Vec::new(),
        };
        dispatcher.draw_board();
        Ok(dispatcher)
    }

    /// Runs until `stop`.
    pub async fn run(mut self, mut mailbox: DeskMailbox, stop: Stop) {
        loop {
            let tick = self.next_tick();
            tokio::select! {
                () = stop.cancelled() => break,
                command = mailbox.0.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
                () = tokio::time::sleep_until(tick) => self.tick(),
            }
            for agent in std::mem::take(&mut self.went_away) {
                self.remember_presence(agent, Presence::Away).await;
            }
            if self.stale && self.drawn.elapsed() >= BOARD_EVERY {
                self.draw_board();
            }
        }
    }

    fn next_tick(&self) -> Instant {
        const IDLE: Duration = Duration::from_secs(5);
        let now = Instant::now();
        let deadline = self.desk.next_deadline().map_or(now + IDLE, |due| {
            let wait = due.duration_since(crate::clock::now());
            now + Duration::try_from(wait).unwrap_or(Duration::ZERO).min(IDLE)
        });
        let leaving = self.leaving.values().min().copied().unwrap_or(deadline);
        let drawing = if self.stale { self.drawn + BOARD_EVERY } else { deadline };
        deadline.min(leaving).min(drawing)
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let gone: Vec<AgentId> = self.leaving.iter().filter(|(_, due)| **due <= now).map(|(agent, _)| *agent).collect();
        for agent in gone {
            self.leaving.remove(&agent);
            self.set_presence(agent, Presence::Offline);
        }
        self.apply(Input::Tick);
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Changed(id) => self.look_at(id).await,
            Command::Agents(agents) => self.set_agents(&agents),
            Command::Rules(rules) => {
                self.apply(Input::Rules(desk_rules(&rules)));
                self.rules = rules;
                self.look_at_promises().await;
                match self.records.store.agents().await {
                    Ok(agents) => self.set_agents(&agents),
                    Err(error) => {
                        tracing::warn!(%error, "The agents could not be read; they keep their queues until the next change.")
                    }
                }
            }
            Command::Presence { agent, presence, done } => {
                self.returning.remove(&agent);
                self.remember_presence(agent, presence).await;
                self.set_presence(agent, presence);
                if presence != Presence::Offline && !self.here.contains(&agent) {
                    self.leaving.insert(agent, Instant::now() + self.offline_after);
                }
                self.draw_board();
                self.records.announcer.agent(agent);
                let _ = done.send(());
            }
            Command::Here(here) => self.attend(here),
            Command::Ready(agent) => self.apply(Input::Ready(agent)),
            Command::Answer { answer, done } => self.answer(answer, done),
            Command::Ask(read) => read(&self.desk),
        }
    }

    /// The record is the truth: whatever it says of a conversation now is what the desk is told.
    async fn look_at(&mut self, id: ConversationId) {
        match self.records.store.conversation(id).await {
            Ok(Some(conversation)) => self.apply(input_for(&conversation, &self.rules).unwrap_or(Input::Leave(id))),
            Ok(None) => self.apply(Input::Leave(id)),
            Err(error) => {
                tracing::error!(%error, conversation = %id, "A conversation cannot be read, so the desk does not see it.")
            }
        }
    }

    /// What the new rules promise to those who wait.
    async fn look_at_promises(&mut self) {
        match self.records.store.held().await {
            Ok(held) => {
                for conversation in held.iter().filter(|conversation| conversation.owner == Owner::Queue) {
                    let input = input_for(conversation, &self.rules);
                    input.into_iter().for_each(|input| self.apply(input));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "What waits could not be read; promises of the new rules hold from its next change.")
            }
        }
    }

    fn set_agents(&mut self, agents: &[Agent]) {
        let known: BTreeSet<AgentId> = agents.iter().map(|agent| agent.id).collect();
        let removed: Vec<AgentId> =
            self.desk.agents().map(|agent| agent.profile.id).filter(|id| !known.contains(id)).collect();
        for agent in removed {
            self.apply(Input::AgentRemoved(agent));
        }
        for agent in agents {
            self.apply(Input::AgentChanged(profile_of(agent, &self.rules)));
        }
    }

    fn set_presence(&mut self, agent: AgentId, presence: Presence) {
        self.apply(Input::Presence { agent, presence });
        self.records.announcer.agent(agent);
    }

    /// Awaited before anybody hears of it, so that what an agent was told holds after a crash too.
    async fn remember_presence(&self, agent: AgentId, presence: Presence) {
        let word = crate::http::views::presence_word(presence);
        if let Err(error) = self.records.store.put_presence(agent, word).await {
            tracing::warn!(%error, "An agent's presence could not be noted; after a restart they have to set it again.");
        }
    }

    /// Who came, and who left.
    fn attend(&mut self, now: Here) {
        let came: Vec<AgentId> = now.agents.difference(&self.here).copied().collect();
        let left: Vec<AgentId> = self.here.difference(&now.agents).copied().collect();
        came.into_iter().for_each(|agent| self.connected(agent));
        if now.complete {
            for agent in left {
                self.here.remove(&agent);
                self.leaving.insert(agent, Instant::now() + self.offline_after);
            }
        }
    }

    fn connected(&mut self, agent: AgentId) {
        self.here.insert(agent);
        self.leaving.remove(&agent);
        // Who was at work when the daemon stopped, and is back at once, goes on working.
        if let Some(presence) = self.returning.remove(&agent)
            && self.started.elapsed() < self.offline_after
        {
            self.set_presence(agent, presence);
        }
    }

    fn answer(&mut self, answer: Answer, done: AnswerTo) {
        let Answer { offer, agent, epoch, accept } = answer;
        let conversation = self.desk.offers_of(agent).find(|o| o.id == offer).map(|offer| offer.conversation);
        let input = if accept { Input::Accept { offer, agent, epoch } } else { Input::Decline { offer, agent, epoch } };
        let effects = self.desk.apply(input, crate::clock::now());
        self.stale = true;
        if let Some(refusal) = effects.iter().find_map(|effect| match effect {
            Effect::Refused(refusal) => Some(*refusal),
            _ => None,
        }) {
            self.carry_out(effects, None);
            let _ = done.send(Err(AnswerError::Refused(refusal)));
            return;
        }
        if accept {
            self.carry_out(effects, Some((offer, done)));
            return;
        }
        self.carry_out(effects, None);
        let records = Arc::clone(&self.records);
        tokio::spawn(async move {
            let found = match conversation {
                Some(id) => records.store.conversation(id).await,
                None => Ok(None),
            };
            let _ = done.send(found.map_err(Into::into).and_then(|found| found.ok_or(AnswerError::MovedOn)));
        });
    }

    fn apply(&mut self, input: Input) {
        let effects = self.desk.apply(input, crate::clock::now());
        self.stale = true;
        self.carry_out(effects, None);
    }

    fn carry_out(&mut self, effects: Vec<Effect>, mut waiting: Option<(OfferId, AnswerTo)>) {
        let now = crate::clock::now();
        let mut offers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Offered(offer) => {
                    metrics::counter!("switchboard_desk_offers_made_total").increment(1);
                    offers.push(record_of(&offer, "pending", now));
                    self.tell_offer(offer);
                }
                Effect::OfferEnded { offer, outcome } => {
                    let state = outcome_word(outcome);
                    metrics::counter!("switchboard_desk_offers_ended_total", "outcome" => state).increment(1);
                    offers.push(record_of(&offer, state, now));
                    let frame = LiveFrame::OfferEnded { offer: offer.id.to_string(), state };
                    self.records.announcer.tell_agent(offer.agent, &frame);
                    self.note_outcome(&offer, outcome);
                }
                Effect::Assigned(assignment) => {
                    let answer = waiting.take_if(|(offer, _)| assignment.offer == Some(*offer));
                    self.assign(
                        assignment.conversation,
                        assignment.agent,
                        assignment.epoch,
                        answer.map(|(_, done)| done),
                    );
                }
                Effect::WentAway(agent) => self.went_away.push(agent),
                Effect::Refused(refusal) => {
                    tracing::debug!(%refusal, "The desk refused an input.");
                    if let Refusal::Stale { conversation, .. } = refusal {
                        self.records.desk.tell(Command::Changed(conversation));
                    }
                }
            }
        }
        if !offers.is_empty() {
            let records = Arc::clone(&self.records);
            tokio::spawn(async move {
                if let Err(error) = records.store.record_offers(offers).await {
                    tracing::warn!(%error, "Offers could not be noted; they stand all the same.");
                }
            });
        }
    }

    fn tell_offer(&self, offer: Offer) {
        let records = Arc::clone(&self.records);
        tokio::spawn(async move {
            if let Some(view) = offer_view(&records, &offer).await {
                records.announcer.tell_agent(offer.agent, &LiveFrame::Offer { offer: &view });
            }
        });
    }

    /// Declined and expired offers are part of the conversation's story.
    fn note_outcome(&self, offer: &Offer, outcome: Outcome) {
        let agent = offer.agent;
        let event = match outcome {
            Outcome::Declined => |agent| Event::Declined { agent },
            Outcome::Expired => |agent| Event::Expired { agent },
            Outcome::Accepted | Outcome::Withdrawn(_) => return,
        };
        let (records, conversation) = (Arc::clone(&self.records), offer.conversation);
        tokio::spawn(async move {
            let noted = records
                .amend(conversation, |draft| {
                    draft.event(EntryAuthor::System, event(agent.to_string()));
                    Ok::<(), std::convert::Infallible>(())
                })
                .await;
            if let Err(error) = noted {
                tracing::warn!(%error, %conversation, "The end of an offer could not be noted.");
            }
        });
    }

    fn assign(&self, conversation: ConversationId, agent: AgentId, epoch: u32, done: Option<AnswerTo>) {
        let (records, fence) = (Arc::clone(&self.records), self.fence);
        tokio::spawn(async move {
            let assigned = records
                .amend_under(fence, conversation, |draft| {
                    let stands = &draft.conversation;
                    if stands.owner == Owner::Agent && stands.agent == Some(agent) && stands.epoch == epoch {
                        return Ok(());
                    }
                    if stands.owner != Owner::Queue || stands.epoch + 1 != epoch {
                        return Err(AnswerError::MovedOn);
                    }
                    let now = draft.now;
                    draft.conversation.assign(agent, now);
                    draft.event(EntryAuthor::System, Event::Accepted { agent: agent.to_string() });
                    Ok(())
                })
                .await;
            let result = match assigned {
                Ok((conversation, _)) => Ok(conversation),
                Err(AmendError::Refused(error)) => Err(error),
                Err(AmendError::Store(error)) => {
                    tracing::error!(%error, %conversation, "A conversation could not be given to its agent; it waits again.");
                    Err(error.into())
                }
            };
            if result.is_err() {
                records.desk.tell(Command::Changed(conversation));
            }
            if let Some(done) = done {
                let _ = done.send(result);
            }
        });
    }

    fn draw_board(&mut self) {
        let now = crate::clock::now();
        let board = Board::of(&self.desk, now);
        let before = self.records.desk.board.swap(Arc::new(board));
        let board = self.records.desk.board();
        if let Some(fence) = self.fence {
            self.records.announcer.board(fence.epoch, &board);
        }
        self.drawn = Instant::now();
        self.stale = false;
        for (agent, now) in &board.agents {
            if before.agents.get(agent) != Some(now) {
                self.records.announcer.agent(*agent);
            }
        }
        let queues = queue_views(&board, &self.rules);
        if queues != self.shown {
            self.records.announcer.queues(&queues);
            self.shown = queues;
        }
        let moved: Vec<ConversationId> = board
            .positions
            .iter()
            .filter(|(id, position)| before.positions.get(id) != Some(position))
            .map(|(id, _)| *id)
            .collect();
        if !moved.is_empty() {
            let records = Arc::clone(&self.records);
            tokio::spawn(async move {
                for id in moved {
                    if let Ok(Some(conversation)) = records.store.conversation(id).await {
                        records.announcer.tell_status(&conversation);
                    }
                }
            });
        }
    }
}

/// The queues of the rule set, now.
#[must_use]
pub fn queue_views(board: &Board, rules: &RuleSet) -> Vec<QueueView> {
    let seconds = |duration: Option<jiff::SignedDuration>| duration.and_then(|d| u64::try_from(d.as_secs()).ok());
    rules
        .queues()
        .values()
        .map(|spec| {
            let facts = board.queues.get(&spec.name).cloned().unwrap_or_default();
            QueueView {
                name: spec.name.clone(),
                title: spec.title.clone(),
                waiting: u32::try_from(facts.waiting).unwrap_or(0),
                longest_wait: seconds(facts.longest_wait).unwrap_or(0),
                agents_online: u32::try_from(facts.agents_online).unwrap_or(0),
                agents_free: u32::try_from(facts.agents_free).unwrap_or(0),
                estimated_wait: seconds(facts.estimated_wait),
            }
        })
        .collect()
}

/// An offer as its agent sees it; `None` when the conversation cannot be read.
pub async fn offer_view(records: &Records, offer: &Offer) -> Option<OfferView> {
    let conversation = records.store.conversation(offer.conversation).await.ok().flatten()?;
    Some(OfferView {
        id: offer.id.to_string(),
        conversation: records.announcer.view(&conversation),
        summary: conversation.handoff.as_ref().map(|handoff| handoff.summary.clone()).unwrap_or_default(),
        epoch: offer.epoch,
        queue: offer.queue.clone(),
        made_at: offer.made_at,
        expires_at: offer.expires_at,
    })
}

fn record_of(offer: &Offer, state: &'static str, at: Timestamp) -> OfferRecord {
    OfferRecord { id: offer.id, conversation: offer.conversation, agent: offer.agent, state, at }
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Declined => "declined",
        Outcome::Expired => "expired",
        Outcome::Withdrawn(_) => "withdrawn",
    }
}

fn presence_of(word: &str) -> Option<Presence> {
    match word {
        "online" => Some(Presence::Online),
        "away" => Some(Presence::Away),
        _ => None,
    }
}

fn profile_of(agent: &Agent, rules: &RuleSet) -> AgentProfile {
    let Agent { id, skills, languages, queues, capacity, caps, active, .. } = agent;
    profile(&Person { id: *id, skills, languages, queues, capacity: *capacity, caps, active: *active }, rules)
}

/// The queues that an agent serves.
#[must_use]
pub fn queues_of(agent: &Agent, rules: &RuleSet) -> BTreeSet<String> {
    match profile_of(agent, rules).queues {
        Membership::Only(queues) => queues,
        Membership::Every => rules.queues().keys().cloned().collect(),
    }
}
