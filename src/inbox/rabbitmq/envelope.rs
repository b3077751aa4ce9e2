//! The form of messages in the queue.

use std::sync::Arc;

use contract::{Inbound, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// The form of one message.
const ONE: u32 = 1;
/// The form of several of one partition. A daemon of a version that does not know it may be among those that are alive, so it is
/// written only where all of them are of one version; the form of one message is read and written by all. Fields may be
/// added to both.
const SEVERAL: u32 = 2;

#[derive(Serialize)]
struct Single<'a> {
    version: u32,
    id: MessageId,
    inbound: &'a RawValue,
}

#[derive(Serialize)]
struct Several<'a> {
    version: u32,
    messages: Vec<Part<&'a RawValue>>,
}

#[derive(Serialize, Deserialize)]
struct Part<I> {
    id: MessageId,
    inbound: I,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    id: Option<MessageId>,
    inbound: Option<Arc<Inbound>>,
    #[serde(default)]
    messages: Vec<Part<Arc<Inbound>>>,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// Writes a message, without its id.
///
/// # Errors
/// It has no form in JSON.
pub(super) fn write(inbound: &Inbound) -> Result<Box<RawValue>, serde_json::Error> {
    to_raw_value(inbound)
}

/// Puts an id to each of what was written: one goes as one, several as several.
///
/// # Errors
/// None that is known.
pub(super) fn put_up(items: &[(MessageId, &RawValue)]) -> Result<Vec<u8>, serde_json::Error> {
    match items {
        [(id, inbound)] => serde_json::to_vec(&Single { version: ONE, id: *id, inbound }),
        items => {
            let messages = items.iter().map(|&(id, inbound)| Part { id, inbound }).collect();
            serde_json::to_vec(&Several { version: SEVERAL, messages })
        }
    }
}

/// Reads messages, in their order, at least one; or says why that is none and what to do.
pub(super) fn read(body: &[u8]) -> Result<Vec<(MessageId, Arc<Inbound>)>, String> {
    match serde_json::from_slice::<Read>(body) {
        Ok(Read { version: ONE, id: Some(id), inbound: Some(inbound), .. }) => Ok(vec![(id, inbound)]),
        Ok(Read { version: SEVERAL, messages, .. }) if !messages.is_empty() => {
            Ok(messages.into_iter().map(|Part { id, inbound }| (id, inbound)).collect())
        }
        Ok(Read { version, .. }) if version > SEVERAL => Err(newer(version)),
        Ok(_) => Err(none("it holds no message")),
        Err(error) => Err(match serde_json::from_slice::<VersionOnly>(body) {
            Ok(VersionOnly { version }) if version > SEVERAL => newer(version),
            _ => none(error),
        }),
    }
}

fn none(why: impl std::fmt::Display) -> String {
    format!("what the broker delivered is no message of Switchboard: {why}. Find out who publishes to its queues")
}

fn newer(version: u32) -> String {
    format!(
        "the message has the form {version}, and this daemon reads forms up to {SEVERAL}: it was written by a newer release. Upgrade \
         every daemon, then publish the message again"
    )
}

#[cfg(test)]
mod tests {
    use contract::{Address, Body, Content, Sender};

    use super::*;

    #[test]
    fn what_is_written_is_read_and_anything_else_says_what_it_is() {
        let inbound = Inbound {
            channel: "shop".into(),
            kind: "webchat".into(),
            external_id: "1".into(),
            thread: "visitor".into(),
            from: Sender {
                address: Address { space: "webchat:shop".into(), handle: "visitor".into() },
                name: Some("李伟".into()),
                email: None,
                phone: None,
                email_verified: false,
                phone_verified: false,
                attributes: Default::default(),
            },
            content: Content::Message(Body::text("怎么退货？")),
            sent_at: None,
            automatic: false,
            related: None,
        };
        let inbound = Arc::new(inbound);
        let written = write(&inbound).unwrap();
        let (item, given) =
            (|id: u64| (MessageId::from(id), Arc::clone(&inbound)), |id: u64| (MessageId::from(id), &*written));
        let body = put_up(&[given(7)]).unwrap();
        assert_eq!(read(&body), Ok(vec![item(7)]));
        assert_eq!(read(&put_up(&[given(7), given(8), given(9)]).unwrap()), Ok(vec![item(7), item(8), item(9)]));
        let text = String::from_utf8(body).unwrap();
        assert!(text.starts_with("{\"version\":1,\"id\":"), "as every version reads it: {text}");
        let newer = text.replace("\"version\":1", "\"version\":3");
        assert!(read(newer.as_bytes()).unwrap_err().contains("newer release"));
        assert!(read(b"{\"version\":3,\"id\":{}}").unwrap_err().contains("form 3"));
        let later = text.replace("\"version\":1", "\"version\":1,\"hop\":\"eu\"");
        assert!(read(later.as_bytes()).is_ok(), "fields may be added");
        for nothing in [&b"\xff"[..], b"{\"version\":1}", b"{\"version\":2,\"messages\":[]}"] {
            assert!(read(nothing).unwrap_err().contains("no message of Switchboard"));
        }
    }
}
