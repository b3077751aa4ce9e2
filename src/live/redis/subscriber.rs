//! Hears the events of other nodes, on a connection of its own.

use std::{convert::Infallible, sync::Arc};

use contract::Stop;
use redis::{PushInfo, PushKind, RedisResult, Value};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    super::{Event, Live, LocalLive, Topic},
    Outgoing, Timing,
    elsewhere::Elsewhere,
    link::Backoff,
    server::{Connection, Pushes, Server},
    topics::Topics,
    wire::{self, Origin},
};

/// How much may have come and not been handed on.
const ARRIVED: usize = 8_192;
/// Of how many watchers one is reminded at a time.
const PARTS: u64 = 4;

pub(super) struct Subscriber {
    pub(super) server: Server,
    pub(super) timing: Timing,
    pub(super) origin: Origin,
    pub(super) local: LocalLive,
    pub(super) topics: Arc<Topics>,
    pub(super) consoles: Arc<Elsewhere>,
    pub(super) outgoing: Outgoing,
    pub(super) prefix: String,
}

/// What comes over one connection.
struct Arriving {
    pushes: mpsc::Receiver<PushInfo>,
    from: Pushes,
}

impl Subscriber {
    /// Runs until `stop`.
    pub(super) async fn run(self, stop: Stop) {
        let all = async {
            let mut backoff = Backoff::new(self.timing);
            loop {
                let opened = self.reminding(self.open()).await;
                match opened {
                    Ok((connection, arriving)) => {
                        backoff = Backoff::new(self.timing);
                        if let Err(error) = self.hear(connection, arriving).await {
                            tracing::debug!(%error, "The subscription to Redis ended.");
                        }
                    }
                    Err(error) => tracing::debug!(%error, "There is no subscription to Redis."),
                }
                self.topics.deactivate();
                self.reminding(sleep(backoff.next())).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = all => {}
        }
    }

    /// Waits for something without a subscription: watchers are told now and then that they miss something, a part of
    /// them at a time, so that they do not all read the record at once.
    async fn reminding<T>(&self, awaited: impl Future<Output = T>) -> T {
        tokio::select! {
            awaited = awaited => awaited,
            never = self.remind() => match never {},
        }
    }

    async fn remind(&self) -> Infallible {
        let mut part = rand::random::<u64>() % PARTS;
        loop {
            sleep(self.timing.remind).await;
            self.local.miss_some(|number| number % PARTS == part);
            part = (part + 1) % PARTS;
        }
    }

    /// Opens a connection and subscribes to everything that is wanted.
    async fn open(&self) -> RedisResult<(Connection, Arriving)> {
        let (sender, pushes) = mpsc::channel(ARRIVED);
        let arriving = Arriving { pushes, from: Pushes::new(sender) };
        let mut connection = self.server.open(Some(arriving.from.clone())).await?;
        connection.subscribe(&[wire::channel_of_all(&self.prefix)]).await?;
        self.subscribe(&mut connection).await?;
        // Whoever watches may have missed something until now, and this node whoever began to.
        self.local.miss_some(|_| true);
        self.consoles.appear();
        Ok((connection, arriving))
    }

    async fn subscribe(&self, connection: &mut Connection) -> RedisResult<()> {
        let missing = self.topics.missing();
        connection.subscribe(&missing).await?;
        let topics = self.topics.activate(&missing);
        self.local.miss(&topics);
        if topics.contains(&Topic::Consoles) {
            self.outgoing.send(&Topic::Presence, Event::Changed);
        }
        Ok(())
    }

    /// Hands on what comes, until the connection breaks.
    async fn hear(&self, mut connection: Connection, mut arriving: Arriving) -> RedisResult<()> {
        let mut probe = interval(self.timing.probe);
        let mut sweep = interval(self.timing.linger);
        for ticks in [&mut probe, &mut sweep] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.reset();
        }
        let mut pushes = Vec::new();
        loop {
            tokio::select! {
                count = arriving.pushes.recv_many(&mut pushes, 256) => {
                    if count == 0 || !pushes.drain(..).all(|push| self.take(push)) {
                        return Ok(());
                    }
                    if arriving.from.have_overflowed() {
                        self.local.miss_some(|_| true);
                    }
                }
                () = self.topics.wanted.notified() => self.subscribe(&mut connection).await?,
                _ = sweep.tick() => connection.unsubscribe(&self.topics.sweep(&self.local)).await?,
                _ = probe.tick() => connection.ping().await?,
            }
        }
    }

    /// Hands on one push. Answers false when subscriptions have ended that nobody ended here.
    fn take(&self, push: PushInfo) -> bool {
        match push.kind {
            PushKind::Message | PushKind::SMessage => {
                if let [Value::BulkString(channel), Value::BulkString(message)] = &push.data[..] {
                    self.tell(&String::from_utf8_lossy(channel), message);
                }
                true
            }
            // A shard of a cluster has moved.
            PushKind::Unsubscribe | PushKind::SUnsubscribe => match push.data.first() {
                Some(Value::BulkString(channel)) => self.topics.topic(&String::from_utf8_lossy(channel)).is_none(),
                _ => true,
            },
            PushKind::Disconnection => false,
            _ => true,
        }
    }

    fn tell(&self, channel: &str, message: &[u8]) {
        let Some(event) = wire::read(self.origin, message) else { return };
        match self.topics.topic(channel) {
            Some(topic) => {
                if topic == Topic::Presence {
                    self.consoles.appear();
                }
                self.local.publish(&topic, event);
            }
            None if channel == wire::channel_of_all(&self.prefix) => self.local.miss_some(|_| true),
            // Its last watcher has just gone.
            None => {}
        }
    }
}
