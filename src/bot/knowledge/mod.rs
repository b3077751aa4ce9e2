//! The knowledge: a folder of Markdown files, one question a section, indexed in memory. It answers in the customer's
//! language or not at all; an answer that is not sure enough is none.

mod index;
mod parse;
mod plain;
mod score;
mod terms;

use std::{
    collections::{HashMap, HashSet},
    fmt, fs, io,
    path::Path,
};

use async_trait::async_trait;

use self::{index::Index, parse::Section, score::Scorer};
use super::{Answer, Citation, Question, Reply, RespondError, Responder};
use crate::{regular, understand::window};

/// The largest knowledge file, in bytes.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// The most sections of all files.
pub const MAX_SECTIONS: usize = 10_000;

/// How many sections the index proposes for a question.
const CANDIDATES: usize = 16;

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
        Self { threshold: 0.47, fallback: None }
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
    index: Index,
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
    /// Loads every `*.md` file of a folder but `README.md`, in the order of their names. Folders inside are not read.
    ///
    /// # Errors
    /// Everything that is wrong in any of the files; nothing is loaded then.
    pub fn load(folder: &Path, settings: &Settings) -> Result<Self, Vec<Finding>> {
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
        for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name == "README.md" {
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
        for (name, text) in files {
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
        let index = Index::build(&sections).map_err(|error| {
            vec![Finding {
                file: String::new(),
                line: 1,
                message: format!("the index cannot be built: {error}"),
                help: "this is a defect; please report it with the files".to_owned(),
            }]
        })?;
        let languages = sections.iter().map(|section| primary(&section.language).to_owned()).collect();
        Ok(Self { scorer: Scorer::new(&sections), index, sections, languages, settings: settings.clone() })
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
        let text = window(question.text);
        let spoken = primary(question.language);
        let language = match spoken {
            "und" | "" => None,
            spoken if self.languages.contains(spoken) => Some(spoken),
            _ => match self.settings.fallback.as_deref().map(primary) {
                Some(fallback) => Some(fallback),
                None => return Reply::NoAnswer { best: None },
            },
        };
        let asked = self.scorer.ask(&text);
        let candidates = self.index.candidates(asked.terms(), language, CANDIDATES);
        let most = candidates.iter().map(|(_, relevance)| *relevance).fold(f32::MIN_POSITIVE, f32::max);
        let best = candidates
            .into_iter()
            .filter_map(|(id, relevance)| Some((id, self.sections.get(id)?, relevance / most)))
            .map(|(id, section, relevance)| {
                let score = self.scorer.score(&asked, id);
                // Of two that fit as well: the customer's own way of writing, then what the index found better.
                let own = if section.language == question.language { 0.02 } else { 0.0 };
                (score + own + 0.02 * relevance, score, section)
            })
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, score, section)) = best else { return Reply::NoAnswer { best: None } };
        let citation = Citation { file: section.file.clone(), question: section.question.clone(), score };
        if score < self.settings.threshold {
            return Reply::NoAnswer { best: Some(citation) };
        }
        Reply::Answer(Answer { text: section.answer.clone(), citation, language: section.language.clone() })
    }
}

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
