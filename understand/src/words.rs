//! What the pieces of a word add to a judgement, remembered: the same few words come again and again, and a word has a
//! dozen pieces.

use crate::{
    features::{Feature, pieces},
    model::{Model, Weights},
};

/// Words that are remembered; a new one takes the place of whichever stands in its way.
const PLACES: usize = 4_096;
/// Longer words are looked at each time.
const LONGEST: usize = 16;

/// A word's pieces.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    /// How many there are.
    pub pieces: u16,
    /// What those that the model knows add.
    pub weights: Weights,
}

/// A word that was met.
#[derive(Debug, Default, Clone, Copy)]
struct Met {
    letters: [u16; LONGEST],
    /// None in an empty place.
    length: u16,
    word: Word,
}

impl Met {
    fn is(&self, letters: &[char]) -> bool {
        usize::from(self.length) == letters.len()
            && self.letters.iter().zip(letters).all(|(known, letter)| u32::from(*known) == u32::from(*letter))
    }
}

/// One thread's words.
#[derive(Debug)]
pub(crate) struct Words {
    places: Vec<Met>,
    likely: Vec<Feature>,
    prints: Vec<u64>,
}

impl Default for Words {
    fn default() -> Self {
        Self { places: vec![Met::default(); PLACES], likely: Vec::new(), prints: Vec::new() }
    }
}

impl Words {
    /// The pieces of a word; `hash` is any number that goes with it.
    pub fn of(&mut self, model: &Model<'_>, letters: &[char], hash: u32) -> Word {
        let place = (hash ^ hash >> 16) as usize % PLACES;
        if self.places[place].is(letters) {
            return self.places[place].word;
        }
        let word = self.read(model, letters);
        if let Some(met) = met(letters, word) {
            self.places[place] = met;
        }
        word
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

/// A word to remember; `None` when it is long, or of rare characters.
fn met(letters: &[char], word: Word) -> Option<Met> {
    let mut met = Met { letters: [0; LONGEST], length: u16::try_from(letters.len()).ok()?, word };
    if letters.len() > LONGEST {
        return None;
    }
    for (place, letter) in met.letters.iter_mut().zip(letters) {
        *place = u16::try_from(u32::from(*letter)).ok()?;
    }
    Some(met)
}
