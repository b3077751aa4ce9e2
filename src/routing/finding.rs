//! What is wrong with rule files: where, and what to do about it.

use std::{fmt::Write as _, ops::Range};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use serde::{Deserialize, Serialize};

/// The most findings of one file.
const MAX_FINDINGS: usize = 100;

/// The longest message, in characters: it may quote a hostile name.
const MAX_MESSAGE: usize = 240;

/// The longest line that is drawn, in bytes.
const MAX_DRAWN: usize = 1_000;

/// The longest name for which a similar one is looked for, in bytes.
const MAX_NAME: usize = 128;

/// The most names that one is compared with.
const MAX_COMPARED: usize = 1_000;

/// One file of a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name in the folder: `30-care.yaml`.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The rule set works, and is probably not what was meant.
    Warning,
    /// The rule set is not loaded.
    Error,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file's name.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The bytes of the file to underline.
    #[serde(skip)]
    pub span: Range<usize>,
}

impl Finding {
    /// Whether it keeps the rule set out.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The finding as a person reads it in a terminal: the line, the offending text underlined, and what to do.
    #[must_use]
    pub fn render(&self, files: &[SourceFile], colour: bool) -> String {
        let mut diagnostic = MietteDiagnostic::new(self.message.clone()).with_severity(match self.severity {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        });
        diagnostic.help.clone_from(&self.help);
        let source = files.iter().find(|file| file.name == self.file && self.line > 0);
        let source = source.filter(|file| {
            let around = file.text.lines().skip(self.line.saturating_sub(2)).take(3);
            around.map(str::len).max().unwrap_or(0) <= MAX_DRAWN
        });
        if source.is_some() {
            diagnostic = diagnostic.with_label(LabeledSpan::underline(self.span.clone()));
        }
        let report = Report::new(diagnostic);
        let report = match source {
            Some(file) => report.with_source_code(NamedSource::new(&file.name, file.text.clone())),
            None => report,
        };
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let mut text = String::new();
        let drawn = GraphicalReportHandler::new_themed(theme).with_width(120).render_report(&mut text, report.as_ref());
        if drawn.is_err() {
            text.clear();
            let _ = writeln!(text, "{}:{}:{}: {}", self.file, self.line, self.column, self.message);
        } else if source.is_none() && !self.file.is_empty() {
            let place = if self.line > 0 { format!("{}:{}", self.line, self.column) } else { String::new() };
            text.insert_str(0, &format!("{}:{place}\n", self.file));
        }
        text
    }
}

/// Collects findings of one file.
#[derive(Debug)]
pub(crate) struct Notes<'a> {
    pub file: &'a SourceFile,
    pub findings: Vec<Finding>,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(file: &'a SourceFile) -> Self {
        Self { file, findings: Vec::new() }
    }

    pub(crate) fn error(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Error, span, message.into(), help.into());
    }

    pub(super) fn warn(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Severity::Warning, span, message.into(), help.into());
    }

    /// Whether more findings would help nobody.
    pub(super) fn full(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS
    }

    fn add(&mut self, severity: Severity, span: &Range<usize>, message: String, help: String) {
        let message = if message.chars().count() <= MAX_MESSAGE {
            message
        } else {
            message.chars().take(MAX_MESSAGE - 1).chain(['…']).collect()
        };
        if !self.full() {
            self.findings.push(at(self.file, severity, span, message, Some(help).filter(|help| !help.is_empty())));
        }
    }
}

/// A finding at some bytes of a file. Spans over several lines are cut at the end of the first one.
pub(super) fn at(
    file: &SourceFile,
    severity: Severity,
    span: &Range<usize>,
    message: String,
    help: Option<String>,
) -> Finding {
    let text = &file.text;
    let start = floor(text, span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let end = floor(text, span.end).clamp(start, line_end);
    let end = start + text[start..end].trim_end().len();
    Finding {
        severity,
        file: file.name.clone(),
        line: line_of(text, start),
        column: text[line_start..start].chars().count() + 1,
        message,
        help,
        span: start..end,
    }
}

/// The line that a byte of a text is on, counted from 1.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    text.as_bytes()[..byte.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1
}

fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// "did you mean" for a name that is not known, or the names there are.
pub(crate) fn suggest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    // Two names are compared in the product of their lengths, which people bound and files do not.
    let comparable = name.len() <= MAX_NAME && known.len() <= MAX_COMPARED;
    let most = |candidate: &str| 1 + name.len().max(candidate.len()) / 4;
    let nearest = known
        .iter()
        .filter(|candidate| comparable && name.len().abs_diff(candidate.len()) <= most(candidate))
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= most(candidate));
    match nearest {
        Some((_, nearest)) => format!("did you mean “{nearest}”?"),
        None if known.is_empty() => "there is none".to_owned(),
        None if known.len() <= 24 => format!("there are: {}", known.join(", ")),
        None if comparable => format!("there are {} of them; none is similar", known.len()),
        None => format!("there are {} of them", known.len()),
    }
}
