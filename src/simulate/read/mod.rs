//! Scenario files: YAML, checked as rule files are. Everything that is wrong is said at once.

mod sources;

use contract::Timestamp;
use jiff::{SignedDuration, Zoned, fmt::temporal::Pieces, tz::TimeZone};

use super::{
    arrivals::{MOST, rates},
    dice::Length,
    scenario::{AgentGroup, Bot, Handling, HoursOfDay, Named, Scenario},
};
use crate::routing::{
    Finding, Node, Notes, SourceFile, Span, Value, parse_yaml,
    read::{self, Fields},
};

/// The longest time that is simulated.
const LONGEST: u64 = 31 * 86_400;
/// The most agents.
const MOST_AGENTS: i64 = 10_000;

/// Reads a scenario; or says everything that is wrong.
pub(super) fn scenario(file: &SourceFile) -> Result<Scenario, Vec<Finding>> {
    let mut notes = Notes::new(file);
    let root = match parse_yaml(&file.text) {
        Ok(root) => root,
        Err(malformed) => {
            let message = format!("this is not YAML that can be read: {}", malformed.message);
            notes.error(&malformed.span, message, malformed.help);
            return Err(notes.findings);
        }
    };
    let read = Reading { notes: &mut notes, names: Vec::new() }.scenario(&root);
    match read {
        Some(scenario) if notes.findings.is_empty() => Ok(scenario),
        _ => {
            notes.findings.sort_by_key(|finding| (finding.line, finding.column));
            Err(notes.findings)
        }
    }
}

struct Reading<'n, 'f> {
    notes: &'n mut Notes<'f>,
    names: Vec<Named>,
}

impl Reading<'_, '_> {
    fn scenario(mut self, root: &Node) -> Option<Scenario> {
        let known = [
            "start", "duration", "seed", "target", "arrivals", "bot", "agents", "handling", "reaction", "accept",
            "decline", "away", "patience",
        ];
        let fields = read::fields(root, "a scenario", &known, self.notes)?;
        let start =
            self.needed(root, fields, "start", "start: 2026-11-23T08:00:00+01:00").and_then(|at| self.start(at));
        let duration = self.needed(root, fields, "duration", "duration: 10h").and_then(|node| self.duration(node));
        let agents = self.needed(root, fields, "agents", "agents: [{name: care, count: 5}]");
        let handling = self.needed(root, fields, "handling", "handling: {mean: 6m}");
        let accept = self.share(fields, "accept", 1.0);
        let decline = self.share(fields, "decline", 1.0 - accept);
        if accept + decline > 1.0 + f64::EPSILON
            && let Some(node) = fields.get("decline")
        {
            self.notes.error(&node.span, "`accept` and `decline` come to more than 1", "what is left of 1 expires");
        }
        let seed = fields.get("seed").and_then(|node| read::whole(node, "a seed", 0..=i64::MAX, self.notes));
        let target = fields.get("target").and_then(|node| self.duration(node));
        let bot = self.bot(fields);
        let agents = agents.map(|node| self.agents(node)).unwrap_or_default();
        let handling = handling.and_then(|node| self.handling(node));
        let reaction = self.length_or(fields, "reaction", Length { mean: 5.0, spread: 1.0 });
        let away = self.length_or(fields, "away", Length { mean: 300.0, spread: 1.0 });
        let patience = fields.get("patience").and_then(|node| self.length(node, "patience"));
        let arrivals = fields.get("arrivals").map(|node| self.arrivals(node)).unwrap_or_default();
        let (start, zone) = start?;
        let scenario = Scenario {
            start,
            zone,
            duration: duration?,
            seed: seed.map_or(1, i64::unsigned_abs),
            target: target.unwrap_or(SignedDuration::from_secs(60)),
            arrivals,
            bot,
            agents,
            handling: handling?,
            reaction,
            accept,
            decline,
            away,
            patience,
            names: std::mem::take(&mut self.names),
        };
        if let Some(node) = fields.get("arrivals") {
            self.bound(node, &scenario);
        }
        Some(scenario)
    }

    /// Refuses more customers than can be simulated.
    fn bound(&mut self, node: &Node, scenario: &Scenario) {
        let rates = scenario.arrivals.iter().flat_map(|source| rates(scenario, &source.rate));
        let customers: f64 =
            rates.map(|(from, until, per_hour)| until.duration_since(from).as_secs_f64() / 3600.0 * per_hour).sum();
        #[expect(clippy::cast_precision_loss, reason = "a million is exact")]
        if customers > MOST as f64 {
            let message = format!("these are {customers:.0} customers; {MOST} are the most");
            self.notes.error(&node.span, message, "simulate a shorter time");
        }
    }

    fn needed<'n>(&mut self, of: &Node, fields: Fields<'n>, name: &str, example: &str) -> Option<&'n Node> {
        let node = fields.get(name);
        if node.is_none() {
            self.notes.error(&of.span, format!("`{name}` is missing"), format!("write it as {example}"));
        }
        node
    }

    /// A moment, and the zone in which it is told: the named one, or else its offset from UTC.
    fn start(&mut self, node: &Node) -> Option<(Timestamp, TimeZone)> {
        let text = read::text(node, "start", self.notes)?;
        let start = Pieces::parse(text).ok().and_then(|pieces| {
            if pieces.time_zone_annotation().is_some() {
                let zoned: Zoned = text.parse().ok()?;
                return Some((zoned.timestamp(), zoned.time_zone().clone()));
            }
            Some((text.parse().ok()?, pieces.to_numeric_offset()?.to_time_zone()))
        });
        if start.is_none() {
            let help =
                "write it as 2026-11-23T08:00:00+01:00, or with a zone as 2026-11-23T08:00:00+01:00[Europe/Berlin]";
            self.notes.error(&node.span, "this is not a moment", help);
        }
        start
    }

    fn duration(&mut self, node: &Node) -> Option<SignedDuration> {
        let seconds = read::seconds(node, "this", self.notes)?;
        if !(1..=LONGEST).contains(&seconds) {
            self.notes.error(&node.span, "this is from 1s to 31d", "write it as 60s, 10h or 7d");
            return None;
        }
        i64::try_from(seconds).ok().map(SignedDuration::from_secs)
    }

    fn share(&mut self, fields: Fields<'_>, name: &str, otherwise: f64) -> f64 {
        fields.get(name).and_then(|node| read::share(node, name, self.notes)).unwrap_or(otherwise)
    }

    /// `6m`, or `{mean: 6m, spread: 0.8}`.
    fn length(&mut self, node: &Node, what: &str) -> Option<Length> {
        if let Value::Map(_) = node.value {
            let fields = read::fields(node, what, &["mean", "spread"], self.notes)?;
            return self.length_in(node, fields, what);
        }
        read::seconds(node, what, self.notes).map(usual)
    }

    fn length_in(&mut self, of: &Node, fields: Fields<'_>, what: &str) -> Option<Length> {
        let mean = self.needed(of, fields, "mean", "mean: 6m")?;
        let length = usual(read::seconds(mean, &format!("the mean of {what}"), self.notes)?);
        let spread = fields.get("spread").and_then(|node| self.number(node, "a spread", 10.0));
        Some(Length { spread: spread.unwrap_or(length.spread), ..length })
    }

    fn length_or(&mut self, fields: Fields<'_>, name: &str, otherwise: Length) -> Length {
        fields.get(name).and_then(|node| self.length(node, name)).unwrap_or(otherwise)
    }

    /// A number from 0 to `most`.
    fn number(&mut self, node: &Node, what: &str, most: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "bounded right after")]
        let number = match node.value {
            Value::Int(number) => Some(number as f64),
            Value::Float(number) => Some(number),
            _ => None,
        };
        let number = number.filter(|number| (0.0..=most).contains(number));
        if number.is_none() {
            self.notes.error(&node.span, format!("{what} is a number from 0 to {most}"), "");
        }
        number
    }

    fn bot(&mut self, fields: Fields<'_>) -> Bot {
        let usual = Bot { answers: 0.5, asks_again: 0.5, after: Length { mean: 30.0, spread: 1.0 } };
        let Some(node) = fields.get("bot") else { return usual };
        let Some(fields) = read::fields(node, "bot", &["answers", "asks_again", "after"], self.notes) else {
            return usual;
        };
        Bot {
            answers: self.share(fields, "answers", usual.answers),
            asks_again: self.share(fields, "asks_again", usual.asks_again),
            after: self.length_or(fields, "after", usual.after),
        }
    }

    fn handling(&mut self, node: &Node) -> Option<Handling> {
        let fields = read::fields(node, "handling", &["mean", "spread", "by"], self.notes)?;
        let mut handling = Handling { usual: self.length_in(node, fields, "handling")?, by: Vec::new() };
        for node in fields.get("by").and_then(|node| read::list(node, "by", self.notes)).unwrap_or_default() {
            let known = ["queue", "kind", "mean", "spread"];
            let Some(fields) = read::fields(node, "an entry of `by`", &known, self.notes) else { continue };
            let queue = fields.get("queue").and_then(|node| self.name(node, "queue"));
            let kind = fields.get("kind").and_then(|node| read::name(node, "a kind", self.notes)).map(str::to_owned);
            if queue.is_none() && kind.is_none() {
                self.notes.error(
                    &node.span,
                    "this entry names neither a queue nor a kind",
                    "{queue: sales, mean: 10m}",
                );
            }
            let spread = handling.usual.spread;
            if let Some(length) = self.length_in(node, fields, "handling") {
                let spread = if fields.get("spread").is_some() { length.spread } else { spread };
                handling.by.push((queue, kind, Length { spread, ..length }));
            }
        }
        Some(handling)
    }

    /// A name of the rules, which are asked for it later.
    fn name(&mut self, node: &Node, what: &'static str) -> Option<String> {
        let name = read::name(node, what, self.notes)?.to_owned();
        self.names.push(Named { what, name: name.clone(), span: node.span.clone() });
        Some(name)
    }

    fn agents(&mut self, node: &Node) -> Vec<AgentGroup> {
        let items = read::list(node, "agents", self.notes).unwrap_or_default();
        let groups: Vec<AgentGroup> = items.iter().filter_map(|item| self.group(item)).collect();
        if groups.iter().map(|group| group.count).sum::<usize>() > MOST_AGENTS.unsigned_abs() as usize {
            self.notes.error(&node.span, format!("there are more than {MOST_AGENTS} agents"), "");
        }
        if groups.is_empty() && self.notes.findings.is_empty() {
            self.notes.error(&node.span, "there are no agents", "write agents: [{name: care, count: 5}]");
        }
        groups
    }

    fn group(&mut self, node: &Node) -> Option<AgentGroup> {
        let known = ["name", "count", "skills", "languages", "capacity", "queues", "shifts"];
        let fields = read::fields(node, "an agent", &known, self.notes)?;
        let name = self.needed(node, fields, "name", "name: care")?;
        let name = read::text(name, "a name", self.notes)?.trim().to_owned();
        let mut whole = |name: &str, most: i64, otherwise: i64| {
            let node = fields.get(name);
            node.and_then(|node| read::whole(node, name, 0..=most, self.notes)).unwrap_or(otherwise)
        };
        let (count, capacity) = (whole("count", MOST_AGENTS, 1), whole("capacity", 1_000_000, 100));
        let mut group = AgentGroup {
            name,
            count: usize::try_from(count).unwrap_or(0),
            skills: std::collections::BTreeMap::new(),
            languages: Vec::new(),
            queues: Vec::new(),
            capacity: u32::try_from(capacity).unwrap_or(0),
            shifts: Vec::new(),
        };
        for (key, node) in
            fields.get("skills").and_then(|node| read::entries(node, "skills", self.notes)).unwrap_or_default()
        {
            self.names.push(Named { what: "skill", name: key.name.clone(), span: key.span.clone() });
            if let Some(level) = read::level(node, self.notes) {
                group.skills.insert(key.name.clone(), level);
            }
        }
        for node in self.list(fields, "languages") {
            if let Some(tag) = read::text(node, "a language", self.notes)
                && read::is_language(tag, &node.span, self.notes)
            {
                group.languages.push(tag.to_owned());
            }
        }
        for node in self.list(fields, "queues") {
            group.queues.extend(self.name(node, "queue"));
        }
        for node in self.list(fields, "shifts") {
            if let Some(text) = read::text(node, "a shift", self.notes) {
                group.shifts.extend(self.hours(text, &node.span));
            }
        }
        Some(group)
    }

    fn list<'n>(&mut self, fields: Fields<'n>, name: &str) -> &'n [Node] {
        fields.get(name).and_then(|node| read::list(node, name, self.notes)).unwrap_or_default()
    }

    fn hours(&mut self, text: &str, span: &std::ops::Range<usize>) -> Option<HoursOfDay> {
        let hours = Span::parse(text).map(HoursOfDay);
        if hours.is_none() {
            let help = "write them as \"9:00-17:00\"; a night is two: \"22:00-24:00\" and \"0:00-6:00\"";
            self.notes.error(span, "these are not hours of a day", help);
        }
        hours
    }
}

/// A mean that varies as the times between people do.
#[expect(clippy::cast_precision_loss, reason = "a year of seconds is exact")]
fn usual(mean: u64) -> Length {
    Length { mean: mean as f64, spread: 1.0 }
}
