//! One question asked of 10,000 passages, half Chinese and half English: the sections of a shop again and again, each
//! time about another thing.
//!
//! `cargo bench --bench knowledge`. Gate: at most 2 ms a question.

#![expect(clippy::expect_used, reason = "a bench may end at once")]

use std::{fs, hint::black_box, path::Path};

use criterion::{Criterion, criterion_group, criterion_main};
use switchboard::bot::{Knowledge, Question, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PASSAGES: usize = 10_000;

/// The most passages of one file, for files have a limit.
const IN_FILE: usize = 100;

const THINGS: [(&str, &str); 12] = [
    ("tent", "帐篷"),
    ("jacket", "外套"),
    ("bicycle", "自行车"),
    ("stove", "炉子"),
    ("backpack", "背包"),
    ("lamp", "台灯"),
    ("canoe", "皮划艇"),
    ("helmet", "头盔"),
    ("camera", "相机"),
    ("chair", "椅子"),
    ("watch", "手表"),
    ("kettle", "水壶"),
];

/// The shop's sections in a language, each without its `## `.
fn sections(language: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/retrieval/knowledge");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let of_language = paths.iter().filter(|path| path.to_string_lossy().ends_with(&format!(".{language}.md")));
    let texts = of_language.map(|path| fs::read_to_string(path).expect("text"));
    texts.flat_map(|text| text.split("\n## ").skip(1).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The sections again and again, each time for another thing.
fn files(language: &str, passages: usize) -> Vec<(String, String)> {
    let sections = sections(language);
    let passages: Vec<String> = (0..passages)
        .map(|number| {
            let (section, time) = (&sections[number % sections.len()], number / sections.len());
            let (english, chinese) = THINGS[time % THINGS.len()];
            let thing = match language {
                "en" => format!(" ({english} no. {time})"),
                _ => format!("（{chinese} {time} 号）"),
            };
            let lines = section.lines().map(|line| match line {
                "" => "\n".to_owned(),
                line => format!("{line}{thing}\n"),
            });
            format!("## {}\n", lines.collect::<String>())
        })
        .collect();
    let file = |(number, passages): (usize, &[String])| {
        (format!("{number}.{language}.md"), format!("---\nlanguage: {language}\n---\n{}", passages.concat()))
    };
    passages.chunks(IN_FILE).enumerate().map(file).collect()
}

/// English questions of the labelled set, as one text of 1,900 characters.
fn many_questions() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/retrieval/questions.tsv");
    let labelled = fs::read_to_string(path).expect("text");
    let english = labelled.lines().filter(|line| line.starts_with("en\t")).filter_map(|line| line.split('\t').nth(2));
    english.collect::<Vec<_>>().join(". ").chars().take(1_900).collect()
}

fn knowledge(criterion: &mut Criterion) {
    let mut files_of_both = files("en", PASSAGES / 2);
    files_of_both.extend(files("zh", PASSAGES / 2));
    let load = || {
        Knowledge::from_files(files_of_both.clone(), &Settings::default())
            .unwrap_or_else(|findings| panic!("{}", findings[0]))
    };
    let knowledge = load();
    assert_eq!(knowledge.languages().values().sum::<usize>(), PASSAGES);
    let long = many_questions();
    let mut group = criterion.benchmark_group("10,000 passages");
    for (name, language, text) in [
        ("English, short", "en", "my points are gone"),
        ("English", "en", "I've got a puncture in the tyre of my bicycle, can I wait while you patch it?"),
        ("English, misspelt", "en", "resheduling my workshop apointment for the bycicle"),
        ("English, of 1,900 characters", "en", long.as_str()),
        ("Chinese, short", "zh", "积分怎么用"),
        ("Chinese", "zh", "我每天骑自行车上班，车放在你们那里维修的时候能不能先借一辆给我骑"),
        ("of an unknown language", "und", "refund 几天能到"),
    ] {
        let question = Question { text, language };
        group.bench_function(name, |bencher| bencher.iter(|| knowledge.best(black_box(&question), 3)));
    }
    group.sample_size(10);
    group.bench_function("loaded", |bencher| bencher.iter(load));
    group.finish();
}

criterion_group!(benches, knowledge);
criterion_main!(benches);
