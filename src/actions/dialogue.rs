//! What the bot and a customer say to each other about an action: a state, and what a word changes in it. Pure; the state is
//! committed with the turn, so a dialogue goes on after a restart as if nothing had been.
//!
//! ```text
//!   begin ─► Asks ⇄ the customer ─► Confirms ─► Calls ─► an outcome
//!     │        ▲ └─► Calls (what can be chosen) ──┘        │
//!     │        ├───────────── asks anew ◄─────────────────┘
//!     └► Verifies who they are
//! ```

use std::collections::BTreeMap;

use contract::{Body, Button, ButtonAction, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use understand::{
    Entity,
    answers::{Assent, assent, disputes},
};

use crate::routing::{Otherwise, Priority};

use super::{
    heard::{self, Understood},
    later::Planned,
    phrases::{self, Phrase},
    scene::Scene,
    spec::{Action, Actions, AskedChoices, Choices, Input, Kind},
    verify::{Proof, Verification},
};

/// How often a question is put that is not understood, before a person takes over.
const TRIES: u8 = 3;

/// An action that is under way with a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dialogue {
    /// Its name.
    pub action: String,
    /// What happens where it cannot be done, by the rule that began it.
    pub otherwise: Otherwise,
    /// What names it: the message that began it, or the last word before it where nobody asked for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// What is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Json>,
    /// Where it stands.
    pub step: Step,
    /// How often something was asked anew because of an answer.
    #[serde(default, skip_serializing_if = "crate::routing::is_default")]
    pub again: u8,
    /// Where nobody asked for it: what was planned. Until the customer says a word to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
    /// When it is forgotten.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub until: Timestamp,
}

/// Where a dialogue stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The customer is asked for an input.
    Asks {
        /// Which.
        input: String,
        /// How often it was asked.
        tries: u8,
        /// What can be chosen.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        choices: Vec<Choice>,
    },
    /// The customer is asked whether it is right so.
    Confirms {
        /// How often.
        tries: u8,
    },
    /// The customer is asked to prove who they are.
    Verifies(Proof),
    /// A business system is being asked.
    Calls {
        /// For the choices of an input; `None`: this is the action itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        choices_of: Option<String>,
        /// What says that two calls are one.
        key: String,
        /// Since when.
        #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
        since: Timestamp,
    },
}

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// What it stands for.
    pub value: Json,
    /// What it is called.
    pub title: String,
}

/// What the customer did.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Their words, or a button's label.
    pub text: &'a str,
    /// The value of a button that they pressed.
    pub pressed: Option<&'a str>,
    /// What is named in their words.
    pub entities: &'a [Entity],
}

/// What follows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Advance {
    /// How it goes on; `None` when it has ended.
    pub dialogue: Option<Dialogue>,
    /// What the customer is told.
    pub says: Vec<Body>,
    /// What is noted of the conversation.
    pub sets: Vec<(String, String)>,
    /// What the bot begins later by itself.
    pub later: Option<Planned>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// What became known about who they are.
    pub verification: Option<Verification>,
    /// The ticket that is opened with its end.
    pub opens: Option<Opens>,
}

/// A ticket to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opens {
    /// In which queue.
    pub queue: String,
    /// How urgent; `None`: as the conversation is.
    pub priority: Option<Priority>,
    /// What it is about, for the customer, in their language.
    pub subject: Option<String>,
    /// Why, for the agent, in the language of the business.
    pub reason: String,
    /// What the bot has found out.
    pub known: BTreeMap<String, Json>,
}

impl Advance {
    /// The files do not have the action any more.
    #[must_use]
    pub fn gone() -> Self {
        Self { ended: Some(Ended::Otherwise(Why::Outcome)), ..Self::default() }
    }
}

/// How a dialogue ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The customer has what they wanted, or an honest answer.
    Done,
    /// The customer does not want it any more.
    Cancelled,
    /// It cannot be done here: the rule's `otherwise` follows.
    Otherwise(Why),
}

/// Why an action cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The customer was not understood.
    NotUnderstood,
    /// It is not sure enough who the customer is.
    Identity,
    /// A call failed.
    Failed(crate::calls::Failure),
    /// The system says no, in a way that the file has no answer to.
    Refused(u16),
    /// The file says so.
    Outcome,
}

impl Why {
    /// A word for it, in journals and metrics.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::NotUnderstood => "not_understood".to_owned(),
            Self::Identity => "identity".to_owned(),
            Self::Failed(failure) => failure.as_str().to_owned(),
            Self::Refused(status) => format!("status_{status}"),
            Self::Outcome => "outcome".to_owned(),
        }
    }
}

/// What a word of the customer means to a dialogue.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    /// It goes on, or ends.
    Goes(Box<Advance>),
    /// It is no answer to what was asked: perhaps a question of their own. See [`Actions::misunderstood`].
    NotUnderstood,
    /// A call is under way: nothing changes until it is over.
    Waits,
    /// The dialogue is too old, or its action is not in the files any more: it is forgotten.
    Forgotten,
}

impl Actions {
    /// Begins an action.
    #[must_use]
    pub fn begin(&self, scene: &Scene<'_>, action: &str, otherwise: &Otherwise, heard: &Heard<'_>) -> Option<Advance> {
        self.begin_with(scene, action, otherwise, heard, &BTreeMap::new())
    }

    /// Begins an action of which some inputs are named apart from the message, as a model does. They count as though the
    /// customer had named them: what does not fit is asked for, and what the file says by itself goes before.
    #[must_use]
    pub fn begin_with(
        &self,
        scene: &Scene<'_>,
        action: &str,
        otherwise: &Otherwise,
        heard: &Heard<'_>,
        named: &BTreeMap<String, Json>,
    ) -> Option<Advance> {
        let spec = self.actions.get(action)?;
        let is_known = spec.identity <= scene.who.identity;
        let dialogue = self.beginning(scene, spec, otherwise, heard, (&BTreeMap::new(), named));
        Some(if is_known { self.go_on(scene, spec, dialogue, Vec::new()) } else { self.ask_who(scene, spec, dialogue) })
    }

    /// A dialogue with all that is known already: what is given, what is named apart from the message, what the file takes from elsewhere, what was said. Before it is
    /// known who the customer is, only what was said.
    pub(super) fn beginning(
        &self,
        scene: &Scene<'_>,
        spec: &Action,
        otherwise: &Otherwise,
        heard: &Heard<'_>,
        (given, named): (&BTreeMap<String, Json>, &BTreeMap<String, Json>),
    ) -> Dialogue {
        let is_known = spec.identity <= scene.who.identity;
        let mut inputs = BTreeMap::new();
        for input in &spec.inputs {
            let given = given.get(&input.name).cloned().filter(|value| !is_empty(value));
            let given = given.and_then(|value| fitting(scene, input, value));
            let given = given.or_else(|| self.known_before(scene, input, &inputs)).filter(|_| is_known);
            let named = || named.get(&input.name).and_then(|value| heard::argued(scene, input, value));
            if let Some(value) = given.or_else(named).or_else(|| heard::named(scene, input, heard)) {
                inputs.insert(input.name.clone(), value);
            }
        }
        Dialogue {
            action: spec.name.clone(),
            otherwise: otherwise.clone(),
            id: scene.message.to_owned(),
            inputs,
            step: Step::Confirms { tries: 0 },
            again: 0,
            planned: None,
            until: until(scene, spec),
        }
    }

    /// What an input is without being asked for.
    pub(super) fn known_before(
        &self,
        scene: &Scene<'_>,
        input: &Input,
        inputs: &BTreeMap<String, Json>,
    ) -> Option<Json> {
        let given = self.texts.value(input.from.as_ref()?, &scene.context(inputs)).ok()?;
        Some(given).filter(|value| !is_empty(value)).and_then(|value| fitting(scene, input, value))
    }

    /// The customer says something.
    #[must_use]
    pub fn hear(&self, scene: &Scene<'_>, dialogue: &Dialogue, heard: &Heard<'_>) -> Reaction {
        let Some(spec) = self.actions.get(&dialogue.action) else { return Reaction::Forgotten };
        let said = heard.pressed.is_none().then(|| assent(heard.text)).flatten();
        let mut next = Dialogue { until: until(scene, spec), planned: None, ..dialogue.clone() };
        match &dialogue.step {
            Step::Calls { .. } if dialogue.planned.is_some() => Reaction::Forgotten,
            Step::Calls { .. } => Reaction::Waits,
            _ if scene.now >= dialogue.until => Reaction::Forgotten,
            _ if said == Some(Assent::Cancel) => Reaction::Goes(Box::new(self.cancelled(scene))),
            Step::Verifies(proof) => self.hear_proof(scene, spec, (next, proof), heard),
            _ if spec.identity > scene.who.identity => Reaction::Goes(Box::new(self.ask_who(scene, spec, next))),
            Step::Asks { input, choices, .. } => {
                let Some(wanted) = spec.input(input) else { return Reaction::Forgotten };
                let corrected = correct(scene, spec, &mut next, heard, Some(input));
                match heard::answer(scene, wanted, choices, heard) {
                    Understood::One(value) => {
                        next.put(spec, input, value);
                        Reaction::Goes(Box::new(self.go_on(scene, spec, next, Vec::new())))
                    }
                    Understood::No if corrected => Reaction::Goes(Box::new(self.go_on(scene, spec, next, Vec::new()))),
                    Understood::No => Reaction::NotUnderstood,
                }
            }
            Step::Confirms { .. } => {
                let pressed =
                    |word: &str| heard.pressed == Some(button_value(&dialogue.action, word, &next.names()).as_str());
                if pressed("yes") || said == Some(Assent::Yes) {
                    next.step = next.call(scene, None);
                    return Reaction::Goes(Box::new(self.reach(scene, spec, next, Vec::new())));
                }
                if pressed("no") || said == Some(Assent::No) {
                    return Reaction::Goes(Box::new(self.cancelled(scene)));
                }
                if heard.pressed.is_none() && correct(scene, spec, &mut next, heard, None) {
                    return Reaction::Goes(Box::new(self.go_on(scene, spec, next, Vec::new())));
                }
                if heard.pressed.is_none() && disputes(heard.text) {
                    return Reaction::Goes(Box::new(self.cancelled(scene)));
                }
                Reaction::NotUnderstood
            }
        }
    }

    /// What was said is no answer, and no question that the bot could answer either: the question is put once more, a few
    /// times.
    #[must_use]
    pub fn misunderstood(&self, scene: &Scene<'_>, dialogue: &Dialogue) -> Advance {
        let mut next = dialogue.clone();
        let (tries, input) = match &mut next.step {
            Step::Asks { tries, input, .. } => (tries, Some(input.clone())),
            Step::Confirms { tries } | Step::Verifies(Proof::Address { asked: tries }) => (tries, None),
            Step::Verifies(Proof::Code(challenge)) => (&mut challenge.asked, None),
            Step::Calls { .. } => return Advance { dialogue: Some(next), ..Advance::default() },
        };
        *tries += 1;
        if *tries >= TRIES {
            return Advance { ended: Some(Ended::Otherwise(Why::NotUnderstood)), ..Advance::default() };
        }
        let spec = self.actions.get(&dialogue.action);
        let own = input.and_then(|input| spec?.input(&input)?.retry.as_ref());
        let retry = match own {
            Some(retry) => {
                let context = scene.context(&next.inputs);
                Body::text(self.texts.say_in(retry, scene.language, scene.default_language, &context))
            }
            None => phrases::say(self, scene, Phrase::NotUnderstood),
        };
        let question = self.question(scene, &next);
        Advance { dialogue: Some(next), says: joined(retry, question), ..Advance::default() }
    }

    /// The open question once more, after something else was answered.
    #[must_use]
    pub fn question(&self, scene: &Scene<'_>, dialogue: &Dialogue) -> Option<Body> {
        let spec = self.actions.get(&dialogue.action)?;
        let context = scene.context(&dialogue.inputs);
        let said = |say| self.texts.say_in(say, scene.language, scene.default_language, &context);
        match &dialogue.step {
            Step::Asks { input, choices, .. } => {
                let buttons = choices.iter().map(|choice| Button {
                    title: choice.title.clone(),
                    action: ButtonAction::Postback(button_value(&dialogue.action, input, &choice.value)),
                });
                Some(Body { buttons: buttons.collect(), ..Body::text(said(&spec.input(input)?.ask)) })
            }
            Step::Confirms { .. } => {
                let button = |phrase, word: &str| Button {
                    title: phrases::text(self, scene, phrase),
                    action: ButtonAction::Postback(button_value(&dialogue.action, word, &dialogue.names())),
                };
                let buttons = vec![button(Phrase::Yes, "yes"), button(Phrase::No, "no")];
                Some(Body { buttons, ..Body::text(said(spec.confirm.as_ref()?)) })
            }
            Step::Verifies(proof) => Some(self.question_who(scene, proof)),
            Step::Calls { .. } => None,
        }
    }

    fn cancelled(&self, scene: &Scene<'_>) -> Advance {
        let says = vec![phrases::say(self, scene, Phrase::Cancelled)];
        Advance { says, ended: Some(Ended::Cancelled), ..Advance::default() }
    }

    /// From what is known to what is asked next, confirmed or called.
    pub(super) fn go_on(&self, scene: &Scene<'_>, spec: &Action, mut next: Dialogue, says: Vec<Body>) -> Advance {
        let missing = spec.inputs.iter().find(|input| !next.inputs.contains_key(&input.name));
        next.step = match missing {
            Some(Input { name, kind: Kind::Choice(Choices::Asked(_)), .. }) => next.call(scene, Some(name)),
            Some(input) => Step::Asks { input: input.name.clone(), tries: 0, choices: listed(scene, input) },
            None if spec.confirm.is_some() => Step::Confirms { tries: 0 },
            None => next.call(scene, None),
        };
        self.reach(scene, spec, next, says)
    }

    /// Says what a step asks; an action that calls nobody is done at once.
    fn reach(&self, scene: &Scene<'_>, spec: &Action, next: Dialogue, mut says: Vec<Body>) -> Advance {
        if matches!(next.step, Step::Calls { choices_of: None, .. }) && spec.call.is_none() {
            return self.concluded(scene, spec, next, &super::outcome::NO_CALL, says);
        }
        says.extend(self.question(scene, &next));
        Advance { dialogue: Some(next), says, ..Advance::default() }
    }

    /// A business system said what can be chosen.
    pub(super) fn offered(
        &self,
        scene: &Scene<'_>,
        (spec, input, asked): (&Action, &Input, &AskedChoices),
        mut next: Dialogue,
        body: &Json,
    ) -> Advance {
        let Some(choices) = self.choices(scene, asked, &next.inputs, body) else {
            return self.failed(scene, Why::Failed(crate::calls::Failure::Unreadable));
        };
        if choices.is_empty() {
            let context = scene.context_of(&next.inputs, None, body);
            let text = self.texts.say_in(&asked.none, scene.language, scene.default_language, &context);
            let says = vec![Body::text(text)];
            return match &asked.ask {
                Some(again) => self.ask_anew(scene, spec, next, again, says),
                None => Advance { says, ended: Some(Ended::Done), ..Advance::default() },
            };
        }
        if let ([only], true) = (choices.as_slice(), asked.take_single) {
            next.put(spec, &input.name, only.value.clone());
            return self.go_on(scene, spec, next, Vec::new());
        }
        next.step = Step::Asks { input: input.name.clone(), tries: 0, choices };
        next.until = until(scene, spec);
        self.reach(scene, spec, next, Vec::new())
    }

    /// What can be chosen, out of an answer; `None` where that is no list.
    pub(super) fn choices(
        &self,
        scene: &Scene<'_>,
        asked: &AskedChoices,
        inputs: &BTreeMap<String, Json>,
        body: &Json,
    ) -> Option<Vec<Choice>> {
        // The system knows nothing of what was asked.
        if body.is_null() {
            return Some(Vec::new());
        }
        let list = self.texts.value(&asked.each, &scene.context_of(inputs, None, body)).ok()?;
        let choices = list.as_array()?.iter().take(asked.most).filter_map(|item| {
            let context = scene.context_of(inputs, Some(item), body);
            let value = self.texts.value(&asked.value, &context).ok().filter(|value| !is_empty(value))?;
            let title = self.texts.say_in(&asked.title, scene.language, scene.default_language, &context);
            Some(Choice { value, title }).filter(|choice| !choice.title.is_empty())
        });
        Some(choices.collect())
    }
}

impl Dialogue {
    /// Goes on to a call. What is asked on the same grounds is one call, wherever the customer says the word for it.
    fn call(&self, scene: &Scene<'_>, choices_of: Option<&str>) -> Step {
        let grounds = Sha256::digest(format!("{}\0{}", self.again, self.names()));
        let key = format!("{}-{}-{}", self.id, choices_of.unwrap_or("do"), hex::encode(&grounds[..8]));
        Step::Calls { choices_of: choices_of.map(str::to_owned), key, since: scene.now }
    }

    /// Whether a word that nobody has asked for here may be meant for it: an answer that only its question has.
    #[must_use]
    pub fn is_told_apart(&self, spec: &Action) -> bool {
        match &self.step {
            Step::Asks { input, .. } => spec
                .input(input)
                .is_some_and(|input| !matches!(input.kind, Kind::Text | Kind::Number) || input.pattern.is_some()),
            Step::Confirms { .. } => true,
            Step::Calls { .. } | Step::Verifies(_) => false,
        }
    }

    /// What makes a question and its buttons this one.
    fn names(&self) -> Json {
        Json::Object(self.inputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Notes an input. What a business system offered for others, on what was known then, is asked anew.
    pub(super) fn put(&mut self, spec: &Action, input: &str, value: Json) {
        let changed = self.inputs.insert(input.to_owned(), value.clone()).is_some_and(|before| before != value);
        if changed {
            let behind = spec.inputs.iter().skip_while(|other| other.name != input).skip(1);
            for other in behind.filter(|other| matches!(other.kind, Kind::Choice(Choices::Asked(_)))) {
                self.inputs.remove(&other.name);
            }
        }
    }
}

/// Notes what the customer says of other inputs than the one that they are asked for. Whether that changed something.
fn correct(scene: &Scene<'_>, spec: &Action, next: &mut Dialogue, heard: &Heard<'_>, asked: Option<&str>) -> bool {
    let mut changed = false;
    for input in spec.inputs.iter().filter(|input| Some(input.name.as_str()) != asked) {
        if let Some(value) = heard::named(scene, input, heard)
            && next.inputs.get(&input.name) != Some(&value)
        {
            next.put(spec, &input.name, value);
            changed = true;
        }
    }
    changed
}

pub(super) fn listed(scene: &Scene<'_>, input: &Input) -> Vec<Choice> {
    let Kind::Choice(Choices::Listed(choices)) = &input.kind else { return Vec::new() };
    let choice = |(value, titles): &(String, crate::routing::Titles)| Choice {
        value: Json::from(value.as_str()),
        title: crate::routing::title(titles, scene.language).unwrap_or(value).to_owned(),
    };
    choices.iter().map(choice).collect()
}

/// A value that an expression gave, where the input can be that.
pub(super) fn fitting(scene: &Scene<'_>, input: &Input, value: Json) -> Option<Json> {
    match &input.kind {
        Kind::Number => value.is_number().then_some(value),
        Kind::Choice(Choices::Asked(_)) => Some(value),
        _ => heard::fits(scene, input, value.as_str()?),
    }
}

fn until(scene: &Scene<'_>, spec: &Action) -> Timestamp {
    let seconds = i64::try_from(spec.expires).unwrap_or(i64::MAX / 1_000_000_000);
    scene.now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

pub(super) fn is_empty(value: &Json) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// What a button sends: short, because platforms bound it, and of this question alone, because old buttons stay on the screen.
pub(super) fn button_value(action: &str, input: &str, value: &Json) -> String {
    let hash = Sha256::digest(format!("{action}\0{input}\0{value}"));
    format!("do:{}", hex::encode(&hash[..8]))
}

/// A sentence before a question, as one message.
fn joined(before: Body, question: Option<Body>) -> Vec<Body> {
    match question {
        Some(question) if !before.text.is_empty() => {
            vec![Body { text: format!("{}\n{}", before.text, question.text), ..question }]
        }
        Some(question) => vec![question],
        None => vec![before],
    }
}
