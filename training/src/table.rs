//! Which n-grams are kept: those that say most.

use std::collections::HashMap;

use understand::model::{COLUMNS, Judge, Tuning, encode, placed};

use crate::{data::Example, net::Net};

/// N-grams that stand in fewer messages are not looked at; one of the project's own text counts twice.
const RARE: u32 = 4;

/// The n-grams of a table by number, most telling first.
pub struct Table {
    bits: u8,
    hashes: Vec<u32>,
    numbers: HashMap<u32, u32>,
}

impl Table {
    /// Learns with every n-gram that is not rare, and keeps those whose weights move most messages.
    pub fn choose(examples: &[&Example], bits: u8) -> Self {
        let seen = seen(examples);
        let all = Self::of(bits, seen.iter().map(|(hash, _)| *hash).collect());
        let numbered: Vec<Example> = examples.iter().map(|example| all.numbered(example)).collect();
        let net = Net::learned(all.len(), &numbered.iter().collect::<Vec<_>>());
        let mut worth: Vec<(f32, u32)> = (0..)
            .zip(&seen)
            .map(|(number, (hash, count))| {
                let most = net.row(number).iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
                #[expect(clippy::cast_precision_loss, reason = "fewer messages than that")]
                let count = *count as f32;
                (most * count.sqrt(), *hash)
            })
            .collect();
        worth.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut groups = vec![0; 1 << bits];
        let fits = |hash: &u32| {
            let prints = &mut groups[(hash >> (32 - u32::from(bits))) as usize];
            placed(*prints, *hash).map(|(_, with_it)| *prints = with_it).is_some()
        };
        Self::of(bits, worth.into_iter().map(|(_, hash)| hash).filter(fits).collect())
    }

    fn of(bits: u8, hashes: Vec<u32>) -> Self {
        let numbers = hashes.iter().copied().zip(0..).collect();
        Self { bits, hashes, numbers }
    }

    /// How many n-grams it has.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// An example with the numbers of those n-grams that the table has.
    pub fn numbered(&self, example: &Example) -> Example {
        let features = example.features.each_ref();
        let features = features.map(|all| all.iter().filter_map(|hash| self.numbers.get(hash).copied()).collect());
        Example { features, ..*example }
    }

    /// The weights as the classifier reads them.
    pub fn encode(&self, net: &Net, (temperature, wishes): (f32, [Judge; COLUMNS - 5])) -> Vec<u8> {
        let scale = std::array::from_fn(|column| {
            let mut sizes: Vec<f32> = (0..self.len()).map(|number| net.row(number)[column].abs()).collect();
            sizes.sort_by(f32::total_cmp);
            // The few largest ones are cut, so that the many small ones keep their differences.
            sizes[sizes.len() - 1 - sizes.len() / 2_000].max(1e-6) / 127.0
        });
        let rows = self.hashes.iter().enumerate().map(|(number, hash)| {
            let row = net.row(number);
            #[expect(clippy::cast_possible_truncation, reason = "bounded on the same line")]
            let small = |column: usize| (row[column] / scale[column]).round().clamp(-127.0, 127.0) as i8;
            (*hash, std::array::from_fn(small))
        });
        encode(self.bits, &Tuning { scale, bias: net.bias(), temperature, wishes }, rows)
    }
}

/// N-grams that are not rare, by hash, and how many messages they stand in.
fn seen(examples: &[&Example]) -> Vec<(u32, u32)> {
    let mut counts: HashMap<u32, u32> = HashMap::new();
    let mut once = Vec::new();
    for example in examples {
        once.clear();
        once.extend(example.features.iter().flatten());
        once.sort_unstable();
        once.dedup();
        for hash in &once {
            *counts.entry(*hash).or_default() += if example.labelled != 0 { 2 } else { 1 };
        }
    }
    let mut seen: Vec<(u32, u32)> = counts.into_iter().filter(|(_, count)| *count >= RARE).collect();
    seen.sort_unstable();
    seen
}
