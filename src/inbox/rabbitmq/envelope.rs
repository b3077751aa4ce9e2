//! The form of a message in the queue.

use std::sync::Arc;

use contract::{Inbound, MessageId};
use serde::{Deserialize, Serialize};

/// The form that is written. A new form is read for one release before it is written, so that daemons of two releases
/// work side by side; fields may be added to this one.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    id: MessageId,
    inbound: &'a Inbound,
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    id: MessageId,
    inbound: Arc<Inbound>,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// Writes a message.
///
/// # Errors
/// It has no form in JSON.
pub(super) fn write(id: MessageId, inbound: &Inbound) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Written { version: VERSION, id, inbound })
}

/// Reads a message, or says why that is none and what to do.
pub(super) fn read(body: &[u8]) -> Result<(MessageId, Arc<Inbound>), String> {
    match serde_json::from_slice::<Read>(body) {
        Ok(Read { version: VERSION, id, inbound }) => Ok((id, inbound)),
        Ok(Read { version, .. }) => Err(newer(version)),
        Err(error) => Err(match serde_json::from_slice::<VersionOnly>(body) {
            Ok(VersionOnly { version }) if version > VERSION => newer(version),
            _ => format!(
                "what the broker delivered is no message of Switchboard: {error}. Find out who publishes to its queues"
            ),
        }),
    }
}

fn newer(version: u32) -> String {
    format!(
        "the message has the form {version}, and this daemon reads form {VERSION} only: it was written by a newer \
         release. Upgrade every daemon, then publish the message again"
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
        let id = MessageId::from(7);
        let body = write(id, &inbound).unwrap();
        assert_eq!(read(&body), Ok((id, Arc::new(inbound))));
        let text = String::from_utf8(body).unwrap();
        let newer = text.replace("\"version\":1", "\"version\":2");
        assert!(read(newer.as_bytes()).unwrap_err().contains("newer release"));
        assert!(read(b"{\"version\":3}").unwrap_err().contains("form 3"));
        let later = text.replace("\"version\":1", "\"version\":1,\"hop\":\"eu\"");
        assert!(read(later.as_bytes()).is_ok(), "fields may be added");
        assert!(read(b"\xff").unwrap_err().contains("no message of Switchboard"));
    }
}
