//! How customers liked it: what a rule asks after a closing, and what an answer to that is. Pure; a message that is none goes
//! its usual way.

mod link;
mod rating;
#[cfg(test)]
mod tests;

use contract::{Body, Button, ButtonAction, Content, EntryId, Timestamp, truncate_chars};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use link::RatingLinks;
pub use rating::Rating;

use crate::{
    store::conversation::{Conversation, Owner},
    understand::Signals,
};

/// For how long after a rating the next words may be what the customer has to say about it.
const REMARK_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// From which wish for a person on a message is none.
const WANTS_HUMAN: f32 = 0.5;
/// The longest comment that is kept, in characters.
pub const COMMENT_CHARS: usize = 1_000;
/// What the value of a button begins with.
const BUTTON: &str = "satisfaction:";
/// What the buttons say, from 1 to 5.
const FACES: [&str; 5] = ["1 😞", "2 🙁", "3 😐", "4 🙂", "5 😀"];

/// What a customer was asked after a closing, and answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Satisfaction {
    /// The entry of the rule that asked: names the closing.
    pub closing: EntryId,
    /// Until when an answer counts.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub until: Timestamp,
    /// The template that says thank you.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thanks: Option<String>,
    /// The answer, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// When it came, or was changed.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::microsecond::optional"
    )]
    pub rated_at: Option<Timestamp>,
    /// What the customer has said about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// What a message is to the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A rating, or another one.
    Rated(Rating),
    /// What the customer has to say about it.
    Comment,
    /// A button of an earlier closing, or pressed too late.
    Late,
}

impl Satisfaction {
    /// One that was just asked; an answer counts for `within` seconds.
    #[must_use]
    pub fn asked(closing: EntryId, now: Timestamp, within: u64, thanks: Option<String>) -> Self {
        let within = SignedDuration::from_secs(i64::try_from(within).unwrap_or(i64::MAX / 1_000_000_000));
        let until = now.checked_add(within).unwrap_or(Timestamp::MAX);
        Self { closing, until, thanks, rating: None, rated_at: None, comment: String::new() }
    }

    /// Notes a rating, and says which one it replaces. `None` where it says nothing new.
    pub fn rate(&mut self, rating: &Rating, now: Timestamp) -> Option<Option<u8>> {
        let says_more = !rating.comment.is_empty() && rating.comment != self.comment;
        if self.rating == Some(rating.stars) && !says_more {
            return None;
        }
        if says_more {
            self.comment.clone_from(&rating.comment);
        }
        self.rated_at = Some(now);
        Some(self.rating.replace(rating.stars))
    }
}

/// The question, with an answer to press a button: one that comes back or, with `links`, one that opens a page.
#[must_use]
pub fn question(text: String, conversation: &Conversation, closing: EntryId, links: Option<&RatingLinks>) -> Body {
    let button = |(stars, title): (u8, &str)| Button {
        title: title.to_owned(),
        action: match links {
            Some(links) => ButtonAction::Url(links.to(conversation.id, closing, stars)),
            None => ButtonAction::Postback(format!("{BUTTON}{closing}:{stars}")),
        },
    };
    Body { buttons: (1..).zip(FACES).map(button).collect(), ..Body::text(text) }
}

/// Whether a message answers what was asked after the last closing of its conversation.
#[must_use]
pub fn heard(conversation: &Conversation, content: &Content, signals: &Signals, now: Timestamp) -> Option<Heard> {
    let asked = conversation.satisfaction.as_deref().filter(|asked| now <= asked.until);
    match content {
        Content::Postback { value, .. } => {
            let (closing, stars) = value.strip_prefix(BUTTON)?.split_once(':')?;
            let rating =
                Rating::stars(stars).filter(|_| asked.is_some_and(|asked| asked.closing.to_string() == closing));
            Some(rating.map_or(Heard::Late, Heard::Rated))
        }
        Content::Message(body) if conversation.owner == Owner::Closed && body.attachments.is_empty() => {
            let asked = asked?;
            if let Some(rating) = Rating::read(&body.text) {
                return Some(Heard::Rated(rating));
            }
            let is_soon = asked.rated_at.is_some_and(|at| now.duration_since(at) <= REMARK_WITHIN);
            (is_soon && asked.comment.is_empty() && is_remark(&body.text, signals)).then_some(Heard::Comment)
        }
        _ => None,
    }
}

/// Whether words after a rating are about it, and want nothing.
fn is_remark(text: &str, signals: &Signals) -> bool {
    let asks = text.contains(['?', '？', '吗', '呢']) || signals.intent.as_ref().is_some_and(|intent| intent.known);
    let wants = signals.wants_human.known().is_some_and(|wants| *wants >= WANTS_HUMAN);
    !asks && !wants && !signals.automatic && !text.trim().is_empty()
}

/// A comment as it is kept.
#[must_use]
pub fn comment(text: &str) -> String {
    truncate_chars(contract::clean_text(text).trim(), COMMENT_CHARS).to_owned()
}
