//! What is live, over Redis: every node of a fleet tells the others, and nothing here is the truth of anything.
//!
//! Events of this node reach its own watchers at once and those of other nodes by Redis' publish and subscribe, which may
//! lose some. A node that may have lost some tells its watchers so: after its subscription was away, and when another
//! node says that it could not publish. While Redis is away watchers are told again and again, a few at a time, so that
//! they read the record. A topic is subscribed to while somebody watches it here; what consoles see is built while one is open
//! on any node.
//!
//! In a cluster, publish and subscribe are those of shards. It needs Redis 6, a cluster Redis 7.

mod elsewhere;
mod link;
mod look;
mod publisher;
mod rates;
mod server;
mod shared;
mod subscriber;
mod topics;
mod wire;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use contract::{AgentId, Stop};
use futures::stream::BoxStream;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::{sync::DropGuard, task::TaskTracker};

use self::{
    elsewhere::Elsewhere, link::Link, publisher::Publisher, rates::RedisRates, shared::Teller, subscriber::Subscriber,
    topics::Topics,
};
use super::{Event, Granted, Here, Live, LocalLive, Rates, Shared, Topic};

pub use self::{
    look::{Look, LookError, OLDEST, look},
    rates::bucket,
    server::AddressError,
};

/// How many events may wait to be published.
const WAITING: usize = 8_192;
/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// How to reach Redis, and who this node is.
pub struct Settings {
    /// `redis://[user@]host[:port][/database]`, `redis-cluster://host:port,host:port`,
    /// `redis-sentinel://host:port,host:port[/database]?master=NAME`; `rediss…` is with TLS.
    pub url: String,
    /// The password, if it asks for one. Sentinels are given it too where the address says `locked=true`.
    pub password: Option<SecretString>,
    /// The authority that vouches for the server, as PEM; `None` for those that this machine trusts.
    pub ca: Option<Vec<u8>>,
    /// What keys and channels begin with, so that fleets can share a server.
    pub prefix: String,
    /// This node among those that live: no two may have the same.
    pub node: String,
    /// The channels whose threads somebody may watch on some node: those that customers fetch replies from.
    pub threads_of: BTreeSet<String>,
    /// How many nodes there are now; while Redis is away each takes its part of a shared rate.
    pub nodes: Box<dyn Fn() -> usize + Send + Sync>,
    /// How often things are done.
    pub timing: Timing,
}

/// How often things are done, and how long they last.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The first pause before Redis is tried again.
    pub retry: Duration,
    /// The longest one.
    pub retry_most: Duration,
    /// How often a connection is asked whether it works.
    pub probe: Duration,
    /// How often something is told to some of the watchers while Redis is away: each hears it every fourth time.
    pub remind: Duration,
    /// How long a topic stays subscribed to after its last watcher has gone, at least.
    pub linger: Duration,
    /// How often a node repeats who has consoles open on it.
    pub repeat: Duration,
    /// When what a node said is forgotten.
    pub forget: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            retry: Duration::from_millis(50),
            retry_most: Duration::from_secs(1),
            probe: Duration::from_secs(1),
            remind: Duration::from_secs(1),
            linger: Duration::from_secs(5),
            repeat: Duration::from_secs(5),
            forget: Duration::from_secs(15),
        }
    }
}

/// What is live, over Redis.
pub struct RedisLive {
    local: LocalLive,
    threads_of: BTreeSet<String>,
    link: Arc<Link>,
    topics: Arc<Topics>,
    consoles: Arc<Elsewhere>,
    outgoing: Outgoing,
    teller: Arc<Teller>,
    rates: RedisRates,
    stop: Stop,
    /// Whoever drops it without closing it ends it too.
    _end: DropGuard,
    tasks: TaskTracker,
}

/// Events on their way to the publisher. Cheap to clone.
#[derive(Clone)]
struct Outgoing {
    events: mpsc::Sender<(Topic, Event)>,
    /// Whether some did not fit.
    overflowed: Arc<AtomicBool>,
}

impl Outgoing {
    fn send(&self, topic: &Topic, event: Event) {
        if self.events.try_send((topic.clone(), event)).is_err() {
            self.overflowed.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

impl RedisLive {
    /// Begins to connect, and works as far as it can until that is done: Redis need not be there.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn open(settings: Settings) -> Result<Self, AddressError> {
        let Settings { url, password, ca, prefix, node, threads_of, nodes, timing } = settings;
        let server = server::Server::read(&url, password, ca)?;
        let (local, origin, stop, tasks) = (LocalLive::default(), rand::random(), Stop::new(), TaskTracker::new());
        let link = Arc::new(Link::new(server.clone(), timing));
        tasks.spawn(Arc::clone(&link).keep(stop.clone()));
        let (topics, consoles) = (Arc::new(Topics::new(&prefix)), Arc::<Elsewhere>::default());
        let (events, waiting) = mpsc::channel(WAITING);
        let outgoing = Outgoing { events, overflowed: Arc::default() };
        let subscriber = Subscriber {
            server,
            timing,
            origin,
            local: local.clone(),
            topics: Arc::clone(&topics),
            consoles: Arc::clone(&consoles),
            outgoing: outgoing.clone(),
            prefix: prefix.clone(),
        };
        tasks.spawn(subscriber.run(stop.clone()));
        let publisher = Publisher {
            link: Arc::clone(&link),
            origin,
            prefix: prefix.clone(),
            timing,
            topics: Arc::clone(&topics),
            consoles: Arc::clone(&consoles),
            waiting,
            overflowed: Arc::clone(&outgoing.overflowed),
        };
        tasks.spawn(publisher.run(stop.clone()));
        let teller = Arc::new(Teller::new(Arc::clone(&link), outgoing.clone(), local.clone(), &prefix, node, timing));
        tasks.spawn(Arc::clone(&teller).run(stop.clone()));
        let rates = RedisRates::new(Arc::clone(&link), prefix, nodes);
        tasks.close();
        Ok(Self {
            local,
            threads_of,
            link,
            topics,
            consoles,
            outgoing,
            teller,
            rates,
            _end: stop.clone().drop_guard(),
            stop,
            tasks,
        })
    }

    /// Returns when Redis is connected.
    pub async fn connected(&self) {
        // The sender lives as long as the link.
        let _ = self.link.is_up().wait_for(|is_up| *is_up).await;
    }

    /// Whether Redis is connected now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.get().is_some()
    }

    /// Takes back what this node said, and ends. What is published after is heard on this node alone.
    pub async fn close(&self) {
        let _ = tokio::time::timeout(FAREWELL, self.teller.leave()).await;
        self.stop.cancel();
        let _ = tokio::time::timeout(FAREWELL, self.tasks.wait()).await;
    }
}

impl Live for RedisLive {
    fn publish(&self, topic: &Topic, event: Event) {
        self.local.publish(topic, event.clone());
        if self.may_be_elsewhere(topic) {
            self.outgoing.send(topic, event);
        }
    }

    fn is_watched(&self, topic: &Topic) -> bool {
        self.local.is_watched(topic)
            || match topic {
                Topic::Consoles => self.consoles.may_listen(),
                topic => self.may_be_elsewhere(topic),
            }
    }

    fn watch(&self, topics: Vec<Topic>) -> BoxStream<'static, Event> {
        // Here first, so that whatever comes once the topics are subscribed to finds its watcher.
        let watch = self.local.watch(topics.clone());
        self.topics.want(&topics);
        watch
    }
}

impl RedisLive {
    /// Whether another node may have watchers of it, as far as that follows from what it is.
    fn may_be_elsewhere(&self, topic: &Topic) -> bool {
        match topic {
            Topic::Thread(thread) => self.threads_of.contains(&thread.channel),
            Topic::Agent(_)
            | Topic::Consoles
            | Topic::Board
            | Topic::Desk
            | Topic::Outbox
            | Topic::People
            | Topic::Presence => true,
        }
    }
}

#[async_trait]
impl Shared for RedisLive {
    fn say_here(&self, agents: BTreeSet<AgentId>) {
        self.teller.say_here(agents);
    }

    async fn here(&self) -> Option<Here> {
        self.teller.here().await
    }

    fn put_board(&self, epoch: u64, board: Bytes) {
        self.teller.put_board(epoch, board);
    }

    async fn board(&self) -> Option<Bytes> {
        self.teller.board().await
    }
}

#[async_trait]
impl Rates for RedisLive {
    async fn take(&self, key: &str, per_second: Option<u32>, wanted: usize) -> Granted {
        self.rates.take(key, per_second, wanted).await
    }

    async fn give_back(&self, key: &str, per_second: Option<u32>, count: usize) {
        self.rates.give_back(key, per_second, count).await;
    }

    async fn pause(&self, key: &str, pause: Duration) {
        self.rates.pause(key, pause).await;
    }
}
