//! What an action can speak of: the customer, what is known so far, and the moment.

use std::collections::BTreeMap;

use contract::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{Value, context};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    spec::Identity,
    texts::{instant, value_of},
    verify::{Challenge, Means},
};
use crate::{store::customer::IdentifierKind, tickets::Named};

/// With whom, when and in which language.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The action.
    pub action: &'a str,
    /// The customer.
    pub who: &'a Who,
    /// The customer's language.
    pub language: &'a str,
    /// The language of the business, for those whose own is not served.
    pub default_language: &'a str,
    /// The conversation's id.
    pub conversation: &'a str,
    /// The id of the message that this is about.
    pub message: &'a str,
    /// The customer's words.
    pub text: &'a str,
    /// The conversation's ticket.
    pub ticket: Option<&'a Named>,
    /// The ticket that it has if the action opens one: its own, or a new one.
    pub next_ticket: Option<&'a Named>,
    /// The moment.
    pub now: Timestamp,
    /// Where a day begins.
    pub zone: &'a TimeZone,
    /// How the customer can prove who they are.
    pub means: Means<'a>,
}

/// The customer, as far as an action may know them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Who {
    /// Their id.
    pub id: String,
    /// What they are called.
    pub name: Option<String>,
    /// An email address of theirs.
    pub email: Option<String>,
    /// A phone number of theirs.
    pub phone: Option<String>,
    /// The email address that their message names as theirs: a code may go there, and nothing else follows from it.
    #[serde(skip)]
    pub claimed_email: Option<String>,
    /// The same of their phone.
    #[serde(skip)]
    pub claimed_phone: Option<String>,
    /// How sure that is.
    pub identity: Identity,
    /// Facts of the business's own.
    pub attributes: BTreeMap<String, String>,
}

impl Who {
    /// They have proven that an address is theirs.
    pub fn proves(&mut self, challenge: &Challenge) {
        let address = Some(challenge.address.clone());
        match challenge.kind {
            IdentifierKind::Email => self.email = address,
            IdentifierKind::Phone => self.phone = address,
        }
        self.identity = Identity::Verified;
    }
}

impl<'a> Scene<'a> {
    /// The same for a reader of another language.
    #[must_use]
    pub fn read_in(self, language: &'a str) -> Self {
        Self { language, ..self }
    }
}

impl Scene<'_> {
    /// What texts and expressions see.
    #[must_use]
    pub fn context(&self, inputs: &BTreeMap<String, Json>) -> Value {
        self.context_of(inputs, None, &Json::Null)
    }

    /// The same, with an answer and one item of it.
    #[must_use]
    pub fn context_of(&self, inputs: &BTreeMap<String, Json>, item: Option<&Json>, body: &Json) -> Value {
        context! {
            inputs => value_of(inputs),
            body => value_of(body),
            item => item.map(value_of),
            ..self.surroundings()
        }
    }

    /// What does not come from the dialogue.
    pub(super) fn surroundings(&self) -> Value {
        context! {
            customer => value_of(self.who),
            conversation => context! { id => self.conversation },
            ticket => self.ticket.map(value_of),
            message => context! { id => self.message, text => self.text },
            language => self.language,
            now => instant(&self.now.to_zoned(self.zone.clone())),
        }
    }
}
