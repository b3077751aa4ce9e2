//! How customers can prove who they are, as the configuration has it.

use contract::{CustomerId, EntryId};
use jiff::SignedDuration;

use super::{Limit, allow, codes::Codes};
use crate::{
    actions::{Permission, Recipient},
    store::{Store, StoreError, customer::IdentifierKind},
};

/// Where addresses of a kind are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The channel.
    pub channel: String,
    /// The space of its addresses.
    pub space: String,
}

/// How customers can prove who they are.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// Makes and checks codes.
    pub codes: Codes,
    /// Where mail goes.
    pub email: Option<Route>,
    /// Where messages to phones go.
    pub phone: Option<Route>,
    /// What stands for the link in a mail, where mails have one.
    pub link: Option<String>,
    /// How long a code is good.
    pub lasts: SignedDuration,
    /// After how long one may be sent again.
    pub again_after: SignedDuration,
    /// How long a conversation's customer is verified, by whatever means.
    pub holds: SignedDuration,
    /// How many codes one customer may ask for, and one address gets.
    pub each: Limit,
    /// How many are sent in all.
    pub in_all: Limit,
}

impl Verifier {
    /// Where addresses of a kind are reached, if anywhere.
    #[must_use]
    pub fn route(&self, kind: IdentifierKind) -> Option<&Route> {
        match kind {
            IdentifierKind::Email => self.email.as_ref(),
            IdentifierKind::Phone => self.phone.as_ref(),
        }
    }

    /// Counts a code that a customer wants sent somewhere, and says what may be done. What this costs is the same whether or
    /// not anybody has the address. `turn` is the entry of the turn that wants it.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn permission(
        &self,
        store: &dyn Store,
        customer: CustomerId,
        Recipient { kind, address }: &Recipient,
        turn: EntryId,
    ) -> Result<Permission, StoreError> {
        let name = |parts: &[&str]| format!("codes/{}", self.codes.name(parts));
        let may_ask = allow(store, &name(&["customer", &customer.to_string()]), turn, self.each).await?
            && allow(store, "codes", turn, self.in_all).await?;
        if !may_ask {
            return Ok(Permission { may_ask, goes: false });
        }
        let has_room = allow(store, &name(&["address", kind.as_str(), address]), turn, self.each).await?;
        let is_somebodys = store.is_somebodys(*kind, address).await?;
        Ok(Permission { may_ask, goes: has_room & is_somebodys })
    }
}
