//! What happened in a conversation, in a few lines for whoever takes over: what the customer wants, what the bot did about it and
//! why a person has it now. Read off the journal, word by word the same for the same journal.

use std::collections::BTreeMap;

use contract::{EntryId, MessageId, Timestamp, truncate_chars};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::words::Tongue;
use crate::{
    actions::{Action, Actions, Identity, shown},
    routing::{self, Titles},
    store::{
        FullEntry,
        conversation::Conversation,
        entry::{DecisionRecord, EntryAuthor, Event, What},
    },
    understand::SentimentLabel,
};

/// How much of the customer's words, or of a value, is repeated, in characters.
pub const CUT: usize = 200;
/// How many of the bot's answers are told, the last ones.
const ANSWERS: usize = 4;
/// How many of the actions, the last ones.
const ACTIONS: usize = 8;

/// What a summary is made of.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The conversation as it stands.
    pub conversation: &'a Conversation,
    /// Its journal, oldest first.
    pub entries: &'a [FullEntry],
    /// The customer's other conversations, newest first.
    pub others: &'a [&'a Conversation],
    /// How sure it is who the customer is.
    pub identity: Identity,
    /// What the bot can do.
    pub actions: &'a Actions,
    /// What a queue is called.
    pub queue: &'a dyn Fn(&str) -> Option<Titles>,
    /// What an agent is called.
    pub agent: &'a dyn Fn(contract::AgentId) -> String,
    /// Where a day begins.
    pub zone: &'a TimeZone,
    /// For whom it is written.
    pub tongue: Tongue,
}

/// What a line of a summary is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SummaryKind)]
pub enum Kind {
    /// What the customer wants, in their first and last words.
    Wants,
    /// An action of the bot's.
    Action,
    /// What the bot answered out of its knowledge, or had no answer to.
    Answer,
    /// Why a person has the conversation.
    HandedOver,
    /// An action that an agent had carried out.
    AgentAction,
    /// How the customer's tone went.
    Mood,
    /// Who the customer is, and what they write.
    Customer,
    /// What was before.
    Earlier,
}

/// One line of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SummaryLine)]
pub struct Line {
    /// What it is about.
    pub kind: Kind,
    /// A sentence.
    pub text: String,
    /// What belongs to it, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
    /// The entry that it was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

/// Something that belongs to a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SummaryDetail)]
pub struct Detail {
    /// What it is called.
    pub title: String,
    /// What it is.
    pub value: String,
}

/// The summary of a conversation. A pure function of what is [`Seen`].
#[must_use]
pub fn summary(seen: &Seen<'_>) -> Vec<Line> {
    let (by_agents, by_bot): (Vec<Line>, Vec<Line>) =
        seen.did().into_iter().partition(|line| line.kind == Kind::AgentAction);
    seen.wants()
        .into_iter()
        .chain(by_bot)
        .chain(seen.handed_over())
        .chain(by_agents)
        .chain(seen.mood())
        .chain(Some(seen.customer()))
        .chain(seen.earlier())
        .collect()
}

/// An action that was begun, as far as the journal tells.
#[derive(Debug, Default)]
struct Done<'a> {
    action: &'a str,
    entry: Option<EntryId>,
    by: Option<&'a str>,
    checked: bool,
    inputs: BTreeMap<String, Json>,
    calls: Vec<&'a str>,
    how: Option<&'a str>,
}

impl Seen<'_> {
    fn events(&self) -> impl DoubleEndedIterator<Item = (EntryId, &Event)> {
        self.entries.iter().filter_map(|full| match &full.entry.what {
            What::Event { event } => Some((full.entry.id, event)),
            _ => None,
        })
    }

    /// What the customer wrote, oldest first.
    fn said(&self) -> impl DoubleEndedIterator<Item = (EntryId, &str)> {
        self.entries.iter().filter_map(|full| {
            let text = full.inbound.as_ref()?.content.text().trim();
            matches!(full.entry.what, What::Message(_))
                .then_some((full.entry.id, text))
                .filter(|(_, text)| !text.is_empty())
        })
    }

    fn line(&self, kind: Kind, text: String, details: Vec<Detail>, entry: Option<String>) -> Line {
        Line { kind, text: format!("{text}{}", self.tongue.stop()), details, entry }
    }

    fn detail(title: &str, value: impl Into<String>) -> Detail {
        Detail { title: title.to_owned(), value: value.into() }
    }

    fn wants(&self) -> Option<Line> {
        let (entry, first) = self.said().next()?;
        let (_, last) = self.said().next_back()?;
        let intents = self.entries.iter().filter_map(|full| match &full.entry.what {
            // Whoever asks for a person asks for nothing else.
            What::Message(record) if record.signals.wants_human.known().is_none_or(|wants| *wants < 0.5) => {
                record.signals.intent.as_ref()?.known()
            }
            _ => None,
        });
        let mut wanted: Vec<String> = Vec::new();
        for title in intents.map(|intent| self.titled(intent)) {
            if !wanted.contains(&title) {
                wanted.push(title);
            }
        }
        if wanted.is_empty() {
            wanted.extend(self.events().find_map(|(_, event)| match event {
                Event::ActionBegun { action } => Some(self.titled(action)),
                _ => None,
            }));
        }
        let t = self.tongue;
        let text = match wanted.as_slice() {
            [] => t.pick("What the customer wants, in their own words", "客户原话如下").to_owned(),
            wanted => {
                format!("{}{}{}", t.pick("The customer wants", "客户诉求"), t.colon(), wanted.join(t.comma()))
            }
        };
        let mut details = vec![Self::detail(t.pick("First words", "首条消息"), truncate_chars(first, CUT))];
        if last != first {
            details.push(Self::detail(t.pick("Last words", "最后消息"), truncate_chars(last, CUT)));
        }
        Some(self.line(Kind::Wants, text, details, Some(MessageId::from(entry.get()).to_string())))
    }

    /// What an action, or an intent that is called so, is called by people.
    fn titled(&self, name: &str) -> String {
        let spec = self.actions.actions.get(name);
        let title = spec.and_then(|spec| routing::title(&spec.title, self.tongue.tag()));
        title.map_or_else(|| name.replace(['-', '_'], " "), str::to_owned)
    }

    /// The actions and answers, in the order of what began them.
    fn did(&self) -> Vec<Line> {
        let mut done = self.done();
        done.drain(..done.len().saturating_sub(ACTIONS));
        let actions = done.into_iter().map(|done| (done.entry, self.action(&done)));
        let answers: Vec<_> = self.answers().collect();
        let answers = answers[answers.len().saturating_sub(ANSWERS)..].iter().cloned();
        let mut lines: Vec<_> = actions.chain(answers).collect();
        lines.sort_by_key(|(entry, _)| *entry);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn done(&self) -> Vec<Done<'_>> {
        let mut done: Vec<Done<'_>> = Vec::new();
        for (entry, event) in self.events() {
            let open = |done: &mut Vec<Done<'_>>, of: &str, is_agents: bool| {
                done.iter().rposition(|one| one.action == of && one.by.is_some() == is_agents && one.how.is_none())
            };
            match event {
                Event::ActionBegun { action } => {
                    done.push(Done { action, entry: Some(entry), ..Done::default() });
                }
                Event::ActionCalled { action, outcome, .. } => {
                    if let Some(at) = open(&mut done, action, false) {
                        done[at].calls.push(outcome);
                    }
                }
                Event::ActionEnded { action, how, inputs } => {
                    if let Some(at) = open(&mut done, action, false) {
                        done[at].how = Some(how);
                        done[at].inputs.clone_from(inputs);
                    }
                }
                Event::AgentActs { action, by, inputs, checked } => {
                    let (entry, by, inputs) = (Some(entry), Some(by.as_str()), inputs.clone());
                    done.push(Done { action, entry, by, checked: *checked, inputs, ..Done::default() });
                }
                Event::AgentActed(acted) => {
                    if let Some(at) = open(&mut done, &acted.action, true) {
                        done[at].how = Some(&acted.how);
                        done[at].calls.push(&acted.outcome);
                    }
                }
                _ => {}
            }
        }
        let under_way = self.conversation.dialogue.as_ref();
        if let Some(dialogue) = under_way
            && let Some(last) = done.iter_mut().rfind(|one| one.by.is_none() && one.action == dialogue.action)
            && last.how.is_none()
        {
            last.inputs.clone_from(&dialogue.inputs);
        }
        done
    }

    fn action(&self, done: &Done<'_>) -> Line {
        let t = self.tongue;
        let spec = self.actions.actions.get(done.action);
        let how = match done.how {
            Some(how) => t.ended(how),
            None => t.pick("not finished", "尚未完成").to_owned(),
        };
        let title = self.titled(done.action);
        let kind = if done.by.is_some() { Kind::AgentAction } else { Kind::Action };
        let checked = if done.checked {
            t.pick(", who checked who the customer is", "，已自行核实客户身份")
        } else {
            ""
        };
        let text = match (t, done.by) {
            (_, None) => format!("{title}{}{how}", t.colon()),
            (Tongue::English, Some(by)) => format!("{title}, by {by}{checked}: {how}"),
            (Tongue::Chinese, Some(by)) => format!("{title}（由{by}操作{checked}）：{how}"),
        };
        let mut details = self.inputs(spec, &done.inputs);
        let system = spec.and_then(|spec| spec.call.as_ref()).map(|call| call.system.name.clone());
        let system = system.unwrap_or_else(|| t.pick("Business system", "业务系统").to_owned());
        if !done.calls.is_empty() {
            let calls = done.calls.chunk_by(|a, b| a == b).map(|same| match same {
                [once] => t.outcome(once),
                [first, ..] => format!("{} ×{}", t.outcome(first), same.len()),
                [] => String::new(),
            });
            details.push(Self::detail(&system, calls.collect::<Vec<_>>().join(t.comma())));
        }
        self.line(kind, text, details, done.entry.map(|id| id.to_string()))
    }

    /// What was gathered, by what people call it; what the files do not have any more by its name.
    fn inputs(&self, spec: Option<&Action>, inputs: &BTreeMap<String, Json>) -> Vec<Detail> {
        let order = |name: &str| spec.and_then(|spec| spec.inputs.iter().position(|input| input.name == name));
        let mut known: Vec<_> = inputs.iter().collect();
        known.sort_by_key(|(name, _)| order(name).unwrap_or(usize::MAX));
        let detail = |(name, value): (&String, &Json)| {
            let input = spec.and_then(|spec| spec.input(name));
            let title = input.and_then(|input| routing::title(&input.title, self.tongue.tag())).unwrap_or(name);
            Self::detail(title, truncate_chars(&shown(input, value, self.tongue.tag()), CUT))
        };
        known.into_iter().map(detail).collect()
    }

    fn answers(&self) -> impl Iterator<Item = (Option<EntryId>, Line)> {
        let t = self.tongue;
        self.entries.iter().filter_map(move |FullEntry { entry, .. }| {
            let (text, name) = match &entry.what {
                What::Reply { outbound, citation: Some(citation), .. } if entry.author == EntryAuthor::Bot => {
                    let (question, file) = (t.quoted(&citation.question), &citation.file);
                    let text = match t {
                        Tongue::English => format!("Answered from {question} ({file})"),
                        Tongue::Chinese => format!("已按{question}作答（{file}）"),
                    };
                    (text, outbound.id.to_string())
                }
                What::Message(record) if record.decision.as_ref().is_some_and(DecisionRecord::is_unanswered) => {
                    let text = t.pick("Had no answer to one of the questions", "有一个问题没有找到答案");
                    (text.to_owned(), MessageId::from(entry.id.get()).to_string())
                }
                _ => return None,
            };
            Some((Some(entry.id), self.line(Kind::Answer, text, Vec::new(), Some(name))))
        })
    }

    fn handed_over(&self) -> Option<Line> {
        let t = self.tongue;
        let (entry, queued) = self.events().rfind(|(_, event)| matches!(event, Event::Queued { .. }))?;
        let Event::Queued { queue, reason, rule, .. } = queued else { return None };
        let titles = (self.queue)(queue);
        let queue = titles.as_ref().and_then(|titles| routing::title(titles, t.tag())).unwrap_or(queue);
        let text = match (t, rule) {
            (Tongue::English, Some(rule)) => format!("Handed over to {queue} by the rule {}", t.quoted(rule)),
            (Tongue::English, None) => format!("Handed over to {queue}"),
            (Tongue::Chinese, Some(rule)) => format!("按规则{}转到{queue}", t.quoted(rule)),
            (Tongue::Chinese, None) => format!("已转到{queue}"),
        };
        let details = vec![Self::detail(t.pick("Reason", "原因"), reason.as_str())];
        Some(self.line(Kind::HandedOver, text, details, Some(entry.to_string())))
    }

    fn mood(&self) -> Option<Line> {
        let t = self.tongue;
        let mut tones = self.entries.iter().filter_map(|full| match &full.entry.what {
            What::Message(record) => record.signals.sentiment.label.known().copied(),
            _ => None,
        });
        let first = tones.next()?;
        let last = tones.next_back().unwrap_or(first);
        let mut text = match (t, first == last) {
            (_, true) => format!("{}{}{}", t.pick("Tone", "语气"), t.colon(), t.tone(last)),
            (Tongue::English, false) => format!("Tone: {} at first, {} now", t.tone(first), t.tone(last)),
            (Tongue::Chinese, false) => format!("语气：起初{}，现在{}", t.tone(first), t.tone(last)),
        };
        let row = self.conversation.mood.negatives_in_a_row;
        if row > 1 && last < SentimentLabel::Neutral {
            text += &match t {
                Tongue::English => format!(", {row} negative messages in a row"),
                Tongue::Chinese => format!("，已连续 {row} 条负面消息"),
            };
        }
        Some(self.line(Kind::Mood, text, Vec::new(), None))
    }

    fn customer(&self) -> Line {
        let t = self.tongue;
        let identity = t.identity(self.identity);
        let language = self.conversation.language.as_str();
        let text = match (t, language) {
            (_, "" | "und") => format!("{}{}{identity}", t.pick("Customer", "客户"), t.colon()),
            (Tongue::English, tag) => format!("The customer writes {}; {identity}", t.language(tag)),
            (Tongue::Chinese, tag) => format!("客户使用{}；{identity}", t.language(tag)),
        };
        self.line(Kind::Customer, text, Vec::new(), None)
    }

    fn earlier(&self) -> Option<Line> {
        let t = self.tongue;
        let last = self.others.first()?;
        let many = self.others.len();
        let at = last.last.as_ref().map_or(last.opened_at, |said| said.at);
        let day = self.day(at);
        let agent = last.agent.or(last.previous_agent).map(|agent| (self.agent)(agent));
        let text = match (t, many, agent) {
            (Tongue::English, 1, None) => format!("One other conversation, on {day}"),
            (Tongue::English, 1, Some(agent)) => format!("One other conversation, on {day}, with {agent}"),
            (Tongue::English, _, None) => format!("{many} other conversations, the last on {day}"),
            (Tongue::English, _, Some(agent)) => format!("{many} other conversations, the last on {day}, with {agent}"),
            (Tongue::Chinese, _, None) => format!("另有 {many} 次对话，最近一次在 {day}"),
            (Tongue::Chinese, _, Some(agent)) => format!("另有 {many} 次对话，最近一次在 {day}，由{agent}接待"),
        };
        Some(self.line(Kind::Earlier, text, Vec::new(), None))
    }

    fn day(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d").to_string()
    }
}
