//! `switchboard understand`: what the embedded classifier says of messages, and how often it is right.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use understand::{Signals, Text, intents::Intent, is_automatic_mail};

use crate::{
    config::Config,
    files::Source,
    understand::{Remote, RemoteSettings},
};

/// The longest line that is read, in bytes; the rest of it is passed over.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;

/// Reads messages, one a line, and writes a JSON object a line with all signals and the words that weighed most.
#[derive(Debug, Args)]
pub(super) struct Understand {
    /// Lines are JSON: {"text": …, "subject": …, "headers": {…}}
    #[arg(long, conflicts_with = "eval")]
    jsonl: bool,
    /// Ask the endpoint of understanding.remote about messages that are not sure, as the daemon would
    #[arg(long)]
    remote: bool,
    /// Compare with labels instead: a file of lines `label<TAB>text`
    #[arg(long, value_name = "FILE", requires = "head")]
    eval: Option<PathBuf>,
    /// What the labels are of: language, sentiment, urgency, complaint, churn_risk, wants_human, thanks, spam, intent
    #[arg(long, value_name = "HEAD")]
    head: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    text: String,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl Understand {
    pub fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (loaded, reader) = Source::at(&config.rules).rules(&config.understanding.settings);
        let reader = match reader {
            Some(reader) => reader,
            None => {
                for finding in &loaded.findings {
                    eprintln!("{}", finding.render(&loaded.files, false));
                }
                eprintln!("The rules do not load, so there are no intents.");
                std::sync::Arc::new(config.understanding.settings.reader(&[]))
            }
        };
        let intents = loaded.rules.as_ref().map_or(&[][..], |rules| rules.intents());
        let remote = if self.remote { Some(Asked::open(config, intents)?) } else { None };
        let read = |text: Text<'_>| {
            let signals = reader.read(text);
            match &remote {
                Some(remote) => remote.refine(text, signals),
                None => signals,
            }
        };
        match (&self.eval, &self.head) {
            (Some(file), Some(head)) => {
                evaluate(&read, reader.name(), file, head, &mut io::stdout().lock())?;
            }
            _ => read_lines(&read, self.jsonl, &mut io::stdin().lock(), &mut io::stdout().lock())?,
        }
        if let Some(remote) = remote {
            let (asked, changed, silent) = (remote.asked.get(), remote.changed.get(), remote.silent.get());
            eprintln!("{asked} messages were not sure: {changed} mean something else, {silent} got no answer.");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The endpoint for second opinions, waited for.
struct Asked<'a> {
    remote: Remote,
    intents: &'a [Intent],
    runtime: tokio::runtime::Runtime,
    asked: Cell<u64>,
    changed: Cell<u64>,
    silent: Cell<u64>,
}

impl<'a> Asked<'a> {
    fn open(config: &Config, intents: &'a [Intent]) -> anyhow::Result<Self> {
        let settings = config.understanding.remote.clone();
        let settings = settings.context("there is no endpoint; set understanding.remote in the configuration")?;
        // Who runs this wants to know, whatever the daemon may spend.
        let settings = RemoteSettings { per_minute: u32::MAX, per_day: u32::MAX, ..settings };
        let remote = Remote::new(settings, config.understanding.settings.thresholds).map_err(anyhow::Error::msg)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { remote, intents, runtime, asked: Cell::new(0), changed: Cell::new(0), silent: Cell::new(0) })
    }

    fn refine(&self, text: Text<'_>, signals: Signals) -> Signals {
        if !self.remote.doubts(text.text, &signals) {
            return signals;
        }
        self.asked.update(|count| count + 1);
        let opinion = self.runtime.block_on(self.remote.refine(&text, &signals, self.intents));
        self.silent.update(|count| count + u64::from(opinion.is_err()));
        let refined = opinion.ok().flatten();
        self.changed.update(|count| count + u64::from(refined.is_some()));
        refined.unwrap_or(signals)
    }
}

/// Reads one message.
type Read<'r> = dyn Fn(Text<'_>) -> Signals + 'r;

/// One object a line, in the order of the lines. Bytes that are not UTF-8 are read as replacement characters.
fn read_lines(read: &Read<'_>, jsonl: bool, lines: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(out);
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        bytes.clear();
        if io::Read::take(&mut *lines, LONGEST_LINE).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() as u64 == LONGEST_LINE && bytes.last() != Some(&b'\n') {
            lines.skip_until(b'\n')?;
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches(['\n', '\r']);
        let signals = if jsonl {
            let Line { text, subject, headers } = serde_json::from_str(line)
                .with_context(|| format!("line {number} is not {{\"text\": …, \"subject\": …}}"))?;
            let mut signals = read(Text { text: &text, subject: subject.as_deref() });
            let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            signals.automatic |= is_automatic_mail(headers);
            signals
        } else {
            read(line.into())
        };
        serde_json::to_writer(&mut out, &signals)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// The likeliest label of a head, and how likely it is.
fn judged(signals: &Signals, head: &str) -> anyhow::Result<(String, f32)> {
    if let Some((_, wish)) = signals.wishes().into_iter().find(|(name, _)| *name == head) {
        return Ok((if wish.value >= 0.5 { "1" } else { "0" }.to_owned(), wish.confidence));
    }
    match (head, &signals.intent) {
        ("sentiment", _) => {
            let label = &signals.sentiment.label;
            Ok((label.value.as_str().to_owned(), label.confidence))
        }
        ("language", _) => Ok((signals.language.value.clone(), signals.language.confidence)),
        ("intent", Some(intent)) => Ok((intent.value.clone(), intent.confidence)),
        ("intent", None) => bail!("there are no intents; write intents.yaml into the folder of the rules"),
        _ => bail!(
            "there is no head `{head}`; there are language, sentiment, urgency, complaint, churn_risk, wants_human, \
             thanks, spam and intent"
        ),
    }
}

/// Prints accuracy, macro-F1, precision and recall of each label, and the expected calibration error over ten bins
/// (Naeini et al. 2015). Labels of fewer classes than the head has (three or two tones instead of five, `yes` and `no`)
/// are compared as they are.
fn evaluate(read: &Read<'_>, model: &str, file: &Path, head: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let text = String::from_utf8_lossy(&text);
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
        let (label, message) =
            line.split_once('\t').with_context(|| format!("{}:{number}: expected label<TAB>text", file.display()))?;
        let signals = read(message.into());
        let (said, confidence) = judged(&signals, head)?;
        rows.push((label.trim().to_owned(), said, confidence, signals.sentiment.score));
    }
    if rows.is_empty() {
        bail!("{} has no lines", file.display());
    }
    let labels: BTreeSet<String> = rows.iter().map(|(label, ..)| label.clone()).collect();
    let mut counts: BTreeMap<&str, [u32; 3]> = labels.iter().map(|label| (label.as_str(), [0; 3])).collect();
    let mut bins = [(0.0_f64, 0.0_f64); 10];
    let mut right = 0_u32;
    let mut others: BTreeMap<String, u32> = BTreeMap::new();
    for (label, said, confidence, score) in &rows {
        let said = matching(said, *score, &labels);
        let is_right = said == *label;
        right += u32::from(is_right);
        if let Some([hit, missed, _]) = counts.get_mut(label.as_str()) {
            *(if is_right { hit } else { missed }) += 1;
        }
        match counts.get_mut(said.as_str()) {
            Some([_, _, wrong]) if !is_right => *wrong += 1,
            Some(_) => {}
            None => *others.entry(said).or_default() += 1,
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
        let bin = &mut bins[((confidence * 10.0) as usize).min(9)];
        bin.0 += f64::from(*confidence);
        bin.1 += f64::from(u8::from(is_right));
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of lines")]
    let all = rows.len() as f64;
    let mut sum = 0.0;
    let mut table = String::new();
    for (label, [hit, missed, wrong]) in &counts {
        let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
        let (precision, recall) = (share(*hit, hit + wrong), share(*hit, hit + missed));
        let f1 = 2.0 * precision * recall / (precision + recall).max(1e-9);
        sum += f1;
        table +=
            &format!("{label:<16} {:>6}  precision {precision:.3}  recall {recall:.3}  F1 {f1:.3}\n", hit + missed);
    }
    #[expect(clippy::cast_precision_loss, reason = "a few labels")]
    let macro_f1 = sum / counts.len() as f64;
    let error: f64 = bins.iter().map(|(sure, right)| (sure - right).abs()).sum::<f64>() / all;
    writeln!(out, "{} lines, model {model}", rows.len())?;
    writeln!(out, "accuracy {:.3}  macro-F1 {macro_f1:.3}  ECE {error:.3}", f64::from(right) / all)?;
    write!(out, "{table}")?;
    for (label, count) in others {
        writeln!(out, "{label:<16} said {count} times, and no line has it")?;
    }
    Ok(())
}

/// What was said, in the words of the labels.
fn matching(said: &str, score: f32, labels: &BTreeSet<String>) -> String {
    let has = |label: &str| labels.contains(label);
    if has("negative") && has("positive") {
        let merged = said.trim_start_matches("very_");
        return match merged {
            _ if has("very_negative") || has("very_positive") => said.to_owned(),
            "neutral" if !has("neutral") => if score < 0.0 { "negative" } else { "positive" }.to_owned(),
            merged => merged.to_owned(),
        };
    }
    match said {
        "1" if has("yes") || has("no") => "yes".to_owned(),
        "0" if has("yes") || has("no") => "no".to_owned(),
        "zh-Hans" | "zh-Hant" if has("zh") => "zh".to_owned(),
        said => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::Settings;

    fn read(text: Text<'_>) -> Signals {
        Settings::default().reader(&[]).read(text)
    }

    #[test]
    fn every_line_gets_an_object_whatever_it_is() {
        let mut input: Vec<u8> = "I want a refund\n\n😡\n".into();
        input.extend([0xff, 0xfe, b'\n']);
        input.extend("哈".repeat(2_000_000).as_bytes());
        input.extend(b"\nlast");
        let mut out = Vec::new();
        read_lines(&read, false, &mut input.as_slice(), &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        let objects: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 6);
        assert_eq!(objects[0]["language"]["value"], "en");
        assert_eq!(objects[1]["sentiment"]["known"], false);
    }

    #[test]
    fn json_lines_have_subjects_and_headers() {
        let line = r#"{"text": "see below", "headers": {"Auto-Submitted": "auto-replied"}}"#;
        let mut out = Vec::new();
        read_lines(&read, true, &mut line.as_bytes(), &mut out).unwrap();
        let signals: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(signals["automatic"], true);
        let error = read_lines(&read, true, &mut &b"{\"txt\": 1}"[..], &mut Vec::new()).unwrap_err();
        assert!(format!("{error:#}").contains("line 1"), "{error:#}");
    }

    #[test]
    fn labels_of_fewer_classes_are_compared_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("two.tsv");
        std::fs::write(&file, "negative\tterrible, it broke at once\npositive\tI love it, works great\n").unwrap();
        let mut out = Vec::new();
        evaluate(&read, "m", &file, "sentiment", &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("accuracy 1.000") && said.contains("macro-F1 1.000"), "{said}");
        let error = evaluate(&read, "m", &file, "mood", &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("sentiment"), "{error}");
    }
}
