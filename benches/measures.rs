//! The figures of a record with many entries, on both backends: what they cost a commit, how many rows they are, and how long
//! the page waits for them.
//!
//! `cargo bench --bench measures` makes a million entries over thirty days; `-- --entries 100000` fewer.
//!
//! Every figure is of this machine at this moment; only the ratios say something.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a tool for developers: it may stop at once")]
#![allow(dead_code, unused_imports, reason = "the tests' harness has more than is used here")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{
    Address, Body, Content, ConversationId, IdClock, Inbound, MessageId, Outbound, Sender, Thread, Timestamp,
};
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use serde_json::value::RawValue;
use switchboard::{
    bot::Citation,
    measure::{Day, Filter, Noted, Report, grouped, hour, note},
    store::{
        Commit, Committed, Store, Taken,
        conversation::{Conversation, Handoff, Priority},
        entry::{DecisionRecord, Entry, EntryAuthor, Event, TurnRecord, What},
        postgres::{Database, NodeCard, PostgresRecord, PostgresSettings},
        sqlite::{Options, SqliteRecord},
    },
};

#[path = "../tests/it/harness/mod.rs"]
mod harness;

use self::harness::{Extra, Postgres, record_on};

const DAYS: i64 = 30;
/// Entries of one conversation: opened, asked, answered, handed over or closed, closed.
const ENTRIES: u64 = 5;
const AT_ONCE: usize = 512;
const QUEUES: [&str; 4] = ["care", "billing", "sales", "overflow"];
const LANGUAGES: [&str; 4] = ["en", "zh-Hans", "zh-Hant", "es"];
const CHANNELS: [&str; 4] = ["webchat", "telegram", "mail", "app"];

#[tokio::main]
async fn main() {
    let mut entries = 1_000_000_u64;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--entries" {
            entries = args.next().and_then(|text| text.parse().ok()).expect("--entries NUMBER");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let sqlite = |name: &str| {
        let ids = Arc::new(IdClock::new(0));
        SqliteRecord::open(&folder.path().join(name), ids, Options::default()).unwrap()
    };
    println!("embedded");
    let bare = fill(&*sqlite("bare.db"), entries / 4, false).await;
    let record = sqlite("record.db");
    look(&*record, entries, bare).await;

    println!("PostgreSQL");
    let options = "-c fsync=on -c full_page_writes=on -c shared_buffers=512MB -c max_wal_size=4GB";
    let postgres = Postgres::start_with(Extra { options, files: &[] }).await;
    let record = record_on(PostgresSettings::new(&postgres.url()), "bench").await;
    let bare = fill(&*record, entries / 4, false).await;
    look(&*record, entries, bare).await;
}

async fn look(store: &dyn Store, entries: u64, bare: f64) {
    let counting = fill(store, entries, true).await;
    println!("  {bare:.0} conversations/s without figures, {counting:.0} with, {:.0} %", 100.0 * counting / bare);
    let now = hour(Timestamp::now());
    for days in [1, 7, DAYS] {
        let first = now + 1 - 24 * days;
        let date = jiff::civil::date(2026, 1, 1);
        let listed: Vec<Day> = (0..days).map(|day| Day { date, begins: first + 24 * day }).collect();
        let (counts, read) = timed(store.counts(first..now + 1)).await;
        let (counts, began) = (counts.unwrap(), Instant::now());
        let report = Report::of(&counts, &listed, &Filter::default(), now);
        let opened = report.total.conversations.opened;
        println!(
            "  {days} days: {opened} conversations, {} counts read in {read:?}, summed in {:?}",
            counts.len(),
            began.elapsed()
        );
    }
    let ids = MessageId::from(0)..MessageId::from(i64::MAX as u64);
    let (page, read) = timed(store.misses(ids, 1000)).await;
    let (misses, began) = (page.unwrap().items, Instant::now());
    let groups = grouped(&misses).len();
    println!(
        "  {} questions without an answer read in {read:?}, put into {groups} groups in {:?}",
        misses.len(),
        began.elapsed()
    );
}

async fn timed<T>(what: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = what.await;
    (done, began.elapsed())
}

/// Conversations a second.
async fn fill(store: &dyn Store, entries: u64, counts: bool) -> f64 {
    let (conversations, began) = (entries / ENTRIES, Instant::now());
    let ids = IdClock::new(if counts { 9 } else { 8 });
    let start = Timestamp::now() - SignedDuration::from_hours(24 * DAYS - 1);
    let step = SignedDuration::from_hours(24 * DAYS - 2).as_secs() * 1000 / i64::try_from(conversations).unwrap();
    let told = stream::iter(0..conversations).map(|at| {
        let moment = start + SignedDuration::from_millis(step * i64::try_from(at).unwrap());
        conversation(store, &ids, at, moment, counts)
    });
    told.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    conversations as f64 / began.elapsed().as_secs_f64()
}

async fn conversation(store: &dyn Store, ids: &IdClock, at: u64, now: Timestamp, counts: bool) {
    let pick = |of: &[&'static str; 4], by: u64| of[usize::try_from(at / by % 4).unwrap()];
    let (channel, language, queue) = (pick(&CHANNELS, 1), pick(&LANGUAGES, 4), pick(&QUEUES, 16));
    let missed = at.is_multiple_of(7);
    let thread = Thread { channel: channel.into(), key: format!("{counts}-{at}") };
    let address = Address { space: channel.into(), handle: thread.key.clone() };
    let mut c = Conversation::open(ids.next(now), &thread, channel, address.clone(), 1.into(), now);
    c.language = language.into();
    let text = format!("Do you send parcels of {} kilograms to place number {}?", at % 50, at % 400);
    let inbound = Arc::new(Inbound {
        channel: channel.into(),
        kind: channel.into(),
        external_id: String::new(),
        thread: thread.key.clone(),
        from: Sender {
            address: address.clone(),
            name: None,
            email: None,
            phone: None,
            email_verified: false,
            phone_verified: false,
            attributes: Default::default(),
        },
        content: Content::Message(Body::text(text)),
        sent_at: None,
        automatic: false,
        related: None,
    });
    let taken = Taken { id: ids.next(now), inbound: Arc::clone(&inbound) };
    let decision = DecisionRecord {
        rule_set: String::new(),
        rule: "the bot answers".into(),
        destination: if missed { "answer, no answer, ignore" } else { "answer" }.into(),
        tags: vec![],
        heard: String::new(),
        facts: RawValue::from_string("{}".into()).unwrap(),
    };
    let record = Box::new(TurnRecord { signals: Arc::default(), decision: Some(decision) });
    let reply: contract::OutboundId = ids.next(now);
    let outbound = Box::new(Outbound {
        id: reply,
        conversation: c.id,
        channel: channel.into(),
        to: address,
        thread: thread.key,
        queue: None,
        author: contract::Author::Bot,
        body: Body::text("Yes, to most of them, within three days."),
        in_reply_to: None,
    });
    let citation = (!missed).then(|| Citation { file: "a.md".into(), question: "Do you?".into(), score: 0.9 });
    let event = |event| Entry { id: ids.next(now), at: now, author: EntryAuthor::System, what: What::Event { event } };
    let opened = vec![
        event(Event::Opened),
        Entry { id: taken.id.into(), at: now, author: EntryAuthor::Customer, what: What::Message(record) },
        Entry {
            id: reply.into(),
            at: now,
            author: EntryAuthor::Bot,
            what: What::Reply { outbound, citation, also: Vec::new() },
        },
    ];
    let mut before = commit(store, None, c, opened, Some(taken), counts).await;
    let mut next = before.clone();
    if at.is_multiple_of(3) {
        next.hand_off(Handoff::new(queue, "asks for a person", now));
        let rule = Some(format!("rule {}", at % 11));
        let queued =
            Event::Queued { queue: queue.into(), reason: "asks for a person".into(), priority: Priority::Normal, rule };
        before = commit(store, Some(&before), next, vec![event(queued)], None, counts).await;
        next = before.clone();
    }
    next.close(now);
    commit(store, Some(&before), next, vec![event(Event::Closed { by: "ann".into() })], None, counts).await;
}

async fn commit(
    store: &dyn Store,
    before: Option<&Conversation>,
    mut conversation: Conversation,
    entries: Vec<Entry>,
    turn: Option<Taken>,
    counts: bool,
) -> Conversation {
    let inbound = turn.as_ref().map(|turn| Arc::clone(&turn.inbound));
    let noted = match counts {
        true => note(before, &mut conversation, &entries, inbound.as_deref()),
        false => Noted::default(),
    };
    let commit = Commit {
        conversation,
        structural: true,
        turn,
        entries: entries.into(),
        outbox: vec![],
        customers: vec![],
        once: None,
        fence: None,
        noted: noted.into(),
    };
    match store.commit(commit).await.unwrap() {
        Committed::Done(after) => (*after).clone(),
        Committed::AlreadyDone => panic!("each message has one turn"),
    }
}
