//! What a record is made of, whichever the backend: kinds of rows, which each backend reads and writes. It is how a record
//! is carried from one backend to another ([`archive`](crate::archive)), with nothing lost.
//!
//! A row has what cannot be derived, and what one backend keeps in a column and another one finds in JSON. Not carried are
//! sessions of agents, who log in again: an archive may lie somewhere for long, and must not bring back a login that was
//! ended since. Nor are leases and nodes, which are nobody's once no daemon is alive.

use async_trait::async_trait;

use super::outbox::Ledger;

/// What a column holds. Each may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A whole number of 64 bits: ids, times in microseconds, counts.
    Number,
    /// Yes or no.
    Flag,
    /// Text; JSON is text.
    Text,
    /// Bytes.
    Bytes,
}

/// One column of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub of: Of,
}

/// Rows of one form.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name, in the singular.
    pub name: &'static str,
    /// The table that has them, where a backend has no reason for another one.
    pub table: &'static str,
    /// What each row has.
    pub columns: &'static [Column],
    /// The columns by which they are in order.
    pub key: &'static [&'static str],
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are what Of says")]
pub enum Value {
    Null,
    Number(i64),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of its kind's columns.
pub type Row = Vec<Value>;

/// Takes rows, one by one.
pub type Each<'a> = dyn FnMut(Row) -> anyhow::Result<()> + Send + 'a;

/// A record that nobody else uses, to be read as a whole.
#[async_trait]
pub trait RecordReader: Send {
    /// Hands on all rows of a kind, in the order of their key, a few at a time in memory.
    async fn rows(&mut self, kind: &'static Kind, each: &mut Each<'_>) -> anyhow::Result<()>;

    /// The account of its messages.
    async fn ledger(&mut self) -> anyhow::Result<Ledger>;
}

/// An empty record that is being filled. Nothing of it stands until [`keep`](Self::keep) has returned, and nothing at all is
/// left of one that is dropped before; of one whose process was killed, nothing that keeps another from being filled.
#[async_trait]
pub trait RecordWriter: Send {
    /// Adds rows of a kind.
    async fn put(&mut self, kind: &'static Kind, rows: Vec<Row>) -> anyhow::Result<()>;

    /// The account of the messages that are in it so far.
    async fn ledger(&mut self) -> anyhow::Result<Ledger>;

    /// Makes it a record, whole and durable.
    async fn keep(self: Box<Self>) -> anyhow::Result<()>;
}

const fn number(name: &'static str) -> Column {
    Column { name, of: Of::Number }
}

const fn flag(name: &'static str) -> Column {
    Column { name, of: Of::Flag }
}

const fn text(name: &'static str) -> Column {
    Column { name, of: Of::Text }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, of: Of::Bytes }
}

/// A secret of the daemons', where the record has them and not the data folder.
pub static SECRET: Kind =
    Kind { name: "secret", table: "meta", columns: &[text("name"), bytes("value")], key: &["name"] };

/// A file of a message; the record has only its hash.
pub static ATTACHMENT: Kind =
    Kind { name: "attachment", table: "", columns: &[text("hash"), bytes("bytes")], key: &["hash"] };

/// Everything that a record has.
pub static RECORD: [Kind; 26] = [
    Kind { name: "agent", table: "agents", columns: &[number("id"), text("login"), text("agent")], key: &["id"] },
    Kind { name: "presence", table: "presences", columns: &[number("agent"), text("presence")], key: &["agent"] },
    Kind {
        name: "token",
        table: "tokens",
        columns: &[number("id"), text("name"), text("role"), bytes("token_hash"), number("made_at")],
        key: &["id"],
    },
    Kind {
        name: "rule_set",
        table: "rule_sets",
        columns: &[text("hash"), text("files"), number("first_seen")],
        key: &["hash"],
    },
    Kind {
        name: "rule_hits",
        table: "rule_hits",
        columns: &[number("hour"), text("rule"), number("hits")],
        key: &["hour", "rule"],
    },
    Kind {
        name: "model_day",
        table: "model_days",
        columns: &[number("day"), number("steps"), number("tokens"), number("millis"), number("micros")],
        key: &["day"],
    },
    Kind {
        name: "customer",
        table: "customers",
        columns: &[number("id"), number("merged_into"), text("name"), text("customer")],
        key: &["id"],
    },
    Kind {
        name: "address",
        table: "addresses",
        columns: &[text("space"), text("handle"), number("customer")],
        key: &["space", "handle"],
    },
    Kind {
        name: "identifier",
        table: "identifiers",
        columns: &[text("kind"), text("value"), number("customer"), flag("verified")],
        key: &["kind", "value", "customer"],
    },
    Kind {
        name: "merge",
        table: "merges",
        columns: &[
            number("id"),
            number("from_customer"),
            number("into_customer"),
            text("identifier"),
            number("at"),
            number("undone_at"),
        ],
        key: &["id"],
    },
    Kind {
        name: "conversation",
        table: "conversations",
        columns: &[
            number("id"),
            number("customer"),
            number("owner"),
            number("agent"),
            number("closed_at"),
            number("version"),
            text("state"),
        ],
        key: &["id"],
    },
    Kind {
        name: "thread",
        table: "threads",
        columns: &[text("channel"), text("thread"), number("conversation")],
        key: &["channel", "thread"],
    },
    Kind { name: "ticket", table: "tickets", columns: &[number("number"), number("conversation")], key: &["number"] },
    // Messages that were decided.
    Kind { name: "message", table: "inbound", columns: &[number("id"), text("channel"), text("body")], key: &["id"] },
    Kind {
        name: "entry",
        table: "entries",
        columns: &[number("id"), number("conversation"), number("prev"), number("at"), number("kind"), text("entry")],
        key: &["id"],
    },
    // Messages that were accepted and neither decided nor given up.
    Kind {
        name: "waiting",
        table: "unpublished",
        columns: &[number("id"), text("channel"), text("body")],
        key: &["id"],
    },
    Kind {
        name: "dead",
        table: "dead",
        columns: &[number("id"), number("at"), text("reason"), text("channel"), text("body"), number("redriven")],
        key: &["id"],
    },
    // By what a platform's message is recognised when it comes again, and the last id that it was accepted under.
    Kind { name: "key", table: "dedup", columns: &[bytes("key"), number("id")], key: &["id"] },
    Kind {
        name: "outbox",
        table: "outbox",
        columns: &[
            number("id"),
            text("channel"),
            number("conversation"),
            // Counted along the conversation.
            number("place"),
            number("state"),
            number("precedence"),
            number("held_for"),
            number("attempts"),
            number("next_at"),
            text("error"),
            text("external_id"),
        ],
        key: &["id"],
    },
    Kind { name: "once", table: "once", columns: &[text("key"), number("entry")], key: &["key"] },
    Kind {
        name: "offer",
        table: "offers",
        columns: &[number("id"), number("conversation"), number("agent"), text("state"), number("at")],
        key: &["id"],
    },
    Kind {
        name: "file",
        table: "files",
        columns: &[
            number("message"),
            number("place"),
            text("channel"),
            text("reference"),
            text("name"),
            text("media_type"),
            number("attempts"),
            number("next_at"),
            text("problem"),
            text("attachment"),
        ],
        key: &["message", "place"],
    },
    Kind {
        name: "memory",
        table: "channel_memory",
        columns: &[text("channel"), text("key"), text("value")],
        key: &["channel", "key"],
    },
    Kind {
        name: "measure",
        table: "measures",
        columns: &[
            number("hour"),
            text("figure"),
            text("channel"),
            text("language"),
            text("queue"),
            text("label"),
            text("detail"),
            number("count"),
        ],
        key: &["hour", "figure", "channel", "language", "queue", "label", "detail"],
    },
    Kind {
        name: "miss",
        table: "misses",
        columns: &[number("id"), number("conversation"), text("channel"), text("language"), text("text")],
        key: &["id"],
    },
    Kind {
        name: "set_aside",
        table: "set_aside",
        columns: &[
            number("id"),
            text("channel"),
            text("external_id"),
            number("at"),
            text("reason"),
            text("name"),
            bytes("bytes"),
        ],
        key: &["id"],
    },
];

impl Kind {
    /// The names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.columns.iter().map(|column| column.name)
    }
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub const fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// About how many bytes it takes in memory.
    #[must_use]
    pub const fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Null | Self::Number(_) | Self::Flag(_) => 8,
        }
    }
}
