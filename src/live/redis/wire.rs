//! Events as they go over Redis: JSON in an envelope that says who published it and in which form.

use std::sync::Arc;

use contract::{ConversationId, ThreadEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::{Audience, Event, Frame, Topic};

/// The form of envelopes. What a node of another version says in a form that is not known here is a miss.
const FORM: u32 = 1;

/// Who published something: a number by chance, one a node's life.
pub(super) type Origin = u64;

#[derive(Serialize)]
struct Sent<'a> {
    form: u32,
    from: Origin,
    event: Shape<&'a RawValue, &'a Audience, &'a ThreadEvent>,
}

#[derive(Deserialize)]
struct Received<'a> {
    form: u32,
    from: Origin,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape<Json, Who, Told> {
    Frame { audience: Who, json: Json },
    Thread(Told),
    Conversation(ConversationId),
    Changed,
    Insisted,
    Missed,
}

/// Writes an event.
pub(super) fn write(from: Origin, event: &Event) -> serde_json::Result<Vec<u8>> {
    let event = match event {
        Event::Frame(frame) => Shape::Frame { audience: &frame.audience, json: serde_json::from_str(&frame.json)? },
        Event::Thread(event) => Shape::Thread(&**event),
        Event::Conversation(id) => Shape::Conversation(*id),
        Event::Changed => Shape::Changed,
        Event::Insisted => Shape::Insisted,
        Event::Missed => Shape::Missed,
    };
    serde_json::to_vec(&Sent { form: FORM, from, event })
}

/// Reads an event; `None` if this node published it. What cannot be read is a miss.
pub(super) fn read(own: Origin, bytes: &[u8]) -> Option<Event> {
    match serde_json::from_slice::<Received>(bytes) {
        Ok(Received { from, .. }) if from == own => None,
        Ok(Received { form: FORM, event: Some(event), .. }) => Some(read_shape(event).unwrap_or(Event::Missed)),
        Ok(_) | Err(_) => Some(Event::Missed),
    }
}

fn read_shape(json: &RawValue) -> serde_json::Result<Event> {
    let shape: Shape<Box<RawValue>, Audience, ThreadEvent> = serde_json::from_str(json.get())?;
    Ok(match shape {
        Shape::Frame { audience, json } => {
            Event::Frame(Arc::new(Frame { json: String::from(Box::<str>::from(json)), audience }))
        }
        Shape::Thread(event) => Event::Thread(Arc::new(event)),
        Shape::Conversation(id) => Event::Conversation(id),
        Shape::Changed => Event::Changed,
        Shape::Insisted => Event::Insisted,
        Shape::Missed => Event::Missed,
    })
}

/// The channel of a topic. No two topics share one.
pub(super) fn channel(prefix: &str, topic: &Topic) -> String {
    match topic {
        Topic::Agent(agent) => format!("{prefix}:agent:{agent}"),
        Topic::Consoles => format!("{prefix}:consoles"),
        Topic::Thread(thread) => {
            format!("{prefix}:thread:{}:{}:{}", thread.channel.len(), thread.channel, thread.key)
        }
        Topic::Board => format!("{prefix}:board"),
        Topic::Desk => format!("{prefix}:desk"),
        Topic::Outbox => format!("{prefix}:outbox"),
        Topic::People => format!("{prefix}:people"),
        Topic::Presence => format!("{prefix}:presence"),
    }
}

/// The channel that every node hears, whatever its watchers watch.
pub(super) fn channel_of_all(prefix: &str) -> String {
    format!("{prefix}:all")
}

#[cfg(test)]
mod tests {
    use contract::{Thread, ThreadOwner, ThreadStatus};

    use super::*;

    #[test]
    fn events_survive_the_way() {
        let audience = Audience::Conversation { agents: [Some(7.into()), None], queue: Some("售后".to_owned()) };
        let frame = Frame { json: r#"{"type":"entry","text":"怎么退货？ \"now\""}"#.to_owned(), audience };
        let status = ThreadStatus { owner: ThreadOwner::Queue, agent: None, position: Some(3) };
        for event in [
            Event::Frame(Arc::new(frame)),
            Event::Thread(Arc::new(ThreadEvent::Status(status))),
            Event::Thread(Arc::new(ThreadEvent::Missed)),
            Event::Conversation(8.into()),
            Event::Changed,
            Event::Insisted,
            Event::Missed,
        ] {
            let bytes = write(1, &event).unwrap();
            assert_eq!(format!("{:?}", read(2, &bytes).unwrap()), format!("{event:?}"));
            assert!(read(1, &bytes).is_none(), "what a node said itself is not heard again");
        }
    }

    #[test]
    fn what_cannot_be_read_is_a_miss() {
        for text in
            ["", "nonsense", r#"{"form":2,"from":1,"event":{"new":1}}"#, r#"{"form":1,"from":1,"event":{"new":1}}"#]
        {
            assert!(matches!(read(2, text.as_bytes()), Some(Event::Missed)), "{text}");
        }
    }

    #[test]
    fn no_two_threads_share_a_channel() {
        let thread = |channel: &str, key: &str| {
            channel_of(&Topic::Thread(Thread { channel: channel.to_owned(), key: key.to_owned() }))
        };
        assert_ne!(thread("a:b", "c"), thread("a", "b:c"));
        assert_ne!(thread("a", "b"), thread("a", "c"));
    }

    fn channel_of(topic: &Topic) -> String {
        channel("switchboard", topic)
    }
}
