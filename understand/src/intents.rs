//! What a customer wants, by the names of the business: learned when the rules are loaded, from a few examples each.
//!
//! Multinomial logistic regression on the model's own n-grams, weighed by how rare they are (Spärck Jones 1972), learned by
//! stochastic gradient descent with dropout.

use std::collections::HashMap;

use crate::{
    dice::Dice,
    features::features,
    folded::{Folded, window},
    likely::{softmax, tidy},
    plain::Plain,
    signals::Signal,
};

/// The most examples of all intents together: what is learned within a second.
pub const MOST_EXAMPLES: usize = 12_000;

const RATE: f32 = 7.0;
/// A slope that is not followed.
const IGNORED: f32 = 0.003;
/// How many examples are looked at, all rounds together.
const STEPS: usize = 24_000;
const ROUNDS: (usize, usize) = (6, 18);
/// Where at least this share of a message's n-grams stand in the examples, it is sure to be about one of the intents.
const FAMILIAR: f32 = 0.45;
/// A message gets the topics of every intent that is at least this likely.
const TOPIC: f32 = 0.25;

/// What one intent is learned from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// Messages that have it, in any language.
    pub examples: Vec<String>,
}

/// Intents, learned.
#[derive(Debug, Clone)]
pub struct Intents {
    names: Vec<(String, Vec<String>)>,
    /// Number and rarity of each n-gram.
    numbers: HashMap<u32, (u32, f32), Plain>,
    /// A row of one weight an intent for each n-gram.
    weights: Vec<f32>,
    version: String,
}

/// The n-grams of a message, by number, with their weights; of length one together.
type Sparse = Vec<(u32, f32)>;

impl Intents {
    /// Learns intents; `None` of none.
    #[must_use]
    pub fn learned(intents: &[Intent]) -> Option<Self> {
        let examples: Vec<(usize, Vec<u32>)> = intents
            .iter()
            .enumerate()
            .flat_map(|(number, intent)| intent.examples.iter().map(move |example| (number, hashes(example))))
            .collect();
        if examples.is_empty() {
            return None;
        }
        let mut counts: HashMap<u32, u32, Plain> = HashMap::default();
        let mut order = Vec::new();
        for (_, hashes) in &examples {
            let mut once = hashes.clone();
            once.sort_unstable();
            once.dedup();
            for hash in once {
                let count = counts.entry(hash).or_default();
                *count += 1;
                if *count == 1 {
                    order.push(hash);
                }
            }
        }
        // With many examples an n-gram of only one of them tells nothing.
        let rare = if examples.len() > 2_000 { 2 } else { 1 };
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let rarity = |count: u32| (examples.len() as f32 / count as f32).ln() + 1.5;
        let kept = order.into_iter().filter(|hash| counts[hash] >= rare);
        let numbers = (0..).zip(kept).map(|(number, hash)| (hash, (number, rarity(counts[&hash])))).collect();
        let mut learned = Self {
            names: intents.iter().map(|intent| (intent.name.clone(), intent.topics.clone())).collect(),
            numbers,
            weights: Vec::new(),
            version: version(intents),
        };
        let examples: Vec<(usize, Sparse)> =
            examples.into_iter().map(|(intent, hashes)| (intent, learned.sparse(&hashes).0)).collect();
        learned.learn(&examples);
        Some(learned)
    }

    /// Changes with the intents and their examples.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The likeliest intent, and the topics of all that are likely.
    #[must_use]
    pub fn of(&self, folded: &Folded, threshold: f32) -> (Signal<String>, Vec<String>) {
        let mut hashes = Vec::with_capacity(256);
        features(folded, |feature| hashes.push(feature.hash));
        let (sparse, known) = self.sparse(&hashes);
        let mut likely = vec![0.0; self.names.len()];
        self.likelihoods(&sparse, &mut likely);
        let best = (0..likely.len()).max_by(|a, b| likely[*a].total_cmp(&likely[*b])).unwrap_or(0);
        // A message made of other n-grams than all examples is about something else.
        #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
        let familiar = (known as f32 / (FAMILIAR * hashes.len().max(1) as f32)).min(1.0);
        let confidence = tidy(likely[best] * familiar);
        let known = confidence >= threshold;
        let mut topics: Vec<String> = Vec::new();
        for (_, (_, of)) in likely.iter().zip(&self.names).filter(|(likely, _)| known && **likely >= TOPIC) {
            topics.extend(of.iter().filter(|topic| !topics.contains(topic)).cloned().collect::<Vec<_>>());
        }
        (Signal { value: self.names[best].0.clone(), confidence, known, terms: Vec::new() }, topics)
    }

    /// Also how many of the n-grams are known, the same one counted each time.
    fn sparse(&self, hashes: &[u32]) -> (Sparse, usize) {
        let mut sparse: Sparse = hashes.iter().filter_map(|hash| self.numbers.get(hash).copied()).collect();
        let known = sparse.len();
        sparse.sort_unstable_by_key(|(number, _)| *number);
        sparse.dedup_by_key(|(number, _)| *number);
        let length = sparse.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(1e-6);
        for (_, weight) in &mut sparse {
            *weight /= length;
        }
        (sparse, known)
    }

    fn likelihoods(&self, sparse: &[(u32, f32)], likely: &mut [f32]) {
        likely.fill(0.0);
        let (weights, width) = (&self.weights, likely.len());
        let row = |number: u32| &weights[number as usize * width..][..width];
        // The rows are far apart in memory: several are waited for at once.
        let (fours, rest) = sparse.as_chunks::<4>();
        for four in fours {
            let [a, b, c, d] = four.map(|(number, _)| row(number).iter());
            let [of_a, of_b, of_c, of_d] = four.map(|(_, weight)| weight);
            for ((((score, a), b), c), d) in likely.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *score = *score + of_a * a + of_b * b + of_c * c + of_d * d;
            }
        }
        for (number, weight) in rest {
            for (score, of) in likely.iter_mut().zip(row(*number)) {
                *score += weight * of;
            }
        }
        softmax(likely);
    }

    fn learn(&mut self, examples: &[(usize, Sparse)]) {
        let width = self.names.len();
        self.weights = vec![0.0; self.numbers.len() * width];
        let rounds = (STEPS / examples.len()).clamp(ROUNDS.0, ROUNDS.1);
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut dice = Dice::default();
        let mut likely = vec![0.0; width];
        let mut wrong: Vec<(usize, f32)> = Vec::new();
        let mut kept: Sparse = Vec::new();
        for round in 0..rounds {
            #[expect(clippy::cast_precision_loss, reason = "a few rounds")]
            let rate = RATE * (1.0 - 0.95 * round as f32 / rounds as f32);
            dice.shuffle(&mut order);
            for number in &order {
                let (intent, sparse) = &examples[*number];
                kept.clear();
                kept.extend(sparse.iter().filter(|_| dice.roll() >> 62 != 0));
                self.likelihoods(&kept, &mut likely);
                likely[*intent] -= 1.0;
                // Most intents are hardly thought of; only the others have something to learn.
                wrong.clear();
                wrong.extend(likely.iter().copied().enumerate().filter(|(_, slope)| slope.abs() > IGNORED));
                for (number, weight) in &kept {
                    let row = &mut self.weights[*number as usize * width..][..width];
                    for (intent, slope) in &wrong {
                        row[*intent] -= rate * weight * slope;
                    }
                }
            }
        }
    }
}

fn hashes(text: &str) -> Vec<u32> {
    let mut hashes = Vec::new();
    features(&Folded::of(&window(text)), |feature| hashes.push(feature.hash));
    hashes
}

fn version(intents: &[Intent]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for intent in intents {
        for text in [&intent.name].into_iter().chain(&intent.topics).chain(&intent.examples) {
            for byte in text.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }
    format!("{:08x}", hash >> 32)
}
