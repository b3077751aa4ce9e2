//! A customer: one person with all their addresses, over all channels.
//!
//! Two customers become one only on an identifier that a channel vouches for. A merge moves nothing: the younger
//! customer points at the older one and readers follow, so undoing it is clearing the pointer.

use std::{collections::BTreeMap, sync::Arc};

use contract::{Address, CustomerId, Timestamp};
use serde::{Deserialize, Serialize};

/// A person. What is kept in their own row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// Their id.
    pub id: CustomerId,
    /// A display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The language that they usually write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Facts of the business's own; `tier` is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Whether an email or phone of theirs is verified.
    #[serde(default)]
    pub verified: bool,
    /// When they first wrote.
    pub first_seen: Timestamp,
}

/// What can name a person on every channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// An email address.
    Email,
    /// A phone number, E.164.
    Phone,
}

impl IdentifierKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }
}

/// An email or phone of a customer. A verified one belongs to one customer only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// Which kind.
    pub kind: IdentifierKind,
    /// Normalised.
    pub value: String,
    /// Whether a channel vouched for it.
    pub verified: bool,
}

/// Two customers became one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// Its number; a merge is undone by naming it.
    pub id: String,
    /// The younger customer, who points at the other now.
    pub from: CustomerId,
    /// The older one.
    pub into: CustomerId,
    /// What they share.
    pub identifier: String,
    /// When.
    pub at: Timestamp,
    /// When it was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<Timestamp>,
}

/// That it is proven who writes in a conversation: by a channel that vouches for them, a code or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Of whoever writes from here: in one thread several may.
    pub address: Address,
    /// Until when.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub until: Timestamp,
}

/// Everything about one person, merged customers included, but for their conversations.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The customer that all the others point at.
    pub customer: Customer,
    /// The ids of all that are this person.
    pub ids: Vec<CustomerId>,
    /// Where they can be answered.
    pub addresses: Vec<Address>,
    /// Their emails and phones.
    pub identifiers: Vec<Identifier>,
    /// How they became one.
    pub merges: Vec<Merge>,
}

/// A change to who is who, committed with the turn that brought it.
#[derive(Debug, Clone)]
pub enum CustomerChange {
    /// Somebody new, or new facts of somebody known: the whole row, and what it was when that was decided. Refused as a
    /// conflict when it is something else by now.
    Put {
        /// What was known.
        was: Option<Arc<Customer>>,
        /// What is known now.
        now: Customer,
    },
    /// This address is theirs. Refused as a conflict when it is somebody's already.
    Link(Address, CustomerId),
    /// This identifier is theirs.
    Identify(Identifier, CustomerId),
    /// The two are one person.
    Merge(Merge),
}
