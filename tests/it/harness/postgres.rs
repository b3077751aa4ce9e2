//! A PostgreSQL server of a test's own: private folder, private port, gone with the test however that ends.
//!
//! Making a server's folder takes seconds, so one is made for all tests, kept in the target folder and copied. The server
//! is the child of a small shell that reads words from a pipe; when the pipe closes, because the test is over or was
//! killed, the shell stops the server and removes the folder. PostgreSQL does not run as root: the shell is another user
//! then.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
};

use switchboard::store::postgres::{Database, NodeCard, PostgresRecord, PostgresSettings};
use tokio_postgres::{Client, NoTls};

use super::{eventually, free_ports};

/// Starts it, and again after `crash` and `stop`; leaves nothing behind.
const KEEPER: &str = r#"
trap '' INT TERM HUP
start() {
    "$BIN/postgres" -D "$HOME_DIR/data" -k "$HOME_DIR" -p "$PORT" -h 127.0.0.1 \
        -c fsync="$FSYNC" -c full_page_writes="$FSYNC" -c max_connections=200 -c shared_buffers=32MB \
        -c autovacuum=off -c log_min_messages=fatal $EXTRA >>"$HOME_DIR/log" 2>&1 &
    server=$!
}
start
while read -r word; do
    case $word in
        crash) kill -QUIT "$server"; wait "$server" ;;
        stop) kill -INT "$server"; wait "$server" ;;
        start) start ;;
    esac
    echo "$word"
done
kill -QUIT "$server" 2>/dev/null
wait
rm -rf "$HOME_DIR"
"#;

/// A running server with an empty database.
pub struct Postgres {
    keeper: Mutex<(Child, BufReader<ChildStdout>)>,
    folder: PathBuf,
    port: u16,
}

/// What a server is started with, besides what all are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extra<'a> {
    /// Options of `postgres`, separated by spaces.
    pub options: &'a str,
    /// Files for the server's folder, which it alone can read.
    pub files: &'a [(&'a str, &'a str)],
}

impl Postgres {
    /// Starts one and waits until it answers.
    pub async fn start() -> Self {
        Self::start_with(Extra::default()).await
    }

    /// Starts one that is something special.
    pub async fn start_with(extra: Extra<'_>) -> Self {
        let template = template();
        let folder = new_folder();
        let data = folder.join("data");
        run(Command::new("cp").arg("-a").arg(&template).arg(&data));
        for (name, text) in extra.files {
            fs::write(data.join(name), text).unwrap();
            run(Command::new("chmod").arg("600").arg(data.join(name)));
        }
        if let Some(user) = other_user() {
            run(Command::new("chown").arg("-R").arg(format!("{user}:")).arg(&folder));
        }
        Self::launch(folder, extra.options).await
    }

    /// Starts one that follows this one under the name `standby`.
    pub async fn standby(&self) -> Self {
        let folder = new_folder();
        let primary = format!("host=127.0.0.1 port={} user=switchboard application_name=standby", self.port);
        let mut copy = as_server(&binaries().join("pg_basebackup").display().to_string());
        copy.current_dir("/tmp").args([
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
            "--dbname",
            &primary,
        ]);
        run(copy.arg("--pgdata").arg(folder.join("data")));
        Self::launch(folder, "").await
    }

    async fn launch(folder: PathBuf, options: &str) -> Self {
        let [port] = free_ports();
        let mut keeper = as_server("sh");
        keeper
            .args(["-c", KEEPER])
            .env("BIN", binaries())
            .env("HOME_DIR", &folder)
            .env("PORT", port.to_string())
            // A killed server loses nothing that it had handed to the kernel; only a machine that stops would.
            .env("FSYNC", "off")
            .env("EXTRA", options)
            .current_dir("/tmp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut keeper = keeper.spawn().unwrap();
        let words = BufReader::new(keeper.stdout.take().unwrap());
        let server = Self { keeper: Mutex::new((keeper, words)), folder, port };
        server.answers().await;
        server
    }

    /// Where it is reached over a socket file, by whoever is on this machine.
    pub fn url(&self) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://switchboard@{folder}:{}/switchboard", self.port)
    }

    /// Its port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is reached over TCP.
    pub fn tcp_url(&self) -> String {
        format!("postgres://switchboard@127.0.0.1:{}/switchboard", self.port)
    }

    /// A connection beside the record's.
    pub async fn client(&self) -> Client {
        self.try_client().await.unwrap()
    }

    /// The same, where the server may be down.
    pub async fn try_client(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    async fn answers(&self) {
        let log = self.folder.join("log");
        eventually("PostgreSQL answers", || async {
            match self.try_client().await {
                Ok(client) => client.batch_execute("SELECT 1").await.ok(),
                Err(_) => {
                    let log = fs::read_to_string(&log).unwrap_or_default();
                    assert!(!log.contains("could not bind") && !log.contains("invalid"), "{log}");
                    None
                }
            }
        })
        .await;
    }

    /// Kills the server in the middle of whatever it does.
    pub fn kill(&self) {
        self.say("crash");
    }

    /// Starts it again.
    pub async fn start_again(&self) {
        self.say("start");
        self.answers().await;
    }

    /// Kills it and starts it again: what it had said to be committed is there, and nothing else.
    pub async fn crash(&self) {
        self.kill();
        self.start_again().await;
    }

    fn say(&self, word: &str) {
        let mut keeper = self.keeper.lock().unwrap();
        let (child, words) = &mut *keeper;
        writeln!(child.stdin.as_mut().unwrap(), "{word}").unwrap();
        let mut answer = String::new();
        words.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), word);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut psql = std::process::Command::new(binaries().join("psql"));
            let sql = "SELECT owner, count(*) FROM conversations GROUP BY owner";
            let owners = psql.arg(self.url()).args(["-c", sql]).output().map(|ran| ran.stdout).unwrap_or_default();
            eprintln!("--- its conversations by owner ---\n{}", String::from_utf8_lossy(&owners));
        }
        let (child, _) = self.keeper.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(child.stdin.take());
        let _ = child.wait();
    }
}

/// Debian keeps each version's programs apart; the newest is taken. Elsewhere they are where all programs are.
fn binaries() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_string_lossy().parse().ok()?;
            Some((version, entry.path().join("bin"))).filter(|(_, bin)| bin.join("postgres").exists())
        })
        .collect();
    found.sort();
    if let Some((_, bin)) = found.pop() {
        return bin;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).find(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL is not installed: apt-get install postgresql")
}

/// Whom PostgreSQL runs as where the tests are root.
fn other_user() -> Option<&'static str> {
    // The owner of what this process made is who it is.
    let folder = tempfile::tempdir().unwrap();
    let is_root = std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder.path()).unwrap()) == 0;
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let has = |user: &&str| users.lines().any(|line| line.starts_with(&format!("{user}:")));
    is_root.then(|| ["postgres", "nobody"].into_iter().find(has).expect("there is somebody who is not root"))
}

/// A program as the server's user.
fn as_server(program: &str) -> Command {
    match other_user() {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", &group(user), "--clear-groups", program]);
            command
        }
        None => Command::new(program),
    }
}

fn group(user: &str) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with(&format!("{user}:"))).unwrap();
    line.split(':').nth(3).unwrap().to_owned()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A folder of the server's user.
fn new_folder() -> PathBuf {
    let folder = PathBuf::from(format!("/tmp/switchboard-pg-{}", hex::encode(rand::random::<[u8; 6]>())));
    fs::create_dir(&folder).unwrap();
    if let Some(user) = other_user() {
        run(Command::new("chown").arg(format!("{user}:")).arg(&folder));
    }
    folder
}

/// The folder of a server that was stopped cleanly, made by whoever comes first; the others wait at the lock.
fn template() -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(kept).unwrap();
    let lock = fs::File::create(kept.join("postgres.lock")).unwrap();
    lock.lock().unwrap();
    let version = binaries().display().to_string().replace('/', "-");
    let template = kept.join(format!("postgres{version}-1"));
    if template.exists() {
        return template;
    }
    let making = new_folder();
    let data = making.join("data");
    run(as_server(&binaries().join("initdb").display().to_string()).current_dir("/tmp").arg("-D").arg(&data).args([
        "--username=switchboard",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
        "--wal-segsize=1",
    ]));
    let sql = "CREATE DATABASE switchboard;\n";
    let mut single = as_server(&binaries().join("postgres").display().to_string())
        .current_dir("/tmp")
        .args(["--single", "-D"])
        .arg(&data)
        .arg("template1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    single.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    assert!(single.wait().unwrap().success());
    let beside = kept.join(format!(".{:x}", rand::random::<u64>()));
    run(Command::new("cp").arg("-a").arg(&data).arg(&beside));
    fs::rename(&beside, &template).unwrap();
    run(Command::new("rm").arg("-rf").arg(&making));
    template
}

/// What a node of this name says of itself.
pub fn card(name: &str) -> NodeCard {
    NodeCard {
        name: name.into(),
        address: format!("http://{name}:8080"),
        roles: "all".into(),
        version: "0.1.0".into(),
        started: switchboard::clock::now(),
    }
}

/// The record as a node of this name has it.
pub async fn record_on(settings: PostgresSettings, name: &str) -> Arc<PostgresRecord> {
    let database = Database::connect(settings).await.unwrap();
    let node = database.join(&card(name)).await.unwrap();
    PostgresRecord::open(database, node, Arc::new(node.clock())).await.unwrap()
}
