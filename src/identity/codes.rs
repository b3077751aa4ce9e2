//! One-time codes, and links that do for one. Nothing of either is kept anywhere: both follow from a secret of the installation
//! and from what the challenge is called, so only who has the secret can make or check them. A message on its way has
//! [`MARK`] in their place until a channel gets it.

use std::{borrow::Cow, fmt};

use channels::Seal;
use contract::{ChallengeId, ConversationId, Outbound};

/// What stands for a code in everything that is kept or shown.
pub const MARK: &str = "••••••";
/// Where links lead, behind the public address.
pub const PATH: &str = "/verify/";
/// How many codes there are: those of six digits.
const CODES: u64 = 1_000_000;
/// Bytes of a link's seal.
const SEAL_BYTES: usize = 16;
/// Hexadecimal digits of an id in a link.
const ID_DIGITS: usize = 16;

/// Makes and checks the codes and links of one installation.
#[derive(Clone)]
pub struct Codes {
    codes: Seal,
    links: Seal,
    names: Seal,
}

impl fmt::Debug for Codes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Codes")
    }
}

impl Codes {
    /// Those of an installation, by its secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let seal = |purpose| Seal::new(secret, purpose, "");
        Self { codes: seal("code"), links: seal("verify"), names: seal("limit") }
    }

    /// The code of a challenge that an address was given. Of the 2⁶⁴ values that it is taken from, no code has more than a
    /// millionth of a millionth more than another.
    fn code(&self, challenge: ChallengeId, address: &str) -> u64 {
        let digits = self.codes.short(&[&challenge.to_string(), address], 8);
        u64::from_str_radix(&digits, 16).unwrap_or_default() % CODES
    }

    /// Whether that is the code. Two numbers are compared, which takes the same time whatever differs.
    #[must_use]
    pub fn holds(&self, challenge: ChallengeId, address: &str, typed: u32) -> bool {
        self.code(challenge, address) == u64::from(typed)
    }

    /// A short name for what is counted, from which nobody learns what it is.
    #[must_use]
    pub fn name(&self, parts: &[&str]) -> String {
        self.names.short(parts, SEAL_BYTES)
    }

    /// The part of a link behind [`PATH`].
    #[must_use]
    pub fn token(&self, conversation: ConversationId, challenge: ChallengeId) -> String {
        let ids = format!("{:0ID_DIGITS$x}{:0ID_DIGITS$x}", conversation.get(), challenge.get());
        let seal = self.links.short(&[&ids], SEAL_BYTES);
        ids + &seal
    }

    /// What a link names, if it is one of ours.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<(ConversationId, ChallengeId)> {
        let (ids, seal) = token.split_at_checked(2 * ID_DIGITS)?;
        if !self.links.holds_short(&[ids], seal, SEAL_BYTES) {
            return None;
        }
        let id = |digits: &str| u64::from_str_radix(digits, 16).ok();
        let (conversation, challenge) = ids.split_at_checked(ID_DIGITS)?;
        Some((id(conversation)?.into(), id(challenge)?.into()))
    }

    /// What stands for a link in everything that is kept or shown. `public_url` is where browsers reach the daemon, without a
    /// slash at the end.
    #[must_use]
    pub fn link_mark(public_url: &str) -> String {
        format!("{public_url}{PATH}{MARK}")
    }

    /// A message as its channel gets it. The daemon that wrote it may have another public address.
    #[must_use]
    pub fn revealed<'a>(&self, outbound: &'a Outbound) -> Cow<'a, Outbound> {
        let Some(challenge) = outbound.body.challenge else { return Cow::Borrowed(outbound) };
        let token = self.token(outbound.conversation, challenge);
        let code = format!("{:06}", self.code(challenge, &outbound.to.handle));
        let mut revealed = outbound.clone();
        revealed.body.challenge = None;
        revealed.body.text =
            outbound.body.text.replace(&Self::link_mark(""), &format!("{PATH}{token}")).replace(MARK, &code);
        Cow::Owned(revealed)
    }
}

#[cfg(test)]
mod tests {
    use contract::{Address, Author, Body};

    use super::*;

    fn codes() -> Codes {
        Codes::new(&[7; 32])
    }

    #[test]
    fn a_code_is_of_one_challenge_address_and_installation() {
        let code = u32::try_from(codes().code(1.into(), "li@example.com")).unwrap();
        assert!(codes().holds(1.into(), "li@example.com", code));
        assert!(!codes().holds(1.into(), "li@example.com", (code + 1) % 1_000_000));
        assert!(!codes().holds(2.into(), "li@example.com", code));
        assert!(!codes().holds(1.into(), "mei@example.com", code));
        assert!(!Codes::new(&[8; 32]).holds(1.into(), "li@example.com", code));
    }

    #[test]
    fn a_link_names_its_challenge_and_cannot_be_made_up() {
        let token = codes().token(3.into(), 4.into());
        assert_eq!(codes().read(&token), Some((3.into(), 4.into())));
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric()), "it stands in mails: {token}");
        let other = codes().token(3.into(), 5.into());
        let forged = format!("{}{}", &other[..32], &token[32..]);
        for wrong in ["", "x", "验证", &token[1..], &format!("{token}0"), &forged] {
            assert_eq!(codes().read(wrong), None, "{wrong}");
        }
        assert_eq!(Codes::new(&[8; 32]).read(&token), None);
    }

    #[test]
    fn only_what_a_channel_gets_has_the_code() {
        let text = format!("Your code is {MARK}. Or open {}.", Codes::link_mark("https://chat.example.com"));
        let mut outbound = Outbound {
            id: 1.into(),
            conversation: 3.into(),
            channel: "mail".into(),
            to: Address { space: "email".into(), handle: "li@example.com".into() },
            thread: "t".into(),
            queue: None,
            author: Author::Bot,
            body: Body { challenge: Some(4.into()), ..Body::text(text.clone()) },
            in_reply_to: None,
        };
        let code = codes().code(4.into(), "li@example.com");
        let expected = format!(
            "Your code is {code:06}. Or open https://chat.example.com/verify/{}.",
            codes().token(3.into(), 4.into())
        );
        assert_eq!(codes().revealed(&outbound).body.text, expected);
        outbound.body.challenge = None;
        assert_eq!(codes().revealed(&outbound).body.text, text, "what only looks so stays");
    }
}
