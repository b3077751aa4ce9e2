//! Which platform messages were accepted already: exact, a set in memory that the writer owns, and a row a transaction in
//! the record.
//!
//! A unique index on a random key would cost the store two thirds of its rate once it no longer fits the cache; nine
//! bytes a message in memory cost nothing. They are 32 bits of a message's key and the row that has it; a hit is
//! looked up there, so a collision never swallows a message.

use std::collections::VecDeque;

use contract::MessageId;
use hashbrown::HashTable;
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::dedup_key::DedupKey;

/// The key of a platform message.
pub(super) type Key = DedupKey;

/// The first bytes of a key.
fn short(key: &Key) -> u32 {
    u32::from_be_bytes([key[0], key[1], key[2], key[3]])
}

const fn hash(short: u32) -> u64 {
    (short as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What was accepted, with the message's id.
pub(super) type Accepted = (Key, MessageId);

#[derive(Default)]
pub(super) struct Dedup {
    /// The beginning of a key, and the number of its row.
    table: HashTable<(u32, u32)>,
    /// The ids of rows, rising; the first one has the number `first`.
    rows: VecDeque<MessageId>,
    /// Numbers go round.
    first: u32,
}

impl Dedup {
    /// The number of the row that the open transaction will write.
    fn open(&self) -> u32 {
        self.first.wrapping_add(u32::try_from(self.rows.len()).unwrap_or(u32::MAX))
    }

    /// The message that has this key, if one has; `accepted` is what the open transaction accepted so far.
    pub fn find(
        &self,
        connection: &Connection,
        accepted: &[Accepted],
        key: &Key,
    ) -> Result<Option<MessageId>, rusqlite::Error> {
        let short = short(key);
        for (_, row) in self.table.iter_hash(hash(short)).filter(|(known, _)| *known == short) {
            let found = match self.rows.get(row.wrapping_sub(self.first) as usize) {
                Some(row) => connection
                    .prepare_cached("SELECT keys FROM dedup WHERE id = ?1")?
                    .query_row([row.get().cast_signed()], |row| Ok(id_of(key, read(row.get_ref(0)?.as_blob()?))))
                    .optional()?
                    .flatten(),
                None => id_of(key, accepted.iter().copied()),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The open transaction accepts a key.
    pub fn insert(&mut self, key: &Key) {
        let (short, open) = (short(key), self.open());
        self.table.insert_unique(hash(short), (short, open), |(short, _)| hash(*short));
    }

    /// The open transaction stands.
    pub fn committed(&mut self, accepted: &[Accepted]) {
        self.rows.extend(accepted.first().map(|(_, id)| *id));
    }

    /// The open transaction accepted nothing after all.
    pub fn rolled_back(&mut self, accepted: &[Accepted]) {
        let open = self.open();
        for (key, _) in accepted {
            let short = short(key);
            if let Ok(entry) = self.table.find_entry(hash(short), |known| *known == (short, open)) {
                entry.remove();
            }
        }
    }

    /// Forgets rows older than `oldest`.
    pub fn forget_before(&mut self, oldest: MessageId) {
        let old = self.rows.partition_point(|row| *row < oldest);
        let (first, old_rows) = (self.first, u32::try_from(old).unwrap_or(u32::MAX));
        self.table.retain(|(_, row)| row.wrapping_sub(first) >= old_rows);
        self.rows.drain(..old);
        self.first = first.wrapping_add(old_rows);
    }

    /// Reads the rows from `oldest` on.
    pub fn recovered(connection: &Connection, oldest: MessageId) -> Result<Self, rusqlite::Error> {
        let mut dedup = Self::default();
        let bytes: i64 = connection.query_row(
            "SELECT COALESCE(SUM(LENGTH(keys)), 0) FROM dedup WHERE id >= ?1",
            [oldest.get().cast_signed()],
            |row| row.get(0),
        )?;
        dedup.table.reserve(usize::try_from(bytes).unwrap_or(0) / KEPT, |(short, _)| hash(*short));
        each_row(connection, oldest, |row| {
            let accepted: Vec<Accepted> = row.collect();
            accepted.iter().for_each(|(key, _)| dedup.insert(key));
            dedup.committed(&accepted);
        })?;
        Ok(dedup)
    }
}

fn id_of(key: &Key, accepted: impl IntoIterator<Item = Accepted>) -> Option<MessageId> {
    accepted.into_iter().find(|(known, _)| known == key).map(|(_, id)| id)
}

/// Bytes of a message in a row: its id, its key.
const KEPT: usize = 8 + 16;

/// Writes what a transaction accepted, in the order of the ids.
pub(super) fn keep(connection: &Connection, accepted: &[Accepted]) -> Result<(), rusqlite::Error> {
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

/// How many keys were accepted more than once, by the record.
pub(super) fn doubled(connection: &Connection) -> Result<usize, rusqlite::Error> {
    let mut keys = Vec::new();
    each_row(connection, MessageId::from(0), |row| keys.extend(row.map(|(key, _)| key)))?;
    keys.sort_unstable();
    Ok(keys.windows(2).filter(|pair| pair[0] == pair[1]).count())
}

/// Hands on what is in each row from `oldest` on.
pub(super) fn each_row(
    connection: &Connection,
    oldest: MessageId,
    mut found: impl FnMut(&mut dyn Iterator<Item = Accepted>),
) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare("SELECT keys FROM dedup WHERE id >= ?1")?;
    let mut rows = statement.query([oldest.get().cast_signed()])?;
    while let Some(row) = rows.next()? {
        found(&mut read(row.get_ref(0)?.as_blob()?));
    }
    Ok(())
}

/// Removes what was accepted before `oldest`.
pub(super) fn forget_before(connection: &Connection, oldest: MessageId) -> Result<(), rusqlite::Error> {
    connection.execute("DELETE FROM dedup WHERE id < ?1", [oldest.get().cast_signed()]).map(drop)
}

fn read(keys: &[u8]) -> impl Iterator<Item = Accepted> {
    keys.as_chunks::<KEPT>().0.iter().map(|kept| {
        let (mut id, mut key) = ([0; 8], Key::default());
        id.copy_from_slice(&kept[..8]);
        key.copy_from_slice(&kept[8..]);
        (key, MessageId::from(u64::from_be_bytes(id)))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::in_memory, *};

    fn commit(dedup: &mut Dedup, connection: &Connection, accepted: &[Accepted]) {
        accepted.iter().for_each(|(key, _)| dedup.insert(key));
        keep(connection, accepted).unwrap();
        dedup.committed(accepted);
    }

    #[test]
    fn a_collision_of_short_keys_does_not_swallow_a_message() {
        let connection = in_memory();
        let (one, mut two) = ([7; 16], [7; 16]);
        two[15] = 8;
        let mut dedup = Dedup::default();
        commit(&mut dedup, &connection, &[(one, 1.into())]);
        assert_eq!(dedup.find(&connection, &[], &two).unwrap(), None);
        commit(&mut dedup, &connection, &[(two, 2.into())]);
        assert_eq!(dedup.find(&connection, &[], &one).unwrap(), Some(1.into()));
        assert_eq!(dedup.find(&connection, &[], &two).unwrap(), Some(2.into()));
    }

    #[test]
    fn a_key_is_known_within_its_transaction_and_no_more_when_that_fails() {
        let connection = in_memory();
        let mut dedup = Dedup::default();
        let accepted = [([1; 16], 1.into()), ([2; 16], 2.into())];
        accepted.iter().for_each(|(key, _)| dedup.insert(key));
        assert_eq!(dedup.find(&connection, &accepted, &[2; 16]).unwrap(), Some(2.into()));
        dedup.rolled_back(&accepted);
        assert_eq!(dedup.find(&connection, &[], &[2; 16]).unwrap(), None);
        assert!(dedup.table.is_empty());
    }

    #[test]
    fn old_rows_are_forgotten_and_the_others_found_again_at_the_next_start() {
        let connection = in_memory();
        let mut dedup = Dedup { first: u32::MAX, ..Dedup::default() };
        for id in 1..=4_u8 {
            commit(&mut dedup, &connection, &[([id; 16], u64::from(id).into())]);
        }
        dedup.forget_before(3.into());
        forget_before(&connection, 3.into()).unwrap();
        for dedup in [dedup, Dedup::recovered(&connection, 0.into()).unwrap()] {
            let find = |id: u8| dedup.find(&connection, &[], &[id; 16]).unwrap();
            assert_eq!([1, 2, 3, 4].map(find), [None, None, Some(3.into()), Some(4.into())]);
        }
        assert_eq!(doubled(&connection).unwrap(), 0);
        keep(&connection, &[([4; 16], 9.into())]).unwrap();
        assert_eq!(doubled(&connection).unwrap(), 1);
    }
}
