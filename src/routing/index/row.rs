//! One bit a rule, 64 rules a block.

/// Blocks that are looked at together.
const BLOCKS: usize = 8;
/// Rules that are looked at together.
pub(super) const AT_ONCE: usize = 64 * BLOCKS;

/// The bits of so many rules.
pub(super) fn first(rules: usize) -> [u64; BLOCKS] {
    std::array::from_fn(|block| match rules.saturating_sub(64 * block) {
        0 => 0,
        left => u64::MAX >> (64 - left.min(64)),
    })
}

/// Keeps the bits that both have.
pub(super) fn keep(blocks: &mut [u64; BLOCKS], row: &[u64; BLOCKS]) {
    blocks.iter_mut().zip(row).for_each(|(bits, row)| *bits &= row);
}

/// A bit for each rule of an index.
#[derive(Debug, Clone, Default)]
pub(super) struct Row(Vec<[u64; BLOCKS]>);

impl Row {
    /// No rule of so many.
    pub fn none(rules: usize) -> Self {
        Self(vec![[0; BLOCKS]; rules.div_ceil(AT_ONCE)])
    }

    /// Every rule but these.
    pub fn without(rules: usize, places: impl IntoIterator<Item = usize>) -> Self {
        let mut without = Self::none(rules);
        places.into_iter().for_each(|place| without.add(place));
        without.contrary()
    }

    pub fn contrary(&self) -> Self {
        Self(self.0.iter().map(|blocks| blocks.map(|bits| !bits)).collect())
    }

    pub fn add(&mut self, place: usize) {
        self.0[place / AT_ONCE][place % AT_ONCE / 64] |= 1 << (place % 64);
    }

    /// The bits of the rules from `AT_ONCE * part` on.
    pub fn part(&self, part: usize) -> &[u64; BLOCKS] {
        &self.0[part]
    }
}
