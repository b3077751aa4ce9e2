//! A reply as a mail: text and page, in its thread. Pure; the same reply gives the same bytes in every attempt.

use std::time::SystemTime;

use bytes::Bytes;
use contract::{Author, Body, Outbound, clean_line};
use lettre::{
    address::Envelope,
    message::{
        Attachment, Mailbox, Message, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};

use super::{
    automatic::STAMP,
    cards::{numbered, tables},
    register::ThreadRecord,
};
use crate::markup::markdown::{escaped, to_html};

const OCTETS: &str = "application/octet-stream";

/// How the mails of a queue look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// The company's name, as it stands before the address.
    pub(super) name: String,
    /// Whom mails are from.
    pub(super) address: lettre::Address,
    /// Stands under every mail.
    pub(super) signature: Option<String>,
}

/// Everything about a mail that is not said in the reply itself.
pub(super) struct Letterhead<'a> {
    pub(super) look: &'a Look,
    pub(super) message_id: String,
    /// Where answers go, if not to the writer.
    pub(super) reply_to: Option<String>,
    /// The thread, if anything is known of it.
    pub(super) record: Option<&'a ThreadRecord>,
    /// What is to be put in `List-Unsubscribe`, for mail that nobody asked for.
    pub(super) unsubscribe: Option<&'a str>,
}

/// A file to go with it.
pub(super) struct Enclosure {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

/// The mail, and whom it goes from and to.
pub(super) fn compose(
    outbound: &Outbound,
    head: &Letterhead<'_>,
    files: Vec<Enclosure>,
) -> Result<(Envelope, Vec<u8>), String> {
    let Look { name, address, signature } = head.look;
    let to: lettre::Address =
        outbound.to.handle.parse().map_err(|error| format!("{:?} is not an address: {error}", outbound.to.handle))?;
    let from = Mailbox::new(Some(shown_name(&outbound.author, name)), address.clone());
    let answers = outbound.in_reply_to.as_deref().filter(|id| id.contains('@'));
    let references = references(head.record, answers);
    let mut builder = Message::builder()
        .from(from)
        .to(Mailbox::new(None, to.clone()))
        .subject(subject(outbound, head))
        .date(SystemTime::from(outbound.id.made_at()))
        .message_id(Some(format!("<{}>", head.message_id)))
        .raw_header(header(STAMP, &outbound.channel)?);
    if let Some(reply_to) = &head.reply_to {
        let reply_to = reply_to.parse().map_err(|error| format!("{reply_to:?} is not an address: {error}"))?;
        builder = builder.reply_to(Mailbox::new(Some(name.clone()), reply_to));
    }
    if let Some(last) = answers.or(references.last().map(String::as_str)) {
        builder = builder.in_reply_to(format!("<{last}>"));
    }
    if !references.is_empty() {
        builder = builder.references(references.iter().map(|id| format!("<{id}>")).collect::<Vec<_>>().join(" "));
    }
    if !matches!(outbound.author, Author::Agent { .. }) {
        builder = builder
            .raw_header(header("Auto-Submitted", "auto-replied")?)
            .raw_header(header("X-Auto-Response-Suppress", "OOF, AutoReply")?);
    }
    if let Some(unsubscribe) = head.unsubscribe {
        builder = builder.raw_header(header("List-Unsubscribe", unsubscribe)?);
    }
    let text = text(&outbound.body, signature.as_deref());
    let boundary = |part: &str| format!("=_sb-{}-{part}", outbound.id);
    let words = MultiPart::alternative()
        .boundary(boundary("words"))
        .singlepart(SinglePart::plain(text))
        .singlepart(SinglePart::html(page(&outbound.body, signature.as_deref())));
    let whole = match files.is_empty() {
        true => words,
        false => {
            let mixed = MultiPart::mixed().boundary(boundary("files")).multipart(words);
            files.into_iter().fold(mixed, |mixed, file| mixed.singlepart(enclosed(file)))
        }
    };
    let mail = builder.multipart(whole).map_err(|error| format!("the mail cannot be written: {error}"))?;
    let envelope = Envelope::new(Some(address.clone()), vec![to]).map_err(|error| error.to_string())?;
    Ok((envelope, mail.formatted()))
}

fn shown_name(author: &Author, company: &str) -> String {
    match author {
        Author::Agent { name } if !name.is_empty() => format!("{} ({company})", clean_line(name, 60)),
        _ => company.to_owned(),
    }
}

fn subject(outbound: &Outbound, head: &Letterhead<'_>) -> String {
    let said = outbound.body.subject.as_deref().filter(|subject| !subject.is_empty());
    let known = head.record.and_then(|record| record.subject.as_deref());
    match (said, known) {
        (Some(subject), _) => subject.to_owned(),
        (None, Some(subject)) if answers_already(subject) => subject.to_owned(),
        (None, Some(subject)) => format!("Re: {subject}"),
        (None, None) => head.look.name.clone(),
    }
}

/// Whether a subject says in any language that it is of an answer.
fn answers_already(subject: &str) -> bool {
    let subject = subject.trim_start().to_lowercase();
    ["re:", "re：", "aw:", "sv:", "rv:", "res:", "r:", "antw:", "回复:", "回复：", "回覆:", "回覆：", "答复:", "答复："]
        .iter()
        .any(|mark| subject.starts_with(mark))
}

/// What the thread had so far, and the mail that is answered.
fn references(record: Option<&ThreadRecord>, answers: Option<&str>) -> Vec<String> {
    let mut references = record.map(|record| record.references.clone()).unwrap_or_default();
    references.retain(|id| Some(id.as_str()) != answers && id.contains('@'));
    references.extend(answers.map(str::to_owned));
    references
}

fn header(name: &str, value: &str) -> Result<HeaderValue, String> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| error.to_string())?;
    Ok(HeaderValue::new(name, clean_line(value, 500)))
}

fn enclosed(file: Enclosure) -> SinglePart {
    // A mail inside a mail may not be encoded (RFC 2046, section 5.2.1), so it goes as a file of no known type.
    let media_type = if file.media_type.starts_with("message/") { OCTETS } else { &file.media_type };
    let kind =
        ContentType::parse(media_type).or_else(|_| ContentType::parse(OCTETS)).unwrap_or(ContentType::TEXT_PLAIN);
    Attachment::new(file.name).body(file.bytes.to_vec(), kind)
}

fn text(body: &Body, signature: Option<&str>) -> String {
    let mut text = body.in_words();
    if let Some(signature) = signature {
        text.push_str("\n\n-- \n");
        text.push_str(signature.trim_end());
    }
    text.push('\n');
    text
}

/// The text as a page.
fn page(body: &Body, signature: Option<&str>) -> String {
    let mut page = String::from("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n");
    page.push_str(&to_html(&body.text));
    page.push_str(&numbered(&body.buttons, 1));
    page.push_str(&tables(body));
    if let Some(signature) = signature {
        let lines: Vec<String> = signature.trim_end().lines().map(escaped).collect();
        page.push_str(&format!("<p>-- <br>\n{}</p>\n", lines.join("<br>\n")));
    }
    page.push_str("</body></html>\n");
    page
}

#[cfg(test)]
mod tests {
    use contract::{Address, Button, ButtonAction, Card, IdClock, Timestamp};
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;

    fn look() -> Look {
        Look {
            name: "示例商店".to_owned(),
            address: "support@shop.example".parse().unwrap(),
            signature: Some("Example Shop\n<b>Mon-Fri</b>".to_owned()),
        }
    }

    fn outbound(author: Author, body: Body) -> Outbound {
        let clock = IdClock::new(0);
        Outbound {
            id: clock.next(Timestamp::from_second(1_800_000_000).unwrap()),
            conversation: clock.next(Timestamp::from_second(1_800_000_000).unwrap()),
            channel: "mail".to_owned(),
            to: Address { space: "email".to_owned(), handle: "li@a.example".to_owned() },
            thread: "0123456789abcdef0123".to_owned(),
            queue: None,
            author,
            body,
            in_reply_to: Some("2@a.example".to_owned()),
        }
    }

    fn record() -> ThreadRecord {
        ThreadRecord {
            peer: "li@a.example".to_owned(),
            verified: false,
            subject: Some("退款 refund".to_owned()),
            references: vec!["1@a.example".to_owned(), "2@a.example".to_owned()],
        }
    }

    fn composed(outbound: &Outbound, record: Option<&ThreadRecord>, files: Vec<Enclosure>) -> Vec<u8> {
        let look = look();
        let head = Letterhead {
            look: &look,
            message_id: "sb.x@shop.example".to_owned(),
            reply_to: Some("support+x@shop.example".to_owned()),
            record,
            unsubscribe: record.is_none().then_some("<mailto:support@shop.example?subject=unsubscribe>"),
        };
        compose(outbound, &head, files).unwrap().1
    }

    #[test]
    fn a_reply_stands_in_its_thread() {
        let agent = Author::Agent { name: "美".to_owned() };
        let bytes = composed(&outbound(agent, Body::text("好的")), Some(&record()), Vec::new());
        let mail = MessageParser::new().parse(&bytes).unwrap();
        assert_eq!(mail.subject(), Some("Re: 退款 refund"));
        assert_eq!(mail.message_id(), Some("sb.x@shop.example"));
        assert_eq!(mail.in_reply_to().as_text(), Some("2@a.example"));
        assert_eq!(mail.references().as_text_list().unwrap(), ["1@a.example", "2@a.example"]);
        assert_eq!(mail.from().unwrap().first().unwrap().name(), Some("美 (示例商店)"));
        assert_eq!(mail.reply_to().unwrap().first().unwrap().address(), Some("support+x@shop.example"));
        assert_eq!(mail.date().unwrap().to_timestamp(), 1_800_000_000);
        assert_eq!((mail.header_raw("Auto-Submitted"), mail.header_raw("List-Unsubscribe")), (None, None));
    }

    #[test]
    fn the_bot_says_that_it_is_one_and_nobody_is_written_to_without_a_way_out() {
        let mut proactive = outbound(Author::Bot, Body::text("Your order is on its way."));
        proactive.in_reply_to = None;
        let bytes = composed(&proactive, None, Vec::new());
        let mail = MessageParser::new().parse(&bytes).unwrap();
        assert_eq!(mail.header_raw("Auto-Submitted").map(str::trim), Some("auto-replied"));
        assert!(mail.header_raw("List-Unsubscribe").unwrap().contains("<mailto:support@shop.example"));
        assert_eq!(mail.subject(), Some("示例商店"));
        assert!(mail.in_reply_to().as_text().is_none());
    }

    #[test]
    fn text_and_page_say_the_same_and_html_stays_text() {
        let mut body = Body::text("Dear **Li**,\n<script>x()</script>\nsee https://shop.example/a?b=1&c=2.");
        body.buttons = vec![
            Button { title: "Yes".to_owned(), action: ButtonAction::Postback("y".to_owned()) },
            Button { title: "Shop".to_owned(), action: ButtonAction::Url("https://shop.example/\"x".to_owned()) },
        ];
        let bytes = composed(&outbound(Author::Bot, body), Some(&record()), Vec::new());
        let mail = MessageParser::new().parse(&bytes).unwrap();
        let text = mail.body_text(0).unwrap().replace("\r\n", "\n");
        assert!(text.contains("\n\n1. Yes\n2. Shop: https://shop.example/\"x\n\n-- \nExample Shop\n"), "{text}");
        let page = mail.body_html(0).unwrap().replace("\r\n", "\n");
        for part in [
            "<p>Dear <strong>Li</strong>,</p>\n<p>&lt;script&gt;x()",
            "<a href=\"https://shop.example/a?b=1&amp;c=2\">",
            "<li>Yes</li>",
            "https://shop.example/&quot;x",
            "&lt;b&gt;Mon-Fri",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn cards_are_tables_on_the_page_and_lines_in_the_text() {
        let card = Card {
            title: "湖湾 <scarf>".to_owned(),
            text: Some("Wool & fringe.\nGreen.".to_owned()),
            image: Some("https://shop.example/a.png?b=1&c=\"2".to_owned()),
            price: Some("¥329.00".to_owned()),
            link: Some("https://shop.example/scarf".to_owned()),
            buttons: vec![
                Button::says("Book <it>", "I want to book & wear it"),
                Button { title: "Shop".to_owned(), action: ButtonAction::Url("https://shop.example/".to_owned()) },
            ],
        };
        let plain = Card { title: "Hat".to_owned(), buttons: vec![Button::says("Hat", "Hat")], ..Card::default() };
        let body = Body { cards: vec![card, plain], ..Body::text("You may like:") };
        let bytes = composed(&outbound(Author::Bot, body), Some(&record()), Vec::new());
        let mail = MessageParser::new().parse(&bytes).unwrap();
        let text = mail.body_text(0).unwrap().replace("\r\n", "\n");
        let lines = "You may like:\n\n湖湾 <scarf>\n¥329.00\nWool & fringe.\nGreen.\nhttps://shop.example/scarf\n\
                     1. Book <it>: “I want to book & wear it”\n2. Shop: https://shop.example/\n\nHat\n3. Hat\n\n-- \n";
        assert!(text.starts_with(lines), "{text}");
        let page = mail.body_html(0).unwrap().replace("\r\n", "\n");
        for part in [
            "<table role=\"presentation\"",
            "src=\"https://shop.example/a.png?b=1&amp;c=&quot;2\" alt=\"\" width=\"160\"",
            "<a href=\"https://shop.example/scarf\"",
            ">湖湾 &lt;scarf&gt;</a>",
            ">¥329.00<",
            ">Wool &amp; fringe.<br>\nGreen.<",
            "<ol start=\"1\"",
            "<li>Book &lt;it&gt;: “I want to book &amp; wear it”</li>",
            "<li><a href=\"https://shop.example/\">Shop</a></li>",
            "<ol start=\"3\"",
            ">Hat<",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<scarf>") && !page.contains("<it>"), "{page}");
    }

    #[test]
    fn files_go_along_and_attempts_are_alike() {
        let file = || {
            let bytes = Bytes::from_static(b"a,b\n1,2\n");
            vec![Enclosure { name: "发票 1.csv".to_owned(), media_type: "text/csv".to_owned(), bytes }]
        };
        let reply = outbound(Author::Bot, Body::text("x"));
        let bytes = composed(&reply, Some(&record()), file());
        assert_eq!(bytes, composed(&reply, Some(&record()), file()));
        let mail = MessageParser::new().parse(&bytes).unwrap();
        let attached = mail.attachments().next().unwrap();
        assert_eq!((attached.attachment_name(), attached.contents()), (Some("发票 1.csv"), &b"a,b\n1,2\n"[..]));
    }

    #[test]
    fn nothing_breaks_out_of_a_header() {
        let mut reply = outbound(Author::Agent { name: "x\r\nBcc: y@z.example".to_owned() }, Body::text("x"));
        reply.body.subject = Some("a\r\nBcc: y@z.example".to_owned());
        let bytes = composed(&reply, None, Vec::new());
        let mail = MessageParser::new().parse(&bytes).unwrap();
        assert!(mail.bcc().is_none(), "{}", String::from_utf8_lossy(&bytes));
    }
}
