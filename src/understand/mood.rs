//! The tone of a conversation, out of the tones of its messages.

use serde::{Deserialize, Serialize};

use super::{SentimentLabel, Signals};

/// How the customer's tone develops over a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Mood {
    /// Decayed average of the sentiment score, −1 to 1; each new message weighs a third.
    pub average: f32,
    /// How the average moved with the last message.
    pub slope: f32,
    /// Negative messages since the last one that was not.
    pub negatives_in_a_row: u32,
}

impl Mood {
    /// The mood after one more message. A message of unknown tone changes nothing.
    #[must_use]
    pub fn after(self, signals: &Signals) -> Self {
        let tone = &signals.sentiment;
        tone.label.known().map_or(self, |label| self.after_tone(*label, tone.score))
    }

    /// The mood after one more message of this tone; the score is −1 to 1.
    #[must_use]
    pub fn after_tone(self, label: SentimentLabel, score: f32) -> Self {
        const WEIGHT: f32 = 1.0 / 3.0;
        let average = self.average + (score - self.average) * WEIGHT;
        Self {
            average,
            slope: average - self.average,
            negatives_in_a_row: if label < SentimentLabel::Neutral { self.negatives_in_a_row + 1 } else { 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::{Sentiment, Signal};

    #[test]
    fn a_message_of_unknown_tone_does_not_move_the_mood() {
        let angry = Signals {
            sentiment: Sentiment {
                label: Signal { value: SentimentLabel::Negative, confidence: 0.9, known: true, terms: vec![] },
                score: -0.9,
            },
            ..Signals::default()
        };
        let mood = Mood::default().after(&angry).after(&angry);
        assert_eq!(mood.negatives_in_a_row, 2);
        assert!(mood.average < -0.4 && mood.slope < 0.0);
        assert_eq!(mood.after(&Signals::default()), mood);
    }
}
