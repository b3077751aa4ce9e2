//! A whole record in one file, to be carried from one backend to another, or kept.
//!
//! ```text
//!   {"archive": {"format": 1, "version": "0.1.0", "made": "2026-11-30T12:00:00Z"}}
//!   {"secret": {"name": "daemon", "value": "base64"}}
//!   {"customer": {"id": 1888…, "merged_into": null, "name": "Li Wei", "customer": "{…}"}}
//!   …
//!   {"end": {"rows": {"customer": 1, …}, "ledger": {…}, "sha256": "…"}}
//! ```
//!
//! JSON lines, compressed by gzip. The kinds of rows are those of [`carry`](crate::store::carry), and what is JSON in the
//! record is text here, as it was written. The last line counts the rows and has the SHA-256 of all lines before it, so that
//! a file that was cut off or changed is none. It holds all that customers wrote and what signs their sessions: nobody but
//! its owner can read it.

mod read;
mod write;

use std::collections::BTreeMap;

use contract::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    read::{ArchiveReader, Checked, check},
    write::ArchiveWriter,
};
use crate::store::{
    carry::{ATTACHMENT, Kind, RECORD, SECRET},
    outbox::Ledger,
};

/// The form of archives that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

const HEADER: &str = "archive";
const END: &str = "end";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// Rises when an older version would misread what comes behind.
    format: u32,
    /// Of Switchboard; for people.
    version: String,
    made: Timestamp,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How many rows there are of each kind.
    pub rows: BTreeMap<String, u64>,
    /// The account of the record's messages.
    pub ledger: Ledger,
    /// Over all lines before, in hexadecimal.
    pub sha256: String,
}

/// The kind of this name.
fn kind(name: &str) -> Option<&'static Kind> {
    RECORD.iter().chain([&SECRET, &ATTACHMENT]).find(|kind| kind.name == name)
}
