//! Who a visitor is: a signed token for everyone, and a user of the business for those whom its server vouches for.
//!
//! A page's script can claim anything, so each claim that matters carries an HMAC-SHA256 made by the business's own
//! server under a secret that never reaches a browser: the user's id (as Intercom and Chatwoot do), and, separately
//! and bound to that id, their email, phone and attributes.

use std::collections::BTreeMap;

use contract::{Address, Sender, clean_line, normalise_email, normalise_phone};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::KIND;
use crate::seal::{Seal, mac};

const MIN_SECRET_BYTES: usize = 16;
const MAX_ID_BYTES: usize = 200;
const MAX_NAME_CHARS: usize = 200;
const MAX_ATTRIBUTES: usize = 50;
const MAX_VALUE_CHARS: usize = 1000;

/// Makes and checks visitors of one channel.
pub(super) struct Identity {
    channel: String,
    tokens: Seal,
    uploads: Seal,
    secrets: Vec<SecretString>,
}

/// Who is at the other end of a socket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Visitor {
    /// 128 random bits, as 22 characters; what the token proves.
    pub(super) id: String,
    /// Who they are to the rest of Switchboard.
    pub(super) sender: Sender,
}

/// What a page says about its user.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    id: Option<String>,
    hash: Option<String>,
    name: Option<String>,
    email: Option<String>,
    email_hash: Option<String>,
    phone: Option<String>,
    phone_hash: Option<String>,
    /// A JSON object of texts, as the text that was signed.
    attributes: Option<String>,
    attributes_hash: Option<String>,
}

impl Identity {
    pub(super) fn new(secret: &[u8; 32], channel: &str, secrets: &[SecretString]) -> Result<Self, String> {
        if let Some(index) = secrets.iter().position(|s| s.expose_secret().len() < MIN_SECRET_BYTES) {
            return Err(format!(
                "`identity_secrets[{index}]` is shorter than {MIN_SECRET_BYTES} characters; make one with \
                 `openssl rand -hex 32`"
            ));
        }
        Ok(Self {
            channel: channel.to_owned(),
            tokens: Seal::new(secret, "visitor", channel),
            uploads: Seal::new(secret, "upload", channel),
            secrets: secrets.to_vec(),
        })
    }

    /// Marks what a visitor has uploaded as theirs.
    pub(super) fn uploads(&self) -> &Seal {
        &self.uploads
    }

    /// A visitor nobody has seen before.
    pub(super) fn new_visitor(&self) -> String {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
    }

    /// What the browser keeps: `visitor.mark`.
    pub(super) fn token(&self, visitor: &str) -> String {
        format!("{visitor}.{}", self.tokens.mark(&[visitor]))
    }

    /// The visitor whom a token names, if it is one of ours.
    pub(super) fn visitor_of(&self, token: &str) -> Option<String> {
        let (visitor, mark) = token.split_once('.')?;
        self.tokens.holds(&[visitor], mark).then(|| visitor.to_owned())
    }

    /// The visitor as a sender. A hash that is given must hold; `id` and `attributes` need one; a name, an email or a
    /// phone number without one is kept as the claim that it is.
    ///
    /// # Errors
    /// What is not vouched for or malformed: one sentence for the page's developer.
    pub(super) fn recognise(&self, visitor: String, user: User) -> Result<Visitor, String> {
        let User { id, hash, name, email, email_hash, phone, phone_hash, attributes, attributes_hash } = user;
        let handle = match &id {
            Some(id) => format!("user:{}", self.vouched_id(id, hash.as_deref())?),
            None => visitor.clone(),
        };
        let vouched =
            |field, value: Option<&str>, hash: Option<&str>| self.vouched_field(id.as_deref(), field, value, hash);
        let email = email.as_deref().and_then(normalise_email);
        let phone = phone.as_deref().and_then(normalise_phone);
        let email_verified = vouched("email", email.as_deref(), email_hash.as_deref())?;
        let phone_verified = vouched("phone", phone.as_deref(), phone_hash.as_deref())?;
        let attributes = match attributes {
            Some(text) if vouched("attributes", Some(&text), attributes_hash.as_deref())? => read_attributes(&text)?,
            Some(_) => return Err("`user.attributes` needs `user.attributes_hash`".to_owned()),
            None => BTreeMap::new(),
        };
        let sender = Sender {
            address: Address { space: format!("{KIND}:{}", self.channel), handle },
            name: name.map(|name| clean_line(&name, MAX_NAME_CHARS)).filter(|name| !name.is_empty()),
            email,
            phone,
            email_verified,
            phone_verified,
            attributes,
        };
        Ok(Visitor { id: visitor, sender })
    }

    fn vouched_id<'a>(&self, id: &'a str, hash: Option<&str>) -> Result<&'a str, String> {
        if id.is_empty() || id.len() > MAX_ID_BYTES || clean_line(id, MAX_ID_BYTES) != id {
            return Err(format!("`user.id` must be 1 to {MAX_ID_BYTES} bytes without control characters"));
        }
        if self.secrets.is_empty() {
            let channel = &self.channel;
            return Err(format!("`user.id` needs `identity_secrets` in the configuration of channel \"{channel}\""));
        }
        if hash.is_some_and(|hash| self.vouches(id, hash)) {
            return Ok(id);
        }
        Err("`user.hash` is not the hexadecimal HMAC-SHA256 of `user.id` under one of this channel's \
             `identity_secrets`; make it on your server"
            .to_owned())
    }

    /// Whether the business vouches for one field of this user. The signed text is `field`, the user's id and the value,
    /// each on a line: bound to the id, so that no hash fits another user, and never the text of an id.
    fn vouched_field(
        &self,
        id: Option<&str>,
        field: &str,
        value: Option<&str>,
        hash: Option<&str>,
    ) -> Result<bool, String> {
        match (id, value, hash) {
            (_, _, None) => Ok(false),
            (Some(id), Some(value), Some(hash)) if self.vouches(&[field, id, value].join("\n"), hash) => Ok(true),
            _ => Err(format!(
                "`user.{field}_hash` is not the hexadecimal HMAC-SHA256 of \"{field}\", `user.id` and the normalised \
                 `user.{field}`, joined by line feeds"
            )),
        }
    }

    fn vouches(&self, message: &str, hash: &str) -> bool {
        use hmac::Mac;
        let Ok(hash) = hex::decode(hash) else { return false };
        self.secrets
            .iter()
            .any(|secret| mac(secret.expose_secret().as_bytes(), &[message.as_bytes()]).verify_slice(&hash).is_ok())
    }
}

fn read_attributes(text: &str) -> Result<BTreeMap<String, String>, String> {
    let attributes: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|_| "`user.attributes` must be the text of a JSON object whose values are texts".to_owned())?;
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(format!("`user.attributes` has more than {MAX_ATTRIBUTES} entries"));
    }
    let clean =
        |(name, value): (String, String)| (clean_line(&name, MAX_NAME_CHARS), clean_line(&value, MAX_VALUE_CHARS));
    Ok(attributes.into_iter().map(clean).filter(|(name, _)| !name.is_empty()).collect())
}
