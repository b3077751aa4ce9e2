//! Signed requests by the Standard Webhooks specification 1.0 (github.com/standard-webhooks/standard-webhooks).
//!
//! The signature is HMAC-SHA256 over `id.timestamp.body`. It travels in three headers; `webhook-signature` is a list, so
//! that a sender can sign with an old and a new key while keys are changed.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{Rejected, Timestamp};
use hmac::Mac;
use secrecy::{ExposeSecret, SecretString};

use crate::seal::mac;

pub(crate) const ID: &str = "webhook-id";
pub(crate) const TIMESTAMP: &str = "webhook-timestamp";
pub(crate) const SIGNATURE: &str = "webhook-signature";

/// How far a time stamp may be from now, either way: a captured request is worthless after it.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// The most signatures of one request that are looked at.
const MAX_SIGNATURES: usize = 8;

/// The keys that a channel shares with the other system. The first one signs; every one verifies.
pub(crate) struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// Reads secrets of the form `whsec_<base64 of 24 to 64 bytes>`.
    pub(crate) fn parse(secrets: &[SecretString]) -> Result<Self, String> {
        if secrets.is_empty() {
            return Err("`secrets` needs at least one secret".to_owned());
        }
        let read = |(index, secret): (usize, &SecretString)| {
            secret
                .expose_secret()
                .strip_prefix("whsec_")
                .and_then(|text| STANDARD.decode(text).ok())
                .filter(|key| (24..=64).contains(&key.len()))
                .ok_or_else(|| {
                    format!(
                        "`secrets[{index}]` is not `whsec_` and the base64 of 24 to 64 random bytes; make one with \
                         `echo whsec_$(openssl rand -base64 32)`"
                    )
                })
        };
        secrets.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The value of `webhook-signature`, made with the first key.
    #[expect(clippy::expect_used, reason = "base64 is visible ASCII")]
    pub(crate) fn sign(&self, id: &str, timestamp: Timestamp, body: &[u8]) -> HeaderValue {
        let seconds = timestamp.as_second().to_string();
        let signature = mac(&self.0[0], &[id.as_bytes(), b".", seconds.as_bytes(), b".", body]).finalize();
        let text = format!("v1,{}", STANDARD.encode(signature.into_bytes()));
        HeaderValue::from_str(&text).expect("base64 is visible ASCII")
    }

    /// Whether the three headers are there and fresh: what can be said before the body has been read.
    pub(crate) fn check_headers(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), Rejected> {
        Envelope::read(headers, now).map(drop)
    }

    /// Whether one of the keys signed this body, and lately.
    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Rejected> {
        let envelope = Envelope::read(headers, now)?;
        let content: [&[u8]; 5] = [envelope.id.as_bytes(), b".", envelope.timestamp.as_bytes(), b".", body];
        let given: Vec<Vec<u8>> = envelope
            .signatures
            .split(' ')
            .take(MAX_SIGNATURES)
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .collect();
        let signed = self.0.iter().any(|key| {
            let expected = mac(key, &content);
            given.iter().any(|signature| expected.clone().verify_slice(signature).is_ok())
        });
        if signed { Ok(()) } else { Err(Rejected::Unauthentic) }
    }
}

struct Envelope<'a> {
    id: &'a str,
    timestamp: &'a str,
    signatures: &'a str,
}

impl<'a> Envelope<'a> {
    fn read(headers: &'a HeaderMap, now: Timestamp) -> Result<Self, Rejected> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(Rejected::Unauthentic);
        let envelope = Self { id: text(ID)?, timestamp: text(TIMESTAMP)?, signatures: text(SIGNATURE)? };
        let seconds: i64 = envelope.timestamp.parse().map_err(|_| Rejected::Unauthentic)?;
        let fresh = now.as_second().abs_diff(seconds) <= TOLERANCE.as_secs();
        if fresh && !envelope.id.is_empty() { Ok(envelope) } else { Err(Rejected::Unauthentic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&str]) -> Keys {
        Keys::parse(&secrets.iter().map(|&s| SecretString::from(s)).collect::<Vec<_>>()).unwrap()
    }

    fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
        [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    /// The example that the specification's reference libraries test themselves with.
    #[test]
    fn the_published_example_verifies() {
        let body = br#"{"test": 2432232314}"#;
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let keys = keys(&[OLD]);
        assert_eq!(keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body), signature);
        assert_eq!(keys.verify(&headers("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", signature), body, at), Ok(()));
    }

    #[test]
    fn every_part_counts() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let (old, new, both) = (keys(&[OLD]), keys(&[NEW]), keys(&[NEW, OLD]));
        let good = old.sign("m1", now, b"{}").to_str().unwrap().to_owned();
        let other = new.sign("m1", now, b"{}").to_str().unwrap().to_owned();
        let at = "1800000000";
        let rows = [
            (&old, "m1", at, good.clone(), "{}", true),
            (&both, "m1", at, good.clone(), "{}", true),
            (&both, "m1", at, other.clone(), "{}", true),
            (&old, "m1", at, format!("v1a,AAAA v1,!! {other} {good}"), "{}", true),
            (&old, "m1", at, other, "{}", false),
            (&old, "m2", at, good.clone(), "{}", false),
            (&old, "m1", "1800000001", good.clone(), "{}", false),
            (&old, "m1", "now", good.clone(), "{}", false),
            (&old, "m1", at, good.clone(), "{ }", false),
            (&old, "m1", at, good.replace("v1,", "v2,"), "{}", false),
            (&old, "m1", at, format!("{}{good}", "v1,AAAA ".repeat(MAX_SIGNATURES)), "{}", false),
        ];
        for (keys, id, timestamp, signature, body, holds) in rows {
            let verdict = keys.verify(&headers(id, timestamp, &signature), body.as_bytes(), now);
            assert_eq!(verdict.is_ok(), holds, "{id} {timestamp} {signature}");
        }
        assert!(old.verify(&HeaderMap::new(), b"{}", now).is_err());
    }

    #[test]
    fn a_signature_holds_for_five_minutes_either_way() {
        let signed = Timestamp::from_second(1_800_000_000).unwrap();
        let keys = keys(&[OLD]);
        let headers = headers("m1", "1800000000", keys.sign("m1", signed, b"{}").to_str().unwrap());
        for (offset, holds) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            let now = Timestamp::from_second(1_800_000_000 + offset).unwrap();
            assert_eq!(keys.verify(&headers, b"{}", now).is_ok(), holds, "{offset}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_signed_verifies(id in "[!-~]{1,60}", body: Vec<u8>, at in 0_i64..4_000_000_000) {
            let now = Timestamp::from_second(at).unwrap();
            let keys = keys(&[NEW, OLD]);
            let headers = headers(&id, &at.to_string(), keys.sign(&id, now, &body).to_str().unwrap());
            assert_eq!(keys.verify(&headers, &body, now), Ok(()));
        }
    }
}
