//! What the rest of the daemon stands on: one folder, or three engines that several daemons share.

use std::{collections::BTreeSet, fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use contract::{IdClock, Stop};
use secrecy::ExposeSecret;
use tokio::task::{JoinHandle, JoinSet};

use super::Channels;
use crate::{
    config::{Config, Distributed, Engine, Mode, Role},
    courier::Bell,
    home::Home,
    http::Forward,
    inbox::{
        Queue,
        rabbitmq::{self, Letters, Membership, RabbitInbox},
    },
    live::{Live, LocalLive, Rates, RedisLive, Shared, redis},
    nodes::Nodes,
    policy::Policy,
    records::Records,
    store::{
        Store, StoreError,
        postgres::{Database, NodeCard, PostgresRecord, PostgresSettings},
        sqlite::{Options, SqliteRecord},
    },
};

/// How long what is left may take to be written.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The engines, opened.
pub(super) struct Engines {
    pub ids: Arc<IdClock>,
    pub store: Arc<dyn Store>,
    pub queue: Arc<dyn Queue>,
    pub memory: Arc<dyn contract::Memory>,
    pub live: Arc<dyn Live>,
    pub shared: Arc<dyn Shared>,
    pub rates: Arc<dyn Rates>,
    pub kind: Kind,
}

/// Which engines they are.
pub(super) enum Kind {
    Embedded(Arc<SqliteRecord>),
    Distributed(Fleet),
}

/// What several daemons share.
#[derive(Clone)]
pub(super) struct Fleet {
    pub record: Arc<PostgresRecord>,
    pub inbox: Arc<RabbitInbox>,
    pub live: Arc<RedisLive>,
    pub nodes: Arc<Nodes>,
    pub role: Role,
}

impl Engines {
    /// Opens what the configuration names, for a daemon that listens at `address`. What was accepted before a crash is
    /// on its way again when this returns.
    ///
    /// # Errors
    /// What cannot be opened, and what to do.
    pub async fn open(config: &Config, home: &Home, address: SocketAddr, channels: &Channels) -> anyhow::Result<Self> {
        match config.mode {
            Mode::Embedded => embedded(config, &home.record()),
            Mode::Distributed => distributed(config, home, address, channels).await,
        }
    }

    /// To whom requests go that need the desk.
    pub fn forward(&self) -> Forward {
        match &self.kind {
            Kind::Embedded(_) => Forward::never(),
            Kind::Distributed(fleet) => Forward::new(fleet.nodes.desk_at()),
        }
    }

    /// Takes part in the work of several daemons until `farewell`; follows the others until `stop`, and stops everything
    /// when this one's place is somebody else's.
    pub fn keep(
        &self,
        records: &Arc<Records>,
        policy: &Arc<Policy>,
        couriers: &Arc<Bell>,
        tasks: &mut JoinSet<()>,
        stop: &Stop,
        farewell: &Stop,
    ) -> JoinHandle<Result<(), StoreError>> {
        let Kind::Distributed(fleet) = &self.kind else { return tokio::spawn(std::future::ready(Ok(()))) };
        fleet.follow(records, policy, couriers, tasks, stop);
        let (nodes, stop, farewell) = (Arc::clone(&fleet.nodes), stop.clone(), farewell.clone());
        tokio::spawn(async move {
            let kept = nodes.keep(farewell).await;
            stop.cancel();
            kept
        })
    }

    /// Runs something that must run on one daemon at a time, until `stop`.
    pub fn alone<F: Future<Output = ()> + Send + 'static>(
        &self,
        lease: String,
        run: impl Fn(Stop) -> F + Send + Sync + 'static,
        stop: Stop,
    ) -> impl Future<Output = ()> + Send + 'static {
        let nodes = match &self.kind {
            Kind::Embedded(_) => None,
            Kind::Distributed(fleet) => Some(Arc::clone(&fleet.nodes)),
        };
        // One for each channel, for as long as the process lives.
        let lease: &'static str = lease.leak();
        async move {
            match nodes {
                Some(nodes) => nodes.alone(lease, &stop, run).await,
                None => run(stop).await,
            }
        }
    }

    /// Where other systems are told what happens, where that is wanted.
    pub fn events(&self, config: &Config) -> Option<rabbitmq::Events> {
        match &self.kind {
            Kind::Distributed(fleet) if config.distributed.events => Some(fleet.inbox.events()),
            _ => None,
        }
    }

    /// Ends what could accept or begin something.
    pub async fn drain(&self) {
        if let Kind::Distributed(fleet) = &self.kind {
            fleet.inbox.close().await;
        }
    }

    /// Writes what is left to be written.
    pub async fn close(self) -> anyhow::Result<()> {
        match self.kind {
            Kind::Embedded(record) => tokio::task::spawn_blocking(move || record.close()).await?,
            Kind::Distributed(fleet) => {
                let closing = async {
                    fleet.live.close().await;
                    fleet.record.close().await;
                };
                // What is cut off here was not acknowledged, or is done again.
                let _ = tokio::time::timeout(CLOSE_WITHIN, closing).await;
            }
        }
        Ok(())
    }
}

fn embedded(config: &Config, path: &Path) -> anyhow::Result<Engines> {
    let ids = Arc::new(IdClock::new(0));
    let options = Options { dedup_window: config.inbox.dedup_window, waiting_most: config.inbox.max_waiting };
    let record = SqliteRecord::open(path, Arc::clone(&ids), options).context("the record cannot be opened")?;
    let live = Arc::new(LocalLive::default());
    Ok(Engines {
        ids,
        store: Arc::clone(&record) as Arc<dyn Store>,
        queue: Arc::clone(&record) as Arc<dyn Queue>,
        memory: Arc::clone(&record) as Arc<dyn contract::Memory>,
        live: Arc::clone(&live) as Arc<dyn Live>,
        shared: Arc::clone(&live) as Arc<dyn Shared>,
        rates: live,
        kind: Kind::Embedded(record),
    })
}

/// How the database of several daemons is reached.
///
/// # Errors
/// Its password cannot be read.
pub(crate) fn postgres_settings(config: &Config) -> anyhow::Result<PostgresSettings> {
    let engine = &config.distributed.postgres;
    Ok(PostgresSettings {
        password: engine.password()?,
        ca: engine.ca().map(Into::into),
        dedup_window: config.inbox.dedup_window,
        retention_days: config.distributed.keep_days,
        ..PostgresSettings::new(engine.url.expose_secret())
    })
}

/// How the broker of several daemons is reached.
///
/// # Errors
/// Its password or its authorities cannot be read.
pub(crate) fn rabbitmq_settings(config: &Config) -> anyhow::Result<rabbitmq::Settings> {
    let Distributed { rabbitmq: engine, partitions, drain_within, .. } = &config.distributed;
    Ok(rabbitmq::Settings {
        password: engine.password()?,
        authorities: engine.authorities()?,
        management: config.distributed.management().unwrap_or_default(),
        partitions: *partitions,
        waiting_most: config.inbox.max_waiting,
        hand_over_within: *drain_within / 2,
        ..rabbitmq::Settings::new(engine.url.clone())
    })
}

async fn distributed(
    config: &Config,
    home: &Home,
    address: SocketAddr,
    channels: &Channels,
) -> anyhow::Result<Engines> {
    let engines = &config.distributed;
    let of = |engine: &Engine| format!("{} cannot be used", engine.place());
    let database = Database::connect(postgres_settings(config)?).await.with_context(|| of(&engines.postgres))?;
    let advertise = engines.advertise.trim_end_matches('/').to_owned();
    let card = NodeCard {
        name: host_name(),
        address: if advertise.is_empty() { format!("http://{address}") } else { advertise },
        roles: config.role.as_str().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: crate::clock::now(),
    };
    let node = database.join(&card).await.with_context(|| of(&engines.postgres))?;
    let ids = Arc::new(node.clock());
    let record = PostgresRecord::open(database.clone(), node, Arc::clone(&ids)).await?;
    let nodes = Arc::new(Nodes::new(database, node, config.role));
    let live = Arc::new(redis_live(config, &nodes, channels).with_context(|| of(&engines.redis))?);
    let spool = engines.spool.then(|| home.spool());
    let settings = rabbitmq::Settings { spool, ..rabbitmq_settings(config)? };
    let membership = Membership { me: node.number, workers: nodes.workers(), alike: nodes.alike() };
    let letters = Arc::clone(&record) as Arc<dyn Letters>;
    let inbox = RabbitInbox::start(settings, Arc::clone(&ids), membership, letters).await;
    let inbox = inbox.with_context(|| of(&engines.rabbitmq))?;
    Ok(Engines {
        ids,
        store: Arc::clone(&record) as Arc<dyn Store>,
        queue: Arc::clone(&inbox) as Arc<dyn Queue>,
        memory: Arc::clone(&record) as Arc<dyn contract::Memory>,
        live: Arc::clone(&live) as Arc<dyn Live>,
        shared: Arc::clone(&live) as Arc<dyn Shared>,
        rates: Arc::clone(&live) as Arc<dyn Rates>,
        kind: Kind::Distributed(Fleet { record, inbox, live, nodes, role: config.role }),
    })
}

fn redis_live(config: &Config, nodes: &Arc<Nodes>, channels: &Channels) -> anyhow::Result<RedisLive> {
    let engine = &config.distributed.redis;
    let counted = Arc::clone(nodes);
    let kept = channels.iter().filter(|(_, channel)| channel.limits().kept);
    let threads_of: BTreeSet<String> = kept.map(|(name, _)| name.clone()).collect();
    Ok(RedisLive::open(redis::Settings {
        url: engine.url.expose_secret().to_owned(),
        password: engine.password()?,
        ca: engine.authorities()?.map(String::into_bytes),
        prefix: "switchboard".to_owned(),
        node: nodes.node.number.to_string(),
        threads_of,
        nodes: Box::new(move || counted.alive().len()),
        timing: redis::Timing::default(),
    })?)
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "daemon".to_owned(), |name| name.trim().to_owned())
}
