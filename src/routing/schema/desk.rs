//! The files beside the rules.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::words::{Credit, Date, Duration, Language, Level, Line, Name, Span, Text, TimeZone};
use crate::routing::{
    facts::Priority,
    rule::{Strategy, WhenClosed},
};

/// What people call something, by language: `{en: Customer care, zh: 客户服务}`.
type Titles = BTreeMap<Language, Line>;

/// Where conversations wait for a person.
#[derive(JsonSchema)]
#[schemars(title = "Switchboard queues", deny_unknown_fields, extend("type" = ["object", "null"]))]
pub(super) struct Queues {
    /// The queues by name.
    queues: Option<BTreeMap<Name, Option<Queue>>>,
}

/// A queue.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Queue {
    /// What people call it, by language: `{en: Customer care, zh: 客户服务}`. Its name without this.
    title: Option<Titles>,
    /// Who of those who can take a conversation gets it; `longest_idle` without this.
    strategy: Option<Strategy>,
    /// Who belongs to it: `everyone` (without this), `assigned`, or `{skills: {billing: 3}}`.
    members: Option<Members>,
    /// For how long a customer who returns is offered to the same agent first; never without this.
    sticky: Option<Duration>,
    /// How long an offer stands; `30s` without this.
    offer_timeout: Option<Duration>,
    /// Whether an offer is accepted without asking the agent; `false` without this.
    auto_accept: Option<bool>,
    /// How much waiting each priority is worth, so that nothing starves;
    /// `{low: -10m, normal: 0, high: 15m, urgent: 1h}` without this.
    priority_credits: Option<PriorityCredits>,
    /// For how long one conversation may be overtaken by more urgent ones before `switchboard rules check` warns of it; `4h`
    /// without this.
    max_overtake: Option<Duration>,
    /// What is promised to those who wait in it; nothing without this.
    sla: Option<Sla>,
    /// When it is served, and what happens at other times; always without this.
    hours: Option<Hours>,
    /// What happens to those who wait long: `[{after: 2m, queue: overflow}, {after: 5m, priority: urgent}]`. Each step
    /// comes later than the one before.
    escalate: Option<Vec<Escalation>>,
    /// How long an agent who took a conversation has for the first word; it waits again then. For ever without this.
    first_reply: Option<Duration>,
    /// How long an agent keeps the weight of a conversation after its end, to finish up; `0s` without this.
    wrap_up: Option<Duration>,
}

/// What a queue promises: `{first_reply: 5m, next_reply: 15m, resolution: 1d, calendar: office}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = [
    {"required": ["first_reply"]},
    {"required": ["next_reply"]},
    {"required": ["resolution"]},
]))]
struct Sla {
    /// From the first enqueue to an agent's first reply.
    first_reply: Option<Duration>,
    /// From a customer's message to an agent's reply, after the first.
    next_reply: Option<Duration>,
    /// From the first enqueue to the end.
    resolution: Option<Duration>,
    /// The calendar in whose open hours the time counts; always without this.
    calendar: Option<Text>,
    /// The share of the time, in percent, after which it is at risk; 80 without this.
    #[schemars(range(min = 1, max = 100))]
    risk: Option<u8>,
    /// How much waiting it is worth when it is at risk, and when it is late; `{risk: 15m, breach: 1h}` without this.
    boost: Option<Boost>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Boost {
    /// From the moment at which it is at risk.
    risk: Option<Duration>,
    /// From the moment at which it is late, instead.
    breach: Option<Duration>,
}

/// When a queue is served: `{calendar: office, closed: hold, template: closed-now}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Hours {
    /// The calendar's name in `calendars.yaml`.
    calendar: Text,
    /// What happens to a handoff while it is closed; `hold` without this.
    closed: Option<WhenClosed>,
    /// The template that the customer is told then.
    template: Option<Text>,
}

/// What happens to a conversation that waits long: `{after: 2m, queue: overflow}` or `{after: 5m, priority: urgent}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("anyOf" = [{"required": ["queue"]}, {"required": ["priority"]}]))]
pub(super) struct Escalation {
    /// How long after the conversation was first queued.
    after: Duration,
    /// The queue in which it waits from then on.
    queue: Option<Text>,
    /// Its priority from then on.
    priority: Option<Priority>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Members {
    Word(MembersWord),
    Skilled(SkilledMembers),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum MembersWord {
    /// Every agent.
    Everyone,
    /// The agents whose own account names the queue.
    Assigned,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SkilledMembers {
    /// The agents who have every one of these skills, at these levels or above.
    skills: Option<BTreeMap<Name, Level>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PriorityCredits {
    /// Usually below zero: `-10m`.
    low: Option<Credit>,
    /// Usually `0`.
    normal: Option<Credit>,
    /// Before the others: `15m`.
    high: Option<Credit>,
    /// Before everything: `1h`.
    urgent: Option<Credit>,
}

/// The languages that the business serves, and what its agents can do.
#[derive(JsonSchema)]
#[schemars(title = "Switchboard skills", deny_unknown_fields, extend("type" = ["object", "null"]))]
pub(super) struct Skills {
    /// The languages that you serve. The first one is for customers whose own is unknown or not served; every template
    /// must have a text in each.
    languages: Option<Vec<Language>>,
    /// The skills by name. A rule can only ask for a skill that stands here.
    skills: Option<BTreeMap<Name, Option<Skill>>>,
}

/// Something that agents can do, at a level from 1 to 5.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Skill {
    /// What people call it, by language: `{en: Billing, zh: 账单}`. Its name without this.
    title: Option<Titles>,
}

/// When `open("…")` holds.
#[derive(JsonSchema)]
#[schemars(title = "Switchboard calendars", deny_unknown_fields, extend("type" = ["object", "null"]))]
pub(super) struct Calendars {
    /// The time zone of the calendars, and of `now.hour` and `now.weekday`: `Europe/Berlin`. UTC without this.
    time_zone: Option<TimeZone>,
    /// The calendars by name.
    calendars: Option<BTreeMap<Name, Option<Calendar>>>,
}

/// The hours of a business.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Calendar {
    /// The time zone of these hours; that of the file without this.
    time_zone: Option<TimeZone>,
    /// The hours of each weekday. A day that is missing is closed.
    week: Option<Week>,
    /// Days that are closed: `[2026-12-25]`.
    holidays: Option<Vec<Date>>,
    /// Days with hours of their own.
    exceptions: Option<Vec<Exception>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Week {
    /// The spans of the day: `["9:00-12:00", "13:00-18:00"]`.
    monday: Option<Vec<Span>>,
    /// The spans of the day: `["9:00-12:00", "13:00-18:00"]`.
    tuesday: Option<Vec<Span>>,
    /// The spans of the day: `["9:00-12:00", "13:00-18:00"]`.
    wednesday: Option<Vec<Span>>,
    /// The spans of the day: `["9:00-12:00", "13:00-18:00"]`.
    thursday: Option<Vec<Span>>,
    /// The spans of the day: `["9:00-12:00", "13:00-18:00"]`.
    friday: Option<Vec<Span>>,
    /// The spans of the day: `["9:00-12:00", "13:00-18:00"]`.
    saturday: Option<Vec<Span>>,
    /// The spans of the day: `["9:00-12:00", "13:00-18:00"]`.
    sunday: Option<Vec<Span>>,
}

/// A day with hours of its own: `{date: 2026-12-24, open: ["9:00-12:00"]}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Exception {
    /// The day: `2026-12-24`.
    date: Date,
    /// Its spans; closed without this.
    open: Option<Vec<Span>>,
}

/// What is said to customers without an agent.
#[derive(JsonSchema)]
#[schemars(title = "Switchboard templates", deny_unknown_fields, extend("type" = ["object", "null"]))]
pub(super) struct Templates {
    /// The templates by name, each a text by language. Jinja: `{{ customer.name }}`, `{% if position %} … {% endif %}`;
    /// the variables are `customer.name`, `queue.name`, `queue.title`, `position`, `estimated_wait`, `conversation.id`,
    /// `message.text`, `message.language` and `language`.
    templates: Option<BTreeMap<Name, Option<BTreeMap<Language, Text>>>>,
}

/// What customers can want, learned from examples: `message.intent.name` and `message.topics` in rules.
#[derive(JsonSchema)]
#[schemars(title = "Switchboard intents", deny_unknown_fields, extend("type" = ["object", "null"]))]
pub(super) struct Intents {
    /// The intents by name, at most 300.
    #[schemars(extend("maxProperties" = 300))]
    intents: Option<BTreeMap<Name, Intent>>,
}

/// Something that customers can want.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Intent {
    /// 5 to 50 sentences as customers write them, in every language that they use; 3 at least.
    #[schemars(length(min = 3))]
    examples: Vec<Text>,
    /// What such a message is about: `message.topics`.
    topics: Option<Vec<Text>>,
}
