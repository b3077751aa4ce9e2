//! Several daemons over RabbitMQ, PostgreSQL and Redis: what they decide beside what a bare client of the same broker passes
//! through a queue in the same run, what a message costs each part, and how long everything takes to recover from kills.
//!
//! `cargo bench --bench fleet` takes some six minutes; `-- quick` three; `-- one` measures one daemon alone, `-- --connections 512`
//! has more send at once, `-- --rate 500` is another load during the kills.
//! Every figure is of this machine at this moment; only the ratios say something.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a tool for developers: it may stop at once")]
#![allow(dead_code, unused_imports, reason = "the tests' harness has more than is used here")]

#[path = "support/bare.rs"]
mod bare;
#[path = "../tests/it/harness/mod.rs"]
mod harness;
#[path = "support/http.rs"]
mod http;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{IdClock, MessageId, Timestamp};
use harness::{Broker, Extra, Postgres, RedisServer, eventually, within};
use http::{Connection, SECRET};
use secrecy::ExposeSecret;

const CONVERSATIONS: usize = 5_120;
/// What is measured. One daemon more often than the rest: a machine that is shared is as fast as it likes, and the gate is about this.
const ROUNDS: [&str; 7] =
    ["1 daemon", "1 daemon", "1 daemon", "and a worker", "and two workers", "2 daemons", "3 daemons"];
/// PostgreSQL as it is meant to run: what it says is committed is on disk.
const DURABLE: &str = "-c fsync=on -c full_page_writes=on -c wal_compression=lz4 -c autovacuum=on -c shared_buffers=512MB \
     -c shared_preload_libraries=pg_stat_statements";
/// What the database spends its time with: calls, and microseconds of all of them.
const STATEMENTS: &str = "SELECT calls, 1000 * total_exec_time, regexp_replace(query, '\\s+', ' ', 'g')
     FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat%' ORDER BY total_exec_time DESC LIMIT 12";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let quick = arguments.iter().any(|argument| argument == "quick");
    let number = |name: &str, else_: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        at.map_or(else_, |at| arguments[at + 1].parse().unwrap())
    };
    let (connections, rate) = (number("--connections", 256), number("--rate", 2_000) as u64);
    let lasts = Duration::from_secs(if quick { 5 } else { 15 });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let rounds = if arguments.iter().any(|argument| argument == "one") { &ROUNDS[..3] } else { &ROUNDS[..] };
    runtime.block_on(measure(rounds, connections, lasts, rate));
}

async fn measure(rounds: &[&str], connections: usize, lasts: Duration, rate: u64) {
    let mut fleet = Fleet::start(connections).await;
    println!("{connections} connections, {CONVERSATIONS} conversations, {} rules, bodies of about 1 KiB", http::RULES);
    fleet.add();
    // The second message of a conversation is the first one that finds its customer known.
    fleet.flood(Until::Each(2 * fleet.each)).await;
    let mut ones = Vec::new();
    for (round, what) in rounds.iter().enumerate() {
        let bare = bare::bare(&fleet.broker, lasts, round as u64).await;
        match *what {
            "1 daemon" => {}
            "and a worker" | "and two workers" => fleet.add_worker(),
            _ => {
                fleet.workers.drain(..).for_each(Daemon::stop);
                fleet.add();
            }
        }
        fleet.postgres.client().await.batch_execute("SELECT pg_stat_statements_reset()").await.unwrap();
        let seen = fleet.flood(Until::Over(lasts)).await;
        println!(
            "{what:<15} {:>6.0} decided/s, {:.1} % of {bare:.0}/s through a bare queue; accepted p50 {:.1} ms, p99 {:.1} ms",
            seen.rate,
            100.0 * seen.rate / bare,
            seen.p50,
            seen.p99,
        );
        println!("           {}", seen.cost);
        if *what == "1 daemon" {
            ones.push((seen.rate, bare));
        }
        if ones.len() == 3 && *what == "1 daemon" {
            fleet.statements(seen.sent).await;
            let (decided, bare) = ones.iter().fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
            println!("1 daemon, all three together: {:.1} % of a bare queue", 100.0 * decided / bare);
        }
    }
    if rounds.len() == ROUNDS.len() {
        fleet.kills(rate, lasts).await;
    }
    fleet.account().await;
}

/// The engines, the daemons, and what they were sent.
struct Fleet {
    broker: Broker,
    postgres: Postgres,
    redis: RedisServer,
    daemons: Vec<Daemon>,
    /// Beside them, daemons that take no messages from anybody but the broker.
    workers: Vec<Daemon>,
    folder: tempfile::TempDir,
    /// How many conversations each connection has.
    each: u64,
    /// How many messages each connection has had accepted.
    sent: Vec<u64>,
    /// Ids from here on are of messages that were sent after `settled` of them had been decided.
    since: i64,
    settled: u64,
}

/// When a flood ends.
#[derive(Clone, Copy)]
enum Until {
    /// After so many messages of each connection.
    Each(u64),
    /// After this time.
    Over(Duration),
}

struct Seen {
    sent: f64,
    rate: f64,
    p50: f64,
    p99: f64,
    cost: String,
}

impl Fleet {
    async fn start(connections: usize) -> Self {
        let postgres = Extra { options: DURABLE, ..Extra::default() };
        let (postgres, broker, redis) =
            tokio::join!(Postgres::start_with(postgres), Broker::start(), RedisServer::start());
        let folder = tempfile::tempdir().unwrap();
        postgres.client().await.batch_execute("CREATE EXTENSION pg_stat_statements").await.unwrap();
        http::write_rules(&folder.path().join("rules"));
        let password = broker.settings().password.unwrap();
        std::fs::write(folder.path().join("rabbitmq"), password.expose_secret()).unwrap();
        let config = format!(
            "mode = \"distributed\"\nrules = {:?}\n[log]\nlevel = \"error\"\n\
             [channels.load]\nkind = \"http\"\nsecrets = [\"whsec_{}\"]\n\
             [distributed]\npartitions = 16\n[distributed.rabbitmq]\nurl = {:?}\npassword_file = {:?}\n\
             [distributed.postgres]\nurl = {:?}\n[distributed.redis]\nurl = {:?}\n",
            folder.path().join("rules").display(),
            STANDARD.encode(SECRET),
            broker.settings().url.expose_secret(),
            folder.path().join("rabbitmq").display(),
            postgres.tcp_url(),
            redis.url(),
        );
        std::fs::write(folder.path().join("switchboard.toml"), config).unwrap();
        Self {
            broker,
            postgres,
            redis,
            daemons: Vec::new(),
            workers: Vec::new(),
            folder,
            each: (CONVERSATIONS / connections) as u64,
            sent: vec![0; connections],
            since: 0,
            settled: 0,
        }
    }

    fn add(&mut self) {
        let number = self.daemons.len();
        self.daemons.push(Daemon::start(self.folder.path(), number, "all"));
    }

    fn add_worker(&mut self) {
        let number = 100 + self.workers.len();
        self.workers.push(Daemon::start(self.folder.path(), number, "worker"));
    }

    fn addresses(&self) -> Vec<String> {
        self.daemons.iter().map(|daemon| daemon.address.clone()).collect()
    }

    /// Sends as fast as messages are accepted, over all daemons.
    async fn flood(&mut self, until: Until) -> Seen {
        let client = self.postgres.client().await;
        let (log, stored) = ("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn", "SELECT pg_database_size('switchboard')");
        let count = async |sql: &str| {
            let row = client.query_one(&format!("SELECT ({sql})::double precision"), &[]).await.unwrap();
            row.get::<_, f64>(0)
        };
        let before = self.spent();
        let (log_before, stored_before) = (count(log).await, count(stored).await);
        let turns = self.turns().await;
        let began = Instant::now();
        let (addresses, each) = (self.addresses(), self.each);
        let tasks: Vec<_> = (0..self.sent.len())
            .map(|sender| {
                let (address, first) = (addresses[sender % addresses.len()].clone(), self.sent[sender]);
                tokio::spawn(async move {
                    let mut connection = Connection::open(&address).await.unwrap();
                    let mut waits = Vec::new();
                    let goes_on = |sent: u64| match until {
                        Until::Each(many) => sent < many,
                        Until::Over(lasts) => began.elapsed() < lasts,
                    };
                    while goes_on(waits.len() as u64) {
                        let request = request(sender, first + waits.len() as u64, each);
                        let since = Instant::now();
                        while !connection.send(&request).await.unwrap() {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        waits.push(since.elapsed());
                    }
                    waits
                })
            })
            .collect();
        let mut waits = Vec::new();
        for (sender, task) in tasks.into_iter().enumerate() {
            let mine = task.await.unwrap();
            self.sent[sender] += mine.len() as u64;
            waits.extend(mine);
        }
        let sent = waits.len() as f64;
        // The rate is of decided messages: it ends when the last one's turn is committed.
        eventually("every turn is over", || async { (self.turns().await - turns >= sent).then_some(()) }).await;
        let took = began.elapsed().as_secs_f64();
        let after = self.spent();
        let each = |at: usize| (after[at] - before[at]) / sent;
        let cost = format!(
            "a message: daemons {:.0} µs, RabbitMQ {:.0} µs, PostgreSQL {:.0} µs, Redis {:.1} µs of processor, the load {:.0}; {:.0} bytes of log, {:.0} stored",
            each(0),
            each(1),
            each(2),
            each(3),
            each(4),
            (count(log).await - log_before) / sent,
            (count(stored).await - stored_before) / sent,
        );
        self.until_decided().await;
        waits.sort_unstable();
        let at = |quantile: f64| waits[((waits.len() - 1) as f64 * quantile) as usize].as_secs_f64() * 1000.0;
        Seen { sent, rate: sent / took, p50: at(0.5), p99: at(0.99), cost }
    }

    /// Says what a message costs the database, by statement.
    async fn statements(&self, sent: f64) {
        for row in self.postgres.client().await.query(STATEMENTS, &[]).await.unwrap() {
            let (calls, micros, query): (i64, f64, String) = (row.get(0), row.get(1), row.get(2));
            let query: String = query.chars().take(90).collect();
            println!("           {:>6.1} µs a message, {:>5.2} times: {query}", micros / sent, calls as f64 / sent);
        }
    }

    /// The processor time of the daemons, of the three engines and of this tool, in microseconds.
    fn spent(&self) -> [f64; 5] {
        let all = self.daemons.iter().chain(&self.workers);
        let daemons = all.map(|daemon| http::processor_time(&daemon.child.id().to_string())).sum();
        let load = http::processor_time("self");
        [daemons, time_of("beam.smp"), time_of("postgres"), time_of("redis-server"), load]
    }

    /// How many turns the daemons say that they have committed.
    async fn turns(&self) -> f64 {
        let mut turns = 0.0;
        for daemon in self.daemons.iter().chain(&self.workers) {
            turns += http::metric(&http::page(&daemon.address, "/metrics").await.unwrap(), "switchboard_turns_total");
        }
        turns
    }

    /// How many messages have had their turns, by the record.
    async fn decided(&self) -> Option<u64> {
        let client = tokio::time::timeout(Duration::from_secs(5), self.postgres.try_client()).await.ok()?.ok()?;
        let row = client.query_one("SELECT count(*) FROM inbound WHERE id >= $1", &[&self.since]).await.ok()?;
        Some(self.settled + row.get::<_, i64>(0).unsigned_abs())
    }

    async fn until_decided(&mut self) {
        let all: u64 = self.sent.iter().sum();
        // Counting costs the database time that the messages need.
        const EVERY: Duration = Duration::from_millis(100);
        let counted = || async {
            tokio::time::sleep(EVERY).await;
            (self.decided().await? >= all).then_some(())
        };
        eventually("every message is decided", counted).await;
        self.since = IdClock::lowest::<MessageId>(Timestamp::now()).get().cast_signed();
        self.settled = all;
    }

    /// A steady load, while one part after the other is killed and started again.
    async fn kills(&mut self, rate: u64, lasts: Duration) {
        println!("\n{rate} messages a second over {CONVERSATIONS} conversations and 3 daemons:");
        let field = Arc::new(Field {
            addresses: Mutex::new(self.addresses()),
            accepted: AtomicU64::new(self.sent.iter().sum()),
            over: AtomicBool::new(false),
            each: self.each,
            pause: Duration::from_secs_f64(self.sent.len() as f64 / rate as f64),
        });
        let senders: Vec<_> = (0..self.sent.len())
            .map(|sender| tokio::spawn(steady(Arc::clone(&field), sender, self.sent[sender])))
            .collect();
        let pace = self.pace(&field, lasts).await;
        println!("  without harm: {pace:.0} decided/s");
        for what in ["a daemon", "RabbitMQ", "PostgreSQL", "Redis"] {
            let killed = Instant::now();
            match what {
                "a daemon" => {
                    self.daemons[0].kill();
                    self.daemons[0] = Daemon::start(self.folder.path(), 0, "all");
                    *field.addresses.lock().unwrap() = self.addresses();
                }
                "RabbitMQ" => {
                    self.broker.kill().await;
                    self.broker.restart().await;
                }
                "PostgreSQL" => self.postgres.crash().await,
                _ => {
                    self.redis.kill().await;
                    self.redis.start_again().await;
                }
            }
            let up = killed.elapsed();
            let before = field.accepted.load(Ordering::Relaxed);
            eventually("messages are accepted again", || async {
                (field.accepted.load(Ordering::Relaxed) > before + rate / 10).then_some(())
            })
            .await;
            let accepting = killed.elapsed();
            // Everything that was accepted until now is decided: whatever lay in the dead one's hands as well.
            let all = field.accepted.load(Ordering::Relaxed);
            eventually("the backlog is gone", || async { (self.decided().await? >= all).then_some(()) }).await;
            println!(
                "  {what} killed: up again after {:.1} s, messages accepted after {:.1} s, everything accepted decided after {:.1} s",
                up.as_secs_f64(),
                accepting.as_secs_f64(),
                killed.elapsed().as_secs_f64()
            );
            let pace = self.pace(&field, lasts / 2).await;
            println!("    then {pace:.0} decided/s");
        }
        field.over.store(true, Ordering::Relaxed);
        for (sender, task) in senders.into_iter().enumerate() {
            self.sent[sender] = within("a sender ends", task).await.unwrap();
        }
        self.until_decided().await;
    }

    /// How many messages are decided a second.
    async fn pace(&self, field: &Field, lasts: Duration) -> f64 {
        let (began, before) = (Instant::now(), self.decided().await.unwrap());
        tokio::time::sleep(lasts).await;
        let pace = (self.decided().await.unwrap() - before) as f64 / began.elapsed().as_secs_f64();
        let waiting = field.accepted.load(Ordering::Relaxed).saturating_sub(self.decided().await.unwrap());
        if waiting > 2 * self.sent.len() as u64 {
            println!("    {waiting} messages wait: this machine is too slow for the load");
        }
        pace
    }

    /// The ledger, and whether the messages of each conversation were decided in the order in which they were sent.
    async fn account(&self) {
        let client = self.postgres.client().await;
        let row = client.query_one(ORDER, &[]).await.unwrap();
        let (rows, disorder, doubles): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let all: u64 = self.sent.iter().sum();
        println!("\n{all} messages sent, {rows} decided, {doubles} of them twice, {disorder} out of their order");
        println!("ledger: {}", self.daemons[0].ledger(self.folder.path()));
        assert!(
            rows.unsigned_abs() == all && disorder == 0 && doubles == 0,
            "something is lost, double or out of order"
        );
    }
}

/// All messages, those that were decided before an earlier one of their thread, and those that are there more than once.
const ORDER: &str = "WITH said AS (
        SELECT e.at, i.body::jsonb ->> 'thread' AS thread, i.body::jsonb ->> 'external_id' AS name
        FROM entries e JOIN inbound i USING (id) WHERE e.kind = 0),
    placed AS (
        SELECT name, split_part(name, '-', 2)::bigint
            < lag(split_part(name, '-', 2)::bigint) OVER (PARTITION BY thread ORDER BY at) AS late FROM said)
    SELECT count(*), count(*) FILTER (WHERE late), count(*) - count(DISTINCT name) FROM placed";

/// What senders share.
struct Field {
    addresses: Mutex<Vec<String>>,
    accepted: AtomicU64,
    over: AtomicBool,
    /// How many conversations each has.
    each: u64,
    /// How long each pauses between two messages.
    pause: Duration,
}

/// The requests of one connection: its conversations take turns.
fn request(sender: usize, number: u64, each: u64) -> String {
    let handle = format!("customer-{sender}-{}", number % each);
    http::request(&format!("{sender}-{number}"), &handle, &http::text(number))
}

/// Sends at a steady pace, each message until some daemon accepts it; how many in all.
async fn steady(field: Arc<Field>, sender: usize, first: u64) -> u64 {
    let mut ticks = tokio::time::interval(field.pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut number, mut at) = (first, sender);
    let mut connection: Option<Connection> = None;
    while !field.over.load(Ordering::Relaxed) {
        ticks.tick().await;
        loop {
            let sent = async {
                if connection.is_none() {
                    let address = {
                        let addresses = field.addresses.lock().unwrap();
                        addresses[at % addresses.len()].clone()
                    };
                    connection = Some(Connection::open(&address).await?);
                }
                connection.as_mut().unwrap().send(&request(sender, number, field.each)).await
            };
            match tokio::time::timeout(Duration::from_secs(15), sent).await {
                Ok(Ok(true)) => break,
                Ok(Ok(false)) => {}
                _ => {
                    connection = None;
                    at += 1;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        number += 1;
        field.accepted.fetch_add(1, Ordering::Relaxed);
    }
    number
}

/// The processor time of all processes of a name, in microseconds.
fn time_of(name: &str) -> f64 {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let named = processes
        .filter(|process| std::fs::read_to_string(process.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
    named.filter_map(|process| http::try_processor_time(process.file_name().to_str()?)).sum()
}

struct Daemon {
    child: Child,
    address: String,
    data: PathBuf,
}

impl Daemon {
    fn start(folder: &Path, number: usize, role: &str) -> Self {
        let data = folder.join(format!("data-{number}"));
        let (child, address) = http::launch(&folder.join("switchboard.toml"), &data, role);
        Self { child, address, data }
    }

    /// Gently: it hands its partitions back.
    fn stop(mut self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap();
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn ledger(&self, folder: &Path) -> String {
        let mut ledger = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        ledger.arg("ledger").arg("--config").arg(folder.join("switchboard.toml")).arg("--data").arg(&self.data);
        String::from_utf8_lossy(&ledger.output().unwrap().stdout).lines().collect::<Vec<_>>().join("; ")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
