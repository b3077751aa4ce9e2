//! `(headers, bytes, now) → Decoded`, without I/O: `cases/http/` is its specification.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use contract::{
    Address, Attachment, AttachmentSource, Body, Content, Inbound, Rejected, Sender, Timestamp, clean_line, clean_text,
    normalise_email, normalise_phone, said_by,
};
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

use super::KIND;
use crate::signature::Keys;

/// The longest text of one message in bytes. A longer one is refused: a program can send it in parts or as a file, and
/// a cut one would be lost without notice.
pub(crate) const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The most files of one message.
pub(crate) const MAX_ATTACHMENTS: usize = 20;
/// The longest id, handle and thread, in bytes.
const MAX_KEY_BYTES: usize = 256;
/// The longest value of a button, in bytes: words that a button says fit into it ([`contract::MAX_SAYS`]).
const MAX_BUTTON_BYTES: usize = 1000;
/// The most attributes of one person, and the longest of their values in characters.
const MAX_ATTRIBUTES: usize = 50;
const MAX_VALUE_CHARS: usize = 1000;
const MAX_NAME_CHARS: usize = 200;
const MAX_URL_BYTES: usize = 2048;
const MAX_EMOJI_CHARS: usize = 16;

/// Reads one channel's requests.
pub struct Decoder {
    pub(super) channel: String,
    pub(super) keys: Keys,
}

/// A message, and its files in the order in which they stood.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    /// The message, still without its attachments.
    pub inbound: Inbound,
    /// Its files.
    pub files: Vec<File>,
}

/// A file as it came.
#[derive(Debug, PartialEq)]
pub enum File {
    /// Its bytes, to be kept before the message is accepted.
    #[allow(missing_docs, reason = "the names say it")]
    Bytes { name: String, media_type: String, bytes: Bytes },
    /// A link; the file stays where it is.
    Link(Attachment),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    id: String,
    from: From,
    thread: Option<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    attachments: Vec<FilePayload>,
    event: Option<EventPayload>,
    sent_at: Option<Timestamp>,
}

/// What the customer did instead of writing something new.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum EventPayload {
    Edit { of: String },
    Delete { of: String },
    Reaction { to: String, emoji: String },
    Postback { value: String, title: Option<String> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with handle")]
struct From {
    handle: String,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    #[serde(default)]
    verified: bool,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with name and data or url")]
struct FilePayload {
    name: String,
    media_type: Option<String>,
    data: Option<String>,
    url: Option<String>,
}

impl Decoder {
    /// A decoder of a channel whose requests are signed with one of these secrets, `whsec_` and base64.
    ///
    /// # Errors
    /// A secret is not one.
    pub fn new(channel: &str, secrets: &[SecretString]) -> Result<Self, String> {
        Ok(Self { channel: channel.to_owned(), keys: Keys::parse(secrets)? })
    }

    /// Verifies and reads one `POST /messages`.
    ///
    /// # Errors
    /// What the sender has to be told.
    pub fn decode(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Decoded, Rejected> {
        self.keys.verify(headers, body, now)?;
        let text = std::str::from_utf8(body)
            .map_err(|error| malformed(format!("the body is not UTF-8 from byte {} on", error.valid_up_to())))?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(malformed("the body must be one JSON object"));
        }
        let payload: Payload = serde_json::from_str(text).map_err(|error| {
            malformed(format!("the body is not a message: {}", clean_line(&error.to_string(), 300)))
        })?;
        self.message(payload)
    }

    fn message(&self, payload: Payload) -> Result<Decoded, Rejected> {
        if payload.text.len() > MAX_TEXT_BYTES {
            let length = payload.text.len();
            return Err(Rejected::TooLarge(format!(
                "`text` has {length} bytes and at most {MAX_TEXT_BYTES} are taken; send it in parts or as a file"
            )));
        }
        if payload.attachments.len() > MAX_ATTACHMENTS {
            let count = payload.attachments.len();
            return Err(Rejected::TooLarge(format!(
                "`attachments` has {count} files and at most {MAX_ATTACHMENTS} are taken; send several messages"
            )));
        }
        let files = payload.attachments.into_iter().enumerate().map(file).collect::<Result<Vec<_>, _>>()?;
        let content = content(payload.event, clean_text(&payload.text), files.is_empty())?;
        let handle = key("from.handle", payload.from.handle.clone())?;
        let thread = payload.thread.map_or_else(|| Ok(handle.clone()), |thread| key("thread", thread))?;
        let inbound = Inbound {
            channel: self.channel.clone(),
            kind: KIND.to_owned(),
            external_id: key("id", payload.id)?,
            thread,
            from: self.sender(handle, payload.from)?,
            content,
            sent_at: payload.sent_at,
            automatic: false,
            related: None,
        };
        Ok(Decoded { inbound, files })
    }

    fn sender(&self, handle: String, from: From) -> Result<Sender, Rejected> {
        let email = normalised("from.email", from.email, normalise_email, "an address like li.wei@example.com")?;
        let phone =
            normalised("from.phone", from.phone, normalise_phone, "a number with its country, like +8613800138000")?;
        if from.attributes.len() > MAX_ATTRIBUTES {
            return Err(Rejected::TooLarge(format!("`from.attributes` has more than {MAX_ATTRIBUTES} entries")));
        }
        let attribute = |(name, value): (String, String)| {
            Ok((key("a name in from.attributes", name)?, clean_line(&value, MAX_VALUE_CHARS)))
        };
        Ok(Sender {
            address: Address { space: format!("{KIND}:{}", self.channel), handle },
            name: from.name.map(|name| clean_line(&name, MAX_NAME_CHARS)).filter(|name| !name.is_empty()),
            email_verified: from.verified && email.is_some(),
            phone_verified: from.verified && phone.is_some(),
            email,
            phone,
            attributes: from.attributes.into_iter().map(attribute).collect::<Result<_, _>>()?,
        })
    }
}

fn content(event: Option<EventPayload>, text: String, no_files: bool) -> Result<Content, Rejected> {
    let shows_nothing = text.is_empty() && no_files;
    let content = match event {
        None | Some(EventPayload::Edit { .. }) if shows_nothing => {
            return Err(malformed("a message needs `text` or `attachments`, and this one shows nothing"));
        }
        None => return Ok(Content::Message(Body::text(text))),
        Some(EventPayload::Edit { of }) => {
            return Ok(Content::Edit { of: key("event.of", of)?, body: Body::text(text) });
        }
        Some(EventPayload::Delete { of }) => Content::Delete { of: key("event.of", of)? },
        Some(EventPayload::Reaction { to, emoji }) => {
            Content::Reaction { to: key("event.to", to)?, emoji: clean_line(&emoji, MAX_EMOJI_CHARS) }
        }
        Some(EventPayload::Postback { value, title }) => {
            let value = key_within("event.value", value, MAX_BUTTON_BYTES)?;
            let title = title.map(|title| clean_line(&title, MAX_NAME_CHARS)).filter(|title| !title.is_empty());
            let said = || said_by(&value).unwrap_or(&value).to_owned();
            Content::Postback { title: title.unwrap_or_else(said), value }
        }
    };
    if shows_nothing { Ok(content) } else { Err(malformed("`text` and `attachments` go with a message or an edit")) }
}

/// Keys are never changed, because two could become one: what is not clean is refused.
fn key(field: &str, text: String) -> Result<String, Rejected> {
    key_within(field, text, MAX_KEY_BYTES)
}

fn key_within(field: &str, text: String, most: usize) -> Result<String, Rejected> {
    if text.is_empty() || text.len() > most {
        return Err(malformed(format!("`{field}` must be 1 to {most} bytes long")));
    }
    if clean_line(&text, most) != text {
        return Err(malformed(format!("`{field}` has control or invisible characters, or blanks at an end")));
    }
    Ok(text)
}

fn normalised(
    field: &str,
    text: Option<String>,
    normalise: fn(&str) -> Option<String>,
    shape: &str,
) -> Result<Option<String>, Rejected> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(|text| normalise(&text).ok_or_else(|| malformed(format!("`{field}` is not {shape}")))).transpose()
}

fn file((index, file): (usize, FilePayload)) -> Result<File, Rejected> {
    let place = format!("attachments[{index}]");
    let name = clean_line(&file.name, MAX_NAME_CHARS);
    if name.is_empty() {
        return Err(malformed(format!("`{place}.name` is empty")));
    }
    let media_type = media_type(&place, file.media_type)?;
    match (file.data, file.url) {
        (Some(data), None) => {
            let bytes = STANDARD.decode(data).map_err(|error| {
                malformed(format!("`{place}.data` is not base64: {}", lower_first(&error.to_string())))
            })?;
            Ok(File::Bytes { name, media_type, bytes: bytes.into() })
        }
        (None, Some(url)) => {
            let url = absolute_url(&url)
                .ok_or_else(|| malformed(format!("`{place}.url` is not an absolute http or https URL")))?;
            Ok(File::Link(Attachment { name, media_type, source: AttachmentSource::Linked { url } }))
        }
        _ => Err(malformed(format!("`{place}` needs either `data` or `url`"))),
    }
}

fn media_type(place: &str, text: Option<String>) -> Result<String, Rejected> {
    let Some(text) = text else { return Ok("application/octet-stream".to_owned()) };
    let text = text.to_ascii_lowercase();
    let token =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let fits = text.len() <= 127 && text.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub));
    if fits { Ok(text) } else { Err(malformed(format!("`{place}.media_type` is not of the form image/png"))) }
}

fn absolute_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    Some(url.into()).filter(|url: &String| url.len() <= MAX_URL_BYTES)
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn malformed(problem: impl Into<String>) -> Rejected {
    Rejected::Malformed(problem.into())
}
