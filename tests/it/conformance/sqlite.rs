//! The embedded record.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use contract::IdClock;
use switchboard::store::{
    Store,
    sqlite::{Options, SqliteRecord},
};
use tempfile::TempDir;

use super::{Backend, Opened};

pub struct Sqlite {
    folders: TempDir,
    path: Mutex<PathBuf>,
}

/// An empty record in a folder of its own.
pub async fn backend() -> Sqlite {
    let folders = tempfile::tempdir().unwrap();
    let path = folders.path().join("life-0.db");
    Sqlite { folders, path: Mutex::new(path) }
}

/// The record of a file that is there.
pub fn at(path: PathBuf) -> Sqlite {
    Sqlite { folders: tempfile::tempdir().unwrap(), path: Mutex::new(path) }
}

impl Sqlite {
    /// Its file.
    pub fn path(&self) -> PathBuf {
        self.path.lock().unwrap().clone()
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn open_bounded(&self, waiting_most: u64) -> Opened {
        let ids = Arc::new(IdClock::new(0));
        let options = Options { waiting_most, ..Options::default() };
        let record = SqliteRecord::open(&self.path(), Arc::clone(&ids), options).unwrap();
        Opened { store: Arc::clone(&record) as _, memory: Arc::clone(&record) as _, queue: record, ids, apart: None }
    }

    async fn peek(&self) -> Arc<dyn Store> {
        SqliteRecord::peek(&self.path()).unwrap()
    }

    /// The log first: a checkpoint in between only moves what the log has already.
    async fn crash(&self) {
        let old = self.path();
        let life = fs::read_dir(self.folders.path()).unwrap().count();
        let new = self.folders.path().join(format!("life-{life}.db"));
        for ending in ["-wal", ""] {
            let from = PathBuf::from(format!("{}{ending}", old.display()));
            if from.exists() {
                fs::copy(&from, format!("{}{ending}", new.display())).unwrap();
            }
        }
        *self.path.lock().unwrap() = new;
    }
}
