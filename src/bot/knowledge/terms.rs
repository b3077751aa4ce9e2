//! The terms of a text: what questions and sections are compared by. Words of alphabets in a light stem without
//! accents; of scripts without spaces (Chinese, Japanese, Thai, …) single characters and pairs of them, which need no
//! dictionary and find the words that none has.

use std::{collections::HashSet, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::understand::han;

/// The longest word, in bytes; longer ones are noise.
const MAX_WORD: usize = 40;

/// Words that every question has: English in stems, Chinese in characters.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").split_whitespace().collect());

/// Chinese characters that stand between words and in none.
const PARTICLES: &str =
    "我你您他她它们的了吗呢吧啊呀哦嘛哈是和与或就都也还很把被要想请问怎么如何什可以这那个一啥咋此该其而且但谁";

/// Words that turn a question around.
const NEGATIONS: [&str; 4] = ["not", "没", "不", "未"];

/// How much a term says by its kind alone, 0 to 1.
pub(super) fn weight(term: &str) -> f32 {
    if NEGATIONS.contains(&term) {
        0.3
    } else if COMMON.contains(term) {
        0.04
    } else if is_dense_term(term) && term.chars().nth(1).is_none() {
        0.4
    } else {
        1.0
    }
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Token {
    /// A word in its stem.
    Word(String),
    /// A character of a script without spaces, in its simplified form.
    Character(char),
    /// What stands between clauses.
    Gap,
}

/// The parts of a text in their order.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)).map(han::simplified).flat_map(char::to_lowercase) {
        if !is_dense(c) && c.is_alphanumeric() {
            word.push(c);
            continue;
        }
        if matches!(c, '\'' | '’') {
            continue;
        }
        end_word(&mut word, &mut tokens);
        if is_dense(c) {
            tokens.push(Token::Character(c));
        } else if !c.is_whitespace() && !matches!(c, '-' | '_' | '/' | '&') {
            tokens.push(Token::Gap);
        }
    }
    end_word(&mut word, &mut tokens);
    tokens
}

fn end_word(word: &mut String, tokens: &mut Vec<Token>) {
    if !word.is_empty() && word.len() <= MAX_WORD {
        let negated = word.len() <= 8 && word.ends_with("nt") && COMMON.contains(word.as_str());
        tokens.push(Token::Word(if negated { "not" } else { stem(word) }.to_owned()));
    }
    word.clear();
}

/// The terms of tokens in their order, doubles included.
pub(super) fn of(tokens: &[Token]) -> Vec<String> {
    let mut terms = Vec::new();
    let mut before: Option<char> = None;
    for token in tokens {
        let Token::Character(c) = *token else {
            before = None;
            if let Token::Word(word) = token {
                terms.push(word.clone());
            }
            continue;
        };
        terms.push(c.to_string());
        let particle = PARTICLES.contains(c);
        if let Some(before) = before.filter(|_| !particle) {
            terms.push([before, c].iter().collect());
        }
        before = (!particle).then_some(c);
    }
    terms
}

/// Whether every question has the word.
pub(super) fn is_common(word: &str) -> bool {
    COMMON.contains(word)
}

/// Whether the term is of a script that is written without spaces.
pub(super) fn is_dense_term(term: &str) -> bool {
    term.chars().next().is_some_and(is_dense)
}

/// Whether the character is of a script that is written without spaces.
const fn is_dense(c: char) -> bool {
    han::is_han(c)
        || matches!(c, '\u{3041}'..='\u{30ff}' | '\u{1100}'..='\u{11ff}' | '\u{ac00}'..='\u{d7a3}' | '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

/// A light English stem: plural, past and gerund go, and a silent e. Other languages keep nearly all of their words.
fn stem(word: &str) -> &str {
    if !word.is_ascii() || word.len() < 4 || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word;
    }
    let has_vowel = |stem: &str| stem.len() > 2 && stem.bytes().any(|byte| b"aeiouy".contains(&byte));
    let mut stem = word;
    if let Some(shorter) =
        ["sses", "shes", "ches", "xes"].iter().find_map(|end| word.strip_suffix(end).map(|_| &word[..word.len() - 2]))
    {
        stem = shorter;
    } else if let Some(shorter) = word.strip_suffix("ies").filter(|shorter| shorter.len() > 2) {
        return shorter;
    } else if !word.ends_with("ss") && !word.ends_with("us") && !word.ends_with("is") {
        stem = word.strip_suffix('s').unwrap_or(word);
    }
    if let Some(shorter) =
        stem.strip_suffix("ing").or_else(|| stem.strip_suffix("ed")).filter(|shorter| has_vowel(shorter))
    {
        let bytes = shorter.as_bytes();
        let doubled = bytes.len() > 3
            && bytes[bytes.len() - 1] == bytes[bytes.len() - 2]
            && !b"lsz".contains(&bytes[bytes.len() - 1]);
        stem = if doubled { &shorter[..shorter.len() - 1] } else { shorter };
    }
    match stem.strip_suffix('e').or_else(|| stem.strip_suffix('y')) {
        Some(shorter) if shorter.len() > 2 => shorter,
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_term_for_the_forms_of_a_word() {
        for forms in [
            &["return", "returns", "returned", "returning"][..],
            &["ship", "shipping", "shipped", "ships"],
            &["exchange", "exchanges", "exchanged", "exchanging"],
            &["policy", "policies"],
            &["Café", "cafe"],
            &["cancel", "cancelled", "CANCELLING"],
        ] {
            let stems: HashSet<_> = forms.iter().flat_map(|form| of(&tokens(form))).collect();
            assert!(stems.len() == 1 || forms[0] == "cancel" && stems.len() == 2, "{stems:?}");
        }
    }

    #[test]
    fn chinese_is_cut_into_characters_and_pairs() {
        assert_eq!(of(&tokens("怎麼退貨")), ["怎", "么", "退", "货", "退货"]);
        assert_eq!(of(&tokens("iPhone手机壳")).len(), 6);
        assert!(of(&tokens("！？ 。")).is_empty());
    }
}
