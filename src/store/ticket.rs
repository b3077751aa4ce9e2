//! The number by which people name a conversation, and what it was given for.

use std::{fmt, str::FromStr, sync::Arc};

use async_trait::async_trait;
use contract::Timestamp;
use serde::{Deserialize, Serialize};

use super::{StoreError, conversation::Conversation};

/// A ticket's number: short enough to be said on the phone, and never given twice. People write it `#10023`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketNumber(u64);

impl TicketNumber {
    /// The first one of a record. It has five digits from the first day on, so that nobody reads from theirs how many there
    /// were before, and it looks like nothing else that a customer writes.
    pub const FIRST: Self = Self(10_001);

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for TicketNumber {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for TicketNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{}", self.0)
    }
}

/// What was read is no ticket's number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the number of a ticket; it looks like #10023")]
pub struct NoTicketNumber(String);

impl FromStr for TicketNumber {
    type Err = NoTicketNumber;

    /// `#10023`, `＃10023` as Chinese keyboards write it, or `10023`.
    fn from_str(text: &str) -> Result<Self, NoTicketNumber> {
        let digits = text.trim();
        let digits = digits.strip_prefix(['#', '＃']).unwrap_or(digits).trim_start();
        let number = Some(digits).filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
        number
            .and_then(|digits| digits.parse::<u64>().ok())
            .filter(|number| i64::try_from(*number).is_ok())
            .map(Self)
            .ok_or_else(|| NoTicketNumber(text.chars().take(40).collect()))
    }
}

/// What a conversation was given at its first handoff, for the rest of its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number.
    pub number: TicketNumber,
    /// When it was given.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// The queue that the conversation is in, or was in last.
    pub queue: String,
    /// What it is about, in the customer's language, where an action opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// Tickets' numbers.
#[async_trait]
pub trait Tickets: Send + Sync {
    /// Reserves so many numbers, in one row, that nobody else is given: not by another daemon, not after a crash, not after
    /// the record was carried elsewhere. Who does not use them leaves a gap.
    async fn reserve_tickets(&self, count: u32) -> Result<Vec<TicketNumber>, StoreError>;

    /// The conversation that has a number.
    async fn conversation_of_ticket(&self, number: TicketNumber) -> Result<Option<Arc<Conversation>>, StoreError>;
}

/// The numbers from `first` on.
pub(super) fn numbers(first: i64, count: u32) -> Vec<TicketNumber> {
    (first..first + i64::from(count)).map(|number| TicketNumber(number.cast_unsigned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_write_it() {
        for (written, number) in [
            ("#10023", Some(10_023)),
            ("＃10023", Some(10_023)),
            (" 10023 ", Some(10_023)),
            ("# 10023", Some(10_023)),
            ("", None),
            ("#", None),
            ("#-1", None),
            ("A10023", None),
            ("99999999999999999999", None),
            ("一", None),
        ] {
            assert_eq!(written.parse::<TicketNumber>().ok().map(TicketNumber::get), number, "{written}");
        }
        assert_eq!(TicketNumber::FIRST.to_string(), "#10001");
    }
}
