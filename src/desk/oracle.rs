//! The desk against a naive one: whatever happens, both decide the same, and the promises of the desk hold.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use contract::{AgentId, ConversationId, IdClock, OfferId, Timestamp};
use jiff::SignedDuration;
use proptest::{
    collection, option,
    prelude::{Just, ProptestConfig, Strategy as Gen, prop, prop_oneof, proptest},
    sample,
};

use super::{rules::later, *};
use crate::routing::{self, Calendar, SourceFile};

const AGENTS: u64 = 5;
const CONVERSATIONS: u64 = 12;
const QUEUES: [&str; 3] = ["care", "sales", "unwritten"];
const SKILLS: [&str; 3] = ["lang-en", "lang-zh", "billing"];
const KINDS: [&str; 3] = ["webchat", "telegram", "email"];

/// The desk as one would write it first: it looks at every agent for every conversation, each time.
struct Naive {
    rules: DeskRules,
    ids: IdClock,
    now: Timestamp,
    turn: u64,
    arrived: (Timestamp, u64),
    agents: BTreeMap<AgentId, NaiveAgent>,
    waiting: BTreeMap<ConversationId, NaiveWaiting>,
    held: BTreeMap<ConversationId, (AgentId, u32, Option<OfferId>)>,
    /// The queues of those.
    came_from: BTreeMap<ConversationId, String>,
    wrapping: BTreeMap<ConversationId, (AgentId, Timestamp)>,
}

struct NaiveAgent {
    profile: Option<AgentProfile>,
    presence: Presence,
    load: BTreeMap<ConversationId, (String, u32)>,
    idle: (Timestamp, u64),
    expired: u32,
}

struct NaiveWaiting {
    waiting: Waiting,
    cooling: BTreeMap<AgentId, Timestamp>,
    offer: Option<Offer>,
}

impl NaiveAgent {
    fn reachable(&self) -> bool {
        self.presence == Presence::Online && self.profile.as_ref().is_some_and(|profile| profile.active)
    }

    fn fits(&self, place: &NaiveWaiting, now: Timestamp) -> bool {
        let waiting = &place.waiting;
        if let Some(only) = place.kept_for(now) {
            return self.profile.as_ref().is_some_and(|profile| profile.id == only);
        }
        let wait = now.duration_since(waiting.enqueued_at);
        let level = |skill: &str| self.profile.as_ref().and_then(|p| p.skills.get(skill)).copied().unwrap_or(0).min(5);
        self.profile.as_ref().is_some_and(|profile| profile.queues.includes(&waiting.queue))
            && waiting.requirements.iter().all(|need| level(&need.skill) >= need.level_at(wait))
    }

    fn used(&self) -> u32 {
        self.load.values().map(|(_, weight)| weight).sum()
    }

    fn room(&self, kind: &str, weight: u32) -> bool {
        let Some(profile) = &self.profile else { return false };
        let of_kind = self.load.values().filter(|(held, _)| held == kind).count() as u32;
        self.used() + weight <= profile.capacity && profile.caps.get(kind).is_none_or(|&cap| of_kind < cap)
    }
}

impl NaiveWaiting {
    fn kept_for(&self, now: Timestamp) -> Option<AgentId> {
        let Reserved { agent, until } = self.waiting.reserved?;
        let wanted = self.cooling.get(&agent).is_none_or(|&until| until <= now);
        (now < until && wanted).then_some(agent)
    }

    fn boost(&self, now: Timestamp) -> i64 {
        let passed = self.waiting.boosts.iter().filter(|boost| boost.at <= now);
        passed.max_by_key(|boost| boost.at).map_or(0, |boost| i64::from(boost.seconds))
    }
}

impl Naive {
    fn new(rules: DeskRules) -> Self {
        Self {
            rules,
            ids: IdClock::new(0),
            now: Timestamp::MIN,
            turn: 0,
            arrived: (Timestamp::MIN, 0),
            agents: BTreeMap::new(),
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            came_from: BTreeMap::new(),
            wrapping: BTreeMap::new(),
        }
    }

    fn queue(&self, name: &str) -> QueueRules {
        self.rules.queues.get(name).cloned().unwrap_or_default()
    }

    fn agent(&mut self, id: AgentId) -> &mut NaiveAgent {
        self.agents.entry(id).or_insert_with(|| NaiveAgent {
            profile: None,
            presence: Presence::Offline,
            load: BTreeMap::new(),
            idle: (Timestamp::MIN, 0),
            expired: 0,
        })
    }

    fn offers(&self) -> Vec<Offer> {
        self.waiting.values().filter_map(|place| place.offer.clone()).collect()
    }

    fn apply(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.now = self.now.max(now);
        loop {
            let offers = self.offers().into_iter().filter(|o| o.expires_at <= self.now);
            let offer = offers.min_by_key(|o| (o.expires_at, o.id));
            let wrapped = self.wrapping.iter().map(|(id, (_, until))| (*until, *id)).filter(|w| w.0 <= self.now).min();
            if let Some((_, conversation)) = wrapped.filter(|w| offer.as_ref().is_none_or(|o| w.0 < o.expires_at)) {
                self.end_wrap_up(conversation);
                continue;
            }
            let Some(offer) = offer else { break };
            self.end(&offer, Outcome::Expired, &mut effects);
            let limit = self.rules.expiries_before_away;
            let agent = self.agent(offer.agent);
            agent.expired += 1;
            if limit > 0 && agent.expired >= limit {
                effects.push(Effect::WentAway(offer.agent));
                self.presence(offer.agent, Presence::Away, &mut effects);
            }
        }
        self.take(input, &mut effects);
        self.matches(&mut effects);
        effects
    }

    fn take(&mut self, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::AgentChanged(profile) => {
                let id = profile.id;
                self.agent(id).profile = Some(profile);
                self.withdraw_unfit(id, effects);
            }
            Input::AgentRemoved(id) => {
                self.agent(id).profile = None;
                self.presence(id, Presence::Offline, effects);
            }
            Input::Presence { agent, presence } => self.presence(agent, presence, effects),
            Input::Enqueue(waiting) => self.enqueue(waiting, effects),
            Input::Leave(conversation) => self.leave(conversation, effects),
            Input::Ready(agent) => {
                let mine = self.wrapping.iter().filter(|(_, (who, _))| *who == agent);
                for conversation in mine.map(|(id, _)| *id).collect::<Vec<_>>() {
                    self.end_wrap_up(conversation);
                }
            }
            Input::Hold { conversation, agent, queue, kind, epoch } => {
                let known = self.held.get(&conversation).filter(|(by, at, _)| (*by, *at) == (agent, epoch));
                let offer = known.and_then(|(_, _, offer)| *offer);
                self.let_go(conversation);
                self.leave(conversation, effects);
                self.end_wrap_up(conversation);
                self.came_from.insert(conversation, queue.unwrap_or_default());
                let weight = self.rules.weights.of(&kind);
                self.agent(agent).load.insert(conversation, (kind, weight));
                self.held.insert(conversation, (agent, epoch, offer));
                self.stir(agent);
            }
            Input::Accept { offer, agent, epoch } => self.accept(offer, agent, epoch, effects),
            Input::Decline { offer, agent, epoch } => match self.answer(offer, agent, epoch) {
                Err(refusal) => effects.push(Effect::Refused(refusal)),
                Ok(offer) => {
                    self.end(&offer, Outcome::Declined, effects);
                    self.agent(agent).expired = 0;
                }
            },
            Input::Rules(rules) => self.rules = rules,
            Input::Tick => {}
        }
    }

    fn presence(&mut self, id: AgentId, presence: Presence, effects: &mut Vec<Effect>) {
        if presence == Presence::Online && self.agent(id).presence != presence && self.arrived.0 != self.now {
            self.turn += 1;
            self.arrived = (self.now, self.turn);
        }
        let arrived = self.arrived;
        let agent = self.agent(id);
        if presence == Presence::Online {
            agent.expired = 0;
            if agent.presence != Presence::Online {
                agent.idle = arrived;
            }
        }
        agent.presence = presence;
        self.withdraw_unfit(id, effects);
    }

    fn withdraw_unfit(&mut self, id: AgentId, effects: &mut Vec<Effect>) {
        let mut offers = self.offers();
        offers.sort_by_key(|offer| offer.id);
        for offer in offers.into_iter().filter(|offer| offer.agent == id) {
            let agent = &self.agents[&id];
            if !agent.reachable() {
                self.end(&offer, Outcome::Withdrawn(Withdrawal::AgentNotOnline), effects);
            } else if !agent.fits(&self.waiting[&offer.conversation], self.now) {
                self.end(&offer, Outcome::Withdrawn(Withdrawal::AgentUnfit), effects);
            }
        }
    }

    fn enqueue(&mut self, mut waiting: Waiting, effects: &mut Vec<Effect>) {
        let conversation = waiting.conversation;
        let known = self.waiting.get(&conversation).map(|place| place.waiting.epoch);
        if let Some(epoch) = known.or(self.held.get(&conversation).map(|held| held.1))
            && waiting.epoch < epoch
        {
            return effects.push(Effect::Refused(Refusal::Stale { conversation, epoch }));
        }
        self.let_go(conversation);
        self.end_wrap_up(conversation);
        let Some(before) = self.waiting.remove(&conversation) else {
            self.waiting.insert(conversation, NaiveWaiting { waiting, cooling: BTreeMap::new(), offer: None });
            return;
        };
        waiting.enqueued_at = waiting.enqueued_at.min(before.waiting.enqueued_at);
        let same = waiting.queue == before.waiting.queue
            && waiting.epoch == before.waiting.epoch
            && waiting.kind == before.waiting.kind;
        let offer = before.offer.clone();
        let place = NaiveWaiting { waiting, ..before };
        let stands = offer.as_ref().is_some_and(|o| self.agents[&o.agent].fits(&place, self.now));
        self.waiting.insert(conversation, place);
        if let Some(offer) = offer.filter(|_| !(same && stands)) {
            self.end(&offer, Outcome::Withdrawn(Withdrawal::Changed), effects);
        }
    }

    fn leave(&mut self, conversation: ConversationId, effects: &mut Vec<Effect>) {
        if let Some(&(agent, ..)) = self.held.get(&conversation) {
            let wrap_up = self.queue(&self.came_from[&conversation]).wrap_up;
            if wrap_up.is_zero() {
                self.let_go(conversation);
            } else {
                self.held.remove(&conversation);
                self.wrapping.insert(conversation, (agent, later(self.now, wrap_up)));
                self.stir(agent);
            }
        }
        if let Some(offer) = self.waiting.get(&conversation).and_then(|place| place.offer.clone()) {
            self.end(&offer, Outcome::Withdrawn(Withdrawal::LeftQueue), effects);
        }
        self.waiting.remove(&conversation);
    }

    fn accept(&mut self, id: OfferId, agent: AgentId, epoch: u32, effects: &mut Vec<Effect>) {
        let before = self.held.iter().find(|(_, held)| **held == (agent, epoch + 1, Some(id)));
        if let Some((&conversation, _)) = before {
            let epoch = epoch + 1;
            return effects.push(Effect::Assigned(Assignment {
                conversation,
                agent,
                offer: Some(id),
                epoch,
                again: true,
            }));
        }
        match self.answer(id, agent, epoch) {
            Err(refusal) => effects.push(Effect::Refused(refusal)),
            Ok(offer) => {
                self.end(&offer, Outcome::Accepted, effects);
                self.agent(agent).expired = 0;
                self.assign(offer.conversation, agent, Some(id), effects);
            }
        }
    }

    fn answer(&self, offer: OfferId, agent: AgentId, epoch: u32) -> Result<Offer, Refusal> {
        let made = self.offers().into_iter().find(|made| made.id == offer);
        let made = made.ok_or(Refusal::OfferGone { offer, agent })?;
        if made.agent != agent {
            return Err(Refusal::NotYours { offer, agent });
        }
        if made.epoch != epoch {
            return Err(Refusal::WrongEpoch { offer, agent, epoch: made.epoch });
        }
        Ok(made)
    }

    fn end(&mut self, offer: &Offer, outcome: Outcome, effects: &mut Vec<Effect>) {
        let until = later(self.now, self.rules.cooldown);
        let place = self.waiting.get_mut(&offer.conversation).expect("an offered conversation waits");
        place.offer = None;
        if matches!(outcome, Outcome::Declined | Outcome::Expired) {
            place.cooling.insert(offer.agent, until);
        }
        if outcome != Outcome::Accepted {
            self.agent(offer.agent).load.remove(&offer.conversation);
        }
        effects.push(Effect::OfferEnded { offer: offer.clone(), outcome });
    }

    fn assign(&mut self, id: ConversationId, agent: AgentId, offer: Option<OfferId>, effects: &mut Vec<Effect>) {
        let place = self.waiting.remove(&id).expect("what is assigned waits");
        let epoch = place.waiting.epoch + 1;
        self.came_from.insert(id, place.waiting.queue);
        self.held.insert(id, (agent, epoch, offer));
        effects.push(Effect::Assigned(Assignment { conversation: id, agent, offer, epoch, again: false }));
    }

    fn let_go(&mut self, conversation: ConversationId) {
        if let Some((agent, ..)) = self.held.remove(&conversation) {
            self.agent(agent).load.remove(&conversation);
            self.stir(agent);
        }
    }

    fn end_wrap_up(&mut self, conversation: ConversationId) {
        if let Some((agent, _)) = self.wrapping.remove(&conversation) {
            self.agent(agent).load.remove(&conversation);
            self.stir(agent);
        }
    }

    fn stir(&mut self, agent: AgentId) {
        self.turn += 1;
        let idle = (self.now, self.turn);
        self.agent(agent).idle = idle;
    }

    fn matches(&mut self, effects: &mut Vec<Effect>) {
        let mut order: Vec<_> = self.waiting.values().filter(|place| place.offer.is_none()).collect();
        order.retain(|place| {
            let hours = self.queue(&place.waiting.queue).hours;
            place.kept_for(self.now).is_some() || hours.is_none_or(|hours| hours.open_at(self.now))
        });
        order.sort_by_key(|place| {
            let waiting = &place.waiting;
            let credit = self.queue(&waiting.queue).credits.of(waiting.priority) + place.boost(self.now);
            let wait = self.now.duration_since(waiting.enqueued_at);
            (Reverse(wait + SignedDuration::from_secs(credit)), waiting.enqueued_at, waiting.conversation)
        });
        for id in order.iter().map(|place| place.waiting.conversation).collect::<Vec<_>>() {
            if let Some((agent, chosen)) = self.best(&self.waiting[&id]) {
                self.give(id, agent, chosen, effects);
            }
        }
    }

    fn best(&self, place: &NaiveWaiting) -> Option<(AgentId, Chosen)> {
        let waiting = &place.waiting;
        let rules = self.queue(&waiting.queue);
        let weight = self.rules.weights.of(&waiting.kind);
        let fitting: Vec<_> = self
            .agents
            .iter()
            .filter(|(_, agent)| agent.reachable() && agent.room(&waiting.kind, weight))
            .filter(|(_, agent)| agent.fits(place, self.now))
            .filter(|(id, _)| place.cooling.get(id).is_none_or(|&until| until <= self.now))
            .collect();
        if place.kept_for(self.now).is_some() {
            return fitting.first().map(|(id, _)| (**id, Chosen::Reserved));
        }
        let sticky = rules.sticky.is_some_and(|sticky| self.now < later(waiting.enqueued_at, sticky));
        if let Some(previous) = waiting.previous_agent.filter(|_| sticky)
            && fitting.iter().any(|&(&id, _)| id == previous)
        {
            return Some((previous, Chosen::PreviousAgent));
        }
        let share = |agent: &NaiveAgent| {
            let capacity = agent.profile.as_ref().map_or(0, |profile| profile.capacity);
            (u64::from(agent.used()) * 1_000_000 / u64::from(capacity.max(1))) as u32
        };
        let wait = self.now.duration_since(waiting.enqueued_at);
        let asked: BTreeSet<&str> = waiting
            .requirements
            .iter()
            .filter(|need| need.level_at(wait) > 0)
            .map(|need| need.skill.as_str())
            .collect();
        let levels = |agent: &NaiveAgent| -> u32 {
            let skills = &agent.profile.as_ref().expect("who fits has a profile").skills;
            asked.iter().map(|&skill| u32::from(skills[skill].min(5))).sum()
        };
        let (id, agent) = fitting.into_iter().min_by_key(|(id, agent)| {
            let points = match rules.strategy {
                Strategy::LongestIdle => 0,
                Strategy::LeastLoaded => i64::from(share(agent)),
                Strategy::MostSkilled => -i64::from(levels(agent)),
            };
            (points, agent.idle, **id)
        })?;
        let chosen = match rules.strategy {
            Strategy::LongestIdle => Chosen::LongestIdle { since: agent.idle.0 },
            Strategy::LeastLoaded => Chosen::LeastLoaded { share: share(agent) },
            Strategy::MostSkilled => Chosen::MostSkilled { levels: levels(agent) },
        };
        Some((*id, chosen))
    }

    fn give(&mut self, id: ConversationId, agent: AgentId, chosen: Chosen, effects: &mut Vec<Effect>) {
        let waiting = self.waiting[&id].waiting.clone();
        let rules = self.queue(&waiting.queue);
        let weight = self.rules.weights.of(&waiting.kind);
        self.agent(agent).load.insert(id, (waiting.kind, weight));
        self.stir(agent);
        let offer = Offer {
            id: self.ids.next(self.now),
            conversation: id,
            epoch: waiting.epoch,
            queue: waiting.queue,
            agent,
            chosen,
            made_at: self.now,
            expires_at: later(self.now, rules.offer_timeout.max(Duration::from_secs(1))),
        };
        if rules.auto_accept {
            return self.assign(id, agent, None, effects);
        }
        self.waiting.get_mut(&id).expect("what is given waits").offer = Some(offer.clone());
        effects.push(Effect::Offered(offer));
    }
}

/// One step of a random life, still free of what has happened before it.
#[derive(Debug, Clone)]
enum Step {
    Agent(AgentProfile),
    Remove(AgentId),
    Presence(AgentId, Presence),
    /// The epoch, relative to the one known; how many seconds ago it was first enqueued.
    Enqueue(Waiting, i32, i64),
    /// The same, and for whom it is kept for how many seconds, and its boosts after how many.
    Favoured(Waiting, i32, i64, Option<(AgentId, i64)>, Vec<(i64, u32)>),
    Leave(ConversationId),
    Ready(AgentId),
    Hold(ConversationId, AgentId, &'static str),
    /// Which offer of those pending or of all that were made, by its own agent or another, at which relative epoch.
    Answer {
        accept: bool,
        pending: bool,
        offer: usize,
        agent: Option<AgentId>,
        epoch: i32,
    },
    Rules(DeskRules),
    Tick,
    TickAtDeadline,
}

fn agent_id() -> impl Gen<Value = AgentId> {
    (1..=AGENTS).prop_map(AgentId::from)
}

fn conversation_id() -> impl Gen<Value = ConversationId> {
    (1..=CONVERSATIONS).prop_map(ConversationId::from)
}

fn profile() -> impl Gen<Value = AgentProfile> {
    let queues = prop_oneof![
        2 => Just(Membership::Every),
        1 => collection::btree_set(sample::select(&QUEUES[..]).prop_map(String::from), 0..3).prop_map(Membership::Only),
    ];
    let skills = collection::btree_map(sample::select(&SKILLS[..]).prop_map(String::from), 0_u8..7, 0..4);
    let caps = collection::btree_map(sample::select(&KINDS[..]).prop_map(String::from), 0_u32..3, 0..2);
    let capacity = sample::select(vec![0, 20, 40, 60, 100]);
    (agent_id(), skills, queues, capacity, caps, prop::bool::weighted(0.9)).prop_map(
        |(id, skills, queues, capacity, caps, active)| AgentProfile { id, skills, queues, capacity, caps, active },
    )
}

fn requirement() -> impl Gen<Value = SkillNeed> {
    let step =
        (sample::select(vec![0, 20, 60, 400]), option::of(0_u8..5)).prop_map(|(after, min)| Relax { after, min });
    (sample::select(&SKILLS[..]), 0_u8..7, prop::bool::weighted(0.3), collection::vec(step, 0..3))
        .prop_map(|(skill, min, hard, relax)| SkillNeed { skill: skill.into(), min, hard, relax })
}

fn enqueue() -> impl Gen<Value = Step> {
    let priority = sample::select(vec![Priority::Low, Priority::Normal, Priority::High, Priority::Urgent]);
    let names = (sample::select(&QUEUES[..]), sample::select(&KINDS[..]));
    let requirements = collection::vec(requirement(), 0..3);
    let times = (-1..3_i32, sample::select(vec![-30_i64, 0, 0, 0, 50, 900, 4_000]));
    (conversation_id(), names, priority, requirements, option::of(agent_id()), times).prop_map(
        |(conversation, (queue, kind), priority, requirements, previous_agent, (epoch, ago))| {
            let waiting = Waiting::new(conversation, queue, kind, Timestamp::UNIX_EPOCH);
            Step::Enqueue(Waiting { priority, requirements, previous_agent, ..waiting }, epoch, ago)
        },
    )
}

/// The same, kept for somebody for so many seconds, and worth more from so many seconds on.
fn favoured() -> impl Gen<Value = Step> {
    let reserved = option::of((agent_id(), sample::select(vec![0_i64, 20, 100])));
    let boosts =
        collection::vec((sample::select(vec![-5_i64, 10, 60, 400]), sample::select(vec![0_u32, 600, 5_000])), 0..3);
    (enqueue(), reserved, boosts).prop_map(|(step, reserved, boosts)| match step {
        Step::Enqueue(waiting, epoch, ago) => Step::Favoured(waiting, epoch, ago, reserved, boosts),
        other => other,
    })
}

/// Open in every other minute for some minutes around the beginning of a life.
fn night_and_day() -> Arc<Calendar> {
    let spans: String = (0..6).map(|at| format!("\"8:{:02}-8:{:02}\",", 2 * at, 2 * at + 1)).collect();
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let week: String = days.iter().map(|day| format!("{day}: [{spans}],")).collect();
    let file = |name: &str, text: String| SourceFile { name: name.into(), text };
    let rules = routing::load(&[
        file("calendars.yaml", format!("calendars: {{minutes: {{week: {{{week}}}}}}}")),
        file("rules.yaml", "rules: [{name: all, then: [ignore]}]".into()),
    ]);
    Arc::clone(rules.rules.expect("the calendar loads").calendar("minutes").expect("it is there"))
}

fn rules() -> impl Gen<Value = DeskRules> {
    let strategy = sample::select(vec![Strategy::LongestIdle, Strategy::LeastLoaded, Strategy::MostSkilled]);
    let times = (0_u64..40, sample::select(vec![0_u64, 0, 15, 90]), option::weighted(0.2, Just(night_and_day())));
    let queue = (strategy, option::of(sample::select(vec![0, 100])), prop::bool::weighted(0.2), times).prop_map(
        |(strategy, sticky, auto_accept, (timeout, wrap_up, hours))| QueueRules {
            hours,
            wrap_up: Duration::from_secs(wrap_up),
            strategy,
            sticky: sticky.map(Duration::from_secs),
            auto_accept,
            offer_timeout: Duration::from_secs(timeout),
            credits: PriorityCredits { high: i64::try_from(timeout).unwrap_or(0) * 30, ..PriorityCredits::default() },
        },
    );
    let chat = sample::select(vec![0, 10, 25, 50]);
    ([queue.clone(), queue], chat, sample::select(vec![0, 40, 300]), 0..4_u32).prop_map(
        |([care, sales], chat, cooldown, expiries_before_away)| DeskRules {
            weights: Weights { by_kind: [("webchat".into(), chat), ("email".into(), 10)].into(), other: 20 },
            queues: [("care".into(), care), ("sales".into(), sales)].into(),
            cooldown: Duration::from_secs(cooldown),
            expiries_before_away,
        },
    )
}

fn step() -> impl Gen<Value = Step> {
    let presence = prop_oneof![4 => Just(Presence::Online), 1 => Just(Presence::Away), 1 => Just(Presence::Offline)];
    let answer = (
        prop::bool::weighted(0.6),
        prop::bool::weighted(0.7),
        0..4_usize,
        prop::bool::weighted(0.1),
        agent_id(),
        -1..9_i32,
    );
    prop_oneof![
        4 => profile().prop_map(Step::Agent),
        1 => agent_id().prop_map(Step::Remove),
        6 => (agent_id(), presence).prop_map(|(agent, presence)| Step::Presence(agent, presence)),
        8 => enqueue(),
        4 => favoured(),
        1 => agent_id().prop_map(Step::Ready),
        2 => conversation_id().prop_map(Step::Leave),
        1 => (conversation_id(), agent_id(), sample::select(&KINDS[..])).prop_map(|(c, a, kind)| Step::Hold(c, a, kind)),
        10 => answer.prop_map(|(accept, pending, offer, other, agent, epoch)| Step::Answer {
            accept,
            pending, offer, agent: other.then_some(agent), epoch: if epoch > 1 { 0 } else { epoch },
        }),
        1 => rules().prop_map(Step::Rules),
        3 => Just(Step::Tick),
        4 => Just(Step::TickAtDeadline),
    ]
}

/// Both desks in step, and what is to hold between and after all steps.
struct Life {
    desk: Desk,
    naive: Naive,
    now: Timestamp,
    made: Vec<Offer>,
    ended: usize,
    told: Vec<(Input, Timestamp, Vec<Effect>)>,
}

impl Life {
    fn new(rules: &DeskRules) -> Self {
        Self {
            desk: Desk::new(rules.clone(), Arc::new(IdClock::new(0))),
            naive: Naive::new(rules.clone()),
            now: Timestamp::from_second(1_800_000_000).expect("a moment"),
            made: Vec::new(),
            ended: 0,
            told: Vec::new(),
        }
    }

    fn input(&mut self, step: Step) -> Input {
        match step {
            Step::Agent(profile) => Input::AgentChanged(profile),
            Step::Remove(agent) => Input::AgentRemoved(agent),
            Step::Presence(agent, presence) => Input::Presence { agent, presence },
            Step::Leave(conversation) => Input::Leave(conversation),
            Step::Hold(conversation, agent, kind) => {
                let queue = Some(QUEUES[conversation.get() as usize % QUEUES.len()].to_owned());
                Input::Hold { conversation, agent, queue, kind: kind.into(), epoch: self.epoch(conversation) }
            }
            Step::Ready(agent) => Input::Ready(agent),
            Step::Favoured(waiting, epoch, ago, reserved, boosts) => {
                let at = |seconds| self.now + SignedDuration::from_secs(seconds);
                let mut boosts: Vec<Boost> =
                    boosts.into_iter().map(|(after, seconds)| Boost { at: at(after), seconds }).collect();
                boosts.sort_by_key(|boost| boost.at);
                boosts.dedup_by_key(|boost| boost.at);
                let reserved = reserved.map(|(agent, until)| Reserved { agent, until: at(until) });
                self.input(Step::Enqueue(Waiting { reserved, boosts, ..waiting }, epoch, ago))
            }
            Step::Enqueue(waiting, epoch, ago) => Input::Enqueue(Waiting {
                epoch: self.epoch(waiting.conversation).saturating_add_signed(epoch),
                enqueued_at: self.now - SignedDuration::from_secs(ago),
                ..waiting
            }),
            Step::Answer { accept, pending, offer, agent, epoch } => {
                let offers = if pending { self.naive.offers() } else { self.made.clone() };
                let Some(made) = offers.iter().rev().nth(offer) else { return Input::Tick };
                let (offer, agent) = (made.id, agent.unwrap_or(made.agent));
                let epoch = made.epoch.saturating_add_signed(epoch);
                if accept { Input::Accept { offer, agent, epoch } } else { Input::Decline { offer, agent, epoch } }
            }
            Step::Rules(rules) => Input::Rules(rules),
            Step::Tick => Input::Tick,
            Step::TickAtDeadline => {
                self.now = self.desk.next_deadline().unwrap_or(self.now);
                Input::Tick
            }
        }
    }

    fn epoch(&self, conversation: ConversationId) -> u32 {
        let waiting = self.naive.waiting.get(&conversation).map(|place| place.waiting.epoch);
        waiting.or(self.naive.held.get(&conversation).map(|held| held.1)).unwrap_or(1)
    }

    fn live(&mut self, step: Step, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        let input = self.input(step);
        let effects = self.desk.apply(input.clone(), self.now);
        let expected = self.naive.apply(input.clone(), self.now);
        assert_eq!(effects, expected, "{input:?}");
        self.told.push((input, self.now, effects.clone()));
        self.count(&effects);
        self.no_capacity_is_exceeded(&effects);
        self.each_conversation_is_in_one_place();
        self.nobody_waits_for_a_free_agent();
        self.nobody_is_overtaken(&effects);
        let Audit { unmatched, two_owners, wrong_loads, stray_offers, .. } = self.desk.audit(self.now);
        assert_eq!([unmatched, two_owners, wrong_loads, stray_offers], [0; 4]);
        assert!(self.desk.next_deadline().is_none_or(|at| at > self.naive.now), "what was due has happened");
    }

    fn count(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Offered(offer) => self.made.push(offer.clone()),
                Effect::OfferEnded { offer, .. } => {
                    assert!(self.made.contains(offer), "only what was made ends");
                    self.ended += 1;
                }
                _ => {}
            }
        }
        let pending: usize = self.desk.agents().map(|agent| agent.offers.len()).sum();
        assert_eq!(self.made.len(), self.ended + pending);
    }

    fn no_capacity_is_exceeded(&self, effects: &[Effect]) {
        for agent in effects.iter().filter_map(|effect| match effect {
            Effect::Offered(offer) => Some(offer.agent),
            Effect::Assigned(Assignment { agent, offer: None, .. }) => Some(*agent),
            _ => None,
        }) {
            let state = self.desk.agent(agent).expect("who is asked is known");
            assert!(state.load <= state.profile.capacity, "{state:?}");
        }
        for state in self.desk.agents() {
            let naive = &self.naive.agents[&state.profile.id];
            assert_eq!((state.load, state.presence), (naive.used(), naive.presence));
        }
    }

    fn each_conversation_is_in_one_place(&self) {
        let mut places = BTreeMap::<ConversationId, u32>::new();
        for queue in QUEUES {
            for (at, found) in self.desk.waiting(queue, self.now).enumerate() {
                let id = found.waiting.conversation;
                assert_eq!(self.desk.position(id), Some(at as u32 + 1));
                *places.entry(id).or_default() += 1;
                let debited = self.desk.agents().filter(|agent| agent.conversations().any(|c| c == id)).count();
                assert_eq!(debited, usize::from(found.offer.is_some()), "only the agent who is asked pays");
            }
            let waiting = self.desk.queue_status(queue, self.now).waiting as usize;
            assert_eq!(waiting, self.desk.waiting(queue, self.now).count());
        }
        let wrapping = self.naive.wrapping.iter().map(|(id, (agent, _))| (id, agent));
        for (&conversation, agent) in self.naive.held.iter().map(|(id, (agent, ..))| (id, agent)).chain(wrapping) {
            *places.entry(conversation).or_default() += 1;
            assert_eq!(
                self.desk
                    .agents()
                    .filter(|a| a.conversations().any(|c| c == conversation))
                    .map(|a| a.profile.id)
                    .collect::<Vec<_>>(),
                [*agent]
            );
        }
        assert!(places.values().all(|&count| count == 1), "{places:?}");
    }

    fn nobody_waits_for_a_free_agent(&self) {
        for queue in QUEUES {
            for found in self.desk.waiting(queue, self.now).filter(|found| found.offer.is_none()) {
                for agent in self.desk.agents() {
                    let why = self.desk.why_not(agent.profile.id, found.waiting.conversation, self.now);
                    assert!(matches!(&why, WhyNot::Hindered(hindrances) if !hindrances.is_empty()), "{why:?}");
                }
            }
        }
    }

    /// Of two of one kind the agent who was asked about the lower one must not have fitted the higher one.
    fn nobody_is_overtaken(&self, effects: &[Effect]) {
        let lookup = |id| {
            let of = |queue| self.desk.waiting(queue, self.now).find(|found| found.waiting.conversation == id);
            QUEUES.into_iter().find_map(of)
        };
        let offered = effects.iter().filter_map(|effect| match effect {
            Effect::Offered(offer) => Some((offer.agent, lookup(offer.conversation)?)),
            _ => None,
        });
        for (agent, lower) in offered {
            for higher in QUEUES.iter().flat_map(|queue| self.desk.waiting(queue, self.now)) {
                let is_higher = higher.score > lower.score && higher.waiting.kind == lower.waiting.kind;
                if higher.offer.is_some() || !is_higher {
                    continue;
                }
                let why = self.desk.why_not(agent, higher.waiting.conversation, self.now);
                let WhyNot::Hindered(hindrances) = why else { panic!("{why:?}") };
                let room = |h: &Hindrance| matches!(h, Hindrance::Capacity { .. } | Hindrance::Cap { .. });
                assert!(hindrances.iter().any(|h| !room(h)), "{agent} was asked about {lower:?} before {higher:?}");
            }
        }
    }

    fn replay(self, rules: DeskRules) {
        let mut again = Desk::new(rules, Arc::new(IdClock::new(0)));
        for (input, now, effects) in self.told {
            assert_eq!(again.apply(input, now), effects);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn the_desk_decides_as_the_naive_one_and_keeps_its_promises(
        rules in rules(),
        agents in collection::vec(profile(), 2..8),
        steps in collection::vec((step(), sample::select(vec![0_i64, 0, 0, 1, 1, 3, 7, 31, 60, 301, -200, -3_600])), 1..80),
    ) {
        let mut life = Life::new(&rules);
        for profile in agents {
            let id = profile.id;
            life.live(Step::Agent(profile), 0);
            life.live(Step::Presence(id, Presence::Online), 1);
        }
        for (step, seconds) in steps {
            life.live(step, seconds);
        }
        life.replay(rules);
    }

    /// Beyond one word of every bitset, and beyond the number at which the idle are walked.
    #[test]
    fn it_does_so_with_many_agents(
        rules in rules(),
        agents in collection::vec(profile(), 50..150),
        steps in collection::vec((enqueue(), sample::select(vec![0_i64, 1, 40])), 10..30),
    ) {
        let mut life = Life::new(&rules);
        for (id, profile) in (1_u64..).map(AgentId::from).zip(agents) {
            life.live(Step::Agent(AgentProfile { id, ..profile }), 0);
            life.live(Step::Presence(id, Presence::Online), i64::from(id.get() % 3 == 0));
        }
        for (step, seconds) in steps {
            life.live(step, seconds);
        }
    }
}
