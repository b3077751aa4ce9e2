//! What the fuzz targets share: properties that hold for whatever comes in.

use contract::{MAX_TEXT_BYTES, Sender, clean_line, clean_text, normalise_email};
use serde_json::Value;

/// A defect that the daemon survives, because it is guarded, is told and no more; every other one ends the target.
pub fn tell_of_panics() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}

/// A text that people see is clean, and no longer than what is kept.
#[track_caller]
pub fn is_kept(text: &str) {
    assert!(text.len() <= MAX_TEXT_BYTES + '…'.len_utf8(), "a text of {} bytes", text.len());
    assert_eq!(clean_text(text), text, "a text is not clean");
}

/// A name is one clean line of 1 to `most` characters.
#[track_caller]
pub fn is_line(line: &str, most: usize) {
    assert!((1..=most).contains(&line.chars().count()), "{line:?} is not 1 to {most} characters");
    assert_eq!(clean_line(line, most), line, "{line:?} is not one clean line");
}

/// An id names something.
#[track_caller]
pub fn is_id(id: &str) {
    assert!(!id.is_empty() && !id.chars().any(char::is_control), "{id:?} is no id");
}

/// A media type is a lower-case `type/subtype`.
#[track_caller]
pub fn is_media_type(given: &str) {
    let fits = |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase() && !"()<>@,;:\\\"[]?=".contains(c);
    assert!(given.split_once('/').is_some_and(|(main, sub)| !main.is_empty() && !sub.is_empty()), "{given:?}");
    assert!(given.chars().all(fits), "{given:?} is no media type");
}

/// Whoever wrote can be told from others, and by mail only at an address.
#[track_caller]
pub fn is_somebody(sender: &Sender) {
    is_id(&sender.address.space);
    is_id(&sender.address.handle);
    if let Some(name) = &sender.name {
        is_line(name, 100);
    }
    if let Some(email) = &sender.email {
        assert_eq!(normalise_email(email).as_ref(), Some(email));
    }
    assert!(sender.email.is_some() || !sender.email_verified);
    assert!(sender.phone.is_some() || !sender.phone_verified);
}

/// A JSON value with one part changed: taken away, put in another's place, renamed, or replaced by what nobody expects.
/// `seed` says which and how.
#[must_use]
pub fn changed(mut value: Value, seed: u32) -> Value {
    let mut places = Vec::new();
    pointers(&value, String::new(), &mut places);
    let mut dice = u64::from(seed) | 1;
    let mut roll = |sides: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice >> 16).unwrap_or_default() % sides
    };
    let (at, other, how) = (places[roll(places.len())].clone(), places[roll(places.len())].clone(), roll(10));
    let other = value.pointer(&other).cloned().unwrap_or_default();
    let name = at.rsplit('/').next().unwrap_or_default().to_owned();
    let around = at.rfind('/').map(|end| at[..end].to_owned()).unwrap_or_default();
    match (how, value.pointer_mut(&around)) {
        (0 | 1, Some(Value::Object(fields))) => _ = fields.remove(&name),
        (2, Some(Value::Object(fields))) => _ = fields.insert(name, other),
        (3, Some(Value::Object(fields))) => {
            let moved = fields.remove(&name).unwrap_or_default();
            let names: Vec<&str> = KNOWN.split(' ').collect();
            fields.insert(names[roll(names.len())].to_owned(), moved);
        }
        (4, Some(Value::Array(items))) => items.push(other),
        _ => {
            if let Some(place) = value.pointer_mut(&at) {
                *place = match roll(9) {
                    0 => Value::Null,
                    1 => (-1).into(),
                    2 => u64::MAX.into(),
                    3 => i64::MIN.into(),
                    4 => "".into(),
                    5 => "\u{202e}😀\n</script>\0".into(),
                    6 => Value::Array(Vec::new()),
                    7 => true.into(),
                    _ => other,
                };
            }
        }
    }
    value
}

/// Names that a field can be given.
const KNOWN: &str = "message edited_message callback_query message_reaction business_message my_chat_member text caption \
    entities caption_entities photo document animation audio video voice video_note sticker venue location \
    contact poll dice quote reply_to_message migrate_to_chat_id media_group_id message_thread_id \
    is_topic_message edit_date forward_origin mime_type file_name sender_chat story checklist gift";

fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| pointers(item, format!("{at}/{index}"), all));
        }
        Value::Object(fields) => {
            let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
            fields.iter().for_each(|(name, item)| pointers(item, format!("{at}/{}", escaped(name)), all));
        }
        _ => {}
    }
    all.push(at);
}
