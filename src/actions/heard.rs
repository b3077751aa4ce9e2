//! What a customer's words are for an input: the value, or that they are none.

use serde_json::Value as Json;
use understand::answers::{Chosen, Moment, choose, moment, number};

use super::{
    dialogue::{Choice, Heard, button_value},
    scene::Scene,
    spec::{Choices, Input, Kind},
    texts::instant,
};

/// The longest text of an input, in characters.
const LONGEST: usize = 500;

/// What an answer was understood as.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Understood {
    /// A value.
    One(Json),
    /// Nothing.
    No,
}

impl From<Option<Json>> for Understood {
    fn from(value: Option<Json>) -> Self {
        value.map_or(Self::No, Self::One)
    }
}

/// An answer to the question for an input.
pub(super) fn answer(scene: &Scene<'_>, input: &Input, choices: &[Choice], heard: &Heard<'_>) -> Understood {
    if let Some(pressed) = heard.pressed {
        let action = scene.action;
        let chosen = choices.iter().find(|choice| button_value(action, &input.name, &choice.value) == pressed);
        return chosen.map(|choice| choice.value.clone()).into();
    }
    match &input.kind {
        Kind::Choice(_) => {
            let titles: Vec<&str> = choices.iter().map(|choice| choice.title.as_str()).collect();
            match choose(heard.text, &titles) {
                Chosen::One(at) => choices.get(at).map(|choice| choice.value.clone()).into(),
                Chosen::Several(_) | Chosen::None => Understood::No,
            }
        }
        _ => named(scene, input, heard).or_else(|| fits(scene, input, heard.text)).into(),
    }
}

/// A value that a message names by itself, whatever it was asked for: an entity of the input's kind, or what looks as such an
/// entity has to.
pub(super) fn named(scene: &Scene<'_>, input: &Input, heard: &Heard<'_>) -> Option<Json> {
    let kind = match (&input.entity, &input.kind) {
        (Some(kind), _) => kind.as_str(),
        (None, Kind::Email) => "email",
        (None, Kind::Phone) => "phone",
        _ => return None,
    };
    let named = heard.entities.iter().filter(|entity| entity.kind == kind);
    let mut found = named.filter_map(|entity| fits(scene, input, &entity.text));
    match found.next() {
        // Of two order numbers nobody knows which one is meant.
        Some(first) => found.all(|other| other == first).then_some(first),
        None => input.pattern.as_ref().and_then(|_| fits(scene, input, heard.text)),
    }
}

/// The value of an input that somebody names who is not the customer. What only a business system knows is never taken so.
pub(super) fn argued(scene: &Scene<'_>, input: &Input, value: &Json) -> Option<Json> {
    match (&input.kind, value) {
        (Kind::Choice(Choices::Asked(_)), _) | (_, Json::Null | Json::Array(_) | Json::Object(_)) => None,
        (_, Json::String(text)) => fits(scene, input, text),
        (Kind::Number, Json::Number(_)) => Some(value.clone()),
        (_, plain) => fits(scene, input, &plain.to_string()),
    }
}

/// The value that a text is for an input.
pub(super) fn fits(scene: &Scene<'_>, input: &Input, text: &str) -> Option<Json> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST {
        return None;
    }
    match &input.kind {
        Kind::Text => match &input.pattern {
            None => Some(Json::from(text)),
            Some(pattern) => {
                let mut found = pattern.find_iter(text).filter(|found| stands_alone(text, found.range()));
                let first = found.next()?.as_str();
                found.all(|other| other.as_str() == first).then(|| Json::from(first))
            }
        },
        Kind::Number => number(text).filter(|number| number.is_finite()).map(whole),
        Kind::Email => one_address(text).map(Json::from),
        Kind::Phone => phone(text).map(Json::from),
        Kind::Date => moment(text, scene.zone.to_datetime(scene.now))?.date.map(|date| Json::from(date.to_string())),
        Kind::Moment => match moment(text, scene.zone.to_datetime(scene.now))? {
            Moment { date: Some(date), time: Some(time), .. } => {
                let at = date.to_datetime(time).to_zoned(scene.zone.clone()).ok()?;
                Some(Json::from(instant(&at)))
            }
            _ => None,
        },
        Kind::Choice(Choices::Listed(choices)) => {
            let listed: Vec<&str> =
                choices.iter().flat_map(|(_, titles)| titles.values()).map(String::as_str).collect();
            let value = choices.iter().find(|(value, _)| value == text).map(|(value, _)| value);
            let of_title = |at: usize| {
                let mut counted = 0;
                choices.iter().find(|(_, titles)| {
                    counted += titles.len();
                    at < counted
                })
            };
            let chosen = || match choose(text, &listed) {
                Chosen::One(at) => of_title(at).map(|(value, _)| value),
                _ => None,
            };
            value.or_else(chosen).map(|value| Json::from(value.as_str()))
        }
        Kind::Choice(Choices::Asked(_)) => None,
    }
}

/// Whether a part of a text is not the middle of a longer word or number.
fn stands_alone(text: &str, part: std::ops::Range<usize>) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric();
    let first = text[part.clone()].chars().next().is_some_and(joins);
    let last = text[part.clone()].chars().next_back().is_some_and(joins);
    let goes_on_before = first && text[..part.start].chars().next_back().is_some_and(joins);
    let goes_on_behind = last && text[part.end..].chars().next().is_some_and(joins);
    !goes_on_before && !goes_on_behind
}

/// A number without a fraction is written without one.
fn whole(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
    let whole = (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64);
    whole.map_or_else(|| Json::from(number), Json::from)
}

fn one_address(text: &str) -> Option<&str> {
    let mut words = text.split(|c: char| c.is_whitespace() || "<>,;，；。".contains(c));
    let is_address = |word: &&str| {
        word.split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.') && !domain.contains('@'))
    };
    let first = words.find(is_address)?;
    words.find(is_address).is_none().then_some(first)
}

/// Seven to fifteen digits, as E.164 has them, with or without a plus sign.
fn phone(text: &str) -> Option<String> {
    let kept: String = text.chars().filter(|c| !" -.()（）".contains(*c)).collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    ((7..=15).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit())).then_some(kept)
}
