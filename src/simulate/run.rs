//! One run: the next thing that happens, until the day is over.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
};

use contract::{Address, IdClock, Thread, Timestamp, clean_text};
use jiff::SignedDuration;

use super::{
    arrivals::Day,
    dice::{Dice, Purpose},
    report::{Longest, Offers},
    scenario::Scenario,
    state::{
        AgentAtWork, Conversation, DealtWith, Event, Queued, agent_id, agent_number, conversation_id,
        conversation_number,
    },
};
use crate::{
    alarms::{Alarm, RuleAlarm, next_due},
    desk::{Assignment, Desk, Effect, Input, Offer, Outcome, Person, Presence, desk_rules, input_for, profile},
    routing::{
        Action, Answer, ConversationFacts, Destination, Do, Facts, Handoff, MoodFacts, Now, Owner as OwnerFact,
        QueueFacts, RuleSet, SlaClock, Trigger, WhenClosed, decide, given_facts,
    },
    sla,
    store::{
        conversation::{Conversation as Record, Fired, Owner},
        entry::EntryAuthor,
    },
    understand::{Mood, Signals},
};

/// How often a customer asks the bot at most.
const MOST_QUESTIONS: u64 = 10;

/// A day that goes on.
pub(super) struct Run<'a> {
    pub rules: &'a RuleSet,
    pub scenario: &'a Scenario,
    day: &'a Day,
    read: &'a dyn Fn(&str) -> Signals,
    /// What rules see of each message of the day, once it has come.
    facts: Vec<Option<Arc<Facts>>>,
    pub desk: Desk,
    pub now: Timestamp,
    events: BinaryHeap<Reverse<(Timestamp, u64, Event)>>,
    /// Events so far: of those at one moment, the one planned first is first.
    planned: u64,
    pub conversations: Vec<Conversation>,
    pub agents: Vec<AgentAtWork>,
    pub offers: Offers,
    /// Each queue that had somebody waiting, when it was longest.
    pub longest: Vec<Longest>,
}

impl<'a> Run<'a> {
    /// The beginning of a day, with everybody who works from then on.
    pub fn new(rules: &'a RuleSet, scenario: &'a Scenario, day: &'a Day, read: &'a dyn Fn(&str) -> Signals) -> Self {
        let mut run = Self {
            rules,
            scenario,
            day,
            read,
            facts: vec![None; day.messages.len()],
            desk: Desk::new(desk_rules(rules), Arc::new(IdClock::new(0))),
            now: scenario.start,
            events: BinaryHeap::new(),
            planned: 0,
            conversations: Vec::with_capacity(day.arrivals.len()),
            agents: Vec::new(),
            offers: Offers::default(),
            longest: Vec::new(),
        };
        for (number, group) in scenario.agents.iter().enumerate() {
            let shifts = if group.shifts.is_empty() {
                vec![(scenario.start, scenario.end())]
            } else {
                scenario.when(&group.shifts)
            };
            for of_group in 1..=group.count {
                let agent = run.agents.len();
                let name = if group.count == 1 { group.name.clone() } else { format!("{} {of_group}", group.name) };
                run.agents.push(AgentAtWork::new(number, name));
                let (skills, languages, queues) = (&group.skills, &group.languages[..], &group.queues[..]);
                let (id, capacity) = (agent_id(agent), group.capacity);
                let caps = &BTreeMap::new();
                let person = Person { id, skills, languages, queues, capacity, caps, active: true };
                run.tell(Input::AgentChanged(profile(&person, rules)));
                for &(from, until) in &shifts {
                    run.plan_at(from, Event::ShiftBegins(agent));
                    run.plan_at(until, Event::ShiftEnds(agent));
                }
            }
        }
        run
    }

    /// Goes on to the next thing that happens; whether there was one before the end. At one moment the desk's
    /// deadlines come first, as they do in the desk itself, and new customers last.
    pub fn step(&mut self) -> bool {
        let deadline = self.desk.next_deadline();
        let event = self.events.peek().map(|Reverse((at, ..))| *at);
        let arrival = self.day.arrivals.get(self.conversations.len()).map(|arrival| arrival.at);
        let next = [deadline, event, arrival].into_iter().flatten().min().filter(|at| *at < self.scenario.end());
        let Some(at) = next else {
            self.pass(self.scenario.end());
            return false;
        };
        self.pass(at);
        if deadline == next {
            self.tell(Input::Tick);
        } else if event == next
            && let Some(Reverse((.., event))) = self.events.pop()
        {
            self.happen(event);
        } else {
            self.arrive();
        }
        true
    }

    /// Lets time pass, and notes what agents did meanwhile.
    fn pass(&mut self, until: Timestamp) {
        let passed = u64::try_from(until.duration_since(self.now).as_millis()).unwrap_or(0);
        self.now = self.now.max(until);
        if passed == 0 {
            return;
        }
        for state in self.desk.agents() {
            let Some(agent) = self.agents.get_mut(agent_number(state.profile.id)) else { continue };
            if state.presence != Presence::Offline {
                agent.at_work += passed;
            }
            if state.load > 0 {
                agent.busy += passed;
            }
            agent.loaded += u64::from(state.load) * passed;
        }
    }

    fn plan(&mut self, after: SignedDuration, event: Event) {
        self.plan_at(self.now.checked_add(after).unwrap_or(Timestamp::MAX), event);
    }

    fn plan_at(&mut self, at: Timestamp, event: Event) {
        self.planned += 1;
        self.events.push(Reverse((at, self.planned, event)));
    }

    fn dice(&self, purpose: Purpose, of: usize, throw: u64) -> Dice {
        Dice::new(self.scenario.seed, purpose, (of as u64, throw))
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ShiftBegins(agent) => {
                self.agents[agent].on_shift = true;
                self.be(agent, Presence::Online);
            }
            Event::ShiftEnds(agent) => {
                self.agents[agent].on_shift = false;
                self.leave_work(agent);
            }
            Event::Returns(agent) if self.agents[agent].on_shift => self.be(agent, Presence::Online),
            Event::Returns(_) => {}
            Event::AsksAgain(number) => self.ask(number),
            Event::GivesUp(number) => {
                if self.conversations[number].queued.as_ref().is_some_and(|queued| queued.left.is_none()) {
                    self.leave_queue(number);
                }
            }
            Event::Rings(number) => self.ring(number),
            Event::Answers { conversation, offer: id, accepts } => {
                let stands = self.conversations[conversation].offer.as_ref().filter(|offer| offer.id == id);
                if let Some(&Offer { agent, epoch, .. }) = stands {
                    let offer = id;
                    self.tell(if accepts {
                        Input::Accept { offer, agent, epoch }
                    } else {
                        Input::Decline { offer, agent, epoch }
                    });
                }
            }
            Event::Ends(number) => self.end(number),
        }
    }

    fn be(&mut self, agent: usize, presence: Presence) {
        self.tell(Input::Presence { agent: agent_id(agent), presence });
    }

    /// An agent whose shift is over takes nothing new, and goes when they have nothing left.
    fn leave_work(&mut self, agent: usize) {
        let AgentAtWork { on_shift, holds, .. } = self.agents[agent];
        if !on_shift {
            self.be(agent, if holds > 0 { Presence::Away } else { Presence::Offline });
        }
    }

    fn end(&mut self, number: usize) {
        let now = self.now;
        let Some(Queued { left: Some((_, Some(agent))), ended, .. }) = &mut self.conversations[number].queued else {
            return;
        };
        *ended = Some(now);
        let agent = *agent;
        self.settle(number, SlaClock::Resolution);
        self.close(number);
        self.agents[agent].holds -= 1;
        self.tell(Input::Leave(conversation_id(number)));
        self.leave_work(agent);
    }

    fn arrive(&mut self) {
        let number = self.conversations.len();
        let message = self.day.arrivals[number].message;
        let facts = match &self.facts[message] {
            Some(facts) => Arc::clone(facts),
            None => {
                let facts = Arc::new(self.facts_of(message));
                self.facts[message] = Some(Arc::clone(&facts));
                facts
            }
        };
        let mut facts = Facts::clone(&facts);
        facts.conversation.id = conversation_id(number).to_string();
        facts.conversation.opened_at = Some(self.now);
        let bot = Some(Box::new((facts, Mood::default())));
        self.conversations.push(Conversation { bot, ..Conversation::default() });
        self.ask(number);
    }

    /// What rules see of a customer who writes this as their first message.
    fn facts_of(&self, message: usize) -> Facts {
        let message = &self.day.messages[message];
        let text = clean_text(&message.text);
        let signals = (self.read)(&text);
        // Facts are checked where they are read.
        let mut facts = given_facts(&message.facts, Some(&signals)).unwrap_or_default();
        facts.message.text = text;
        facts.message.channel.clone_from(&message.channel);
        facts.message.kind.clone_from(&message.kind);
        let counts = [
            &mut facts.conversation.messages,
            &mut facts.customer.contacts_24h,
            &mut facts.customer.contacts_7d,
            &mut facts.customer.open_conversations,
        ];
        // They count this one.
        counts.into_iter().for_each(|count| *count = (*count).max(1));
        if facts.customer.channels.is_empty() {
            facts.customer.channels.push(message.kind.clone());
        }
        facts
    }

    fn queue_facts(&self) -> Arc<BTreeMap<String, QueueFacts>> {
        let status = |name: &String| (name.clone(), self.desk.queue_status(name, self.now).into());
        Arc::new(self.rules.queues().keys().map(status).collect())
    }

    /// A customer writes to the bot, and rules decide.
    fn ask(&mut self, number: usize) {
        let Some(bot) = self.conversations[number].bot.take() else { return };
        let (mut facts, mut mood) = *bot;
        if let Some(label) = facts.message.sentiment.label {
            #[expect(clippy::cast_possible_truncation, reason = "it was made of one")]
            let score = facts.message.sentiment.score.unwrap_or_default() as f32;
            mood = mood.after_tone(label, score);
        }
        facts.conversation.mood = MoodFacts::of(mood, facts.conversation.messages);
        facts.now = Now { time: self.now };
        facts.queues = self.queue_facts();
        let decision = decide(self.rules, &facts);
        let conversation = &mut self.conversations[number];
        conversation.asked += 1;
        let asked = conversation.asked;
        let otherwise = match decision.destination {
            Some(Destination::Answer(Answer { otherwise, .. }) | Destination::Do(Do { otherwise, .. })) => otherwise,
            Some(Destination::Handoff(handoff)) => return self.enqueue(number, &handoff, facts),
            Some(Destination::Close | Destination::Ignore) | None => {
                conversation.dealt_with = DealtWith::Rule;
                return;
            }
        };
        let mut dice = self.dice(Purpose::Bot, number, asked);
        if dice.happens(self.scenario.bot.answers) {
            self.conversations[number].dealt_with = DealtWith::Bot;
        } else if let Destination::Handoff(handoff) = otherwise.destination {
            self.enqueue(number, &handoff, facts);
        } else if asked < MOST_QUESTIONS && dice.happens(self.scenario.bot.asks_again) {
            note(decision.actions.into_iter().chain(otherwise.actions), &mut facts.conversation);
            facts.conversation.messages += 1;
            facts.conversation.bot_misses += 1;
            self.conversations[number].bot = Some(Box::new((facts, mood)));
            self.plan(self.scenario.bot.after.draw(&mut dice), Event::AsksAgain(number));
        }
    }

    fn enqueue(&mut self, number: usize, handoff: &Handoff, facts: Facts) {
        let closed = self.rules.closed_hours(&handoff.queue, self.now);
        if closed.is_some_and(|hours| hours.closed == WhenClosed::Reply) {
            return;
        }
        let message = &self.day.messages[self.day.arrivals[number].message];
        let thread = Thread { channel: message.channel.clone(), key: String::new() };
        let address = Address { space: String::new(), handle: String::new() };
        let id = conversation_id(number);
        let mut record = Record::open(id, &thread, &message.kind, address, id.get().into(), self.now);
        record.follow(handoff, self.now);
        let rules_wait = [Trigger::Waiting, Trigger::SlaRisk].iter().any(|on| !self.rules.thresholds(*on).is_empty());
        let conversation = &mut self.conversations[number];
        conversation.dealt_with = DealtWith::People;
        conversation.queued = Some(Queued {
            record,
            facts: rules_wait.then(|| Box::new(facts)),
            checked: None,
            promises: Vec::new(),
            queue: handoff.queue.clone(),
            priority: handoff.priority,
            at: self.now,
            left: None,
            ended: None,
        });
        if let Some(patience) = self.scenario.patience {
            let patience = patience.draw(&mut self.dice(Purpose::Patience, number, 0));
            self.plan(patience, Event::GivesUp(number));
        }
        self.waits(number);
    }

    /// Tells the desk of a conversation that waits, and plans what is due in it.
    fn waits(&mut self, number: usize) {
        let Some(queued) = &self.conversations[number].queued else { return };
        let handoff = queued.record.handoff.as_ref();
        let queue = handoff.map(|handoff| handoff.queue.clone()).unwrap_or_default();
        let due = next_due(&queued.record, self.rules, queued.checked);
        let input = input_for(&queued.record, self.rules);
        if let Some(due) = due {
            self.plan_at(due.at.max(self.now), Event::Rings(number));
        }
        if let Some(input) = input {
            self.tell(input);
        }
        self.note_length(queue);
    }

    /// What is due in a conversation that waits: its escalation, or rules.
    fn ring(&mut self, number: usize) {
        let now = self.now;
        let Some(queued) = &mut self.conversations[number].queued else { return };
        let due = next_due(&queued.record, self.rules, queued.checked).filter(|due| due.at <= now);
        let Some(due) = due.filter(|_| queued.record.owner == Owner::Queue) else { return };
        match due.alarm {
            Alarm::Escalate => _ = queued.record.escalate(),
            Alarm::Rules(alarm) if self.run_rules(number, alarm) => {}
            // Nobody who waits owes a first reply, nobody is called or asked, and nothing is planned.
            Alarm::Rules(_) | Alarm::NoReply | Alarm::Call | Alarm::AgentCall | Alarm::Thinking | Alarm::Planned => {
                let Some(queued) = &mut self.conversations[number].queued else { return };
                queued.checked = Some(due);
            }
        }
        if self.conversations[number].queued.as_ref().is_some_and(|queued| queued.left.is_none()) {
            self.waits(number);
        }
    }

    /// Runs the rules that waited for this moment; whether one did anything.
    fn run_rules(&mut self, number: usize, alarm: RuleAlarm) -> bool {
        let queues = self.queue_facts();
        let Some(Queued { record, facts: Some(facts), .. }) = &mut self.conversations[number].queued else {
            return false;
        };
        let handoff = record.handoff.as_ref();
        (facts.on, facts.after, facts.now, facts.queues) = (alarm.on, alarm.after, Now { time: self.now }, queues);
        let of = &mut facts.conversation;
        (of.owner, of.queue) = (OwnerFact::Queue, handoff.map(|handoff| handoff.queue.clone()));
        (of.priority, of.waiting) = (record.priority, handoff.map(|handoff| self.now.duration_since(handoff.at)));
        of.sla = sla::facts(record, self.rules, self.now);
        let decision = decide(self.rules, facts);
        if decision.matched.is_empty() {
            return false;
        }
        record.fired.insert(alarm.spell, Fired { since: alarm.since, up_to: alarm.after });
        note(decision.actions.into_iter(), &mut facts.conversation);
        record.priority = facts.conversation.priority;
        let closed = |queue: &str| self.rules.closed_hours(queue, self.now).map(|hours| hours.closed);
        match decision.destination {
            Some(Destination::Handoff(handoff)) if closed(&handoff.queue) != Some(WhenClosed::Reply) => {
                record.follow(&handoff, self.now);
            }
            Some(Destination::Close) => self.leave_queue(number),
            _ => {}
        }
        true
    }

    /// A customer waits no longer: they have enough, or a rule has.
    fn leave_queue(&mut self, number: usize) {
        let now = self.now;
        let Some(queued) = &mut self.conversations[number].queued else { return };
        queued.left = Some((now, None));
        let late: Vec<_> = self.late(&self.conversations[number]).collect();
        self.conversations[number].queued.iter_mut().for_each(|queued| queued.promises.extend(&late));
        self.close(number);
        self.tell(Input::Leave(conversation_id(number)));
    }

    fn close(&mut self, number: usize) {
        let now = self.now;
        self.conversations[number].queued.iter_mut().for_each(|queued| queued.record.close(now));
    }

    /// Whether a promise was kept, now that it is decided.
    fn settle(&mut self, number: usize, clock: SlaClock) {
        let Some(queued) = &mut self.conversations[number].queued else { return };
        let promise = sla::promises(&queued.record, self.rules).find(|promise| promise.clock == clock);
        queued.promises.extend(promise.map(|promise| (clock, self.now <= promise.due)));
    }

    /// The promises that are broken although nobody has done what was promised yet.
    pub fn late<'c>(&'c self, conversation: &'c Conversation) -> impl Iterator<Item = (SlaClock, bool)> + 'c {
        let promises = conversation.queued.iter().flat_map(|queued| sla::promises(&queued.record, self.rules));
        promises.filter(|promise| promise.due < self.now).map(|promise| (promise.clock, false))
    }

    fn note_length(&mut self, queue: String) {
        let waiting = self.desk.queue_status(&queue, self.now).waiting;
        match self.longest.iter_mut().find(|longest| longest.queue == queue) {
            Some(longest) if longest.waiting >= waiting => {}
            Some(longest) => *longest = Longest { waiting, at: self.now, queue },
            None => self.longest.push(Longest { queue, waiting, at: self.now }),
        }
    }

    fn tell(&mut self, input: Input) {
        for effect in self.desk.apply(input, self.now) {
            match effect {
                Effect::Offered(offer) => self.offered(offer),
                Effect::OfferEnded { offer, outcome } => {
                    self.conversations[conversation_number(offer.conversation)].offer = None;
                    match outcome {
                        Outcome::Accepted => self.offers.accepted += 1,
                        Outcome::Declined => self.offers.declined += 1,
                        Outcome::Expired => self.offers.expired += 1,
                        Outcome::Withdrawn(_) => self.offers.withdrawn += 1,
                    }
                }
                Effect::Assigned(Assignment { conversation, agent, .. }) => {
                    self.assigned(conversation_number(conversation), agent_number(agent));
                }
                Effect::WentAway(agent) => {
                    let number = agent_number(agent);
                    let agent = &mut self.agents[number];
                    agent.set_away += 1;
                    let times = agent.set_away;
                    let away = self.scenario.away.draw(&mut self.dice(Purpose::Away, number, times));
                    self.plan(away, Event::Returns(number));
                }
                // Nothing is told to the desk that it does not know already.
                Effect::Refused(_) => {}
            }
        }
    }

    /// An agent is asked; how they will answer is drawn now.
    fn offered(&mut self, offer: Offer) {
        self.offers.made += 1;
        let number = conversation_number(offer.conversation);
        let conversation = &mut self.conversations[number];
        conversation.offered += 1;
        let (id, times) = (offer.id, conversation.offered);
        conversation.offer = Some(offer);
        let mut dice = self.dice(Purpose::Offer, number, times);
        let answer = dice.share();
        let accepts = answer <= self.scenario.accept;
        if accepts || answer <= self.scenario.accept + self.scenario.decline {
            let reaction = self.scenario.reaction.draw(&mut dice);
            self.plan(reaction, Event::Answers { conversation: number, offer: id, accepts });
        }
    }

    fn assigned(&mut self, number: usize, agent: usize) {
        let now = self.now;
        self.settle(number, SlaClock::FirstReply);
        let Some(queued) = &mut self.conversations[number].queued else { return };
        queued.left = Some((now, Some(agent)));
        queued.record.assign(agent_id(agent), now);
        queued.record.said(now, EntryAuthor::Agent { id: agent_id(agent), name: String::new() }, "");
        let queue = queued.record.handoff.as_ref().map_or("", |handoff| &handoff.queue);
        let length = self.scenario.handling.of(queue, &queued.record.kind);
        self.agents[agent].holds += 1;
        self.agents[agent].accepted += 1;
        let handling = length.draw(&mut self.dice(Purpose::Handling, number, 0));
        self.plan(handling, Event::Ends(number));
    }
}

/// Notes what rules did to a conversation, for its next message.
fn note(actions: impl Iterator<Item = Action>, conversation: &mut ConversationFacts) {
    for action in actions {
        match action {
            Action::Tag(tag) => conversation.tags.push(tag),
            Action::Untag(tag) => conversation.tags.retain(|known| *known != tag),
            Action::Set { name, value } => _ = conversation.attributes.insert(name, value),
            Action::Priority(priority) => conversation.priority = priority,
            Action::Reply { .. } | Action::Satisfaction { .. } | Action::Notify(_) => {}
        }
    }
}
