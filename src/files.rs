//! Where rules and knowledge come from: an admin's folder, or what ships with the binary. And the watch on that folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use contract::Stop;
use notify::RecursiveMode;
use notify_debouncer_full::{DebounceEventResult, new_debouncer};
use rust_embed::RustEmbed;
use tokio::sync::mpsc;

use crate::{
    bot::{self, Knowledge},
    routing::{self, Loaded, SourceFile},
    understand::{Reader, Settings},
};

/// The folder in which the bot's knowledge is.
const KNOWLEDGE: &str = "knowledge";
/// The folder in which rules are that are tried beside those in force.
const CANDIDATE: &str = "candidate";
/// Changes this close together are one: an editor or `git pull` writes several files.
const QUIET: Duration = Duration::from_millis(300);

/// The rules and the knowledge that ship.
#[derive(RustEmbed)]
#[folder = "routing-rules/"]
#[include = "*.yaml"]
#[include = "*.md"]
pub struct Shipped;

impl Shipped {
    /// All files, by their path in the folder.
    pub fn files() -> impl Iterator<Item = (String, String)> {
        Self::iter().filter_map(|path| {
            let file = Self::get(&path)?;
            Some((path.into_owned(), String::from_utf8_lossy(&file.data).into_owned()))
        })
    }
}

/// Where rules and knowledge come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder.
    Folder(PathBuf),
    /// What ships with the binary.
    Shipped,
}

impl Source {
    /// The folder, where there is one; else what ships.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        if folder.is_dir() { Self::Folder(folder.to_owned()) } else { Self::Shipped }
    }

    /// Loads the rules in `candidate/`, where there is that folder, as [`rules`](Self::rules) does.
    #[must_use]
    pub fn candidate(&self, settings: &Settings) -> Option<(Loaded, Option<Arc<Reader>>)> {
        let Self::Folder(folder) = self else { return None };
        let candidate = folder.join(CANDIDATE);
        candidate.is_dir().then(|| Self::Folder(candidate).rules(settings))
    }

    /// Loads the rules, learns their intents and runs their tests: a set whose tests fail is not in force. The
    /// classifier that goes with the set comes with it.
    #[must_use]
    pub fn rules(&self, settings: &Settings) -> (Loaded, Option<Arc<Reader>>) {
        let loaded = match self {
            Self::Folder(folder) => routing::load_dir(folder),
            Self::Shipped => {
                let mut files: Vec<SourceFile> = Shipped::files()
                    .filter(|(path, _)| !path.contains('/'))
                    .map(|(name, text)| SourceFile { name, text })
                    .collect();
                files.sort_by(|a, b| a.name.cmp(&b.name));
                routing::load(&files)
            }
        };
        let Some(set) = &loaded.rules else { return (loaded, None) };
        let reader = Arc::new(settings.reader(set.intents()));
        let loaded = loaded.tested(&|text| reader.read(text));
        let reader = loaded.rules.is_some().then_some(reader);
        (loaded, reader)
    }

    /// Loads the knowledge.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn knowledge(&self, settings: &bot::Settings) -> Result<Knowledge, Vec<bot::Finding>> {
        match self {
            Self::Folder(folder) if !folder.join(KNOWLEDGE).is_dir() => Knowledge::from_files([], settings),
            Self::Folder(folder) => Knowledge::load(&folder.join(KNOWLEDGE), settings),
            Self::Shipped => {
                let inside = format!("{KNOWLEDGE}/");
                let files =
                    Shipped::files().filter_map(|(path, text)| Some((path.strip_prefix(&inside)?.to_owned(), text)));
                Knowledge::from_files(files, settings)
            }
        }
    }
}

/// Calls `changed` after every change below a folder, until `stop`. A folder that cannot be watched is said and looked
/// at every two seconds instead.
pub async fn watch(folder: PathBuf, stop: Stop, changed: impl Fn() + Send + Sync + 'static) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let watcher = new_debouncer(QUIET, None, move |result: DebounceEventResult| {
        let touched = match &result {
            Ok(events) => events.iter().any(|event| !event.kind.is_access()),
            Err(_) => true,
        };
        if touched {
            let _ = tell.send(());
        }
    })
    .and_then(|mut debouncer| {
        debouncer.watch(&folder, RecursiveMode::Recursive)?;
        Ok(debouncer)
    });
    let changed = Arc::new(changed);
    if let Err(error) = &watcher {
        tracing::warn!(%error, folder = %folder.display(), "The folder cannot be watched; it is read every two seconds.");
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(()) = told.recv(), if watcher.is_ok() => {}
            () = tokio::time::sleep(Duration::from_secs(2)), if watcher.is_err() => {}
        }
        while told.try_recv().is_ok() {}
        let changed = Arc::clone(&changed);
        if tokio::task::spawn_blocking(move || changed()).await.is_err() {
            tracing::error!("Loading the rules ended by a defect; the last good ones stay in force.");
        }
    }
}
