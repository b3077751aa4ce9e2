//! `rules:` of a rule file.

use std::{ops::Range, sync::Arc};

use super::{Desk, Lines, escalation::escalations, read, within};
use crate::routing::{
    decide::nearest_skill,
    expr::{self, Field, Kind, Needles, Problem},
    finding::{Notes, suggest},
    rule::{DestinationSpec, HandoffSpec, Interpolated, Part, Relax, Rule, SkillSpec, Step, Trigger, When},
    yaml::{Node, Value},
};

pub(in crate::routing) const STEPS: &[&str] = &[
    "tag",
    "untag",
    "set",
    "priority",
    "reply",
    "satisfaction",
    "notify",
    "answer",
    "do",
    "handoff",
    "close",
    "ignore",
    "stop",
];

/// For how long an answer to the question how it was counts where a rule does not say, in seconds: a week.
const SATISFACTION_WITHIN: u64 = 7 * 24 * 3600;

/// Reads the rules of one file.
pub(super) struct RuleReader<'a, 'n> {
    pub file: usize,
    pub lines: &'a Lines,
    pub desk: &'a Desk,
    pub needles: &'a mut Needles,
    pub notes: &'a mut Notes<'n>,
}

/// What a list of steps comes to.
#[derive(Debug, Default)]
struct Steps {
    then: Vec<Step>,
    destination: Option<DestinationSpec>,
    stop: bool,
    /// The item that ended the list.
    end: Option<Range<usize>>,
}

impl RuleReader<'_, '_> {
    /// The rule. One with something wrong in it is noted and may still be returned.
    pub(super) fn rule(&mut self, node: &Node) -> Option<Rule> {
        let fields = read::fields(node, "a rule", &["name", "on", "after", "when", "then"], self.notes)?;
        let Some(name_node) = fields.get("name") else {
            self.notes.error(&first_line(node), "a rule needs a name", "the name is what explanations and tests show");
            return None;
        };
        let name = read::line(name_node, "a rule's name", self.notes)?;
        let on = fields.get("on").map_or(Some(Trigger::Message), |node| read::trigger(node, self.notes));
        let when = fields.written("when").map(|node| self.when(node));
        let Some(then) = fields.get("then") else {
            self.notes.error(&name_node.span, "the rule does nothing", "add `then:` with a list of actions");
            return None;
        };
        let steps = self.steps(then, "then");
        let on = on?;
        let after = self.after(on, fields.written("after"), name_node);
        if on != Trigger::Closed && steps.then.iter().any(|step| matches!(step, Step::Satisfaction { .. })) {
            let help = "with another `on` nothing has ended yet: write a rule of its own with `on: closed`";
            self.notes.error(&name_node.span, "`satisfaction` goes with `on: closed`", help);
        }
        if let (Some(destination), Some(end)) = (&steps.destination, &steps.end) {
            self.destination_fits(on, destination, end);
        }
        let when = match when {
            Some(None) => return None,
            Some(when) => when,
            None => None,
        };
        Some(Rule {
            name: Arc::from(name),
            file: self.file,
            line: self.lines.line(name_node.span.start),
            last_line: self.lines.line(last_byte(node)),
            span: name_node.span.clone(),
            on,
            after,
            when,
            then: steps.then,
            destination: steps.destination,
            stop: steps.stop,
        })
    }

    /// What `after` says, and whether the trigger has use for it.
    fn after(&mut self, on: Trigger, node: Option<&Node>, name: &Node) -> u64 {
        match (on, node) {
            (Trigger::Waiting | Trigger::Idle, None) => {
                let message = format!("`on: {}` needs `after`", on.as_str());
                self.notes.error(&name.span, message, "write how long, for example `after: 5m`");
                0
            }
            (Trigger::Waiting | Trigger::Idle | Trigger::Closed, Some(node)) => {
                let after = read::seconds(node, "`after`", self.notes).unwrap_or(0);
                if on != Trigger::Closed && after == 0 {
                    self.notes.error(&node.span, "`after` is at least a second", "for example `after: 5m`");
                }
                after
            }
            (_, Some(node)) => {
                let help = match on {
                    Trigger::SlaRisk => "the queue's `sla:` says when it is at risk; take it out",
                    _ => "it goes with `on: waiting`, `on: idle` or `on: closed`; take it out",
                };
                self.notes.error(&node.span, format!("`on: {}` waits for nothing", on.as_str()), help);
                0
            }
            (_, None) => 0,
        }
    }

    fn destination_fits(&mut self, on: Trigger, destination: &DestinationSpec, end: &Range<usize>) {
        let is_answer = is_the_bots(destination);
        let (message, help) = match on {
            Trigger::AgentMessage => (
                "a conversation that an agent owns is not routed",
                "with `on: agent_message` use tag, untag, set, priority or notify",
            ),
            Trigger::Closed if !matches!(destination, DestinationSpec::Ignore) => (
                "a conversation that is closed is not routed",
                "with `on: closed` use tag, untag, set, priority, reply, satisfaction or notify",
            ),
            Trigger::Signals if is_answer => (
                "the bot has answered this message already, or was not to",
                "with `on: signals` use handoff, close, ignore or no destination",
            ),
            Trigger::Waiting | Trigger::Idle | Trigger::SlaRisk if is_answer => (
                "there is no new message to answer",
                "use reply with a template, handoff, close, ignore or no destination",
            ),
            _ => return,
        };
        self.notes.error(end, message, help);
    }

    fn when(&mut self, node: &Node) -> Option<When> {
        let source = match &node.value {
            Value::Bool(true) => {
                self.notes.error(&node.span, "the condition always holds", "leave out `when`");
                return None;
            }
            _ => read::text(node, "`when`", self.notes)?,
        };
        match expr::compile(source, &self.desk.vocabulary, self.needles) {
            Ok(expr) => Some(When { source: source.to_owned(), span: node.span.clone(), expr }),
            Err(problems) => {
                self.note(node, source, problems);
                None
            }
        }
    }

    fn note(&mut self, node: &Node, source: &str, problems: Vec<Problem>) {
        for problem in problems {
            let span = within(&self.notes.file.text, node, source, Some(problem.span));
            self.notes.error(&span, problem.message, problem.help);
        }
    }

    fn steps(&mut self, node: &Node, what: &str) -> Steps {
        let mut steps = Steps::default();
        for item in read::list(node, what, self.notes).unwrap_or_default() {
            if steps.end.is_some() {
                self.notes.error(
                    &item.span,
                    "nothing happens after a destination or `stop`",
                    "move it up, or take it out",
                );
                break;
            }
            self.step(item, &mut steps);
        }
        steps
    }

    fn step(&mut self, item: &Node, steps: &mut Steps) {
        let nothing = Node { value: Value::Bool(true), span: item.span.clone() };
        let (name, span, node) = match &item.value {
            Value::Map(entries) if entries.len() == 1 => {
                (entries[0].0.name.as_str(), &entries[0].0.span, &entries[0].1)
            }
            Value::Text(name) if name == "close" || name == "ignore" => (name.as_str(), &item.span, &nothing),
            Value::Map(entries) if entries.len() > 1 => {
                let help = "begin each action with its own `- `";
                self.notes.error(&entries[1].0.span, "one action an item", help);
                return;
            }
            _ => {
                self.notes.error(&item.span, "this is not an action", format!("there are: {}", STEPS.join(", ")));
                return;
            }
        };
        match name {
            "tag" => steps.then.extend(read::name(node, "a tag", self.notes).map(|tag| Step::Tag(tag.to_owned()))),
            "untag" => steps.then.extend(read::name(node, "a tag", self.notes).map(|tag| Step::Untag(tag.to_owned()))),
            "set" => self.set(node, &mut steps.then),
            "priority" => steps.then.extend(read::priority(node, self.notes).map(Step::Priority)),
            "reply" => steps.then.extend(self.reply(node)),
            "satisfaction" => steps.then.extend(self.satisfaction(node)),
            "notify" => {
                let text = read::text(node, "a note", self.notes);
                let text = text.and_then(|text| self.interpolated(node, text));
                steps.then.extend(text.map(Step::Notify));
            }
            "answer" => steps.destination = self.answer(node, span),
            "do" => steps.destination = self.action(node, span),
            "handoff" => steps.destination = self.handoff(node, span).map(DestinationSpec::Handoff),
            "close" | "ignore" | "stop" => {
                if node.value != Value::Bool(true) {
                    self.notes.error(&node.span, format!("write `{name}: true`"), "or take it out");
                }
                match name {
                    "close" => steps.destination = Some(DestinationSpec::Close),
                    "ignore" => steps.destination = Some(DestinationSpec::Ignore),
                    _ => steps.stop = true,
                }
            }
            _ => {
                self.notes.error(span, format!("there is no action `{name}`"), suggest(name, STEPS.iter().copied()));
                return;
            }
        }
        if matches!(name, "answer" | "do" | "handoff" | "close" | "ignore" | "stop") {
            steps.end = Some(span.clone());
        }
    }

    fn set(&mut self, node: &Node, then: &mut Vec<Step>) {
        for (key, node) in read::entries(node, "set", self.notes).unwrap_or_default() {
            let text = match &node.value {
                Value::Bool(value) => Some(value.to_string()),
                Value::Int(value) => Some(value.to_string()),
                Value::Float(value) => Some(value.to_string()),
                _ => read::line(node, "an attribute's value", self.notes).map(str::to_owned),
            };
            if read::is_name(&key.name, &key.span, "an attribute", self.notes)
                && let Some(value) = text.and_then(|text| self.interpolated(node, &text))
            {
                then.push(Step::Set { name: key.name.clone(), value });
            }
        }
    }

    fn reply(&mut self, node: &Node) -> Option<Step> {
        let template = read::fields(node, "reply", &["template"], self.notes)?.get("template");
        let Some(template) = template else {
            self.notes.error(&node.span, "a reply needs a template", "write `reply: {template: …}`");
            return None;
        };
        let template = read::template(template, &self.desk.templates, self.notes)?;
        Some(Step::Reply { template })
    }

    fn satisfaction(&mut self, node: &Node) -> Option<Step> {
        let fields = read::fields(node, "satisfaction", &["template", "thanks", "within"], self.notes)?;
        let Some(template) = fields.get("template") else {
            self.notes.error(&node.span, "`satisfaction` needs a template", "write `satisfaction: {template: …}`");
            return None;
        };
        let template = read::template(template, &self.desk.templates, self.notes)?;
        let thanks = match fields.get("thanks") {
            Some(node) => Some(read::template(node, &self.desk.templates, self.notes)?),
            None => None,
        };
        let within = fields.get("within").map(|node| read::seconds(node, "`within`", self.notes));
        Some(Step::Satisfaction { template, thanks, within: within.unwrap_or(Some(SATISFACTION_WITHIN))? })
    }

    fn answer(&mut self, node: &Node, span: &Range<usize>) -> Option<DestinationSpec> {
        let fields = read::fields(node, "answer", &["min_confidence", "model", "otherwise"], self.notes)?;
        let min_confidence =
            fields.get("min_confidence").and_then(|node| read::share(node, "min_confidence", self.notes));
        let model = fields.get("model").and_then(|node| self.persona(node));
        let otherwise =
            self.otherwise(fields, span, "`answer` does not say what happens when the bot has no answer")?;
        Some(DestinationSpec::Answer { min_confidence, model, otherwise })
    }

    fn persona(&mut self, node: &Node) -> Option<String> {
        let name = read::text(node, "a persona", self.notes)?;
        let personas = &self.desk.personas.personas;
        if !personas.contains_key(name) {
            let help = suggest(name, personas.keys().map(String::as_str));
            self.notes.error(&node.span, format!("there is no persona “{name}” in models/"), help);
        }
        Some(name.to_owned())
    }

    fn action(&mut self, node: &Node, span: &Range<usize>) -> Option<DestinationSpec> {
        let fields = read::fields(node, "do", &["action", "otherwise"], self.notes)?;
        let Some(name_node) = fields.get("action") else {
            self.notes.error(span, "`do` does not say what", "write `do: {action: …, otherwise: […]}`");
            return None;
        };
        let name = read::text(name_node, "an action", self.notes)?;
        let actions = &self.desk.actions.actions;
        if !actions.contains_key(name) {
            let help = suggest(name, actions.keys().map(String::as_str));
            self.notes.error(&name_node.span, format!("there is no action “{name}” in actions/"), help);
        }
        let otherwise = self.otherwise(fields, span, "`do` does not say what happens when it cannot be done")?;
        Some(DestinationSpec::Do { action: name.to_owned(), otherwise })
    }

    /// What happens where the bot cannot help: it ends in a destination without it.
    fn otherwise(
        &mut self,
        fields: read::Fields<'_>,
        span: &Range<usize>,
        missing: &str,
    ) -> Option<Box<(Vec<Step>, DestinationSpec)>> {
        let Some(otherwise) = fields.get("otherwise") else {
            let help = "add `otherwise:` with a list that ends in handoff, close or ignore";
            self.notes.error(span, missing, help);
            return None;
        };
        let mut steps = self.steps(otherwise, "otherwise");
        if steps.then.iter().any(|step| matches!(step, Step::Satisfaction { .. })) {
            self.notes.error(&first_line(otherwise), "`satisfaction` goes with `on: closed`", "take it out");
            steps.then.retain(|step| !matches!(step, Step::Satisfaction { .. }));
        }
        match steps.destination {
            Some(destination) if !is_the_bots(&destination) => Some(Box::new((steps.then, destination))),
            _ => {
                let span = steps.end.unwrap_or_else(|| first_line(otherwise));
                self.notes.error(
                    &span,
                    "`otherwise` must end in a destination",
                    "end it with handoff, close or ignore",
                );
                None
            }
        }
    }

    fn handoff(&mut self, node: &Node, span: &Range<usize>) -> Option<HandoffSpec> {
        let known = ["queue", "priority", "skills", "reason", "escalate"];
        let fields = read::fields(node, "handoff", &known, self.notes)?;
        let Some(queue_node) = fields.get("queue") else {
            let help = suggest("", self.desk.queues.keys().map(String::as_str));
            self.notes.error(span, "a handoff needs a queue", help);
            return None;
        };
        let queue = read::text(queue_node, "a queue", self.notes)?;
        if !self.desk.queues.contains_key(queue) {
            let help = suggest(queue, self.desk.queues.keys().map(String::as_str));
            self.notes.error(&queue_node.span, format!("there is no queue “{queue}”"), help);
        }
        let skills = fields.get("skills").and_then(|node| read::list(node, "skills", self.notes)).unwrap_or_default();
        let skills = skills.iter().filter_map(|node| self.skill(node)).collect();
        let reason = fields.get("reason").and_then(|node| {
            let text = read::line(node, "a reason", self.notes)?;
            self.interpolated(node, text)
        });
        let priority = fields.get("priority").and_then(|node| read::priority(node, self.notes));
        let queues: Vec<&str> = self.desk.queues.keys().map(String::as_str).collect();
        let escalate = fields.get("escalate").map(|node| escalations(node, (queue, priority), &queues, self.notes));
        let span = queue_node.span.clone();
        Some(HandoffSpec { queue: queue.to_owned(), span, priority, skills, reason, escalate })
    }

    fn skill(&mut self, node: &Node) -> Option<SkillSpec> {
        let fields = read::fields(node, "a requirement", &["skill", "min", "hard", "relax"], self.notes)?;
        let Some(skill_node) = fields.get("skill") else {
            self.notes.error(&first_line(node), "a requirement needs a skill", "write `skill: …`");
            return None;
        };
        let text = read::text(skill_node, "a skill", self.notes)?;
        let skill = self.interpolated(skill_node, text)?;
        self.check_skill(&skill, skill_node);
        let min = fields.get("min").map_or(Some(1), |node| read::level(node, self.notes))?;
        let hard = fields.get("hard").and_then(|node| read::boolean(node, "`hard`", self.notes)).unwrap_or(false);
        let relax = fields.get("relax").map(|node| (node, self.relax(node, min)));
        if let Some((node, _)) = &relax
            && hard
        {
            self.notes.error(&first_line(node), "a hard requirement never relaxes", "take out `hard` or `relax`");
        }
        let relax = relax.map(|(_, relax)| relax).unwrap_or_default();
        Some(SkillSpec { skill, span: skill_node.span.clone(), min, hard, relax })
    }

    fn relax(&mut self, node: &Node, min: u8) -> Vec<Relax> {
        let mut steps: Vec<Relax> = Vec::new();
        for node in read::list(node, "relax", self.notes).unwrap_or_default() {
            let Some(fields) = read::fields(node, "a step of relax", &["after", "min", "drop"], self.notes) else {
                continue;
            };
            let after = fields.get("after").and_then(|node| read::seconds(node, "`after`", self.notes));
            let level = fields.get("min").and_then(|node| read::level(node, self.notes));
            let drop = fields.get("drop").and_then(|node| read::boolean(node, "`drop`", self.notes)) == Some(true);
            let Some(after) = after.filter(|_| level.is_some() != drop) else {
                let help = "write {after: 60s, min: 2} or {after: 3m, drop: true}";
                self.notes.error(&first_line(node), "a step says after how long, and either a level or drop", help);
                continue;
            };
            let before = steps.last().map_or((0, Some(min)), |step| (step.after, step.min));
            let falls = match (before.1, level) {
                (Some(before), Some(level)) => level < before,
                (before, None) => before.is_some(),
                (None, Some(_)) => false,
            };
            if !falls || after <= before.0 && !steps.is_empty() {
                self.notes.error(&first_line(node), "each step comes later and asks for less than the one before", "");
                continue;
            }
            steps.push(Relax { after, min: level });
        }
        steps
    }

    /// A text with `${fact}` in it.
    fn interpolated(&mut self, node: &Node, text: &str) -> Option<Interpolated> {
        let (mut parts, mut at) = (Vec::new(), 0);
        while let Some(start) = text[at..].find("${").map(|found| at + found) {
            let Some(end) = text[start..].find('}').map(|found| start + found) else {
                let span = within(&self.notes.file.text, node, text, Some(start..start + 2));
                self.notes.error(&span, "`${` without `}`", "for example ${message.language}");
                return None;
            };
            if start > at {
                parts.push(Part::Text(text[at..start].to_owned()));
            }
            match expr::compile_path(&text[start + 2..end], &self.desk.vocabulary) {
                Ok(expr) => parts.push(Part::Fact(expr)),
                Err(mut problems) => {
                    for problem in &mut problems {
                        problem.span = problem.span.start + start + 2..problem.span.end + start + 2;
                    }
                    self.note(node, text, problems);
                    return None;
                }
            }
            at = end + 1;
        }
        if at < text.len() {
            parts.push(Part::Text(text[at..].to_owned()));
        }
        Some(Interpolated { parts })
    }

    /// Every name that the text can become must be a skill, as far as that can be known.
    fn check_skill(&mut self, skill: &Interpolated, node: &Node) {
        let known = &self.desk.skills.titles;
        let facts: Vec<&'static Field> = skill
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Fact(expr) => match expr.kind {
                    Kind::Field(field) => Some(field),
                    _ => None,
                },
                Part::Text(_) => None,
            })
            .collect();
        let write = |language: &str| -> String {
            let part = |part: &Part| match part {
                Part::Text(text) => text.clone(),
                Part::Fact(_) => language.to_owned(),
            };
            skill.parts.iter().map(part).collect()
        };
        let literal = skill.parts.iter().all(|part| matches!(part, Part::Text(_)));
        let by_language = !facts.is_empty()
            && facts.iter().all(|field| field.path.ends_with(".language"))
            && skill.parts.iter().filter(|part| matches!(part, Part::Fact(_))).count() == facts.len();
        let wanted: Vec<String> = if literal {
            vec![write("")]
        } else if by_language {
            self.desk.skills.languages.iter().map(|language| write(language)).collect()
        } else {
            Vec::new()
        };
        for name in wanted {
            let found = if literal {
                known.contains_key(&name)
            } else {
                nearest_skill(&name, |name| known.contains_key(name)).is_some()
            };
            if !found {
                let help = suggest(&name, known.keys().map(String::as_str));
                self.notes.error(&node.span, format!("there is no skill “{name}” in skills.yaml"), help);
            }
        }
    }
}

/// Whether the bot goes on with it.
const fn is_the_bots(destination: &DestinationSpec) -> bool {
    matches!(destination, DestinationSpec::Answer { .. } | DestinationSpec::Do { .. })
}

/// The last byte of the last thing that a node says.
fn last_byte(node: &Node) -> usize {
    let inner = match &node.value {
        Value::Map(entries) => entries.iter().map(|(_, value)| last_byte(value)).max(),
        Value::List(items) => items.iter().map(last_byte).max(),
        _ => Some(node.span.end.saturating_sub(1)),
    };
    inner.unwrap_or(node.span.start)
}

/// Where to point at something that spans lines: its beginning.
pub(super) fn first_line(node: &Node) -> Range<usize> {
    match &node.value {
        Value::Map(entries) => entries.first().map_or_else(|| node.span.clone(), |(key, _)| key.span.clone()),
        Value::List(items) => items.first().map_or_else(|| node.span.clone(), first_line),
        _ => node.span.clone(),
    }
}
