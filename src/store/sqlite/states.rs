//! What the embedded record keeps in memory: conversations that changed since their row was written, and caches.
//!
//! The journal carries a conversation's state with every commit, so rows may lag behind. A conversation is *dirty*
//! from such a commit until its row is written again; until then this is the only place that knows it without
//! reading the journal, so dirty conversations are never evicted.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard},
};

use contract::{Address, ConversationId, CustomerId, Thread};
use hashbrown::HashMap;
use lru::LruCache;

use crate::store::{
    Ties,
    conversation::{Conversation, Owner},
    customer::Customer,
};

/// How many conversations, threads and customers are cached.
const CACHED: NonZeroUsize = NonZeroUsize::new(20_000).expect("above zero");

/// What a worker wants to know of a customer.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub customer: Arc<Customer>,
    pub ties: Arc<Ties>,
}

/// What memory knows of a thread and an address.
#[derive(Debug, Clone, Default)]
pub(super) struct Glance {
    pub conversation_id: Option<ConversationId>,
    pub conversation: Option<Arc<Conversation>>,
    pub owner: Option<CustomerId>,
    pub known: Option<Known>,
}

pub(super) struct States {
    inner: Mutex<Inner>,
}

struct Inner {
    /// Changed since the running flush began, or since the last one when none runs.
    dirty: HashMap<ConversationId, Arc<Conversation>>,
    /// Changed before the running flush began, not written yet.
    flushing: BTreeMap<ConversationId, Arc<Conversation>>,
    clean: LruCache<ConversationId, Arc<Conversation>>,
    threads: LruCache<Thread, ConversationId>,
    addresses: LruCache<Address, CustomerId>,
    known: LruCache<CustomerId, Known>,
    merged: HashMap<CustomerId, CustomerId>,
}

impl States {
    pub fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                dirty: HashMap::new(),
                flushing: BTreeMap::new(),
                clean: LruCache::new(CACHED),
                threads: LruCache::new(CACHED),
                addresses: LruCache::new(CACHED),
                known: LruCache::new(CACHED),
                merged: HashMap::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn conversation(&self, id: ConversationId) -> Option<Arc<Conversation>> {
        self.lock().conversation(id)
    }

    /// Caches what was read from a row, unless something newer is known.
    pub fn read(&self, conversation: Arc<Conversation>) -> Arc<Conversation> {
        let id = conversation.id;
        if let Some(newer) = self.conversation(id).filter(|known| known.version >= conversation.version) {
            return newer;
        }
        self.lock().clean.put(id, Arc::clone(&conversation));
        conversation
    }

    /// Commits stand, in this order. Each says whether its row was written with it.
    pub fn committed(&self, commits: impl IntoIterator<Item = (Arc<Conversation>, bool)>) {
        let mut inner = self.lock();
        for (conversation, row_written) in commits {
            inner.committed(conversation, row_written);
        }
    }

    pub fn dirty_count(&self) -> usize {
        let inner = self.lock();
        inner.dirty.len() + inner.flushing.len()
    }

    /// Begins a flush: everything dirty now is to be written.
    pub fn begin_flush(&self) {
        let mut inner = self.lock();
        let dirty = std::mem::take(&mut inner.dirty);
        inner.flushing.extend(dirty);
    }

    /// The next conversations to write, in the order of their rows.
    pub fn to_flush(&self, most: usize) -> Vec<Arc<Conversation>> {
        self.lock().flushing.values().take(most).cloned().collect()
    }

    /// Their rows are written; whether the flush is complete.
    pub fn flushed(&self, written: &[Arc<Conversation>]) -> bool {
        let mut inner = self.lock();
        for conversation in written {
            let same = inner.flushing.get(&conversation.id).is_some_and(|c| c.version == conversation.version);
            if same {
                inner.flushing.remove(&conversation.id);
                inner.clean.put(conversation.id, Arc::clone(conversation));
            }
        }
        inner.flushing.is_empty()
    }

    pub fn thread(&self, thread: &Thread) -> Option<ConversationId> {
        self.lock().threads.get(thread).copied()
    }

    /// All that is known of a thread and an address.
    pub fn glance(&self, thread: &Thread, address: &Address) -> Glance {
        let mut inner = self.lock();
        let conversation_id = inner.threads.get(thread).copied();
        let owner = inner.addresses.get(address).copied();
        let root = owner.map(|owner| root_in(&inner.merged, owner));
        Glance {
            conversation_id,
            conversation: conversation_id.and_then(|id| inner.conversation(id)),
            owner,
            known: root.and_then(|root| inner.known.get(&root).cloned()),
        }
    }

    pub fn read_thread(&self, thread: &Thread, id: ConversationId) {
        self.lock().threads.put(thread.clone(), id);
    }

    pub fn read_address(&self, address: &Address, customer: CustomerId) {
        self.lock().addresses.put(address.clone(), customer);
    }

    pub fn known(&self, customer: CustomerId) -> Option<Known> {
        self.lock().known.get(&customer).cloned()
    }

    pub fn read_known(&self, known: Known) {
        self.lock().known.put(known.customer.id, known);
    }

    /// The customer at the end of a chain of merges.
    pub fn root(&self, customer: CustomerId) -> CustomerId {
        root_in(&self.lock().merged, customer)
    }

    /// A customer's row, addresses or merges changed.
    pub fn customer_changed(&self, customer: CustomerId) {
        let mut inner = self.lock();
        let root = root_in(&inner.merged, customer);
        inner.known.pop(&customer);
        inner.known.pop(&root);
    }

    /// `from` points at `into` now, or at nobody any more.
    pub fn merged(&self, from: CustomerId, into: Option<CustomerId>) {
        let mut inner = self.lock();
        match into {
            Some(into) => inner.merged.insert(from, into),
            None => inner.merged.remove(&from),
        };
        inner.known.clear();
    }
}

impl Inner {
    fn conversation(&mut self, id: ConversationId) -> Option<Arc<Conversation>> {
        let changed = self.dirty.get(&id).or_else(|| self.flushing.get(&id));
        changed.or_else(|| self.clean.get(&id)).cloned()
    }

    fn committed(&mut self, conversation: Arc<Conversation>, row_written: bool) {
        let id = conversation.id;
        let dirty = if row_written { self.dirty.remove(&id) } else { self.dirty.insert(id, Arc::clone(&conversation)) };
        let before = dirty.or_else(|| self.flushing.remove(&id)).or_else(|| self.clean.pop(&id));
        let is_open = |conversation: &Conversation| (conversation.customer, conversation.owner != Owner::Closed);
        // What the customer is tied to counts open conversations.
        if before.is_none_or(|before| is_open(&before) != is_open(&conversation)) {
            let root = root_in(&self.merged, conversation.customer);
            self.known.pop(&root);
        }
        if conversation.version == 1 {
            self.threads.put(conversation.thread(), id);
        }
        if row_written {
            self.clean.put(id, conversation);
        }
    }
}

/// Follows merges. A chain is as long as the number of times that its root was merged; a loop cannot arise, because
/// the younger one always points at the older one.
fn root_in(merged: &HashMap<CustomerId, CustomerId>, mut customer: CustomerId) -> CustomerId {
    while let Some(into) = merged.get(&customer) {
        customer = *into;
    }
    customer
}
