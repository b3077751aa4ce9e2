//! What a mail is: a letter, a report that one of ours did not arrive, or nothing to anybody. Pure.

use contract::{ContentHash, Sender, Timestamp};
use mail_parser::MessageParser;

use super::{
    automatic::{self, Bounce, Origin},
    content::{MailContent, content},
    sender::sender,
    thread::{Hint, Marks, own_id, references_of_reply},
};
use crate::guard::guarded;

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
    // The library panics on some that are broken in several ways at once.
    let mail = guarded(|| MessageParser::new().parse(raw)).flatten();
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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::content::File, *};

    fn decoded(raw: &[u8]) -> Value {
        let marks = Marks::new(&[7; 32], "mail", "support", "shop.example");
        match decode(raw, &marks, &["mx.shop.example".to_owned()]).1 {
            Decoded::Letter(letter) => {
                let hint = |hint: &Hint| match hint {
                    Hint::Thread(thread) => format!("thread {thread}"),
                    Hint::Mail(id) => format!("mail {id}"),
                };
                let files = letter.content.files.iter();
                let said = |file: &File| {
                    let shown = file.content_id.as_ref().map(|id| format!(" cid:{id}")).unwrap_or_default();
                    format!("{} {} {}{shown}", file.name, file.media_type, file.bytes.len())
                };
                json!({
                    "from": letter.from.address.handle,
                    "name": letter.from.name,
                    "verified": letter.from.email_verified,
                    "automatic": letter.automatic,
                    "answers": letter.hints.iter().map(hint).collect::<Vec<_>>(),
                    "subject": letter.content.subject,
                    "text": letter.content.text,
                    "html": letter.content.html.is_some(),
                    "files": files.map(said).collect::<Vec<_>>(),
                })
            }
            Decoded::Bounce(Bounce { of, recipient, reason }) => {
                json!({"bounce": {"of": of.map(|(_, outbound)| outbound), "recipient": recipient, "reason": reason}})
            }
            Decoded::Ignored(why) => json!({"ignored": why}),
            Decoded::Unreadable(why) => json!({"unreadable": why}),
        }
    }

    /// Every mail of `cases/email` with what it must be.
    fn cases() -> Vec<(String, Vec<u8>, Value)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/email");
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        names.sort();
        let case = |path: &std::path::PathBuf| {
            let expected = fs::read(path.with_extension("json")).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap(), serde_json::from_slice(&expected).unwrap())
        };
        names.iter().map(case).collect()
    }

    #[test]
    fn mails_become_what_their_cases_say() {
        let cases = cases();
        assert!(cases.len() >= 80, "{} cases", cases.len());
        let wrong: Vec<String> = cases
            .iter()
            .map(|(name, raw, expected)| (name, decoded(raw), expected))
            .filter(|(_, became, expected)| became != *expected)
            .map(|(name, became, expected)| format!("{name}\n  became   {became}\n  expected {expected}"))
            .collect();
        assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..2000)) {
            decoded(&raw);
        }

        /// A real mail, spoiled: bytes changed, a part cut out, two mails joined.
        #[test]
        fn no_spoiled_mail_panics(
            which in any::<prop::sample::Index>(),
            other in any::<prop::sample::Index>(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
            cut in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        ) {
            let cases = cases();
            let mut raw = which.get(&cases).1.clone();
            for (at, byte) in changes {
                let at = at.index(raw.len());
                raw[at] = byte;
            }
            let (from, to) = (cut.0.index(raw.len()), cut.1.index(raw.len()));
            raw.drain(from.min(to)..from.max(to));
            raw.extend_from_slice(&other.get(&cases).1);
            decoded(&raw);
        }
    }
}
