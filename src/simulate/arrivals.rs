//! Who comes, when, and with what words: drawn from a scenario, or as it was recorded.

use contract::Timestamp;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    dice::{Dice, Purpose},
    scenario::{Message, Rate, Scenario, Source},
};
use crate::routing::{Finding, Notes, SourceFile, given_facts};

/// The most customers of one simulation.
pub(super) const MOST: usize = 1_000_000;
/// The facts of a turn that the simulation finds out by itself.
const OWN_FACTS: [&str; 3] = ["on", "queues", "now"];

/// Everybody who comes: the same ones for every rule set.
#[derive(Debug, Clone, Default)]
pub struct Day {
    /// What is written.
    pub messages: Vec<Message>,
    /// Who comes, in order of time.
    pub arrivals: Vec<Arrival>,
    /// Recorded arrivals that were left out, because they came before the scenario begins or after it ends.
    pub outside: usize,
}

/// A customer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Timestamp,
    /// The place of what they write.
    pub message: usize,
}

impl Day {
    /// Draws the arrivals of a scenario by its seed.
    #[must_use]
    pub fn drawn(scenario: &Scenario) -> Self {
        let mut day = Self::default();
        for (number, source) in (0..).zip(&scenario.arrivals) {
            let (weights, messages): (Vec<f64>, Vec<Message>) = source.messages.iter().cloned().unzip();
            let first = day.messages.len();
            day.messages.extend(messages);
            for (customer, at) in (0..).zip(moments(scenario, source, number)) {
                let mut dice = Dice::new(scenario.seed, Purpose::Message, (number, customer));
                day.arrivals.push(Arrival { at, message: first + dice.pick(&weights) });
            }
        }
        day.arrivals.sort_by_key(|arrival| arrival.at);
        day
    }

    /// Reads arrivals from JSON Lines, one a line: `{"at": "2026-11-23T09:00:00Z", "text": "…"}`, with `channel`, `kind`
    /// and `facts` if they are known. Of `facts`, `on`, `queues` and `now` are passed over.
    ///
    /// # Errors
    /// Everything that is wrong in the file; that nobody comes while the scenario lasts.
    pub fn recorded(file: &SourceFile, scenario: &Scenario) -> Result<Self, Vec<Finding>> {
        let mut notes = Notes::new(file);
        let (mut day, mut begin, mut first) = (Self::default(), 0, None);
        for line in file.text.split_inclusive('\n') {
            let span = begin..begin + line.len();
            begin = span.end;
            if line.trim().is_empty() {
                continue;
            }
            match arrival(line) {
                Ok((at, _)) if !(scenario.start..scenario.end()).contains(&at) => {
                    first = first.or(Some(at));
                    day.outside += 1;
                }
                Ok((at, message)) => {
                    day.arrivals.push(Arrival { at, message: day.messages.len() });
                    day.messages.push(message);
                }
                Err((column, message, help)) => notes.error(&(span.start + column..span.end), message, help),
            }
        }
        if day.messages.len() > MOST {
            notes.error(&(0..0), format!("there are more than {MOST} arrivals"), "simulate a shorter time");
        }
        if day.arrivals.is_empty() && notes.findings.is_empty() {
            let help = first.map_or("write one arrival a line".to_owned(), |first| {
                format!("the first of {} is at {first}: set `start` of the scenario accordingly", day.outside)
            });
            let message = format!("nobody comes between {} and {}", scenario.start, scenario.end());
            notes.error(&(0..0), message, help);
        }
        day.arrivals.sort_by_key(|arrival| arrival.at);
        if notes.findings.is_empty() { Ok(day) } else { Err(notes.findings) }
    }
}

/// When the customers of a source come: chance at a known rate (a Poisson process), whose gaps go on over the
/// moments at which the rate changes.
fn moments(scenario: &Scenario, source: &Source, number: u64) -> Vec<Timestamp> {
    let mut dice = Dice::new(scenario.seed, Purpose::Arrivals, (number, 0));
    let mut gap = dice.gap();
    let mut moments = Vec::new();
    for (from, until, per_hour) in rates(scenario, &source.rate) {
        let per_millisecond = per_hour / 3_600_000.0;
        let length = until.duration_since(from).as_secs_f64() * 1000.0;
        let mut passed = 0.0;
        while gap < (length - passed) * per_millisecond {
            passed += gap / per_millisecond;
            #[expect(clippy::cast_possible_truncation, reason = "no more than the length")]
            let at = from.checked_add(SignedDuration::from_millis(passed as i64)).unwrap_or(until);
            moments.push(at);
            gap = dice.gap();
        }
        gap -= (length - passed) * per_millisecond;
    }
    moments
}

/// From when to when how many come in an hour, in order.
pub(super) fn rates(scenario: &Scenario, rate: &Rate) -> Vec<(Timestamp, Timestamp, f64)> {
    let mut rates: Vec<(Timestamp, Timestamp, f64)> = match rate {
        Rate::Even(per_hour) => vec![(scenario.start, scenario.end(), *per_hour)],
        Rate::Hours(hours) => hours
            .iter()
            .flat_map(|&(hours, per_hour)| scenario.days(hours).map(move |(from, until)| (from, until, per_hour)))
            .collect(),
    };
    rates.sort_by_key(|&(from, ..)| from);
    rates
}

/// One line of a recording.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: Timestamp,
    #[serde(default)]
    text: String,
    channel: Option<String>,
    #[serde(default = "webchat")]
    kind: String,
    #[serde(default)]
    facts: Map<String, Json>,
}

pub(super) fn webchat() -> String {
    "webchat".to_owned()
}

/// Reads a line; or says in which byte of it what is wrong, and what to do.
fn arrival(line: &str) -> Result<(Timestamp, Message), (usize, String, String)> {
    let Line { at, text, channel, kind, mut facts } = serde_json::from_str(line).map_err(|error| {
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        let help =
            r#"write {"at": "2026-11-23T09:00:00Z", "text": "…"}, with channel, kind and facts if they are known"#;
        (error.column().saturating_sub(1), format!("this is not an arrival: {said}"), help.to_owned())
    })?;
    facts.retain(|group, _| !OWN_FACTS.contains(&group.as_str()));
    let message = Message { text, channel: channel.unwrap_or_else(|| kind.clone()), kind, facts };
    match given_facts(&message.facts, None) {
        Err(error) => {
            Err((0, format!("its facts cannot be read: {error}"), "docs/rules.md lists all facts".to_owned()))
        }
        Ok(facts) if facts.conversation.owner != crate::routing::Owner::Bot => {
            let owner = facts.conversation.owner.as_str();
            let help = "leave out what is not the first message for the bot".to_owned();
            Err((0, format!("an arrival is a new conversation, and this one belongs to {owner} already"), help))
        }
        Ok(_) => Ok((at, message)),
    }
}
