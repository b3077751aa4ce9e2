//! One message, one turn: what it changes, as values. Pure; [`crate::worker`] does the waiting around it.
//!
//! A second opinion on a message, which comes after its turn, is a turn of its own kind; so is a moment for which rules
//! waited.
//!
//! A turn is begun on what was recalled, carries out a decision, and ends in one [`Commit`]. Whatever it computed is
//! void when the conversation changed in the meantime: the commit is refused, and the turn is begun again.

mod acting;
mod satisfaction;
mod thinking;
mod verifying;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use contract::{
    Author, Body, ChallengeId, Content, ConversationId, EntryId, IdClock, Inbound, MessageId, Outbound, OutboundId,
    Sender, Thread, Timestamp, truncate_chars,
};
use jiff::SignedDuration;
use serde_json::value::to_raw_value;

use crate::{
    actions::{Permission, Planned},
    alarms::{self, RuleAlarm},
    bot::Citation,
    calls::Returned,
    identity::{Identity, Verifier, identify},
    measure::note,
    models::Thought,
    routing::{
        Action, ConversationFacts, CustomerFacts, Decision, Destination, Facts, Handoff as HandoffDecision,
        MessageFacts, MoodFacts, Now, Otherwise, Owner as OwnerFact, QueueFacts, RuleSet, TemplateContext, Trigger,
        WhenClosed,
    },
    satisfaction::RatingLinks,
    sla,
    store::{
        Commit, Recall, Taken,
        conversation::{Conversation, Fired, Owner, TicketNumber},
        customer::Merge,
        entry::{DecisionRecord, Entry, EntryAuthor, Event, TurnRecord, What},
        outbox::DeliveryState,
    },
    tickets::{Links, Named},
    understand::Signals,
};

/// How many characters of the customer's words a handoff's summary repeats.
const SUMMARY_CHARS: usize = 280;
/// The tag of a conversation that came to a closed queue and is answered later.
const TICKET: &str = "ticket";

/// What a turn needs to know beside the message and what was recalled.
pub struct Setting<'a> {
    /// Where ids come from.
    pub ids: &'a IdClock,
    /// The moment of the turn.
    pub now: Timestamp,
    /// The queues, now.
    pub queues: &'a Arc<BTreeMap<String, QueueFacts>>,
    /// Logins of agents.
    pub login: &'a (dyn Fn(contract::AgentId) -> Option<String> + Sync),
    /// How long after closing a conversation goes on when the customer writes again.
    pub reopen_within: SignedDuration,
    /// The state that a reply on this message's channel starts in.
    pub reply_state: DeliveryState,
    /// The rules in force.
    pub rules: &'a RuleSet,
    /// The conversation that the message says it belongs to, where its writer has no part in that one.
    pub related: Option<ConversationId>,
    /// Another conversation of the same customer, in which an action waits for their word.
    pub elsewhere: Option<Arc<Conversation>>,
    /// Who writes, and what they are vouched for: see [`vouched`].
    pub from: &'a Sender,
    /// How customers can prove who they are.
    pub verifier: &'a Verifier,
    /// The number that the conversation is given if it needs one; `None` where it has one.
    pub number: Option<TicketNumber>,
    /// Where tickets' pages are.
    pub links: &'a Links,
    /// Links to a page to rate on, where buttons of this message's channel do not come back.
    pub rating_links: Option<&'a RatingLinks>,
}

pub use acting::{Hearing, Stage};
pub use thinking::After;
pub use verifying::{vouched, waiting};

/// Why a turn is taken.
#[derive(Clone, Copy)]
pub enum Occasion<'s> {
    /// A message was accepted.
    Message {
        /// Which one.
        id: MessageId,
        /// What it means.
        signals: &'s Arc<Signals>,
    },
    /// A message whose turn is committed means something else, by a second opinion.
    Opinion {
        /// The conversation that it stands in.
        conversation: ConversationId,
        /// Which one.
        of: MessageId,
        /// What it meant at its turn.
        at_first: &'s Signals,
        /// What it means.
        signals: &'s Arc<Signals>,
    },
    /// A moment has come for which rules waited.
    Time {
        /// The conversation.
        conversation: ConversationId,
        /// The customer's last message in it.
        of: MessageId,
        /// What has come.
        alarm: RuleAlarm,
        /// Whether that still holds of the conversation as it is.
        stands: &'s (dyn Fn(&Conversation) -> bool + Sync),
        /// What the message means.
        signals: &'s Arc<Signals>,
    },
    /// A business system answered the call that an action waits for, or did not.
    Called {
        /// The conversation.
        conversation: ConversationId,
        /// The customer's last message in it.
        of: MessageId,
        /// Which call.
        key: &'s str,
        /// What came of it.
        returned: &'s Returned,
        /// How long that took; not known where it was given up.
        took: Option<Duration>,
        /// What the message means.
        signals: &'s Arc<Signals>,
    },
    /// The moment of something has come that the bot does by itself.
    Planned {
        /// The conversation.
        conversation: ConversationId,
        /// The customer's last message in it.
        of: MessageId,
        /// What was planned.
        planned: &'s Planned,
        /// What the message means.
        signals: &'s Arc<Signals>,
    },
    /// The customer has proven who they are, by the link that came with a code.
    Proven {
        /// The conversation.
        conversation: ConversationId,
        /// The customer's last message in it.
        of: MessageId,
        /// Which code.
        challenge: ChallengeId,
        /// What the message means.
        signals: &'s Arc<Signals>,
    },
    /// A model answered what it was asked, or did not.
    Thought {
        /// The conversation.
        conversation: ConversationId,
        /// The message that it was asked about.
        of: MessageId,
        /// Which question.
        key: &'s str,
        /// What came of it.
        thought: &'s Thought,
        /// What the message means.
        signals: &'s Arc<Signals>,
    },
}

/// A turn in the making.
pub struct Turn<'a> {
    setting: &'a Setting<'a>,
    inbound: &'a Arc<Inbound>,
    message: MessageId,
    /// The entry that it is noted in.
    entry: EntryId,
    signals: Arc<Signals>,
    identity: Identity,
    recall: &'a Recall,
    conversation: Conversation,
    opening: Vec<Entry>,
    entries: Vec<Entry>,
    outbox: Vec<(OutboundId, DeliveryState)>,
    decision: Option<DecisionRecord>,
    on: Trigger,
    /// What has come, where time brought the turn about.
    alarm: Option<RuleAlarm>,
    /// What it is, where no customer and no rule brought it about.
    event: Option<Event>,
    /// What may be done about a code that is to be sent.
    permission: Option<Permission>,
    /// What the bot has found out in an action that ended.
    gathered: Option<String>,
    /// Whether the bot speaks without having been asked.
    unasked: bool,
    /// Whether it took over what waited in another conversation.
    followed: bool,
    /// Whether it answers how it was, and is for no rule.
    is_rating: bool,
}

impl<'a> Turn<'a> {
    /// Begins one for a message. `None` when there is nothing to do: it is done already, or comes too late.
    #[must_use]
    pub fn begin(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        inbound: &'a Arc<Inbound>,
        occasion: Occasion<'_>,
    ) -> Option<Self> {
        match occasion {
            Occasion::Message { id, signals } => Self::first(setting, recall, id, inbound, Arc::clone(signals)),
            Occasion::Opinion { conversation, of, at_first, signals } => {
                Self::again(setting, recall, (conversation, of), inbound, at_first, Arc::clone(signals))
            }
            Occasion::Time { conversation, of, alarm, stands, signals } => {
                let before = recall.conversation.as_ref().filter(|c| c.id == conversation && stands(c))?;
                Some(Self::on_time(setting, recall, (before, of), inbound, alarm, Arc::clone(signals)))
            }
            Occasion::Called { conversation, of, key, returned, took, signals } => {
                let before = recall.conversation.as_ref().filter(|c| c.id == conversation && c.waits_for(key))?;
                Some(Self::on_answer(setting, recall, (before, of), inbound, (returned, took), Arc::clone(signals)))
            }
            Occasion::Planned { conversation, of, planned, signals } => {
                let stands = |c: &Conversation| alarms::planned(c).is_some_and(|(_, next)| next == planned);
                let before = recall.conversation.as_ref().filter(|c| c.id == conversation && stands(c))?;
                let event = Event::ActionBegun { action: planned.action.clone() };
                Some(Self::by_itself(setting, recall, (before, of), inbound, event, Arc::clone(signals)))
            }
            Occasion::Proven { conversation, of, challenge, signals } => {
                let before = recall.conversation.as_ref().filter(|c| c.id == conversation)?;
                Self::on_proof(setting, recall, (before, challenge), of, inbound, Arc::clone(signals))
            }
            Occasion::Thought { conversation, of, key, thought, signals } => {
                let thinks = |c: &&Arc<Conversation>| c.id == conversation && c.thinks_about(key);
                let before = recall.conversation.as_ref().filter(thinks)?;
                let event = Event::ModelThought(thought.account.clone());
                Some(Self::by_itself(setting, recall, (before, of), inbound, event, Arc::clone(signals)))
            }
        }
    }

    /// Notes the message in its conversation: the one that its thread has, or a new one. `None` when its turn is
    /// committed already.
    fn first(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        message: MessageId,
        inbound: &'a Arc<Inbound>,
        signals: Arc<Signals>,
    ) -> Option<Self> {
        let before = recall.conversation.as_ref();
        if before.and_then(|c| c.last_message).is_some_and(|last| last == message) {
            return None;
        }
        let identity = identify(recall, setting.from, setting.ids, setting.now);
        if let Some((before, heard)) = satisfaction::answer(before, inbound, &signals, setting.now) {
            return Some(Self::on_rating(setting, recall, (before, message), inbound, heard, (identity, signals)));
        }
        let (conversation, events) = continued(setting, recall, inbound, &identity);
        let mut turn = Self::new(setting, recall, inbound, message, signals, identity, conversation);
        turn.open_with(events);
        turn.note_message();
        Some(turn)
    }

    /// Looks once more at a message that means something else than it did `at_first`. `None` when its conversation is
    /// closed, or another one has taken its place.
    fn again(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        (conversation, message): (ConversationId, MessageId),
        inbound: &'a Arc<Inbound>,
        at_first: &Signals,
        signals: Arc<Signals>,
    ) -> Option<Self> {
        let before = recall.conversation.as_ref().filter(|c| c.id == conversation && c.owner != Owner::Closed)?;
        let mut conversation = Conversation::clone(before);
        if at_first.sentiment.label.known().is_none() {
            conversation.mood = conversation.mood.after(&signals);
        }
        if let (None, Some(language)) = (at_first.language.known(), signals.language.known())
            && before.last_message == Some(message)
        {
            conversation.language.clone_from(language);
        }
        let identity = known(setting, recall, inbound);
        let new = Self::new(setting, recall, inbound, message, signals, identity, conversation);
        Some(Self { on: Trigger::Signals, entry: setting.ids.next(setting.now), ..new })
    }

    fn on_time(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        (before, message): (&Conversation, MessageId),
        inbound: &'a Arc<Inbound>,
        alarm: RuleAlarm,
        signals: Arc<Signals>,
    ) -> Self {
        let mut conversation = before.clone();
        conversation.fired.insert(alarm.spell, Fired { since: alarm.since, up_to: alarm.after });
        let identity = known(setting, recall, inbound);
        let new = Self::new(setting, recall, inbound, message, signals, identity, conversation);
        Self { on: alarm.on, alarm: Some(alarm), entry: setting.ids.next(setting.now), ..new }
    }

    fn on_answer(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        (before, message): (&Conversation, MessageId),
        inbound: &'a Arc<Inbound>,
        (returned, took): (&Returned, Option<Duration>),
        signals: Arc<Signals>,
    ) -> Self {
        let action = before.dialogue.as_ref().map(|dialogue| dialogue.action.clone()).unwrap_or_default();
        let millis = took.map(|took| u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
        let event = Event::ActionCalled { action, outcome: returned.word(), millis };
        Self::by_itself(setting, recall, (before, message), inbound, event, signals)
    }

    /// What no customer and no rule brings about.
    fn by_itself(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        (before, message): (&Conversation, MessageId),
        inbound: &'a Arc<Inbound>,
        event: Event,
        signals: Arc<Signals>,
    ) -> Self {
        let identity = known(setting, recall, inbound);
        let new = Self::new(setting, recall, inbound, message, signals, identity, before.clone());
        Self { on: Trigger::Signals, entry: setting.ids.next(setting.now), event: Some(event), ..new }
    }

    fn new(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        inbound: &'a Arc<Inbound>,
        message: MessageId,
        signals: Arc<Signals>,
        identity: Identity,
        conversation: Conversation,
    ) -> Self {
        Self {
            setting,
            inbound,
            message,
            entry: message.into(),
            signals,
            identity,
            recall,
            conversation,
            opening: Vec::new(),
            entries: Vec::new(),
            outbox: Vec::new(),
            decision: None,
            on: Trigger::Message,
            alarm: None,
            event: None,
            permission: None,
            gathered: None,
            unasked: false,
            followed: false,
            is_rating: false,
        }
    }

    /// Notes what happened before what brought the turn about.
    fn open_with(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let entry = self.entry(EntryAuthor::System, What::Event { event });
            self.opening.push(entry);
        }
    }

    /// The conversation as it was recalled.
    fn before(&self) -> Option<&'a Conversation> {
        self.recall.conversation.as_deref()
    }

    fn note_message(&mut self) {
        self.vouch();
        let conversation = &mut self.conversation;
        conversation.last_message = Some(self.message);
        conversation.customer_name.clone_from(&self.identity.customer.name);
        if let Some(language) = self.signals.language.known().filter(|_| !is_brief_answer(conversation, self.inbound)) {
            conversation.language.clone_from(language);
        }
        if conversation.subject.is_none() {
            conversation.subject = self.inbound.content.body().and_then(|body| body.subject.clone());
        }
        if let Content::Delete { of } = &self.inbound.content
            && *of == conversation.last_external_id
            && let Some(last) = conversation.last.as_mut().filter(|last| last.author == EntryAuthor::Customer)
        {
            last.text.clear();
        }
        if opens(self.inbound) {
            conversation.last_external_id.clone_from(&self.inbound.external_id);
            conversation.messages += 1;
            conversation.mood = conversation.mood.after(&self.signals);
        }
        let text = match &self.inbound.content {
            Content::Message(body) if body.text.is_empty() => {
                body.attachments.first().map_or("", |file| file.name.as_str())
            }
            content => content.text(),
        };
        if !text.is_empty() {
            conversation.said(self.setting.now, EntryAuthor::Customer, text);
        }
    }

    /// Whether rules look at it: always, but where a reaction, an edit or a deletion comes to a closed conversation, and
    /// where the customer did nothing, or nobody knows what.
    #[must_use]
    pub fn is_routed(&self) -> bool {
        let is_known = !matches!(self.inbound.content, Content::Bounce { .. } | Content::Other { .. });
        is_known && !self.is_rating && (self.conversation.owner != Owner::Closed || self.alarm.is_some())
    }

    /// The conversation as it stands so far.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// What rules see.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let conversation = &self.conversation;
        let before = self.before();
        let now = self.setting.now;
        let login = |agent| (self.setting.login)(agent);
        let last_agent = before.and_then(|before| before.agent.or(before.previous_agent)).and_then(login);
        let in_queue = conversation.handoff.as_ref().filter(|_| conversation.owner == Owner::Queue);
        let customer = &self.identity.customer;
        let is_new = conversation.version == 0;
        Facts {
            on: self.on,
            after: self.alarm.map_or(0, |alarm| alarm.after),
            message: MessageFacts::new(self.inbound, &self.signals),
            conversation: ConversationFacts {
                id: conversation.id.to_string(),
                owner: owner_fact(conversation.owner),
                queue: in_queue.map(|handoff| handoff.queue.clone()),
                action: conversation.dialogue.as_ref().map(|dialogue| dialogue.action.clone()),
                priority: conversation.priority,
                tags: conversation.tags.iter().cloned().collect(),
                attributes: conversation.attributes.clone(),
                messages: i64::from(conversation.messages),
                bot_turns: i64::from(conversation.bot_turns),
                bot_misses: i64::from(conversation.bot_misses),
                mood: MoodFacts::of(conversation.mood, conversation.messages.into()),
                opened_at: Some(conversation.opened_at),
                idle: before.and_then(Conversation::idle_since).map(|since| now.duration_since(since)),
                waiting: in_queue.map(|handoff| now.duration_since(handoff.at)),
                previous_agent: last_agent.clone(),
                reopened: conversation.reopened,
                language: Some(conversation.language.clone()).filter(|language| !language.is_empty()),
                sla: sla::facts(conversation, self.setting.rules, now),
            },
            customer: CustomerFacts {
                id: customer.id.to_string(),
                name: customer.name.clone(),
                language: customer.language.clone(),
                tier: customer.attributes.get("tier").cloned(),
                verified: conversation.is_verified(&self.inbound.from.address, now),
                attributes: customer.attributes.clone(),
                channels: kinds(&self.recall.ties.spaces, &self.inbound.kind),
                contacts_24h: i64::from(self.recall.ties.contacts.0) + i64::from(is_new),
                contacts_7d: i64::from(self.recall.ties.contacts.1) + i64::from(is_new),
                open_conversations: i64::from(self.recall.ties.open_conversations) + i64::from(is_new),
                first_seen: Some(customer.first_seen),
                last_seen: before.and_then(|before| before.last_message).map(MessageId::made_at),
                last_agent,
            },
            queues: Arc::clone(self.setting.queues),
            now: Now { time: now },
        }
    }

    /// Keeps the decision with the message, to be explained and replayed.
    ///
    /// # Errors
    /// The facts cannot be written as JSON, which is a defect.
    pub fn note_decision(&mut self, decision: &Decision, mut facts: Facts) -> Result<(), serde_json::Error> {
        // They follow from the message and its signals, which are kept anyway.
        facts.message = MessageFacts::default();
        self.decision = Some(DecisionRecord {
            rule_set: decision.rule_set.to_string(),
            rule: decision.rule.as_ref().or(decision.matched.last()).map(ToString::to_string).unwrap_or_default(),
            destination: decision.words(owner_fact(self.conversation.owner)),
            tags: decision
                .actions
                .iter()
                .filter_map(|action| if let Action::Tag(tag) = action { Some(tag.clone()) } else { None })
                .collect(),
            heard: String::new(),
            facts: to_raw_value(&facts)?,
        });
        Ok(())
    }

    /// An action heard the message instead: where the decision leads is not carried out.
    pub fn note_heard(&mut self, action: String) {
        if let Some(record) = &mut self.decision {
            record.heard = action;
        }
    }

    /// Carries out what comes before a destination, and a destination other than an answer. `position` is the place
    /// in the queue that a handoff leads to.
    pub fn carry_out(&mut self, actions: &[Action], destination: Option<&Destination>, position: Option<u32>) {
        let handoff = match destination {
            Some(Destination::Handoff(handoff)) => Some(handoff),
            _ => None,
        };
        let queue = handoff.map(|handoff| handoff.queue.as_str());
        let closed = queue.and_then(|queue| self.setting.rules.closed_hours(queue, self.setting.now));
        if let Some(queue) = queue.filter(|_| closed.is_none_or(|hours| hours.closed != WhenClosed::Reply)) {
            // Before anything is said, so that it can be named.
            self.give_ticket(queue, None);
        }
        // What is said while the queue is closed is said in place of what the rule says.
        let told = closed.and_then(|hours| hours.template.as_deref());
        for action in actions.iter().filter(|action| told.is_none() || !matches!(action, Action::Reply { .. })) {
            self.act(action, queue, position);
        }
        if let (Some(queue), Some(_)) = (queue, closed) {
            self.event(Event::QueueClosed { queue: queue.to_owned() });
        }
        if let Some(template) = told {
            self.act(&Action::Reply { template: template.to_owned() }, queue, None);
        }
        match destination {
            Some(Destination::Handoff(_)) if closed.is_some_and(|hours| hours.closed == WhenClosed::Reply) => {}
            Some(Destination::Handoff(handoff)) => {
                self.leave("handed_over");
                if closed.is_some_and(|hours| hours.closed == WhenClosed::Ticket) {
                    self.conversation.tags.insert(TICKET.to_owned());
                }
                self.hand_off(handoff);
            }
            Some(Destination::Close) => {
                self.leave("closed");
                self.conversation.close(self.setting.now);
                let by = self.decision.as_ref().map(|decision| decision.rule.clone()).unwrap_or_default();
                self.event(Event::Closed { by });
            }
            Some(Destination::Ignore | Destination::Answer(_) | Destination::Do(_)) | None => {}
        }
    }

    fn act(&mut self, action: &Action, queue: Option<&str>, position: Option<u32>) {
        match action {
            Action::Tag(tag) => {
                self.conversation.tags.insert(tag.clone());
            }
            Action::Untag(tag) => {
                self.conversation.tags.remove(tag);
            }
            Action::Set { name, value } => {
                self.conversation.attributes.insert(name.clone(), value.clone());
            }
            Action::Priority(priority) => self.conversation.priority = *priority,
            Action::Reply { template } => {
                let text = self.render(template, queue, position);
                self.reply(Author::Bot, Body::text(text), None);
            }
            Action::Satisfaction { template, thanks, within } => {
                self.ask_how_it_was(template, thanks.as_ref(), *within)
            }
            Action::Notify(text) => {
                let note = What::Note { body: Body::text(text.clone()) };
                self.push(EntryAuthor::System, note);
            }
        }
    }

    fn render(&self, template: &str, queue: Option<&str>, position: Option<u32>) -> String {
        let conversation = self.conversation.id.to_string();
        let ticket = self.ticket();
        let wait = queue.and_then(|queue| self.setting.queues.get(queue)).and_then(|queue| queue.estimated_wait);
        let context = TemplateContext {
            customer_name: self.identity.customer.name.as_deref(),
            queue,
            position: position.map(u64::from),
            estimated_wait: wait.and_then(|wait| u64::try_from(wait.as_secs()).ok()),
            conversation: Some(&conversation),
            ticket: ticket.as_ref().map(|ticket| ticket.number.as_str()),
            ticket_url: ticket.as_ref().map(|ticket| ticket.url.as_str()),
            message_text: Some(self.inbound.content.text()),
        };
        self.setting.rules.render(template, self.language(), &context)
    }

    /// The language to answer in, if one is known.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        Some(self.conversation.language.as_str()).filter(|language| !language.is_empty()).or(self
            .identity
            .customer
            .language
            .as_deref())
    }

    /// The bot answers from its knowledge.
    pub fn answer(&mut self, text: String, citation: Citation) {
        self.conversation.bot_turns += 1;
        self.conversation.bot_misses = 0;
        self.reply(Author::Bot, Body::text(text), Some(citation));
    }

    /// The bot had no answer: counts the miss, before what happens otherwise.
    pub fn miss(&mut self, otherwise: &Otherwise, position: Option<u32>) {
        self.conversation.bot_misses += 1;
        if let Some(record) = &mut self.decision {
            record.destination = otherwise.words();
        }
        self.carry_out(&otherwise.actions, Some(&otherwise.destination), position);
    }

    fn reply(&mut self, author: Author, body: Body, citation: Option<Citation>) {
        self.reply_from(author, body, citation, Vec::new());
    }

    fn reply_from(&mut self, author: Author, body: Body, citation: Option<Citation>, also: Vec<Citation>) {
        let id: OutboundId = self.setting.ids.next(self.setting.now);
        let entry_author = if author == Author::Bot { EntryAuthor::Bot } else { EntryAuthor::System };
        let quiet_since = self.conversation.idle_since().filter(|_| self.alarm.is_some() || self.unasked);
        self.conversation.said(self.setting.now, entry_author.clone(), body.gist());
        self.conversation.quiet_since = quiet_since;
        let outbound = Outbound {
            id,
            conversation: self.conversation.id,
            channel: self.conversation.channel.clone(),
            to: self.inbound.from.address.clone(),
            thread: self.conversation.thread.clone(),
            queue: self.conversation.queue(),
            author,
            body,
            in_reply_to: self.conversation.answers(),
        };
        self.outbox.push((id, self.setting.reply_state));
        let what = What::Reply { outbound: Box::new(outbound), citation, also };
        self.entries.push(Entry { id: id.into(), at: self.setting.now, author: entry_author, what });
    }

    /// The ticket that the conversation has, as texts name it.
    fn ticket(&self) -> Option<Named> {
        let ticket = self.conversation.ticket.as_ref()?;
        Some(self.setting.links.named(self.conversation.id, ticket.number))
    }

    /// Gives the conversation a ticket where it has none; what it is about is noted in any case.
    fn give_ticket(&mut self, queue: &str, subject: Option<String>) {
        if let Some(number) = self.setting.number.or(self.conversation.ticket.as_ref().map(|ticket| ticket.number))
            && self.conversation.give_ticket(number, queue, subject, self.setting.now)
        {
            self.event(Event::TicketGiven { number });
        }
    }

    fn hand_off(&mut self, handoff: &HandoffDecision) {
        if !self.conversation.follow(handoff, self.setting.now) {
            return;
        }
        let summary = self.summary();
        if let Some(handoff) = &mut self.conversation.handoff {
            (handoff.summary, handoff.decided_in) = (summary, Some(self.entry));
        }
        self.event(Event::Queued {
            queue: handoff.queue.clone(),
            reason: handoff.reason.clone(),
            priority: handoff.priority,
            rule: Some(handoff.rule.to_string()),
        });
    }

    /// The customer's own last words, in the language that they were said in, and what the bot has found out: what an agent
    /// wants to know first.
    fn summary(&self) -> String {
        let said = truncate_chars(self.inbound.content.text(), SUMMARY_CHARS);
        match &self.gathered {
            Some(gathered) => format!("{said}\n{gathered}"),
            None => said.to_owned(),
        }
    }

    fn event(&mut self, event: Event) {
        self.push(EntryAuthor::System, What::Event { event });
    }

    fn push(&mut self, author: EntryAuthor, what: What) {
        let entry = self.entry(author, what);
        self.entries.push(entry);
    }

    fn entry(&self, author: EntryAuthor, what: What) -> Entry {
        Entry { id: self.setting.ids.next(self.setting.now), at: self.setting.now, author, what }
    }

    /// Everything that the turn did, to be committed at once.
    #[must_use]
    pub fn finish(mut self) -> Commit {
        let structural = self.before().is_none_or(|before| self.conversation.stands_elsewhere(before));
        let record = Box::new(TurnRecord { signals: self.signals, decision: self.decision });
        let is_first = self.on == Trigger::Message;
        let (author, what) = match (self.alarm, self.event) {
            (Some(RuleAlarm { on, after, .. }), _) => {
                (EntryAuthor::System, What::Fired { on, after, of: self.message, record })
            }
            (None, Some(event)) => (EntryAuthor::System, What::Event { event }),
            (None, None) if is_first => (EntryAuthor::Customer, What::Message(record)),
            (None, None) => (EntryAuthor::System, What::Refined { of: self.message, record }),
        };
        let mut entries = self.opening;
        entries.push(Entry { id: self.entry, at: self.setting.now, author, what });
        entries.extend(self.entries);
        let before = self.recall.conversation.as_deref().filter(|before| before.id == self.conversation.id);
        let noted = note(before, &mut self.conversation, &entries, Some(self.inbound));
        Commit {
            conversation: self.conversation,
            structural,
            turn: is_first.then(|| Taken { id: self.message, inbound: Arc::clone(self.inbound) }),
            entries: entries.into(),
            outbox: self.outbox,
            customers: self.identity.changes,
            once: None,
            fence: None,
            noted: noted.into(),
        }
    }
}

/// Whether it answers the bot's own question in so few letters that they name no other language: “hmm”, “B1001”, “ok”; in a
/// Chinese conversation also “是A10023”, whatever the subject of the mail is.
fn is_brief_answer(conversation: &Conversation, inbound: &Inbound) -> bool {
    conversation.dialogue.is_some() && is_brief(inbound, &conversation.language)
}

/// Whether it has so few letters that they name no other language than the one so far.
pub(crate) fn is_brief(inbound: &Inbound, language: &str) -> bool {
    const BRIEF: usize = 12;
    let text = inbound.content.text();
    let is_han = |c: char| matches!(c, '\u{3400}'..='\u{9fff}');
    let as_before = text.is_ascii() || language.starts_with("zh") && text.contains(is_han);
    text.chars().count() <= BRIEF && as_before
}

/// The customer of a message whose turn is committed: who they are was written down then.
fn known(setting: &Setting<'_>, recall: &Recall, inbound: &Inbound) -> Identity {
    let mut identity = identify(recall, &inbound.from, setting.ids, setting.now);
    identity.changes.clear();
    identity
}

/// Whether it opens a conversation again: a reaction, an edit or a deletion does not.
pub(crate) fn opens(inbound: &Inbound) -> bool {
    matches!(inbound.content, Content::Message(_) | Content::Postback { .. })
}

/// The conversation that a message goes on with, and what happens to it by that.
fn continued(
    setting: &Setting<'_>,
    recall: &Recall,
    inbound: &Inbound,
    identity: &Identity,
) -> (Conversation, Vec<Event>) {
    let mut events = Vec::new();
    let before = recall.conversation.as_deref();
    let goes_on = before.filter(|before| {
        before.owner != Owner::Closed
            || !opens(inbound)
            || before.closed_at.is_some_and(|closed| setting.now.duration_since(closed) < setting.reopen_within)
    });
    let mut conversation = match goes_on {
        Some(before) => before.clone(),
        None => {
            let thread = Thread { channel: inbound.channel.clone(), key: inbound.thread.clone() };
            let id: ConversationId = setting.ids.next(setting.now);
            let address = inbound.from.address.clone();
            let customer = recall.owner.unwrap_or(identity.customer.id);
            let mut new = Conversation::open(id, &thread, &inbound.kind, address, customer, setting.now);
            (new.contacts_24h, new.contacts_7d) = recall.ties.contacts;
            new.before = before.map(|before| before.id);
            new.previous_agent = before.and_then(|before| before.previous_agent);
            events.push(Event::Opened);
            events.extend(setting.related.map(|conversation| Event::Related { conversation }));
            new
        }
    };
    if conversation.owner == Owner::Closed && opens(inbound) {
        conversation.reopen();
        events.push(Event::Reopened);
    }
    events.extend(identity.merges.iter().map(merged_event));
    (conversation, events)
}

fn merged_event(merge: &Merge) -> Event {
    Event::Merged { from: merge.from, into: merge.into, by: merge.identifier.clone() }
}

fn owner_fact(owner: Owner) -> OwnerFact {
    match owner {
        Owner::Bot => OwnerFact::Bot,
        Owner::Queue => OwnerFact::Queue,
        Owner::Agent => OwnerFact::Agent,
        Owner::Closed => OwnerFact::Closed,
    }
}

/// The kinds of channels behind the spaces of a customer's addresses, this message's included.
fn kinds(spaces: &[String], kind: &str) -> Vec<String> {
    let mut kinds: Vec<String> =
        spaces.iter().map(|space| space.split(':').next().unwrap_or(space).to_owned()).collect();
    kinds.push(kind.to_owned());
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
