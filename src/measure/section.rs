//! A section of the knowledge that an admin writes for what was missed: a new file of its own, checked together with
//! everything else before it is there.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use contract::clean_text;

use crate::bot::{Finding, Knowledge, MAX_FILE_BYTES, Settings};

/// The longest name of a file, in bytes.
const NAME_BYTES: usize = 80;

/// A section as it is written in the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The name of the file that it becomes, in the knowledge folder: `shipping-abroad.en.md`.
    pub file: String,
    /// A BCP-47 tag.
    pub language: String,
    /// The question.
    pub question: String,
    /// Other ways to ask it.
    pub also: Vec<String>,
    /// The answer, as Markdown.
    pub answer: String,
}

/// Why a section is not there.
#[derive(Debug, thiserror::Error)]
pub enum SectionError {
    /// Its name is none, or the text cannot be a file.
    #[error("{0}")]
    Wrong(String),
    /// The knowledge has findings with it.
    #[error("the knowledge would not load with it")]
    Findings(Vec<Finding>),
    /// There is a file of that name, which stays as it is.
    #[error("there is a file {0} already")]
    Exists(String),
    /// The folder cannot be written by the daemon.
    #[error("the knowledge folder cannot be written: {0}")]
    NotWritable(#[source] io::Error),
}

impl Section {
    /// The file, as docs/knowledge.md describes it.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let line = |text: &str| clean_text(text).split_whitespace().collect::<Vec<_>>().join(" ");
        let (also, answer) = (self.also.iter().map(|also| line(also)), clean_text(&self.answer));
        let also: String = also.filter(|also| !also.is_empty()).map(|also| format!("- also: {also}\n")).collect();
        let gap = if also.is_empty() { "" } else { "\n" };
        let (language, question) = (line(&self.language), line(&self.question));
        format!("---\nlanguage: {language}\n---\n\n## {question}\n\n{also}{gap}{}\n", answer.trim())
    }

    /// Whether its name can be that of a file with knowledge, in the folder and nowhere else.
    fn named(&self) -> Result<&str, SectionError> {
        let name = self.file.as_str();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let stem = name.strip_suffix(".md").unwrap_or_default();
        let fits = name.len() <= NAME_BYTES && name.chars().all(plain) && stem.starts_with(|c: char| c != '.');
        if fits && !stem.contains("..") {
            return Ok(name);
        }
        let message = "A file's name is made of a–z, 0–9, - and _, and ends in .md: shipping-abroad.en.md.";
        Err(SectionError::Wrong(message.to_owned()))
    }
}

/// The knowledge of a folder with the section in it, which is not written yet.
///
/// # Errors
/// Its name is none, it is too large, there is a file of that name, or it does not go with the rest.
pub fn checked(folder: &Path, section: &Section, settings: &Settings) -> Result<Knowledge, SectionError> {
    let (name, text) = (section.named()?, section.to_markdown());
    if text.len() > MAX_FILE_BYTES {
        return Err(SectionError::Wrong(format!("A file has at most {} KiB.", MAX_FILE_BYTES / 1024)));
    }
    if folder.join(name).symlink_metadata().is_ok() {
        return Err(SectionError::Exists(name.to_owned()));
    }
    Knowledge::load_with(folder, (name.to_owned(), text), settings).map_err(SectionError::Findings)
}

/// Writes the section into its file, checked: whole or not at all, and never over one that is there, whoever writes at the
/// same time.
///
/// # Errors
/// As [`checked`], or the folder cannot be written.
pub fn save(folder: &Path, section: &Section, settings: &Settings) -> Result<Knowledge, SectionError> {
    let knowledge = checked(folder, section, settings)?;
    let name = section.named()?;
    if !folder.exists() {
        fs::create_dir(folder).map_err(SectionError::NotWritable)?;
    }
    let draft = Draft::create(folder, &section.to_markdown()).map_err(SectionError::NotWritable)?;
    // A link is refused where there is something of that name, in one step.
    fs::hard_link(&draft.0, folder.join(name)).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => SectionError::Exists(name.to_owned()),
        _ => SectionError::NotWritable(error),
    })?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(SectionError::NotWritable)?;
    Ok(knowledge)
}

/// A file that is written, without the ending of one with knowledge: who looks at the folder in between sees none. It goes
/// when it is dropped.
struct Draft(PathBuf);

impl Draft {
    fn create(folder: &Path, text: &str) -> io::Result<Self> {
        let path = folder.join(format!(".section-{:016x}", rand::random::<u64>()));
        let mut file = fs::File::create_new(&path)?;
        let draft = Self(path);
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "The draft of a section could not be removed.");
        }
    }
}
