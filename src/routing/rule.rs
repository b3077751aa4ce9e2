//! What rule files say, once they are checked: rules, actions, queues, skills. And what comes out of them: a
//! decision.

use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use contract::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use understand::intents::Intent;

use crate::{actions::Actions, models::Personas};

use super::{
    calendar::Calendar,
    cases::Case,
    expr::{Expr, World},
    facts::{Priority, is_default},
    finding::SourceFile,
    index::Index,
    template::Templates,
};

/// The highest level of a skill; the lowest is 1.
pub const HIGHEST_LEVEL: u8 = 5;

/// Texts by language, BCP-47 tags: `en`, `zh`, `zh-Hant`.
pub type Titles = BTreeMap<String, String>;

/// All rule files of one version: loaded together or not at all, and immutable.
#[derive(Debug)]
pub struct RuleSet {
    pub(super) hash: Arc<str>,
    pub(super) files: Vec<SourceFile>,
    pub(super) rules: Vec<Rule>,
    /// In the order of [`Trigger::ALL`].
    pub(super) indices: [Index; Trigger::ALL.len()],
    /// In the same order: the moments that its rules wait for, rising.
    pub(super) thresholds: [Vec<u64>; Trigger::ALL.len()],
    pub(super) queues: BTreeMap<String, QueueSpec>,
    pub(super) skills: BTreeMap<String, Titles>,
    pub(super) languages: Vec<String>,
    pub(super) world: World,
    pub(super) templates: Templates,
    pub(super) cases: Vec<Case>,
    pub(super) intents: Vec<Intent>,
    pub(super) actions: Actions,
    pub(super) personas: Personas,
    pub(super) places: Places,
}

/// Some bytes of a file of the set, by its number.
pub(super) type Place = (usize, Range<usize>);

/// Where the files name what findings about a loaded set point at.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub queues: BTreeMap<String, Place>,
    /// In the order of [`RuleSet::languages`].
    pub languages: Vec<Place>,
}

impl RuleSet {
    /// SHA-256 over the names and contents of the files, 64 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> &Arc<str> {
        &self.hash
    }

    /// The files themselves: what a decision is explained by later.
    #[must_use]
    pub fn sources(&self) -> &[SourceFile] {
        &self.files
    }

    /// The names of the files, in the order in which they were read.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// What customers can want, by the names of the business.
    #[must_use]
    pub fn intents(&self) -> &[Intent] {
        &self.intents
    }

    /// What the bot can do for customers.
    #[must_use]
    pub fn actions(&self) -> &Actions {
        &self.actions
    }

    /// How a model speaks for the company.
    #[must_use]
    pub fn personas(&self) -> &Personas {
        &self.personas
    }

    /// Where the business keeps its days.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.world.zone.0
    }

    /// The file that a rule of this set stands in.
    #[must_use]
    pub fn file_of(&self, rule: &Rule) -> &str {
        &self.files[rule.file].name
    }

    /// The rules, in the order in which they are tried.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The seconds after which rules with this trigger run, rising, each once; nothing but 0 for a trigger that does not
    /// wait. Empty where no rule has the trigger.
    #[must_use]
    pub fn thresholds(&self, trigger: Trigger) -> &[u64] {
        &self.thresholds[trigger as usize]
    }

    /// A calendar.
    #[must_use]
    pub fn calendar(&self, name: &str) -> Option<&Arc<Calendar>> {
        self.world.calendars.iter().find(|calendar| calendar.name() == name)
    }

    /// The hours of a queue that is closed at a moment.
    #[must_use]
    pub fn closed_hours(&self, queue: &str, now: Timestamp) -> Option<&Hours> {
        let hours = self.queues.get(queue)?.hours.as_ref()?;
        (!self.calendar(&hours.calendar)?.open_at(now)).then_some(hours)
    }

    /// The queues by name.
    #[must_use]
    pub fn queues(&self) -> &BTreeMap<String, QueueSpec> {
        &self.queues
    }

    /// How a handoff to a queue escalates, where the rule does not say it.
    #[must_use]
    pub fn escalation(&self, queue: &str) -> Vec<Escalation> {
        self.queues.get(queue).map(|queue| queue.escalate.clone()).unwrap_or_default()
    }

    /// The skills that agents can have, with their titles.
    #[must_use]
    pub fn skills(&self) -> &BTreeMap<String, Titles> {
        &self.skills
    }

    /// The languages that the business serves; the first one is the default.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The language for customers whose own is unknown or not served.
    #[must_use]
    pub fn default_language(&self) -> &str {
        self.languages.first().map_or("en", String::as_str)
    }
}

/// When a rule runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The customer wrote, and the bot or a queue owns the conversation.
    #[default]
    Message,
    /// The customer wrote, and an agent owns the conversation: rules may note things and cannot route.
    AgentMessage,
    /// A message means something else than was understood at its turn, by a second opinion that came later.
    Signals,
    /// The conversation has waited in a queue for as long as the rule says.
    Waiting,
    /// Nobody has said anything for as long as the rule says, while the bot or an agent owns the conversation.
    Idle,
    /// The conversation was closed, and is still, after as long as the rule says.
    Closed,
    /// Of the time that a queue promises, the share is gone that counts as a risk.
    SlaRisk,
}

impl Trigger {
    /// Every one.
    pub const ALL: [Self; 7] =
        [Self::Message, Self::AgentMessage, Self::Signals, Self::Waiting, Self::Idle, Self::Closed, Self::SlaRisk];

    /// The word that rule files use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::AgentMessage => "agent_message",
            Self::Signals => "signals",
            Self::Waiting => "waiting",
            Self::Idle => "idle",
            Self::Closed => "closed",
            Self::SlaRisk => "sla_risk",
        }
    }

    /// Whether time alone brings it about.
    #[must_use]
    pub const fn is_timed(self) -> bool {
        matches!(self, Self::Waiting | Self::Idle | Self::Closed | Self::SlaRisk)
    }
}

/// One `when → then`.
#[derive(Debug)]
pub struct Rule {
    pub(super) name: Arc<str>,
    pub(super) file: usize,
    pub(super) line: usize,
    pub(super) last_line: usize,
    /// The bytes of its name.
    pub(super) span: Range<usize>,
    pub(super) on: Trigger,
    /// Seconds; 0 for a trigger that does not wait.
    pub(super) after: u64,
    pub(super) when: Option<When>,
    pub(super) then: Vec<Step>,
    pub(super) destination: Option<DestinationSpec>,
    pub(super) stop: bool,
}

impl Rule {
    /// Its name, unique in the set.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What makes it run.
    #[must_use]
    pub fn on(&self) -> Trigger {
        self.on
    }

    /// After how many seconds it runs; 0 for a trigger that does not wait.
    #[must_use]
    pub fn after(&self) -> u64 {
        self.after
    }

    /// The lines that it stands on, counted from 1.
    #[must_use]
    pub fn lines(&self) -> RangeInclusive<usize> {
        self.line..=self.last_line
    }

    /// The handoff that it may end in; an answer may end in one too.
    pub(super) fn handoff(&self) -> Option<&HandoffSpec> {
        match self.destination.as_ref()? {
            DestinationSpec::Handoff(handoff) => Some(handoff),
            DestinationSpec::Answer { otherwise, .. } | DestinationSpec::Do { otherwise, .. } => match &otherwise.1 {
                DestinationSpec::Handoff(handoff) => Some(handoff),
                _ => None,
            },
            DestinationSpec::Close | DestinationSpec::Ignore => None,
        }
    }
}

/// A condition.
#[derive(Debug)]
pub(super) struct When {
    /// As the file says it.
    pub source: String,
    /// The bytes of the file that say it.
    pub span: Range<usize>,
    pub expr: Expr,
}

/// A text with facts in it: `lang-${message.language}`.
#[derive(Debug, Clone)]
pub(super) struct Interpolated {
    pub parts: Vec<Part>,
}

/// One part of an interpolated text.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    Fact(Expr),
}

/// An action that does not end the pass, as a rule says it.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Tag(String),
    Untag(String),
    Set { name: String, value: Interpolated },
    Priority(Priority),
    Reply { template: String },
    Satisfaction { template: String, thanks: Option<String>, within: u64 },
    Notify(Interpolated),
}

/// A destination as a rule says it.
#[derive(Debug, Clone)]
pub(super) enum DestinationSpec {
    Answer { min_confidence: Option<f64>, model: Option<String>, otherwise: Box<(Vec<Step>, DestinationSpec)> },
    Do { action: String, otherwise: Box<(Vec<Step>, DestinationSpec)> },
    Handoff(HandoffSpec),
    Close,
    Ignore,
}

/// A handoff as a rule says it.
#[derive(Debug, Clone)]
pub(super) struct HandoffSpec {
    pub queue: String,
    /// The bytes of the queue's name.
    pub span: Range<usize>,
    pub priority: Option<Priority>,
    pub skills: Vec<SkillSpec>,
    pub reason: Option<Interpolated>,
    /// In place of the queue's own.
    pub escalate: Option<Vec<Escalation>>,
}

/// A requirement as a rule says it.
#[derive(Debug, Clone)]
pub(super) struct SkillSpec {
    pub skill: Interpolated,
    /// The bytes of its name.
    pub span: Range<usize>,
    pub min: u8,
    pub hard: bool,
    pub relax: Vec<Relax>,
}

/// What a queue is. Read by the desk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueSpec {
    /// Its name, unique.
    pub name: String,
    /// What people call it.
    pub title: Titles,
    /// Who of those who can take a conversation gets it.
    pub strategy: Strategy,
    /// Who belongs to it.
    pub members: Members,
    /// How long after their last conversation a customer is offered to the same agent first, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sticky: Option<u64>,
    /// How long an offer stands, in seconds.
    pub offer_timeout: u64,
    /// Whether an offer is accepted without asking.
    pub auto_accept: bool,
    /// What each priority is worth.
    pub priority_credits: PriorityCredits,
    /// What is promised to those who wait in it.
    #[serde(default, skip_serializing_if = "Sla::is_empty")]
    pub sla: Sla,
    /// When it is served, and what happens at other times. `None`: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// What happens to those who wait long, by rising `after`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<Escalation>,
    /// How long an agent who took a conversation has for a first reply, in seconds; it goes back to the queue then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_reply: Option<u64>,
    /// How long after the end of a conversation its agent keeps its weight, to finish up, in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub wrap_up: u64,
}

impl QueueSpec {
    /// For how many seconds one conversation can be overtaken by others that came later: by the span of its priorities
    /// and by what promises in danger are worth.
    #[must_use]
    pub fn overtaking_bound(&self) -> i64 {
        let (least, best) = self.priority_credits.span();
        self.priority_credits.of(best) - self.priority_credits.of(least) + i64::from(self.most_boost())
    }

    /// What a promise in danger is worth at most, in seconds.
    #[must_use]
    pub fn most_boost(&self) -> u32 {
        if self.sla.is_empty() { 0 } else { self.sla.boost.breach }
    }
}

/// What a queue promises, in seconds, counted in the open hours of a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sla {
    /// From the first enqueue to an agent's first reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_reply: Option<u64>,
    /// From a customer's message to an agent's reply, after the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_reply: Option<u64>,
    /// From the first enqueue to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<u64>,
    /// Whose open hours count; `None`: every hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
    /// The share of the time, in percent, after which it is at risk.
    pub risk: u8,
    /// Seconds of waiting that being at risk is worth, and being late.
    pub boost: SlaBoost,
}

impl Default for Sla {
    fn default() -> Self {
        Self {
            first_reply: None,
            next_reply: None,
            resolution: None,
            calendar: None,
            risk: 80,
            boost: SlaBoost::default(),
        }
    }
}

impl Sla {
    /// Whether nothing is promised.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clocks().next().is_none()
    }

    /// What is promised.
    pub fn clocks(&self) -> impl Iterator<Item = (SlaClock, u64)> {
        let promised = [
            (SlaClock::FirstReply, self.first_reply),
            (SlaClock::NextReply, self.next_reply),
            (SlaClock::Resolution, self.resolution),
        ];
        promised.into_iter().filter_map(|(clock, seconds)| Some((clock, seconds?)))
    }
}

/// Seconds of waiting that a promise in danger is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaBoost {
    /// From the moment at which it is at risk.
    pub risk: u32,
    /// From the moment at which it is broken, instead.
    pub breach: u32,
}

impl Default for SlaBoost {
    fn default() -> Self {
        Self { risk: 900, breach: 3_600 }
    }
}

/// Something that a queue promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlaClock {
    /// An agent's first reply.
    FirstReply,
    /// An agent's reply to a later message.
    NextReply,
    /// The end.
    Resolution,
}

impl SlaClock {
    /// The word that rules use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstReply => "first_reply",
            Self::NextReply => "next_reply",
            Self::Resolution => "resolution",
        }
    }
}

/// When a queue is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The calendar.
    pub calendar: String,
    /// What happens to a handoff while it is closed.
    pub closed: WhenClosed,
    /// What the customer is told then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// What happens to a handoff to a queue that is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenClosed {
    /// It waits and is offered once the queue opens.
    #[default]
    Hold,
    /// It waits and is offered to whoever is there.
    Queue,
    /// The customer is told, and the conversation stays with the bot.
    Reply,
    /// As `hold`, tagged `ticket`: an answer is promised for later.
    Ticket,
}

/// What happens to a conversation that waits long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Seconds since it was first queued.
    pub after: u64,
    /// Where it goes on waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// How urgent it is from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

/// Who of those who can take a conversation gets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Whoever has gone longest without a new conversation.
    #[default]
    LongestIdle,
    /// Whoever holds the least.
    LeastLoaded,
    /// Whoever exceeds the required levels most.
    MostSkilled,
}

/// Who belongs to a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Members {
    /// Every agent.
    #[default]
    Everyone,
    /// The agents whose own record names the queue.
    Assigned,
    /// The agents who have every one of these skills, at these levels or above.
    Skilled(BTreeMap<String, u8>),
}

/// Seconds of waiting that each priority is worth, so that nothing starves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriorityCredits {
    /// Usually below zero.
    pub low: i64,
    /// Usually zero.
    pub normal: i64,
    /// Before the others.
    pub high: i64,
    /// Before everything.
    pub urgent: i64,
}

impl Default for PriorityCredits {
    fn default() -> Self {
        Self { low: -600, normal: 0, high: 900, urgent: 3600 }
    }
}

impl PriorityCredits {
    /// The credit of one priority, in seconds.
    #[must_use]
    pub const fn of(&self, priority: Priority) -> i64 {
        match priority {
            Priority::Low => self.low,
            Priority::Normal => self.normal,
            Priority::High => self.high,
            Priority::Urgent => self.urgent,
        }
    }

    /// The priority that is worth least, and the one that is worth most.
    #[must_use]
    pub fn span(&self) -> (Priority, Priority) {
        let mut all = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent];
        all.sort_by_key(|priority| self.of(*priority));
        (all[0], all[3])
    }
}

/// The outcome of a rule set on facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The hash of the rule set.
    pub rule_set: Arc<str>,
    /// Why it was made.
    pub trigger: Trigger,
    /// The rules that matched, in order.
    pub matched: Vec<Arc<str>>,
    /// The rule that ended the pass; `None` when no rule did, which never happens for [`Trigger::Message`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// What to do first, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Where the conversation goes. `None`: it stays as it is, because of `stop: true`, or because an agent owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
}

/// Something done on the way to the destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Adds a tag to the conversation.
    Tag(String),
    /// Removes a tag from the conversation.
    Untag(String),
    /// Notes an attribute of the conversation.
    Set {
        /// The attribute.
        name: String,
        /// Its new value.
        value: String,
    },
    /// Changes the conversation's priority.
    Priority(Priority),
    /// Sends a template to the customer, in their language.
    Reply {
        /// The template's name.
        template: String,
    },
    /// Asks how it was, after a closing.
    Satisfaction {
        /// The question's template.
        template: String,
        /// The template of the thanks for an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thanks: Option<String>,
        /// For how many seconds an answer counts.
        within: u64,
    },
    /// Leaves a note for agents and supervisors in the conversation, that the customer never sees.
    Notify(String),
}

/// Where a conversation goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Destination {
    /// The bot answers from its knowledge.
    Answer(Answer),
    /// The bot does something for the customer.
    Do(Do),
    /// A person takes over.
    Handoff(Handoff),
    /// The conversation ends.
    Close,
    /// Nothing more happens: the conversation stays with whom it is.
    Ignore,
}

/// The bot answers from its knowledge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// How sure the bot must be, 0 to 1; `None` leaves it to the bot's own threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_confidence: Option<f64>,
    /// The persona in which a model answers where the bot is not sure, if there is a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What happens when it has no answer.
    pub otherwise: Box<Otherwise>,
}

/// The bot does something for the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Do {
    /// The action's name.
    pub action: String,
    /// What happens when it cannot be done.
    pub otherwise: Box<Otherwise>,
}

/// What happens when the bot has no answer, or cannot do it. Its destination is never another [`Destination::Answer`] or
/// [`Destination::Do`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Otherwise {
    /// What to do first, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Where the conversation goes.
    pub destination: Destination,
}

/// A person takes over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// The queue's name.
    pub queue: String,
    /// The rule's word, or else what the conversation had after the actions.
    pub priority: Priority,
    /// What the agent must be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<SkillNeed>,
    /// Why, in words for the agent.
    pub reason: String,
    /// The rule that said so.
    pub rule: Arc<str>,
    /// What happens when it waits long: the rule's word, or else the queue's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<Escalation>,
}

/// Something that the agent must be able to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillNeed {
    /// The skill's name.
    pub skill: String,
    /// The least level, 1 to 5.
    pub min: u8,
    /// Whether it holds for ever. A soft need relaxes.
    pub hard: bool,
    /// How it relaxes, by rising `after`; empty for a hard need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relax: Vec<Relax>,
}

/// One step in which a need relaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relax {
    /// Seconds since the conversation was first queued.
    pub after: u64,
    /// The least level from then on; `None` drops the need.
    pub min: Option<u8>,
}
