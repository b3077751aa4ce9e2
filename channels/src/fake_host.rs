//! A host in memory: what adapters are tested against. It keeps what it is given, and tells who watches.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use contract::{
    Accepted, Attachment, AttachmentError, AttachmentSource, AttachmentStore, Body, Content, ContentHash, EntryId,
    Host, IdClock, Inbound, Inbox, InboxError, Memory, MemoryError, MessageId, Notice, Thread, ThreadAuthor,
    ThreadEntry, ThreadError, ThreadEvent, ThreadOwner, ThreadStatus, ThreadWatch, Threads, Timestamp, Unread,
};
use futures::{StreamExt, stream};
use tokio::sync::{broadcast, mpsc};

/// Files above this are refused.
pub(crate) const MAX_FILE_BYTES: usize = 1024;

pub(crate) struct FakeHost {
    clock: IdClock,
    /// Answers every message with 503 while it is set.
    pub(crate) full: AtomicBool,
    accepted: Mutex<Vec<(MessageId, Inbound)>>,
    entries: Mutex<HashMap<Thread, Vec<ThreadEntry>>>,
    files: Mutex<HashMap<ContentHash, Bytes>>,
    /// By channel and key.
    remembered: Mutex<BTreeMap<(String, String), String>>,
    set_aside: Mutex<Vec<Unread>>,
    events: broadcast::Sender<(Thread, ThreadEvent)>,
    notices: mpsc::UnboundedSender<(Thread, Notice)>,
}

impl FakeHost {
    /// The host, and the notices that it is given.
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<(Thread, Notice)>) {
        let (notices, noticed) = mpsc::unbounded_channel();
        let host = Self {
            clock: IdClock::new(0),
            full: AtomicBool::new(false),
            accepted: Mutex::default(),
            entries: Mutex::default(),
            files: Mutex::default(),
            remembered: Mutex::default(),
            set_aside: Mutex::default(),
            events: broadcast::Sender::new(1024),
            notices,
        };
        (Arc::new(host), noticed)
    }

    pub(crate) fn host(self: &Arc<Self>) -> Host {
        Host { inbox: self.clone(), attachments: self.clone(), threads: self.clone(), memory: self.clone() }
    }

    /// What was kept that is no message.
    #[expect(dead_code, reason = "for adapters of platforms that send such things")]
    pub(crate) fn set_aside(&self) -> Vec<Unread> {
        lock(&self.set_aside).clone()
    }

    pub(crate) fn accepted(&self) -> Vec<Inbound> {
        lock(&self.accepted).iter().map(|(_, inbound)| inbound.clone()).collect()
    }

    /// Commits an entry and tells who watches.
    pub(crate) fn say(&self, thread: &Thread, author: ThreadAuthor, body: Body) -> EntryId {
        let id = self.clock.next(Timestamp::now());
        self.commit(thread, ThreadEntry { id, at: id.made_at(), author, body, external_id: None });
        id
    }

    /// Commits an entry and tells nobody, as when a watcher lags.
    pub(crate) fn say_unheard(&self, thread: &Thread, body: Body) -> EntryId {
        let id: EntryId = self.clock.next(Timestamp::now());
        let entry = ThreadEntry { id, at: id.made_at(), author: ThreadAuthor::Bot, body, external_id: None };
        lock(&self.entries).entry(thread.clone()).or_default().push(entry);
        id
    }

    pub(crate) fn tell(&self, thread: &Thread, event: ThreadEvent) {
        let _ = self.events.send((thread.clone(), event));
    }

    fn commit(&self, thread: &Thread, entry: ThreadEntry) {
        lock(&self.entries).entry(thread.clone()).or_default().push(entry.clone());
        self.tell(thread, ThreadEvent::Entry(entry));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Inbox for FakeHost {
    async fn accept(&self, inbound: Inbound) -> Result<Accepted, InboxError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(InboxError::Busy { retry_after: Duration::from_secs(7) });
        }
        let id: MessageId = {
            let mut accepted = lock(&self.accepted);
            let same = |(_, old): &&(MessageId, Inbound)| {
                old.channel == inbound.channel && old.external_id == inbound.external_id
            };
            if let Some((id, _)) = accepted.iter().find(same) {
                return Ok(Accepted { id: *id, duplicate: true });
            }
            let id = self.clock.next(Timestamp::now());
            accepted.push((id, inbound.clone()));
            id
        };
        let thread = Thread { channel: inbound.channel, key: inbound.thread };
        let body = match inbound.content {
            Content::Message(body) | Content::Edit { body, .. } => body,
            other => Body::text(other.text()),
        };
        let external_id = Some(inbound.external_id);
        let entry = ThreadEntry { id: id.into(), at: id.made_at(), author: ThreadAuthor::Customer, body, external_id };
        self.commit(&thread, entry);
        Ok(Accepted { id, duplicate: false })
    }

    async fn set_aside(&self, unread: Unread) -> Result<(), InboxError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(InboxError::Busy { retry_after: Duration::from_secs(7) });
        }
        let mut all = lock(&self.set_aside);
        if !all.iter().any(|old| (&old.channel, &old.external_id) == (&unread.channel, &unread.external_id)) {
            all.push(unread);
        }
        Ok(())
    }
}

#[async_trait]
impl Memory for FakeHost {
    async fn get(&self, channel: &str, key: &str) -> Result<Option<String>, MemoryError> {
        Ok(lock(&self.remembered).get(&(channel.to_owned(), key.to_owned())).cloned())
    }

    async fn beginning(
        &self,
        channel: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<BTreeMap<String, String>, MemoryError> {
        let all = lock(&self.remembered);
        let fitting = all.iter().filter(|((of, key), _)| of == channel && key.starts_with(prefix));
        Ok(fitting.take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    async fn put(&self, channel: &str, key: &str, value: Option<&str>) -> Result<(), MemoryError> {
        let (mut all, key) = (lock(&self.remembered), (channel.to_owned(), key.to_owned()));
        match value {
            Some(value) => _ = all.insert(key, value.to_owned()),
            None => _ = all.remove(&key),
        }
        Ok(())
    }
}

#[async_trait]
impl AttachmentStore for FakeHost {
    async fn keep(&self, name: &str, media_type: &str, bytes: Bytes) -> Result<Attachment, AttachmentError> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(AttachmentError::Refused(format!("files have at most {MAX_FILE_BYTES} bytes")));
        }
        let (hash, size) = (ContentHash::of(&bytes), bytes.len() as u64);
        lock(&self.files).insert(hash, bytes);
        let source = AttachmentSource::Stored { hash, size };
        Ok(Attachment { name: name.to_owned(), media_type: media_type.to_owned(), source })
    }

    async fn read(&self, hash: ContentHash) -> Result<Option<Bytes>, AttachmentError> {
        Ok(lock(&self.files).get(&hash).cloned())
    }
}

#[async_trait]
impl Threads for FakeHost {
    async fn read(
        &self,
        thread: &Thread,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<ThreadEntry>, ThreadError> {
        let entries = lock(&self.entries).get(thread).cloned().unwrap_or_default();
        Ok(match after {
            Some(after) => entries.into_iter().filter(|entry| entry.id > after).take(limit).collect(),
            None => entries[entries.len().saturating_sub(limit)..].to_vec(),
        })
    }

    async fn status(&self, _: &Thread) -> Result<ThreadStatus, ThreadError> {
        Ok(ThreadStatus { owner: ThreadOwner::Bot, agent: None, position: None })
    }

    fn watch(&self, thread: &Thread) -> ThreadWatch {
        let thread = thread.clone();
        let events =
            stream::unfold(
                self.events.subscribe(),
                |mut events| async move { Some((events.recv().await.ok()?, events)) },
            );
        events.filter_map(move |(of, event)| std::future::ready((of == thread).then_some(event))).boxed()
    }

    fn notice(&self, thread: &Thread, notice: Notice) {
        let _ = self.notices.send((thread.clone(), notice));
    }
}
