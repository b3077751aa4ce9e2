//! Hand-written cases that nothing was trained on: weights that get worse fail here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs, reason = "tests")]

use proptest::prelude::*;
use understand::{Prior, Reader, SentimentLabel, Signal, Signals, Text, Thresholds, entities::Patterns};

const CASES: [(&str, &str); 2] = [
    ("en", include_str!("../../training/cases/cases-en.tsv")),
    ("zh", include_str!("../../training/cases/cases-zh.tsv")),
];

/// Precision and recall that must be reached, in percent: head, English, Chinese.
const FLOORS: [(&str, [u32; 2], [u32; 2]); 9] = [
    ("negative", [81, 73], [82, 83]),
    ("neutral", [83, 89], [88, 88]),
    ("positive", [83, 86], [86, 86]),
    ("urgency", [88, 89], [90, 82]),
    ("complaint", [82, 79], [80, 84]),
    ("churn_risk", [82, 80], [88, 88]),
    ("wants_human", [80, 94], [86, 92]),
    ("thanks", [94, 85], [95, 88]),
    ("spam", [98, 93], [95, 78]),
];

fn reader() -> Reader {
    Reader::new(Thresholds::default(), Prior::default(), None, Patterns::built_in())
}

fn side(label: SentimentLabel) -> &'static str {
    match label {
        SentimentLabel::VeryNegative | SentimentLabel::Negative => "negative",
        SentimentLabel::Neutral => "neutral",
        SentimentLabel::Positive | SentimentLabel::VeryPositive => "positive",
    }
}

/// Whether a head says yes, and whether it should.
fn answers(head: &str, said: &Signals, tone: &str, flags: &str) -> (bool, bool) {
    let yes = |signal: &Signal<f32>| signal.value >= 0.5;
    match head {
        "urgency" => (yes(&said.urgency), flags.contains('u')),
        "complaint" => (yes(&said.complaint), flags.contains('c')),
        "churn_risk" => (yes(&said.churn_risk), flags.contains('x')),
        "wants_human" => (yes(&said.wants_human), flags.contains('h')),
        "thanks" => (yes(&said.thanks), flags.contains('t')),
        "spam" => (yes(&said.spam), flags.contains('s')),
        side_of => {
            let truth = match tone {
                "--" | "-" => "negative",
                "0" => "neutral",
                _ => "positive",
            };
            (side(said.sentiment.label.value) == side_of, truth == side_of)
        }
    }
}

#[test]
fn every_head_is_as_good_as_it_was_on_both_languages() {
    let reader = reader();
    let mut worse = Vec::new();
    for (number, (language, cases)) in CASES.iter().enumerate() {
        let rows: Vec<_> = cases
            .lines()
            .map(|line| {
                let columns: Vec<&str> = line.split('\t').collect();
                (columns[0], columns[1], reader.read(columns[2].replace(" ⏎ ", "\n").as_str()))
            })
            .collect();
        assert!(rows.len() >= 700, "{language}");
        for (head, english, chinese) in FLOORS {
            let floor = [english, chinese][number];
            let (mut both, mut said, mut holds) = (0, 0, 0);
            for (tone, flags, signals) in &rows {
                let (says, is) = answers(head, signals, tone, flags);
                both += u32::from(says && is);
                said += u32::from(says);
                holds += u32::from(is);
            }
            let (precision, recall) = (100 * both / said.max(1), 100 * both / holds.max(1));
            println!("{language} {head:<12} {holds:>4} cases  precision {precision}  recall {recall}");
            if precision < floor[0] || recall < floor[1] {
                worse.push(format!("{language} {head}: {precision}/{recall}, was at least {floor:?}"));
            }
        }
    }
    assert!(worse.is_empty(), "{worse:#?}");
}

/// What does not hold of a message, if anything.
fn wrong(expectation: &str, said: &Signals) -> Option<String> {
    let (key, expected) = expectation.split_once('=')?;
    let yes = |signal: &Signal<f32>| if signal.value >= 0.5 { "yes" } else { "no" };
    let tone = &said.sentiment.label;
    let actual = match key {
        "tone" => match expected {
            "unknown" if !tone.known => "unknown",
            "NEG" | "negative" | "very_negative" if side(tone.value) == "negative" => expected,
            "POS" | "positive" | "very_positive" if side(tone.value) == "positive" => expected,
            _ => tone.value.as_str(),
        },
        "lang" => said.language.known().map_or("und", String::as_str),
        "human" => yes(&said.wants_human),
        "urgent" => yes(&said.urgency),
        "complaint" => yes(&said.complaint),
        "churn" => yes(&said.churn_risk),
        "auto" => ["no", "yes"][usize::from(said.automatic)],
        "order" => said.entities.iter().find(|entity| entity.kind == "order").map_or("none", |entity| &entity.text),
        _ => "no such key",
    };
    (actual != expected).then(|| format!("{key} is {actual}, not {expected}"))
}

#[test]
fn plain_messages_are_understood() {
    let reader = reader();
    let (mut held, mut all, mut failures) = (0_usize, 0_usize, Vec::new());
    for line in include_str!("messages.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (expectations, text) = line.split_once("::").expect("a case has `::`");
        let text = text.trim_start().replace("\\n", "\n").replace("\\u200b", "\u{200b}");
        let said = reader.read(text.as_str());
        for expectation in expectations.split_whitespace() {
            all += 1;
            match wrong(expectation, &said) {
                None => held += 1,
                Some(wrong) => failures.push(format!("{text}: {wrong}")),
            }
        }
    }
    println!("{held} of {all}");
    assert!(100 * held >= 93 * all, "{held} of {all}:\n{}", failures.join("\n"));
}

#[test]
fn nothing_sure_is_said_of_noise() {
    let reader = reader();
    let noises =
        ["", " ", "\n\n", "12345", "....", "xkcd qzx vvbn wrtp", "ﷺ", "\u{200b}\u{200b}", "{}[]()", "0x7f3a 99 88 77"];
    for noise in noises {
        let said = reader.read(noise);
        let tone = &said.sentiment.label;
        let sure = [&said.urgency, &said.complaint, &said.churn_risk, &said.wants_human, &said.thanks, &said.spam];
        assert!(tone.value == SentimentLabel::Neutral || !tone.known, "{noise:?}: {tone:?}");
        assert!(sure.iter().all(|signal| signal.value < 0.5 || !signal.known), "{noise:?}: {said:?}");
    }
    for long in ["a", "!", "哈", "😡", "ا", "\u{200d}"] {
        let said = reader.read(long.repeat(500_000).as_str());
        assert!((0.0..=1.0).contains(&said.sentiment.label.confidence), "{long}");
    }
}

#[test]
fn what_weighed_is_named() {
    let reader = reader();
    let said = reader.read("I want to talk to a human, your bot is useless");
    assert!(said.wants_human.terms.iter().any(|term| term == "human"), "{:?}", said.wants_human);
    let said = reader.read("客服态度太差了，再也不买了");
    assert!(said.sentiment.label.terms.iter().any(|term| term.contains('差')), "{:?}", said.sentiment);
    assert!(said.model.starts_with("switchboard-1."), "{}", said.model);
}

/// What has tripped readers of text before: marks that join and turn, halves of things, numbers without end, long runs.
const STRANGE: [&str; 24] = [
    "\u{200d}",
    "\u{fe0f}",
    "\u{202e}",
    "\u{feff}",
    "\u{0}",
    "\u{301}",
    "\u{fffd}",
    "👩‍👩‍👧",
    "🇨",
    "1\u{fe0f}\u{20e3}",
    "http://",
    "a@",
    "@b.c",
    "+86 ",
    "¥",
    "2026-13-45",
    "999999999999999999999999",
    "SW-",
    "!!!!",
    "。。",
    "\n\n> ",
    "ß",
    "İ",
    "ﷺ",
];

/// Any text, of characters that mean nothing and of words that mean something.
fn strange() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-z]{1,12} ?",
        "[\u{4e00}-\u{9fff}]{1,8}",
        prop::sample::select(&STRANGE[..]).prop_map(str::to_owned),
        (any::<char>(), 1..300_usize).prop_map(|(character, times)| String::from_iter(vec![character; times])),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    // More at length: PROPTEST_CASES=1000000 cargo test --release -p switchboard-understand strange
    #[test]
    fn no_text_is_too_strange(text in strange(), subject in proptest::option::of(strange())) {
        let said = reader_once().read(Text { text: &text, subject: subject.as_deref() });
        for (name, signal) in said.wishes() {
            prop_assert!((0.0..=1.0).contains(&signal.value) && (0.0..=1.0).contains(&signal.confidence), "{name}");
        }
        prop_assert!((-1.0..=1.0).contains(&said.sentiment.score));
        prop_assert!(said.entities.iter().all(|entity| !entity.text.is_empty()));
        prop_assert_eq!(&said, &reader_once().read(Text { text: &text, subject: subject.as_deref() }));
    }
}

fn reader_once() -> &'static Reader {
    static READER: std::sync::LazyLock<Reader> = std::sync::LazyLock::new(reader);
    &READER
}
