//! The gates of docs/benchmarks.md: how well the right section is found, on questions that nobody tuned for.

use std::{fmt::Write as _, fs, path::Path};

use super::*;

/// A labelled question: `None` where nothing answers it.
struct Labelled<'a> {
    language: &'a str,
    section: Option<&'a str>,
    question: &'a str,
}

impl Labelled<'_> {
    /// Half of the questions are measured and never tuned on.
    fn is_held_out(&self) -> bool {
        self.question.chars().map(u32::from).fold(0, u32::wrapping_add) % 2 == 0
    }
}

#[derive(Debug, Default)]
struct Measured {
    answerable: u32,
    first: u32,
    among_three: u32,
    right: u32,
    wrong: u32,
    unanswerable: u32,
    answered: u32,
    missed: String,
}

impl Measured {
    fn add(&mut self, labelled: &Labelled<'_>, knowledge: &Knowledge) {
        let question = Question { text: labelled.question, language: labelled.language };
        let best = knowledge.best(&question, 3);
        let place = best.iter().position(|best| Some(best.citation.question.as_str()) == labelled.section);
        let is_answered = matches!(knowledge.answer(&question), Reply::Answer(_));
        if labelled.section.is_none() {
            self.unanswerable += 1;
            self.answered += u32::from(is_answered);
        } else {
            self.answerable += 1;
            self.first += u32::from(place == Some(0));
            self.among_three += u32::from(place.is_some());
            self.right += u32::from(is_answered && place == Some(0));
            self.wrong += u32::from(is_answered && place != Some(0));
        }
        if labelled.section.map_or(is_answered, |_| place.is_none()) {
            let found: Vec<_> = best.iter().map(|best| (&best.citation.question, best.citation.score)).collect();
            writeln!(self.missed, "{}: {:?}, found {found:?}", labelled.question, labelled.section)
                .expect("a string takes text");
        }
    }

    fn summary(&self) -> String {
        let none = self.answerable - self.right - self.wrong;
        format!(
            "{} answerable: the right section first {}, among three {}; answered right {}, wrong {}, not {none}. \
             {} unanswerable: answered {}.",
            self.answerable, self.first, self.among_three, self.right, self.wrong, self.unanswerable, self.answered
        )
    }

    #[track_caller]
    fn meets_the_gates(&self, half: &str) {
        assert!(self.among_three * 100 >= self.answerable * 90, "{half}: {}", self.summary());
        assert!(self.answered * 100 <= self.unanswerable * 5, "{half}: {}", self.summary());
    }
}

fn knowledge() -> Knowledge {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["routing-rules/knowledge", "tests/retrieval/knowledge"] {
        for entry in fs::read_dir(root.join(folder)).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(path).expect("text")));
        }
    }
    files.sort();
    Knowledge::from_files(files, &Settings::default()).expect("the knowledge loads")
}

#[test]
fn the_right_section_is_among_three_and_what_nothing_answers_gets_no_answer() {
    let knowledge = knowledge();
    assert!(knowledge.languages().values().all(|sections| *sections >= 60), "{:?}", knowledge.languages());
    let (mut tuned, mut held_out, mut whole) = (Measured::default(), Measured::default(), Measured::default());
    for line in include_str!("../../../tests/retrieval/questions.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [language, section, question] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let labelled = Labelled { language, section: Some(section).filter(|section| *section != "-"), question };
        let is_there = knowledge.sections.iter().any(|known| Some(known.question.as_str()) == labelled.section);
        assert!(is_there || labelled.section.is_none(), "{section} is no section");
        if labelled.is_held_out() { &mut held_out } else { &mut tuned }.add(&labelled, &knowledge);
        whole.add(&labelled, &knowledge);
    }
    assert!(whole.answerable + whole.unanswerable >= 200 && whole.unanswerable >= 60);
    println!("tuned on: {}\n{}", tuned.summary(), tuned.missed);
    println!("held out: {}\nall: {}", held_out.summary(), whole.summary());
    held_out.meets_the_gates("held out");
    whole.meets_the_gates("all");
}
