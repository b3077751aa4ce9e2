//! The weights: a table of the n-grams that say most, each with a small integer for every head.
//!
//! A message has hundreds of n-grams and most of them say nothing, so the table keeps only those that do, with a
//! fingerprint of each: what is not in it adds nothing, instead of the noise that plain feature hashing adds. A group of
//! five n-grams is one cache line.

use crate::features::{Feature, Group};

/// Columns of a row: the five steps of sentiment, then one for each [`Wish`].
pub const COLUMNS: usize = 5 + Wish::ALL.len();

/// N-grams of a group.
const SLOTS: usize = 5;
/// Bytes of a group: five fingerprints of 12 bits in the first eight, then the rows, then one that is not used.
const GROUP: usize = 64;
const PRINTS: usize = 8;

/// Bytes before the groups.
pub(crate) const HEADER: usize = 8 + 4 * (2 * COLUMNS + 1 + Judge::NUMBERS * Wish::ALL.len());
const MAGIC: &[u8; 7] = b"swbmod2";

/// What a message can want or be, each judged by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// An answer within hours.
    Urgency,
    /// A problem is reported.
    Complaint,
    /// The customer threatens to leave.
    ChurnRisk,
    /// The customer asks for a person.
    WantsHuman,
    /// The customer is grateful.
    Thanks,
    /// It is advertising.
    Spam,
}

impl Wish {
    /// All of them in the order of the columns.
    pub const ALL: [Self; 6] =
        [Self::Urgency, Self::Complaint, Self::ChurnRisk, Self::WantsHuman, Self::Thanks, Self::Spam];

    /// The column of a row.
    #[must_use]
    pub const fn column(self) -> usize {
        5 + self as usize
    }
}

/// What turns a row's integers into scores, and scores into likelihoods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// What one unit of a column is.
    pub scale: [f32; COLUMNS],
    /// What a message without any known n-gram scores.
    pub bias: [f32; COLUMNS],
    /// Scores of sentiment are divided by this before they become likelihoods.
    pub temperature: f32,
    /// How each wish is judged, in the order of [`Wish::ALL`].
    pub wishes: [Judge; Wish::ALL.len()],
}

/// Judges a wish by its own score and by the tone: who is delighted seldom complains, whatever the words. Above zero is
/// where it is best decided that it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Judge(pub [f32; Self::NUMBERS]);

impl Judge {
    /// The own score, the likelihood of a neutral and of a positive tone, whether words run together, one.
    pub const NUMBERS: usize = 5;

    /// What it is judged by: a wish's own score, the likelihoods of the five steps of tone, and whether the message is
    /// in a script without spaces, where n-grams are others and more.
    #[must_use]
    pub fn evidence(score: f32, steps: &[f32; 5], runs: bool) -> [f32; Self::NUMBERS] {
        [score, steps[2], steps[3] + steps[4], f32::from(u8::from(runs)), 1.0]
    }

    /// The score to decide by.
    #[must_use]
    pub fn score(&self, evidence: [f32; Self::NUMBERS]) -> f32 {
        self.0.iter().zip(evidence).map(|(weight, one)| weight * one).sum()
    }
}

impl Tuning {
    /// The score of a column from what the words and the pieces add up to, and what they count for.
    #[must_use]
    pub fn score(&self, column: usize, sums: [i32; 2], factors: [f32; 2]) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "sums of a few thousand small integers")]
        let sum = factors[0] * sums[0] as f32 + factors[1] * sums[1] as f32;
        self.bias[column] + self.scale[column] * sum
    }
}

/// Weights that are ready to be used.
#[derive(Debug)]
pub struct Model<'a> {
    groups: &'a [[u8; GROUP]],
    /// For each group the last five bits of the fingerprints in it, as a set: most n-grams are in no group, and this
    /// says so without a look at the group itself.
    sketch: Box<[u32]>,
    shift: u32,
    /// Scales and biases.
    pub tuning: Tuning,
}

/// The row of an n-gram.
pub type Row = [u8; COLUMNS];

/// The fingerprint of a hash; never zero, which is an empty slot.
const fn print(hash: u32) -> u64 {
    let print = (hash & 0xfff) as u64;
    if print == 0 { 1 } else { print }
}

fn prints_of(group: &[u8; GROUP]) -> u64 {
    group.first_chunk::<PRINTS>().map_or(0, |head| u64::from_le_bytes(*head))
}

const fn print_at(prints: u64, slot: usize) -> u64 {
    (prints >> (12 * slot)) & 0xfff
}

/// Where a fingerprint stands. All are compared at once: the lowest of those fields that are zero without the fingerprint
/// is the one whose upper bit a subtraction sets first (Mycroft 1987). Which one it is cannot be guessed, so that a loop
/// would cost more than its steps.
const fn slot_of(prints: u64, wanted: u64) -> Option<usize> {
    const ONES: u64 = 1 | 1 << 12 | 1 << 24 | 1 << 36 | 1 << 48;
    let others = prints ^ (wanted * ONES);
    let same = others.wrapping_sub(ONES) & !others & (ONES << 11);
    if same == 0 { None } else { Some(same.trailing_zeros() as usize / 12) }
}

/// The slot of an n-gram in its group, and the group's fingerprints with its own; `None` where the group is full or has
/// one that looks the same.
#[must_use]
pub fn placed(prints: u64, hash: u32) -> Option<(usize, u64)> {
    let slot = (0..SLOTS).find(|slot| print_at(prints, *slot) == 0)?;
    let is_new = (0..slot).all(|slot| print_at(prints, slot) != print(hash));
    is_new.then_some((slot, prints | print(hash) << (12 * slot)))
}

/// What the words and the pieces of a message count for, by how many of them are known.
#[must_use]
pub fn factors(counts: [u32; 2]) -> [f32; 2] {
    counts.map(|count| {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
        let count = count.max(1) as f32;
        1.0 / count.sqrt()
    })
}

impl<'a> Model<'a> {
    /// Reads weights as [`encode`] wrote them; `None` when they are not.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, groups) = bytes.split_at_checked(HEADER)?;
        let (magic, numbers) = header.split_at(8);
        let bits = u32::from(magic[7]);
        if &magic[..7] != MAGIC || bits == 0 || bits > 24 || groups.len() != GROUP << bits {
            return None;
        }
        let mut numbers = numbers.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let mut next = || numbers.next().unwrap_or_default();
        let tuning = Tuning {
            scale: std::array::from_fn(|_| next()),
            bias: std::array::from_fn(|_| next()),
            temperature: next(),
            wishes: std::array::from_fn(|_| Judge(std::array::from_fn(|_| next()))),
        };
        let groups = groups.as_chunks::<GROUP>().0;
        let sketch = groups
            .iter()
            .map(|group| {
                let prints = prints_of(group);
                let prints = (0..SLOTS).map(|slot| print_at(prints, slot));
                prints.filter(|print| *print != 0).fold(0, |set, print| set | 1 << (print & 31))
            })
            .collect();
        Some(Self { groups, sketch, shift: 32 - bits, tuning })
    }

    /// Whether an n-gram may be one that says something. Of those that do not nearly all are told here.
    #[must_use]
    #[inline]
    pub fn may_know(&self, hash: u32) -> bool {
        self.sketch[(hash >> self.shift) as usize] >> (print(hash) & 31) & 1 == 1
    }

    /// The rows of n-grams, for each that says something. The groups are far apart in memory: they are all asked for
    /// before the first one is needed; `prints` is memory for that.
    pub fn rows<'f>(
        &self,
        features: &'f [Feature],
        prints: &'f mut Vec<u64>,
    ) -> impl Iterator<Item = (&'f Feature, &'a Row)> {
        let places = features.iter().map(|feature| (feature.hash >> self.shift) as usize);
        prints.clear();
        prints.extend(places.map(|place| prints_of(&self.groups[place])));
        let (groups, shift) = (self.groups, self.shift);
        features.iter().zip(&*prints).filter_map(move |(feature, prints)| {
            let slot = slot_of(*prints, print(feature.hash))?;
            let group = &groups[(feature.hash >> shift) as usize];
            Some((feature, group[PRINTS..].as_chunks::<COLUMNS>().0.get(slot)?))
        })
    }
}

/// Columns with padding, so that a processor adds them up eight at a time.
const LANES: usize = 16;

/// What n-grams that belong together add: one of words, or all pieces of one word.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// How many of them are known.
    pub known: u16,
    /// Their integers, added up; a word has too few pieces for more than 16 bits.
    columns: [i16; LANES],
}

impl Weights {
    /// Adds others.
    #[inline]
    pub fn add(&mut self, other: &Self) {
        self.known += other.known;
        for (sum, weight) in self.columns.iter_mut().zip(other.columns) {
            *sum += weight;
        }
    }

    /// The integer of a column.
    #[must_use]
    pub const fn column(&self, column: usize) -> i16 {
        self.columns[column]
    }
}

impl From<&Row> for Weights {
    #[inline]
    fn from(row: &Row) -> Self {
        // Two loads that overlap in one byte, not a copy of odd length.
        let first = row.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
        let last = row.last_chunk().map_or(0, |four| u32::from_le_bytes(*four)) >> 8;
        let bytes = (u128::from(last) << 64 | u128::from(first)).to_le_bytes();
        Self { known: 1, columns: bytes.map(|weight| i16::from(weight.cast_signed())) }
    }
}

/// The integers of a message's n-grams, added up.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sums {
    sums: [[i32; LANES]; 2],
    /// Known n-grams of each family.
    pub known: [u32; 2],
}

impl Sums {
    /// Adds known n-grams.
    pub fn add(&mut self, group: Group, weights: &Weights) {
        self.extend(group, [weights]);
    }

    /// Adds many of one family.
    #[inline]
    pub fn extend<'w>(&mut self, group: Group, all: impl IntoIterator<Item = &'w Weights>) {
        let (mut known, mut sums) = (self.known[group as usize], self.sums[group as usize]);
        for weights in all {
            known += u32::from(weights.known);
            for (sum, weight) in sums.iter_mut().zip(weights.columns) {
                *sum += i32::from(weight);
            }
        }
        (self.known[group as usize], self.sums[group as usize]) = (known, sums);
    }

    /// The scores of all columns.
    #[must_use]
    pub fn scores(&self, tuning: &Tuning) -> [f32; COLUMNS] {
        let factors = factors(self.known);
        std::array::from_fn(|column| tuning.score(column, self.sums.map(|sums| sums[column]), factors))
    }
}

/// Writes weights: the rows by the hash of their n-grams, the most telling ones first. Of those that find their group
/// full the last are left out.
#[must_use]
pub fn encode(bits: u8, tuning: &Tuning, rows: impl IntoIterator<Item = (u32, [i8; COLUMNS])>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(bits);
    let numbers = tuning.scale.iter().chain(&tuning.bias).chain([&tuning.temperature]).copied();
    for number in numbers.chain(tuning.wishes.iter().flat_map(|judge| judge.0)) {
        bytes.extend(number.to_le_bytes());
    }
    let mut table = vec![[0_u8; GROUP]; 1 << bits];
    for (hash, row) in rows {
        let group = &mut table[(hash >> (32 - u32::from(bits))) as usize];
        let Some((slot, prints)) = placed(prints_of(group), hash) else { continue };
        group[..PRINTS].copy_from_slice(&prints.to_le_bytes());
        let start = PRINTS + slot * COLUMNS;
        for (byte, weight) in group[start..start + COLUMNS].iter_mut().zip(row) {
            *byte = weight.cast_unsigned();
        }
    }
    bytes.extend(table.iter().flatten());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_found_where_it_was_placed() {
        let hashes = [0xfff, 0x001, 0x800, 0x7ff, 0xffe];
        let mut group = 0;
        for (slot, hash) in hashes.into_iter().enumerate() {
            assert_eq!(slot_of(group, print(hash)), None, "{hash:x}");
            group = placed(group, hash).map(|(_, prints)| prints).unwrap();
            assert_eq!(slot_of(group, print(hash)), Some(slot), "{hash:x}");
        }
        for hash in (0..0x1000).filter(|hash| !hashes.contains(hash) && *hash != 0) {
            assert_eq!(slot_of(group, print(hash)), None, "{hash:x}");
        }
    }
}
