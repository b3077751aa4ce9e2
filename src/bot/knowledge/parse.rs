//! A knowledge file: front matter, then one question a section. docs/knowledge.md describes it for its writers.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Finding, MAX_FILE_BYTES, plain, terms};
use crate::regular;

/// The longest question or paraphrase, in characters.
const MAX_QUESTION: usize = 300;

/// The longest answer, in characters.
const MAX_ANSWER: usize = 20_000;

/// One question and its answer.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) file: String,
    /// The line of the question, from 1.
    pub(super) line: usize,
    /// A BCP-47 tag.
    pub(super) language: String,
    pub(super) question: String,
    /// Other ways to ask it.
    pub(super) paraphrases: Vec<String>,
    /// Plain text.
    pub(super) answer: String,
}

impl Section {
    pub(super) fn finding(&self, message: String, help: &str) -> Finding {
        finding(&self.file, self.line, message, help)
    }

    /// Every way to ask it.
    pub(super) fn forms(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.question.as_str()).chain(self.paraphrases.iter().map(String::as_str))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    language: String,
    #[serde(default, rename = "title")]
    _title: Option<String>,
    #[serde(default, rename = "tags")]
    _tags: Vec<String>,
}

pub(super) fn finding(file: &str, line: usize, message: impl Into<String>, help: &str) -> Finding {
    Finding { file: file.to_owned(), line, message: message.into(), help: help.to_owned() }
}

/// The text of a file's bytes.
pub(super) fn decode(file: &str, bytes: Vec<u8>) -> Result<String, Finding> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(finding(
            file,
            1,
            format!("larger than {} KiB", MAX_FILE_BYTES / 1024),
            "split it into several files",
        ));
    }
    regular::text(bytes).map_err(|line| finding(file, line, "not valid UTF-8", "save the file as UTF-8"))
}

/// The sections of a file; what is wrong is added to the findings.
pub(super) fn file(name: &str, text: &str, findings: &mut Vec<Finding>) -> Vec<Section> {
    if text.len() > MAX_FILE_BYTES {
        findings.push(finding(
            name,
            1,
            format!("larger than {} KiB", MAX_FILE_BYTES / 1024),
            "split it into several files",
        ));
        return Vec::new();
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let (language, body) = match front_matter(&lines) {
        Ok(front) => front,
        Err((line, message, help)) => {
            findings.push(finding(name, line, message, help));
            return Vec::new();
        }
    };
    let starts = headings(&lines, body);
    let first = starts.first().copied().unwrap_or(lines.len());
    let stray = (body..first).find(|&at| !lines[at].is_empty() && !lines[at].starts_with("# "));
    if let Some(at) = stray {
        findings.push(finding(
            name,
            at + 1,
            "text before the first question",
            "begin each question with a line `## Question`",
        ));
    } else if starts.is_empty() {
        findings.push(finding(
            name,
            body.max(1),
            "no question",
            "write one as a line `## Question`, and its answer below it",
        ));
    }
    let mut sections = Vec::new();
    for (number, &start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(lines.len());
        match section(&lines[start..end]) {
            Ok((question, paraphrases, answer)) => sections.push(Section {
                file: name.to_owned(),
                line: start + 1,
                language: language.clone(),
                question,
                paraphrases,
                answer,
            }),
            Err((message, help)) => findings.push(finding(name, start + 1, message, help)),
        }
    }
    sections
}

/// The file's language, and the line on which its body begins.
fn front_matter(lines: &[&str]) -> Result<(String, usize), (usize, String, &'static str)> {
    const HELP: &str = "begin the file with three lines: `---`, `language: en` (or `zh`, …), `---`";
    if lines.first() != Some(&"---") {
        return Err((1, "no front matter, so its language is not known".to_owned(), HELP));
    }
    let close = lines.iter().skip(1).take(50).position(|line| *line == "---");
    let Some(close) = close.map(|at| at + 1) else {
        return Err((1, "the front matter is not closed".to_owned(), HELP));
    };
    let front: FrontMatter = serde_saphyr::from_str(&lines[1..close].join("\n")).map_err(|error| {
        let line = error.location().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1));
        let message = error.without_snippet().to_string();
        (line + 1, message, "the front matter has `language`, and if you like `title` and `tags`")
    })?;
    let mut parts = front.language.split('-');
    let primary = parts
        .next()
        .is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase()));
    if !primary
        || !parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        let line = 1 + lines.iter().position(|line| line.starts_with("language")).unwrap_or(0);
        return Err((
            line,
            format!("`{}` is not a language tag", front.language),
            "write a BCP-47 tag: `en`, `zh`, `zh-Hant`, `pt-BR`",
        ));
    }
    Ok((front.language, close + 1))
}

/// The lines of second-level headings, outside of code.
fn headings(lines: &[&str], body: usize) -> Vec<usize> {
    let mut fence: Option<&str> = None;
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(body) {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) if line.starts_with("## ") || *line == "##" => found.push(at),
            _ => {}
        }
    }
    found
}

/// The question, its paraphrases and its answer.
fn section(lines: &[&str]) -> Result<(String, Vec<String>, String), (String, &'static str)> {
    let question = lines[0].trim_start_matches('#').trim().to_owned();
    let body = lines.iter().skip(1).position(|line| !line.is_empty() && paraphrase(line).is_none());
    let body = body.map_or(lines.len(), |at| at + 1);
    let paraphrases: Vec<String> =
        lines[1..body].iter().filter_map(|line| paraphrase(line)).map(str::to_owned).collect();
    let answer = plain::text(&lines[body..].join("\n"));
    let count = |text: &str| text.chars().count();
    if terms::of(&terms::tokens(&question)).is_empty() {
        return Err(("an empty question".to_owned(), "write the question after `## `"));
    }
    if let Some(long) = std::iter::once(&question).chain(&paraphrases).find(|form| count(form) > MAX_QUESTION) {
        return Err((
            format!("a question of {} characters, more than {MAX_QUESTION}", count(long)),
            "ask it in one sentence",
        ));
    }
    if answer.is_empty() {
        return Err((format!("“{question}” has no answer"), "write the answer below the question"));
    }
    if count(&answer) > MAX_ANSWER {
        return Err((
            format!("an answer of {} characters, more than {MAX_ANSWER}", count(&answer)),
            "split the question",
        ));
    }
    Ok((question, paraphrases, answer))
}

/// The text of `- also: another way to ask`.
fn paraphrase(line: &str) -> Option<&str> {
    let item = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "))?.trim_start();
    let text = item.strip_prefix("also").or_else(|| item.strip_prefix("Also")).or_else(|| item.strip_prefix("也问"))?;
    let text = text.trim_start();
    Some(text.strip_prefix(':').or_else(|| text.strip_prefix('：'))?.trim()).filter(|text| !text.is_empty())
}

/// Finds what is asked twice in one language.
pub(super) fn duplicates(sections: &[Section], findings: &mut Vec<Finding>) {
    let mut seen: HashMap<(&str, String), &Section> = HashMap::new();
    for section in sections {
        let mut own = Vec::new();
        for form in section.forms() {
            let key: String = form.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
            if own.contains(&key) {
                continue;
            }
            if let Some(first) = seen.get(&(section.language.as_str(), key.clone())) {
                findings.push(section.finding(
                    format!("“{form}” is asked already in {}:{}", first.file, first.line),
                    "keep one of them, or merge the two sections",
                ));
            }
            own.push(key);
        }
        for key in own {
            seen.entry((section.language.as_str(), key)).or_insert(section);
        }
    }
}
