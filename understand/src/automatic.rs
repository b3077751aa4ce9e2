//! Whether a machine wrote a message: bounces, automatic replies, mailing lists. Who answers those answers a machine, which
//! may answer again.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

/// How machines begin subjects.
const SUBJECTS: [&str; 34] = [
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto:",
    "out of office",
    "out of the office",
    "ooo:",
    "undeliverable",
    "undelivered mail",
    "delivery status notification",
    "delivery failure",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery system",
    "returned mail",
    "failure notice",
    "delivery delayed",
    "message not delivered",
    "vacation reply",
    "read receipt",
    "automated reply",
    "automated response",
    "abwesenheitsnotiz",
    "automatische antwort",
    "réponse automatique",
    "respuesta automática",
    "自动回复",
    "自動回覆",
    "退信",
    "系统退信",
    "投递失败",
    "已读回执",
];

/// What machines say, anywhere in a text.
static PHRASES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let phrases = include_str!("automatic.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut builder = AhoCorasickBuilder::new();
    builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::DFA));
    builder.build(phrases).ok()
});

pub(crate) fn prepare() {
    LazyLock::force(&PHRASES);
}

/// Whether a text, or its subject, is a machine's.
#[must_use]
pub fn is_automatic(text: &str, subject: &str) -> bool {
    let subject = subject.trim_start().to_lowercase();
    SUBJECTS.iter().any(|beginning| subject.starts_with(beginning))
        || PHRASES.as_ref().is_some_and(|phrases| phrases.is_match(text))
}

/// Whether the headers of a mail say that a machine sent it: RFC 3834 (`Auto-Submitted`), RFC 3464 (delivery reports),
/// RFC 2369 and 2919 (lists), RFC 5321 (the empty return path of bounces), and what Exchange and others use.
pub fn is_automatic_mail<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
    headers.into_iter().any(|(name, value)| {
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_ascii_lowercase());
        match name.as_str() {
            "auto-submitted" => value != "no" && !value.is_empty(),
            "precedence" => matches!(value.as_str(), "bulk" | "list" | "junk" | "auto_reply"),
            "return-path" => value == "<>",
            "content-type" => value.starts_with("multipart/report"),
            "x-auto-response-suppress" => value.contains("all") || value.contains("autoreply"),
            "x-autoreply"
            | "x-autorespond"
            | "x-autoresponse"
            | "list-id"
            | "list-unsubscribe"
            | "x-failed-recipients" => true,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_recognised() {
        for (text, subject, automatic) in [
            ("This is an automatic reply. I am out of the office until Monday.", "", true),
            ("x", "Automatic reply: your order", true),
            ("x", "自动回复：订单", true),
            ("您好，这是一封自动回复邮件", "", true),
            ("Delivery to the following recipient failed permanently", "", true),
            ("I got an automatic reply but no real answer from you", "Re: my order", false),
            ("我只收到自动回复，没人理我", "", false),
            ("", "", false),
        ] {
            assert_eq!(is_automatic(text, subject), automatic, "{text} / {subject}");
        }
    }

    #[test]
    fn mail_headers_tell() {
        for (name, value, automatic) in [
            ("Auto-Submitted", "auto-replied", true),
            ("auto-submitted", "no", false),
            ("Precedence", "bulk", true),
            ("Precedence", "first-class", false),
            ("Return-Path", "<>", true),
            ("Return-Path", "<li@example.com>", false),
            ("Content-Type", "multipart/report; report-type=delivery-status", true),
            ("Content-Type", "text/plain", false),
            ("List-Id", "<news.example.com>", true),
            ("X-Auto-Response-Suppress", "DR, OOF, AutoReply", true),
            ("Subject", "auto", false),
        ] {
            assert_eq!(is_automatic_mail([(name, value)]), automatic, "{name}: {value}");
        }
    }
}
