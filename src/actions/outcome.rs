//! What an answer of a business system means: what is taken out of it, and what follows.

use std::collections::BTreeMap;

use contract::Body;
use minijinja::{Value, context};
use serde_json::Value as Json;

use super::{
    dialogue::{Advance, Dialogue, Ended, Step, Why},
    phrases::{self, Phrase},
    scene::Scene,
    spec::{Action, Actions, Choices, Kind, Output, OutputKind},
    texts::value_of,
};
use crate::calls::{Failure, Returned};

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
        Some(match returned {
            Returned::Answer { status: ..300, body } => {
                self.offered(scene, (spec, input, asked), dialogue.clone(), body)
            }
            Returned::Answer { status: 404, .. } => {
                self.offered(scene, (spec, input, asked), dialogue.clone(), &Json::Null)
            }
            Returned::Answer { status, .. } => self.failed(scene, Why::Refused(*status)),
            Returned::Failed(failure) => self.failed(scene, Why::Failed(*failure)),
        })
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
        let fits = |outcome: &&super::spec::Outcome| match &outcome.when {
            Some(when) => self.texts.holds(when, &known.context),
            None => known.trouble.is_none(),
        };
        let Some(outcome) = spec.outcomes.iter().find(fits) else {
            return self.failed(scene, known.trouble.unwrap_or(Why::Outcome));
        };
        let said = |say| self.texts.say_in(say, scene.language, scene.default_language, &known.context);
        says.extend(outcome.say.as_ref().map(said).filter(|text| !text.is_empty()).map(Body::text));
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
        Advance { says, sets, later, ended: Some(ended), dialogue: None }
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

    /// What of an answer may be shown to people: the outputs that are declared. None where it reports no success.
    #[must_use]
    pub fn outputs(
        &self,
        scene: &Scene<'_>,
        dialogue: &Dialogue,
        returned: &Returned,
    ) -> serde_json::Map<String, Json> {
        let spec = self.actions.get(&dialogue.action);
        spec.map(|spec| self.known(scene, spec, &dialogue.inputs, returned).outputs).unwrap_or_default()
    }

    /// It cannot be done, and the file has no words for that.
    pub(super) fn failed(&self, scene: &Scene<'_>, why: Why) -> Advance {
        let phrase = if why == Why::Failed(Failure::Unknown) { Phrase::Unknown } else { Phrase::Failed };
        let says = vec![phrases::say(self, scene, phrase)];
        Advance { says, ended: Some(Ended::Otherwise(why)), ..Advance::default() }
    }

    fn known(&self, scene: &Scene<'_>, spec: &Action, inputs: &BTreeMap<String, Json>, returned: &Returned) -> Known {
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
                    let none = serde_json::Map::new();
                    let context = context(Some(status), &Json::Null, Some(failure), &none);
                    return Known { context, outputs: none, trouble: Some(Why::Failed(failure)) };
                }
            }
        }
        Known { context: context(Some(status), body, None, &outputs), outputs, trouble: None }
    }
}

/// What outcomes see, and why it is no success.
struct Known {
    context: Value,
    outputs: serde_json::Map<String, Json>,
    trouble: Option<Why>,
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
