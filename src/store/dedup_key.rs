//! Under what key the same platform message is recognised when it comes again.

use contract::Inbound;
use sha2::{Digest, Sha256};

/// The key of a platform message: the first half of the SHA-256 of its channel and external id.
pub type DedupKey = [u8; 16];

/// The key of this message, or `None` when the platform gave it no id: such a message equals no other.
#[must_use]
pub fn dedup_key(inbound: &Inbound) -> Option<DedupKey> {
    if inbound.external_id.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(inbound.channel.as_bytes());
    hash.update([0]);
    hash.update(inbound.external_id.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut key = DedupKey::default();
    key.copy_from_slice(&digest[..16]);
    Some(key)
}
