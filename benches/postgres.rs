//! The record on PostgreSQL when it is large: whether every hot statement goes by an index, and how many commits a second
//! there are beside bare inserts of the same rows in the same run.
//!
//! `cargo bench --bench postgres` fills a private server with a million messages; `-- --messages 10000000` with more,
//! `-- --seconds 5` measures for less long. It fails where a statement reads a large table from end to end.
//!
//! Every figure is of this machine at this moment; only the ratios say something.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a tool for developers: it may stop at once")]
#![allow(dead_code, unused_imports, reason = "the tests' harness has more than is used here")]

use std::{
    fmt::Write as _,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contract::{Address, Body, Content, ConversationId, IdClock, Inbound, Sender, Thread, Timestamp};
use switchboard::store::{
    Commit, Committed, Journal, Taken,
    conversation::Conversation,
    entry::{Entry, EntryAuthor, TurnRecord, What},
    outbox::DeliveryState,
    postgres::{Database, NodeCard, PostgresRecord, PostgresSettings, statements::HOT},
};
use tokio_postgres::{Client, NoTls, types::ToSql};

#[path = "../tests/it/harness/mod.rs"]
mod harness;

use self::harness::{Extra, Postgres, record_on};

/// Messages of one conversation.
const TURNS: i64 = 10;
const COMMITTERS: usize = 256;
const CONVERSATIONS: usize = 5_120;
const BATCH: usize = 64;
/// Tables that nobody may read from end to end.
const LARGE: [&str; 9] =
    ["inbound", "entries", "conversations", "threads", "outbox", "dedup", "customers", "addresses", "identifiers"];

#[tokio::main]
async fn main() {
    let (mut messages, mut seconds) = (1_000_000_i64, 10_u64);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--messages" => messages = args.next().and_then(|text| text.parse().ok()).expect("--messages NUMBER"),
            "--seconds" => seconds = args.next().and_then(|text| text.parse().ok()).expect("--seconds NUMBER"),
            _ => {}
        }
    }
    // Real flushes, and the memory that a small server has.
    let options = "-c fsync=on -c full_page_writes=on -c shared_buffers=512MB -c max_wal_size=4GB -c autovacuum=on \
                   -c checkpoint_completion_target=0.9";
    let postgres = Postgres::start_with(Extra { options, files: &[] }).await;
    let record = record_on(PostgresSettings::new(&postgres.url()), "bench").await;
    let client = connect(&postgres.url()).await;

    let began = Instant::now();
    let filled = fill(&client, messages).await;
    println!("filled {messages} messages in {:.0} s", began.elapsed().as_secs_f64());
    let size = client.query_one("SELECT pg_database_size(current_database())", &[]).await.unwrap().get::<_, i64>(0);
    println!("the database has {} MB", size / 1_000_000);

    let bad = plans(&postgres.url(), &filled).await;
    let bare = bare(&postgres.url(), Duration::from_secs(seconds)).await;
    let commits = commits(&record, Duration::from_secs(seconds)).await;
    println!("{bare:.0} turns/s as bare inserts of their rows, {BATCH} a transaction, 4 connections");
    println!("{commits:.0} turns/s committed, {:.0} %", 100.0 * commits / bare);
    drop(postgres);
    assert!(bad.is_empty(), "large tables are read from end to end by: {bad:?}");
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Some of what was filled in, to ask for.
struct Filled {
    message: i64,
    conversation: i64,
    customer: i64,
    now: i64,
}

/// Conversations of ten turns each, in which a reply follows each message, spread over the last five weeks. A tenth of them
/// is open, a hundredth waits or is with an agent.
async fn fill(client: &Client, messages: i64) -> Filled {
    const WEEKS: i64 = 5;
    let conversations = messages / TURNS;
    let now = Timestamp::now().as_millisecond();
    let (start, span) = (now - WEEKS * 7 * 86_400_000, WEEKS * 7 * 86_400_000);
    let week = |n: i64| ((start / 604_800_000 + n) * 604_800_000) << 20;
    for n in 0..WEEKS - 1 {
        for table in ["inbound", "entries"] {
            let sql = format!(
                "CREATE TABLE {table}_fill{n} PARTITION OF {table} FOR VALUES FROM ({}) TO ({})",
                week(n),
                week(n + 1)
            );
            // The last weeks are there already.
            let _ = client.batch_execute(&sql).await;
        }
    }
    // Message number m of conversation c happens at m * conversations + c, so conversations interleave.
    let id = |place: &str, bit: i64| {
        format!("(({start} + ({place}) * {span} / {messages}) << 20 | (({place}) % 500 * 8 + {bit}))")
    };
    let turn = format!("m * {conversations} + c");
    let message = id(&turn, 0);
    let reply = id(&turn, 1);
    let before = id(&format!("(m - 1) * {conversations} + c"), 1);
    let conversation = id("c", 2);
    let customer = id("c", 3);
    let all = format!("generate_series(0, {conversations} - 1) c");
    let turns = format!("generate_series(0, {} - 1) m, {all}", TURNS);
    let text = |length: usize| format!("repeat('x', {length})");
    let statements = [
        format!("INSERT INTO inbound SELECT {message}, 'shop', {} FROM {turns}", text(350)),
        format!(
            "INSERT INTO entries SELECT {message}, {conversation}, CASE WHEN m > 0 THEN {before} END, 0, 0, {} FROM {turns}",
            text(900)
        ),
        format!("INSERT INTO entries SELECT {reply}, {conversation}, {message}, 0, 3, {} FROM {turns}", text(400)),
        format!("INSERT INTO dedup SELECT decode(md5(({message})::text), 'hex'), {message} FROM {turns}"),
        format!(
            "INSERT INTO conversations (id, customer, owner, agent, closed_at, version, state)
             SELECT {conversation}, {customer}, CASE WHEN c % 10 > 0 THEN 3 WHEN c % 100 > 0 THEN 0 ELSE 1 + c / 100 % 2 END,
                    CASE WHEN c % 200 = 100 THEN c % 50 END, CASE WHEN c % 10 > 0 THEN {start} * 1000 + c END, 10, {}
             FROM {all}",
            text(900)
        ),
        format!("INSERT INTO threads SELECT 'shop', 'v' || c, {conversation} FROM {all}"),
        format!("INSERT INTO customers (id, name, customer) SELECT {customer}, 'Name ' || c, {} FROM {all}", text(150)),
        format!("INSERT INTO addresses SELECT 'webchat:shop', 'v' || c, {customer} FROM {all}"),
        format!("INSERT INTO identifiers SELECT 'email', 'c' || c || '@example.com', {customer}, true FROM {all}"),
        format!(
            "INSERT INTO outbox (id, channel, conversation, place, precedence, state)
             SELECT {reply}, 'shop', {conversation}, m, 1, CASE WHEN m = 9 AND c % 1000 = 0 THEN 0 ELSE 2 END FROM {turns}"
        ),
        "VACUUM ANALYZE".to_owned(),
        "CHECKPOINT".to_owned(),
    ];
    client.batch_execute("SET statement_timeout = 0; SET synchronous_commit = off").await.unwrap();
    for sql in statements {
        client.batch_execute(&sql).await.unwrap();
    }
    let row = client
        .query_one(
            "SELECT (SELECT max(id) FROM inbound), c.id, c.customer FROM conversations c ORDER BY id DESC OFFSET 1000 LIMIT 1",
            &[],
        )
        .await
        .unwrap();
    Filled { message: row.get(0), conversation: row.get(1), customer: row.get(2), now: now * 1000 }
}

/// What a statement is given here, as SQL.
fn given(name: &str, filled: &Filled) -> String {
    let Filled { message, conversation, customer, now } = filled;
    let array = |kind: &str, of: &dyn Fn(i64) -> String| {
        format!("ARRAY[{}]::{kind}[]", (0..64).map(of).collect::<Vec<_>>().join(", "))
    };
    let some = |id: &i64| array("bigint", &|at| (id - at).to_string());
    let keys = array("bytea", &|at| format!("decode(md5('{at}'), 'hex')"));
    let column = |kind: &str, value: &str| array(kind, &|_| value.to_owned());
    let visitors = array("text", &|at| format!("'v{}'", 77 + at));
    let addresses = array("text", &|at| format!("'c{}@example.com'", 77 + at));
    let none = "(-1)::bigint";
    match name {
        "recall: conversations of threads" => format!("{}, {visitors}", column("text", "'shop'")),
        "recall: who is behind addresses" => {
            format!("{}, {visitors}, {}, {none}, {none}", column("text", "'webchat:shop'"), column("boolean", "true"))
        }
        "recall: whom identifiers name" => {
            format!("{}, {}, {}", column("bigint", "1"), column("text", "'email'"), addresses)
        }
        "commit: lock conversations" => some(conversation),
        "conversations: of customers" => format!("ARRAY[{customer}]::bigint[], 20"),
        "commit: settled turns" | "journal: messages" => some(message),
        "commit: keys" => keys,
        "commit: write keys" => format!("{keys}, {}", some(message)),
        "commit: write conversations" => [
            some(conversation),
            column("bigint", "1"),
            column("smallint", "0"),
            column("bigint", "NULL"),
            column("bigint", "NULL"),
            column("bigint", "1"),
            column("text", "''"),
            column("boolean", "false"),
        ]
        .join(", "),
        "measures: add" => {
            let texts = std::iter::repeat_n(column("text", "'x'"), 6).collect::<Vec<_>>().join(", ");
            format!("{}, {texts}, {}", array("bigint", &|at| at.to_string()), column("bigint", "1"))
        }
        "measures: counts" => "400000, 400168".to_owned(),
        "measures: misses" => format!("0, {message}, 1000"),
        "journal: along the chain" => format!("{message}, 50"),
        "journal: decisions forward" | "journal: decisions backward" => {
            format!("{message} - (1::bigint << 45), {message}, 500")
        }
        "conversations: of a thread" => "'shop', 'v77'".to_owned(),
        "conversations: one" => conversation.to_string(),
        "conversations: of an agent" => format!("{conversation}, 50, 0"),
        "conversations: in a queue" | "conversations: open" | "conversations: closed" => format!("{conversation}, 50"),
        "conversations: held" => String::new(),
        "conversations: may have an alarm" => format!("0, 500, {now} - 3600000000"),
        "conversations: changed" => "pg_snapshot_xmin(pg_current_snapshot())::text".to_owned(),
        "outbox: lease" => format!("'shop', {now}, 32, 0, 1, 1"),
        "files: due" => format!("'shop', {now}, 32, 0, 1"),
        "outbox: probe" => "'shop', 0, 1".to_owned(),
        "outbox: release" => "'shop'".to_owned(),
        "outbox: next due" => "'shop', 1".to_owned(),
        "outbox: settle" => {
            let ids = some(&(message + 1));
            let rest = [
                ("smallint", "2"),
                ("integer", "1"),
                ("text", "NULL"),
                ("text", "NULL"),
                ("bigint", "0"),
                ("smallint", "0"),
            ];
            rest.iter().fold(ids, |all, (kind, value)| format!("{all}, {}", column(kind, value)))
        }
        "outbox: astray" => "'shop', 0::smallint, 1, ARRAY[1]::bigint[]".to_owned(),
        "outbox: left behind" => "'shop', 0".to_owned(),
        "files: next" => "'shop', 0, 1".to_owned(),
        "letters: to publish" | "letters: dead" | "letters: failed" | "letters: set aside" => "50".to_owned(),
        "customers: contact" => customer.to_string(),
        "customers: merges" => format!("ARRAY[{customer}]::bigint[]"),
        "customers: search" => "'c77', 20".to_owned(),
        other => panic!("what is {other:?} given?"),
    }
}

/// How each hot statement is carried out once the server has settled on a plan, and how long it takes. Answers those that
/// read a large table from end to end.
async fn plans(url: &str, filled: &Filled) -> Vec<&'static str> {
    let mut bad = Vec::new();
    for (name, sql) in HOT {
        let client = connect(url).await;
        client.batch_execute("SET jit = off").await.unwrap();
        client.batch_execute(&format!("PREPARE hot AS {sql}")).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let given = given(name, filled);
        let call = if given.is_empty() { "hot".to_owned() } else { format!("hot({given})") };
        // Five plans of their own, then the server decides for good.
        client.batch_execute("BEGIN").await.unwrap();
        for _ in 0..6 {
            client.simple_query(&format!("EXECUTE {call}")).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
            client.batch_execute("ROLLBACK; BEGIN").await.unwrap();
        }
        let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, BUFFERS OFF) EXECUTE {call}");
        let mut plan = String::new();
        for row in client.simple_query(&explain).await.unwrap() {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = row {
                let _ = writeln!(plan, "{}", row.get(0).unwrap());
            }
        }
        client.batch_execute("ROLLBACK").await.unwrap();
        let took = plan.lines().find_map(|line| line.strip_prefix("Execution Time: ")).unwrap_or("?");
        let whole = plan.lines().filter(|line| line.contains("Seq Scan on ")).any(|line| {
            let table = line.split("Seq Scan on ").nth(1).unwrap().split([' ', '_']).next().unwrap();
            LARGE.contains(&table) && !line.contains("never executed") && !is_small(line)
        });
        println!("{name:40} {took}{}", if whole { "   READS A WHOLE TABLE" } else { "" });
        if whole {
            println!("{plan}");
            bad.push(*name);
        }
    }
    bad
}

/// Partitions in which nothing lies are read as a whole at no cost.
fn is_small(line: &str) -> bool {
    line.contains("rows=0 loops=1") && line.split("actual time=").nth(1).is_some_and(|time| time.starts_with("0.0"))
}

/// Turns a second when their rows are only inserted.
async fn bare(url: &str, time: Duration) -> f64 {
    let setup = connect(url).await;
    setup
        .batch_execute(
            "CREATE TABLE bare_inbound (id bigint PRIMARY KEY, channel text, body text);
             CREATE TABLE bare_entries (id bigint PRIMARY KEY, conversation bigint, prev bigint, at bigint, entry text);",
        )
        .await
        .unwrap();
    let (clock, done, began) = (Arc::new(IdClock::new(9)), Arc::new(AtomicU64::new(0)), Instant::now());
    let writers = (0..4).map(|_| {
        let (url, clock, done) = (url.to_owned(), Arc::clone(&clock), Arc::clone(&done));
        tokio::spawn(async move {
            let client = connect(&url).await;
            let inbound = client
                .prepare("INSERT INTO bare_inbound SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])")
                .await
                .unwrap();
            let entries = client
                .prepare(
                    "INSERT INTO bare_entries
                     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])",
                )
                .await
                .unwrap();
            while began.elapsed() < time {
                let now = Timestamp::now();
                let ids =
                    |n: usize| -> Vec<i64> { (0..n).map(|_| clock.next::<ConversationId>(now).get() as i64).collect() };
                let (messages, all) = (ids(BATCH), ids(2 * BATCH));
                let bodies = vec!["x".repeat(350); BATCH];
                let texts = vec!["x".repeat(650); 2 * BATCH];
                let channels = vec!["shop"; BATCH];
                let turns: &[&(dyn ToSql + Sync)] = &[&messages, &channels, &bodies];
                let said: &[&(dyn ToSql + Sync)] = &[&all, &all, &all, &all, &texts];
                futures::try_join!(
                    client.batch_execute("BEGIN"),
                    client.execute(&inbound, turns),
                    client.execute(&entries, said),
                    client.batch_execute("COMMIT"),
                )
                .unwrap();
                done.fetch_add(BATCH as u64, Ordering::Relaxed);
            }
        })
    });
    futures::future::try_join_all(writers).await.unwrap();
    done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

/// Turns a second through the record: a message, its entry, a reply with its entry, and the conversation's row.
async fn commits(record: &Arc<PostgresRecord>, time: Duration) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let ready = Arc::new(tokio::sync::Barrier::new(COMMITTERS + 1));
    let tasks: Vec<_> = (0..COMMITTERS)
        .map(|n| {
            let (record, stop, done, ready) =
                (Arc::clone(record), Arc::clone(&stop), Arc::clone(&done), Arc::clone(&ready));
            tokio::spawn(async move {
                let mut own = Vec::new();
                for at in 0..CONVERSATIONS / COMMITTERS {
                    own.push(open(&record, &format!("b{n}/{at}")).await);
                }
                ready.wait().await;
                let mut turn = 0;
                while !stop.load(Ordering::Relaxed) {
                    let at = turn % own.len();
                    own[at] = take(&record, &own[at], &format!("{n}/{turn}")).await;
                    turn += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    ready.wait().await;
    let began = Instant::now();
    tokio::time::sleep(time).await;
    let rate = done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    futures::future::try_join_all(tasks).await.unwrap();
    rate
}

fn address(key: &str) -> Address {
    Address { space: "webchat:shop".into(), handle: key.into() }
}

async fn open(record: &PostgresRecord, key: &str) -> Arc<Conversation> {
    let thread = Thread { channel: "shop".into(), key: key.into() };
    let now = Timestamp::now();
    let new = Conversation::open(record.clock().next(now), &thread, "webchat", address(key), 1.into(), now);
    committed(record, commit(new)).await
}

fn commit(conversation: Conversation) -> Commit {
    Commit {
        conversation,
        structural: false,
        turn: None,
        entries: [].into(),
        outbox: vec![],
        customers: vec![],
        once: None,
        fence: None,
        noted: Default::default(),
    }
}

async fn committed(record: &PostgresRecord, commit: Commit) -> Arc<Conversation> {
    match record.commit(commit).await.unwrap() {
        Committed::Done(after) => after,
        Committed::AlreadyDone => panic!("it had been committed before"),
    }
}

async fn take(record: &PostgresRecord, conversation: &Conversation, external_id: &str) -> Arc<Conversation> {
    let now = Timestamp::now();
    let text = "My parcel has not come yet, could you please have a look where it is? Order 10423. ".repeat(2);
    let inbound = Inbound {
        channel: "shop".into(),
        kind: "webchat".into(),
        external_id: external_id.into(),
        thread: conversation.thread.clone(),
        from: Sender {
            address: conversation.address.clone(),
            name: Some("Li Wei".into()),
            email: None,
            phone: None,
            email_verified: false,
            phone_verified: false,
            attributes: Default::default(),
        },
        content: Content::Message(Body::text(text.as_str())),
        sent_at: None,
        automatic: false,
        related: None,
    };
    let taken = Taken { id: record.clock().next(now), inbound: Arc::new(inbound) };
    let said = What::Message(Box::new(TurnRecord { signals: Arc::default(), decision: None }));
    let message = Entry { id: taken.id.into(), at: now, author: EntryAuthor::Customer, what: said };
    let reply: contract::OutboundId = record.clock().next(now);
    let outbound = contract::Outbound {
        id: reply,
        conversation: conversation.id,
        channel: conversation.channel.clone(),
        to: conversation.address.clone(),
        thread: conversation.thread.clone(),
        queue: None,
        author: contract::Author::Bot,
        body: Body::text("It left our house yesterday and should be with you tomorrow."),
        in_reply_to: None,
    };
    let what = What::Reply { outbound: Box::new(outbound), citation: None, also: Vec::new() };
    let answer = Entry { id: reply.into(), at: now, author: EntryAuthor::Bot, what };
    let mut next = conversation.clone();
    next.messages += 1;
    next.said(now, EntryAuthor::Customer, &text);
    let turn = Commit {
        turn: Some(taken),
        entries: [message, answer].into(),
        outbox: vec![(reply, DeliveryState::Sent)],
        ..commit(next)
    };
    committed(record, turn).await
}
