//! Identifiers: 64 bits, ordered by time, one type a noun.
//!
//! An id is `unix milliseconds << 20 | node << 12 | counter`, so rows inserted in id order are appended at the
//! right edge of a B-tree, and sorting by id sorts by time of creation. People and programs see it as a prefix
//! and 13 characters of Crockford's base32 (`msg_01kaq3v9d4qfw`), which survives JavaScript's 53-bit numbers.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 13;
const COUNTER_BITS: u32 = 12;
const NODE_BITS: u32 = 8;

/// Hands out ids that never repeat and never go back, even when the wall clock does.
///
/// One per process. Two processes that share a record must use different nodes.
#[derive(Debug)]
pub struct IdClock {
    node: u64,
    /// The last `milliseconds << 12 | counter` given out.
    last: AtomicU64,
}

impl IdClock {
    /// A clock for one of 256 nodes. The embedded daemon is node 0.
    #[must_use]
    pub const fn new(node: u8) -> Self {
        Self { node: node as u64, last: AtomicU64::new(0) }
    }

    /// Makes sure that every further id is above `id`: called at start with the highest stored one, so that a
    /// clock set back while the daemon was down cannot reorder messages.
    pub fn advance_past(&self, id: u64) {
        let millis = id >> (NODE_BITS + COUNTER_BITS);
        let counter = id & ((1 << COUNTER_BITS) - 1);
        self.last.fetch_max(millis << COUNTER_BITS | counter, Ordering::Relaxed);
    }

    /// The smallest id that can have been made at `moment`, in any noun: where the ids of a stretch of time begin.
    #[must_use]
    pub fn lowest<T: From<u64>>(moment: jiff::Timestamp) -> T {
        const LATEST: u64 = (1 << (63 - NODE_BITS - COUNTER_BITS)) - 1;
        let millis = u64::try_from(moment.as_millisecond()).unwrap_or(0).min(LATEST);
        T::from(millis << (NODE_BITS + COUNTER_BITS))
    }

    /// The next id at `now`, in any noun. More than 4,096 in a millisecond borrow from the next one.
    pub fn next<T: From<u64>>(&self, now: jiff::Timestamp) -> T {
        let now = u64::try_from(now.as_millisecond()).unwrap_or(0) << COUNTER_BITS;
        let mut last = self.last.load(Ordering::Relaxed);
        let tick = loop {
            let next = now.max(last + 1);
            match self.last.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break next,
                Err(seen) => last = seen,
            }
        };
        let millis = tick >> COUNTER_BITS;
        let counter = tick & ((1 << COUNTER_BITS) - 1);
        T::from(millis << (NODE_BITS + COUNTER_BITS) | self.node << COUNTER_BITS | counter)
    }
}

/// A text that is not an id of the noun that was asked for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text:?} is not {noun} id: it should look like {prefix}_01kaq3v9d4qfw")]
pub struct ParseIdError {
    text: String,
    noun: &'static str,
    prefix: &'static str,
}

/// An id as people see it, without an allocation.
struct Shown([u8; 4 + DIGITS]);

impl Shown {
    fn new(prefix: &str, value: u64) -> Self {
        let mut shown = [b'_'; 4 + DIGITS];
        shown[..3].copy_from_slice(prefix.as_bytes());
        let mut rest = value;
        for digit in shown[4..].iter_mut().rev() {
            *digit = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        Self(shown)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn read_base32(text: &str) -> Option<u64> {
    if text.len() != DIGITS {
        return None;
    }
    text.bytes().try_fold(0_u64, |value, byte| {
        let digit = ALPHABET.iter().position(|&a| a == byte.to_ascii_lowercase())? as u64;
        value.checked_mul(32)?.checked_add(digit)
    })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The number itself, as stores keep it. Always below 2⁶³.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The lowest of all, which no clock gives out.
            pub const NONE: Self = Self(0);

            /// When it was made, to the millisecond.
            #[must_use]
            pub fn made_at(self) -> jiff::Timestamp {
                let millis = self.0 >> (NODE_BITS + COUNTER_BITS);
                i64::try_from(millis)
                    .ok()
                    .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
                    .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            }
        }

        impl From<u64> for $name {
            fn from(value: u64) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(Shown::new($prefix, self.0).as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(read_base32)
                    .map(Self)
                    .ok_or_else(|| ParseIdError { text: text.chars().take(40).collect(), noun: $noun, prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.serialize_str(Shown::new($prefix, self.0).as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// An accepted inbound message; also the id of its turn, and of its entry in the conversation.
    MessageId, "msg", "a message"
);
id!(
    /// An outbound message, from its commit to its last receipt. Its text is the idempotency key.
    OutboundId, "out", "an outbound message"
);
id!(
    /// A conversation.
    ConversationId, "cnv", "a conversation"
);
id!(
    /// A customer.
    CustomerId, "cus", "a customer"
);
id!(
    /// A human agent (also supervisors and admins).
    AgentId, "agt", "an agent"
);
id!(
    /// An offer of one conversation to one agent.
    OfferId, "ofr", "an offer"
);
id!(
    /// One entry of a conversation's journal: a message, a reply, a note, a change of owner.
    EntryId, "ent", "an entry"
);

id!(
    /// A challenge: somebody is asked to prove that an address is theirs.
    ChallengeId, "chl", "a challenge"
);

impl From<MessageId> for EntryId {
    fn from(id: MessageId) -> Self {
        Self(id.0)
    }
}

impl From<OutboundId> for EntryId {
    fn from(id: OutboundId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_through_their_text() -> Result<(), ParseIdError> {
        for value in [0, 1, 31, 32, u64::MAX >> 1, 1_795_000_000_000 << 20] {
            let id = MessageId::from(value);
            assert_eq!(id.to_string().parse::<MessageId>()?, id);
        }
        Ok(())
    }

    #[test]
    fn an_id_of_another_noun_is_refused_with_an_example() {
        let error = "cnv_01kaq3v9d4qfw".parse::<MessageId>().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("is not a message id") && error.contains("msg_01"), "{error}");
    }

    #[test]
    fn ids_never_go_back_when_the_clock_does() {
        let clock = IdClock::new(0);
        let noon: jiff::Timestamp = jiff::Timestamp::from_second(1_800_000_000).unwrap_or_default();
        let first: MessageId = clock.next(noon);
        let second: MessageId = clock.next(noon - jiff::SignedDuration::from_hours(1));
        assert!(second > first);
        let restarted = IdClock::new(0);
        restarted.advance_past(second.get());
        assert!(restarted.next::<MessageId>(noon - jiff::SignedDuration::from_hours(2)) > second);
    }

    #[test]
    fn the_ids_of_a_stretch_of_time_lie_between_the_lowest_of_its_ends() {
        let noon = jiff::Timestamp::from_second(1_800_000_000).unwrap_or_default();
        let later = noon + jiff::SignedDuration::from_millis(1);
        let made: MessageId = IdClock::new(255).next(noon);
        assert!(IdClock::lowest::<MessageId>(noon) <= made && made < IdClock::lowest(later));
        assert_eq!(IdClock::lowest::<MessageId>(jiff::Timestamp::MIN).get(), 0);
        assert!(IdClock::lowest::<MessageId>(jiff::Timestamp::MAX) > made);
    }

    #[test]
    fn a_burst_in_one_millisecond_gets_distinct_rising_ids() {
        let clock = IdClock::new(7);
        let noon = jiff::Timestamp::from_second(1_800_000_000).unwrap_or_default();
        let ids: Vec<MessageId> = (0..10_000).map(|_| clock.next(noon)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
