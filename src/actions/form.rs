//! What an agent fills in to have an action carried out: the inputs that the bot would ask for, with what is known already. Pure:
//! what a system has to be asked for is asked between the steps, by whoever holds the form.

use std::collections::BTreeMap;

use contract::Timestamp;
use jiff::{civil, tz::TimeZone};
use serde_json::Value as Json;

use super::{
    dialogue::{Choice, Dialogue, Heard, Step, Why, fitting, is_empty, listed},
    heard,
    later::NOWHERE,
    outcome::offering,
    scene::Scene,
    spec::{Action, Actions, AskedChoices, Choices, Input, Kind},
    texts::{Expression, instant, when},
};
use crate::{
    calls::{Failure, Returned},
    routing::title,
};

/// A form, as far as it is filled in.
#[derive(Debug)]
pub struct Form<'a> {
    /// The action.
    pub action: &'a Action,
    /// Its inputs, in their order.
    pub fields: Vec<Field<'a>>,
}

/// One input of a form.
#[derive(Debug)]
pub struct Field<'a> {
    /// What it is.
    pub input: &'a Input,
    /// Its value, where one is known that the input can have.
    pub value: Option<Json>,
    /// What can be chosen, once that is known.
    pub choices: Option<Vec<Choice>>,
    /// What is wrong.
    pub problem: Option<Problem>,
    given: Option<Json>,
}

/// What is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// What was given is no such value.
    NotFitting,
    /// What was given cannot be chosen, or not any more.
    NotOffered,
    /// There is nothing to choose, in the words of the file.
    NoneOffered(String),
    /// What can be chosen could not be looked up.
    Failed(Why),
}

impl Form<'_> {
    /// What is known.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, Json> {
        let known = self.fields.iter().filter_map(|field| Some((field.input.name.clone(), field.value.clone()?)));
        known.collect()
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.fields.iter().all(|field| field.value.is_some())
    }
}

impl Actions {
    /// What is known for an action without asking anybody. `said` are the customer's messages, the newest first; `gathered`
    /// what the bot found out for the same action.
    #[must_use]
    pub fn known_for(
        &self,
        scene: &Scene<'_>,
        spec: &Action,
        said: &[Heard<'_>],
        gathered: &BTreeMap<String, Json>,
    ) -> BTreeMap<String, Json> {
        let mut known = BTreeMap::new();
        for input in &spec.inputs {
            let named = || said.iter().find_map(|said| heard::named(scene, input, said));
            let gathered = || gathered.get(&input.name).cloned();
            let value = match &input.from {
                None => named().or_else(gathered),
                Some(from) => gathered().or_else(|| self.taken(scene, input, from, &known)).or_else(named),
            };
            known.extend(value.map(|value| (input.name.clone(), value)));
        }
        known
    }

    /// What an expression says of an input. What is taken out of the customer's words is meant for the words that asked for the
    /// action, and no agent's form has any.
    fn taken(
        &self,
        scene: &Scene<'_>,
        input: &Input,
        from: &Expression,
        known: &BTreeMap<String, Json>,
    ) -> Option<Json> {
        if self.texts.names_of_expression(from).iter().any(|name| name.starts_with("message")) {
            return None;
        }
        let value = self.texts.value(from, &scene.context(known)).ok().filter(|value| !is_empty(value))?;
        fitting(scene, input, value)
    }

    /// The form of an action with what is given; `None` where there is no such action, or it calls nobody.
    #[must_use]
    pub fn form(&self, scene: &Scene<'_>, given: &BTreeMap<String, Json>) -> Option<Form<'_>> {
        let action = self.actions.get(scene.action).filter(|action| action.call.is_some())?;
        let fields = action.inputs.iter().map(|input| {
            let given = given.get(&input.name).filter(|value| !is_empty(value)).cloned();
            let choices = listed(scene, input);
            let value = given.as_ref().and_then(|given| written(scene, input, given));
            let is_asked = matches!(input.kind, Kind::Choice(Choices::Asked(_)));
            let problem = (given.is_some() && value.is_none() && !is_asked).then_some(Problem::NotFitting);
            Field { input, value, choices: Some(choices).filter(|choices| !choices.is_empty()), problem, given }
        });
        Some(Form { action, fields: fields.collect() })
    }

    /// The next choices that a system has to be asked for, as a dialogue that waits for them: those of an input before which
    /// nothing is missing.
    #[must_use]
    pub fn next_look_up(&self, scene: &Scene<'_>, form: &Form<'_>) -> Option<Dialogue> {
        let known = |field: &&Field<'_>| field.value.is_some();
        let next = form.fields.iter().find(|field| !known(field))?;
        let is_open = next.choices.is_none() && next.problem.is_none();
        let Kind::Choice(Choices::Asked(_)) = &next.input.kind else { return None };
        let input = next.input.name.clone();
        is_open.then(|| waiting(scene, form.values(), Some(input), String::new()))
    }

    /// What can be chosen was looked up, or could not be.
    pub fn looked_up(&self, scene: &Scene<'_>, form: &mut Form<'_>, look_up: &Dialogue, returned: &Returned) {
        let Step::Calls { choices_of: Some(name), .. } = &look_up.step else { return };
        let Some(field) = form.fields.iter_mut().find(|field| field.input.name == *name) else { return };
        let Kind::Choice(Choices::Asked(asked)) = &field.input.kind else { return };
        match self.offers(scene, asked, &look_up.inputs, returned) {
            Err(problem) => field.problem = Some(problem),
            Ok(choices) => {
                let given = field.given.as_ref();
                let chosen = choices.iter().find(|choice| given.is_some_and(|given| is_same(&choice.value, given)));
                field.value = match (chosen, choices.as_slice()) {
                    (Some(chosen), _) => Some(chosen.value.clone()),
                    (None, [only]) if asked.take_single && given.is_none() => Some(only.value.clone()),
                    _ => None,
                };
                field.problem = (given.is_some() && field.value.is_none()).then_some(Problem::NotOffered);
                field.choices = Some(choices);
            }
        }
    }

    fn offers(
        &self,
        scene: &Scene<'_>,
        asked: &AskedChoices,
        inputs: &BTreeMap<String, Json>,
        returned: &Returned,
    ) -> Result<Vec<Choice>, Problem> {
        let body = offering(returned).map_err(Problem::Failed)?;
        match self.choices(scene, asked, inputs, body) {
            None => Err(Problem::Failed(Why::Failed(Failure::Unreadable))),
            Some(choices) if choices.is_empty() => {
                let context = scene.context_of(inputs, None, body);
                let none = self.texts.say_in(&asked.none, scene.language, scene.default_language, &context);
                Err(Problem::NoneOffered(none))
            }
            Some(choices) => Ok(choices),
        }
    }

    /// What has to be said yes to, in the language of the scene; empty for an action that does not ask.
    #[must_use]
    pub fn confirmation(&self, scene: &Scene<'_>, form: &Form<'_>) -> String {
        let context = scene.context(&form.values());
        let said = |say| self.texts.say_in(say, scene.language, scene.default_language, &context);
        form.action.confirm.as_ref().map(said).unwrap_or_default()
    }

    /// What an input asks, and what it says of a value that it cannot have.
    #[must_use]
    pub fn asks(&self, scene: &Scene<'_>, form: &Form<'_>, input: &Input) -> (String, Option<String>) {
        let context = scene.context(&form.values());
        let said = |say| self.texts.say_in(say, scene.language, scene.default_language, &context);
        (said(&input.ask), input.retry.as_ref().map(said))
    }
}

impl Dialogue {
    /// One that waits for the call of an action whose inputs are all known, under a key.
    #[must_use]
    pub fn at_call(scene: &Scene<'_>, inputs: BTreeMap<String, Json>, key: String) -> Self {
        waiting(scene, inputs, None, key)
    }
}

fn waiting(scene: &Scene<'_>, inputs: BTreeMap<String, Json>, choices_of: Option<String>, key: String) -> Dialogue {
    Dialogue {
        action: scene.action.to_owned(),
        otherwise: NOWHERE,
        id: String::new(),
        inputs,
        step: Step::Calls { choices_of, key, since: scene.now },
        again: 0,
        planned: None,
        until: scene.now,
    }
}

/// A value as people read it: what a choice is called, a moment in words.
#[must_use]
pub fn shown(input: Option<&Input>, value: &Json, language: &str) -> String {
    let listed = input.and_then(|input| match &input.kind {
        Kind::Choice(Choices::Listed(choices)) => choices.iter().find(|(known, _)| value == known.as_str()),
        _ => None,
    });
    match (listed, value) {
        (Some((name, titles)), _) => title(titles, language).unwrap_or(name).to_owned(),
        (None, Json::String(text)) => when(text.clone(), language),
        (None, other) => other.to_string(),
    }
}

/// What somebody wrote into a field: as a machine writes it, or as people do. What a system offers has to be looked up.
fn written(scene: &Scene<'_>, input: &Input, given: &Json) -> Option<Json> {
    match (&input.kind, given) {
        (Kind::Choice(Choices::Asked(_)), _) => None,
        (Kind::Number, Json::Number(_)) => Some(given.clone()),
        (Kind::Date, Json::String(text)) if text.trim().parse::<civil::Date>().is_ok() => Some(text.trim().into()),
        (Kind::Moment, Json::String(text)) => {
            exact(text.trim(), scene.zone).or_else(|| heard::fits(scene, input, text))
        }
        (_, Json::String(text)) => heard::fits(scene, input, text),
        _ => None,
    }
}

/// An instant, or a day with a time of the business.
fn exact(text: &str, zone: &TimeZone) -> Option<Json> {
    let exact = text.parse::<Timestamp>().ok().map(|at| at.to_zoned(zone.clone()));
    let zoned = exact.or_else(|| text.parse::<civil::DateTime>().ok()?.to_zoned(zone.clone()).ok());
    // A day without a time is no moment.
    let zoned = zoned.filter(|_| text.contains(':'))?;
    Some(Json::from(instant(&zoned)))
}

/// Whether two values are the same to whoever chose one in a form, where everything is text.
fn is_same(offered: &Json, given: &Json) -> bool {
    let written =
        |given: &str| offered.as_str().is_none() && given.parse::<Json>().is_ok_and(|given| given == *offered);
    offered == given || given.as_str().is_some_and(written)
}
