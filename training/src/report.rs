//! How good the weights are, and how sure they may be.

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use understand::{
    features::{Feature, Group},
    folded::Folded,
    intents::{Intent, Intents},
    model::{COLUMNS, Judge, Model, Sums, Wish},
};

use crate::{
    data::{ANY, Example, File},
    net::{Net, logistic, softmax},
};

/// The temperature, and how each wish is judged, that fit messages which were not learned from.
pub fn tune(net: &Net, part: &[Example]) -> (f32, [Judge; COLUMNS - 5]) {
    let judged: Vec<(&Example, [f32; COLUMNS])> =
        part.iter().filter(|e| e.labelled == 0b11_1111).map(|e| (e, net.scores(&e.features))).collect();
    let temperature = (5..40_u8).map(|step| f32::from(step) / 10.0).min_by(|a, b| {
        let loss = |temperature: f32| -> f32 {
            let likely = |(e, scores): &(&Example, [f32; COLUMNS])| {
                let likely = softmax(scores, temperature);
                -(0..5).filter(|step| e.sentiment >> step & 1 == 1).map(|step| likely[step]).sum::<f32>().max(1e-6).ln()
            };
            judged.iter().map(likely).sum()
        };
        loss(*a).total_cmp(&loss(*b))
    });
    let temperature = temperature.unwrap_or(1.0);
    let wishes = std::array::from_fn(|wish| {
        let evidence = |(e, scores): &(&Example, [f32; COLUMNS])| {
            (Judge::evidence(scores[5 + wish], &softmax(scores, temperature), e.runs), e.wishes >> wish & 1 == 1)
        };
        judge(&judged.iter().map(evidence).collect::<Vec<_>>())
    });
    (temperature, wishes)
}

/// How much precision is given up for recall: who is passed over is worse off than who is looked at in vain.
const LEAN: f32 = 0.04;

/// The judge that fits best what is known to hold or not, by logistic regression; then its summand is moved to where
/// precision and recall are both as high as can be, recall a little higher.
fn judge(known: &[([f32; Judge::NUMBERS], bool)]) -> Judge {
    const ROUNDS: usize = 2000;
    const RATE: f32 = 0.3;
    let mut judge = Judge([1.0, 0.0, 0.0, 0.0, 0.0]);
    let mut squares = [1e-6_f32; Judge::NUMBERS];
    for _ in 0..ROUNDS {
        let mut slopes = [0.0; Judge::NUMBERS];
        for (evidence, holds) in known {
            let slope = logistic(judge.score(*evidence)) - f32::from(u8::from(*holds));
            slopes.iter_mut().zip(evidence).for_each(|(sum, one)| *sum += slope * one);
        }
        for ((weight, square), slope) in judge.0.iter_mut().zip(&mut squares).zip(slopes) {
            *square += slope * slope;
            *weight -= RATE * slope / square.sqrt();
        }
    }
    let cuts = (-80..80_i8).map(|step| f32::from(step) / 20.0);
    let weaker = |cut: f32| least(known.iter().map(|(evidence, holds)| (judge.score(*evidence) > cut, *holds)));
    let cut = cuts.max_by(|a, b| weaker(*a).total_cmp(&weaker(*b))).unwrap_or(0.0);
    judge.0[Judge::NUMBERS - 1] -= cut;
    judge
}

/// The lesser of recall and of precision with [`LEAN`].
fn least(counts: impl Iterator<Item = (bool, bool)>) -> f32 {
    let (mut both, mut all) = (0.0, [0.0; 2]);
    for (said, holds) in counts {
        both += f32::from(u8::from(said && holds));
        all[0] += f32::from(u8::from(said));
        all[1] += f32::from(u8::from(holds));
    }
    let [precision, recall] = all.map(|all| both / f32::max(1.0, all));
    f32::min(precision + LEAN, recall)
}

/// Prints how the encoded weights do on a file.
pub fn print(bytes: &[u8], file: &File) {
    let Some(model) = Model::read(bytes) else { return println!("the weights cannot be read") };
    let mut confusion = [[0_u32; 3]; 3];
    let mut sure = [(0.0_f32, 0.0_f32); 10];
    let mut flags = [[0_u32; 3]; COLUMNS - 5];
    for example in &file.examples {
        let mut sums = Sums::default();
        for (group, hashes) in [Group::Words, Group::Letters].into_iter().zip(&example.features) {
            let features: Vec<Feature> =
                hashes.iter().map(|hash| Feature { group, hash: *hash, start: 0, end: 0 }).collect();
            for (feature, row) in model.rows(&features, &mut Vec::new()) {
                sums.add(feature.group, &row.into());
            }
        }
        let scores = sums.scores(&model.tuning);
        let five = softmax(&scores, model.tuning.temperature);
        let three = [five[0] + five[1], five[2], five[3] + five[4]];
        let said = (0..3).max_by(|a, b| three[*a].total_cmp(&three[*b])).unwrap_or(1);
        if example.sentiment != ANY {
            let truth = if example.sentiment & 3 != 0 {
                0
            } else if example.sentiment == 4 {
                1
            } else {
                2
            };
            confusion[truth][said] += 1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
            let bin = &mut sure[((three[said] * 10.0) as usize).min(9)];
            bin.0 += three[said];
            bin.1 += f32::from(u8::from(said == truth));
        }
        {
            for wish in Wish::ALL.into_iter().filter(|wish| example.labelled >> *wish as u8 & 1 == 1) {
                let said = model.tuning.wishes[wish as usize].score(Judge::evidence(
                    scores[wish.column()],
                    &five,
                    example.runs,
                )) >= 0.0;
                let holds = example.wishes >> wish as u8 & 1 == 1;
                let counts = &mut flags[wish as usize];
                counts[0] += u32::from(said && holds);
                counts[1] += u32::from(said && !holds);
                counts[2] += u32::from(!said && holds);
            }
        }
    }
    let all: u32 = confusion.iter().flatten().sum();
    let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
    let right = (0..3).map(|class| confusion[class][class]).sum();
    let mut line = format!("{:24} {all:6} accuracy {:.3}", file.name, share(right, all));
    let mut sum = 0.0;
    let mut classes = 0.0;
    for (class, name) in ["negative", "neutral", "positive"].into_iter().enumerate() {
        let holds: u32 = confusion[class].iter().sum();
        let said: u32 = confusion.iter().map(|row| row[class]).sum();
        let (precision, recall) = (share(confusion[class][class], said), share(confusion[class][class], holds));
        if holds > 0 {
            classes += 1.0;
            sum += 2.0 * precision * recall / (precision + recall).max(1e-9);
            line += &format!(" {name} {precision:.2}/{recall:.2}");
        }
    }
    let error: f32 = sure.iter().map(|(sure, right)| (sure - right).abs()).sum();
    println!("{line} macro-F1 {:.3} ECE {:.3}", sum / f64::max(classes, 1.0), f64::from(error) / f64::from(all.max(1)));
    let mut line = String::new();
    for (wish, [both, only_said, only_holds]) in Wish::ALL.iter().zip(flags) {
        line += &format!(" {wish:?} {:.2}/{:.2}", share(both, both + only_said), share(both, both + only_holds));
    }
    println!("{:24}{line}", "");
}

/// Prints how often intents are right that were learned from at most `most` examples each.
pub fn intents(file: &Path, most: usize, others: Option<&Path>) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut examples: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut held = Vec::new();
    for (number, (intent, text)) in text.lines().filter_map(|line| line.split_once('\t')).enumerate() {
        let known = examples.entry(intent).or_default();
        if number % 10 == 3 {
            held.push((intent, text));
        } else if known.len() < most {
            known.push(text.to_owned());
        }
    }
    let intents: Vec<Intent> = examples
        .into_iter()
        .map(|(name, examples)| Intent { name: name.to_owned(), topics: Vec::new(), examples })
        .collect();
    let started = Instant::now();
    let learned = Intents::learned(&intents).ok_or("no examples")?;
    let took = started.elapsed();
    let known = |texts: &[(&str, &str)]| {
        let sure = texts.iter().filter(|(_, text)| learned.of(&Folded::of(text), 0.4).0.known).count();
        format!("{sure} of {}", texts.len())
    };
    if let Some(others) = others {
        let text = fs::read_to_string(others).map_err(|error| format!("{}: {error}", others.display()))?;
        let others: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('\t')).collect();
        println!("known: {} of the same kind, {} of another", known(&held), known(&others));
    }
    let right = held.iter().filter(|(intent, text)| learned.of(&Folded::of(text), 0.0).0.value == *intent).count();
    println!("{} intents learned in {took:.2?}; {right} of {} right", intents.len(), held.len());
    Ok(())
}
