//! What a mail is: a letter, a report that one of ours did not arrive, or nothing to anybody. Pure.

use contract::{ContentHash, Sender, Timestamp};
use mail_parser::MessageParser;

use super::{
    automatic::{self, Bounce, Origin},
    content::{MailContent, content},
    sender::sender,
    thread::{Hint, Marks, own_id, references_of_reply},
};

/// What a mail is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decoded {
    /// Somebody wrote to us, or something did.
    Letter(Box<Letter>),
    /// A mail did not arrive.
    Bounce(Bounce),
    /// It is for nobody, for this reason.
    Ignored(&'static str),
    /// It cannot be made out, for this reason.
    Unreadable(&'static str),
}

/// A mail to us.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Letter {
    /// Where it says that it belongs.
    pub(super) hints: Vec<Hint>,
    /// What an answer lists as its `References`, oldest first.
    pub(super) references: Vec<String>,
    pub(super) from: Sender,
    pub(super) content: MailContent,
    pub(super) sent_at: Option<Timestamp>,
    /// Whether a machine wrote it.
    pub(super) automatic: bool,
}

/// The mail's name: its Message-ID, else the hash of its bytes; and what it is.
pub(super) fn decode(raw: &[u8], marks: &Marks, trusted: &[String]) -> (String, Decoded) {
    let mail = MessageParser::new().parse(raw);
    let id = mail.as_ref().and_then(own_id).unwrap_or_else(|| format!("sha256:{}", ContentHash::of(raw)));
    let Some(mail) = mail else { return (id, Decoded::Unreadable("this is not a mail")) };
    let automatic = match automatic::origin(&mail, raw, marks) {
        Origin::Person => false,
        Origin::Machine => true,
        Origin::Ourselves => return (id, Decoded::Ignored("it is our own")),
        Origin::Progress => {
            return (id, Decoded::Ignored("a server reports that it is still trying, or has delivered"));
        }
        Origin::Bounce(bounce) => return (id, Decoded::Bounce(bounce)),
    };
    let Some(from) = sender(&mail, trusted) else {
        return (id, Decoded::Unreadable("it names no sender who could be answered"));
    };
    let mut content = content(&mail);
    if content.text.is_empty() && content.files.is_empty() {
        content.text = content.subject.clone().unwrap_or_default();
    }
    let letter = Letter {
        hints: marks.hints(&mail),
        references: references_of_reply(&mail),
        automatic: automatic || marks.is_ours(&from.address.handle),
        sent_at: mail.date().and_then(|date| Timestamp::from_second(date.to_timestamp()).ok()),
        from,
        content,
    };
    (id, Decoded::Letter(Box::new(letter)))
}
