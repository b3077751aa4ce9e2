//! The whole daemon under load, over HTTP, beside what its store and bare SQLite do in the same run.
//!
//! `cargo bench --bench load` runs everything, with a million messages: about ten minutes.
//! `cargo bench --bench load -- quick` runs a shorter one, `-- store` only what needs no daemon.
//!
//! Every figure is of this machine at this moment; only the ratios say something.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a tool for developers: it may stop at once")]

#[path = "support/http.rs"]
mod http;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{Address, Body, Content, IdClock, Inbound, Inbox, Sender, Thread, Timestamp};
use http::{Connection, RULES, SECRET, processor_time, text, write_rules};
use switchboard::{
    inbox::Queue,
    store::{
        Commit, Committed, Journal, Taken,
        conversation::Conversation,
        customer::{Customer, CustomerChange},
        entry::{Entry, EntryAuthor, TurnRecord, What},
        sqlite::{Options, SqliteRecord},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The daemon's own, so that the store alone is measured as it is in the daemon.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SENDERS: usize = 256;
/// Conversations of all senders together.
const CONVERSATIONS: usize = 5_120;
/// Conversations of each sender.
const EACH: u64 = (CONVERSATIONS / SENDERS) as u64;

struct Plan {
    seconds: u64,
    stored: u64,
    sockets: usize,
    daemon: bool,
}

fn main() {
    let asked = |word| std::env::args().any(|argument| argument == word);
    let daemon = !asked("store");
    let plan = if asked("quick") {
        Plan { seconds: 4, stored: 100_000, sockets: 500, daemon }
    } else {
        Plan { seconds: 10, stored: 1_000_000, sockets: 2_000, daemon }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&plan));
}

async fn measure(plan: &Plan) {
    let folder = tempfile::tempdir().unwrap();
    println!("{SENDERS} senders, {CONVERSATIONS} conversations, {RULES} rules, bodies of about 1 KiB\n");
    let mut store = Rate::default();
    for producers in [4 * SENDERS, SENDERS] {
        let bare = bare_sqlite(&folder.path().join(format!("bare-{producers}.db")), plan.seconds, producers).await;
        disk_at_rest();
        store = store_alone(&folder.path().join(format!("store-{producers}.db")), plan.seconds, producers).await;
        disk_at_rest();
        println!("{producers:>5} producers: bare SQLite, one insert a message  {bare:>9}");
        println!(
            "                 store, accept and turn              {store:>9}   {:.0} % of bare",
            100.0 * store.each_second / bare.each_second
        );
    }
    if !plan.daemon {
        return;
    }

    let mut daemon = Daemon::start(folder.path());
    println!("daemon ready after {} ms, {} MB resident", daemon.ready.as_millis(), daemon.resident_mb());
    // The second message of a conversation is the first one that finds its customer known.
    let opened = daemon.flood(Until::Messages(2 * EACH)).await;
    println!("{CONVERSATIONS} conversations opened                         {}", opened.rate);
    let empty = daemon.flood(Until::seconds(plan.seconds)).await;
    println!(
        "daemon over HTTP, no history                      {}   {:.0} % of the store, accept p50 {:.1} ms p99 {:.1} ms",
        empty.rate,
        100.0 * empty.rate.each_second / store.each_second,
        empty.p50,
        empty.p99
    );
    let mut stored = opened.sent + empty.sent;
    while stored < plan.stored {
        stored += daemon.flood(Until::seconds(plan.seconds.max(5))).await.sent;
    }
    let full = daemon.flood(Until::seconds(plan.seconds)).await;
    stored += full.sent;
    println!(
        "daemon over HTTP, {:>9} messages stored         {}   {:.0} % of that, {} MB resident, {} MB on disk",
        stored,
        full.rate,
        100.0 * full.rate.each_second / empty.rate.each_second,
        daemon.resident_mb(),
        daemon.disk_mb()
    );
    let before = daemon.decided_buckets().await;
    let steady = daemon.steady(500, plan.seconds).await;
    let after = daemon.decided_buckets().await;
    println!(
        "500 messages a second                             accept p50 {:.1} ms p99 {:.1} ms, decided p99 below {}",
        steady.p50,
        steady.p99,
        quantile(&before, &after, 0.99)
    );
    daemon.kill();
    let mut daemon = Daemon::start(folder.path());
    println!(
        "after kill -9, ready again after                  {:>9} ms  ({} MB on disk)",
        daemon.ready.as_millis(),
        daemon.disk_mb()
    );
    let (idle, each) = daemon.idle_sockets(plan.sockets).await;
    println!("{idle} idle web chats                               {each:>9.1} KiB each");
    println!("ledger: {}", daemon.ledger());
    daemon.kill();
}

/// What the disk still has to write of one measurement is not the next one's.
fn disk_at_rest() {
    Command::new("sync").status().unwrap();
}

/// What a single table does with the same messages and the same group commit.
async fn bare_sqlite(path: &Path, seconds: u64, producers: usize) -> Rate {
    let (ops, mut queued) = tokio::sync::mpsc::channel::<(String, tokio::sync::oneshot::Sender<()>)>(4096);
    let path = path.to_owned();
    let writer = std::thread::spawn(move || {
        let mut connection = rusqlite::Connection::open(path).unwrap();
        connection
            .execute_batch(
                "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);",
            )
            .unwrap();
        let mut batch = Vec::new();
        while queued.blocking_recv_many(&mut batch, 1024) > 0 {
            let transaction = connection.transaction().unwrap();
            for (body, _) in &batch {
                transaction.prepare_cached("INSERT INTO t (body) VALUES (?1)").unwrap().execute([body]).unwrap();
            }
            transaction.commit().unwrap();
            for (_, done) in batch.drain(..) {
                let _ = done.send(());
            }
        }
    });
    let rate = rate(Until::seconds(seconds), producers, move |sender, number| {
        let ops = ops.clone();
        async move {
            let body = serde_json::to_string(&inbound(sender, number, EACH)).unwrap();
            let (done, told) = tokio::sync::oneshot::channel();
            ops.send((body, done)).await.unwrap();
            told.await.unwrap();
        }
    })
    .await;
    writer.join().unwrap();
    rate
}

/// Accept, then the turn: two durable commits a message, without anything around them. Whoever sends remembers its
/// conversations.
async fn store_alone(path: &Path, seconds: u64, producers: usize) -> Rate {
    let ids = Arc::new(IdClock::new(0));
    let options = Options { waiting_most: 1_000_000, ..Options::default() };
    let record = SqliteRecord::open(path, Arc::clone(&ids), options).unwrap();
    let drain = tokio::spawn({
        let record = Arc::clone(&record);
        async move { while record.next().await.is_some() {} }
    });
    let each = (CONVERSATIONS / producers) as u64;
    type Known = Mutex<HashMap<u64, Arc<Conversation>>>;
    let known: Arc<[Known]> = (0..producers).map(|_| Known::default()).collect();
    let shared = Arc::clone(&record);
    let turn = move |sender: usize, number| {
        let (record, ids, known) = (Arc::clone(&shared), Arc::clone(&ids), Arc::clone(&known));
        async move {
            let before = known[sender].lock().unwrap().remove(&(number % each));
            let after = one_turn(&record, &ids, inbound(sender, number, each), before).await;
            known[sender].lock().unwrap().insert(number % each, after);
        }
    };
    rate(Until::Messages(2 * each), producers, turn.clone()).await;
    let rate = rate(Until::seconds(seconds), producers, turn).await;
    drain.abort();
    record.close();
    rate
}

async fn one_turn(
    record: &SqliteRecord,
    ids: &IdClock,
    inbound: Inbound,
    before: Option<Arc<Conversation>>,
) -> Arc<Conversation> {
    let thread = Thread { channel: inbound.channel.clone(), key: inbound.thread.clone() };
    let address = inbound.from.address.clone();
    let inbound = Arc::new(inbound);
    let accepted = record.accept((*inbound).clone()).await.unwrap();
    let now = Timestamp::now();
    let mut customers = Vec::new();
    let mut conversation = match before {
        Some(conversation) => Conversation::clone(&conversation),
        None => {
            let customer = Customer {
                id: ids.next(now),
                name: None,
                language: None,
                attributes: Default::default(),
                verified: false,
                first_seen: now,
            };
            customers.push(CustomerChange::Link(address.clone(), customer.id));
            let id = customer.id;
            customers.push(CustomerChange::Put { was: None, now: customer });
            Conversation::open(ids.next(now), &thread, "http", address, id, now)
        }
    };
    conversation.last_message = Some(accepted.id);
    conversation.messages += 1;
    let what = What::Message(Box::new(TurnRecord { signals: Arc::default(), decision: None }));
    let entry = Entry { id: accepted.id.into(), at: now, author: EntryAuthor::Customer, what };
    let commit = Commit {
        structural: conversation.version == 0,
        conversation,
        turn: Some(Taken { id: accepted.id, inbound }),
        entries: [entry].into(),
        outbox: vec![],
        customers,
        once: None,
        fence: None,
        noted: Default::default(),
    };
    match record.commit(commit).await.unwrap() {
        Committed::Done(after) => after,
        Committed::AlreadyDone => unreachable!("each message has one turn"),
    }
}

/// When a sender ends.
#[derive(Clone, Copy)]
enum Until {
    At(Instant),
    Messages(u64),
}

impl Until {
    fn seconds(seconds: u64) -> Self {
        Self::At(Instant::now() + Duration::from_secs(seconds))
    }

    fn goes_on(self, sent: u64) -> bool {
        match self {
            Self::At(end) => Instant::now() < end,
            Self::Messages(all) => sent < all,
        }
    }
}

/// How much is done in a second, and the processor time that each message takes.
#[derive(Default, Clone, Copy)]
struct Rate {
    each_second: f64,
    micros: f64,
}

impl std::fmt::Display for Rate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:>9.0} /s, {:>3.0} µs of processor each", self.each_second, self.micros)
    }
}

/// What `producers` at once get done.
async fn rate<F, Fut>(until: Until, producers: usize, work: F) -> Rate
where
    F: Fn(usize, u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let done = Arc::new(AtomicU64::new(0));
    let (started, before) = (Instant::now(), processor_time("self"));
    let tasks: Vec<_> = (0..producers)
        .map(|sender| {
            let (work, done) = (work.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut number = 0;
                while until.goes_on(number) {
                    work(sender, number).await;
                    number += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    drop(work);
    for task in tasks {
        task.await.unwrap();
    }
    let done = done.load(Ordering::Relaxed) as f64;
    Rate { each_second: done / started.elapsed().as_secs_f64(), micros: (processor_time("self") - before) / done }
}

fn inbound(sender: usize, number: u64, each: u64) -> Inbound {
    let handle = format!("customer-{}-{}", sender, number % each);
    Inbound {
        channel: "load".into(),
        kind: "http".into(),
        external_id: format!("{sender}-{number}-{:x}", rand::random::<u64>()),
        thread: handle.clone(),
        from: Sender {
            address: Address { space: "http:load".into(), handle },
            name: None,
            email: None,
            phone: None,
            email_verified: false,
            phone_verified: false,
            attributes: Default::default(),
        },
        content: Content::Message(Body::text(text(number))),
        sent_at: None,
        automatic: false,
        related: None,
    }
}

struct Daemon {
    child: Child,
    address: String,
    ready: Duration,
    data: PathBuf,
    sent: u64,
}

struct Flood {
    sent: u64,
    rate: Rate,
    p50: f64,
    p99: f64,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let data = folder.join("data");
        let rules = folder.join("rules");
        if !rules.exists() {
            write_rules(&rules);
            let secret = STANDARD.encode(SECRET);
            let config = format!(
                "rules = {:?}\n[log]\nlevel = \"warn\"\n[channels.load]\nkind = \"http\"\nsecrets = [\"whsec_{secret}\"]\n[channels.webchat]\nkind = \"webchat\"\n",
                rules.display()
            );
            std::fs::write(folder.join("switchboard.toml"), config).unwrap();
        }
        let started = Instant::now();
        let (child, address) = http::launch(&folder.join("switchboard.toml"), &data, "all");
        let ready = started.elapsed();
        Self { child, address, ready, data, sent: 0 }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn processor_time(&self) -> f64 {
        processor_time(&self.child.id().to_string())
    }

    fn resident_mb(&self) -> u64 {
        self.resident_kb() / 1024
    }

    fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn disk_mb(&self) -> u64 {
        let files = ["record.db", "record.db-wal"];
        files.iter().filter_map(|name| std::fs::metadata(self.data.join(name)).ok()).map(|m| m.len()).sum::<u64>() >> 20
    }

    async fn flood(&mut self, until: Until) -> Flood {
        let (started, before, first) = (Instant::now(), self.processor_time(), self.sent);
        let tasks: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let address = self.address.clone();
                tokio::spawn(async move {
                    let mut connection = Connection::open(&address).await.unwrap();
                    let mut waits = Vec::new();
                    let mut number = first;
                    while until.goes_on(number - first) {
                        waits.push(send(&mut connection, sender, number).await);
                        number += 1;
                    }
                    waits
                })
            })
            .collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap());
        }
        let sent = waits.len() as u64;
        self.sent += sent;
        // The rate is of decided messages: it ends when the last one's turn is committed.
        while http::metric(&self.metrics().await, "switchboard_inbox_waiting") > 0.0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let rate = Rate {
            each_second: sent as f64 / started.elapsed().as_secs_f64(),
            micros: (self.processor_time() - before) / sent as f64,
        };
        summary(rate, waits)
    }

    async fn steady(&mut self, per_second: u64, seconds: u64) -> Flood {
        const CONNECTIONS: u64 = 25;
        let pause = Duration::from_secs_f64(CONNECTIONS as f64 / per_second as f64);
        let first = self.sent;
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|sender| {
                let address = self.address.clone();
                tokio::spawn(async move {
                    let mut connection = Connection::open(&address).await.unwrap();
                    let mut ticks = tokio::time::interval(pause);
                    let mut waits = Vec::new();
                    for number in 0..seconds * per_second / CONNECTIONS {
                        ticks.tick().await;
                        waits.push(send(&mut connection, sender as usize, first + number).await);
                    }
                    waits
                })
            })
            .collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap());
        }
        self.sent += waits.len() as u64;
        summary(Rate::default(), waits)
    }

    async fn metrics(&self) -> String {
        http::page(&self.address, "/metrics").await.unwrap()
    }

    async fn decided_buckets(&self) -> Vec<(String, f64)> {
        let page = self.metrics().await;
        let lines = page.lines().filter_map(|line| line.strip_prefix("switchboard_decided_seconds_bucket{le=\""));
        lines
            .filter_map(|line| {
                let (bound, count) = line.split_once("\"} ")?;
                Some((bound.to_owned(), count.parse().ok()?))
            })
            .collect()
    }

    /// Opens web chats that say hello and nothing else; KiB of resident memory each.
    async fn idle_sockets(&self, count: usize) -> (usize, f64) {
        // The first ones bring the readers' connections and caches with them, which later ones share.
        const FIRST: usize = 200;
        let mut open = Vec::new();
        let mut before = 0;
        for number in 0..FIRST + count {
            if number == FIRST {
                before = self.resident_kb();
            }
            let mut stream = TcpStream::connect(&self.address).await.unwrap();
            let request = format!(
                "GET /channels/webchat/socket HTTP/1.1\r\nhost: {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                self.address
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut head = [0; 1024];
            let read = stream.read(&mut head).await.unwrap();
            assert!(head[..read].starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head[..read]));
            let hello = br#"{"type":"hello"}"#;
            let mut frame = vec![0x81, 0x80 | hello.len() as u8, 0, 0, 0, 0];
            frame.extend_from_slice(hello);
            stream.write_all(&frame).await.unwrap();
            let _ = stream.read(&mut head).await.unwrap();
            open.push(stream);
        }
        let each = (self.resident_kb().saturating_sub(before)) as f64 / count as f64;
        (count, each)
    }

    fn ledger(&self) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["ledger", "--data"])
            .arg(&self.data)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>().join("; ")
    }
}

/// How long it takes until a message is accepted: to be told to come back later is part of that.
async fn send(connection: &mut Connection, sender: usize, number: u64) -> Duration {
    let handle = format!("customer-{}-{}", sender, number % EACH);
    let id = format!("{sender}-{number}-{:x}", rand::random::<u32>());
    let request = http::request(&id, &handle, &text(number));
    let started = Instant::now();
    while !connection.send(&request).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

fn summary(rate: Rate, mut waits: Vec<Duration>) -> Flood {
    waits.sort_unstable();
    let at = |quantile: f64| waits[((waits.len() - 1) as f64 * quantile) as usize].as_secs_f64() * 1000.0;
    Flood { sent: waits.len() as u64, rate, p50: at(0.5), p99: at(0.99) }
}

fn quantile(before: &[(String, f64)], after: &[(String, f64)], quantile: f64) -> String {
    let counts: Vec<(String, f64)> = after
        .iter()
        .map(|(bound, count)| {
            let earlier = before.iter().find(|(b, _)| b == bound).map_or(0.0, |(_, count)| *count);
            (bound.clone(), count - earlier)
        })
        .collect();
    let all = counts.last().map_or(0.0, |(_, count)| *count);
    counts
        .iter()
        .find(|(_, count)| *count >= all * quantile)
        .map_or_else(|| "?".into(), |(bound, _)| format!("{bound} s"))
}
