//! Labelled messages: the project's own text (`text/`), and the public files that `corpora.tsv` names.

use std::{fs, path::Path};

use sha2::{Digest, Sha256};
use understand::{
    features::{Feature, features},
    folded::{Folded, window},
    model::Wish,
};

/// How much a phrase counts beside a whole message.
const PHRASE: f32 = 0.5;

/// Any of the five steps, for messages whose tone nobody labelled.
pub const ANY: u8 = 0b11111;

/// A labelled message.
#[derive(Debug, Clone)]
pub struct Example {
    /// Hashes of its n-grams, or what they were mapped to: words, pieces.
    pub features: [Vec<u32>; 2],
    /// A bit for each step of sentiment that it may be.
    pub sentiment: u8,
    /// A bit for each wish that it has.
    pub wishes: u8,
    /// A bit for each wish that it was labelled for.
    pub labelled: u8,
    /// How much it counts.
    pub weight: f32,
    /// Whether it is in a script without spaces.
    pub runs: bool,
}

/// The messages of one file.
pub struct File {
    /// Its name, without the ending.
    pub name: String,
    /// In the order of the lines.
    pub examples: Vec<Example>,
}

fn example(text: &str, sentiment: u8, (wishes, labelled): (u8, u8), weight: f32) -> Example {
    let mut all = [Vec::new(), Vec::new()];
    let window = window(text);
    let folded = Folded::of(&window);
    features(&folded, |Feature { group, hash, .. }| all[group as usize].push(hash));
    Example { features: all, sentiment, wishes, labelled, weight, runs: folded.runs() }
}

/// The letters of the wishes in the project's own text.
pub const FLAGS: [(char, Wish); 6] = [
    ('u', Wish::Urgency),
    ('c', Wish::Complaint),
    ('x', Wish::ChurnRisk),
    ('h', Wish::WantsHuman),
    ('t', Wish::Thanks),
    ('s', Wish::Spam),
];

/// Reads a line of the project's own text, `sentiment<TAB>flags<TAB>text`: its steps, its wishes, those that it is
/// labelled for, and its text. `?` is a tone that nobody labelled; flags with `?` behind them are the only ones that are
/// known, flags behind `!` are the only ones that are known, and it does not have them.
pub fn own_line(line: &str) -> Option<(u8, (u8, u8), String)> {
    let mut columns = line.split('\t');
    let (sentiment, flags, text) = (columns.next()?, columns.next()?, columns.next()?);
    let sentiment = match ["--", "-", "0", "+", "++"].iter().position(|step| *step == sentiment) {
        Some(step) => 1 << step,
        None => (sentiment == "?").then_some(ANY)?,
    };
    let named = FLAGS.iter().filter(|(flag, _)| flags.contains(*flag)).fold(0, |all, (_, wish)| all | 1 << *wish as u8);
    let wishes = match flags {
        flags if flags.ends_with('?') => (named, named),
        flags if flags.starts_with('!') => (0, named),
        _ => (named, 0b11_1111),
    };
    Some((sentiment, wishes, text.replace(" ⏎ ", "\n")))
}

/// The project's own text: every `*.tsv` of a folder, by name.
pub fn own(folder: &Path, weight: f32) -> Result<Vec<File>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tsv"));
    paths.sort();
    let weight_of = |path: &Path| {
        let is_phrases = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("phrases"));
        if is_phrases { weight * PHRASE } else { weight }
    };
    paths.iter().map(|path| own_file(path, weight_of(path))).collect()
}

/// One file of the project's own text.
pub fn own_file(path: &Path, weight: f32) -> Result<File, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = |(number, line): (usize, &str)| {
        let (sentiment, wishes, text) = own_line(line)
            .ok_or_else(|| format!("{}:{}: expected `sentiment<TAB>flags<TAB>text`", path.display(), number + 1))?;
        Ok(example(&text, sentiment, wishes, weight))
    };
    let examples = text.lines().enumerate().map(line).collect::<Result<_, String>>()?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(File { name, examples })
}

/// The public files that a manifest names, which must be exactly those that it expects.
pub fn public(manifest: &str, folder: &Path) -> Result<Vec<File>, String> {
    manifest.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| file(line, folder)).collect()
}

fn file(line: &str, folder: &Path) -> Result<File, String> {
    let mut columns = line.split('\t');
    let mut column = || columns.next().ok_or_else(|| format!("corpora.tsv: a column is missing in `{line}`"));
    let (name, labels, weight, expected) = (column()?, column()?, column()?, column()?);
    let weight: f32 = weight.parse().map_err(|_| format!("corpora.tsv: `{weight}` is not a weight"))?;
    let path = folder.join(name);
    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = hex::encode(Sha256::digest(&bytes));
    if found != expected {
        return Err(format!("{}: its sha256 is {found}, not {expected}: another version of the file", path.display()));
    }
    let text = String::from_utf8_lossy(&bytes);
    let examples = text.lines().filter_map(|line| {
        let (text, sentiment) = labelled(labels, line)?;
        Some(example(text, sentiment, (0, 0), weight))
    });
    Ok(File { name: name.trim_end_matches(".tsv").to_owned(), examples: examples.collect() })
}

const NEGATIVE: u8 = 0b00011;
const NEUTRAL: u8 = 0b00100;
const POSITIVE: u8 = 0b11000;

/// The text of a line and the steps that it may be.
fn labelled<'a>(labels: &str, line: &'a str) -> Option<(&'a str, u8)> {
    let word = Some(line).filter(|line| !line.is_empty() && !line.starts_with(';'));
    match labels {
        "positive-words" => word.map(|word| (word, POSITIVE)),
        "negative-words" => word.map(|word| (word, NEGATIVE)),
        // A word, and how people rated it from -4 to 4.
        "valences" => {
            let mut columns = line.split('\t');
            let (word, valence) = (columns.next()?, columns.next()?.parse::<f32>().ok()?);
            (valence.abs() >= 1.0).then_some((word, if valence < 0.0 { NEGATIVE } else { POSITIVE }))
        }
        _ => {
            let (label, text) = line.split_once('\t')?;
            let sentiment = match (labels, label) {
                ("requests", _) | (_, "neutral") => NEUTRAL,
                (_, "negative") => NEGATIVE,
                (_, "positive") => POSITIVE,
                _ => return None,
            };
            Some((text, sentiment))
        }
    }
}
