//! Whether an answer says yes, no, or that the customer drops the matter. A bot may do on a yes what cannot be
//! undone, so what is not wholly known is none.

use std::{collections::HashMap, sync::LazyLock};

use super::text::Answer;
use crate::han::is_han;

/// What a message as a whole says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assent {
    /// `yes please`, `ok, go ahead`, `好的`, `没问题`, 👍
    Yes,
    /// `no`, `nope, thanks`, `不对`, `先不要`
    No,
    /// The customer drops it: `cancel`, `never mind`, `算了`, `不用了`. Of a question whether to cancel something,
    /// `cancel` is no yes; and `yes, cancel` is none.
    Cancel,
}

/// What a phrase adds to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Yes,
    No,
    /// To stop something; with a yes it may be either.
    Cancel,
    /// To drop the matter, whatever was said before.
    Drop,
    /// Nothing, like `please`.
    Nothing,
    /// What looks like an answer and is none.
    Doubt,
}

/// The phrases by their characters, and the length of the longest.
static PHRASES: LazyLock<(HashMap<Vec<char>, Says>, usize)> = LazyLock::new(|| {
    let lists = include_str!("assent.txt").lines().filter_map(|line| line.split_once(": "));
    let known = lists.filter_map(|(name, list)| {
        let says = match name {
            "yes" => Says::Yes,
            "no" => Says::No,
            "cancel" => Says::Cancel,
            "drop" => Says::Drop,
            "nothing" => Says::Nothing,
            "doubt" => Says::Doubt,
            _ => return None,
        };
        Some(list.split('|').map(move |phrase| (phrase.chars().collect::<Vec<char>>(), says)))
    });
    let phrases: HashMap<Vec<char>, Says> = known.flatten().collect();
    let longest = phrases.keys().map(Vec::len).max().unwrap_or(0);
    (phrases, longest)
});

/// What an answer says to a question of yes or no; only if it says so as a whole and nothing else.
///
/// None for a question (`yes?`, `可以吗`), a condition (`yes but at 4pm`), contradictions (`yes no`, `是不是`), two
/// refusals in one breath (`不是不行`), acknowledgements (`got it`, `thanks`), and whatever has a word that is not known
/// here.
#[must_use]
pub fn assent(text: &str) -> Option<Assent> {
    let answer = Answer::of(text);
    if !answer.whole {
        return None;
    }
    let mut said = Said::default();
    let chars: Vec<char> = answer.chars.iter().map(|c| if *c == '-' { ' ' } else { *c }).collect();
    for clause in chars.split(|c| matches!(c, '.' | ',' | ';' | ':' | '!' | '\n' | '~')) {
        said.hear(clause)?;
    }
    said.verdict()
}

/// Which answers a message gives.
#[derive(Default)]
struct Said {
    yes: bool,
    no: bool,
    cancel: bool,
    drop: bool,
}

impl Said {
    fn verdict(&self) -> Option<Assent> {
        match self {
            Self { drop: true, cancel: false, .. } | Self { yes: false, cancel: true, .. } => Some(Assent::Cancel),
            Self { yes: true, no: false, cancel: false, .. } => Some(Assent::Yes),
            Self { yes: false, no: true, .. } => Some(Assent::No),
            _ => None,
        }
    }

    /// Hears a clause; none if a part of it is not known, or if its phrases change each other.
    fn hear(&mut self, clause: &[char]) -> Option<()> {
        let mut before: Option<(&[char], Says, usize)> = None;
        let mut at = 0;
        while at < clause.len() {
            if matches!(clause[at], ' ' | '"' | '(' | ')' | '[' | ']' | '*') {
                at += 1;
                continue;
            }
            let (says, end) = phrase(clause, at)?;
            let phrase = &clause[at..end];
            match says {
                Says::Doubt => return None,
                Says::Nothing => {}
                _ => {
                    if let Some((other, said, end)) = before {
                        let is_glued =
                            end == at && (is_part(phrase, other) || is_part(other, phrase)) && phrase != other;
                        let is_both = said != says && (said == Says::No || says == Says::No) && says != Says::Drop;
                        let is_double = said == Says::No && says == Says::No && phrase != other;
                        if is_glued || is_both || is_double {
                            return None;
                        }
                    }
                    before = Some((phrase, says, end));
                }
            }
            self.yes |= says == Says::Yes;
            self.no |= says == Says::No;
            self.cancel |= says == Says::Cancel;
            self.drop |= says == Says::Drop;
            at = end;
        }
        Some(())
    }
}

/// Whether a phrase is one Chinese character that is an answer alone, and beside another one a part of other words:
/// `要是` is "if".
fn is_part(phrase: &[char], other: &[char]) -> bool {
    let is_single = matches!(phrase, [c] if is_han(*c) && !matches!(c, '嗯' | '恩'));
    is_single && other.iter().all(|c| is_han(*c))
}

/// The longest phrase at a place, and its end.
fn phrase(clause: &[char], from: usize) -> Option<(Says, usize)> {
    let (phrases, longest) = &*PHRASES;
    let is_letter = |at: usize| clause.get(at).is_some_and(|c| c.is_ascii_alphanumeric());
    let ends = (from + 1..=clause.len().min(from + longest)).rev();
    let known = ends.filter(|end| !(is_letter(end - 1) && is_letter(*end))).find_map(|end| {
        let says = phrases.get(&clause[from..end])?;
        Some((*says, end))
    });
    known.or_else(|| {
        // `yesss`, `nooo`
        let end = from + clause[from..].iter().take_while(|c| c.is_ascii_alphabetic()).count();
        let mut word = clause[from..end].to_vec();
        word.dedup();
        phrases.get(&word).map(|says| (*says, end))
    })
}
