//! The cost of one decision at 10 to 10,000 rules, beside the `cel` crate's interpreter scanning the same conditions.
//!
//! A third of the rules look for a word in the text; all begin with fields that have few values. The message meets
//! the last rule but one, so a scan has to try them all. Gate: 10,000 rules cost at most 3 times what 10 cost.

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use switchboard::{
    routing::{Facts, Loaded, RuleSet, SourceFile, decide, explain, load},
    understand::SentimentLabel,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LANGUAGES: [&str; 4] = ["en", "zh-Hans", "zh-Hant", "es"];
const LABELS: [&str; 5] = ["very_negative", "negative", "neutral", "positive", "very_positive"];

/// The condition of a rule: spread over channels, languages, tones and words.
fn condition(rule: usize, rules: usize) -> String {
    let channel = format!("message.channel == \"channel-{}\"", rule % (rules / 10).clamp(2, 40));
    let language = format!("message.language == \"{}\"", LANGUAGES[rule / 7 % 4]);
    match rule % 3 {
        0 => format!("{channel} && {language} && message.text.contains(\"product {rule}\")"),
        1 => format!(
            "{channel} && message.sentiment.label in [\"{}\"] && conversation.bot_turns >= {}",
            LABELS[rule / 3 % 5],
            rule + 3
        ),
        _ => format!(
            "{language} && {channel} && customer.tier == \"tier-{}\" && customer.contacts_7d > {rule}",
            rule % 5
        ),
    }
}

fn conditions(rules: usize) -> Vec<String> {
    let mut all: Vec<String> = (0..rules - 1).map(|rule| condition(rule, rules)).collect();
    all.push("message.channel == \"channel-1\" && message.text.contains(\"refund\")".to_owned());
    all
}

fn rule_set(conditions: &[String]) -> Arc<RuleSet> {
    let mut files: Vec<SourceFile> = conditions
        .chunks(2_500)
        .enumerate()
        .map(|(file, chunk)| {
            let rule = |(place, when): (usize, &String)| {
                format!("  - {{name: rule {file}-{place}, when: '{when}', then: [ignore]}}\n")
            };
            let rules: String = chunk.iter().enumerate().map(rule).collect();
            SourceFile { name: format!("{file:02}.yaml"), text: format!("rules:\n{rules}") }
        })
        .collect();
    files.push(SourceFile { name: "99.yaml".into(), text: "rules: [{name: end, then: [ignore]}]".into() });
    let Loaded { rules, findings, .. } = load(&files);
    rules.unwrap_or_else(|| panic!("{findings:#?}"))
}

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.message.text =
        "Hello, I bought a lamp last week and it arrived broken. I would like a refund, please.".into();
    facts.message.channel = "channel-1".into();
    facts.message.kind = "webchat".into();
    facts.message.language = Some("en".into());
    facts.message.sentiment.label = Some(SentimentLabel::Negative);
    facts.message.urgency = Some(0.4);
    facts.customer.tier = Some("tier-1".into());
    facts.conversation.bot_turns = 1;
    facts
}

/// The interpreter, one condition after the other, on a context that is built once.
struct Interpreter {
    programs: Vec<cel::Program>,
    context: cel::Context<'static, 'static>,
}

impl Interpreter {
    fn new(conditions: &[String], facts: &Facts) -> Self {
        let json = serde_json::to_value(facts).unwrap_or_default();
        let mut context = cel::Context::default();
        for group in ["message", "conversation", "customer"] {
            let value = cel::to_value(&json[group]).unwrap_or(cel::Value::Null);
            context.add_variable_from_value(group, value);
        }
        let programs = conditions.iter().map(|source| cel::Program::compile(source).unwrap_or_else(|e| panic!("{e}")));
        Self { programs: programs.collect(), context }
    }

    fn first_match(&self) -> Option<usize> {
        self.programs.iter().position(|program| program.execute(&self.context) == Ok(cel::Value::Bool(true)))
    }
}

fn decisions(criterion: &mut Criterion) {
    let facts = facts();
    let mut group = criterion.benchmark_group("first match");
    for rules in [10, 100, 1_000, 10_000] {
        let conditions = conditions(rules);
        let set = rule_set(&conditions);
        group.bench_with_input(BenchmarkId::new("switchboard", rules), &set, |bench, set| {
            bench.iter(|| decide(black_box(set), black_box(&facts)));
        });
        let interpreter = Interpreter::new(&conditions, &facts);
        let place = interpreter.first_match();
        let ours = decide(&set, &facts).rule.and_then(|name| set.rules().iter().position(|rule| *rule.name() == name));
        assert_eq!(place, ours, "both find the same rule");
        group.bench_with_input(BenchmarkId::new("cel interpreter", rules), &interpreter, |bench, interpreter| {
            bench.iter(|| black_box(interpreter).first_match());
        });
    }
    group.finish();
    let set = rule_set(&conditions(100));
    criterion.bench_function("explain, 100 rules", |bench| bench.iter(|| explain(black_box(&set), black_box(&facts))));
    let thousand = conditions(1_000);
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    group.bench_function("1000 rules", |bench| bench.iter(|| rule_set(black_box(&thousand))));
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
