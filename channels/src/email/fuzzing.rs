//! Mail as the fuzz targets see it: what was decoded, in public types.

use contract::Sender;

use super::{
    automatic::Bounce,
    decode::{Decoded, decode},
    reply,
    thread::{Hint, Marks},
};

/// What a mail is.
#[derive(Debug, Clone, PartialEq)]
pub enum Mail {
    /// Somebody wrote to us, or something did.
    Letter(Box<Letter>),
    /// A mail did not arrive.
    Bounce {
        /// The sealed thread of the mail of ours that it names.
        of: Option<String>,
        /// Whom it did not reach.
        recipient: Option<String>,
        /// Why.
        reason: String,
    },
    /// It is for nobody, or cannot be made out, for this reason.
    Nothing(&'static str),
}

/// A mail to us.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Who wrote it.
    pub from: Sender,
    /// The new text.
    pub text: String,
    /// The page as it came.
    pub html: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// Name, media type and length of each file.
    pub files: Vec<(String, String, usize)>,
    /// The threads that its seals name.
    pub threads: Vec<String>,
    /// The mails that it answers.
    pub answers: Vec<String>,
    /// What an answer lists as its `References`.
    pub references: Vec<String>,
}

/// The mail's name and what it is, as the mailbox `support@shop.example` of an installation with this secret reads it.
/// It believes `mx.shop.example`.
#[must_use]
pub fn mail(raw: &[u8], secret: &[u8; 32]) -> (String, Mail) {
    let marks = Marks::new(secret, "mail", "support", "shop.example");
    let (id, decoded) = decode(raw, &marks, &["mx.shop.example".to_owned()]);
    let mail = match decoded {
        Decoded::Bounce(Bounce { of, recipient, reason }) => {
            Mail::Bounce { of: of.map(|(thread, _)| thread), recipient, reason }
        }
        Decoded::Ignored(why) | Decoded::Unreadable(why) => Mail::Nothing(why),
        Decoded::Letter(letter) => {
            let (mut threads, mut answers) = (Vec::new(), Vec::new());
            for hint in letter.hints {
                match hint {
                    Hint::Thread(thread) => threads.push(thread),
                    Hint::Mail(id) => answers.push(id),
                }
            }
            let content = letter.content;
            let files = content.files.into_iter().map(|file| (file.name, file.media_type, file.bytes.len())).collect();
            let (from, references) = (letter.from, letter.references);
            let (text, html, subject) = (content.text, content.html, content.subject);
            Mail::Letter(Box::new(Letter { from, text, html, subject, files, threads, answers, references }))
        }
    };
    (id, mail)
}

/// The new part of a reply.
#[must_use]
pub fn new_text(text: &str) -> String {
    reply::new_text(text)
}
