//! Rules that ask for a word or a text in the message: one pass over it finds those of all rules.

use super::{
    super::expr::{Expr, Hits, Kind, Scope},
    row::Row,
};

/// The rules that ask for one of some texts in the message.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub rules: Row,
    /// By the number of the text, the places in the index of the rules that ask for it.
    contained: Vec<Vec<usize>>,
    words: Vec<Vec<usize>>,
}

impl Texts {
    pub fn new(parts: &[Vec<&Expr>]) -> Self {
        let mut new = Self { rules: Row::none(parts.len()), ..Self::default() };
        for (place, parts) in parts.iter().enumerate() {
            let Some(needed) = parts.iter().find_map(|part| texts(part)) else { continue };
            new.rules.add(place);
            for text in needed {
                let (list, number) = match text {
                    Text::Contained(number) => (&mut new.contained, number),
                    Text::Word(number) => (&mut new.words, number),
                };
                if list.len() <= number {
                    list.resize(number + 1, Vec::new());
                }
                list[number].push(place);
            }
        }
        new
    }

    /// The rules that ask for no text, and those that find one of theirs.
    pub fn row(&self, scope: &Scope<'_>) -> Row {
        let mut row = self.rules.contrary();
        let mut found = |list: &[Vec<usize>], hits: &Hits| {
            hits.iter().filter_map(|number| list.get(number)).flatten().for_each(|place| row.add(*place));
        };
        if !self.contained.is_empty() {
            found(&self.contained, scope.contained());
        }
        if !self.words.is_empty() {
            found(&self.words, scope.words());
        }
        row
    }
}

pub(super) enum Text {
    Contained(usize),
    Word(usize),
}

/// The texts of which a condition asks for one, where it is of that kind.
pub(super) fn texts(expr: &Expr) -> Option<Vec<Text>> {
    match &expr.kind {
        Kind::TextContains(text) => Some(vec![Text::Contained(*text)]),
        Kind::TextAnyWord(words) => Some(words.iter().map(|word| Text::Word(*word)).collect()),
        Kind::Or(pair) => {
            let mut both = texts(&pair[0])?;
            both.extend(texts(&pair[1])?);
            Some(both)
        }
        _ => None,
    }
}
