//! The knowledge: a folder of Markdown files, one question a section, indexed in memory. It answers in the customer's
//! language or not at all; an answer that is not sure enough is none.

mod index;
mod likeness;
mod parse;
mod plain;
mod score;
mod spelling;
mod synonyms;
mod terms;

use std::{
    collections::{HashMap, HashSet},
    fmt, fs, io,
    path::Path,
};

use async_trait::async_trait;

pub use self::likeness::Terms;
use self::{
    parse::Section,
    score::{Found, Scorer},
    synonyms::Synonyms,
};
use super::{Answer, Citation, Question, Reply, RespondError, Responder};
use crate::{regular, understand::window};

/// The largest knowledge file, in bytes.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// The most sections of all files.
pub const MAX_SECTIONS: usize = 10_000;

/// How knowledge is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Answers with a lower score are none, 0 to 1.
    pub threshold: f32,
    /// The language (a BCP-47 tag) of the answers for customers in whose language nothing is known; `None`: they
    /// get no answer.
    pub fallback: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threshold: 0.53, fallback: None }
    }
}

/// Something wrong in a knowledge file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file's name in the folder; the folder itself where that cannot be read.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {} ({})", self.file, self.line, self.message, self.help)
    }
}

/// All knowledge of one version, loaded together or not at all. Immutable: a change loads another one.
pub struct Knowledge {
    sections: Vec<Section>,
    scorer: Scorer,
    /// The languages that something is known in, without script and region.
    languages: HashSet<String>,
    settings: Settings,
}

impl fmt::Debug for Knowledge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Knowledge").field("sections", &self.sections.len()).field("settings", &self.settings).finish()
    }
}

impl Knowledge {
    /// Loads every `*.md` file of a folder but `README.md`, in the order of their names, and `synonyms.txt`. Folders
    /// inside are not read.
    ///
    /// # Errors
    /// Everything that is wrong in any of the files; nothing is loaded then.
    pub fn load(folder: &Path, settings: &Settings) -> Result<Self, Vec<Finding>> {
        let (files, findings) = read(folder)?;
        Self::build(files, findings, settings)
    }

    /// What would be loaded if there were one file more: its name and its text. The folder may be missing.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(folder: &Path, file: (String, String), settings: &Settings) -> Result<Self, Vec<Finding>> {
        let (mut files, findings) = if folder.exists() { read(folder)? } else { Default::default() };
        files.push(file);
        files.sort();
        Self::build(files, findings, settings)
    }

    /// Loads files that are already in memory: their names and texts.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_files(
        files: impl IntoIterator<Item = (String, String)>,
        settings: &Settings,
    ) -> Result<Self, Vec<Finding>> {
        Self::build(files, Vec::new(), settings)
    }

    fn build(
        files: impl IntoIterator<Item = (String, String)>,
        mut findings: Vec<Finding>,
        settings: &Settings,
    ) -> Result<Self, Vec<Finding>> {
        let mut sections = Vec::new();
        let mut words = Synonyms::shipped();
        for (name, text) in files {
            if name == synonyms::FILE {
                words = Synonyms::with(&text, &mut findings);
                continue;
            }
            sections.extend(parse::file(&name, &text, &mut findings));
        }
        parse::duplicates(&sections, &mut findings);
        if sections.len() > MAX_SECTIONS
            && let Some(section) = sections.get(MAX_SECTIONS)
        {
            findings.push(section.finding(
                format!("there are {} questions, more than {MAX_SECTIONS}", sections.len()),
                "remove some; knowledge of this size needs another responder",
            ));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let languages = sections.iter().map(|section| primary(&section.language).to_owned()).collect();
        Ok(Self { scorer: Scorer::new(&sections, words), sections, languages, settings: settings.clone() })
    }

    /// How many questions there are in each language.
    #[must_use]
    pub fn languages(&self) -> HashMap<&str, usize> {
        let mut languages = HashMap::new();
        for section in &self.sections {
            *languages.entry(section.language.as_str()).or_default() += 1;
        }
        languages
    }

    /// The answer to a question, or none. Of a long text the first 1,500 and the last 500 characters are read.
    ///
    /// A question in an undetermined language may be answered in any; in another language than the customer's only
    /// by [`Settings::fallback`].
    #[must_use]
    pub fn answer(&self, question: &Question<'_>) -> Reply {
        match self.best(question, 1).pop() {
            Some(best) if best.citation.score >= self.settings.threshold => Reply::Answer(best),
            best => Reply::NoAnswer { best: best.map(|best| best.citation) },
        }
    }

    /// The at most `most` sections that come nearest to a question, best first, however low they score: what an
    /// agent may look at. The best need not have the highest score, which says how sure its answer is. In the same languages as an [`answer`](Self::answer).
    #[must_use]
    pub fn best(&self, question: &Question<'_>, most: usize) -> Vec<Answer> {
        let Some(language) = self.language(question) else { return Vec::new() };
        let mut found: Vec<(f32, Found, &Section)> = Vec::new();
        for candidate in self.scorer.find(&window(question.text), language) {
            let Some(section) = self.sections.get(candidate.id) else { continue };
            // Of two that fit as well: the customer's own way of writing.
            let own = if section.language == question.language { 0.02 } else { 0.0 };
            found.push((candidate.order + own, candidate, section));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.id.cmp(&b.1.id)));
        let answers = found.into_iter().take(most).map(|(_, found, section)| Answer {
            text: section.answer.clone(),
            citation: Citation { file: section.file.clone(), question: section.question.clone(), score: found.score },
            language: section.language.clone(),
        });
        answers.collect()
    }

    /// The language that a question is answered in; `Some(None)` is any, `None` none.
    fn language<'a>(&'a self, question: &Question<'a>) -> Option<Option<&'a str>> {
        match primary(question.language) {
            "und" | "" => Some(None),
            spoken if self.languages.contains(spoken) => Some(Some(spoken)),
            _ => self.settings.fallback.as_deref().map(|fallback| Some(primary(fallback))),
        }
    }
}

/// The names and texts of a folder's files, and what is wrong with those that cannot be read.
fn read(folder: &Path) -> Result<Read, Vec<Finding>> {
    let unreadable = |file: &Path, error: &io::Error| Finding {
        file: file.display().to_string(),
        line: 1,
        message: format!("cannot be read: {error}"),
        help: "check that it exists and that the daemon may read it".to_owned(),
    };
    let mut files = Vec::new();
    let mut findings = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| vec![unreadable(folder, &error)])?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_section = path.extension().is_some_and(|extension| extension == "md") && name != "README.md";
        if !is_section && name != synonyms::FILE {
            continue;
        }
        match regular::read(path, MAX_FILE_BYTES + 1) {
            Err(error) => findings.push(unreadable(path, &error)),
            Ok(bytes) => match parse::decode(&name, bytes) {
                Ok(text) => files.push((name, text)),
                Err(finding) => findings.push(finding),
            },
        }
    }
    Ok((files, findings))
}

/// Names and texts of files, and findings.
type Read = (Vec<(String, String)>, Vec<Finding>);

#[async_trait]
impl Responder for Knowledge {
    async fn respond(&self, question: &Question<'_>) -> Result<Reply, RespondError> {
        Ok(self.answer(question))
    }
}

/// `zh` of `zh-Hant`.
fn primary(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod retrieval;
