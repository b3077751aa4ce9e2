//! The data folder: who uses it, generated secrets, and how the command line finds the running daemon.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// The data folder. One daemon at a time.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// Held while a process uses a data folder for writing.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "the lock is held as long as the file is open")] File);

/// How to reach the daemon that uses a data folder.
#[derive(Debug, Serialize, Deserialize)]
pub struct Running {
    /// Its address on this machine.
    pub url: String,
    /// A token of its own, new with every start.
    pub token: String,
}

impl Home {
    /// The data folder at `path`, made if it is not there, closed to other users.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn at(path: &Path) -> anyhow::Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// The data folder at `path`, if a record is in it. Makes nothing.
    #[must_use]
    pub fn with_record(path: &Path) -> Option<Self> {
        let home = Self(path.to_owned());
        home.record().exists().then_some(home)
    }

    /// The record's file.
    #[must_use]
    pub fn record(&self) -> PathBuf {
        self.0.join("record.db")
    }

    /// The file of messages that wait for the broker.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool.db")
    }

    /// The folder of attachments.
    #[must_use]
    pub fn attachments(&self) -> PathBuf {
        self.0.join("attachments")
    }

    /// Takes the folder for this process; `None` when another one has it.
    ///
    /// # Errors
    /// The lock file cannot be opened.
    pub fn lock(&self) -> anyhow::Result<Option<Lock>> {
        let path = self.0.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("{} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => bail!("{} cannot be locked: {error}", path.display()),
        }
    }

    /// Tells the command line how to reach this daemon.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn announce(&self, running: &Running) -> anyhow::Result<()> {
        let text = serde_json::to_string(running)?;
        write_private(&self.0.join("daemon.json"), text.as_bytes()).context("daemon.json cannot be written")
    }

    /// How to reach the daemon that has the folder.
    ///
    /// # Errors
    /// It has not said so yet.
    pub fn running(&self) -> anyhow::Result<Running> {
        let path = self.0.join("daemon.json");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("a daemon uses this data folder, but {} cannot be read", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The secret of this name: 256 random bits, made when first asked for.
    ///
    /// # Errors
    /// It can neither be read nor written.
    pub fn secret(&self, name: &str) -> anyhow::Result<[u8; 32]> {
        let path = self.secret_path(name);
        if !path.exists() {
            self.write_secret(name, rand::random())?;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let bytes = STANDARD.decode(text.trim().trim_start_matches("whsec_")).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).with_context(|| {
            format!("{} does not hold 32 bytes in base64; delete it to have a new one made", path.display())
        })
    }

    /// The secrets that are there, by name.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn secrets(&self) -> anyhow::Result<BTreeMap<String, [u8; 32]>> {
        let folder = self.0.join("secrets");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            entries => entries.with_context(|| format!("{} cannot be read", folder.display()))?,
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.map(|name| Ok((name.clone(), self.secret(&name)?))).collect()
    }

    /// Puts a secret that was made elsewhere there.
    ///
    /// # Errors
    /// Another one is there under its name, the name is none, or it cannot be written.
    pub fn put_secret(&self, name: &str, secret: [u8; 32]) -> anyhow::Result<()> {
        self.suits(name, secret)?;
        if self.secret_path(name).exists() { Ok(()) } else { self.write_secret(name, secret) }
    }

    fn write_secret(&self, name: &str, secret: [u8; 32]) -> anyhow::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.0.join("secrets"))?;
        let path = self.secret_path(name);
        write_private(&path, format!("{}\n", STANDARD.encode(secret)).as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Checks that a secret that was made elsewhere could be put there, and no other one is in its place.
    ///
    /// # Errors
    /// Why not.
    pub fn suits(&self, name: &str, secret: [u8; 32]) -> anyhow::Result<()> {
        let path = self.secret_path(name);
        ensure!(path.file_name().is_some_and(|file| file == name), "{name:?} is not the name of a secret");
        ensure!(
            !path.exists() || self.secret(name)? == secret,
            "{} is another secret than the record's, and goes before it: move it away",
            path.display()
        );
        Ok(())
    }

    /// Where the secret of a name is.
    #[must_use]
    pub fn secret_path(&self, name: &str) -> PathBuf {
        self.0.join("secrets").join(name)
    }
}

/// Writes a file that only this user can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("{:08x}", rand::random::<u32>()));
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_the_folder_and_secrets_stay_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("data")).unwrap();
        let lock = home.lock().unwrap();
        assert!(lock.is_some() && home.lock().unwrap().is_none());
        drop(lock);
        assert!(home.lock().unwrap().is_some());

        let secret = home.secret("web").unwrap();
        assert_eq!(home.secret("web").unwrap(), secret);
        assert_ne!(home.secret("http").unwrap(), secret);
        fs::write(home.secret_path("web"), "short").unwrap();
        assert!(home.secret("web").unwrap_err().to_string().contains("delete it"));
    }
}
