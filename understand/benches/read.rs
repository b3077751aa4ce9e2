//! How long reading a message takes: `cargo bench -p switchboard-understand`.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::{hint::black_box, time::Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use understand::{
    Prior, Reader, Thresholds,
    entities::Patterns,
    intents::{Intent, Intents},
};

fn reader(intents: Option<Intents>) -> Reader {
    Reader::new(Thresholds::default(), Prior::default(), intents, Patterns::built_in())
}

fn messages(file: &str) -> Vec<String> {
    file.lines().filter_map(|line| Some(line.split('\t').nth(2)?.to_owned())).collect()
}

const SETS: [(&str, &str); 2] = [
    ("750 English messages", include_str!("../../training/cases/cases-en.tsv")),
    ("750 Chinese messages", include_str!("../../training/cases/cases-zh.tsv")),
];

/// Prints what one of many different messages takes, which criterion does not tell.
fn spread() {
    const ROUNDS: usize = 20;
    const LONGEST: usize = 500;
    let reader = reader(None);
    for (name, file) in SETS {
        let messages: Vec<String> = messages(file).into_iter().filter(|text| text.chars().count() <= LONGEST).collect();
        let mut times: Vec<_> = (0..ROUNDS)
            .flat_map(|_| &messages)
            .map(|message| {
                let started = Instant::now();
                black_box(reader.read(message.as_str()));
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        let (median, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("{name}, at most {LONGEST} characters: median {median:?}, p99 {late:?}");
    }
}

fn read(criterion: &mut Criterion) {
    spread();
    let reader = reader(None);
    let mut group = criterion.benchmark_group("read");
    for (name, file) in SETS {
        let messages = messages(file);
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| messages.iter().for_each(|message| drop(black_box(reader.read(message.as_str())))));
        });
    }
    group.throughput(Throughput::Elements(1));
    let question = "Could you tell me where my order is? It was to arrive on Tuesday. ";
    for characters in [50, 500, 2_000, 1_000_000] {
        let text: String = question.chars().cycle().take(characters).collect();
        group.bench_function(format!("{characters} characters"), |bencher| {
            bencher.iter(|| black_box(reader.read(text.as_str())));
        });
    }
    group.finish();
}

fn learn(criterion: &mut Criterion) {
    let messages = messages(include_str!("../../training/cases/cases-en.tsv"));
    let intents: Vec<Intent> = (0..100)
        .map(|number| Intent {
            name: number.to_string(),
            topics: Vec::new(),
            examples: messages.iter().cycle().skip(number * 7).take(20).cloned().collect(),
        })
        .collect();
    let mut group = criterion.benchmark_group("start");
    group.sample_size(10);
    group.bench_function("100 intents of 20 examples", |bencher| {
        bencher.iter_batched(|| &intents, |intents| black_box(Intents::learned(intents)), BatchSize::PerIteration);
    });
    group.bench_function("a reader", |bencher| bencher.iter(|| black_box(reader(None))));
    group.finish();
}

criterion_group!(benches, read, learn);
criterion_main!(benches);
