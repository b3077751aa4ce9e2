//! What a message is, whichever platform it came from or goes to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Attachment, Card, ChallengeId, ContentHash, ConversationId, OutboundId, Timestamp, said_by};

/// A customer's handle on one kind of channel: an email address, a Telegram user id, a visitor's id.
///
/// Unique together: two customers never share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// The kind of channel, and for kinds whose handles are only unique within one configured channel (web chat,
    /// HTTP) the channel's name too: `email`, `telegram`, `webchat:shop`.
    pub space: String,
    /// The platform's own text for the person, normalised by the adapter (lower-case for email).
    pub handle: String,
}

/// Who wrote an inbound message, as far as the channel knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sender {
    /// Where they can be answered.
    pub address: Address,
    /// A display name. Never trusted for identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An email address, normalised by [`normalise_email`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A phone number, normalised by [`normalise_phone`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Whether the channel vouches that `email` belongs to this person: only then may it join two customers.
    #[serde(default)]
    pub email_verified: bool,
    /// The same for `phone`.
    #[serde(default)]
    pub phone_verified: bool,
    /// Facts of the business's own about the person (`tier: gold`), set only by channels that can vouch for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// One normalised message, coming from a customer. What the inbox stores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inbound {
    /// The name of the configured channel.
    pub channel: String,
    /// The kind of channel: `webchat`, `http`, `email`, …
    pub kind: String,
    /// The platform's id of the message. The same (channel, external id) is one message, however often it is
    /// delivered; an empty one never equals another.
    pub external_id: String,
    /// The thread on the platform. Messages of one (channel, thread) belong to one conversation at a time and are
    /// processed in order.
    pub thread: String,
    /// Who wrote it.
    pub from: Sender,
    /// What they wrote or did.
    pub content: Content,
    /// When the platform says it was written. A claim: never used for ordering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// Whether the platform says that a machine wrote it: an auto-reply, a bounce, a mailing list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// The thread that the writer says it belongs to, where they have no part in that one: this is another thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<String>,
}

/// What a customer did. Things that need no answer and may be lost (typing, read, receipts) are
/// [`Notice`](crate::Notice)s instead and never enter the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// They wrote something.
    Message(Body),
    /// They pressed a button that Switchboard had sent.
    Postback {
        /// The button's own value.
        value: String,
        /// The button's label, which is what the transcript shows.
        title: String,
    },
    /// They reacted to an earlier message; an empty emoji takes the reaction back.
    Reaction {
        /// The platform's id of the message reacted to.
        to: String,
        /// The emoji, or empty.
        emoji: String,
    },
    /// They changed an earlier message of theirs.
    Edit {
        /// The platform's id of the message changed.
        of: String,
        /// What it says now.
        body: Body,
    },
    /// They took back an earlier message of theirs.
    Delete {
        /// The platform's id of the message deleted.
        of: String,
    },
    /// The platform gives back a message of ours that it had taken: it did not reach them. Never routed.
    Bounce {
        /// Which one. The adapter vouches that it went to this thread.
        outbound: OutboundId,
        /// Why, in the platform's words.
        reason: String,
    },
    /// Something that Switchboard does not know: kept as it came, and never routed.
    Other {
        /// The platform's word for it.
        what: String,
        /// As it came.
        raw: String,
    },
}

impl Content {
    /// The text that rules, classifier and bot read: what was written, or what the button says that was pressed
    /// ([`Button::says`]), or else its label.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Message(body) | Self::Edit { body, .. } => &body.text,
            Self::Postback { value, title } => said_by(value).unwrap_or(title),
            Self::Reaction { emoji, .. } => emoji,
            Self::Delete { .. } | Self::Bounce { .. } | Self::Other { .. } => "",
        }
    }

    /// What a button says for the customer that was pressed; `None` where nothing was, or where it says nothing.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::Postback { value, .. } => said_by(value),
            _ => None,
        }
    }

    /// The written body, if there is one.
    #[must_use]
    pub fn body(&self) -> Option<&Body> {
        match self {
            Self::Message(body) | Self::Edit { body, .. } => Some(body),
            _ => None,
        }
    }

    /// The written body, to be changed.
    pub fn body_mut(&mut self) -> Option<&mut Body> {
        match self {
            Self::Message(body) | Self::Edit { body, .. } => Some(body),
            _ => None,
        }
    }

    /// The platform's id of the earlier message that was reacted to, changed or taken back.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        match self {
            Self::Reaction { to: of, .. } | Self::Edit { of, .. } | Self::Delete { of } => Some(of),
            Self::Message(_) | Self::Postback { .. } | Self::Bounce { .. } | Self::Other { .. } => None,
        }
    }

    /// The word that rules see as `message.event`.
    #[must_use]
    pub fn event(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Postback { .. } => "postback",
            Self::Reaction { .. } => "reaction",
            Self::Edit { .. } => "edit",
            Self::Delete { .. } => "delete",
            Self::Bounce { .. } => "bounce",
            Self::Other { .. } => "other",
        }
    }
}

/// Something written, by a customer, a bot or an agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Plain text, UTF-8, cleaned by [`clean_text`](crate::clean_text). Empty when there are only attachments.
    pub text: String,
    /// The same as HTML, as it came: hostile until cleaned, so never shown as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// A subject line, where the platform has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Files. Their bytes are elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Those of them that `html` shows, by the name that it gives them: what follows `cid:` (RFC 2392).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<String, ContentHash>,
    /// The whole as it came, where `text` is only a part: a mail with its history and headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Attachment>,
    /// Whose one-time code and link belong into `text`, which has a mark in their place until the channel gets it: they are
    /// kept nowhere. Outbound only, and never seen by a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<ChallengeId>,
    /// A place on the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Choices to press. Outbound only; channels without buttons write them as numbered lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
    /// What is shown with pictures and buttons, behind the text. Outbound only; channels without cards write them as
    /// lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<Card>,
}

impl Body {
    /// A body of plain text and nothing else.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// A place on the map, WGS 84.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
    /// What the sender calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A choice that the customer can press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What it says.
    pub title: String,
    /// What pressing it does.
    #[serde(flatten)]
    pub action: ButtonAction,
}

/// What pressing a button does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonAction {
    /// Comes back as [`Content::Postback`] with this value.
    Postback(String),
    /// Opens this page.
    Url(String),
}

/// Who speaks for the company in an outbound message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Author {
    /// The bot: an answer from knowledge, or a template that a rule sent.
    Bot,
    /// A person, by the name that customers see.
    Agent {
        /// The name that customers see.
        name: String,
    },
    /// Switchboard itself: "you are third in line".
    System,
}

/// One message on its way to a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outbound {
    /// Stable over retries, so that a platform or a peer can drop doubles.
    pub id: OutboundId,
    /// The conversation that it belongs to.
    pub conversation: ConversationId,
    /// The name of the configured channel that sends it.
    pub channel: String,
    /// Who gets it.
    pub to: Address,
    /// The thread on the platform, as it was in the [`Inbound`].
    pub thread: String,
    /// The queue that the conversation was handed to, for platforms where queues look different.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Who speaks.
    pub author: Author,
    /// What is said.
    pub body: Body,
    /// The platform's id of the message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_reply_to: Option<String>,
}

/// How far an outbound message is known to have come, by a platform's receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// On the customer's device.
    Delivered,
    /// Seen by the customer.
    Read,
}

/// Why a payload is not a message. Decoding is pure: `(headers, bytes) → Result<Vec<Inbound>, Rejected>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The payload cannot be read: what is wrong, where, and what would be right. Answered 400.
    #[error("{0}")]
    Malformed(String),
    /// The signature, token or time stamp does not hold. Answered 401, without saying which part failed.
    #[error("the request is not signed by a key of this channel")]
    Unauthentic,
    /// More of something than the channel takes. Answered 413.
    #[error("{0}")]
    TooLarge(String),
}

/// An email address as the key of a customer: trimmed, lower-case, and of the shape `local@domain`.
///
/// Dots and `+tags` stay, because most providers tell them apart.
#[must_use]
pub fn normalise_email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let fits = !local.is_empty()
        && text.len() <= 254
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>(),;\"".contains(c));
    fits.then(|| text.to_lowercase())
}

/// A phone number as the key of a customer: E.164, `+` and 8 to 15 digits.
///
/// `00` at the start is read as `+`. A number without a country code is refused, because it names two people in
/// two countries.
#[must_use]
pub fn normalise_phone(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '\u{a0}')).collect();
    let digits = compact.strip_prefix('+').or_else(|| compact.strip_prefix("00"))?;
    let fits =
        (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    fits.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_that_name_one_person_get_one_key() {
        assert_eq!(normalise_email(" Li.Wei@Example.COM ").as_deref(), Some("li.wei@example.com"));
        for wrong in ["", "@example.com", "a@", "a@b", "a b@example.com", "a@.com", "<a@example.com>"] {
            assert_eq!(normalise_email(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn phones_need_their_country() {
        assert_eq!(normalise_phone("+86 138-0013-8000").as_deref(), Some("+8613800138000"));
        assert_eq!(normalise_phone("0044 20 7946 0958").as_deref(), Some("+442079460958"));
        for wrong in ["13800138000", "+0123456789", "+12", "+1234567890123456", "+86x38001380"] {
            assert_eq!(normalise_phone(wrong), None, "{wrong}");
        }
    }
}
