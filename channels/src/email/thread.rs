//! Which thread a mail belongs to, by what it says; whether its writer has a part in that thread is the caller's to ask.
//!
//! Our own mail carries the thread, sealed, in its Message-ID and in its reply address, so an answer finds its way even
//! where a client drops `References`.

use contract::OutboundId;
use mail_parser::{Address, HeaderValue, Message};
use sha2::{Digest, Sha256};

use crate::seal::Seal;

/// How many of the ids in `References` are looked at: the newest ones, and the oldest.
const MOST_REFERENCES: usize = 20;
/// Bytes of a thread's key and of its seal.
const KEY_BYTES: usize = 10;
const SEAL_BYTES: usize = 8;

/// The key of the thread that a mail begins: 20 hexadecimal digits of the SHA-256 of what names it.
pub(super) fn key_of(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.as_bytes());
        digest.update(b"\0");
    }
    hex::encode(&digest.finalize()[..KEY_BYTES])
}

/// Makes and reads the sealed ids and addresses of one mailbox.
pub(super) struct Marks {
    seal: Seal,
    local: String,
    domain: String,
}

/// Where a mail says that it belongs, the most trustworthy first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hint {
    /// A thread of ours, sealed.
    Thread(String),
    /// An id of a mail that it answers.
    Mail(String),
}

impl Marks {
    /// For the mailbox `local@domain`.
    pub(super) fn new(secret: &[u8; 32], channel: &str, local: &str, domain: &str) -> Self {
        Self { seal: Seal::new(secret, "mail thread", channel), local: local.to_owned(), domain: domain.to_owned() }
    }

    /// The Message-ID of one of our mails, without angle brackets. Stable over retries.
    pub(super) fn message_id(&self, thread: &str, outbound: OutboundId) -> String {
        let seal = self.seal.short(&[thread], SEAL_BYTES);
        format!("sb.{thread}.{seal}.{outbound}@{}", self.domain)
    }

    /// The address that answers go to: `support+THREAD.SEAL@example.com`.
    fn reply_address(&self, thread: &str) -> String {
        format!("{}+{thread}.{}@{}", self.local, self.seal.short(&[thread], SEAL_BYTES), self.domain)
    }

    /// Where answers in this thread go.
    pub(super) fn answers_to(&self, thread: &str, plus_addresses: bool) -> String {
        if plus_addresses { self.reply_address(thread) } else { format!("{}@{}", self.local, self.domain) }
    }

    /// What a Message-ID of ours says.
    pub(super) fn read_id(&self, id: &str) -> Option<(String, OutboundId)> {
        let (local, domain) = id.rsplit_once('@')?;
        let mut parts = local.strip_prefix("sb.")?.split('.');
        let (thread, seal, outbound) = (parts.next()?, parts.next()?, parts.next()?);
        let ours = domain.eq_ignore_ascii_case(&self.domain) && parts.next().is_none() && self.holds(thread, seal);
        ours.then(|| outbound.parse().ok().map(|outbound| (thread.to_owned(), outbound)))?
    }

    /// The thread that an address of ours names.
    pub(super) fn read_address(&self, address: &str) -> Option<String> {
        let (local, domain) = address.rsplit_once('@')?;
        let (mailbox, mark) = local.rsplit_once('+')?;
        let (thread, seal) = mark.split_once('.')?;
        let thread = thread.to_ascii_lowercase();
        let ours = mailbox.eq_ignore_ascii_case(&self.local) && domain.eq_ignore_ascii_case(&self.domain);
        (ours && self.holds(&thread, &seal.to_ascii_lowercase())).then_some(thread)
    }

    /// Whether a mail was sent to this mailbox, marked or not.
    pub(super) fn is_ours(&self, address: &str) -> bool {
        address.rsplit_once('@').is_some_and(|(local, domain)| {
            let mailbox = local.split_once('+').map_or(local, |(mailbox, _)| mailbox);
            mailbox.eq_ignore_ascii_case(&self.local) && domain.eq_ignore_ascii_case(&self.domain)
        })
    }

    fn holds(&self, thread: &str, seal: &str) -> bool {
        thread.len() == KEY_BYTES * 2 && self.seal.holds_short(&[thread], seal, SEAL_BYTES)
    }

    /// Where a mail says that it belongs.
    pub(super) fn hints(&self, mail: &Message<'_>) -> Vec<Hint> {
        let answered = answered(mail);
        let sealed = answered.iter().filter_map(|id| self.read_id(id)).map(|(thread, _)| thread);
        let addressed = recipients(mail).into_iter().filter_map(|address| self.read_address(&address));
        let mut hints: Vec<Hint> = sealed.chain(addressed).map(Hint::Thread).collect();
        hints.extend(answered.iter().filter(|id| self.read_id(id).is_none()).cloned().map(Hint::Mail));
        let mut seen = std::collections::HashSet::new();
        hints.retain(|hint| seen.insert(format!("{hint:?}")));
        hints
    }
}

/// The mail's own id without angle brackets; `None` where it has none that could name it.
pub(super) fn own_id(mail: &Message<'_>) -> Option<String> {
    mail.message_id().and_then(usable)
}

/// The ids of the mails that it answers: `References` from the newest, then `In-Reply-To` (RFC 5322, section 3.6.4).
pub(super) fn answered(mail: &Message<'_>) -> Vec<String> {
    let references = ids(mail.references());
    let newest = references.iter().rev().take(MOST_REFERENCES);
    let oldest = references.first().filter(|_| references.len() > MOST_REFERENCES);
    newest.chain(oldest).cloned().chain(ids(mail.in_reply_to())).collect()
}

/// The ids that a reply to this mail lists in `References`, oldest first.
pub(super) fn references_of_reply(mail: &Message<'_>) -> Vec<String> {
    let mut references = ids(mail.references());
    if references.is_empty() {
        references = ids(mail.in_reply_to());
    }
    if references.len() > MOST_REFERENCES {
        references.drain(1..=references.len() - MOST_REFERENCES);
    }
    references.extend(own_id(mail));
    references
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => usable(id).into_iter().collect(),
        HeaderValue::TextList(ids) => ids.iter().filter_map(|id| usable(id)).collect(),
        _ => Vec::new(),
    }
}

fn usable(id: &str) -> Option<String> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    let fits = (3..=500).contains(&id.len()) && !id.chars().any(|c| c.is_whitespace() || c.is_control());
    fits.then(|| id.to_owned())
}

/// Everybody whom the mail names as a recipient, by its own words and by its delivery.
pub(super) fn recipients(mail: &Message<'_>) -> Vec<String> {
    let named = [mail.to(), mail.cc()].into_iter().flatten().flat_map(addresses);
    let delivered =
        ["Delivered-To", "X-Original-To", "Envelope-To"].into_iter().filter_map(|name| mail.header_raw(name));
    named.chain(delivered.map(|text| text.trim().trim_matches(['<', '>']).to_owned())).collect()
}

/// The addresses of a header.
pub(super) fn addresses(of: &Address<'_>) -> Vec<String> {
    of.iter().filter_map(|one| one.address()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    fn marks() -> Marks {
        Marks::new(&[7; 32], "mail", "support", "shop.example")
    }

    fn hints(headers: &str) -> Vec<Hint> {
        let mail = format!("{headers}\r\n\r\nx");
        marks().hints(&MessageParser::new().parse(mail.as_bytes()).unwrap())
    }

    #[test]
    fn a_sealed_id_and_a_sealed_address_name_their_thread() {
        let (marks, thread) = (marks(), key_of(&["root@a.example"]));
        let outbound: OutboundId = contract::IdClock::new(0).next(contract::Timestamp::now());
        let id = marks.message_id(&thread, outbound);
        assert_eq!(marks.read_id(&id), Some((thread.clone(), outbound)));
        let address = marks.reply_address(&thread);
        assert_eq!(marks.read_address(&address.to_uppercase()), Some(thread.clone()));
        assert!(address.split_once('@').unwrap().0.len() <= 64, "RFC 5321 limits the local part: {address}");
        for forged in
            [id.replace(&thread, &key_of(&["other@a.example"])), format!("x{id}"), id.replace("shop.", "evil.")]
        {
            assert_eq!(marks.read_id(&forged), None, "{forged}");
        }
        let other = Marks::new(&[8; 32], "mail", "support", "shop.example");
        assert_eq!(other.read_id(&id), None);
        assert_eq!(other.read_address(&address), None);
    }

    #[test]
    fn hints_come_from_the_seal_then_from_the_newest_reference() {
        let (marks, thread) = (marks(), key_of(&["root@a.example"]));
        let to = marks.reply_address(&thread);
        let found = hints(&format!(
            "Message-ID: <own@a.example>\r\nTo: Support <{to}>\r\nReferences: <1@a.example> <2@a.example>\r\nIn-Reply-To: <3@a.example>"
        ));
        let mails = ["2@a.example", "1@a.example", "3@a.example"].map(|id| Hint::Mail(id.to_owned()));
        assert_eq!(found[0], Hint::Thread(thread));
        assert_eq!(found[1..], mails);
    }

    #[test]
    fn empty_and_unusable_ids_say_nothing() {
        assert_eq!(hints("References: <> < > \r\nIn-Reply-To: <>"), []);
        assert_eq!(hints("Subject: x"), []);
        let long = "a".repeat(600);
        assert_eq!(hints(&format!("In-Reply-To: <{long}@a.example>")), []);
    }

    #[test]
    fn many_references_stay_bounded_and_keep_the_oldest() {
        let many: String = (0..500).map(|n| format!(" <{n}@a.example>\r\n")).collect();
        let found = hints(&format!("References:{}", many.trim_end()));
        assert_eq!(found.len(), MOST_REFERENCES + 1);
        assert_eq!(found.last(), Some(&Hint::Mail("0@a.example".to_owned())));
    }
}
