//! Where rules and knowledge come from: an admin's folder, or what ships with the binary. And the watch on that folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use contract::Stop;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use rust_embed::RustEmbed;
use tokio::sync::mpsc;

use crate::{
    bot::{self, Knowledge},
    demo::Demo,
    routing::{self, Loaded, SourceFile},
    understand::{Reader, Settings},
};

/// The folder in which the bot's knowledge is.
const KNOWLEDGE: &str = "knowledge";
/// The folder in which rules are that are tried beside those in force.
const CANDIDATE: &str = "candidate";
/// The folder in which is what the bot can do.
const ACTIONS: &str = "actions/";
/// A folder is read once it has looked the same for this long: an editor or `git pull` writes several files, in parts.
const QUIET: Duration = Duration::from_millis(200);
/// How often a folder may look different before it is read all the same.
const MOST_LOOKS: usize = 5;
/// How often a folder is looked at without a sign of change: signs get lost, and a folder may be another one.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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

    /// Whether a folder has all of it as it ships, and nothing else that is loaded.
    #[must_use]
    pub fn is_all_of(folder: &Path) -> bool {
        let read = |path: PathBuf| {
            let text = fs::read_to_string(&path).ok()?;
            Some((path.strip_prefix(folder).ok()?.to_str()?.to_owned(), text))
        };
        let there: Option<BTreeMap<_, _>> = Look::at(folder).files.into_keys().map(read).collect();
        there == Some(Self::files().collect())
    }
}

/// Where rules and knowledge come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder.
    Folder(PathBuf),
    /// What ships with the binary.
    Shipped,
    /// What ships, and what the demo does.
    Demo(Demo),
}

impl Source {
    /// The folder, where there is one; else what ships.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        if folder.is_dir() { Self::Folder(folder.to_owned()) } else { Self::Shipped }
    }

    /// The folder of the knowledge, whether or not it is there.
    #[must_use]
    pub fn knowledge_folder(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.join(KNOWLEDGE)),
            Self::Shipped | Self::Demo(_) => None,
        }
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
            Self::Shipped => load(Shipped::files()),
            Self::Demo(demo) => load(demo.rules()),
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
            Self::Folder(folder) if folder.is_dir() && !folder.join(KNOWLEDGE).exists() => {
                Knowledge::from_files([], settings)
            }
            Self::Folder(folder) => Knowledge::load(&folder.join(KNOWLEDGE), settings),
            Self::Shipped | Self::Demo(_) => {
                let inside = format!("{KNOWLEDGE}/");
                let files =
                    Shipped::files().filter_map(|(path, text)| Some((path.strip_prefix(&inside)?.to_owned(), text)));
                Knowledge::from_files(files, settings)
            }
        }
    }
}

fn load(files: impl Iterator<Item = (String, String)>) -> Loaded {
    let files: Vec<SourceFile> = files
        .filter(|(path, _)| !path.contains('/') || path.starts_with(ACTIONS))
        .map(|(name, text)| SourceFile { name, text })
        .collect();
    routing::load(&files)
}

/// What the system says of the files that are loaded from a folder, without opening them: whatever is written in them,
/// it differs afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    folder: Option<Stamp>,
    files: BTreeMap<PathBuf, Stamp>,
}

/// Which file it is, how large, and when it and its name were written.
type Stamp = (u64, u64, Option<SystemTime>, (i64, i64));

impl Look {
    /// How a folder looks now. One that cannot be read has no files.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        let rules = &["yaml", "yml"][..];
        for (folder, extensions) in [
            (folder.to_owned(), rules),
            (folder.join(ACTIONS), rules),
            (folder.join(CANDIDATE), rules),
            (folder.join(CANDIDATE).join(ACTIONS), rules),
            (folder.join(KNOWLEDGE), &["md", "txt"]),
        ] {
            for path in fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())) {
                if path.extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known)) {
                    // A link that leads nowhere is there, and is none of the files that it could lead to.
                    let stamp = fs::metadata(&path).map_or((0, 0, None, (0, 0)), |file| stamp(&file));
                    files.insert(path, stamp);
                }
            }
        }
        let folder = fs::metadata(folder).ok().map(|folder| (stamp(&folder).0, 0, None, (0, 0)));
        Self { folder, files }
    }
}

#[cfg(unix)]
fn stamp(file: &fs::Metadata) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    (file.ino(), file.len(), file.modified().ok(), (file.ctime(), file.ctime_nsec()))
}

#[cfg(not(unix))]
fn stamp(file: &fs::Metadata) -> Stamp {
    (0, file.len(), file.modified().ok(), (0, 0))
}

/// Calls `load` after every change below a folder, until `stop`; again after a while when it answers `false`. `seen` is
/// how the folder looked before it was loaded last.
///
/// A change during a load is another change, so that what was loaded last is always what the folder says last. The
/// folder may disappear, come back, or become another one.
pub async fn watch(folder: PathBuf, mut seen: Look, stop: Stop, load: impl Fn() -> bool + Send + Sync + 'static) {
    let load = Arc::new(load);
    let (sign, mut signs) = mpsc::channel(1);
    let mut watcher = None;
    let mut watched = None;
    let mut is_loaded = true;
    loop {
        if watched != seen.folder {
            watched = seen.folder;
            watcher = watched.and_then(|_| signal(&folder, sign.clone()));
        }
        tokio::select! {
            () = stop.cancelled() => break,
            _ = signs.recv() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let mut now = look(&folder).await;
        if is_loaded && now == seen {
            continue;
        }
        for _ in 0..MOST_LOOKS {
            tokio::time::sleep(QUIET).await;
            let before = std::mem::replace(&mut now, look(&folder).await);
            if before == now {
                break;
            }
        }
        seen = now;
        let load = Arc::clone(&load);
        is_loaded = tokio::task::spawn_blocking(move || load()).await.unwrap_or_else(|_| {
            tracing::error!("Loading the rules ended by a defect; the last good ones stay in force.");
            true
        });
    }
    drop(watcher);
}

async fn look(folder: &Path) -> Look {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || Look::at(&folder)).await.unwrap_or_default()
}

/// Signs of change below a folder, many of which may be one. `None`, and said, where the system gives none.
fn signal(folder: &Path, sign: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let tell = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        // One that waits is enough.
        let _ = sign.try_send(());
    };
    let watcher = notify::recommended_watcher(tell).and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    watcher
        .inspect_err(|error| {
            let folder = folder.display();
            tracing::warn!(%error, %folder, "The folder cannot be watched; it is looked at every two seconds.");
        })
        .ok()
}
