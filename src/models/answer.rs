//! What a model's answer rests on: it marks what it was told, `[p1]`, and only what it was told counts. What a customer sees
//! has no marks, and while it is being written, nothing that does not rest on something.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use crate::understand::Signals;

/// A mark, however a model writes it: `[p1]`, `[p1, p2]`, `【p1】`.
#[expect(clippy::expect_used, reason = "a test uses it")]
static MARK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[ \t]*[\[［【]\s*((?:[pa][0-9]{1,3})(?:\s*[,，、;]\s*[pa][0-9]{1,3})*)\s*[\]］】]")
        .expect("it is right")
});
#[expect(clippy::expect_used, reason = "a test uses it")]
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:https?://|(?-u:\b)www\.)[^\s<>"'()\x{3000}-\x{303f}\x{4e00}-\x{9fff}\x{ff00}-\x{ffef}]+"#)
        .expect("it is right")
});

/// An answer without its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    /// What the customer is told.
    pub text: String,
    /// What it rests on, of what there was, in the order of the answer.
    pub on: Vec<String>,
}

/// Takes the marks out; those of nothing that was given do not count.
pub(super) fn without_marks(answer: &str, given: &BTreeSet<String>) -> Marked {
    let mut on: Vec<String> = Vec::new();
    for found in MARK.captures_iter(answer) {
        for id in found[1].split([',', '，', '、', ';']).map(str::trim) {
            if given.contains(id) && !on.iter().any(|known| known == id) {
                on.push(id.to_owned());
            }
        }
    }
    Marked { text: MARK.replace_all(answer, "").trim().to_owned(), on }
}

/// What may be shown of an answer that is being written: where everything has to rest on something, what stands before the last
/// mark that counts; else all but what may be the beginning of a mark.
pub(super) fn shown_so_far(answer: &str, given: &BTreeSet<String>, must_cite: bool) -> String {
    let counts =
        |found: &regex::Captures<'_>| found[1].split([',', '，', '、', ';']).any(|id| given.contains(id.trim()));
    let end = match must_cite {
        true => {
            MARK.captures_iter(answer).filter(counts).last().and_then(|found| Some(found.get(0)?.end())).unwrap_or(0)
        }
        false => {
            let opened = answer.rfind(['[', '［', '【']).filter(|at| !answer[*at..].contains([']', '］', '】']));
            opened.unwrap_or(answer.len())
        }
    };
    without_marks(&answer[..end], given).text
}

/// Whether an answer states nothing: it asks back, or the customer only greeted or thanked.
pub(super) fn states_nothing(answer: &str, is_small_talk: bool) -> bool {
    const BRIEF: usize = 300;
    let ends_asking = answer.trim_end().ends_with(['?', '？']);
    answer.chars().count() <= BRIEF && (ends_asking || is_small_talk) && !LINK.is_match(answer)
}

/// Whether a customer only greets, thanks or takes leave.
#[must_use]
pub fn is_small_talk(text: &str, signals: &Signals) -> bool {
    const GREETINGS: [&str; 22] = [
        "hi",
        "hello",
        "hey",
        "hi there",
        "hello there",
        "good morning",
        "good afternoon",
        "good evening",
        "bye",
        "goodbye",
        "你好",
        "您好",
        "嗨",
        "哈喽",
        "哈囉",
        "早上好",
        "上午好",
        "下午好",
        "晚上好",
        "在吗",
        "再见",
        "再見",
    ];
    let plain = text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let thanks = signals.thanks.known().is_some_and(|thanks| *thanks >= 0.5);
    GREETINGS.contains(&plain.as_str()) || thanks && !text.contains(['?', '？'])
}

/// A link in an answer that stands in nothing that was given: nobody of the company wrote it.
pub(super) fn has_invented_link<'s>(answer: &str, sources: impl Iterator<Item = &'s str> + Clone) -> bool {
    LINK.find_iter(answer).any(|link| {
        let link = link.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ']', '}', '*']);
        !sources.clone().any(|source| source.contains(link))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> BTreeSet<String> {
        ["p1", "p2", "a1"].iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn only_what_was_given_counts() {
        for (answer, text, on) in [
            ("Within 30 days [p1].", "Within 30 days.", vec!["p1"]),
            ("三十天内【p2】。运费由我们承担[a1、p2]。", "三十天内。运费由我们承担。", vec!["p2", "a1"]),
            ("For ever [p9]", "For ever", vec![]),
            ("Yes [p1, p9; p2]", "Yes", vec!["p1", "p2"]),
            ("[1] and [note] stay, [EMAIL_1] too", "[1] and [note] stay, [EMAIL_1] too", vec![]),
        ] {
            assert_eq!(
                without_marks(answer, &given()),
                Marked { text: text.into(), on: on.iter().map(ToString::to_string).collect() }
            );
        }
    }

    #[test]
    fn what_rests_on_nothing_is_not_shown_while_it_is_written() {
        let answer = "Within 30 days [p1]. We pay [p7]. And you get";
        assert_eq!(shown_so_far(answer, &given(), true), "Within 30 days");
        assert_eq!(shown_so_far("Within 30 da", &given(), true), "");
        assert_eq!(shown_so_far("Within 30 days [p", &given(), false), "Within 30 days");
        assert_eq!(shown_so_far(answer, &given(), false), "Within 30 days. We pay. And you get");
    }

    #[test]
    fn asking_back_and_greeting_states_nothing() {
        assert!(states_nothing("Which order do you mean?", false));
        assert!(states_nothing("您指的是哪个订单？", false));
        assert!(states_nothing("You are welcome!", true));
        assert!(!states_nothing("You are welcome to a refund!", false));
        assert!(!states_nothing("Shall I? See https://example.com/?", false));
        assert!(!states_nothing(&"so ".repeat(200), true));
    }

    #[test]
    fn a_link_has_to_come_from_somewhere() {
        let sources = ["see https://shop.example/returns.", "other"];
        assert!(!has_invented_link("It is at https://shop.example/returns!", sources.iter().copied()));
        assert!(has_invented_link("It is at https://evil.example/returns", sources.iter().copied()));
        assert!(has_invented_link("见www.evil.example。", sources.iter().copied()));
        assert!(!has_invented_link("no link", sources.iter().copied()));
    }
}
