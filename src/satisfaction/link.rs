//! Links to the page on which a customer rates: signed, so that whoever follows one has it from us.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{ConversationId, EntryId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How many bytes of the signature stand in a link.
const SIGNATURE: usize = 16;

/// Makes and reads them. Cheap to clone.
#[derive(Clone)]
pub struct RatingLinks {
    base: String,
    secret: [u8; 32],
}

impl RatingLinks {
    /// Below the address at which browsers reach the daemon.
    #[must_use]
    pub fn new(public_url: &str, secret: [u8; 32]) -> Self {
        Self { base: format!("{}/satisfaction", public_url.trim_end_matches('/')), secret }
    }

    /// The page of a closing, with an answer chosen already; following it answers nothing yet, because scanners of mail
    /// follow links too.
    #[must_use]
    pub fn to(&self, conversation: ConversationId, closing: EntryId, stars: u8) -> String {
        let named = format!("{conversation}.{closing}");
        let signature = self.signed(&named).finalize().into_bytes();
        let signature = URL_SAFE_NO_PAD.encode(&signature[..SIGNATURE]);
        format!("{}/{named}.{signature}?stars={stars}", self.base)
    }

    /// Of which closing of which conversation a link is; `None` where we did not make it.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<(ConversationId, EntryId)> {
        let (named, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok().filter(|bytes| bytes.len() == SIGNATURE)?;
        self.signed(named).verify_truncated_left(&signature).ok()?;
        let (conversation, closing) = named.split_once('.')?;
        Some((conversation.parse().ok()?, closing.parse().ok()?))
    }

    fn signed(&self, named: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("a key of any length");
        mac.update(b"satisfaction/");
        mac.update(named.as_bytes());
        mac
    }
}
