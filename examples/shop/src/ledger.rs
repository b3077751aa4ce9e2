//! The ledger: every effect in order, with the request that asked for it and the answer that it had.
//!
//! With a data file, an effect is a line of it and on the disk before anybody hears of it. A start reads the file back.
//! A last line without its end was never answered, so it never happened. Anything else that cannot be read is an error.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{books::Effect, moment::Moment};

/// One effect that happened.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub at: Moment,
    /// The request's `Idempotency-Key`.
    pub key: Option<String>,
    pub request: Asked,
    pub effect: Effect,
    /// The HTTP status and the body that answered it, and that answer it again.
    pub status: u16,
    pub answer: Value,
}

/// What two requests with one idempotency key must have in common. The order of names in an object does not matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub method: String,
    pub path: String,
    /// Null without a body.
    pub body: Value,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    by_key: HashMap<String, usize>,
    file: Option<File>,
    /// A write failed, so what the file ends with is unknown: nothing is added until a start has read it.
    broken: bool,
}

/// The data file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is in use by another shop")]
    InUse { path: PathBuf },
    #[error("{path}, line {line}: {problem}")]
    Line { path: PathBuf, line: usize, problem: String },
}

impl Ledger {
    /// Opens or creates the data file, and hands each effect in it to `replay`, in order.
    pub(crate) fn open(path: &Path, mut replay: impl FnMut(&Entry) -> Result<(), String>) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::Io { path: path.to_owned(), source };
        let mut file = open_file(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut ledger = Self::default();
        for (at, line) in bytes[..whole].split_inclusive(|&byte| byte == b'\n').enumerate() {
            let wrong = |problem| LedgerError::Line { path: path.to_owned(), line: at + 1, problem };
            let entry: Entry = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
            replay(&entry).map_err(wrong)?;
            ledger.remember(entry);
        }
        if whole < bytes.len() {
            cut(&mut file, whole as u64).map_err(failed)?;
        }
        ledger.file = Some(file);
        Ok(ledger)
    }

    /// Adds an effect. When this returns, it is on the disk, if there is one.
    pub(crate) fn append(&mut self, entry: Entry) -> io::Result<&Entry> {
        if self.broken {
            return Err(io::Error::other("the data file could not be written before; start the shop again"));
        }
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(&entry)?;
            line.push(b'\n');
            if let Err(error) = file.write_all(&line).and_then(|()| file.sync_data()) {
                self.broken = true;
                return Err(error);
            }
        }
        Ok(self.remember(entry))
    }

    /// The effect that a key has had.
    pub(crate) fn with_key(&self, key: &str) -> Option<&Entry> {
        self.by_key.get(key).map(|&at| &self.entries[at])
    }

    /// All effects, the first first.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn remember(&mut self, entry: Entry) -> &Entry {
        let at = self.entries.len();
        if let Some(key) = &entry.key {
            self.by_key.insert(key.clone(), at);
        }
        self.entries.push(entry);
        &self.entries[at]
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    // A new file's name is on the disk only when its folder is.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Ends the file at a length, so that the next line does not continue a torn one.
fn cut(file: &mut File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    file.seek(SeekFrom::End(0))?;
    file.sync_all()
}
