//! Which platform messages were accepted already: exact, in memory, owned by the writer; a row a transaction in the
//! record, to be read at the next start.
//!
//! A unique index on a random key would cost the store two thirds of its rate once it no longer fits the cache; 13
//! bytes a message in memory cost nothing. A hit on the first 32 bits is checked against the stored 128-bit key, so a
//! collision never swallows a message.

use contract::{Inbound, MessageId};
use hashbrown::HashTable;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

/// The key of a platform message.
pub(super) type Key = [u8; 16];

/// The key of this message, or `None` when the platform gave it no id.
pub(super) fn key_of(inbound: &Inbound) -> Option<Key> {
    if inbound.external_id.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(inbound.channel.as_bytes());
    hash.update([0]);
    hash.update(inbound.external_id.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    Some(key)
}

/// The first bytes of a key.
fn short(key: &Key) -> u32 {
    u32::from_be_bytes([key[0], key[1], key[2], key[3]])
}

const fn hash(short: u32) -> u64 {
    (short as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The beginning of a key, and the message's id in halves: twelve bytes.
type Entry = (u32, [u32; 2]);

const fn halves(id: MessageId) -> [u32; 2] {
    [(id.get() >> 32) as u32, id.get() as u32]
}

fn whole([high, low]: [u32; 2]) -> MessageId {
    MessageId::from(u64::from(high) << 32 | u64::from(low))
}

#[derive(Default)]
pub(super) struct Dedup {
    table: HashTable<Entry>,
}

impl Dedup {
    /// The message that has this key, if one has. `holds` says whether the stored key of a message is this one.
    pub fn find(&self, key: &Key, mut holds: impl FnMut(MessageId) -> bool) -> Option<MessageId> {
        let short = short(key);
        self.table.find(hash(short), |(s, id)| *s == short && holds(whole(*id))).map(|(_, id)| whole(*id))
    }

    pub fn insert(&mut self, key: &Key, id: MessageId) {
        let short = short(key);
        self.table.insert_unique(hash(short), (short, halves(id)), |(short, _)| hash(*short));
    }

    pub fn remove(&mut self, key: &Key, id: MessageId) {
        let short = short(key);
        if let Ok(entry) = self.table.find_entry(hash(short), |(_, i)| *i == halves(id)) {
            entry.remove();
        }
    }

    /// Forgets messages older than `oldest`.
    pub fn forget_before(&mut self, oldest: MessageId) {
        self.table.retain(|(_, id)| whole(*id) >= oldest);
    }

    pub fn reserve(&mut self, more: usize) {
        self.table.reserve(more, |(short, _)| hash(*short));
    }
}

/// Bytes of a message in a row: its id, its key.
const KEPT: usize = 8 + 16;

/// Writes what a transaction accepted, in the order of the ids.
pub(super) fn keep(connection: &Connection, accepted: &[(Key, MessageId)]) -> Result<(), rusqlite::Error> {
    let Some((_, first)) = accepted.first() else { return Ok(()) };
    let mut keys = Vec::with_capacity(accepted.len() * KEPT);
    for (key, id) in accepted {
        keys.extend(id.get().to_be_bytes());
        keys.extend(key);
    }
    connection
        .prepare_cached("INSERT INTO dedup (id, keys) VALUES (?1, ?2)")?
        .execute(params![first.get().cast_signed(), keys])
        .map(drop)
}

/// Whether a message was accepted under this key.
pub(super) fn holds(connection: &Connection, id: MessageId, key: &Key) -> Result<bool, rusqlite::Error> {
    let keys: Option<Vec<u8>> = connection
        .prepare_cached("SELECT keys FROM dedup WHERE id <= ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([id.get().cast_signed()], |row| row.get(0))
        .optional()?;
    Ok(keys.is_some_and(|keys| read(&keys).any(|kept| kept == (*key, id))))
}

/// How many messages were accepted from `oldest` on.
pub(super) fn count(connection: &Connection, oldest: MessageId) -> Result<usize, rusqlite::Error> {
    let bytes: i64 = connection.query_row(
        "SELECT COALESCE(SUM(LENGTH(keys)), 0) FROM dedup WHERE id >= ?1",
        [oldest.get().cast_signed()],
        |row| row.get(0),
    )?;
    Ok(usize::try_from(bytes).unwrap_or(0) / KEPT)
}

/// Calls `found` for everything that was accepted from `oldest` on.
pub(super) fn recover(
    connection: &Connection,
    oldest: MessageId,
    mut found: impl FnMut(Key, MessageId),
) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare("SELECT keys FROM dedup WHERE id >= ?1")?;
    let mut rows = statement.query([oldest.get().cast_signed()])?;
    while let Some(row) = rows.next()? {
        read(row.get_ref(0)?.as_blob()?).for_each(|(key, id)| found(key, id));
    }
    Ok(())
}

/// Removes what was accepted before `oldest`.
pub(super) fn forget_before(connection: &Connection, oldest: MessageId) -> Result<(), rusqlite::Error> {
    connection.execute("DELETE FROM dedup WHERE id < ?1", [oldest.get().cast_signed()]).map(drop)
}

fn read(keys: &[u8]) -> impl Iterator<Item = (Key, MessageId)> {
    keys.as_chunks::<KEPT>().0.iter().map(|kept| {
        let (mut id, mut key) = ([0; 8], Key::default());
        id.copy_from_slice(&kept[..8]);
        key.copy_from_slice(&kept[8..]);
        (key, MessageId::from(u64::from_be_bytes(id)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collision_of_short_hashes_does_not_swallow_a_message() {
        let (one, mut two) = ([7; 16], [7; 16]);
        two[15] = 8;
        let mut dedup = Dedup::default();
        dedup.insert(&one, 1.into());
        assert_eq!(dedup.find(&two, |_| false), None);
        dedup.insert(&two, 2.into());
        assert_eq!(dedup.find(&two, |id| id == 2.into()), Some(2.into()));
        dedup.remove(&one, 1.into());
        assert_eq!(dedup.find(&one, |id| id == 1.into()), None);
        dedup.forget_before(3.into());
        assert_eq!(dedup.find(&two, |_| true), None);
    }
}
