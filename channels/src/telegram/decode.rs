//! What an update is (<https://core.telegram.org/bots/api#update>). Pure.
//!
//! Updates are read as teloxide knows them. What it does not know is kept as it came.

use contract::{
    Address, Attachment, AttachmentSource, Body, Content, Inbound, Location, Sender, Timestamp, clean_line, clean_text,
    normalise_phone,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use teloxide_core::types::{
    CallbackQuery, Chat, ChatId, FileMeta, MediaKind, Message, MessageEntity, MessageEntityKind, MessageKind,
    MessageReactionUpdated, User,
};

use super::KIND;
use crate::{files::is_media_type, guard::guarded};

/// How much of what somebody quoted is repeated.
const QUOTE_CHARS: usize = 300;
const NAME_CHARS: usize = 100;
const EMOJI_CHARS: usize = 20;

/// What to do with messages in groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Groups {
    /// Nothing.
    #[default]
    Ignore,
    /// One conversation a group, or a topic of it.
    Chat,
    /// One conversation for each person in a group.
    User,
}

/// Reads the updates of one bot.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    pub(super) channel: String,
    pub(super) groups: Groups,
    pub(super) bot: Bot,
}

/// Whom updates are for, as `getMe` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Bot {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) username: String,
    #[serde(default)]
    pub(super) can_read_all_group_messages: bool,
}

/// What an update is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decoded {
    /// Somebody wrote or did something.
    Message {
        inbound: Box<Inbound>,
        /// The press of a button that waits to be answered.
        press: Option<String>,
    },
    /// A group has another id from now on.
    Migrated { from: i64, to: i64 },
    /// It is for nobody, for this reason.
    Ignored(&'static str),
    /// Telegram sends what nobody here knows: its kind.
    Unknown(String),
}

/// The number of an update.
pub(super) fn update_id(update: &Value) -> Option<i64> {
    update["update_id"].as_i64()
}

/// The album that an update is a part of.
pub(super) fn album_of(update: &Value) -> Option<String> {
    let group = update["message"]["media_group_id"].as_str()?;
    Some(format!("{}/{group}", update["message"]["chat"]["id"]))
}

impl Decoder {
    pub(super) fn decode(&self, update: &Value) -> Decoded {
        let fields = update.as_object().into_iter().flatten();
        let Some((kind, what)) = fields.into_iter().find(|(name, _)| *name != "update_id") else {
            return Decoded::Unknown("nothing".to_owned());
        };
        match kind.as_str() {
            "message" => self.message(what, false),
            "edited_message" => self.message(what, true),
            "callback_query" => self.press(what),
            "message_reaction" => self.reaction(what),
            "business_message" | "edited_business_message" | "business_connection" => self.raw(kind, what),
            "channel_post" | "edited_channel_post" => Decoded::Ignored("a post of a channel is for its readers"),
            "my_chat_member" | "chat_member" | "chat_join_request" => Decoded::Ignored("who is in a chat"),
            "message_reaction_count" | "poll" | "poll_answer" | "chat_boost" | "removed_chat_boost" => {
                Decoded::Ignored("a count that nobody asked for")
            }
            _ => Decoded::Unknown(kind.clone()),
        }
    }

    fn message(&self, raw: &Value, edited: bool) -> Decoded {
        let Some(message) = read::<Message>(raw) else { return self.raw("message", raw) };
        if let Some(to) = message.migrate_to_chat_id() {
            return Decoded::Migrated { from: message.chat.id.0, to: to.0 };
        }
        if message.migrate_from_chat_id().is_some() {
            return Decoded::Ignored("the group that it was said so before");
        }
        let Some(from) = &message.from else { return Decoded::Ignored("nobody in person wrote it") };
        let body = match &message.kind {
            MessageKind::Common(common) => body(&common.media_kind, raw),
            MessageKind::Dice(dice) => {
                Some(Body::text(format!("{} {}", raw["dice"]["emoji"].as_str().unwrap_or("🎲"), dice.dice.value)))
            }
            MessageKind::Empty {} => None,
            _ => return Decoded::Ignored("a note of the chat about itself"),
        };
        if !message.chat.is_private() {
            if self.groups == Groups::Ignore {
                return Decoded::Ignored("it was said in a group, and `groups` is \"ignore\"");
            }
            if !self.is_addressed(&message) {
                return Decoded::Ignored("it was said in a group, and not to the bot");
            }
        }
        let external_id = external_id(message.chat.id, message.id.0);
        let sent_at = message.edit_date().unwrap_or(&message.date).timestamp();
        let (content, own_id) = match body {
            None => {
                let (what, raw) = (unknown_part(raw), raw.to_string());
                (Content::Other { what, raw: clean_text(&raw) }, external_id)
            }
            Some(mut body) => {
                body.text = self.said(&body.text, &message);
                match edited {
                    false => (Content::Message(body), external_id),
                    true => {
                        let own_id = format!("{external_id}/{sent_at}");
                        (Content::Edit { of: external_id, body }, own_id)
                    }
                }
            }
        };
        let mut sender = sender(from);
        // A contact that is the sender's own was given by Telegram, not typed.
        if let Some(contact) = message.contact().filter(|contact| contact.user_id == Some(from.id)) {
            sender.phone = normalise_phone(&format!("+{}", contact.phone_number.trim_start_matches('+')));
            sender.phone_verified = sender.phone.is_some();
        }
        let topic = message.thread_id.filter(|_| message.is_topic_message).map(|topic| topic.0.0);
        Decoded::Message {
            inbound: Box::new(Inbound {
                external_id: own_id,
                thread: self.thread(&message.chat, topic, from),
                sent_at: Timestamp::from_second(sent_at).ok(),
                automatic: from.is_bot,
                ..self.inbound(sender, content)
            }),
            press: None,
        }
    }

    fn inbound(&self, from: Sender, content: Content) -> Inbound {
        Inbound {
            channel: self.channel.clone(),
            kind: KIND.to_owned(),
            external_id: String::new(),
            thread: String::new(),
            from,
            content,
            sent_at: None,
            automatic: false,
            related: None,
        }
    }

    fn thread(&self, chat: &Chat, topic: Option<i32>, from: &User) -> String {
        let mut thread = chat.id.to_string();
        if let Some(topic) = topic {
            thread.push_str(&format!("/{topic}"));
        }
        if !chat.is_private() && self.groups == Groups::User {
            thread.push_str(&format!("/user/{}", from.id));
        }
        thread
    }

    /// Whether somebody in a group speaks to the bot: by its name, in answer to it, or by a command.
    fn is_addressed(&self, message: &Message) -> bool {
        let answers = |to: &Message| to.from.as_ref().is_some_and(|from| is(from, self.bot.id));
        if message.reply_to_message().is_some_and(answers) {
            return true;
        }
        let (text, entities) = written(message);
        entities.iter().any(|entity| {
            let part = cut(text, entity);
            match &entity.kind {
                MessageEntityKind::Mention => self.is_name(&part),
                MessageEntityKind::TextMention { user } => is(user, self.bot.id),
                MessageEntityKind::BotCommand => part.split_once('@').is_none_or(|(_, to)| self.is_name(to)),
                _ => false,
            }
        })
    }

    fn is_name(&self, name: &str) -> bool {
        !self.bot.username.is_empty() && name.trim_start_matches('@').eq_ignore_ascii_case(&self.bot.username)
    }

    /// The text, with what it quotes above it and without the bot's name before it.
    fn said(&self, text: &str, message: &Message) -> String {
        let first = text.split_whitespace().next().unwrap_or_default();
        let is_named = first.starts_with('@') && self.is_name(first.trim_end_matches([',', ':', '，', '：']));
        let said = if is_named { text.trim_start()[first.len()..].trim_start() } else { text };
        let quoted = message.quote().map(|quote| clean_line(&quote.text, QUOTE_CHARS)).unwrap_or_default();
        match (quoted.is_empty(), said.is_empty()) {
            (true, _) => said.to_owned(),
            (false, true) => format!("> {quoted}"),
            (false, false) => format!("> {quoted}\n{said}"),
        }
    }

    fn press(&self, raw: &Value) -> Decoded {
        let query = read::<CallbackQuery>(raw).filter(|query| is_id(&query.id.0));
        let Some(query) = query else { return Decoded::Unknown("callback_query".to_owned()) };
        let Some(data) = query.data.as_deref().filter(|data| !data.is_empty()) else {
            return Decoded::Ignored("a button of a game");
        };
        let Some(message) = &query.message else { return Decoded::Ignored("a button of an inline message") };
        let buttons = raw["message"]["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten();
        let pressed =
            buttons.flat_map(|row| row.as_array().into_iter().flatten()).find(|of| of["callback_data"] == data);
        let title = pressed.and_then(|button| button["text"].as_str()).unwrap_or(data);
        let content = Content::Postback { value: data.to_owned(), title: clean_line(title, NAME_CHARS) };
        let topic = query.regular_message().filter(|message| message.is_topic_message);
        let topic = topic.and_then(|message| message.thread_id).map(|topic| topic.0.0);
        Decoded::Message {
            inbound: Box::new(Inbound {
                external_id: format!("press/{}", query.id.0),
                thread: self.thread(message.chat(), topic, &query.from),
                ..self.inbound(sender(&query.from), content)
            }),
            press: Some(query.id.0.clone()),
        }
    }

    fn reaction(&self, raw: &Value) -> Decoded {
        let Some(reaction) = read::<MessageReactionUpdated>(raw) else {
            return Decoded::Unknown("message_reaction".to_owned());
        };
        let Some(user) = reaction.user() else { return Decoded::Ignored("nobody in person reacted") };
        if !reaction.chat.is_private() {
            return Decoded::Ignored("a reaction in a group");
        }
        let emoji = reaction.new_reaction.last().map(|reaction| reaction.emoji().map_or("⭐", String::as_str));
        let emoji = emoji.map(|emoji| clean_line(emoji, EMOJI_CHARS)).unwrap_or_default();
        let to = external_id(reaction.chat.id, reaction.message_id.0);
        let at = reaction.date.timestamp();
        let content = Content::Reaction { to: to.clone(), emoji: emoji.clone() };
        Decoded::Message {
            inbound: Box::new(Inbound {
                external_id: format!("reaction/{to}/{at}/{emoji}"),
                thread: reaction.chat.id.to_string(),
                sent_at: Timestamp::from_second(at).ok(),
                ..self.inbound(sender(user), content)
            }),
            press: None,
        }
    }

    /// What has a person and a chat but is not understood: kept in the conversation as it came.
    fn raw(&self, kind: &str, raw: &Value) -> Decoded {
        let person = ["from", "user"].into_iter().find_map(|name| read::<User>(&raw[name]));
        let chat = raw["chat"]["id"].as_i64().or_else(|| raw["user_chat_id"].as_i64());
        let own = raw["message_id"].as_i64().map(|id| id.to_string()).or(raw["id"].as_str().map(str::to_owned));
        let own = own.filter(|own| is_id(own));
        let (Some(person), Some(chat), Some(own)) = (person, chat, own) else {
            return Decoded::Unknown(kind.to_owned());
        };
        let is_private = raw["chat"]["type"].as_str().is_none_or(|of| of == "private");
        if !is_private && self.groups == Groups::Ignore {
            return Decoded::Ignored("it was said in a group, and `groups` is \"ignore\"");
        }
        let edited = raw["edit_date"].as_i64().map(|at| format!("/{at}")).unwrap_or_default();
        let what = if kind == "message" { unknown_part(raw) } else { kind.to_owned() };
        Decoded::Message {
            inbound: Box::new(Inbound {
                external_id: format!("{kind}/{chat}/{own}{edited}"),
                thread: chat.to_string(),
                ..self.inbound(sender(&person), Content::Other { what, raw: clean_text(&raw.to_string()) })
            }),
            press: None,
        }
    }
}

/// Guarded, because teloxide's own types are not without defects: a reaction of nobody makes it panic.
fn read<T: DeserializeOwned>(raw: &Value) -> Option<T> {
    guarded(|| T::deserialize(raw).ok())?
}

/// Two without an id would be taken for one that came twice, and ids stand in logs.
fn is_id(given: &str) -> bool {
    !given.is_empty() && !given.contains(char::is_control)
}

fn is(user: &User, id: i64) -> bool {
    i64::try_from(user.id.0).is_ok_and(|found| found == id)
}

pub(super) fn external_id(chat: ChatId, message: i32) -> String {
    format!("{chat}/{message}")
}

/// The first field of a message that says what it is.
fn unknown_part(raw: &Value) -> String {
    const KNOWN: &[&str] = &[
        "message_id",
        "message_thread_id",
        "from",
        "sender_chat",
        "date",
        "chat",
        "is_topic_message",
        "via_bot",
        "edit_date",
        "reply_to_message",
        "has_protected_content",
        "business_connection_id",
        "forward_origin",
        "reply_markup",
        "effect_id",
        "quote",
        "author_signature",
        "is_from_offline",
        "media_group_id",
    ];
    let fields = raw.as_object().into_iter().flatten();
    let unknown = fields.into_iter().map(|(name, _)| name.as_str()).find(|name| !KNOWN.contains(name));
    let unknown = unknown.map(|name| clean_line(name, NAME_CHARS)).filter(|name| !name.is_empty());
    unknown.unwrap_or_else(|| "nothing".to_owned())
}

fn sender(user: &User) -> Sender {
    let username = user.username.as_ref().map(|name| ("telegram_username".to_owned(), clean_line(name, NAME_CHARS)));
    Sender {
        address: Address { space: KIND.to_owned(), handle: user.id.to_string() },
        name: Some(clean_line(&user.full_name(), NAME_CHARS)).filter(|name| !name.is_empty()),
        email: None,
        phone: None,
        email_verified: false,
        phone_verified: false,
        attributes: username.into_iter().collect(),
    }
}

fn written(message: &Message) -> (&str, &[MessageEntity]) {
    let text = message.text().or_else(|| message.caption()).unwrap_or_default();
    (text, message.entities().or_else(|| message.caption_entities()).unwrap_or_default())
}

/// The part of a text that an entity is about; offsets are in UTF-16 units, and anybody could send wrong ones.
fn cut(text: &str, entity: &MessageEntity) -> String {
    let units: Vec<u16> = text.encode_utf16().skip(entity.offset).take(entity.length).collect();
    String::from_utf16_lossy(&units)
}

/// What was written, with the addresses that hide behind words.
fn with_links(text: &str, entities: &[MessageEntity]) -> String {
    let mut links: Vec<(usize, &str)> = entities
        .iter()
        .filter_map(|entity| match &entity.kind {
            MessageEntityKind::TextLink { url } => Some((entity.offset.saturating_add(entity.length), url.as_str())),
            _ => None,
        })
        .collect();
    if links.is_empty() {
        return text.to_owned();
    }
    links.sort_unstable();
    let (mut written, mut at, mut links) = (String::with_capacity(text.len() + 64), 0, links.into_iter().peekable());
    for c in text.chars() {
        while let Some((_, url)) = links.next_if(|(end, _)| *end <= at) {
            written.push_str(&format!(" ({url})"));
        }
        written.push(c);
        at += c.len_utf16();
    }
    for (_, url) in links {
        written.push_str(&format!(" ({url})"));
    }
    written
}

/// `None` for kinds that are not known.
fn body(media: &MediaKind, raw: &Value) -> Option<Body> {
    let caption = |caption: &Option<String>, entities: &[MessageEntity]| {
        clean_text(&with_links(caption.as_deref().unwrap_or_default(), entities))
    };
    let with_file = |text: String, file: &FileMeta, name: Option<&str>, usual: &str, kind: &str| Body {
        text,
        attachments: attachment(file, name, usual, kind).into_iter().collect(),
        ..Body::default()
    };
    let mime = |part: &str, usual: &str| {
        let given = raw[part]["mime_type"].as_str().and_then(|given| given.split(';').next());
        given.map(str::trim).filter(|given| is_media_type(given)).unwrap_or(usual).to_ascii_lowercase()
    };
    Some(match media {
        MediaKind::Text(text) => Body::text(clean_text(&with_links(&text.text, &text.entities))),
        MediaKind::Photo(photo) => {
            let best = photo.photo.iter().max_by_key(|size| u64::from(size.width) * u64::from(size.height))?;
            let text = caption(&photo.caption, &photo.caption_entities);
            with_file(text, &best.file, None, "photo.jpg", "image/jpeg")
        }
        MediaKind::Document(of) => {
            let text = caption(&of.caption, &of.caption_entities);
            let name = of.document.file_name.as_deref();
            with_file(text, &of.document.file, name, "document", &mime("document", "application/octet-stream"))
        }
        MediaKind::Animation(of) => {
            let text = caption(&of.caption, &of.caption_entities);
            let name = of.animation.file_name.as_deref();
            with_file(text, &of.animation.file, name, "animation.mp4", &mime("animation", "video/mp4"))
        }
        MediaKind::Audio(of) => {
            let text = caption(&of.caption, &of.caption_entities);
            with_file(text, &of.audio.file, of.audio.file_name.as_deref(), "audio.mp3", &mime("audio", "audio/mpeg"))
        }
        MediaKind::Video(of) => {
            let text = caption(&of.caption, &of.caption_entities);
            with_file(text, &of.video.file, of.video.file_name.as_deref(), "video.mp4", &mime("video", "video/mp4"))
        }
        MediaKind::Voice(of) => {
            let text = caption(&of.caption, &of.caption_entities);
            with_file(text, &of.voice.file, None, "voice.ogg", &mime("voice", "audio/ogg"))
        }
        MediaKind::VideoNote(of) => with_file(String::new(), &of.video_note.file, None, "video.mp4", "video/mp4"),
        MediaKind::Sticker(of) => {
            let (name, kind) = match (of.sticker.flags.is_animated, of.sticker.flags.is_video) {
                (true, _) => ("sticker.tgs", "application/x-tgsticker"),
                (_, true) => ("sticker.webm", "video/webm"),
                _ => ("sticker.webp", "image/webp"),
            };
            let emoji = of.sticker.emoji.as_deref().unwrap_or_default();
            with_file(clean_line(emoji, EMOJI_CHARS), &of.sticker.file, None, name, kind)
        }
        MediaKind::Venue(of) => {
            let name = clean_line(&format!("{}, {}", of.venue.title, of.venue.address), NAME_CHARS * 2);
            let location = place(&of.venue.location).map(|place| Location { name: Some(name.clone()), ..place });
            Body { text: name, location, ..Body::default() }
        }
        MediaKind::Location(of) => Body { location: Some(place(&of.location)?), ..Body::default() },
        MediaKind::Contact(of) => {
            let contact = &of.contact;
            let name = [Some(contact.first_name.as_str()), contact.last_name.as_deref()];
            let name: Vec<&str> = name.into_iter().flatten().collect();
            Body::text(clean_text(&format!("{} {}", name.join(" "), contact.phone_number)))
        }
        MediaKind::Poll(of) => {
            let options = of.poll.options.iter().map(|option| format!("\n- {}", option.text));
            Body::text(clean_text(&format!("{}{}", of.poll.question, options.collect::<String>())))
        }
        _ => return None,
    })
}

/// `None` where it is not on the map.
fn place(location: &teloxide_core::types::Location) -> Option<Location> {
    let &teloxide_core::types::Location { latitude, longitude, .. } = location;
    let is_on_map = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    is_on_map.then_some(Location { latitude, longitude, name: None })
}

/// `None` for one that could not be fetched, because it has no id.
fn attachment(file: &FileMeta, name: Option<&str>, usual: &str, media_type: &str) -> Option<Attachment> {
    let name = name.map(|name| clean_line(name, NAME_CHARS)).filter(|name| !name.is_empty());
    (!file.id.0.is_empty()).then(|| Attachment {
        name: name.unwrap_or_else(|| usual.to_owned()),
        media_type: media_type.to_owned(),
        source: AttachmentSource::Remote {
            reference: file.id.0.clone(),
            size: Some(u64::from(file.size)).filter(|size| *size != u64::from(u32::MAX)),
            problem: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::cases;

    /// A row of `cases/telegram`.
    #[derive(Deserialize)]
    struct Case {
        update: Value,
        #[serde(default)]
        groups: Groups,
        becomes: Value,
    }

    fn decoder(groups: Groups) -> Decoder {
        let bot = Bot { id: 7, username: "shop_bot".to_owned(), can_read_all_group_messages: false };
        Decoder { channel: "telegram".to_owned(), groups, bot }
    }

    fn describe(update: &Value, decoded: &Decoded) -> Value {
        let (inbound, press) = match decoded {
            Decoded::Message { inbound, press } => (inbound, press),
            Decoded::Migrated { from, to } => return json!({"migrated": [from, to]}),
            Decoded::Ignored(why) => return json!({"ignored": why}),
            Decoded::Unknown(kind) => return json!({"unknown": kind}),
        };
        let of_file = |file: &Attachment| match &file.source {
            AttachmentSource::Remote { reference, size, .. } => {
                format!("{} {} {} {reference}", file.name, file.media_type, size.unwrap_or_default())
            }
            other => format!("{other:?}"),
        };
        let body = inbound.content.body();
        let mut told = json!({
            "id": inbound.external_id,
            "thread": inbound.thread,
            "from": inbound.from.address.handle,
            "event": inbound.content.event(),
            "text": inbound.content.text(),
        });
        let more = [
            ("automatic", inbound.automatic.then(|| true.into())),
            ("phone", inbound.from.phone.clone().map(Value::from)),
            ("of", inbound.content.about().map(Value::from)),
            ("album", album_of(update).map(Value::from)),
            ("press", press.clone().map(Value::from)),
            (
                "files",
                body.filter(|body| !body.attachments.is_empty())
                    .map(|body| body.attachments.iter().map(of_file).collect::<Vec<_>>().into()),
            ),
            ("at", body.and_then(|body| body.location.as_ref()).map(|at| json!([at.latitude, at.longitude]))),
            (
                "value",
                match &inbound.content {
                    Content::Postback { value, .. } => Some(value.clone().into()),
                    _ => None,
                },
            ),
            (
                "what",
                match &inbound.content {
                    Content::Other { what, .. } => Some(what.clone().into()),
                    _ => None,
                },
            ),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                told[name] = value;
            }
        }
        told
    }

    #[test]
    fn updates_become_what_their_cases_say() {
        cases::check("telegram", |case: &Case| {
            (describe(&case.update, &decoder(case.groups).decode(&case.update)), case.becomes.clone())
        });
    }

    proptest! {
        /// An update whose parts were changed, taken away or put elsewhere.
        #[test]
        fn no_update_panics(
            which in any::<prop::sample::Index>(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..6), 1..8),
        ) {
            let rows: Vec<Value> = serde_json::from_slice(include_bytes!("../../cases/telegram/messages.json")).unwrap();
            let mut update = which.get(&rows)["update"].clone();
            for (at, change) in changes {
                let mut places = Vec::new();
                pointers(&update, String::new(), &mut places);
                let place = update.pointer_mut(&places[at.index(places.len())]).unwrap();
                *place = match change {
                    0 => Value::Null,
                    1 => json!(-1),
                    2 => json!(u64::MAX),
                    3 => json!("😀 text"),
                    4 => json!([]),
                    _ => json!({"offset": 1, "length": 99_999}),
                };
            }
            for groups in [Groups::Ignore, Groups::Chat, Groups::User] {
                decoder(groups).decode(&update);
            }
        }
    }

    fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| pointers(item, format!("{at}/{index}"), all));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, item)| pointers(item, format!("{at}/{name}"), all));
            }
            _ => {}
        }
        all.push(at);
    }
}
