//! The learner: multinomial and binary logistic regression on n-grams, by stochastic gradient descent with AdaGrad
//! (Duchi et al. 2011). A part of a message's n-grams is left out each time that it is seen, so that no weight relies on
//! another (Wager et al. 2013, "Dropout Training as Adaptive Regularization"). Everything is computed in one order and
//! with one implementation of `exp`, so that the same text gives the same weights on every machine.

use understand::{
    dice::Dice,
    model::{COLUMNS, factors},
};

use crate::data::{ANY, Example};

/// How often every message is seen.
const EPOCHS: u16 = 12;
/// The first step; the last one is a tenth of it.
const RATE: f32 = 0.3;
/// The share of n-grams that is left out.
const LEFT_OUT: f32 = 0.5;

/// A row of weights for each n-gram, by its number.
pub struct Net {
    rows: Vec<[f32; COLUMNS]>,
    squares: Vec<[f32; COLUMNS]>,
    bias: [f32; COLUMNS],
    bias_squares: [f32; COLUMNS],
}

impl Net {
    /// Learns from messages whose n-grams are numbers below `size`.
    #[must_use]
    pub fn learned(size: usize, examples: &[&Example]) -> Self {
        let mut net = Self {
            rows: vec![[0.0; COLUMNS]; size],
            squares: vec![[0.01; COLUMNS]; size],
            bias: [0.0; COLUMNS],
            bias_squares: [0.01; COLUMNS],
        };
        let mut dice = Dice::default();
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut kept = [Vec::new(), Vec::new()];
        for epoch in 0..EPOCHS {
            dice.shuffle(&mut order);
            let rate = RATE * (1.0 - 0.9 * f32::from(epoch) / f32::from(EPOCHS));
            for number in &order {
                let example = examples[*number];
                for (kept, all) in kept.iter_mut().zip(&example.features) {
                    kept.clear();
                    kept.extend(all.iter().filter(|_| share(&mut dice) >= LEFT_OUT));
                }
                net.learn(example, &kept, rate);
            }
        }
        net
    }

    /// The scores of a message.
    #[must_use]
    pub fn scores(&self, features: &[Vec<u32>; 2]) -> [f32; COLUMNS] {
        let factors = factors(features.each_ref().map(|all| u32::try_from(all.len()).unwrap_or(u32::MAX)));
        let mut scores = self.bias;
        for (features, factor) in features.iter().zip(factors) {
            let mut sums = [0.0; COLUMNS];
            for feature in features {
                for (sum, weight) in sums.iter_mut().zip(&self.rows[*feature as usize]) {
                    *sum += weight;
                }
            }
            for (score, sum) in scores.iter_mut().zip(sums) {
                *score += factor * sum;
            }
        }
        scores
    }

    fn learn(&mut self, example: &Example, features: &[Vec<u32>; 2], rate: f32) {
        let slopes = slopes(example, &self.scores(features));
        let factors = factors(features.each_ref().map(|all| u32::try_from(all.len()).unwrap_or(u32::MAX)));
        for (features, factor) in features.iter().zip(factors) {
            for feature in features {
                let (row, squares) = (&mut self.rows[*feature as usize], &mut self.squares[*feature as usize]);
                for column in 0..COLUMNS {
                    let slope = slopes[column] * factor;
                    squares[column] += slope * slope;
                    row[column] -= rate * slope / squares[column].sqrt();
                }
            }
        }
        for ((bias, square), slope) in self.bias.iter_mut().zip(&mut self.bias_squares).zip(slopes) {
            *square += slope * slope;
            *bias -= 0.1 * rate * slope / square.sqrt();
        }
    }

    /// The weights of an n-gram.
    #[must_use]
    pub fn row(&self, number: usize) -> &[f32; COLUMNS] {
        &self.rows[number]
    }

    /// What a message without any known n-gram scores.
    #[must_use]
    pub fn bias(&self) -> [f32; COLUMNS] {
        self.bias
    }
}

/// How the loss of an example changes with each score. A message that may be one of several steps costs the likelihood
/// of all the others.
fn slopes(example: &Example, scores: &[f32; COLUMNS]) -> [f32; COLUMNS] {
    let mut slopes = [0.0; COLUMNS];
    if example.sentiment != ANY {
        let likely = softmax(scores, 1.0);
        let allowed = |step: usize| example.sentiment >> step & 1 == 1;
        let all: f32 = (0..5).filter(|step| allowed(*step)).map(|step| likely[step]).sum();
        for step in 0..5 {
            let wanted = if allowed(step) { likely[step] / all.max(1e-6) } else { 0.0 };
            slopes[step] = example.weight * (likely[step] - wanted);
        }
    }
    for wish in (0..COLUMNS - 5).filter(|wish| example.labelled >> wish & 1 == 1) {
        let holds = f32::from(example.wishes >> wish & 1);
        slopes[5 + wish] = example.weight * (logistic(scores[5 + wish]) - holds);
    }
    slopes
}

/// The likelihoods of the five steps.
#[must_use]
pub fn softmax(scores: &[f32; COLUMNS], temperature: f32) -> [f32; 5] {
    let most = scores[..5].iter().copied().fold(f32::MIN, f32::max);
    let weights: [f32; 5] = std::array::from_fn(|step| libm::expf((scores[step] - most) / temperature));
    let sum: f32 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// The likelihood of a score.
#[must_use]
pub fn logistic(score: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-score))
}

/// A share from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
fn share(dice: &mut Dice) -> f32 {
    (dice.roll() >> 40) as f32 / 16_777_216.0
}
