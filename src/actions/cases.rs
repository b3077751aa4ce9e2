//! `tests:` of action files: a customer and a business system say this, and the bot says that. They run before a file is in
//! force, as those of rules do, and call nobody.

use std::{collections::BTreeMap, ops::Range};

use contract::{Body, Button, ButtonAction, Timestamp, said_by};
use jiff::{SignedDuration, tz::TimeZone};
use minijinja::Value;
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    Planned,
    dialogue::{Advance, Dialogue, Ended, Heard, Reaction, Step},
    later::NOWHERE,
    scene::{Scene, Who},
    spec::Actions,
    texts::instant,
    verify::{Means, Permission, Proof},
};
use crate::{calls::Returned, store::ticket::TicketNumber, tickets::Named, understand::Signals};

/// One test.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub name: String,
    pub file: usize,
    pub line: usize,
    pub span: Range<usize>,
    pub action: String,
    pub given: Given,
    pub turns: Vec<Turn>,
}

/// With whom, when and in which language.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub who: Who,
    pub language: String,
    pub now: Timestamp,
}

/// One thing that happens, and what is expected of it; what is not named can be anything.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub line: usize,
    pub happens: Happens,
    pub says: Vec<String>,
    /// The titles of all cards, in their order.
    pub cards: Option<Vec<String>>,
    pub asks: Option<String>,
    pub wants: Option<&'static str>,
    pub confirms: bool,
    pub calls: Option<String>,
    pub sends: Option<Json>,
    pub plans: Option<String>,
    pub ends: Option<&'static str>,
    /// The queue in which a ticket is opened.
    pub ticket: Option<String>,
}

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Happens {
    /// The customer writes.
    Customer(String),
    /// The customer presses the button of this title.
    Presses(String),
    /// The business system answers.
    Answer(Returned),
    /// The moment has come for which an outcome planned it, with these inputs.
    Comes(BTreeMap<String, Json>),
    /// The customer gives the code that they were sent, or another one.
    Verifies(bool),
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseOutcome {
    /// Its name.
    pub name: String,
    /// The number of its file in the rule set.
    #[serde(skip)]
    pub file: usize,
    /// Where it stands, counted from 1.
    pub line: usize,
    /// The bytes of its name.
    #[serde(skip)]
    pub span: Range<usize>,
    /// What was expected and did not come, one sentence each.
    pub differences: Vec<String>,
}

/// What customers type as their code.
const RIGHT: &str = "123456";
const WRONG: &str = "654321";

/// A test has a mailbox, and everybody's address is known.
const MEANS: Means<'static> = Means {
    email: true,
    lasts: SignedDuration::from_mins(10),
    permission: Some(Permission { may_ask: true, goes: true }),
    holds: &|_, typed| typed == 123_456,
    ..Means::NONE
};

/// Runs every test.
#[must_use]
pub fn run_cases(
    actions: &Actions,
    (default_language, zone): (&str, &TimeZone),
    classify: &dyn Fn(&str) -> Signals,
) -> Vec<CaseOutcome> {
    let run = |case: &Case| CaseOutcome {
        name: case.name.clone(),
        file: case.file,
        line: case.line,
        span: case.span.clone(),
        differences: Run {
            actions,
            case,
            default_language,
            zone,
            classify,
            dialogue: None,
            said: Vec::new(),
            who: case.given.who.clone(),
            ticket: Named {
                number: TicketNumber::FIRST.to_string(),
                url: "https://chat.example.com/t/test".to_owned(),
            },
        }
        .run(),
    };
    actions.cases.iter().map(run).collect()
}

impl Actions {
    /// How many tests begin each action, in the order of their names.
    pub fn tests_by_action(&self) -> impl Iterator<Item = (&str, usize)> {
        self.actions.keys().map(|name| (name.as_str(), self.cases.iter().filter(|case| case.action == *name).count()))
    }
}

struct Run<'a> {
    actions: &'a Actions,
    case: &'a Case,
    default_language: &'a str,
    zone: &'a TimeZone,
    classify: &'a dyn Fn(&str) -> Signals,
    dialogue: Option<Dialogue>,
    /// What the bot said last.
    said: Vec<Body>,
    who: Who,
    /// The ticket that is given.
    ticket: Named,
}

impl Run<'_> {
    fn run(mut self) -> Vec<String> {
        for (at, turn) in self.case.turns.iter().enumerate() {
            let differences = match self.happens(at, turn) {
                Ok(advance) => self.differences(turn, advance),
                Err(why) => vec![why],
            };
            if !differences.is_empty() {
                return differences.into_iter().map(|what| format!("line {}: {what}", turn.line)).collect();
            }
        }
        Vec::new()
    }

    fn scene<'s>(&'s self, text: &'s str, message: &'s str) -> Scene<'s> {
        Scene {
            action: &self.case.action,
            who: &self.who,
            language: &self.case.given.language,
            default_language: self.default_language,
            conversation: "cnv_test",
            message,
            text,
            ticket: None,
            next_ticket: Some(&self.ticket),
            now: self.case.given.now,
            zone: self.zone,
            means: MEANS,
        }
    }

    fn happens(&mut self, at: usize, turn: &Turn) -> Result<Advance, String> {
        let message = format!("msg_{at}");
        let (text, pressed) = match &turn.happens {
            Happens::Answer(returned) => {
                let dialogue = self.dialogue.as_ref().ok_or("nothing is under way that could be answered")?;
                let scene = self.scene("", &message);
                return self
                    .actions
                    .returned(&scene, dialogue, returned)
                    .ok_or_else(|| "no call is under way".to_owned());
            }
            Happens::Comes(inputs) => {
                let (action, at) = (self.case.action.clone(), self.case.given.now);
                let planned = Planned { action, inputs: inputs.clone(), at, tries: 0 };
                let begun = self.actions.begin_planned(&self.scene("", &message), &planned);
                return begun.ok_or_else(|| format!("there is no action “{}”", self.case.action));
            }
            Happens::Customer(text) => (text.as_str(), None),
            Happens::Verifies(right) => {
                let asked = self.dialogue.as_ref().and_then(Dialogue::challenge).ok_or("no code was asked for")?;
                if *right {
                    self.who.proves(asked);
                }
                (if *right { RIGHT } else { WRONG }, None)
            }
            Happens::Presses(title) => (title.as_str(), Some(self.button(title)?)),
        };
        // A button that says something is as if the customer had written it.
        let words = pressed.as_deref().and_then(said_by);
        let (text, pressed) = (words.unwrap_or(text), pressed.as_deref().filter(|_| words.is_none()));
        let signals = (self.classify)(text);
        let heard = Heard { text, pressed, entities: &signals.entities };
        let scene = self.scene(text, &message);
        let Some(dialogue) = &self.dialogue else {
            let begun = self.actions.begin(&scene, &self.case.action, &NOWHERE, &heard);
            return begun.ok_or_else(|| format!("there is no action “{}”", self.case.action));
        };
        Ok(match self.actions.hear(&scene, dialogue, &heard) {
            Reaction::Goes(advance) => *advance,
            Reaction::NotUnderstood => self.actions.misunderstood(&scene, dialogue),
            Reaction::Waits => Advance { dialogue: Some(dialogue.clone()), ..Advance::default() },
            Reaction::Forgotten => return Err("the dialogue was forgotten".to_owned()),
        })
    }

    fn button(&self, title: &str) -> Result<String, String> {
        let of_cards =
            |body: &'_ Body| body.cards.iter().flat_map(|card| card.buttons.clone()).collect::<Vec<Button>>();
        let buttons: Vec<Button> =
            self.said.iter().flat_map(|body| body.buttons.iter().cloned().chain(of_cards(body))).collect();
        let found = buttons.iter().find_map(|button| match &button.action {
            ButtonAction::Postback(value) if button.title == title => Some(value.clone()),
            _ => None,
        });
        let titles: Vec<_> = buttons.iter().map(|button| button.title.as_str()).collect();
        found.ok_or_else(|| format!("there is no button “{title}”; there are: {}", titles.join(", ")))
    }

    fn differences(&mut self, turn: &Turn, advance: Advance) -> Vec<String> {
        let mut found = Vec::new();
        let text: Vec<String> = advance.says.iter().map(Body::in_words).collect();
        let text = text.join("\n");
        for wanted in turn.says.iter().filter(|wanted| !text.contains(wanted.as_str())) {
            found.push(format!("“{wanted}” was expected; the bot says “{text}”"));
        }
        let cards = advance.says.iter().flat_map(|body| &body.cards).map(|card| card.title.as_str());
        if let Some(wanted) = &turn.cards
            && !cards.clone().eq(wanted.iter().map(String::as_str))
        {
            let cards: Vec<&str> = cards.collect();
            found.push(format!("the cards {wanted:?} were expected; there are {cards:?}"));
        }
        let step = advance.dialogue.as_ref().map(|dialogue| &dialogue.step);
        if let Some(wanted) = &turn.asks
            && !matches!(step, Some(Step::Asks { input, .. }) if input == wanted)
        {
            found.push(format!("a question for `{wanted}` was expected; {}", stands(&advance)));
        }
        if let Some(wanted) = turn.wants
            && !matches!(step, Some(Step::Verifies(proof)) if wants(proof) == wanted)
        {
            found.push(format!("a question for the {wanted} was expected; {}", stands(&advance)));
        }
        if turn.confirms && !matches!(step, Some(Step::Confirms { .. })) {
            found.push(format!("a question whether it is right so was expected; {}", stands(&advance)));
        }
        if let Some(wanted) = turn.ends
            && advance.ended.as_ref().map(ended) != Some(wanted)
        {
            found.push(format!("the end `{wanted}` was expected; {}", stands(&advance)));
        }
        if let Some(wanted) = &turn.plans {
            let is_so = |planned: &Planned| {
                let (action, at) = wanted.split_once(" at ").unwrap_or((wanted, ""));
                planned.action == action && (at.is_empty() || at.parse().is_ok_and(|at: Timestamp| at == planned.at))
            };
            if !advance.later.as_ref().is_some_and(is_so) {
                let plans = advance.later.as_ref().map(|planned| {
                    let at = instant(&planned.at.to_zoned(self.zone.clone()));
                    format!("{} at {at}", planned.action)
                });
                let plans = plans.unwrap_or_else(|| "nothing".to_owned());
                found.push(format!("the plan `{wanted}` was expected; it is `{plans}`"));
            }
        }
        let opens = advance.opens.as_ref().map(|opens| opens.queue.as_str());
        if let Some(wanted) = &turn.ticket
            && opens != Some(wanted)
        {
            let opened = opens.map_or("none is opened".to_owned(), |queue| format!("it is opened in `{queue}`"));
            found.push(format!("a ticket in `{wanted}` was expected; {opened}"));
        }
        if turn.calls.is_some() || turn.sends.is_some() {
            found.extend(self.call(turn, &advance));
        }
        if !advance.says.is_empty() {
            self.said.clone_from(&advance.says);
        }
        self.dialogue = advance.dialogue;
        found
    }

    fn call(&self, turn: &Turn, advance: &Advance) -> Option<String> {
        let calls = advance.dialogue.as_ref().filter(|dialogue| matches!(dialogue.step, Step::Calls { .. }));
        let Some(dialogue) = calls else {
            return Some(format!("a call was expected; {}", stands(advance)));
        };
        let request = match self.actions.request(&self.scene("", "msg"), dialogue, &Value::UNDEFINED) {
            Ok(request) => request,
            Err(why) => return Some(format!("the call cannot be made: {why}")),
        };
        let base = request.system.url.path().trim_end_matches('/');
        let path = request.url.path().strip_prefix(base).unwrap_or(request.url.path());
        let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let made = match &request.tool {
            Some(tool) => format!("{} {tool}", request.method),
            None => format!("{} {path}{query}", request.method),
        };
        if let Some(wanted) = turn.calls.as_ref().filter(|wanted| **wanted != made) {
            return Some(format!("the call `{wanted}` was expected; it is `{made}`"));
        }
        let sent = request.body.unwrap_or(Json::Null);
        turn.sends
            .as_ref()
            .filter(|wanted| **wanted != sent)
            .map(|wanted| format!("the body {wanted} was expected; it is {sent}"))
    }
}

/// The word for an end.
fn ended(ended: &Ended) -> &'static str {
    match ended {
        Ended::Done => "done",
        Ended::Cancelled => "cancelled",
        Ended::Otherwise(_) => "otherwise",
    }
}

/// The word for what is to be proven.
fn wants(proof: &Proof) -> &'static str {
    match proof {
        Proof::Address { .. } => "address",
        Proof::Code(_) => "code",
    }
}

fn stands(advance: &Advance) -> String {
    match (&advance.ended, advance.dialogue.as_ref().map(|dialogue| &dialogue.step)) {
        (Some(Ended::Otherwise(why)), _) => format!("it ended `otherwise` ({})", why.word()),
        (Some(end), _) => format!("it ended `{}`", ended(end)),
        (None, Some(Step::Asks { input, .. })) => format!("it asks for `{input}`"),
        (None, Some(Step::Verifies(proof))) => format!("it asks for the {} of who they are", wants(proof)),
        (None, Some(Step::Confirms { .. })) => "it asks whether it is right so".to_owned(),
        (None, Some(Step::Calls { choices_of: Some(input), .. })) => format!("it calls for the choices of `{input}`"),
        (None, Some(Step::Calls { .. })) => "it calls".to_owned(),
        (None, None) => "nothing is under way".to_owned(),
    }
}
