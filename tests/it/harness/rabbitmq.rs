//! RabbitMQ on loopback: free ports, a folder of its own, its own port mapper. It ends with whoever needs it, also when
//! that is killed: a shell stands beside it and ends its whole group.
//!
//! A start takes seconds, so tests that do not harm the broker share one and have a virtual host each. It is in the
//! build's folder for temporary things, serves several test processes at once, and ends when nobody has used it for a
//! while.

use std::{
    fs::{self, File},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{ExchangeDeleteOptions, QueueDeleteOptions},
    tcp::OwnedTLSConfig,
    uri::AMQPUri,
};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use switchboard::inbox::rabbitmq::Settings;
use tempfile::TempDir;
use tokio::process::{Child, ChildStdin, Command};

use super::{free_ports, within};

/// Where Debian has the server's own script; the one in the path wants another user.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const DIAGNOSTICS: &str = "/usr/lib/rabbitmq/bin/rabbitmq-diagnostics";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
const USER: &str = "switchboard";
const PASSWORD: &str = "broker password";
/// How many tests may share the broker at once; others wait. Each costs the broker's start some time.
const VHOSTS: usize = 8;
/// How long a start may take where everybody else is compiling.
const START: Duration = Duration::from_secs(240);
/// More than any test has.
const PARTITIONS: u16 = 20;

/// Starts the server and its port mapper, waits as `$1` says, and ends everything of its group.
const KEEPER: &str = r#"
epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" >/dev/null 2>&1 </dev/null &
"$SERVER" >broker.log 2>&1 </dev/null &
if [ "$1" = alone ]; then
    cat >/dev/null
else
    exec 9<>users
    while sleep 5; do
        if flock -n -x 9; then rm -f ready; kill -9 0; fi
    done
fi
kill -9 0
"#;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ports {
    amqp: u16,
    amqps: u16,
    /// Between brokers; there is only one, but it listens.
    peers: u16,
    names: u16,
    /// Of the management interface, over HTTP and over HTTPS, where a broker has it.
    management: Option<[u16; 2]>,
}

/// A running broker.
pub struct Broker {
    folder: PathBuf,
    ports: Ports,
    vhost: usize,
    keeper: Option<(Child, ChildStdin)>,
    /// Of a broker of one's own.
    _own: Option<TempDir>,
    /// Held while the shared one is used.
    _used: Vec<File>,
}

impl Broker {
    /// A broker of this test's own, which it may kill.
    pub async fn start() -> Self {
        Self::start_as(None, false).await
    }

    /// The same, with the management interface.
    pub async fn start_managed() -> Self {
        Self::start_as(None, true).await
    }

    /// Three brokers that are one, with the management interface. The first one must not be killed: it has the others' port
    /// mapper.
    pub async fn start_cluster() -> [Self; 3] {
        let first = Self::start_managed().await;
        let names = Some(first.ports.names);
        let (second, third) = tokio::join!(Self::start_as(names, true), Self::start_as(names, true));
        for broker in [&second, &third] {
            broker.control(&["stop_app"]).await;
            broker.control(&["join_cluster", &first.name()]).await;
            broker.control(&["start_app"]).await;
            broker.is_up().await;
        }
        [first, second, third]
    }

    async fn start_as(names: Option<u16>, managed: bool) -> Self {
        let own = tempfile::Builder::new().prefix("rabbitmq").tempdir().unwrap();
        let folder = own.path().to_owned();
        let mut ports = prepare(&folder, 1, managed).await;
        ports.names = names.unwrap_or(ports.names);
        let mut broker = Self { folder, ports, vhost: 0, keeper: None, _own: Some(own), _used: Vec::new() };
        broker.launch().await;
        broker
    }

    /// A clean virtual host of the broker that tests share.
    pub async fn shared() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rabbitmq");
        fs::create_dir_all(&folder).unwrap();
        let at = folder.clone();
        let locks = tokio::task::spawn_blocking(move || {
            let users = File::create(at.join("users")).unwrap();
            users.lock_shared().unwrap();
            let starting = File::create(at.join("starting")).unwrap();
            starting.lock().unwrap();
            (users, starting)
        });
        let locks = tokio::time::timeout(START, locks).await;
        let (users, starting) = locks.expect("whoever starts the shared broker comes to an end").unwrap();
        let ready = folder.join("ready");
        let known = fs::read(&ready).ok().and_then(|ports| serde_json::from_slice::<Ports>(&ports).ok());
        let mut broker = Self {
            ports: known.unwrap_or(Ports { amqp: 0, amqps: 0, peers: 0, names: 0, management: None }),
            folder,
            vhost: 0,
            keeper: None,
            _own: None,
            _used: vec![users],
        };
        if known.is_none() || broker.connect().await.is_none() {
            let _ = fs::remove_dir_all(broker.folder.join("mnesia"));
            broker.ports = prepare(&broker.folder, VHOSTS, false).await;
            let keeper = broker.keeper("shared").stdin(Stdio::null()).spawn();
            drop(keeper.expect("there is a shell"));
            broker.is_up().await;
            fs::write(ready, serde_json::to_vec(&broker.ports).unwrap()).unwrap();
        }
        drop(starting);
        broker.take_vhost().await;
        broker.clean().await;
        broker
    }

    /// What an inbox needs to use it.
    pub fn settings(&self) -> Settings {
        let url = format!("amqp://{USER}@127.0.0.1:{}/t{}", self.ports.amqp, self.vhost);
        let management = self.management().into_iter().collect();
        Settings { password: Some(PASSWORD.into()), management, ..Settings::new(url.into()) }
    }

    /// Where its management interface is.
    pub fn management(&self) -> Option<Url> {
        let [port, _] = self.ports.management?;
        Some(format!("http://127.0.0.1:{port}").parse().unwrap())
    }

    /// The same for several that are one.
    pub fn settings_of(brokers: &[Self]) -> Settings {
        let hosts: Vec<String> = brokers.iter().map(|broker| format!("127.0.0.1:{}", broker.ports.amqp)).collect();
        let url = format!("amqp://{USER}@{}/t0", hosts.join(","));
        let management = brokers.iter().filter_map(Self::management).collect();
        Settings { password: Some(PASSWORD.into()), management, ..Settings::new(url.into()) }
    }

    /// The same over TLS.
    pub fn secure_settings(&self) -> Settings {
        let url = format!("amqps://{USER}@127.0.0.1:{}/t{}", self.ports.amqps, self.vhost);
        let authority = fs::read_to_string(self.folder.join("cert.pem")).unwrap();
        let management = self.ports.management.map(|[_, port]| format!("https://localhost:{port}").parse().unwrap());
        Settings {
            password: Some(PASSWORD.into()),
            authorities: Some(authority),
            management: management.into_iter().collect(),
            ..Settings::new(url.into())
        }
    }

    /// SIGKILL to the server; returns when it is gone.
    pub async fn kill(&mut self) {
        let (mut keeper, held) = self.keeper.take().expect("it runs, and is this test's own");
        drop(held);
        within("the broker is gone", keeper.wait()).await.unwrap();
    }

    /// Starts it again on its data.
    pub async fn restart(&mut self) {
        self.launch().await;
    }

    /// Stops the server's process where it is: it neither reads nor answers, and its connections stay.
    pub async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// Has the broker believe that it has run out of memory, or that it has enough again.
    pub async fn short_of_memory(&self, short: bool) {
        self.control(&["set_vm_memory_high_watermark", if short { "0.0000001" } else { "0.6" }]).await;
    }

    /// Waits until the others of its cluster can do without it.
    pub async fn may_be_killed(&self) {
        super::eventually("no queue needs this node", || async {
            let mut asked = self.environment(Command::new(DIAGNOSTICS));
            let ran =
                asked.arg("check_if_node_is_quorum_critical").output().await.expect("rabbitmq-server is installed");
            ran.status.success().then_some(())
        })
        .await;
    }

    async fn control(&self, arguments: &[&str]) {
        let ran = self.environment(Command::new(CONTROL)).args(arguments).output().await;
        let ran = ran.expect("rabbitmq-server is installed");
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    fn name(&self) -> String {
        format!("switchboard{}@localhost", self.ports.amqp)
    }

    /// A channel for doing to the broker what nobody should.
    pub async fn channel(&self) -> (Connection, Channel) {
        let connection = self.connect().await.expect("the broker is up");
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    fn pid(&self) -> String {
        fs::read_to_string(self.folder.join("pid")).unwrap().trim().to_owned()
    }

    async fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.pid()]).status().await.unwrap().success());
    }

    async fn launch(&mut self) {
        let mut keeper = self.keeper("alone").stdin(Stdio::piped()).spawn().expect("there is a shell");
        let held = keeper.stdin.take().unwrap();
        self.keeper = Some((keeper, held));
        self.is_up().await;
    }

    fn keeper(&self, how: &str) -> Command {
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", KEEPER, "sh", how])
            .current_dir(&self.folder)
            .env("SERVER", SERVER)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        self.environment(command.into())
    }

    /// What tells RabbitMQ's own programs which broker this is.
    fn environment(&self, mut command: Command) -> Command {
        let base = self.folder.display();
        command
            .env("HOME", &self.folder)
            .env("ERL_EPMD_PORT", self.ports.names.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", self.name())
            .env("RABBITMQ_DIST_PORT", self.ports.peers.to_string())
            .env("RABBITMQ_MNESIA_BASE", format!("{base}/mnesia"))
            .env("RABBITMQ_LOG_BASE", format!("{base}/log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONFIG_FILE", format!("{base}/rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", format!("{base}/none"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", format!("{base}/plugins"))
            .env("RABBITMQ_PID_FILE", format!("{base}/pid"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
            );
        command
    }

    async fn is_up(&self) {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        let up = async {
            while self.connect().await.is_none() {
                again.tick().await;
            }
        };
        tokio::time::timeout(START, up).await.expect("RabbitMQ is up (is rabbitmq-server installed?)");
    }

    async fn connect(&self) -> Option<Connection> {
        let url = format!("amqp://127.0.0.1:{}/t{}", self.ports.amqp, self.vhost);
        let mut uri: AMQPUri = url.parse().unwrap();
        USER.clone_into(&mut uri.authority.userinfo.username);
        PASSWORD.clone_into(&mut uri.authority.userinfo.password);
        let runtime = lapin::runtime::default_runtime().unwrap();
        let properties = ConnectionProperties::default();
        let connecting = Connection::connect_uri_with_config(uri, properties, OwnedTLSConfig::default(), runtime);
        // Who speaks to a broker that only just starts may never hear from it.
        tokio::time::timeout(Duration::from_secs(10), connecting).await.ok()?.ok()
    }

    async fn take_vhost(&mut self) {
        let files = (0..VHOSTS).map(|vhost| File::create(self.folder.join(format!("vhost-{vhost}"))).unwrap());
        let mut files: Vec<File> = files.collect();
        let free = files.iter().position(|file| file.try_lock().is_ok());
        self.vhost = free.unwrap_or_else(|| std::process::id() as usize % VHOSTS);
        let file = files.swap_remove(self.vhost);
        let locked = tokio::task::spawn_blocking(move || {
            if free.is_none() {
                file.lock().unwrap();
            }
            file
        });
        self._used.push(locked.await.unwrap());
    }

    /// Deletes every queue and exchange of Switchboard's.
    pub async fn clean(&self) {
        let (connection, channel) = self.channel().await;
        let partitions = (0..PARTITIONS).map(|partition| format!("switchboard.inbox.{partition}"));
        for queue in ["switchboard.partitions".to_owned(), "switchboard.dead".to_owned()].into_iter().chain(partitions)
        {
            channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
        }
        for exchange in ["switchboard.inbox", "switchboard.dead", "switchboard.events"] {
            channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.unwrap();
        }
        let _ = connection.close(200, "clean".into()).await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.join("broker.log")).unwrap_or_default();
            let from = log.len().saturating_sub(8_000);
            eprintln!("--- the end of broker.log ---\n{}", log.get(from..).unwrap_or(&log));
            let mut asked = self.environment(Command::new(CONTROL));
            let columns = ["name", "messages_ready", "messages_unacknowledged", "consumers"];
            asked
                .args(["--quiet", "--timeout", "10", "list_queues", "-p"])
                .arg(format!("t{}", self.vhost))
                .args(columns);
            let queues = asked.as_std_mut().output().map(|ran| ran.stdout).unwrap_or_default();
            eprintln!("--- its queues ---\n{}", String::from_utf8_lossy(&queues));
        }
    }
}

/// Writes everything that a server needs into a folder.
async fn prepare(folder: &Path, vhosts: usize, managed: bool) -> Ports {
    let [amqp, amqps, peers, names, http, https] = free_ports();
    let base = folder.display();
    let mut config = format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\nlisteners.ssl.1 = 127.0.0.1:{amqps}\n\
         ssl_options.cacertfile = {base}/cert.pem\nssl_options.certfile = {base}/cert.pem\nssl_options.keyfile = {base}/key.pem\n\
         ssl_options.verify = verify_none\nssl_options.fail_if_no_peer_cert = false\n\
         load_definitions = {base}/definitions.json\nraft.wal_max_size_bytes = 33554432\ndisk_free_limit.absolute = 1MB\n\
         log.console = true\nlog.console.level = warning\nlog.file = false\n"
    );
    if managed {
        config += &format!(
            "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {http}\nmanagement.ssl.ip = 127.0.0.1\nmanagement.ssl.port = {https}\n\
             management.ssl.cacertfile = {base}/cert.pem\nmanagement.ssl.certfile = {base}/cert.pem\nmanagement.ssl.keyfile = {base}/key.pem\n"
        );
    }
    fs::write(folder.join("rabbitmq.conf"), config).unwrap();
    fs::write(folder.join("plugins"), if managed { "[rabbitmq_management].\n" } else { "[].\n" }).unwrap();
    let cookie = folder.join(".erlang.cookie");
    if !cookie.exists() {
        fs::write(&cookie, "NOBODYELSEISLISTENING").unwrap();
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400)).unwrap();
    }
    fs::write(folder.join("definitions.json"), definitions(vhosts)).unwrap();
    if !folder.join("cert.pem").exists() {
        let made = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650".split(' '))
            .args(["-subj", "/CN=localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-keyout")
            .arg(folder.join("key.pem"))
            .arg("-out")
            .arg(folder.join("cert.pem"))
            .output()
            .await
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    Ports { amqp, amqps, peers, names, management: managed.then_some([http, https]) }
}

/// One user, many virtual hosts.
fn definitions(vhosts: usize) -> String {
    use base64::Engine;
    let salt = b"salt";
    let hash = Sha256::new().chain_update(salt).chain_update(PASSWORD).finalize();
    let hash = base64::engine::general_purpose::STANDARD.encode([&salt[..], &hash[..]].concat());
    let names: Vec<String> = (0..vhosts).map(|vhost| format!("t{vhost}")).collect();
    let permissions = names
        .iter()
        .map(|vhost| serde_json::json!({"user": USER, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}));
    serde_json::json!({
        "users": [{
            "name": USER, "password_hash": hash, "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": ["monitoring"],
        }],
        "vhosts": names.iter().map(|name| serde_json::json!({"name": name})).collect::<Vec<_>>(),
        "permissions": permissions.collect::<Vec<_>>(),
    })
    .to_string()
}
