//! What the model may cost: counted by requests, tokens, time and money, for a conversation and for a day.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::said::Usage;
use crate::routing::is_default;

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Requests.
    #[serde(default, skip_serializing_if = "is_default")]
    pub steps: u64,
    /// Tokens, read and written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tokens: u64,
    /// Milliseconds of waiting for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub millis: u64,
    /// Money, in millionths of the currency that prices are in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub micros: u64,
}

/// How much may be used; 0 of anything: as much as you like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits(pub Spent);

/// What tokens cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Price {
    /// A million tokens read by the model.
    pub input: f64,
    /// A million tokens written by it.
    pub output: f64,
    /// The currency: `USD`.
    pub currency: String,
}

impl Spent {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// What is left of it without another one.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    /// What one request used.
    #[must_use]
    pub fn of(usage: Usage, took: Duration, price: &Price) -> Self {
        Self {
            steps: 1,
            tokens: usage.input.saturating_add(usage.output),
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            micros: price.of(usage),
        }
    }

    /// How much more of each it is than another one, as records add it.
    #[must_use]
    pub fn each_more_than(self, other: Self) -> [i64; 4] {
        let more = |of: fn(&Self) -> u64| of(&self).cast_signed().saturating_sub(of(&other).cast_signed());
        [more(|spent| spent.steps), more(|spent| spent.tokens), more(|spent| spent.millis), more(|spent| spent.micros)]
    }

    /// As records have it.
    #[must_use]
    pub fn from_columns(columns: [i64; 4]) -> Self {
        let [steps, tokens, millis, micros] = columns.map(|column| column.max(0).cast_unsigned());
        Self { steps, tokens, millis, micros }
    }

    fn each(self, other: Self, what: fn(u64, u64) -> u64) -> Self {
        Self {
            steps: what(self.steps, other.steps),
            tokens: what(self.tokens, other.tokens),
            millis: what(self.millis, other.millis),
            micros: what(self.micros, other.micros),
        }
    }
}

impl Limits {
    /// Whether so much may be used.
    #[must_use]
    pub fn allow(&self, spent: Spent) -> bool {
        let Self(most) = self;
        [
            (spent.steps, most.steps),
            (spent.tokens, most.tokens),
            (spent.millis, most.millis),
            (spent.micros, most.micros),
        ]
        .iter()
        .all(|(used, most)| *most == 0 || used <= most)
    }
}

impl Price {
    /// What requests are paid in; empty where no price is known.
    #[must_use]
    pub fn paid_in(&self) -> &str {
        if self.input <= 0.0 && self.output <= 0.0 { "" } else { &self.currency }
    }

    /// What a request costs, in millionths of the currency: a price for a million tokens is so many millionths a token.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "tokens of a request are far below 2⁵²")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked to be neither")]
    pub fn of(&self, usage: Usage) -> u64 {
        let micros = (usage.input as f64).mul_add(self.input, usage.output as f64 * self.output);
        if micros.is_finite() && micros >= 0.0 { micros.ceil() as u64 } else { 0 }
    }
}

/// An amount of millionths, for people: `0.004200 USD`.
#[must_use]
pub fn money(micros: u64, currency: &str) -> String {
    format!("{}.{:06} {currency}", micros / 1_000_000, micros % 1_000_000)
}

/// How many tokens a text is, about, where a server does not say: four letters of a Latin script to one, and one of any other.
/// Above what tokenizers count, so that no limit is passed by it.
#[must_use]
pub fn tokens_of(text: &str) -> u64 {
    let (latin, other) = text
        .chars()
        .fold((0_u64, 0_u64), |(latin, other), c| if c.is_ascii() { (latin + 1, other) } else { (latin, other + 1) });
    latin.div_ceil(3) + other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_what_tokens_cost() {
        let price = Price { input: 0.15, output: 0.6, currency: "USD".into() };
        assert_eq!(price.of(Usage { input: 1_000_000, output: 1_000_000 }), 750_000);
        assert_eq!(price.of(Usage { input: 1, output: 0 }), 1, "never less than it is");
        assert_eq!((price.paid_in(), money(1_000_420, "USD").as_str()), ("USD", "1.000420 USD"));
        let free = Price { currency: "USD".into(), ..Price::default() };
        assert_eq!((free.of(Usage { input: 9, output: 9 }), free.paid_in()), (0, ""));
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        let spent = Spent { steps: 3, tokens: 100, millis: 9, micros: 0 };
        assert!(Limits::default().allow(spent));
        assert!(Limits(Spent { steps: 3, tokens: 100, ..Spent::default() }).allow(spent));
        assert!(!Limits(Spent { steps: 2, ..Spent::default() }).allow(spent));
        assert!(!Limits(Spent { tokens: 99, ..Spent::default() }).allow(spent));
        assert!(!Limits(Spent { millis: 1, ..Spent::default() }).allow(spent));
        assert_eq!(spent.and(spent).without(spent), spent);
    }
}
