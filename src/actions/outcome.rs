//! What an answer of a business system means: what is taken out of it, and what follows.

use std::collections::BTreeMap;

use contract::Body;
use minijinja::{Value, context};
use serde_json::Value as Json;

use super::{
    dialogue::{Advance, Dialogue, Ended, Opens, Step, Why},
    phrases::{self, Phrase},
    scene::Scene,
    spec::{Action, Actions, Choices, Kind, Output, OutputKind},
    texts::value_of,
};
use crate::{
    calls::{Failure, Returned},
    routing::title,
};

/// The longest words for what a ticket is about.
const SUBJECT_CHARS: usize = 120;
/// How often an answer may lead back to a question.
const AGAIN: u8 = 3;

/// What an action has that calls nobody.
pub(super) static NO_CALL: Returned = Returned::Answer { status: 200, body: Json::Null };

impl Actions {
    /// A business system answered, or did not.
    #[must_use]
    pub fn returned(&self, scene: &Scene<'_>, dialogue: &Dialogue, returned: &Returned) -> Option<Advance> {
        let Step::Calls { choices_of, .. } = &dialogue.step else { return None };
        let spec = self.actions.get(&dialogue.action)?;
        let Some(input) = choices_of else {
            return Some(self.concluded(scene, spec, dialogue.clone(), returned, Vec::new()));
        };
        let input = spec.input(input)?;
        let Kind::Choice(Choices::Asked(asked)) = &input.kind else { return None };
        Some(match offering(returned) {
            Ok(body) => self.offered(scene, (spec, input, asked), dialogue.clone(), body),
            Err(why) => self.failed(scene, why),
        })
    }

    /// What is taken out of an answer, by name; nothing where it is none, or is not what was declared.
    #[must_use]
    pub fn outputs(
        &self,
        scene: &Scene<'_>,
        dialogue: &Dialogue,
        returned: &Returned,
    ) -> serde_json::Map<String, Json> {
        let known = self.actions.get(&dialogue.action).map(|spec| self.known(scene, spec, &dialogue.inputs, returned));
        known.map(|known| known.outputs).unwrap_or_default()
    }

    /// The action itself is done: the first outcome that fits.
    pub(super) fn concluded(
        &self,
        scene: &Scene<'_>,
        spec: &Action,
        next: Dialogue,
        returned: &Returned,
        mut says: Vec<Body>,
    ) -> Advance {
        let known = self.known(scene, spec, &next.inputs, returned);
        let Some(outcome) = self.first_that_fits(spec, &known).and_then(|place| spec.outcomes.get(place)) else {
            return self.failed(scene, known.trouble.unwrap_or(Why::Outcome));
        };
        let context = match scene.next_ticket.filter(|_| outcome.ticket.is_some()) {
            Some(ticket) => context! { ticket => value_of(ticket), ..known.context.clone() },
            None => known.context.clone(),
        };
        let said = |say| self.texts.say_in(say, scene.language, scene.default_language, &context);
        let text = outcome.say.as_ref().map(said).unwrap_or_default();
        let shown = |cards| self.cards(scene, spec, cards, &context);
        let cards = outcome.cards.as_ref().map(shown).unwrap_or_default();
        if !text.is_empty() || !cards.is_empty() {
            says.push(Body { cards, ..Body::text(text) });
        }
        let sets = outcome
            .set
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), self.texts.fill(value, &known.context).ok()?)))
            .collect();
        let later = outcome.later.as_ref().and_then(|wanted| self.planned(scene, wanted, &known.context));
        if let Some(input) = &outcome.ask {
            return Advance { sets, later, ..self.ask_anew(scene, spec, next, input, says) };
        }
        let ended = if outcome.otherwise { Ended::Otherwise(Why::Outcome) } else { Ended::Done };
        let opens = outcome.ticket.as_ref().map(|ticket| {
            let about = |language| {
                let subject = ticket.subject.as_ref()?;
                let text = self.texts.say_in(subject, language, scene.default_language, &context);
                Some(contract::clean_line(&text, SUBJECT_CHARS)).filter(|text| !text.is_empty())
            };
            let of = title(&spec.title, scene.default_language).unwrap_or(&spec.name);
            let reason = about(scene.default_language).map_or(of.to_owned(), |about| format!("{of}: {about}"));
            let (queue, priority) = (ticket.queue.clone(), ticket.priority);
            Opens { queue, priority, subject: about(scene.language), reason, known: next.inputs }
        });
        Advance { says, sets, later, ended: Some(ended), opens, ..Advance::default() }
    }

    /// Asks for an input once more, because of an answer.
    pub(super) fn ask_anew(
        &self,
        scene: &Scene<'_>,
        spec: &Action,
        mut next: Dialogue,
        input: &str,
        says: Vec<Body>,
    ) -> Advance {
        next.again += 1;
        if next.again >= AGAIN {
            return Advance { says, ended: Some(Ended::Otherwise(Why::NotUnderstood)), ..Advance::default() };
        }
        next.inputs.remove(input);
        self.go_on(scene, spec, next, says)
    }

    /// The place of the outcome that follows.
    pub(super) fn first_that_fits(&self, spec: &Action, known: &Known) -> Option<usize> {
        spec.outcomes.iter().position(|outcome| match &outcome.when {
            Some(when) => self.texts.holds(when, &known.context),
            None => known.trouble.is_none(),
        })
    }

    /// It cannot be done, and the file has no words for that.
    pub(super) fn failed(&self, scene: &Scene<'_>, why: Why) -> Advance {
        let phrase = if why == Why::Failed(Failure::Unknown) { Phrase::Unknown } else { Phrase::Failed };
        let says = vec![phrases::say(self, scene, phrase)];
        Advance { says, ended: Some(Ended::Otherwise(why)), ..Advance::default() }
    }

    pub(super) fn known(
        &self,
        scene: &Scene<'_>,
        spec: &Action,
        inputs: &BTreeMap<String, Json>,
        returned: &Returned,
    ) -> Known {
        let context = |status: Option<u16>, body: &Json, failure: Option<Failure>, outputs: &serde_json::Map<_, _>| {
            context! {
                inputs => value_of(inputs),
                outputs => value_of(outputs),
                status,
                body => value_of(body),
                failure => failure.map(Failure::as_str),
                ..scene.surroundings()
            }
        };
        let mut outputs = serde_json::Map::new();
        let (status, body) = match returned {
            Returned::Answer { status, body } => (*status, body),
            Returned::Failed(failure) => {
                let context = context(None, &Json::Null, Some(*failure), &outputs);
                return Known { context, outputs, trouble: Some(Why::Failed(*failure)) };
            }
        };
        if status >= 300 {
            let context = context(Some(status), body, None, &outputs);
            return Known { context, outputs, trouble: Some(Why::Refused(status)) };
        }
        for (name, output) in &spec.outputs {
            let value = self.texts.value(&output.from, &context(Some(status), body, None, &outputs));
            let value = value.and_then(|value| if fits(output, &value) { Ok(value) } else { Err(not_that(output)) });
            match value {
                Ok(value) => _ = outputs.insert(name.clone(), value),
                Err(why) => {
                    let failure = Failure::Unreadable;
                    tracing::warn!(action = spec.name, output = name, why, "An answer is not what was declared.");
                    // Half of an answer is none.
                    outputs.clear();
                    let context = context(Some(status), &Json::Null, Some(failure), &outputs);
                    return Known { context, outputs, trouble: Some(Why::Failed(failure)) };
                }
            }
        }
        Known { context: context(Some(status), body, None, &outputs), outputs, trouble: None }
    }
}

/// The answer that choices are taken out of; null where there is none to choose.
pub(super) fn offering(returned: &Returned) -> Result<&Json, Why> {
    match returned {
        Returned::Answer { status: ..300, body } => Ok(body),
        Returned::Answer { status: 404, .. } => Ok(&Json::Null),
        Returned::Answer { status, .. } => Err(Why::Refused(*status)),
        Returned::Failed(failure) => Err(Why::Failed(*failure)),
    }
}

/// What outcomes see, and why it is no success.
pub(super) struct Known {
    pub context: Value,
    pub outputs: serde_json::Map<String, Json>,
    pub trouble: Option<Why>,
}

fn not_that(output: &Output) -> String {
    format!("`{}` is not {:?}", output.from.source(), output.kind)
}

fn fits(output: &Output, value: &Json) -> bool {
    match output.kind {
        _ if value.is_null() => output.optional,
        OutputKind::Text => value.is_string(),
        OutputKind::Number => value.is_number(),
        OutputKind::Boolean => value.is_boolean(),
        OutputKind::List => value.is_array(),
        OutputKind::Object => value.is_object(),
    }
}
