//! The statements that messages and lists need all the time, by name: the bench looks at how PostgreSQL carries them out
//! where there are millions of rows.

use super::{customers, entries, feed, files, journal, letters, outbox, recall};

/// Each with its name. What it is given follows from its text.
pub const HOT: &[(&str, &str)] = &[
    ("recall: conversation of a thread", recall::CONVERSATION),
    ("recall: who is behind an address", recall::KNOWN),
    ("recall: whom identifiers name", recall::IDENTIFIED),
    ("commit: lock conversations", super::batch::LOCK_CONVERSATIONS),
    ("commit: settled turns", super::batch::SETTLED),
    ("commit: keys", letters::KNOWN),
    ("commit: write keys", super::written_rows::KEYS),
    ("commit: write conversations", super::written_rows::CONVERSATIONS),
    ("journal: along the chain", entries::WALK),
    ("journal: decisions forward", entries::DECISIONS_FORWARD),
    ("journal: decisions backward", entries::DECISIONS_BACKWARD),
    ("journal: messages", entries::BODIES),
    ("conversations: one", journal::ONE),
    ("conversations: of an agent", journal::MINE),
    ("conversations: in a queue", journal::QUEUED),
    ("conversations: open", journal::OPEN),
    ("conversations: closed", journal::CLOSED),
    ("conversations: held", journal::HELD),
    ("conversations: may have an alarm", journal::MAY_BE_DUE),
    ("conversations: of customers", journal::THEIRS),
    ("conversations: changed", feed::CHANGED),
    ("outbox: lease", outbox::LEASE),
    ("outbox: next due", outbox::NEXT_DUE),
    ("outbox: probe", outbox::PROBE),
    ("outbox: release", outbox::RELEASE),
    ("outbox: settle", outbox::SETTLE),
    ("outbox: left behind", outbox::LEFT_BEHIND),
    ("files: due", files::DUE),
    ("files: next", files::NEXT),
    ("letters: to publish", letters::TO_PUBLISH),
    ("letters: dead", letters::DEAD),
    ("letters: failed", letters::FAILED),
    ("letters: set aside", letters::SET_ASIDE),
    ("customers: contact", customers::CONTACT),
    ("customers: merges", customers::MERGES),
    ("customers: search", customers::SEARCH),
];
