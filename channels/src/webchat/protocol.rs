//! The frames of the socket, and what the visitor's ones mean. Pure: `cases/webchat/` is its specification.

use contract::{
    Attachment, AttachmentSource, Body, Button, Card, Content, ContentHash, EntryId, Inbound, Location, Reached,
    ThreadAuthor, ThreadEntry, ThreadStatus, Timestamp, clean_line, clean_text,
};
use serde::{Deserialize, Serialize};

use super::{
    KIND,
    identity::{User, Visitor},
};
use crate::{
    files::{FileLinks, SharedFile},
    seal::Seal,
};

/// The longest frame that is read, in bytes. A longer one ends the connection.
pub(super) const MAX_FRAME_BYTES: usize = 64 * 1024;
/// The longest text of one message, either way, in characters.
pub(super) const MAX_TEXT_CHARS: usize = 10_000;
const MAX_ATTACHMENTS: usize = 10;
const MAX_VALUE_CHARS: usize = 1000;

/// What a browser sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ClientFrame {
    /// First of all, once.
    Hello {
        /// From an earlier `ready`.
        token: Option<String>,
        user: Option<User>,
        /// The last entry that the browser has.
        after: Option<EntryId>,
    },
    Message {
        id: String,
        #[serde(default)]
        text: String,
        #[serde(default)]
        attachments: Vec<Uploaded>,
    },
    Postback {
        id: String,
        value: String,
        title: String,
    },
    Typing {
        on: bool,
    },
    Reached {
        /// The newest entry that has come this far; all before it have too.
        entry: EntryId,
        reached: Reached,
    },
    Ping,
}

/// What the browser is sent.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerFrame<'a> {
    /// The answer to `hello`, after the entries that there are.
    Ready {
        token: &'a str,
        /// Whether the visitor is a user whom the business vouches for.
        verified: bool,
        status: ThreadStatus,
    },
    /// The message of this id is durable.
    Accepted {
        id: &'a str,
        entry: EntryId,
    },
    /// The frame was not taken, the one of this id if it had one.
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        #[serde(flatten)]
        fault: &'a Fault,
    },
    Entries {
        entries: Vec<EntryShown>,
    },
    Status {
        status: ThreadStatus,
    },
    Typing {
        name: &'a str,
    },
    /// What the bot has written so far.
    Writing {
        text: &'a str,
    },
    Pong,
}

/// Why a frame was not taken.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Fault {
    /// A word for programs.
    pub(super) code: &'static str,
    /// A sentence for developers.
    pub(super) message: String,
    /// Seconds after which the same frame may be taken; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<u64>,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }
}

/// A file that was uploaded before, with the mark that the upload was answered with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Uploaded {
    name: String,
    media_type: String,
    hash: ContentHash,
    size: u64,
    proof: String,
}

impl Uploaded {
    /// What an upload by this visitor is answered with; `None` for a file that is not stored.
    pub(super) fn new(attachment: Attachment, visitor: &str, seal: &Seal) -> Option<Self> {
        let Attachment { name, media_type, source: AttachmentSource::Stored { hash, size } } = attachment else {
            return None;
        };
        let mut uploaded = Self { name, media_type, hash, size, proof: String::new() };
        uploaded.proof = uploaded.parts(visitor, |parts| seal.mark(parts));
        Some(uploaded)
    }

    /// The attachment, if this visitor uploaded it as it stands here.
    fn verified(self, visitor: &str, seal: &Seal) -> Option<Attachment> {
        let holds = self.parts(visitor, |parts| seal.holds(parts, &self.proof));
        holds.then_some(Attachment {
            name: self.name,
            media_type: self.media_type,
            source: AttachmentSource::Stored { hash: self.hash, size: self.size },
        })
    }

    fn parts<T>(&self, visitor: &str, with: impl FnOnce(&[&str]) -> T) -> T {
        with(&[visitor, &self.name, &self.media_type, &self.hash.to_string(), &self.size.to_string()])
    }
}

/// An entry as the browser sees it: never its HTML, and files as links.
#[derive(Debug, Serialize)]
pub(super) struct EntryShown {
    pub(super) id: EntryId,
    at: Timestamp,
    author: ThreadAuthor,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<SharedFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    buttons: Vec<Button>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cards: Vec<Card>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    /// The browser's own id of the message, for the visitor's messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl EntryShown {
    /// About its length in a frame, in bytes.
    pub(super) fn weight(&self) -> usize {
        let files: usize = self.attachments.iter().map(|file| file.name.len() + file.url.len()).sum();
        let cards: usize = self.cards.iter().map(card_weight).sum();
        200 + self.text.len() + files + 100 * (self.attachments.len() + self.buttons.len()) + cards
    }

    pub(super) fn new(entry: ThreadEntry, visitor: &Visitor, files: &FileLinks) -> Self {
        let Body { text, attachments, buttons, cards, location, .. } = entry.body;
        Self {
            id: entry.id,
            at: entry.at,
            author: entry.author,
            text,
            attachments: attachments.iter().map(|file| files.share(file)).collect(),
            buttons,
            cards,
            location,
            message: entry.external_id.and_then(|id| visitor.message_id(&id)),
        }
    }
}

/// About the length of a card, in bytes.
fn card_weight(card: &Card) -> usize {
    let parts = [&card.text, &card.image, &card.price, &card.link].into_iter().flatten().map(String::len);
    100 + card.title.len() + parts.sum::<usize>() + 300 * card.buttons.len()
}

impl Visitor {
    /// Ids are the browsers' own, so they count within one visitor: none can take another's.
    fn external_id(&self, id: &str) -> String {
        format!("{}/{id}", self.sender.address.handle)
    }

    fn message_id(&self, external_id: &str) -> Option<String> {
        Some(external_id.strip_prefix(&self.sender.address.handle)?.strip_prefix('/')?.to_owned())
    }

    /// A message or postback of theirs.
    fn inbound(&self, channel: &str, id: &str, content: Content) -> Inbound {
        Inbound {
            channel: channel.to_owned(),
            kind: KIND.to_owned(),
            external_id: self.external_id(id),
            thread: self.sender.address.handle.clone(),
            from: self.sender.clone(),
            content,
            sent_at: None,
            automatic: false,
            related: None,
        }
    }
}

/// Reads a frame.
pub(super) fn read(text: &str) -> Result<ClientFrame, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::new("malformed", clean_line(&error.to_string(), 300)))
}

/// The visitor's message: at most [`MAX_TEXT_CHARS`] and ten files of their own.
pub(super) fn message(
    channel: &str,
    visitor: &Visitor,
    seal: &Seal,
    (id, text, attachments): (&str, &str, Vec<Uploaded>),
) -> Result<Inbound, Fault> {
    check_id(id)?;
    let text = clean_text(text);
    if text.chars().nth(MAX_TEXT_CHARS).is_some() {
        return Err(Fault::new("too_long", format!("a message has at most {MAX_TEXT_CHARS} characters")));
    }
    if attachments.len() > MAX_ATTACHMENTS {
        return Err(Fault::new("too_many_files", format!("a message has at most {MAX_ATTACHMENTS} files")));
    }
    if text.is_empty() && attachments.is_empty() {
        return Err(Fault::new("empty", "a message needs text that shows, or a file"));
    }
    let attachments = attachments
        .into_iter()
        .map(|file| {
            file.verified(&visitor.id, seal)
                .ok_or_else(|| Fault::new("unknown_file", "send a file's entry as the upload was answered, unchanged"))
        })
        .collect::<Result<_, _>>()?;
    Ok(visitor.inbound(channel, id, Content::Message(Body { attachments, ..Body::text(text) })))
}

/// A button that the visitor pressed.
pub(super) fn postback(
    channel: &str,
    visitor: &Visitor,
    (id, value, title): (&str, &str, &str),
) -> Result<Inbound, Fault> {
    check_id(id)?;
    if value.chars().nth(MAX_VALUE_CHARS).is_some() {
        return Err(Fault::new("too_long", format!("a button's value has at most {MAX_VALUE_CHARS} characters")));
    }
    let title = clean_line(title, MAX_VALUE_CHARS);
    if title.is_empty() {
        return Err(Fault::new("empty", "a button needs a title"));
    }
    Ok(visitor.inbound(channel, id, Content::Postback { value: clean_text(value), title }))
}

/// Only a UUID is as good as unique; a counter would make a second message look like the first.
fn check_id(id: &str) -> Result<(), Fault> {
    let fits = id.len() == 36
        && id.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if fits { Ok(()) } else { Err(Fault::new("malformed", "`id` must be a UUID, a new one for every message")) }
}
