//! Why: the words of a message that weighed most in a judgement.

use crate::{
    features::Group,
    folded::{Folded, Kind},
    model::{Tuning, Weights},
};

/// How many terms a judgement is explained by.
const MOST: usize = 5;
/// A term weighs at least this share of the strongest one.
const LEAST: f32 = 0.15;

/// A part of the folded text with its known n-grams: one of words, or all pieces of a word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub group: Group,
    pub start: u32,
    pub end: u32,
    pub weights: Weights,
}

/// What is known of a message.
pub(crate) struct Known<'a> {
    pub tuning: &'a Tuning,
    pub folded: &'a Folded,
    /// Where the model has n-grams, and what they weigh.
    pub stretches: &'a [Stretch],
    /// What each family of n-grams counts for.
    pub factors: [f32; 2],
}

/// What finding terms needs for a moment.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The weight of all characters before each.
    before: Vec<f32>,
    spans: Vec<Span>,
}

/// A weight, and the characters that have it.
type Span = (f32, u32, u32);

impl Known<'_> {
    /// The terms that spoke for a judgement, strongest first. The judgement is a sum of columns, each with a sign.
    ///
    /// What a stretch weighs is spread over its characters; a term is a word, a sign, or a stretch of a run of
    /// characters, and weighs what its characters do.
    pub fn terms<const COLUMNS: usize>(
        &self,
        judgement: [(usize, f32); COLUMNS],
        Memory { before, spans }: &mut Memory,
    ) -> Vec<String> {
        let judgement = judgement.map(|(column, sign)| (column, sign * self.tuning.scale[column]));
        // First how the weight changes from one character to the next, then what stands before each.
        before.clear();
        before.resize(self.folded.chars.len() + 2, 0.0);
        for Stretch { group, start, end, weights } in self.stretches {
            let weight: f32 = judgement.iter().map(|(column, unit)| unit * f32::from(weights.column(*column))).sum();
            #[expect(clippy::cast_precision_loss, reason = "a few words at most")]
            let each = self.factors[*group as usize] * weight / (end - start) as f32;
            before[*start as usize + 1] += each;
            before[*end as usize + 1] -= each;
        }
        let (mut here, mut sum) = (0.0, 0.0);
        for place in &mut *before {
            here += *place;
            sum += here;
            *place = sum;
        }
        strongest(self.folded, before, spans)
    }
}

fn strongest(folded: &Folded, before: &[f32], spans: &mut Vec<Span>) -> Vec<String> {
    spans.clear();
    for token in &folded.tokens {
        match token.kind {
            Kind::Word | Kind::Sign => spans.push((sum(before, token.start, token.end), token.start, token.end)),
            Kind::Run => runs(before, token.start, token.end, spans),
            Kind::Stop => {}
        }
    }
    let most = spans.iter().map(|(weight, ..)| *weight).fold(0.0, f32::max);
    spans.retain(|(weight, ..)| *weight > 0.0 && *weight >= most * LEAST);
    spans.sort_by(|a, b| b.0.total_cmp(&a.0));
    folded.texts::<MOST>(spans.iter().map(|(_, start, end)| (*start, *end)))
}

/// Where a run of characters speaks for the judgement: its stretches of positive weight, at most four characters each.
fn runs(before: &[f32], start: u32, end: u32, spans: &mut Vec<Span>) {
    const LONGEST: u32 = 4;
    let mut from = start;
    while from < end {
        if sum(before, from, from + 1) <= 0.0 {
            from += 1;
            continue;
        }
        let bound = end.min(from + LONGEST);
        let to = (from..bound).find(|at| sum(before, *at, *at + 1) <= 0.0).unwrap_or(bound);
        spans.push((sum(before, from, to), from, to));
        from = to;
    }
}

fn sum(before: &[f32], start: u32, end: u32) -> f32 {
    before[end as usize] - before[start as usize]
}
