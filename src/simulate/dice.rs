//! Chance that is always the same: each throw has a stream of its own, named by the seed and by what is thrown for.
//! So two rule sets meet the same customers and the same handling times, whatever else differs between them.
//!
//! SplitMix64 (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, 2014).

use jiff::SignedDuration;

/// The longest time that is drawn, in milliseconds: 366 days.
const LONGEST: f64 = 366.0 * 86_400_000.0;
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// What is thrown for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// When customers come; of a source.
    Arrivals,
    /// What a customer writes; of a source and a customer.
    Message,
    /// Whether the bot has an answer, and whether the customer asks again; of a conversation and a message.
    Bot,
    /// How an agent answers; of a conversation and an offer.
    Offer,
    /// How long a conversation takes.
    Handling,
    /// How long a customer waits.
    Patience,
    /// How long an agent whom the desk set away stays so; of an agent and a time away.
    Away,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The stream for a purpose, of the `of.0`th thing and its `of.1`th throw.
    pub fn new(seed: u64, purpose: Purpose, of: (u64, u64)) -> Self {
        let named = [purpose as u64, of.0, of.1];
        Self(named.into_iter().fold(mix(seed ^ GAMMA), |state, part| mix(state.wrapping_add(GAMMA) ^ mix(part + 1))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// Evenly above 0 and up to 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub fn share(&mut self) -> f64 {
        1.0 - (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens: never at 0, always at 1.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.share() <= probability
    }

    /// Of mean 1 with the spread of waiting for chance: the exponential distribution.
    pub fn gap(&mut self) -> f64 {
        -self.share().ln()
    }

    /// The place of one of these weights, whose sum is above 0.
    pub fn pick(&mut self, weights: &[f64]) -> usize {
        let mut rest = self.share() * weights.iter().sum::<f64>();
        let place = weights.iter().position(|weight| {
            rest -= weight;
            rest <= 0.0
        });
        place.unwrap_or(weights.len().saturating_sub(1))
    }

    /// The standard normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.share().ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos()
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// How long something takes: log-normal, as the times of calls and chats are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    /// The mean, in seconds.
    pub mean: f64,
    /// The standard deviation as a share of the mean; 0 for always the same.
    pub spread: f64,
}

impl Length {
    /// Always this many seconds.
    #[must_use]
    pub const fn constant(seconds: f64) -> Self {
        Self { mean: seconds, spread: 0.0 }
    }

    /// One of them, to the millisecond. The same throw under a longer mean is a longer time.
    pub(super) fn draw(self, dice: &mut Dice) -> SignedDuration {
        let variance = self.spread.mul_add(self.spread, 1.0).ln();
        let factor = variance.sqrt().mul_add(dice.normal(), -variance / 2.0).exp();
        let milliseconds = (self.mean * 1000.0 * factor).min(LONGEST).round();
        #[expect(clippy::cast_possible_truncation, reason = "bounded above, and never below 0")]
        SignedDuration::from_millis(milliseconds as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_from_each_other() {
        let throw = |seed, purpose, of| Dice::new(seed, purpose, of).next();
        let first = throw(7, Purpose::Handling, (3, 0));
        assert_eq!(first, throw(7, Purpose::Handling, (3, 0)));
        let others = [
            throw(8, Purpose::Handling, (3, 0)),
            throw(7, Purpose::Patience, (3, 0)),
            throw(7, Purpose::Handling, (4, 0)),
            throw(7, Purpose::Handling, (3, 1)),
            throw(7, Purpose::Handling, (0, 3)),
        ];
        assert!(!others.contains(&first));
    }

    #[test]
    fn lengths_have_their_mean_and_spread() {
        let length = Length { mean: 300.0, spread: 0.6 };
        let drawn: Vec<f64> =
            (0..20_000).map(|n| length.draw(&mut Dice::new(1, Purpose::Handling, (n, 0))).as_secs_f64()).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let variance = drawn.iter().map(|drawn| (drawn - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
        assert!((mean - 300.0).abs() < 5.0, "{mean}");
        assert!((variance.sqrt() / mean - 0.6).abs() < 0.03, "{}", variance.sqrt() / mean);
        assert_eq!(Length::constant(5.0).draw(&mut Dice::new(1, Purpose::Offer, (0, 0))), SignedDuration::from_secs(5));
    }

    #[test]
    fn chance_is_never_at_nothing_and_always_at_one_and_follows_weights() {
        let mut dice = Dice::new(1, Purpose::Bot, (0, 0));
        assert!((0..10_000).all(|_| !dice.happens(0.0) && dice.happens(1.0)));
        let second = (0..10_000).filter(|_| dice.pick(&[1.0, 3.0]) == 1).count();
        assert!((7_300..7_700).contains(&second), "{second}");
    }
}
