//! A Redis server of its own: on a free port, in a folder of its own, without persistence; it ends with the test, also when
//! the test is killed.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use super::{free_ports, within};

/// Runs the server until the standard input is closed, as it is when the test is gone. The first line is its number.
const UNTIL_CLOSED: &str =
    r#""$@" & server=$!; echo $server; cat >/dev/null; kill -KILL $server; wait $server 2>/dev/null"#;
/// The password of a locked server.
pub const REDIS_PASSWORD: &str = "as secret as it gets";

/// A Redis server of its own.
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    kind: Kind,
    running: Option<Running>,
    /// The other nodes of its cluster.
    peers: Vec<RedisServer>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// TLS alone, with a password.
    Locked,
    /// A node of a cluster.
    Cluster,
    /// A copy of the server at this port.
    Replica(u16),
    /// Watches over the server at this port, and has a replica take its place.
    Sentinel(u16),
}

struct Running {
    child: Child,
    number: String,
    /// Read to the end, so that the server is never held up.
    _log: tokio::task::JoinHandle<()>,
}

/// A server that is not ready by then is started at another port.
const READY_WITHIN: Duration = Duration::from_secs(15);

impl RedisServer {
    /// A plain one.
    pub async fn start() -> Self {
        Self::of(Kind::Plain).await
    }

    /// One that speaks TLS alone and asks for [`REDIS_PASSWORD`].
    pub async fn start_locked() -> Self {
        Self::of(Kind::Locked).await
    }

    /// A cluster of three, each with a third of everything.
    pub async fn start_cluster() -> Self {
        let (mut first, second, third) =
            tokio::join!(Self::of(Kind::Cluster), Self::of(Kind::Cluster), Self::of(Kind::Cluster));
        let all = [first.port, second.port, third.port].map(|port| format!("127.0.0.1:{port}"));
        let create = ["--cluster", "create", &all[0], &all[1], &all[2], "--cluster-yes"];
        first.cli(&create).await;
        for server in [&first, &second, &third] {
            super::eventually("a cluster that works", || async {
                server.cli(&["cluster", "info"]).await.contains("cluster_state:ok").then_some(())
            })
            .await;
        }
        first.peers = vec![second, third];
        first
    }

    /// A master, its replica, and a sentinel that knows both.
    pub async fn start_watched() -> [Self; 3] {
        let master = Self::start().await;
        let replica = Self::of(Kind::Replica(master.port)).await;
        super::eventually("a replica that has everything", || async {
            replica.cli(&["info", "replication"]).await.contains("master_link_status:up").then_some(())
        })
        .await;
        let sentinel = Self::of(Kind::Sentinel(master.port)).await;
        super::eventually("a sentinel that knows the replica", || async {
            let known = sentinel.cli(&["sentinel", "replicas", "shop"]).await;
            known.contains(&replica.port.to_string()).then_some(())
        })
        .await;
        [master, replica, sentinel]
    }

    async fn of(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { folder, port: 0, kind, running: None, peers: Vec::new() };
        if kind == Kind::Locked {
            server.make_certificate().await;
        }
        server.start_again().await;
        server
    }

    /// Starts it, where it was if it ran before. Returns when it accepts connections.
    pub async fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs");
        for _ in 0..20 {
            if self.port == 0 {
                [self.port] = free_ports();
            }
            if let Ok(Some(running)) = tokio::time::timeout(READY_WITHIN, self.try_start()).await {
                self.running = Some(running);
                return;
            }
            // Somebody else took the port, or that of the cluster's bus.
            self.port = 0;
        }
        panic!("no Redis server starts; is redis-server installed?");
    }

    async fn try_start(&self) -> Option<Running> {
        let port = self.port.to_string();
        let mut command = Command::new("sh");
        command.args(["-c", UNTIL_CLOSED, "sh", "redis-server"]);
        if let Kind::Sentinel(master) = self.kind {
            // It writes down there what it learns.
            let config =
                format!("sentinel monitor shop 127.0.0.1 {master} 1\nsentinel down-after-milliseconds shop 500\n");
            fs::write(self.path("sentinel.conf"), config).unwrap();
            command.arg(self.path("sentinel.conf")).arg("--sentinel");
        } else {
            command.args(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]);
        }
        command.args(["--bind", "127.0.0.1", "--dir"]).arg(self.folder.path());
        match self.kind {
            Kind::Plain | Kind::Sentinel(_) => {
                command.args(["--port", &port]);
            }
            Kind::Replica(of) => {
                command.args(["--port", &port, "--replicaof", "127.0.0.1", &of.to_string()]);
            }
            Kind::Locked => {
                let certificate = self.path("cert.pem");
                command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
                command.args(["--requirepass", REDIS_PASSWORD, "--tls-cert-file"]).arg(&certificate);
                command.arg("--tls-ca-cert-file").arg(&certificate).arg("--tls-key-file").arg(self.path("key.pem"));
            }
            Kind::Cluster => {
                let [bus] = free_ports().map(|port| port.to_string());
                command.args(["--port", &port, "--cluster-enabled", "yes", "--cluster-port", &bus]);
            }
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let number = lines.next_line().await.unwrap()?;
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("Ready to accept connections") || line.contains("+monitor master") {
                return Some(Running { child, number, _log: tokio::spawn(read_on(lines)) });
            }
        }
        None
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        drop(running.child.stdin.take());
        within("the end of a Redis server", running.child.wait()).await.unwrap();
    }

    /// Makes it hang: it neither answers nor closes connections.
    pub async fn hang(&self) {
        self.signal("-STOP").await;
    }

    /// Ends that.
    pub async fn go_on(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let number = &self.running.as_ref().expect("it runs").number;
        let ran = Command::new("kill").args([signal, number]).status().await.unwrap();
        assert!(ran.success());
    }

    /// Its address.
    pub fn url(&self) -> String {
        let (scheme, query) = match self.kind {
            Kind::Plain | Kind::Replica(_) => ("redis", ""),
            Kind::Locked => ("rediss", ""),
            Kind::Cluster => ("redis-cluster", ""),
            Kind::Sentinel(_) => ("redis-sentinel", "?master=shop"),
        };
        format!("{scheme}://127.0.0.1:{}{query}", self.port)
    }

    /// The authority that vouches for it, as PEM.
    pub fn ca(&self) -> Option<Vec<u8>> {
        (self.kind == Kind::Locked).then(|| fs::read(self.path("cert.pem")).unwrap())
    }

    /// The password that it asks for.
    pub fn password(&self) -> Option<&'static str> {
        (self.kind == Kind::Locked).then_some(REDIS_PASSWORD)
    }

    /// What `redis-cli` answers.
    pub async fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(arguments).output();
        let output = within("redis-cli", output).await.expect("redis-cli is installed");
        assert!(output.status.success(), "redis-cli {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn make_certificate(&self) {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .arg("-keyout")
            .arg(self.path("key.pem"))
            .arg("-out")
            .arg(self.path("cert.pem"))
            .output()
            .await
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}

async fn read_on(mut lines: Lines<BufReader<ChildStdout>>) {
    while let Ok(Some(_)) = lines.next_line().await {}
}
