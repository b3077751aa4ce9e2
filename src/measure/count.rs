//! What a commit adds to the figures.

use std::{
    collections::{BTreeMap, btree_map::Entry as Place},
    str::FromStr,
};

use contract::{ConversationId, Inbound, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{masked, report::bucket};
use crate::{
    models::Account,
    routing::is_default,
    store::{
        conversation::{Conversation, Owner},
        entry::{DecisionRecord, Entry, EntryAuthor, Event, TurnRecord, What},
    },
};

/// The longest label, in characters; rules and actions have shorter names.
const LABEL_CHARS: usize = 120;
/// The most of anything that asking a model once is taken to have used: nothing that a server says makes a sum overflow.
const USED_MOST: u64 = 1_000_000_000_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// Conversations by where they stand, in the hour that they were opened in: `handed` to a person at some time,
    /// `closed` and never handed over, or `open` with the bot; of these the detail is the hour of the last word.
    Conversation,
    /// Ways to a queue; the label is the rule, or else the reason.
    Handoff,
    /// Answers from the knowledge.
    Answer,
    /// Questions that the bot was to answer and could not.
    Miss,
    /// Actions that were begun; the label is the action.
    Begun,
    /// Actions that ended; the detail says how.
    Ended,
    /// Calls to business systems of an action; the detail is the [bucket](super::report::bucket) of how long they took.
    Called,
    /// First words to a customer, whoever spoke; the detail is the bucket of how long they took.
    FirstReply,
    /// First words of a person after a handoff, counted from the enqueue.
    PersonReply,
    /// Closings after which the customer was asked how it was, in the hour of asking.
    Asked,
    /// The answers, in the hour of asking; the label is the rating, 1 to 5.
    Rated,
    /// Turns of a model; the label is how they ended, the detail the currency that they were paid in, empty where no price
    /// is known.
    ModelTurn,
    /// Summaries that a model wrote for agents; the label is how asking for them ended.
    Summary,
    /// What models used; the label is what: `requests`, `tokens`, or, in millionths of the currency that the detail is,
    /// `turn_micros` and `summary_micros`.
    ModelUsed,
}

impl Figure {
    const ALL: [(Self, &'static str); 14] = [
        (Self::Conversation, "conversation"),
        (Self::Handoff, "handoff"),
        (Self::Answer, "answer"),
        (Self::Miss, "miss"),
        (Self::Begun, "begun"),
        (Self::Ended, "ended"),
        (Self::Called, "called"),
        (Self::FirstReply, "first_reply"),
        (Self::PersonReply, "person_reply"),
        (Self::Asked, "asked"),
        (Self::Rated, "rated"),
        (Self::ModelTurn, "model_turn"),
        (Self::Summary, "summary"),
        (Self::ModelUsed, "model_used"),
    ];

    /// Its word, as rows and metrics have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

impl FromStr for Figure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, word)| *word == text);
        found.map(|(figure, _)| *figure).ok_or_else(|| format!("there is no figure {text:?}"))
    }
}

/// How often something happened in an hour, or how much of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count {
    /// The hour, counted from 1970, UTC.
    pub hour: i64,
    /// What.
    pub figure: Figure,
    /// The name of the channel.
    pub channel: String,
    /// The customer's language; empty while it is not known.
    pub language: String,
    /// The queue; empty where no person was ever wanted.
    pub queue: String,
    /// More exactly what; see [`Figure`].
    pub label: String,
    /// Still more exactly.
    pub detail: String,
    /// How often, or how much; below zero where something is not so any more.
    pub count: i64,
}

/// A question that the bot had no answer to, without personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// The message.
    pub id: MessageId,
    /// Where it stands.
    pub conversation: ConversationId,
    /// The name of its channel.
    pub channel: String,
    /// The customer's language; may be empty.
    pub language: String,
    /// What was asked, [masked].
    pub text: String,
}

/// What a commit adds to the figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// How often what happened, and how much.
    pub counts: Vec<Count>,
    /// The questions without an answer.
    pub misses: Vec<Miss>,
}

impl Noted {
    /// Counts it for Prometheus, where the record has it.
    pub fn to_metrics(&self) {
        for count in self.counts.iter().filter(|count| count.count > 0) {
            let (channel, label) = (count.channel.clone(), count.label.clone());
            match count.figure {
                Figure::Handoff => {
                    metrics::counter!("switchboard_handoffs_total", "rule" => label, "queue" => count.queue.clone())
                        .increment(1);
                }
                Figure::Answer => metrics::counter!("switchboard_answers_total", "channel" => channel).increment(1),
                Figure::Miss => metrics::counter!("switchboard_misses_total", "channel" => channel).increment(1),
                Figure::Rated => {
                    metrics::counter!("switchboard_ratings_total", "channel" => channel, "rating" => label)
                        .increment(1);
                }
                _ => {}
            }
        }
    }
}

/// Counts added up: one of each kind, none of them zero, in order.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<Count, i64>);

impl Tally {
    /// Adds some.
    pub fn add(&mut self, counts: impl IntoIterator<Item = Count>) {
        for mut count in counts {
            let times = std::mem::take(&mut count.count);
            match self.0.entry(count) {
                Place::Vacant(place) => _ = place.insert(times),
                Place::Occupied(mut place) => *place.get_mut() += times,
            }
        }
    }

    /// What they come to.
    pub fn into_counts(self) -> impl Iterator<Item = Count> {
        self.0.into_iter().filter(|(_, times)| *times != 0).map(|(count, times)| Count { count: times, ..count })
    }
}

/// What is known of a conversation for the figures, beside what stands in it anyway. Follows from its journal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Whether it was counted when it was opened; those of before the figures were kept are not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub counted: bool,
    /// The first queue that it was handed to; empty where there was none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub queue: String,
    /// Whether anybody has said anything to the customer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replied: bool,
    /// Since when it waits for a person's first word.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::microsecond::optional"
    )]
    pub waits: Option<Timestamp>,
    /// When the customer was last asked how it was, in which language and of which queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<(i64, String, String)>,
}

/// The hour that a moment is in.
#[must_use]
pub fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3600)
}

/// Counts what a commit adds, and notes in the conversation what later commits have to know. `before` is the conversation
/// that was read, `inbound` the message whose turn it is.
pub fn note(
    before: Option<&Conversation>,
    after: &mut Conversation,
    entries: &[Entry],
    inbound: Option<&Inbound>,
) -> Noted {
    let mut measured = std::mem::take(&mut after.measured);
    measured.counted |= before.is_none();
    let mut noted = Noted::default();
    for entry in entries {
        measured.take(after, &after.language, entry, inbound, &mut noted);
    }
    after.measured = measured;
    let (was, is) = (before.and_then(standing), standing(after));
    if was != is {
        noted.counts.extend(was.map(|was| Count { count: -1, ..was }));
        noted.counts.extend(is);
    }
    noted
}

/// Where a conversation stands, counted once.
pub(super) fn standing(conversation: &Conversation) -> Option<Count> {
    let measured = &conversation.measured;
    let last = || hour(conversation.last.as_ref().map_or(conversation.opened_at, |last| last.at));
    let (label, detail) = match (measured.queue.is_empty(), conversation.owner) {
        (false, _) => ("handed", String::new()),
        (true, Owner::Closed) => ("closed", String::new()),
        (true, Owner::Bot) => ("open", last().to_string()),
        // An agent took it before any rule handed it over.
        (true, Owner::Queue | Owner::Agent) => ("handed", String::new()),
    };
    let count = Count {
        hour: hour(conversation.opened_at),
        figure: Figure::Conversation,
        channel: conversation.channel.clone(),
        language: conversation.language.clone(),
        queue: measured.queue.clone(),
        label: label.to_owned(),
        detail,
        count: 1,
    };
    measured.counted.then_some(count)
}

impl Measured {
    /// Counts one entry of a conversation; `language` is the customer's at that time.
    pub(super) fn take(
        &mut self,
        conversation: &Conversation,
        language: &str,
        entry: &Entry,
        inbound: Option<&Inbound>,
        noted: &mut Noted,
    ) {
        let mut count = Count {
            hour: hour(entry.at),
            figure: Figure::Answer,
            channel: conversation.channel.clone(),
            language: language.to_owned(),
            queue: self.queue.clone(),
            label: String::new(),
            detail: String::new(),
            count: 1,
        };
        let counts = &mut noted.counts;
        let millis = |since: Timestamp| entry.at.duration_since(since).as_millis().max(0);
        match &entry.what {
            What::Message(record) => {
                if let (true, Some(inbound)) = (is_miss(record), inbound) {
                    counts.push(Count { figure: Figure::Miss, ..count });
                    noted.misses.push(Miss {
                        id: entry.id.get().into(),
                        conversation: conversation.id,
                        channel: conversation.channel.clone(),
                        language: language.to_owned(),
                        text: masked(
                            inbound.content.text(),
                            &record.signals.entities,
                            conversation.customer_name.as_deref(),
                        ),
                    });
                }
            }
            What::Reply { citation, .. } => {
                let at = Count { label: String::new(), ..count.clone() };
                if citation.is_some() {
                    counts.push(count);
                }
                if !std::mem::replace(&mut self.replied, true) && self.counted {
                    let detail = bucket(millis(conversation.opened_at));
                    counts.push(Count { figure: Figure::FirstReply, detail, ..at.clone() });
                }
                if let (EntryAuthor::Agent { .. }, Some(since)) = (&entry.author, self.waits) {
                    self.waits = None;
                    counts.push(Count { figure: Figure::PersonReply, detail: bucket(millis(since)), ..at });
                }
            }
            What::Event { event } => {
                count.figure = match event {
                    Event::Queued { queue, reason, rule, .. } => {
                        if self.queue.is_empty() {
                            self.queue.clone_from(queue);
                        }
                        self.waits.get_or_insert(entry.at);
                        count.queue.clone_from(queue);
                        count.label = label(rule.as_ref().unwrap_or(reason));
                        Figure::Handoff
                    }
                    Event::Closed { .. } | Event::ReturnedToBot { .. } => {
                        self.waits = None;
                        return;
                    }
                    Event::ActionBegun { action } => {
                        count.label = label(action);
                        Figure::Begun
                    }
                    Event::ActionEnded { action, how, .. } => {
                        (count.label, count.detail) = (label(action), label(how));
                        Figure::Ended
                    }
                    Event::ActionCalled { action, millis: Some(millis), .. } => {
                        (count.label, count.detail) = (label(action), bucket((*millis).into()));
                        Figure::Called
                    }
                    Event::SatisfactionAsked { .. } => {
                        self.asked = Some((count.hour, count.language.clone(), count.queue.clone()));
                        Figure::Asked
                    }
                    Event::Rated { rating, instead, .. } => {
                        let Some((hour, language, queue)) = self.asked.clone() else { return };
                        (count.hour, count.language, count.queue) = (hour, language, queue);
                        count.label = rating.to_string();
                        count.figure = Figure::Rated;
                        let before = instead.map(|before| before.to_string());
                        counts.extend(before.map(|label| Count { label, count: -1, ..count.clone() }));
                        Figure::Rated
                    }
                    Event::ModelThought(account) => {
                        counts.extend(used(account, "turn_micros", &count));
                        (count.label, count.detail) = (label(&account.how), label(&account.currency));
                        Figure::ModelTurn
                    }
                    Event::Summarised(summarised) => {
                        counts.extend(used(&summarised.account, "summary_micros", &count));
                        count.label = label(&summarised.account.how);
                        Figure::Summary
                    }
                    _ => return,
                };
                counts.push(count);
            }
            What::Refined { .. } | What::Fired { .. } | What::Note { .. } => {}
        }
    }
}

/// What asking a model used, as far as it used any, counted where `at` is.
fn used(account: &Account, money: &'static str, at: &Count) -> impl Iterator<Item = Count> {
    let amounts = [
        ("requests", account.steps, ""),
        ("tokens", account.tokens, ""),
        (money, account.micros, account.currency.as_str()),
    ];
    amounts.into_iter().filter(|(_, amount, _)| *amount > 0).map(|(what, amount, detail)| Count {
        figure: Figure::ModelUsed,
        label: what.to_owned(),
        detail: label(detail),
        count: amount.min(USED_MOST).cast_signed(),
        ..at.clone()
    })
}

fn label(text: &str) -> String {
    contract::truncate_chars(text, LABEL_CHARS).to_owned()
}

/// Whether the bot was to answer and could not.
fn is_miss(record: &TurnRecord) -> bool {
    record.decision.as_ref().is_some_and(DecisionRecord::is_unanswered)
}
