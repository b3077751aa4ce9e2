//! What the pieces of a word add to a judgement, remembered: the same few words come again and again, and a word has a
//! dozen pieces.

use crate::{
    features::{Feature, pieces},
    model::{Model, Weights},
};

/// Places for two words each; a new word takes that of the one that was met longer ago.
const PLACES: usize = 4_096;
/// Longer words are looked at each time.
const LONGEST: usize = 12;

/// A word's pieces.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    /// How many there are.
    pub pieces: u16,
    /// What those that the model knows add.
    pub weights: Weights,
}

/// A word that was met: one cache line.
#[derive(Debug, Default, Clone, Copy)]
#[repr(align(64))]
struct Met {
    letters: [u16; LONGEST],
    /// None in an empty place, and for a word that is not remembered.
    length: u16,
    word: Word,
}

const _: () = assert!(size_of::<Met>() == 64);

impl Met {
    fn is(&self, letters: &[char]) -> bool {
        usize::from(self.length) == letters.len()
            && self.letters.iter().zip(letters).all(|(known, letter)| u32::from(*known) == u32::from(*letter))
    }
}

/// One thread's words.
#[derive(Debug)]
pub(crate) struct Words {
    places: Vec<[Met; 2]>,
    lengths: Vec<u16>,
    likely: Vec<Feature>,
    prints: Vec<u64>,
}

impl Default for Words {
    fn default() -> Self {
        Self { places: vec![Default::default(); PLACES], lengths: Vec::new(), likely: Vec::new(), prints: Vec::new() }
    }
}

impl Words {
    /// Asks memory for the places of words that [`of`](Self::of) is about to be asked for: they are far apart.
    pub fn expect(&mut self, hashes: impl Iterator<Item = u32>) {
        self.lengths.clear();
        self.lengths.extend(hashes.map(|hash| self.places[place(hash)][0].length));
    }

    /// The pieces of a word; `hash` is any number that goes with it.
    pub fn of(&mut self, model: &Model<'_>, letters: &[char], hash: u32) -> &Word {
        let place = place(hash);
        if !self.places[place][0].is(letters) {
            self.places[place].swap(0, 1);
            if !self.places[place][0].is(letters) {
                let word = self.read(model, letters);
                self.places[place][0] = met(letters, word);
            }
        }
        &self.places[place][0].word
    }

    fn read(&mut self, model: &Model<'_>, letters: &[char]) -> Word {
        let mut word = Word::default();
        self.likely.clear();
        pieces(letters, |piece| {
            word.pieces += 1;
            if model.may_know(piece.hash) {
                self.likely.push(piece);
            }
        });
        model.rows(&self.likely, &mut self.prints).for_each(|(_, row)| word.weights.add(&row.into()));
        word
    }
}

fn place(hash: u32) -> usize {
    (hash ^ hash >> 16) as usize % PLACES
}

/// A word to remember; one that is long, or of rare characters, is not recognised.
fn met(letters: &[char], word: Word) -> Met {
    let mut met = Met { letters: [0; LONGEST], length: 0, word };
    let fits = letters.len() <= LONGEST && letters.iter().all(|letter| u16::try_from(u32::from(*letter)).is_ok());
    if fits {
        for (place, letter) in met.letters.iter_mut().zip(letters) {
            *place = *letter as u16;
        }
        met.length = letters.len() as u16;
    }
    met
}
