//! Updates on their way into the inbox, whichever way they came: albums joined, pressed buttons looked up, what is
//! unknown set aside.

use std::{sync::Arc, time::Duration};

use contract::{Content, Host, Inbound, InboxError, MemoryError, Unread, clean_text};
use serde_json::{Value, json};

use super::{
    api::Api,
    decode::{Decoded, Decoder, album_of, update_id},
    send::button_key,
};
use crate::guard::guarded;

/// Why updates were not taken; they come again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0}")]
    Inbox(#[from] InboxError),
    #[error("{0}")]
    Memory(#[from] MemoryError),
}

impl Refused {
    /// How long to leave it alone.
    pub(super) fn pause(&self) -> Duration {
        match self {
            Self::Inbox(InboxError::Busy { retry_after }) => *retry_after,
            Self::Inbox(InboxError::Unavailable(_)) | Self::Memory(_) => Duration::from_secs(1),
        }
    }
}

/// Takes updates of one bot.
pub(super) struct Intake {
    pub(super) decoder: Decoder,
    pub(super) api: Arc<Api>,
    pub(super) host: Host,
}

impl Intake {
    /// Keeps updates in their order. Parts of one album that stand together become one message.
    pub(super) async fn take(&self, updates: &[Value]) -> Result<(), Refused> {
        let mut waiting: Option<(String, Box<Inbound>)> = None;
        for update in updates {
            let decoded = guarded(|| self.decoder.decode(update));
            let decoded = decoded.unwrap_or_else(|| Decoded::Unknown("one that met a defect; see the log".to_owned()));
            // What is not understood stands alone: it has no files to be joined.
            let is_body = |inbound: &Inbound| matches!(inbound.content, Content::Message(_));
            match (album_of(update), decoded) {
                (Some(album), Decoded::Message { inbound, .. }) if is_body(&inbound) => match &mut waiting {
                    Some((of, whole)) if *of == album => join(whole, *inbound),
                    _ => {
                        if let Some((_, whole)) = waiting.replace((album, inbound)) {
                            self.accept(*whole).await?;
                        }
                    }
                },
                (_, decoded) => {
                    if let Some((_, whole)) = waiting.take() {
                        self.accept(*whole).await?;
                    }
                    self.take_one(update, decoded).await?;
                }
            }
        }
        if let Some((_, whole)) = waiting {
            self.accept(*whole).await?;
        }
        Ok(())
    }

    async fn take_one(&self, update: &Value, decoded: Decoded) -> Result<(), Refused> {
        let channel = &self.decoder.channel;
        match decoded {
            Decoded::Message { mut inbound, press, .. } => {
                if let Content::Postback { value, .. } = &mut inbound.content
                    && let Some(kept) = self.host.memory.get(channel, &button_key(value)).await?
                {
                    *value = kept;
                }
                self.accept(*inbound).await?;
                if let Some(press) = press {
                    let api = Arc::clone(&self.api);
                    // The button shows a clock until then. Nothing is lost where this fails.
                    tokio::spawn(async move {
                        let _ = api.call::<Value>("answerCallbackQuery", &json!({"callback_query_id": press})).await;
                    });
                }
            }
            Decoded::Migrated { from, to } => {
                tracing::info!(channel, from, to, "A group has become a supergroup.");
                remember_migration(&self.host, channel, from, to).await?;
            }
            Decoded::Ignored(why) => tracing::debug!(channel, why, "An update is for nobody."),
            Decoded::Unknown(kind) => {
                metrics::counter!("switchboard_unknown_updates_total", "channel" => channel.clone()).increment(1);
                let id = update_id(update).unwrap_or_default();
                let unread = Unread {
                    channel: channel.clone(),
                    external_id: format!("update/{id}"),
                    reason: format!("Telegram sent an update of a kind that is not known: {}", clean_text(&kind)),
                    name: format!("update-{id}.json"),
                    bytes: update.to_string().into(),
                };
                self.host.inbox.set_aside(unread).await?;
            }
        }
        Ok(())
    }

    async fn accept(&self, mut inbound: Inbound) -> Result<(), Refused> {
        if let Some(before) = thread_before(&self.host, &self.decoder.channel, &inbound.thread).await? {
            inbound.thread = before;
        }
        self.host.inbox.accept(inbound).await?;
        Ok(())
    }
}

fn join(whole: &mut Inbound, part: Inbound) {
    let (Content::Message(whole), Content::Message(part)) = (&mut whole.content, part.content) else { return };
    whole.attachments.extend(part.attachments);
    if whole.text.is_empty() {
        whole.text = part.text;
    } else if !part.text.is_empty() {
        whole.text = format!("{}\n{}", whole.text, part.text);
    }
}

/// The chat of a thread, and what stands behind it.
pub(super) fn parted(thread: &str) -> (&str, &str) {
    thread.split_at(thread.find('/').unwrap_or(thread.len()))
}

/// Keeps that a group has another id, in both directions.
pub(super) async fn remember_migration(host: &Host, channel: &str, from: i64, to: i64) -> Result<(), MemoryError> {
    host.memory.put(channel, &format!("migrated/{from}"), Some(&to.to_string())).await?;
    host.memory.put(channel, &format!("formerly/{to}"), Some(&from.to_string())).await
}

/// A thread as it was called before its group had another id: its conversation goes on.
async fn thread_before(host: &Host, channel: &str, thread: &str) -> Result<Option<String>, MemoryError> {
    let (chat, rest) = parted(thread);
    if !chat.starts_with("-100") {
        return Ok(None);
    }
    let before = host.memory.get(channel, &format!("formerly/{chat}")).await?;
    Ok(before.map(|before| format!("{before}{rest}")))
}
