//! The desk's state and the one matcher that runs over it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    sync::{Arc, LazyLock},
    time::Duration,
};

use contract::{AgentId, ConversationId, IdClock, OfferId, Timestamp};

use super::{
    event::{AgentProfile, Assignment, Chosen, Effect, Input, Offer, Outcome, Presence, Refusal, Waiting, Withdrawal},
    index::{Best, Idle, Index, Need, Slot},
    lines::{Key, Lines, Order},
    rules::{DeskRules, QueueRules, later},
    state::{AgentState, Debit},
};

/// Of how many assignments a queue's pace is the mean.
const PACE_OVER: usize = 20;
/// Below this nobody can answer, and offers would come and go without a pause.
const SHORTEST_OFFER: Duration = Duration::from_secs(1);

/// Matches waiting conversations with agents.
///
/// A pure state machine: the same inputs at the same moments have the same effects. It knows no clock and no store;
/// what it decides is real when the caller has committed it. Its own time never goes back: a moment before the last
/// one counts as the last one.
///
/// After each [`apply`](Self::apply) no conversation waits for which an agent could be asked, because an input only
/// opens matches for what it touched, and that is matched again in the order of scores.
#[derive(Debug)]
pub struct Desk {
    pub(super) rules: DeskRules,
    ids: Arc<IdClock>,
    pub(super) now: Timestamp,
    turn: u64,
    /// Of the last who came online.
    arrived: Idle,
    pub(super) agents: BTreeMap<AgentId, Box<AgentState>>,
    pub(super) places: BTreeMap<ConversationId, Box<Place>>,
    pub(super) held: BTreeMap<ConversationId, Held>,
    pub(super) offers: BTreeMap<OfferId, Offer>,
    pub(super) index: Index,
    pub(super) lines: Lines,
    /// By queue.
    pub(super) orders: BTreeMap<u32, Order>,
    /// By queue: when it last handed conversations to agents.
    pub(super) paces: BTreeMap<u32, VecDeque<Timestamp>>,
    /// Conversations that ended, whose agents finish up: by whom, and until when.
    pub(super) wrapping: BTreeMap<ConversationId, (AgentId, Timestamp)>,
    due: BTreeSet<(Timestamp, Due)>,
    touched: Touched,
}

/// A conversation that a queue owns.
#[derive(Debug)]
pub(super) struct Place {
    pub waiting: Waiting,
    pub key: Key,
    pub queue: u32,
    pub kind: u32,
    /// Until when it is not offered to whom again.
    pub cooling: BTreeMap<AgentId, Timestamp>,
    /// It is either out on an offer or in a line.
    pub offer: Option<OfferId>,
    filed: Option<Filed>,
    /// When its score jumps.
    boosted_at: Option<Timestamp>,
}

/// A conversation needs something, or nothing while its queue is closed; either changes by itself at `changes_at`.
/// It stands in the line of its need once the matcher has found nobody for it at once.
#[derive(Debug)]
struct Filed {
    need: Option<Arc<Need>>,
    in_line: bool,
    changes_at: Option<Timestamp>,
}

/// A conversation that an agent owns.
#[derive(Debug)]
pub(super) struct Held {
    pub agent: AgentId,
    pub epoch: u32,
    pub offer: Option<OfferId>,
    pub queue: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// An offer expires.
    Offer(OfferId),
    /// A requirement relaxes, a cool-down or a reservation ends, a queue opens or closes.
    Need(ConversationId),
    /// A promise comes into danger.
    Score(ConversationId),
    /// An agent has had the time to finish up.
    WrapUp(ConversationId),
}

/// What the matcher must look at again.
#[derive(Debug, Default)]
struct Touched {
    conversations: Vec<ConversationId>,
    agents: Vec<AgentId>,
}

impl Desk {
    /// An empty desk. `ids` names the offers.
    #[must_use]
    pub fn new(rules: DeskRules, ids: Arc<IdClock>) -> Self {
        let mut desk = Self {
            rules,
            ids,
            now: Timestamp::MIN,
            turn: 0,
            arrived: Idle::default(),
            agents: BTreeMap::new(),
            places: BTreeMap::new(),
            held: BTreeMap::new(),
            offers: BTreeMap::new(),
            index: Index::default(),
            lines: Lines::default(),
            orders: BTreeMap::new(),
            paces: BTreeMap::new(),
            wrapping: BTreeMap::new(),
            due: BTreeSet::new(),
            touched: Touched::default(),
        };
        desk.name_queues();
        desk
    }

    /// Takes one input at `now` and answers everything that follows from it, in order. What has become due by then
    /// happens first: an accept at the moment of expiry is too late.
    pub fn apply(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.now = self.now.max(now);
        self.let_time_pass(&mut effects);
        match input {
            Input::AgentChanged(profile) => self.change_agent(profile, &mut effects),
            Input::AgentRemoved(agent) => self.remove_agent(agent, &mut effects),
            Input::Presence { agent, presence } => self.set_presence(agent, presence, &mut effects),
            Input::Enqueue(waiting) => self.enqueue(waiting, &mut effects),
            Input::Leave(conversation) => self.leave(conversation, &mut effects),
            Input::Ready(agent) => self.finish_up(agent),
            Input::Hold { conversation, agent, queue, kind, epoch } => {
                // Where the record confirms what was accepted here, accepting once more is still no news.
                let known = self.held.get(&conversation).filter(|held| held.agent == agent && held.epoch == epoch);
                let offer = known.and_then(|held| held.offer);
                self.order_held(conversation, &kind, Held { agent, epoch, offer, queue }, &mut effects);
            }
            Input::Accept { offer, agent, epoch } => self.accept(offer, agent, epoch, &mut effects),
            Input::Decline { offer, agent, epoch } => self.decline(offer, agent, epoch, &mut effects),
            Input::Rules(rules) => self.change_rules(rules),
            Input::Tick => {}
        }
        self.settle(&mut effects);
        effects
    }

    /// When [`Input::Tick`] is due next: an offer expires, a requirement relaxes, a cool-down ends, …
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|&(at, _)| at)
    }

    fn let_time_pass(&mut self, effects: &mut Vec<Effect>) {
        while let Some(&(at, due)) = self.due.first()
            && at <= self.now
        {
            self.due.remove(&(at, due));
            match due {
                Due::Offer(offer) => self.expire(offer, effects),
                Due::Need(conversation) => self.file(conversation),
                Due::Score(conversation) => self.score_again(conversation),
                Due::WrapUp(conversation) => self.end_wrap_up(conversation),
            }
        }
    }

    fn expire(&mut self, offer: OfferId, effects: &mut Vec<Effect>) {
        let Some(Offer { conversation, agent, .. }) = self.end(offer, Outcome::Expired, effects) else { return };
        self.cool_down(conversation, agent);
        let limit = self.rules.expiries_before_away;
        let state = self.agent_mut(agent);
        state.expired_in_a_row += 1;
        if limit > 0 && state.expired_in_a_row >= limit {
            effects.push(Effect::WentAway(agent));
            self.set_presence(agent, Presence::Away, effects);
        }
    }

    fn change_agent(&mut self, profile: AgentProfile, effects: &mut Vec<Effect>) {
        let agent = profile.id;
        self.agent_mut(agent).profile = profile;
        if let Some(state) = self.agents.get(&agent) {
            self.index.profile(state);
        }
        self.touch(agent);
        self.withdraw_unfit(agent, effects);
    }

    fn remove_agent(&mut self, agent: AgentId, effects: &mut Vec<Effect>) {
        if self.agents.contains_key(&agent) {
            self.change_agent(AgentProfile::unknown(agent), effects);
            self.set_presence(agent, Presence::Offline, effects);
        }
    }

    fn set_presence(&mut self, agent: AgentId, presence: Presence, effects: &mut Vec<Effect>) {
        let before = std::mem::replace(&mut self.agent_mut(agent).presence, presence);
        if presence == Presence::Online {
            self.agent_mut(agent).expired_in_a_row = 0;
            if before != Presence::Online {
                self.agent_mut(agent).idle = self.arrival();
            }
        }
        self.touch(agent);
        self.withdraw_unfit(agent, effects);
        self.forget_blank(agent);
    }

    /// Withdraws the offers that the agent would not be made any more, room aside.
    fn withdraw_unfit(&mut self, agent: AgentId, effects: &mut Vec<Effect>) {
        let Some(state) = self.agents.get(&agent) else { return };
        let reachable = state.is_reachable();
        for offer in state.offers.clone() {
            let why = if !reachable {
                Withdrawal::AgentNotOnline
            } else if !self.still_fits(offer) {
                Withdrawal::AgentUnfit
            } else {
                continue;
            };
            if let Some(Offer { conversation, .. }) = self.end(offer, Outcome::Withdrawn(why), effects) {
                self.file(conversation);
            }
        }
    }

    fn still_fits(&mut self, offer: OfferId) -> bool {
        let Some(Offer { conversation, agent, .. }) = self.offers.get(&offer) else { return false };
        let (Some(place), Some(state)) = (self.places.get(conversation), self.agents.get(agent)) else { return false };
        let need = need(&mut self.index, place, self.now);
        self.index.fits(state.slot, &need)
    }

    fn enqueue(&mut self, mut waiting: Waiting, effects: &mut Vec<Effect>) {
        let conversation = waiting.conversation;
        if let Some(epoch) = self.epoch(conversation).filter(|&epoch| waiting.epoch < epoch) {
            effects.push(Effect::Refused(Refusal::Stale { conversation, epoch }));
            return;
        }
        self.let_go(conversation);
        self.end_wrap_up(conversation);
        let Some(before) = self.unplace(conversation) else {
            self.place(waiting, BTreeMap::new(), None);
            return self.file(conversation);
        };
        let is_other = (&waiting.queue, waiting.epoch, &waiting.kind)
            != (&before.waiting.queue, before.waiting.epoch, &before.waiting.kind);
        waiting.enqueued_at = waiting.enqueued_at.min(before.waiting.enqueued_at);
        self.place(waiting, before.cooling, before.offer);
        if let Some(offer) = before.offer
            && (is_other || !self.still_fits(offer))
        {
            self.end(offer, Outcome::Withdrawn(Withdrawal::Changed), effects);
        }
        self.file(conversation);
    }

    fn leave(&mut self, conversation: ConversationId, effects: &mut Vec<Effect>) {
        self.wrap_up(conversation);
        self.let_go(conversation);
        if let Some(offer) = self.places.get(&conversation).and_then(|place| place.offer) {
            self.end(offer, Outcome::Withdrawn(Withdrawal::LeftQueue), effects);
        }
        self.unplace(conversation);
    }

    fn order_held(&mut self, conversation: ConversationId, kind: &str, held: Held, effects: &mut Vec<Effect>) {
        self.let_go(conversation);
        self.leave(conversation, effects);
        self.end_wrap_up(conversation);
        let (agent, debit) = (held.agent, self.debit(kind));
        self.agent_mut(agent).debit(conversation, debit);
        self.held.insert(conversation, held);
        self.stir(agent);
    }

    fn accept(&mut self, offer: OfferId, agent: AgentId, epoch: u32, effects: &mut Vec<Effect>) {
        if let Some(assignment) = self.accepted_before(offer, agent, epoch) {
            effects.push(Effect::Assigned(assignment));
            return;
        }
        match self.answerable(offer, agent, epoch) {
            Err(refusal) => effects.push(Effect::Refused(refusal)),
            Ok(conversation) => {
                self.end(offer, Outcome::Accepted, effects);
                self.agent_mut(agent).expired_in_a_row = 0;
                self.assign(conversation, agent, Some(offer), effects);
            }
        }
    }

    fn decline(&mut self, offer: OfferId, agent: AgentId, epoch: u32, effects: &mut Vec<Effect>) {
        match self.answerable(offer, agent, epoch) {
            Err(refusal) => effects.push(Effect::Refused(refusal)),
            Ok(conversation) => {
                self.end(offer, Outcome::Declined, effects);
                self.agent_mut(agent).expired_in_a_row = 0;
                self.cool_down(conversation, agent);
            }
        }
    }

    fn answerable(&self, offer: OfferId, agent: AgentId, epoch: u32) -> Result<ConversationId, Refusal> {
        match self.offers.get(&offer) {
            None => Err(Refusal::OfferGone { offer, agent }),
            Some(made) if made.agent != agent => Err(Refusal::NotYours { offer, agent }),
            Some(made) if made.epoch != epoch => Err(Refusal::WrongEpoch { offer, agent, epoch: made.epoch }),
            Some(made) => Ok(made.conversation),
        }
    }

    fn accepted_before(&self, offer: OfferId, agent: AgentId, epoch: u32) -> Option<Assignment> {
        let (conversation, held) = self.agents.get(&agent)?.conversations().find_map(|conversation| {
            let held = self.held.get(&conversation)?;
            (held.offer == Some(offer) && held.epoch == epoch.saturating_add(1)).then_some((conversation, held))
        })?;
        Some(Assignment { conversation, agent, offer: Some(offer), epoch: held.epoch, again: true })
    }

    /// Gives every queue of the rules its place, so that what is read of one that nobody waited in is right too.
    fn name_queues(&mut self) {
        for name in self.rules.queues.keys() {
            self.index.queue(name, self.agents.values().map(Box::as_ref));
        }
    }

    fn change_rules(&mut self, rules: DeskRules) {
        self.rules = rules;
        self.name_queues();
        for agent in self.agents.values().map(Box::as_ref) {
            self.index.refresh(agent, &self.rules.weights);
        }
        let all: Vec<ConversationId> = self.places.keys().copied().collect();
        for conversation in all {
            self.score_again(conversation);
        }
    }

    /// Gives a conversation its place anew.
    fn score_again(&mut self, conversation: ConversationId) {
        if let Some(place) = self.unplace(conversation) {
            self.place(place.waiting, place.cooling, place.offer);
            self.file(conversation);
        }
    }

    /// The agent of a conversation that ends keeps its weight for as long as its queue says.
    fn wrap_up(&mut self, conversation: ConversationId) {
        let Some(Held { agent, queue, .. }) = self.held.get(&conversation) else { return };
        let (agent, queue) = (*agent, queue.as_deref().unwrap_or_default());
        let until = later(self.now, queue_rules(&self.rules, queue).wrap_up);
        if self.now < until {
            self.held.remove(&conversation);
            self.wrapping.insert(conversation, (agent, until));
            self.due.insert((until, Due::WrapUp(conversation)));
            self.stir(agent);
        }
    }

    fn end_wrap_up(&mut self, conversation: ConversationId) {
        if let Some((agent, until)) = self.wrapping.remove(&conversation) {
            self.due.remove(&(until, Due::WrapUp(conversation)));
            self.agent_mut(agent).credit(conversation);
            self.stir(agent);
            self.forget_blank(agent);
        }
    }

    fn finish_up(&mut self, agent: AgentId) {
        let all = self.wrapping.iter().filter(|(_, (who, _))| *who == agent);
        for conversation in all.map(|(conversation, _)| *conversation).collect::<Vec<_>>() {
            self.end_wrap_up(conversation);
        }
    }

    /// Offers what can be offered, in the order of scores over all queues.
    ///
    /// Only what was touched can have become possible: a conversation by itself, or all of a need that a touched
    /// agent meets. The first for whom there is nobody ends a need's turn, because the rest need the same.
    fn settle(&mut self, effects: &mut Vec<Effect>) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.conversations.sort_unstable();
        touched.conversations.dedup();
        let mut next: BinaryHeap<Reverse<(Key, Option<Arc<Need>>)>> = BinaryHeap::new();
        let places = touched.conversations.iter().filter_map(|conversation| self.places.get(conversation));
        next.extend(places.filter(|place| place.need().is_some()).map(|place| Reverse((place.key, None))));
        let mut slots: Vec<Slot> =
            touched.agents.iter().filter_map(|agent| self.agents.get(agent)).map(|agent| agent.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        if !slots.is_empty() {
            let met = self.lines.heads().filter(|(need, _)| slots.iter().any(|&slot| self.index.meets(slot, need)));
            next.extend(met.map(|(need, key)| Reverse((key, Some(Arc::clone(need))))));
        }
        while let Some(Reverse((key, line))) = next.pop() {
            let best = self.best(key.conversation);
            if let Some(Best::Agent { agent, chosen }) = best {
                self.give(key.conversation, agent, chosen, effects);
            }
            if let Some(need) = line.filter(|_| best != Some(Best::Nobody))
                && let Some(behind) = self.lines.behind(&need, key)
            {
                next.push(Reverse((behind, Some(need))));
            }
        }
        for conversation in touched.conversations.drain(..) {
            let Some(place) = self.places.get_mut(&conversation) else { continue };
            if let Some(Filed { need: Some(need), in_line: in_line @ false, .. }) = &mut place.filed {
                *need = self.lines.add(Arc::clone(need), place.key);
                *in_line = true;
            }
        }
        // Offers made above take room and open nothing.
        touched.agents.clear();
        self.touched = touched;
    }

    /// The best agent for a conversation that is not out on an offer.
    fn best(&mut self, conversation: ConversationId) -> Option<Best> {
        let place = self.places.get(&conversation)?;
        let need = place.need()?;
        let slot = |agent: &AgentId| self.agents.get(agent).map(|state| state.slot);
        if let Some(agent) = need.only {
            let meets = slot(&agent).is_some_and(|slot| self.index.meets(slot, need));
            return Some(if meets { Best::Agent { agent, chosen: Chosen::Reserved } } else { Best::Nobody });
        }
        let rules = queue_rules(&self.rules, &place.waiting.queue);
        let is_sticky = rules.sticky.is_some_and(|sticky| self.now < later(place.waiting.enqueued_at, sticky));
        let preferred = place.waiting.previous_agent.filter(|_| is_sticky).as_ref().and_then(slot);
        let cooling = place.cooling.iter().filter(|&(_, &until)| self.now < until).filter_map(|(agent, _)| slot(agent));
        Some(self.index.best(need, rules.strategy, preferred, cooling))
    }

    /// Offers a conversation to an agent, or assigns it where the queue does not ask.
    fn give(&mut self, conversation: ConversationId, agent: AgentId, chosen: Chosen, effects: &mut Vec<Effect>) {
        self.leave_line(conversation);
        let Some(place) = self.places.get_mut(&conversation) else { return };
        let rules = queue_rules(&self.rules, &place.waiting.queue);
        let debit = Debit { kind: place.kind, weight: self.rules.weights.of(&place.waiting.kind) };
        let auto_accept = rules.auto_accept;
        let offer = Offer {
            id: self.ids.next(self.now),
            conversation,
            epoch: place.waiting.epoch,
            queue: place.waiting.queue.clone(),
            agent,
            chosen,
            made_at: self.now,
            expires_at: later(self.now, rules.offer_timeout.max(SHORTEST_OFFER)),
        };
        place.offer = (!auto_accept).then_some(offer.id);
        let state = self.agent_mut(agent);
        state.debit(conversation, debit);
        if auto_accept {
            self.assign(conversation, agent, None, effects);
        } else {
            state.offers.insert(offer.id);
            self.due.insert((offer.expires_at, Due::Offer(offer.id)));
            self.offers.insert(offer.id, offer.clone());
            effects.push(Effect::Offered(offer));
        }
        self.stir(agent);
    }

    /// Hands a conversation of a queue, already debited, to an agent.
    fn assign(
        &mut self,
        conversation: ConversationId,
        agent: AgentId,
        offer: Option<OfferId>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(place) = self.unplace(conversation) else { return };
        let pace = self.paces.entry(place.queue).or_default();
        if pace.len() == PACE_OVER {
            pace.pop_front();
        }
        pace.push_back(self.now);
        let epoch = place.waiting.epoch.saturating_add(1);
        self.held.insert(conversation, Held { agent, epoch, offer, queue: Some(place.waiting.queue) });
        effects.push(Effect::Assigned(Assignment { conversation, agent, offer, epoch, again: false }));
    }

    /// Ends an offer. Unless it was accepted, the agent gets the capacity back, and the conversation is to be filed.
    fn end(&mut self, id: OfferId, outcome: Outcome, effects: &mut Vec<Effect>) -> Option<Offer> {
        let offer = self.offers.remove(&id)?;
        self.due.remove(&(offer.expires_at, Due::Offer(id)));
        if let Some(place) = self.places.get_mut(&offer.conversation) {
            place.offer = None;
        }
        let state = self.agent_mut(offer.agent);
        state.offers.remove(&id);
        if outcome != Outcome::Accepted {
            state.credit(offer.conversation);
            self.touch(offer.agent);
        }
        effects.push(Effect::OfferEnded { offer: offer.clone(), outcome });
        Some(offer)
    }

    /// Files a conversation that this agent did not take.
    fn cool_down(&mut self, conversation: ConversationId, agent: AgentId) {
        if let Some(place) = self.places.get_mut(&conversation) {
            place.cooling.insert(agent, later(self.now, self.rules.cooldown));
            self.file(conversation);
        }
    }

    /// Puts a conversation under a queue's ownership, in no line yet.
    fn place(&mut self, waiting: Waiting, cooling: BTreeMap<AgentId, Timestamp>, offer: Option<OfferId>) {
        let credit = queue_rules(&self.rules, &waiting.queue).credits.of(waiting.priority);
        let key = Key::new(waiting.conversation, waiting.enqueued_at, credit + waiting.boost(self.now));
        let boosted_at = waiting.boosts.iter().map(|boost| boost.at).find(|&at| self.now < at);
        if let Some(at) = boosted_at {
            self.due.insert((at, Due::Score(key.conversation)));
        }
        let queue = self.index.queue(&waiting.queue, self.agents.values().map(Box::as_ref));
        let kind = self.index.kind(&waiting.kind, &self.rules.weights, self.agents.values().map(Box::as_ref));
        self.orders.entry(queue).or_default().add(key);
        let place = Place { waiting, key, queue, kind, cooling, offer, filed: None, boosted_at };
        self.places.insert(key.conversation, Box::new(place));
    }

    fn unplace(&mut self, conversation: ConversationId) -> Option<Box<Place>> {
        self.leave_line(conversation);
        let place = self.places.remove(&conversation)?;
        if let Some(at) = place.boosted_at {
            self.due.remove(&(at, Due::Score(conversation)));
        }
        if let Some(order) = self.orders.get_mut(&place.queue) {
            order.remove(&place.key);
        }
        Some(place)
    }

    /// Notes what a conversation that is not out on an offer needs now, and has the matcher look at it.
    fn file(&mut self, conversation: ConversationId) {
        self.leave_line(conversation);
        let Some(place) = self.places.get_mut(&conversation).filter(|place| place.offer.is_none()) else { return };
        let now = self.now;
        place.cooling.retain(|_, until| now < *until);
        let Waiting { requirements, enqueued_at, reserved, queue, .. } = &place.waiting;
        let rules = queue_rules(&self.rules, queue);
        let relaxing = requirements.iter().flat_map(|requirement| requirement.changes(*enqueued_at));
        let ending = place.cooling.values().copied().chain(reserved.map(|reserved| reserved.until));
        let hours = rules.hours.as_ref().and_then(|hours| hours.changes_after(now));
        let changes_at = relaxing.chain(ending).chain(hours).filter(|&at| now < at).min();
        if let Some(at) = changes_at {
            self.due.insert((at, Due::Need(conversation)));
        }
        let need = need(&mut self.index, place, now);
        let is_offered = need.only.is_some() || rules.is_open(now);
        place.filed = Some(Filed { need: is_offered.then(|| Arc::new(need)), in_line: false, changes_at });
        self.touched.conversations.push(conversation);
    }

    fn leave_line(&mut self, conversation: ConversationId) {
        let Some(place) = self.places.get_mut(&conversation) else { return };
        if let Some(Filed { need, in_line, changes_at }) = place.filed.take() {
            if let Some(need) = need.filter(|_| in_line) {
                self.lines.remove(&need, &place.key);
            }
            if let Some(at) = changes_at {
                self.due.remove(&(at, Due::Need(conversation)));
            }
        }
    }

    /// Takes a conversation from the agent who holds it, if one does.
    fn let_go(&mut self, conversation: ConversationId) {
        if let Some(Held { agent, .. }) = self.held.remove(&conversation) {
            self.agent_mut(agent).credit(conversation);
            self.stir(agent);
            self.forget_blank(agent);
        }
    }

    fn epoch(&self, conversation: ConversationId) -> Option<u32> {
        let placed = self.places.get(&conversation).map(|place| place.waiting.epoch);
        placed.or_else(|| self.held.get(&conversation).map(|held| held.epoch))
    }

    fn debit(&mut self, kind: &str) -> Debit {
        let weights = &self.rules.weights;
        Debit { kind: self.index.kind(kind, weights, self.agents.values().map(Box::as_ref)), weight: weights.of(kind) }
    }

    /// The agent; made if there is none, because holdings and presence may be told before the profile.
    fn agent_mut(&mut self, agent: AgentId) -> &mut AgentState {
        let index = &mut self.index;
        self.agents
            .entry(agent)
            .or_insert_with(|| Box::new(AgentState::new(AgentProfile::unknown(agent), index.seat(agent))))
    }

    /// An agent's work has changed: they are idle from now on at most.
    fn stir(&mut self, agent: AgentId) {
        self.turn += 1;
        let idle = Idle { turn: self.turn, since: self.now };
        self.agent_mut(agent).idle = idle;
        self.touch(agent);
    }

    /// The idleness of whoever comes online now.
    fn arrival(&mut self) -> Idle {
        if self.arrived.since != self.now {
            self.turn += 1;
            self.arrived = Idle { turn: self.turn, since: self.now };
        }
        self.arrived
    }

    /// Brings the index up to date with an agent, and has the matcher look at them.
    fn touch(&mut self, agent: AgentId) {
        if let Some(state) = self.agents.get(&agent) {
            self.index.refresh(state, &self.rules.weights);
            self.touched.agents.push(agent);
        }
    }

    fn forget_blank(&mut self, agent: AgentId) {
        if self.agents.get(&agent).is_some_and(|agent| agent.is_blank())
            && let Some(state) = self.agents.remove(&agent)
        {
            self.index.unseat(state.slot);
        }
    }
}

/// What a conversation needs at `now`.
fn need(index: &mut Index, place: &Place, now: Timestamp) -> Need {
    let wait = now.duration_since(place.waiting.enqueued_at);
    let levels = place.waiting.requirements.iter().map(|need| (need, need.level_at(wait)));
    let mut skills: Vec<(u32, u8)> =
        levels.filter(|(_, level)| *level > 0).map(|(need, level)| (index.skill(&need.skill), level)).collect();
    // Of one that is asked for twice the highest level counts.
    skills.sort_unstable_by_key(|&(skill, level)| (skill, Reverse(level)));
    skills.dedup_by_key(|&mut (skill, _)| skill);
    Need { queue: place.queue, kind: place.kind, only: place.kept_for(now), skills }
}

impl Place {
    fn need(&self) -> Option<&Arc<Need>> {
        self.filed.as_ref()?.need.as_ref()
    }

    /// For whom it is kept, until they have not wanted it.
    pub(super) fn kept_for(&self, now: Timestamp) -> Option<AgentId> {
        let reserved = self.waiting.reserved.filter(|reserved| now < reserved.until)?;
        (!self.cooling.contains_key(&reserved.agent)).then_some(reserved.agent)
    }
}

/// The rules of a queue, or the default ones for a name that has none.
pub(super) fn queue_rules<'a>(rules: &'a DeskRules, queue: &str) -> &'a QueueRules {
    static DEFAULT: LazyLock<QueueRules> = LazyLock::new(QueueRules::default);
    rules.queues.get(queue).unwrap_or(&DEFAULT)
}
