//! Tells other systems what happens, over a topic exchange: at most once. What cannot be sent at once is dropped and
//! counted, so that nobody who listens, or does not, ever holds up a turn. Who must not miss anything reads the record.

use std::{sync::Arc, time::Duration};

use contract::Stop;
use lapin::{
    BasicProperties, Channel, ExchangeKind,
    options::{BasicPublishOptions, ExchangeDeclareOptions},
    types::FieldTable,
};
use serde::Serialize;
use tokio::sync::mpsc;

use super::link::{self, Link};

/// Where they are published.
pub(super) const EVENTS: &str = "switchboard.events";
/// How many may wait to be sent.
const QUEUED: usize = 4096;
const PAUSE: Duration = Duration::from_secs(1);

/// Where events go. Cheap to clone.
#[derive(Clone)]
pub struct Events(mpsc::Sender<(String, Vec<u8>)>);

impl Events {
    pub(super) fn start(link: Arc<Link>, stop: Stop) -> Self {
        let (sends, waiting) = mpsc::channel(QUEUED);
        tokio::spawn(send(link, waiting, stop));
        Self(sends)
    }

    /// Publishes something under `<noun>.<word>`: `decision.queue`, `conversation.closed`. Never waits.
    pub fn publish(&self, noun: &str, word: &str, event: &impl Serialize) {
        let Ok(body) = serde_json::to_vec(event) else { return dropped() };
        if self.0.try_send((routing_key(noun, word), body)).is_err() {
            dropped();
        }
    }
}

fn dropped() {
    metrics::counter!("switchboard_events_dropped_total").increment(1);
}

/// Two words: a dot would make more of them, and AMQP takes 255 bytes.
fn routing_key(noun: &str, word: &str) -> String {
    let plain = |text: &str| -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
        text.chars().take(100).map(plain).collect()
    };
    format!("{}.{}", plain(noun), plain(word))
}

async fn send(link: Arc<Link>, mut waiting: mpsc::Receiver<(String, Vec<u8>)>, stop: Stop) {
    let mut channel: Option<Channel> = None;
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = waiting.recv() => event,
        };
        let Some((key, body)) = event else { return };
        if !channel.as_ref().is_some_and(|channel| channel.status().connected()) {
            channel = open(&link).await;
        }
        let blocked = link.now().map_or(true, |connection| connection.status().blocked());
        let Some(open) = channel.as_ref().filter(|_| !blocked) else {
            dropped();
            continue;
        };
        let properties = BasicProperties::default().with_content_type("application/json".into());
        let sent = open.basic_publish(EVENTS.into(), key.into(), BasicPublishOptions::default(), &body, properties);
        if !matches!(tokio::time::timeout(PAUSE, sent).await, Ok(Ok(_))) {
            dropped();
            channel = None;
        }
    }
}

async fn open(link: &Link) -> Option<Channel> {
    let connection = link.now().ok()?;
    let opened = async {
        let channel = link::channel(&connection).await?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = channel.exchange_declare(EVENTS.into(), ExchangeKind::Topic, options, FieldTable::default());
        link::in_time(declared).await?;
        Ok::<_, String>(channel)
    };
    match opened.await {
        Ok(channel) => Some(channel),
        Err(why) => {
            tracing::warn!(why, "Events cannot be published.");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routing_key_has_two_words() {
        assert_eq!(routing_key("decision", "queue"), "decision.queue");
        assert_eq!(routing_key("decision", "bot.answer 退货"), "decision.bot_answer___");
        assert!(routing_key(&"n".repeat(300), &"w".repeat(300)).len() < 255);
    }
}
