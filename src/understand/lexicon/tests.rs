use proptest::prelude::*;

use super::*;

/// What does not hold of a case, if anything.
fn wrong(expectation: &str, signals: &Signals) -> Option<String> {
    let (key, expected) = expectation.split_once('=')?;
    let yes = |signal: &Signal<f32>| if signal.known().is_some_and(|value| *value >= 0.5) { "yes" } else { "no" };
    let actual = match key {
        "tone" => {
            let tone = signals.sentiment.label.known().map_or("unknown", |label| label.as_str());
            match expected {
                "NEG" if tone.ends_with("negative") => "NEG",
                "POS" if tone.ends_with("positive") => "POS",
                _ => tone,
            }
        }
        "lang" => signals.language.known().map_or("und", String::as_str),
        "human" => yes(&signals.wants_human),
        "urgent" => yes(&signals.urgency),
        "complaint" => yes(&signals.complaint),
        "churn" => yes(&signals.churn_risk),
        "auto" => ["no", "yes"][usize::from(signals.automatic)],
        "order" => signals.entities.iter().find(|entity| entity.kind == "order").map_or("none", |entity| &entity.text),
        _ => "no such key",
    };
    (actual != expected).then(|| format!("{key} is {actual}, not {expected}"))
}

#[test]
fn every_case_is_understood() {
    let classifier = LexiconClassifier::new();
    let (mut cases, mut failures) = (0, Vec::new());
    for line in include_str!("cases.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (expectations, text) = line.split_once("::").expect("a case has `::`");
        let text = text.trim_start().replace("\\n", "\n").replace("\\u200b", "\u{200b}");
        let signals = classifier.classify_text(text.as_str());
        let wrong: Vec<_> = expectations.split_whitespace().filter_map(|expected| wrong(expected, &signals)).collect();
        if !wrong.is_empty() {
            let Sentiment { label, score } = &signals.sentiment;
            let heard =
                [&signals.wants_human, &signals.urgency, &signals.complaint, &signals.churn_risk].map(|s| &s.terms);
            failures.push(format!(
                "{text}\n    {}; score {score:.2}, confidence {:.2}, terms {:?} {heard:?}, language {:?}",
                wrong.join(", "),
                label.confidence,
                label.terms,
                signals.language
            ));
        }
        cases += 1;
    }
    assert!(cases >= 150, "{cases} cases");
    assert!(failures.is_empty(), "{} of {cases} wrong:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_subject_counts() {
    let classifier = LexiconClassifier::new();
    let signals = classifier.classify_text(Text { text: "See below.", subject: Some("Automatic reply: your order") });
    assert!(signals.automatic);
    let signals = classifier.classify_text(Text { text: "Order 10234.", subject: Some("URGENT: terrible service") });
    assert!(!signals.automatic);
    assert!(signals.urgency.value >= 0.5 && signals.sentiment.score < -0.25, "{signals:?}");
}

#[test]
fn the_terms_are_the_words_that_weighed_most() {
    let signals = LexiconClassifier::new().classify_text("The box is nice, but this is not good and a terrible scam");
    assert_eq!(signals.sentiment.label.terms[0], "scam");
    assert!(signals.sentiment.label.terms.contains(&"not good".to_owned()), "{:?}", signals.sentiment.label.terms);
    assert!(signals.sentiment.label.terms.len() <= 5);
}

#[test]
fn long_and_hostile_texts_are_read_in_part() {
    let classifier = LexiconClassifier::new();
    for text in [
        "a".repeat(1 << 20),
        "不".repeat(400_000),
        "not ".repeat(300_000),
        "((((/".repeat(200_000),
        "!?".repeat(500_000),
    ] {
        let signals = classifier.classify_text(text.as_str());
        assert!(signals.sentiment.score.is_finite());
    }
    let buried = format!("{} terrible {}", "word ".repeat(400), "word ".repeat(400));
    assert!(classifier.classify_text(buried.as_str()).sentiment.label.terms.is_empty());
}

#[test]
fn the_same_text_gives_the_same_signals() {
    let classifier = LexiconClassifier::new();
    let first = classifier.classify_text("Great, another delay!!! 转人工");
    assert_eq!(first, classifier.classify_text("Great, another delay!!! 转人工"));
    assert!(first.model.starts_with("lexicon-1.") && first.model.len() == 18);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,300}|[a-z不好没!?'. \\n]{0,200}|(not |no |very |good |bad |不|很|好|差|但){0,80}", subject in proptest::option::of(".{0,50}")) {
        let signals = LexiconClassifier::new().classify_text(Text { text: &text, subject: subject.as_deref() });
        prop_assert!((-1.0..=1.0).contains(&signals.sentiment.score));
        for signal in [&signals.urgency, &signals.complaint, &signals.churn_risk, &signals.wants_human] {
            prop_assert!((0.0..=1.0).contains(&signal.value) && (0.0..=1.0).contains(&signal.confidence));
            prop_assert_eq!(signal.known, signal.confidence >= THRESHOLD);
        }
        prop_assert!((0.0..=1.0).contains(&signals.sentiment.label.confidence));
        prop_assert!((0.0..=1.0).contains(&signals.language.confidence));
    }
}
