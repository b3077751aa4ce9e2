//! Which mails are known, and which threads there are with whom: the mailbox's part of the channel's memory.
//!
//! Everything here is written after the inbox has accepted the mail, so that what is known here is known there.

use std::collections::BTreeMap;

use contract::{Memory, MemoryError};
use serde::{Deserialize, Serialize};

use super::{
    decode::Letter,
    thread::{Hint, key_of},
};

/// What is known of a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ThreadRecord {
    /// The one address that takes part in it, beside ours.
    pub(super) peer: String,
    /// Whether the peer's mail server was vouched for once: then mail that is not vouched for has no part in it.
    #[serde(default)]
    pub(super) verified: bool,
    /// As the peer wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    /// What the next answer lists as its `References`, oldest first.
    #[serde(default)]
    pub(super) references: Vec<String>,
}

impl ThreadRecord {
    fn admits(&self, letter: &Letter) -> bool {
        let writer = letter.from.email.as_deref().unwrap_or(&letter.from.address.handle);
        (writer == self.peer || letter.from.address.handle == self.peer)
            && (letter.from.email_verified || !self.verified)
    }
}

/// Where a letter belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) thread: String,
    /// The thread that it answers, where its writer has no part in that one.
    pub(super) related: Option<String>,
    /// What is to be kept once the inbox has the letter.
    notes: Vec<(String, String)>,
}

/// The register of one mailbox, as it will be when everything placed so far is kept.
pub(super) struct Register<'a> {
    memory: &'a dyn Memory,
    channel: &'a str,
    coming: BTreeMap<String, String>,
}

impl<'a> Register<'a> {
    pub(super) fn new(memory: &'a dyn Memory, channel: &'a str) -> Self {
        Self { memory, channel, coming: BTreeMap::new() }
    }

    /// Whether the inbox has this mail for certain.
    pub(super) async fn knows(&self, external_id: &str) -> Result<bool, MemoryError> {
        Ok(self.get(&id_key(external_id)).await?.is_some())
    }

    pub(super) async fn thread(&self, thread: &str) -> Result<Option<ThreadRecord>, MemoryError> {
        let kept = self.get(&thread_key(thread)).await?;
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
    }

    /// The thread that a letter belongs to: the first one that it names and that its writer takes part in; else a new
    /// one.
    pub(super) async fn place(&mut self, external_id: &str, letter: &Letter) -> Result<Place, MemoryError> {
        let mut refused: Option<String> = None;
        let mut joined: Option<(String, bool)> = None;
        for hint in &letter.hints {
            let named = match hint {
                Hint::Thread(thread) => Some(thread.clone()),
                Hint::Mail(id) => self.get(&id_key(id)).await?,
            };
            let Some(thread) = named.filter(|thread| !thread.is_empty()) else { continue };
            match self.thread(&thread).await? {
                Some(record) if record.admits(letter) => {
                    joined = Some((thread, record.verified));
                    break;
                }
                _ => refused = refused.or(Some(thread)),
            }
        }
        let vouched = letter.from.email_verified;
        let (thread, verified) = match (joined, &refused) {
            (Some(joined), _) => joined,
            // The same stranger's next letter to it joins the stranger's own thread.
            (None, Some(of)) => {
                (key_of(&[of, &letter.from.address.handle, if vouched { "verified" } else { "" }]), false)
            }
            (None, None) => (key_of(&[external_id]), false),
        };
        let record = ThreadRecord {
            peer: letter.from.address.handle.clone(),
            verified: verified || vouched,
            subject: letter.content.subject.clone(),
            references: letter.references.clone(),
        };
        let related = refused.filter(|of| *of != thread);
        let notes = vec![note(&thread, &record), (id_key(external_id), thread.clone())];
        self.coming.extend(notes.iter().cloned());
        Ok(Place { thread, related, notes })
    }

    async fn get(&self, key: &str) -> Result<Option<String>, MemoryError> {
        match self.coming.get(key) {
            Some(value) => Ok(Some(value.clone())),
            None => self.memory.get(self.channel, key).await,
        }
    }
}

/// Keeps where a letter went. Only after the inbox has it.
pub(super) async fn keep(memory: &dyn Memory, channel: &str, place: &Place) -> Result<(), MemoryError> {
    for (key, value) in &place.notes {
        memory.put(channel, key, Some(value)).await?;
    }
    Ok(())
}

/// Keeps that a mail was seen that is in no thread. Only after it was dealt with.
pub(super) async fn keep_seen(memory: &dyn Memory, channel: &str, external_id: &str) -> Result<(), MemoryError> {
    memory.put(channel, &id_key(external_id), Some("")).await
}

/// Keeps a thread that we begin.
pub(super) async fn keep_thread(
    memory: &dyn Memory,
    channel: &str,
    thread: &str,
    record: &ThreadRecord,
) -> Result<(), MemoryError> {
    let (key, value) = note(thread, record);
    memory.put(channel, &key, Some(&value)).await
}

fn note(thread: &str, record: &ThreadRecord) -> (String, String) {
    (thread_key(thread), serde_json::to_string(record).unwrap_or_default())
}

fn thread_key(thread: &str) -> String {
    format!("thread/{thread}")
}

/// Message-IDs may be longer than a key, and hold anything.
fn id_key(id: &str) -> String {
    format!("id/{}", key_of(&[id]))
}
