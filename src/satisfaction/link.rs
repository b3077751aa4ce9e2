//! Links to the page on which a customer rates: signed, so that whoever follows one has it from us.

use channels::Seal;
use contract::{ConversationId, EntryId};

/// How many bytes of the signature stand in a link.
const SIGNATURE: usize = 16;

/// Makes and reads them. Cheap to clone.
#[derive(Clone)]
pub struct RatingLinks {
    base: String,
    seal: Seal,
}

impl RatingLinks {
    /// Below the address at which browsers reach the daemon.
    #[must_use]
    pub fn new(public_url: &str, secret: [u8; 32]) -> Self {
        let base = format!("{}/satisfaction", public_url.trim_end_matches('/'));
        Self { base, seal: Seal::new(&secret, "satisfaction", "") }
    }

    /// The page of a closing, with an answer chosen already; following it answers nothing yet, because scanners of mail
    /// follow links too.
    #[must_use]
    pub fn to(&self, conversation: ConversationId, closing: EntryId, stars: u8) -> String {
        let named = format!("{conversation}.{closing}");
        let signature = self.seal.short(&[&named], SIGNATURE);
        format!("{}/{named}.{signature}?stars={stars}", self.base)
    }

    /// Of which closing of which conversation a link is; `None` where we did not make it.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<(ConversationId, EntryId)> {
        let (named, signature) = token.rsplit_once('.')?;
        let (conversation, closing) =
            named.split_once('.').filter(|_| self.seal.holds_short(&[named], signature, SIGNATURE))?;
        Some((conversation.parse().ok()?, closing.parse().ok()?))
    }
}
