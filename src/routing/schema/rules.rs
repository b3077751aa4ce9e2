//! Rules.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::{
    all_written,
    cases::Case,
    desk::Escalation,
    words::{Duration, Level, Line, Name, Share, Text, Yes},
    written,
};
use crate::routing::{facts::Priority, rule::Trigger};

/// Rules, tried from top to bottom, file by file in the order of their names; and their tests.
#[derive(JsonSchema)]
#[schemars(title = "Switchboard rules", deny_unknown_fields, extend("type" = ["object", "null"]))]
pub(super) struct File {
    /// The rules, tried from top to bottom. The last one of all files has no `when` and ends in a destination.
    rules: Option<Vec<Rule>>,
    /// The tests, which `switchboard rules test` runs. Rules whose tests fail are not loaded.
    tests: Option<Vec<Case>>,
}

/// One `when → then`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Rule {
    /// Unique in all files. Explanations and tests show it.
    name: Line,
    /// What the rule runs on; `message` without this.
    on: Option<Trigger>,
    /// How long to wait: with `waiting` and `idle`, which need it, and `closed`.
    after: Option<Duration>,
    /// The condition, in CEL: `message.sentiment.label == "negative" && conversation.bot_turns >= 1`. A rule without one
    /// always matches. What is unknown never makes a rule match.
    #[schemars(length(max = 2048), transform = written)]
    when: Option<Text>,
    /// What is done, in order. A destination (`answer`, `do`, `handoff`, `close`, `ignore`) or `stop` ends the pass and stands
    /// last; without one, the pass goes on to the next rule.
    then: Vec<Step<Action>>,
}

/// One action.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Step<Of> {
    Action(Of),
    Word(Word),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(super) enum Word {
    /// The conversation ends.
    Close,
    /// Nothing more happens: the conversation stays with whom it is.
    Ignore,
}

/// One action: a key, and what it takes. More actions are more items of the list.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1), transform = all_written)]
struct Action {
    #[schemars(flatten)]
    common: CommonAction,
    /// The bot answers from its knowledge; `otherwise` says what happens when it has no answer. Ends the pass.
    answer: Option<Answer>,
    /// The bot does something for the customer; `otherwise` says what happens when it cannot. Ends the pass.
    r#do: Option<Do>,
    /// Asks the customer how it was, with buttons from 1 to 5. Goes with `on: closed`.
    satisfaction: Option<Satisfaction>,
    /// As `ignore`, for `on: agent_message` too. Ends the pass.
    stop: Option<Yes>,
}

/// One action: a key, and what it takes. More actions are more items of the list.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1), transform = all_written)]
pub(super) struct CommonAction {
    /// Adds a tag to the conversation.
    tag: Option<Name>,
    /// Removes a tag from the conversation.
    untag: Option<Name>,
    /// Notes attributes of the conversation: `{plan: gold}`. A value can contain `${field}`.
    set: Option<BTreeMap<Name, Attribute>>,
    /// Changes the conversation's priority.
    priority: Option<Priority>,
    /// Sends a template to the customer, in their language.
    reply: Option<Reply>,
    /// Leaves a note in the conversation that the customer never sees. It can contain `${field}`.
    notify: Option<Text>,
    /// A person takes over. Ends the pass.
    handoff: Option<Handoff>,
    /// The conversation ends. Ends the pass.
    close: Option<Yes>,
    /// Nothing more happens: the conversation stays with whom it is. Ends the pass.
    ignore: Option<Yes>,
}

/// A line, a number, or true or false.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Attribute {
    Text(Line),
    Number(f64),
    Truth(bool),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Reply {
    /// The template's name in `templates.yaml`.
    template: Text,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Satisfaction {
    /// The question's template in `templates.yaml`.
    template: Text,
    /// The template of the thanks for an answer; nothing is said without it.
    thanks: Option<Text>,
    /// For how long an answer counts; `7d` without this.
    within: Option<Duration>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Do {
    /// The action's name in `actions/`.
    action: Text,
    /// What is done when it cannot be done. It ends in `handoff`, `close` or `ignore`.
    #[schemars(length(min = 1))]
    otherwise: Vec<Step<CommonAction>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Answer {
    /// How sure the bot must be, 0 to 1; its own threshold without this.
    min_confidence: Option<Share>,
    /// The persona in `models/` in which a model answers where the bot is not sure; see docs/models.md.
    model: Option<Text>,
    /// What is done when it has no answer. It ends in `handoff`, `close` or `ignore`.
    #[schemars(length(min = 1))]
    otherwise: Vec<Step<CommonAction>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Handoff {
    /// The queue's name in `queues.yaml`.
    queue: Text,
    /// The priority; the conversation's without this.
    priority: Option<Priority>,
    /// What the agent must be able to do.
    skills: Option<Vec<Need>>,
    /// Why, in words for the agent; the rule's name without this. It can contain `${field}`.
    reason: Option<Line>,
    /// What happens when it waits long, in place of the queue's own.
    escalate: Option<Vec<Escalation>>,
}

/// Something that the agent must be able to do.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Need {
    /// The skill's name in `skills.yaml`. It can contain `${field}`: `lang-${message.language}`.
    skill: Text,
    /// The least level, 1 to 5; 1 without this.
    min: Option<Level>,
    /// Whether it never relaxes; `false` without this.
    hard: Option<bool>,
    /// How it relaxes: `[{after: 60s, min: 2}, {after: 3m, drop: true}]`. Each step comes later and asks for less than
    /// the one before.
    relax: Option<Vec<Relax>>,
}

/// Asks for less from some time on: `{after: 60s, min: 2}` or `{after: 3m, drop: true}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["min"], "properties": {"min": {"type": "integer"}}},
    {"required": ["drop"], "properties": {"drop": {"const": true}}},
]))]
struct Relax {
    /// How long after the conversation was first queued.
    after: Duration,
    /// The least level from then on.
    min: Option<Level>,
    /// Whether the requirement is dropped from then on.
    drop: Option<bool>,
}
