//! A call that a person tries: its inputs are given at once, and what came of it is told whole.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    dialogue::{Dialogue, Step, Why},
    heard,
    outcome::NO_CALL,
    scene::Scene,
    spec::{Action, Actions, Choices, Identity, Input, Kind},
};
use crate::{
    calls::Returned,
    routing::{Destination, Otherwise, suggest},
};

/// What an answer of a business system came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Meaning {
    /// What was taken out of it.
    pub outputs: Json,
    /// The place of the outcome that follows, counted from 0; `None`: the rule's `otherwise` follows.
    pub outcome: Option<usize>,
    /// Why it is no success.
    pub trouble: Option<Why>,
}

impl Actions {
    /// An action whose inputs are all known, just before its call. `given` are inputs as customers write them; those that are
    /// left out are what `from` says.
    ///
    /// # Errors
    /// What is wrong with the inputs, one sentence each.
    pub fn about_to_call(
        &self,
        scene: &Scene<'_>,
        spec: &Action,
        given: &BTreeMap<String, String>,
        key: &str,
    ) -> Result<Dialogue, Vec<String>> {
        let mut wrong: Vec<String> = given
            .keys()
            .filter(|name| spec.input(name).is_none())
            .map(|name| {
                let known = spec.inputs.iter().map(|input| input.name.as_str());
                format!("there is no input “{name}”: {}", suggest(name, known))
            })
            .collect();
        if spec.identity > scene.who.identity {
            let needed = if spec.identity == Identity::Verified { "verified" } else { "known" };
            wrong.push(format!("it is for customers who are {needed}: add `--as identity={needed}`"));
        }
        let mut inputs = BTreeMap::new();
        for input in &spec.inputs {
            let value = match given.get(&input.name) {
                Some(text) => self.tried(scene, input, text),
                None => self.known_before(scene, input, &inputs).ok_or_else(|| format!("`{}` is missing", input.name)),
            };
            match value {
                Ok(value) => _ = inputs.insert(input.name.clone(), value),
                Err(why) => wrong.push(why),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let otherwise = Otherwise { actions: Vec::new(), destination: Destination::Ignore };
        let step = Step::Calls { choices_of: None, key: key.to_owned(), since: scene.now };
        Ok(Dialogue {
            action: spec.name.clone(),
            otherwise,
            id: scene.message.to_owned(),
            inputs,
            step,
            again: 0,
            planned: None,
            until: scene.now,
        })
    }

    fn tried(&self, scene: &Scene<'_>, input: &Input, text: &str) -> Result<Json, String> {
        if matches!(input.kind, Kind::Choice(Choices::Asked(_))) {
            return Ok(serde_json::from_str(text).unwrap_or_else(|_| Json::from(text)));
        }
        let wanted = match &input.kind {
            Kind::Choice(Choices::Listed(choices)) => {
                let values: Vec<&str> = choices.iter().map(|(value, _)| value.as_str()).collect();
                format!("one of {}", values.join(", "))
            }
            Kind::Text => "such a text".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::Email => "an email address".to_owned(),
            Kind::Phone => "a phone number".to_owned(),
            Kind::Date => "a day".to_owned(),
            Kind::Moment => "a day with a time of day".to_owned(),
            Kind::Choice(Choices::Asked(_)) => String::new(),
        };
        heard::fits(scene, input, text)
            .ok_or_else(|| format!("`{}` has to be {wanted}, and “{text}” is none", input.name))
    }

    /// What an answer came to; of an action that calls nobody, what it comes to anyhow.
    #[must_use]
    pub fn meaning(
        &self,
        scene: &Scene<'_>,
        spec: &Action,
        dialogue: &Dialogue,
        returned: Option<&Returned>,
    ) -> Meaning {
        let known = self.known(scene, spec, &dialogue.inputs, returned.unwrap_or(&NO_CALL));
        let outputs = known.context.get_attr("outputs").ok();
        Meaning {
            outputs: outputs.and_then(|outputs| serde_json::to_value(outputs).ok()).unwrap_or_default(),
            outcome: self.first_that_fits(spec, &known),
            trouble: known.trouble,
        }
    }
}
