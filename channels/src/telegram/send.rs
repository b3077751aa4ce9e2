//! Replies as Telegram takes them: texts, files and cards, one call each, with their buttons.
//!
//! How many of a reply's calls were answered is remembered, so that another attempt goes on behind them.

use contract::{
    Attachment, AttachmentSource, Button, ButtonAction, Card, ContentHash, Host, MemoryError, Outbound, Receipt,
    SendError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    MOST_ENTITIES, MOST_UNITS,
    api::{Api, FILE_LIMIT, Fault},
    cards::{Form, forms},
    intake::{parted, remember_migration},
};
use crate::{
    files::bytes_to_send,
    markup::marks::{Marked, marked, split},
};

/// How much a button may carry, in bytes (<https://core.telegram.org/bots/api#inlinekeyboardbutton>).
const MOST_BUTTON_BYTES: usize = 64;
/// The largest picture that is shown as one, and the largest file of a bot
/// (<https://core.telegram.org/bots/api#sending-files>).
const MOST_PHOTO_BYTES: u64 = 10 * 1024 * 1024;
/// Stands before the key of a button's value that is too long to be carried.
const KEPT: &str = "kept:";

/// Sends the replies of one bot.
pub(super) struct Sender<'a> {
    pub(super) api: &'a Api,
    pub(super) channel: &'a str,
    pub(super) host: &'a Host,
}

/// Where a reply goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    chat: i64,
    topic: Option<i64>,
}

/// One call.
enum Part<'a> {
    Text(Marked),
    File(&'a Attachment),
    Card(&'a Card),
}

#[derive(Default, Serialize, Deserialize)]
struct Progress {
    done: usize,
    first: Option<i64>,
}

#[derive(Deserialize)]
struct Sent {
    message_id: i64,
}

/// Where the value of a pressed button is kept, if it is.
pub(super) fn button_key(data: &str) -> String {
    format!("button/{}", data.strip_prefix(KEPT).unwrap_or("none"))
}

fn place(thread: &str) -> Option<Place> {
    let (chat, rest) = parted(thread);
    let topic = rest.trim_start_matches('/').split('/').next().and_then(|topic| topic.parse().ok());
    Some(Place { chat: chat.parse().ok()?, topic })
}

impl Sender<'_> {
    pub(super) async fn send(&self, outbound: &Outbound) -> Result<Receipt, SendError> {
        let mut place = place(&outbound.thread)
            .ok_or_else(|| SendError::Permanent(format!("{:?} is not the id of a chat", outbound.thread)))?;
        let moved = self.host.memory.get(self.channel, &format!("migrated/{}", place.chat)).await?;
        if let Some(moved) = moved.and_then(|moved| moved.parse().ok()) {
            place.chat = moved;
        }
        let progress_key = format!("sent/{}", outbound.id);
        let kept = self.host.memory.get(self.channel, &progress_key).await?;
        let mut progress: Progress = kept.and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default();
        let parts = parts(outbound);
        let keyboard = self.keyboard(&outbound.body.buttons).await?;
        let count = parts.len();
        // The buttons of the reply stand under its words, each card's under that card.
        let last_words = count - outbound.body.cards.len();
        for (at, part) in parts.into_iter().enumerate().skip(progress.done) {
            let mut fields = json!({"chat_id": place.chat});
            if let Some(topic) = place.topic {
                fields["message_thread_id"] = topic.into();
            }
            if at == 0
                && place.chat < 0
                && let Some(answered) = outbound.in_reply_to.as_deref().and_then(message_of)
            {
                fields["reply_parameters"] = json!({"message_id": answered, "allow_sending_without_reply": true});
            }
            let own = match &part {
                Part::Card(card) => self.keyboard(&card.buttons).await?,
                _ => keyboard.clone().filter(|_| at + 1 == last_words),
            };
            if let Some(keyboard) = own {
                fields["reply_markup"] = keyboard;
            }
            let sent = match self.call(&part, &mut fields).await {
                Err(Failed::Fault(Fault::Migrated(to))) => {
                    remember_migration(self.host, self.channel, place.chat, to).await?;
                    place.chat = to;
                    fields["chat_id"] = to.into();
                    self.call(&part, &mut fields).await
                }
                other => other,
            };
            let sent = sent.map_err(Failed::consequence)?;
            progress.first.get_or_insert(sent.message_id);
            progress.done = at + 1;
            if progress.done < count {
                let written = serde_json::to_string(&progress).unwrap_or_default();
                let kept = self.host.memory.put(self.channel, &progress_key, Some(&written)).await;
                kept.map_err(|error| SendError::Unanswered(error.to_string()))?;
            }
        }
        if count > 1 {
            // A record of what is done costs a row, not a message.
            let _ = self.host.memory.put(self.channel, &progress_key, None).await;
        }
        Ok(Receipt { external_id: progress.first.map(|message| format!("{}/{message}", place.chat)) })
    }

    async fn call(&self, part: &Part<'_>, fields: &mut Value) -> Result<Sent, Failed> {
        match part {
            Part::Text(text) => {
                fields["text"] = text.text.clone().into();
                if !text.entities.is_empty() {
                    fields["entities"] = json!(text.entities[..text.entities.len().min(MOST_ENTITIES)]);
                }
                Ok(self.api.call("sendMessage", fields).await?)
            }
            Part::File(file) => self.file(file, fields).await,
            Part::Card(card) => self.card(card, fields).await,
        }
    }

    /// A card as well as Telegram takes it: a picture that it cannot fetch, or an address that it does not like, costs the
    /// picture or the buttons, and not the card.
    async fn card(&self, card: &Card, fields: &Value) -> Result<Sent, Failed> {
        let mut refused = None;
        for Form { method, fields: own, buttons } in forms(card) {
            let mut fields = fields.clone();
            for (name, value) in own {
                fields[name] = value;
            }
            if let (false, Some(fields)) = (buttons, fields.as_object_mut()) {
                fields.remove("reply_markup");
            }
            // Telegram fetches the picture before it answers.
            match self.api.call_within(method, &fields, FILE_LIMIT).await {
                Err(fault @ Fault::Refused { code: 400, .. }) => {
                    tracing::info!(channel = self.channel, method, %fault, "A card is sent in a plainer form.");
                    refused = Some(fault);
                }
                other => return Ok(other?),
            }
        }
        Err(refused
            .map_or_else(|| Failed::Send(SendError::Permanent("the card has no form".to_owned())), Failed::Fault))
    }

    async fn file(&self, file: &Attachment, fields: &Value) -> Result<Sent, Failed> {
        let AttachmentSource::Stored { hash, size } = file.source else {
            return Err(Failed::Send(SendError::Permanent(format!("the file {:?} is not here", file.name))));
        };
        let bytes = bytes_to_send(&*self.host.attachments, file, hash).await.map_err(Failed::Send)?;
        let fields: Vec<(&'static str, String)> = ["chat_id", "message_thread_id", "reply_parameters", "reply_markup"]
            .into_iter()
            .filter(|name| !fields[*name].is_null())
            .map(|name| (name, fields[name].to_string()))
            .collect();
        let (method, field) = method_of(&file.media_type, size);
        match self.api.upload(method, &fields, field, &file.name, bytes.clone()).await {
            // A picture of a form that Telegram does not show is still a file.
            Err(Fault::Refused { code: 400, .. }) if field != "document" => {
                Ok(self.api.upload("sendDocument", &fields, "document", &file.name, bytes).await?)
            }
            other => Ok(other?),
        }
    }

    async fn keyboard(&self, buttons: &[Button]) -> Result<Option<Value>, MemoryError> {
        let mut rows = Vec::new();
        for button in buttons {
            rows.push(match &button.action {
                ButtonAction::Url(url) => json!([{"text": button.title, "url": url}]),
                ButtonAction::Postback(value) if value.len() <= MOST_BUTTON_BYTES && !value.starts_with(KEPT) => {
                    json!([{"text": button.title, "callback_data": value}])
                }
                ButtonAction::Postback(value) => {
                    let name = &ContentHash::of(value.as_bytes()).to_string()[..32];
                    let data = format!("{KEPT}{name}");
                    self.host.memory.put(self.channel, &button_key(&data), Some(value)).await?;
                    json!([{"text": button.title, "callback_data": data}])
                }
            });
        }
        Ok((!rows.is_empty()).then(|| json!({"inline_keyboard": rows})))
    }
}

/// Why a call did not succeed.
enum Failed {
    Fault(Fault),
    Send(SendError),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Failed {
    fn consequence(self) -> SendError {
        match self {
            Self::Fault(fault) => fault.consequence(),
            Self::Send(error) => error,
        }
    }
}

/// The message in `CHAT/MESSAGE`.
fn message_of(external_id: &str) -> Option<i64> {
    external_id.split('/').nth(1)?.parse().ok()
}

fn method_of(media_type: &str, size: u64) -> (&'static str, &'static str) {
    match media_type {
        "image/jpeg" | "image/png" | "image/webp" if size <= MOST_PHOTO_BYTES => ("sendPhoto", "photo"),
        "video/mp4" => ("sendVideo", "video"),
        "audio/ogg" => ("sendVoice", "voice"),
        "audio/mpeg" | "audio/mp4" => ("sendAudio", "audio"),
        _ => ("sendDocument", "document"),
    }
}

/// The calls of a reply: files first, so that buttons stand under the words, and cards last.
fn parts(outbound: &Outbound) -> Vec<Part<'_>> {
    let body = &outbound.body;
    let mut text = body.text.clone();
    for file in &body.attachments {
        if let AttachmentSource::Linked { url } = &file.source {
            text.push_str(&format!("\n{}: {url}", file.name));
        }
    }
    let stored = body.attachments.iter().filter(|file| matches!(file.source, AttachmentSource::Stored { .. }));
    let words = split(&marked(&text), MOST_UNITS);
    let cards = body.cards.iter().map(Part::Card);
    stored.map(Part::File).chain(words.into_iter().map(Part::Text)).chain(cards).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_name_their_chat_and_topic() {
        let at = |chat, topic| Some(Place { chat, topic });
        let rows = [
            ("42", at(42, None)),
            ("-1001234567890", at(-1_001_234_567_890, None)),
            ("-1001234567890/7", at(-1_001_234_567_890, Some(7))),
            ("-1001234567890/7/user/42", at(-1_001_234_567_890, Some(7))),
            ("-1001234567890/user/42", at(-1_001_234_567_890, None)),
            ("li", None),
        ];
        for (thread, expected) in rows {
            assert_eq!(place(thread), expected, "{thread}");
        }
    }
}
