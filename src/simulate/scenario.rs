//! A day of work as somebody describes it: who writes, who answers, and how long things take.

use std::collections::BTreeMap;

use contract::Timestamp;
use jiff::{SignedDuration, ToSpan, civil::Date, tz::TimeZone};
use serde_json::{Map, Value as Json};

use super::dice::Length;
use crate::routing::{Finding, Notes, RuleSet, SourceFile, Span, suggest};

/// What happens outside of the rules.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// When it begins.
    pub start: Timestamp,
    /// Where hours and shifts are told.
    pub zone: TimeZone,
    /// How long it lasts.
    pub duration: SignedDuration,
    /// What chance is drawn from.
    pub seed: u64,
    /// How long a customer may wait for a person.
    pub target: SignedDuration,
    /// Where customers come from.
    pub arrivals: Vec<Source>,
    /// How well the bot does.
    pub bot: Bot,
    /// Who answers.
    pub agents: Vec<AgentGroup>,
    /// How long an agent has a conversation.
    pub handling: Handling,
    /// How long an agent takes to answer an offer.
    pub reaction: Length,
    /// How often an agent accepts an offer, 0 to 1.
    pub accept: f64,
    /// How often an agent declines one, 0 to 1. The rest expires.
    pub decline: f64,
    /// How long an agent whom the desk set away stays so.
    pub away: Length,
    /// How long a customer waits before they give up; `None`: for ever.
    pub patience: Option<Length>,
    /// Where the file names something of the rules.
    pub(super) names: Vec<Named>,
}

/// A name of the rules, and where the scenario says it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub what: &'static str,
    pub name: String,
    pub span: std::ops::Range<usize>,
}

/// Customers of one kind.
#[derive(Debug, Clone)]
pub struct Source {
    /// How many of them come.
    pub rate: Rate,
    /// What they write: one of these, by weight.
    pub messages: Vec<(f64, Message)>,
}

/// How many customers come in an hour, on average; when exactly is chance.
#[derive(Debug, Clone)]
pub enum Rate {
    /// As many at any time.
    Even(f64),
    /// As many within these hours of a day; none outside of them.
    Hours(Vec<(HoursOfDay, f64)>),
}

/// Some hours of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoursOfDay(pub(super) Span);

/// What a customer writes first.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Their words; may be empty where `facts` say what rules need.
    pub text: String,
    /// The name of the channel.
    pub channel: String,
    /// The kind of channel, which decides the weight.
    pub kind: String,
    /// Facts that are known without reading, by group as in `given:` of a test. They win over the classifier.
    pub facts: Map<String, Json>,
}

/// How well the bot does where rules let it answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Bot {
    /// How often it has an answer, 0 to 1.
    pub answers: f64,
    /// How often a customer without an answer asks again, 0 to 1.
    pub asks_again: f64,
    /// After how long.
    pub after: Length,
}

/// Agents who are alike.
#[derive(Debug, Clone)]
pub struct AgentGroup {
    /// What they are called.
    pub name: String,
    /// How many they are.
    pub count: usize,
    /// Levels by skill.
    pub skills: BTreeMap<String, u8>,
    /// Languages that they speak.
    pub languages: Vec<String>,
    /// The queues that their accounts name.
    pub queues: Vec<String>,
    /// How much each can hold, in units.
    pub capacity: u32,
    /// When they work; at any time if there is none.
    pub shifts: Vec<HoursOfDay>,
}

/// How long agents have conversations.
#[derive(Debug, Clone)]
pub struct Handling {
    /// Usually.
    pub usual: Length,
    /// By queue, kind of channel or both; the first one that fits.
    pub by: Vec<(Option<String>, Option<String>, Length)>,
}

impl Handling {
    /// The one for a queue and a kind of channel.
    pub(super) fn of(&self, queue: &str, kind: &str) -> Length {
        let fits = |own: &Option<String>, name: &str| own.as_deref().is_none_or(|own| own == name);
        let own = self.by.iter().find(|(of_queue, of_kind, _)| fits(of_queue, queue) && fits(of_kind, kind));
        own.map_or(self.usual, |(.., length)| *length)
    }
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn read(file: &SourceFile) -> Result<Self, Vec<Finding>> {
        super::read::scenario(file)
    }

    /// When it ends.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start.checked_add(self.duration).unwrap_or(Timestamp::MAX)
    }

    /// Names in its file that none of these rule sets has: a skill of an agent, a queue.
    #[must_use]
    pub fn unknown_names(&self, file: &SourceFile, rules: &[&RuleSet]) -> Vec<Finding> {
        let mut notes = Notes::new(file);
        for Named { what, name, span } in &self.names {
            let known: Vec<&str> = rules
                .iter()
                .flat_map(|rules| -> Box<dyn Iterator<Item = &String>> {
                    if *what == "skill" { Box::new(rules.skills().keys()) } else { Box::new(rules.queues().keys()) }
                })
                .map(String::as_str)
                .collect();
            if !known.contains(&name.as_str()) {
                notes.error(span, format!("the rules have no {what} “{name}”"), suggest(name, known));
            }
        }
        notes.findings.sort_by_key(|finding| (finding.line, finding.column));
        notes.findings
    }

    /// When these hours of a day lie within the scenario, in order; what touches is one.
    pub(super) fn when(&self, hours: &[HoursOfDay]) -> Vec<(Timestamp, Timestamp)> {
        let mut spans: Vec<(Timestamp, Timestamp)> = hours.iter().flat_map(|hours| self.days(*hours)).collect();
        spans.sort_unstable();
        spans.into_iter().fold(Vec::new(), |mut joined: Vec<(Timestamp, Timestamp)>, (from, until)| {
            match joined.last_mut().filter(|last| from <= last.1) {
                Some(last) => last.1 = last.1.max(until),
                None => joined.push((from, until)),
            }
            joined
        })
    }

    /// When these hours of a day lie within the scenario, day by day.
    pub(super) fn days(
        &self,
        HoursOfDay(Span { from, until }): HoursOfDay,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let last = self.zone.to_datetime(self.end()).date();
        let days = self.zone.to_datetime(self.start).date().series(1.day()).take_while(move |day| *day <= last);
        days.filter_map(move |day| {
            let (from, until) = (self.moment(day, from)?.max(self.start), self.moment(day, until)?.min(self.end()));
            (from < until).then_some((from, until))
        })
    }

    /// A minute of a day, counted from its midnight by the clock on the wall.
    fn moment(&self, day: Date, minute: u16) -> Option<Timestamp> {
        let local = day.at(0, 0, 0, 0).checked_add(SignedDuration::from_mins(minute.into())).ok()?;
        Some(local.to_zoned(self.zone.clone()).ok()?.timestamp())
    }
}
