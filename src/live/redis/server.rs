//! Where Redis is, and connections to it: one server, a cluster, or whichever server Sentinel says is the master.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::{join_all, try_join_all};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, Pipeline, ProtocolVersion, PushInfo,
    RedisConnectionInfo, RedisError, RedisFuture, RedisResult, TlsCertificates, TlsMode, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    io::tcp::TcpSettings,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;

/// How long opening a connection may take.
const OPEN_WITHIN: Duration = Duration::from_secs(3);
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How many channels are subscribed to in one command.
const AT_ONCE: usize = 512;

/// Where a connection puts what the server says without being asked. It never holds up the connection: what does not
/// fit is dropped, and noted.
#[derive(Clone)]
pub(super) struct Pushes {
    to: mpsc::Sender<PushInfo>,
    overflowed: Arc<AtomicBool>,
}

impl Pushes {
    pub(super) fn new(to: mpsc::Sender<PushInfo>) -> Self {
        Self { to, overflowed: Arc::default() }
    }

    fn take(&self, push: PushInfo) -> Result<(), ()> {
        self.to.try_send(push).map_err(|_| self.overflowed.store(true, Ordering::Relaxed))
    }

    /// Whether something was dropped since this was asked last.
    pub(super) fn have_overflowed(&self) -> bool {
        self.overflowed.swap(false, Ordering::Relaxed)
    }
}

/// Why an address of Redis cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the address of Redis cannot be used: {0}")]
pub struct AddressError(String);

/// Where Redis is, and how to log in.
#[derive(Clone)]
pub(super) struct Server {
    kind: Kind,
    hosts: Vec<(String, u16)>,
    tls: bool,
    user: Option<String>,
    password: Option<SecretString>,
    ca: Option<Vec<u8>>,
    database: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    One,
    Cluster,
    /// The name of the master, and whether the sentinels ask for the same password.
    Sentinel {
        master: String,
        locked: bool,
    },
}

impl std::fmt::Debug for Server {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Server").field("kind", &self.kind).field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Server {
    /// Reads an address: `redis://[user@]host[:port][/database]`, `redis-cluster://host:port,host:port`,
    /// `redis-sentinel://host:port,host:port[/database]?master=NAME[&locked=true]`; with `rediss` for TLS.
    pub(super) fn read(
        address: &str,
        password: Option<SecretString>,
        ca: Option<Vec<u8>>,
    ) -> Result<Self, AddressError> {
        let wrong = |what: &str| AddressError(what.to_owned());
        let (scheme, rest) = address.split_once("://").ok_or_else(|| wrong("it does not begin with redis://"))?;
        let tls = scheme.starts_with("rediss");
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        if user.contains(':') {
            return Err(wrong("it holds a password; put that into password_file"));
        }
        let mut kind = match scheme {
            "redis" | "rediss" => Kind::One,
            "redis-cluster" | "rediss-cluster" => Kind::Cluster,
            "redis-sentinel" | "rediss-sentinel" => Kind::Sentinel { master: String::new(), locked: false },
            _ => return Err(wrong("its scheme is none of redis, redis-cluster, redis-sentinel, or these with rediss")),
        };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match (&mut kind, name) {
                (Kind::Sentinel { master, .. }, "master") => value.clone_into(master),
                (Kind::Sentinel { locked, .. }, "locked") => *locked = value == "true",
                _ => return Err(AddressError(format!("{name:?} means nothing in it"))),
            }
        }
        if matches!(&kind, Kind::Sentinel { master, .. } if master.is_empty()) {
            return Err(wrong("Sentinel needs the master's name: add ?master=NAME"));
        }
        let port = if matches!(kind, Kind::Sentinel { .. }) { 26_379 } else { 6_379 };
        let hosts = hosts.split(',').map(|host| read_host(host, port)).collect::<Result<Vec<_>, _>>()?;
        if kind == Kind::One && hosts.len() > 1 {
            return Err(wrong("it names several servers; use redis-cluster:// or redis-sentinel://"));
        }
        let database = if path.is_empty() { Ok(0) } else { path.parse() };
        let database = database.map_err(|_| wrong("what follows the servers is not the number of a database"))?;
        if kind == Kind::Cluster && database != 0 {
            return Err(wrong("a cluster has one database only, 0"));
        }
        let user = Some(user.to_owned()).filter(|user| !user.is_empty());
        Ok(Self { kind, hosts, tls, user, password, ca, database })
    }

    /// Opens a connection; what the server says without being asked goes to `pushes`.
    pub(super) async fn open(&self, pushes: Option<Pushes>) -> RedisResult<Connection> {
        let opening = async {
            let mut opened = match &self.kind {
                Kind::Cluster => Connection::Cluster(self.open_cluster(pushes).await?),
                Kind::One => Connection::One(open_one(&self.client()?, pushes).await?),
                Kind::Sentinel { master, locked } => {
                    let client = self.sentinels(master, *locked)?.build()?.async_get_client().await?;
                    Connection::One(open_one(&client, pushes).await?)
                }
            };
            // One that still loads its data accepts connections and nothing else.
            opened.ping().await?;
            Ok(opened)
        };
        tokio::time::timeout(OPEN_WITHIN, opening).await.unwrap_or_else(|_| Err(late("it does not answer")))
    }

    fn client(&self) -> RedisResult<Client> {
        let (host, port) = self.hosts.first().cloned().ok_or_else(|| late("no server is named"))?;
        let settings = self.log_in().set_db(self.database);
        let info = self.address(host, port).into_connection_info()?;
        let info = info.set_redis_settings(settings).set_tcp_settings(TcpSettings::default().set_nodelay(true));
        match self.certificates() {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    async fn open_cluster(&self, pushes: Option<Pushes>) -> RedisResult<ClusterConnection> {
        let nodes = self.hosts.iter().map(|(host, port)| {
            Ok(self.address(host.clone(), *port).into_connection_info()?.set_redis_settings(self.log_in()))
        });
        let mut builder = ClusterClientBuilder::new(nodes.collect::<RedisResult<Vec<_>>>()?)
            .use_protocol(ProtocolVersion::RESP3)
            .tcp_settings(TcpSettings::default().set_nodelay(true))
            .connection_timeout(OPEN_WITHIN)
            .response_timeout(ANSWER_WITHIN)
            .retries(2);
        if let Some(user) = &self.user {
            builder = builder.username(user);
        }
        if let Some(password) = &self.password {
            builder = builder.password(password.expose_secret());
        }
        if let Some(certificates) = self.certificates() {
            builder = builder.certs(certificates);
        }
        if let Some(pushes) = pushes {
            builder = builder.push_sender(move |push| pushes.take(push));
        }
        builder.build()?.get_async_connection().await
    }

    fn sentinels(&self, master: &str, locked: bool) -> RedisResult<SentinelClientBuilder> {
        let sentinels = self.hosts.iter().map(|(host, port)| self.address(host.clone(), *port));
        let mut builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?
            .set_client_to_redis_protocol(ProtocolVersion::RESP3)
            .set_client_to_redis_db(self.database)
            .set_client_to_redis_tcp_settings(TcpSettings::default().set_nodelay(true));
        if self.tls {
            builder =
                builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = self.certificates() {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        if let Some(user) = &self.user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = &self.password {
            builder = builder.set_client_to_redis_password(password.expose_secret());
            if locked {
                builder = builder.set_client_to_sentinel_password(password.expose_secret());
            }
        }
        Ok(builder)
    }

    fn log_in(&self) -> RedisConnectionInfo {
        let mut settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password.expose_secret());
        }
        settings
    }

    fn address(&self, host: String, port: u16) -> ConnectionAddr {
        if self.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }

    fn certificates(&self) -> Option<TlsCertificates> {
        self.ca.clone().filter(|_| self.tls).map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) })
    }
}

fn read_host(text: &str, default_port: u16) -> Result<(String, u16), AddressError> {
    let wrong = || AddressError(format!("{text:?} is not a server, such as redis.example:6379"));
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(default_port), str::parse).map_err(|_| wrong())?;
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

async fn open_one(client: &Client, pushes: Option<Pushes>) -> RedisResult<MultiplexedConnection> {
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(OPEN_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN));
    if let Some(pushes) = pushes {
        config = config.set_push_sender(move |push| pushes.take(push));
    }
    client.get_multiplexed_async_connection_with_config(&config).await
}

fn late(what: &'static str) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, what).into()
}

/// An open connection. Cheap to clone; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To all servers of a cluster.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Whether it still works.
    pub(super) async fn ping(&mut self) -> RedisResult<()> {
        redis::cmd("PING").query_async(self).await
    }

    /// Publishes in this order, at least within each channel, and says how many subscriptions heard each. In a cluster on the shard
    /// of the channel alone, and nobody knows how many.
    pub(super) async fn publish(&mut self, messages: &[(String, Vec<u8>)]) -> RedisResult<Vec<u64>> {
        match self {
            Self::One(one) => {
                let mut pipeline = redis::pipe();
                for (channel, message) in messages {
                    pipeline.cmd("PUBLISH").arg(channel).arg(message);
                }
                pipeline.query_async(one).await
            }
            Self::Cluster(cluster) => {
                let mut channels: Vec<(&str, Pipeline)> = Vec::new();
                for (channel, message) in messages {
                    let at = channels.iter().position(|(other, _)| other == channel).unwrap_or_else(|| {
                        channels.push((channel, redis::pipe()));
                        channels.len() - 1
                    });
                    channels[at].1.cmd("SPUBLISH").arg(channel).arg(message).ignore();
                }
                let published = channels.into_iter().map(|(_, pipeline)| {
                    let mut cluster = cluster.clone();
                    async move { pipeline.query_async::<()>(&mut cluster).await }
                });
                try_join_all(published).await.map(|_| Vec::new())
            }
        }
    }

    /// Subscribes; what is published from when this returns arrives.
    pub(super) async fn subscribe(&mut self, channels: &[String]) -> RedisResult<()> {
        match self {
            Self::One(one) => {
                for part in channels.chunks(AT_ONCE) {
                    one.subscribe(part).await?;
                }
                Ok(())
            }
            Self::Cluster(cluster) => {
                for part in channels.chunks(AT_ONCE) {
                    let subscribed = part.iter().map(|channel| {
                        let mut cluster = cluster.clone();
                        async move { cluster.ssubscribe(channel).await }
                    });
                    try_join_all(subscribed).await?;
                }
                Ok(())
            }
        }
    }

    /// Ends subscriptions.
    pub(super) async fn unsubscribe(&mut self, channels: &[String]) -> RedisResult<()> {
        match self {
            Self::One(one) => {
                for part in channels.chunks(AT_ONCE) {
                    one.unsubscribe(part).await?;
                }
                Ok(())
            }
            Self::Cluster(cluster) => {
                let ended = channels.iter().map(|channel| {
                    let mut cluster = cluster.clone();
                    async move { cluster.sunsubscribe(channel).await }
                });
                join_all(ended).await.into_iter().collect()
            }
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a redis::Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Result<Server, AddressError> {
        Server::read(address, None, None)
    }

    #[test]
    fn addresses_are_read() {
        let one = read("redis://cache.example").unwrap();
        assert_eq!((one.kind, one.hosts, one.tls), (Kind::One, vec![("cache.example".to_owned(), 6379)], false));
        let one = read("rediss://router@[::1]:7000/3").unwrap();
        assert_eq!((one.hosts, one.tls, one.database), (vec![("::1".to_owned(), 7000)], true, 3));
        assert_eq!(one.user.as_deref(), Some("router"));
        let cluster = read("redis-cluster://a:7000,b:7001").unwrap();
        assert_eq!((cluster.kind, cluster.hosts.len()), (Kind::Cluster, 2));
        let sentinel = read("rediss-sentinel://a,b:5000/1?master=main&locked=true").unwrap();
        assert_eq!(sentinel.kind, Kind::Sentinel { master: "main".to_owned(), locked: true });
        assert_eq!((sentinel.hosts[0].1, sentinel.database, sentinel.tls), (26_379, 1, true));
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (address, said) in [
            ("localhost:6379", "redis://"),
            ("http://localhost", "scheme"),
            ("redis://:secret@localhost", "password_file"),
            ("redis://a,b", "redis-cluster"),
            ("redis://a:port", "a:port"),
            ("redis://", "server"),
            ("redis://a/b", "database"),
            ("redis-cluster://a/1", "0"),
            ("redis-sentinel://a", "?master=NAME"),
            ("redis://a?x=1", "\"x\""),
        ] {
            let error = read(address).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("secret"), "{address}: {error}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let server = Server::read("redis://a", Some("secret".into()), None).unwrap();
        assert!(!format!("{server:?}").contains("secret"));
    }
}
