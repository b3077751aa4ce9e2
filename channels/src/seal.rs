//! Marks that only this installation can make: HMAC-SHA256 under a key of one purpose.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA256 of a message.
#[expect(clippy::expect_used, reason = "HMAC is defined for keys of every length")]
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// Makes and checks marks for one purpose of one channel. A mark of another purpose or channel never holds.
#[derive(Clone)]
pub struct Seal {
    key: [u8; 32],
}

impl Seal {
    /// The seal of one purpose, from the installation's secret.
    #[must_use]
    pub fn new(secret: &[u8; 32], purpose: &str, channel: &str) -> Self {
        let key = mac(secret, &[purpose.as_bytes(), b"\0", channel.as_bytes()]).finalize().into_bytes().into();
        Self { key }
    }

    /// The mark of these parts, 43 characters that are safe in URLs. The order and the borders of parts count.
    #[must_use]
    pub fn mark(&self, parts: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(self.digest(parts).finalize().into_bytes())
    }

    /// Whether the mark is the one of these parts; takes the same time whatever is wrong.
    #[must_use]
    pub fn holds(&self, parts: &[&str], mark: &str) -> bool {
        URL_SAFE_NO_PAD.decode(mark).is_ok_and(|mark| self.digest(parts).verify_slice(&mark).is_ok())
    }

    /// The first `bytes` of the mark in lower-case hexadecimal digits, for places that are short or lose case.
    #[must_use]
    pub fn short(&self, parts: &[&str], bytes: usize) -> String {
        hex::encode(&self.digest(parts).finalize().into_bytes()[..bytes])
    }

    /// Whether this is the short mark of these parts; takes the same time whatever is wrong.
    #[must_use]
    pub fn holds_short(&self, parts: &[&str], mark: &str, bytes: usize) -> bool {
        hex::decode(mark)
            .is_ok_and(|mark| mark.len() == bytes && self.digest(parts).verify_truncated_left(&mark).is_ok())
    }

    fn digest(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut digest = mac(&self.key, &[]);
        for part in parts {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_holds_for_its_parts_purpose_channel_and_secret_alone() {
        let seal = Seal::new(&[1; 32], "visitor", "shop");
        let mark = seal.mark(&["ab", "c"]);
        assert!(seal.holds(&["ab", "c"], &mark));
        assert!(!seal.holds(&["a", "bc"], &mark));
        assert!(!seal.holds(&["ab"], &mark));
        assert!(!Seal::new(&[1; 32], "visitor", "shop2").holds(&["ab", "c"], &mark));
        assert!(!Seal::new(&[1; 32], "file", "shop").holds(&["ab", "c"], &mark));
        assert!(!Seal::new(&[2; 32], "visitor", "shop").holds(&["ab", "c"], &mark));
        for wrong in ["", "x", &mark[1..], &format!("{mark}A"), "退货"] {
            assert!(!seal.holds(&["ab", "c"], wrong), "{wrong}");
        }
    }
}
