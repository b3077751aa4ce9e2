//! What a mail says to people: its new text, its page, its files.

use std::borrow::Cow;

use base64::{Engine, alphabet, engine::general_purpose::GeneralPurpose, engine::general_purpose::NO_PAD};
use bytes::Bytes;
use contract::{clean_line, clean_text};
use encoding_rs::{Encoding as Charset, GB18030, WINDOWS_1252};
use mail_parser::{
    Encoding, Message, MessagePart, MimeHeaders, PartType,
    decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode},
};

use super::reply::new_text;
use crate::{files::is_media_type, markup::html};

/// How many characters a subject and a file's name have at most.
const SUBJECT_CHARS: usize = 300;
const NAME_CHARS: usize = 150;
/// How long a page may be that is kept to be shown.
const HTML_BYTES: usize = 256 * 1024;
/// How long a text may be. What is longer is in the original.
const TEXT_BYTES: usize = 256 * 1024;
/// How many files are taken out of one mail. The others are in the original.
const MOST_FILES: usize = 50;
/// How many parts are looked at for them: empty ones are no files.
const MOST_PARTS: usize = 1000;

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MailContent {
    /// The new text: without quoted history and signature, cleaned.
    pub(super) text: String,
    /// The page as it came, with references to its inline images.
    pub(super) html: Option<String>,
    /// `None` where it is empty.
    pub(super) subject: Option<String>,
    /// Files, inline images included, in their order.
    pub(super) files: Vec<File>,
}

/// A file of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) media_type: String,
    /// What the page calls it, where it shows it.
    pub(super) content_id: Option<String>,
    pub(super) bytes: Bytes,
}

/// Reads a mail. Never fails: what cannot be decoded as it says is decoded as well as possible.
pub(super) fn content(mail: &Message<'_>) -> MailContent {
    let subject = subject(mail);
    let html = page(mail);
    let mut text = new_text(&body(mail));
    let files: Vec<File> = files(mail).take(MOST_FILES).collect();
    let chinese = reads_chinese(&text) || subject.as_deref().is_some_and(reads_chinese);
    for notice in notices(mail, &text, &files) {
        if notice.hides_text {
            text.clear();
        }
        text.push_str(if text.is_empty() { "" } else { "\n\n" });
        text.push_str(if chinese { notice.zh } else { notice.en });
    }
    text.truncate(text.floor_char_boundary(TEXT_BYTES));
    MailContent { text: clean_text(&text), html, subject, files }
}

/// What is said about a mail that cannot be shown as it is.
struct Notice {
    hides_text: bool,
    en: &'static str,
    zh: &'static str,
}

const ENCRYPTED: Notice = Notice {
    hides_text: true,
    en: "[This mail is encrypted and cannot be read here.]",
    zh: "[此邮件已加密，无法在这里阅读。]",
};
const SEALED: Notice = Notice {
    hides_text: true,
    en: "[This mail is wrapped in its signature (S/MIME) and cannot be read here. The signed file is attached.]",
    zh: "[此邮件被封装在其签名（S/MIME）中，无法在这里阅读。签名文件已作为附件保存。]",
};
const WINMAIL: Notice = Notice {
    hides_text: false,
    en: "[The attached winmail.dat can only be opened by Outlook. Its sender can send the files again with the mail's format set to HTML.]",
    zh: "[附件 winmail.dat 只能用 Outlook 打开。请发件人将邮件格式设为 HTML 后重新发送文件。]",
};

fn notices(mail: &Message<'_>, text: &str, files: &[File]) -> Vec<&'static Notice> {
    let root = mail.root_part();
    let kind = media_type(root);
    let attribute = |name| root.content_type().and_then(|kind| kind.attribute(name)).unwrap_or_default();
    let wrapped = matches!(kind.as_str(), "application/pkcs7-mime" | "application/x-pkcs7-mime");
    let signed = attribute("smime-type").to_ascii_lowercase().starts_with("signed");
    let encrypted = kind == "multipart/encrypted"
        || wrapped && !signed
        || text.trim_start().starts_with("-----BEGIN PGP MESSAGE-----");
    let winmail =
        |file: &File| file.media_type == "application/ms-tnef" || file.name.eq_ignore_ascii_case("winmail.dat");
    let rows = [(encrypted, &ENCRYPTED), (wrapped && signed, &SEALED), (files.iter().any(winmail), &WINMAIL)];
    rows.into_iter().filter(|(applies, _)| *applies).map(|(_, notice)| notice).collect()
}

fn reads_chinese(text: &str) -> bool {
    let han = |c: char| matches!(c, '\u{4e00}'..='\u{9fff}');
    let kana = |c: char| matches!(c, '\u{3040}'..='\u{30ff}');
    text.contains(han) && !text.contains(kana)
}

fn subject(mail: &Message<'_>) -> Option<String> {
    let read = mail.subject().unwrap_or_default();
    let raw = || {
        let header = mail.headers().iter().find(|header| header.name() == "Subject")?;
        mail.raw_message().get(header.offset_start as usize..header.offset_end as usize)
    };
    let guessed = if read.contains('\u{fffd}') { raw().and_then(guess) } else { None };
    let subject = clean_line(guessed.as_deref().unwrap_or(read), SUBJECT_CHARS);
    Some(subject).filter(|subject| !subject.is_empty())
}

/// The text of a mail with its history: that of its plain part, and of its page where that says nothing.
fn body(mail: &Message<'_>) -> String {
    let text = texts(mail, &mail.text_body);
    if !says_nothing(&text) {
        return text;
    }
    let page = texts(mail, &mail.html_body);
    if !page.trim().is_empty() {
        return page;
    }
    match spoiled(mail) {
        Some(id) if text.is_empty() => texts(mail, &[id]),
        _ => text,
    }
}

/// The part that was meant to be read in a mail whose structure is broken: cut off, or parted by what never comes.
fn spoiled(mail: &Message<'_>) -> Option<u32> {
    let is_words = |id: &&u32| {
        mail.part(**id).is_some_and(|part| {
            let is_text = matches!(part.body, PartType::Text(_) | PartType::Html(_));
            is_text && (part.is_encoding_problem || mail.parts.len() == 1) && part.attachment_name().is_none()
        })
    };
    let says_something = |ids: &[u32]| ids.iter().any(|id| mail.part(*id).is_some_and(|part| !part.is_empty()));
    let has_body = says_something(&mail.text_body) || says_something(&mail.html_body);
    mail.attachments.iter().find(is_words).filter(|_| !has_body).copied()
}

fn texts(mail: &Message<'_>, ids: &[u32]) -> String {
    let parts = ids.iter().filter_map(|id| mail.part(*id)).filter_map(|part| match &part.body {
        PartType::Text(_) => Some(unflowed(part, &decoded(mail, part))),
        PartType::Html(_) => Some(html::to_text(&decoded(mail, part))),
        _ => None,
    });
    parts.filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Whether a plain part only tells its reader to look at the page.
fn says_nothing(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    text.is_empty()
        || text.len() <= 300
            && ["html", "不支持", "无法显示"].iter().any(|word| text.contains(word))
            && [
                "does not support",
                "doesn't support",
                "not able to display",
                "requires an html",
                "html viewer",
                "html-capable",
                "html compatible",
                "view this email",
                "view this message",
                "不支持html",
                "不支持 html",
                "unterstützt kein html",
            ]
            .iter()
            .any(|phrase| text.contains(phrase))
}

fn page(mail: &Message<'_>) -> Option<String> {
    let pages = mail.html_body.iter().filter_map(|id| mail.part(*id)).filter(|part| part.is_text_html());
    let page = pages.map(|part| decoded(mail, part).into_owned()).collect::<Vec<_>>().join("\n");
    Some(page).filter(|page| !page.trim().is_empty() && page.len() <= HTML_BYTES)
}

/// A part's text. Where its charset is wrong or missing, the likeliest one.
fn decoded<'a>(mail: &Message<'_>, part: &'a MessagePart<'_>) -> Cow<'a, str> {
    let read = match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.as_ref(),
        _ => return Cow::Borrowed(""),
    };
    let broken = read.contains('\u{fffd}') || part.is_encoding_problem;
    if !broken && (read.is_ascii() || !is_latin_by_default(part)) {
        return Cow::Borrowed(read);
    }
    let bytes = bytes(mail, part);
    let guessed = if broken { guess(&bytes) } else { String::from_utf8(bytes.to_vec()).ok() };
    guessed.map_or(Cow::Borrowed(read), Cow::Owned)
}

/// Whether a part says that it is Latin, which programs say that do not know.
fn is_latin_by_default(part: &MessagePart<'_>) -> bool {
    let charset = part.content_type().and_then(|kind| kind.attribute("charset")).unwrap_or_default();
    matches!(charset.to_ascii_lowercase().as_str(), "us-ascii" | "ascii" | "iso-8859-1" | "ansi_x3.4-1968")
}

/// UTF-8, else GB18030 (which holds GBK and GB 2312), else Windows-1252: the first that fits.
fn guess(bytes: &[u8]) -> Option<String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.to_owned());
    }
    let fits = |charset: &'static Charset| charset.decode_without_bom_handling_and_without_replacement(bytes);
    let text = fits(GB18030).or_else(|| fits(WINDOWS_1252))?;
    Some(text.into_owned())
}

/// The bytes of a part before any charset, as its transfer encoding says.
fn bytes(mail: &Message<'_>, part: &MessagePart<'_>) -> Bytes {
    let raw = mail.raw_message().get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default();
    if part.is_encoding_problem {
        let says = part.content_transfer_encoding().unwrap_or_default();
        return if says.eq_ignore_ascii_case("base64") { lenient_base64(raw) } else { raw.to_vec() }.into();
    }
    match part.encoding {
        Encoding::None => raw.to_vec(),
        Encoding::Base64 => base64_decode(raw).unwrap_or_else(|| lenient_base64(raw)),
        Encoding::QuotedPrintable => quoted_printable_decode(raw).unwrap_or_else(|| raw.to_vec()),
    }
    .into()
}

/// What can be read of Base64 with strange characters in it, or cut off.
fn lenient_base64(raw: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> =
        raw.iter().copied().filter(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/')).collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    let engine = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));
    engine.decode(digits).unwrap_or_default()
}

/// Undoes `format=flowed` (RFC 3676): lines that end in a space go on in the next one of the same quoting.
fn unflowed(part: &MessagePart<'_>, text: &str) -> String {
    let attribute = |name| part.content_type().and_then(|kind| kind.attribute(name)).unwrap_or_default();
    if !attribute("format").eq_ignore_ascii_case("flowed") {
        return text.to_owned();
    }
    let delete_space = attribute("delsp").eq_ignore_ascii_case("yes");
    let mut whole = String::with_capacity(text.len());
    let mut flowing: Option<usize> = None;
    for line in text.lines() {
        let quoting = line.bytes().take_while(|byte| *byte == b'>').count();
        let (marks, rest) = line.split_at(quoting);
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if flowing == Some(quoting) && rest != "-- " {
            whole.push_str(rest);
        } else {
            if !whole.is_empty() {
                whole.push('\n');
            }
            whole.push_str(marks);
            whole.push_str(if quoting > 0 { " " } else { "" });
            whole.push_str(rest);
        }
        flowing = (rest.ends_with(' ') && rest != "-- ").then_some(quoting);
        if flowing.is_some() && delete_space {
            whole.pop();
        }
    }
    whole
}

fn files<'a>(mail: &'a Message<'_>) -> impl Iterator<Item = File> + 'a {
    let spoiled = spoiled(mail);
    let shown = move |id: &u32| {
        let is_text = mail.part(*id).is_some_and(|part| matches!(part.body, PartType::Text(_) | PartType::Html(_)));
        is_text && (mail.text_body.contains(id) || mail.html_body.contains(id) || spoiled == Some(*id))
    };
    let parts = mail.attachments.iter().take(MOST_PARTS).filter(move |id| !shown(id)).filter_map(|id| mail.part(*id));
    let parts = parts.filter(|part| !is_signature(&media_type(part)));
    parts.enumerate().map(|(number, part)| file(mail, part, number + 1)).filter(|file| !file.bytes.is_empty())
}

fn is_signature(media_type: &str) -> bool {
    matches!(media_type, "application/pgp-signature" | "application/pkcs7-signature" | "application/x-pkcs7-signature")
}

fn file(mail: &Message<'_>, part: &MessagePart<'_>, number: usize) -> File {
    let media_type = media_type(part);
    let bytes = match &part.body {
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) if !part.is_encoding_problem => {
            Bytes::copy_from_slice(bytes)
        }
        PartType::Message(inner) if part.encoding != Encoding::None => Bytes::copy_from_slice(inner.raw_message()),
        _ => bytes(mail, part),
    };
    let given = part.attachment_name().map(|name| clean_line(name, NAME_CHARS)).filter(|name| !name.is_empty());
    let name = given.unwrap_or_else(|| match (&part.body, media_type.as_str()) {
        (PartType::Message(inner), _) => {
            let subject = inner.subject().map(|subject| clean_line(subject, NAME_CHARS - 4)).unwrap_or_default();
            if subject.is_empty() { format!("part-{number}.eml") } else { format!("{subject}.eml") }
        }
        (_, "text/calendar") => "invite.ics".to_owned(),
        (_, media_type) => format!("part-{number}.{}", extension(media_type)),
    });
    let content_id = part.content_id().map(|id| clean_line(id, NAME_CHARS)).filter(|id| !id.is_empty());
    File { name, media_type, content_id, bytes }
}

fn media_type(part: &MessagePart<'_>) -> String {
    let given = part.content_type().and_then(|kind| Some(format!("{}/{}", kind.ctype(), kind.subtype()?)));
    let given = given.filter(|given| is_media_type(given));
    given.map_or_else(|| "application/octet-stream".to_owned(), |given| given.to_ascii_lowercase())
}

fn extension(media_type: &str) -> &str {
    match media_type {
        "image/jpeg" => "jpg",
        "image/svg+xml" => "svg",
        "text/plain" => "txt",
        "message/rfc822" => "eml",
        "message/delivery-status" | "text/rfc822-headers" => "txt",
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => "p7m",
        "image/png" | "image/gif" | "image/webp" | "text/html" | "text/csv" | "application/pdf" | "application/zip" => {
            media_type.split_once('/').map_or("bin", |(_, sub)| sub)
        }
        _ => "bin",
    }
}
