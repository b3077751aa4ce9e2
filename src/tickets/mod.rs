//! Tickets: a conversation that a person is to answer has a short number, and a page behind a signed link that says where it
//! stands. Numbers are reserved some at a time, so that a turn does not wait for the record; links are made and checked by
//! any daemon that has the installation's secret.

mod links;
mod numbers;
mod standing;

use std::sync::Arc;

use contract::{ConversationId, Timestamp};
use jiff::SignedDuration;
use serde::Serialize;

pub use self::{
    links::Links,
    numbers::{Drawn, Numbers},
    standing::{Standing, changed_at},
};
use crate::store::{
    Store,
    conversation::{Conversation, Owner},
    ticket::TicketNumber,
};

/// What gives tickets, and leads to them.
pub struct Tickets {
    /// Where numbers come from.
    pub numbers: Numbers,
    /// Makes and checks links.
    pub links: Links,
    /// For how long after its end a conversation's page is there.
    last: SignedDuration,
}

/// A ticket as texts name it: `ticket.number` and `ticket.url`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// `#10023`.
    pub number: String,
    /// Where its page is.
    pub url: String,
}

impl Tickets {
    /// Tickets of a record, whose pages are there for as long as `last` after the end.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, links: Links, last: SignedDuration) -> Self {
        Self { numbers: Numbers::new(store), links, last }
    }

    /// Whether there is a page of this conversation.
    #[must_use]
    pub fn has_page(&self, conversation: &Conversation, now: Timestamp) -> bool {
        let ended = conversation.closed_at.filter(|_| conversation.owner == Owner::Closed);
        conversation.ticket.is_some() && ended.is_none_or(|ended| now.duration_since(ended) < self.last)
    }
}

impl Links {
    /// A number as texts of a conversation name it.
    #[must_use]
    pub fn named(&self, conversation: ConversationId, number: TicketNumber) -> Named {
        Named { number: number.to_string(), url: self.url(conversation) }
    }
}
