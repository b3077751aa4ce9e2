//! A record that is carried to another backend is the same there: what is read from it again are the same rows.

use std::{fs, path::Path};

use contract::{Address, Attachment, AttachmentSource, Body, Content, IdClock, Inbound, Unread};
use jiff::SignedDuration;
use switchboard::{
    inbox::Delivery,
    measure::{Count, Figure, Miss, Noted},
    store::{
        Commit, OfferRecord, Once,
        carry::{Each, Kind, RECORD, RecordReader, RecordWriter, Row},
        customer::{CustomerChange, Identifier, IdentifierKind, Merge},
        entry::{Entry, EntryAuthor, Event, What},
        files::{Fetched, WantedFile},
        outbox::{self, DeliveryState, HeldFor, Ledger, Settled},
        people::{ApiToken, Role, Session},
        postgres::{PostgresReader, PostgresWriter},
        sqlite::{SqliteReader, SqliteWriter},
        ticket::TicketNumber,
    },
};

use super::{
    Backend, Opened,
    make::{self, CHANNEL, commit, done, event, inbound, note, now, opened, replied, taken},
    people::agent,
    postgres, sqlite,
    tickets::with_ticket,
};
use crate::harness::eventually;

/// The largest number that is carried.
const LARGEST_TICKET: u64 = 12_345;

pub type Rows = Vec<(&'static Kind, Row)>;

/// Something of everything, with texts that are hard to carry.
pub async fn fill(record: &Opened) {
    let (store, ids) = (&*record.store, &record.ids);
    let (ann, bo) = (agent(ids, "ann"), agent(ids, "bo 博"));
    for agent in [&ann, &bo] {
        store.put_agent(agent.clone()).await.unwrap();
        store.put_presence(agent.id, "away").await.unwrap();
    }
    let session = Session { token_hash: [9; 32], agent: ann.id, csrf: "c".into(), expires_at: now() };
    store.put_session(session).await.unwrap();
    for name in ["shop", "old"] {
        let hash = [name.len() as u8; 32];
        let token = ApiToken { id: 0, name: name.into(), role: Role::Admin, token_hash: hash, made_at: now() };
        store.put_token(token).await.unwrap();
    }
    store.end_token(1).await.unwrap();
    store.keep_rule_set("abc", "[[\"10.yaml\",\"rules: []\\n\"]]").await.unwrap();
    store.add_rule_hits(now(), vec![("who asks".into(), 3), ("谁".into(), 1)]).await.unwrap();
    let spent = switchboard::models::Spent { steps: 2, tokens: 900, millis: 1_200, micros: 31 };
    store.spend_on_models(now(), spent, switchboard::models::Spent::default()).await.unwrap();
    record.memory.put(CHANNEL, "uid/INBOX", Some("4711")).await.unwrap();
    let unread = |id: &str| Unread {
        channel: CHANNEL.into(),
        external_id: id.into(),
        reason: "it has no sender".into(),
        name: "邮件.eml".into(),
        bytes: (&b"\xff\0 raw"[..]).into(),
    };
    record.queue.set_aside(unread("mail-1")).await.unwrap();
    conversations(record).await;
    people(record).await;
    messages(record).await;
    let conversation = store.conversation_of(&make::thread("a")).await.unwrap().unwrap();
    let offer =
        |state| OfferRecord { id: ids.next(now()), conversation: conversation.id, agent: ann.id, state, at: now() };
    store.record_offers(vec![offer("declined"), offer("accepted")]).await.unwrap();
}

/// A journal with every kind of entry, some of them of long ago, and replies in every state.
async fn conversations(record: &Opened) {
    let (store, ids) = (&*record.store, &record.ids);
    let past = IdClock::new(7);
    let then = now() - SignedDuration::from_hours(100 * 24);
    let mut a = opened(store, ids, "a").await;
    for (at, days) in [0, 40, 80].into_iter().enumerate() {
        let at_time = then + SignedDuration::from_hours(days * 24);
        let note = Entry {
            id: past.next(at_time),
            at: at_time,
            author: EntryAuthor::System,
            what: What::Note { body: Body::text(format!("note {at} \\ \" \u{0} 👩‍👩‍👧")) },
        };
        a = done(store, Commit { entries: [note].into(), ..commit((*a).clone()) }).await;
    }
    let message = taken(record, inbound("a", "a-1", "where is \u{0} my “parcel”? 我的包裹\n")).await;
    let turn = [make::turn_entry(message.id, Some("who \"asks\""))];
    let later = [make::opinion_entry(ids, message.id, "second"), make::fired_entry(ids, message.id, "idle")];
    let miss = Miss {
        id: message.id,
        conversation: a.id,
        channel: CHANNEL.into(),
        language: "zh-Hans".into(),
        text: "‹order›\n?".into(),
    };
    let count = Count {
        hour: 400_000,
        figure: Figure::Miss,
        channel: CHANNEL.into(),
        language: "zh-Hans".into(),
        queue: String::new(),
        label: "谁".into(),
        detail: String::new(),
        count: 2,
    };
    let noted = Noted { counts: vec![count], misses: vec![miss] };
    a = done(store, Commit { turn: Some(message), entries: turn.into(), noted: noted.into(), ..commit((*a).clone()) })
        .await;
    a = done(store, Commit { entries: later.into(), ..commit((*a).clone()) }).await;
    let mut out = Vec::new();
    for at in 0..6 {
        out.push(replied(store, ids, a.id, &format!("reply {at}")).await);
    }
    let settled = |at: usize, delivery| Settled {
        id: out[at],
        conversation: a.id,
        delivery,
        external_id: (at == 0).then(|| "ext".to_owned()),
        next_at: now(),
    };
    let held = outbox::Delivery::held(HeldFor::Customer, 2, "too late".into());
    store
        .settle(vec![
            settled(0, outbox::Delivery::first(DeliveryState::Sent)),
            settled(
                1,
                outbox::Delivery {
                    error: Some("no such person".into()),
                    ..outbox::Delivery::first(DeliveryState::Failed)
                },
            ),
            settled(2, held),
        ])
        .await
        .unwrap();
    assert_eq!(store.lease(CHANNEL, now(), 1, 0).await.unwrap().len(), 1, "one is being sent");
    let mut closed = (*opened(store, ids, "b").await).clone();
    closed.close(now());
    let end = [event(ids, Event::Closed { by: "ann".into() })];
    let closed = done(store, Commit { structural: true, entries: end.into(), ..commit(closed) }).await;
    with_ticket(store, ids, "t", LARGEST_TICKET.into()).await;
    // The thread goes on in another conversation.
    let mut next = make::conversation(ids, "b", closed.customer);
    next.before = Some(closed.id);
    next.hand_off(make::handoff("care"));
    let entry = note(ids, "by ann");
    let once = Once { writer: ids.next(now()), client_id: "c-1".into(), entry: entry.id };
    done(store, Commit { structural: true, once: Some(once), entries: [entry].into(), ..commit(next) }).await;
}

/// Customers who became one, and were parted again.
async fn people(record: &Opened) {
    let (store, ids) = (&*record.store, &record.ids);
    let (c, d, e) = (opened(store, ids, "c").await, opened(store, ids, "d").await, opened(store, ids, "e").await);
    let email = |value: &str, verified| Identifier { kind: IdentifierKind::Email, value: value.into(), verified };
    let merge = |from, into| {
        let identifier = "li@example.com".into();
        CustomerChange::Merge(Merge { id: String::new(), from, into, identifier, at: now(), undone_at: None })
    };
    let changes = vec![
        CustomerChange::Identify(email("li@example.com", true), c.customer),
        CustomerChange::Identify(email("li@example.com", false), d.customer),
        CustomerChange::Link(Address { space: "email".into(), handle: "Li 'O\" <li@example.com>".into() }, c.customer),
        merge(d.customer, c.customer),
    ];
    done(store, Commit { entries: [note(ids, "x")].into(), customers: changes, ..commit((*c).clone()) }).await;
    let joined = vec![merge(e.customer, c.customer)];
    done(store, Commit { entries: [note(ids, "y")].into(), customers: joined, ..commit((*e).clone()) }).await;
    let contact = store.contact(c.customer).await.unwrap().unwrap();
    let second = contact.merges.iter().find(|merge| merge.from == e.customer).unwrap();
    store.unmerge(&second.id, now()).await.unwrap();
}

/// A message whose files are on their way, one that was given up, one that was redriven and waits, one that waits.
async fn messages(record: &Opened) {
    let (store, ids) = (&*record.store, &record.ids);
    let remote = |reference: &str| Attachment {
        name: format!("{reference}.png"),
        media_type: "image/png".into(),
        source: AttachmentSource::Remote { reference: reference.into(), size: Some(9), problem: None },
    };
    let body = Body { attachments: vec![remote("x"), remote("y")], ..Body::text("see") };
    let message = Inbound { content: Content::Message(body), ..inbound("f", "f-1", "") };
    let turn = taken(record, message.clone()).await;
    let wanted: Vec<WantedFile> = WantedFile::of(turn.id, &message).collect();
    store.want(CHANNEL, wanted.clone()).await.unwrap();
    store.fetched(&wanted[0], Fetched::Never("it is gone".into())).await.unwrap();
    let f = opened(store, ids, "f").await;
    let entries = [make::message_entry(turn.id)];
    done(store, Commit { turn: Some(turn), entries: entries.into(), ..commit((*f).clone()) }).await;
    for (at, redriven) in [(0, false), (1, true)] {
        let bad = taken(record, inbound("f", &format!("bad-{at}"), "a bad one")).await;
        record.queue.dead(&Delivery::new(bad.id, bad.inbound), "its turn failed").await.unwrap();
        if redriven {
            store.redrive(&bad.id.to_string()).await.unwrap();
        }
    }
    // No platform's id: nothing equals it.
    taken(record, inbound("f", "", "still waiting")).await;
    taken(record, inbound("f", "waits", "still waiting")).await;
}

/// All of a record, and its account.
pub async fn rows(record: &mut dyn RecordReader) -> (Rows, Ledger) {
    let mut rows = Rows::new();
    for kind in &RECORD {
        let each: &mut Each<'_> = &mut |row| {
            rows.push((kind, row));
            Ok(())
        };
        record.rows(kind, each).await.unwrap();
    }
    (rows, record.ledger().await.unwrap())
}

async fn put(record: &mut dyn RecordWriter, rows: &Rows) {
    for part in rows.chunk_by(|one, other| one.0 == other.0) {
        record.put(part[0].0, part.iter().map(|(_, row)| row.clone()).collect()).await.unwrap();
    }
}

async fn write(mut record: Box<dyn RecordWriter>, rows: &Rows) -> Ledger {
    put(&mut *record, rows).await;
    let ledger = record.ledger().await.unwrap();
    record.keep().await.unwrap();
    ledger
}

#[track_caller]
fn are_the_same(before: &(Rows, Ledger), after: &(Rows, Ledger)) {
    for (one, other) in before.0.iter().zip(&after.0) {
        assert_eq!((one.0.name, &one.1), (other.0.name, &other.1));
    }
    assert_eq!(before.0.len(), after.0.len());
    assert_eq!(before.1, after.1);
    assert_eq!(before.1.findings, Vec::<String>::new());
}

/// On an empty database and back into an empty file.
async fn over_postgres(before: &(Rows, Ledger)) {
    let server = postgres::backend().await;
    let database = server.database().await;
    assert_eq!(write(Box::new(PostgresWriter::begin(&database).await.unwrap()), &before.0).await, before.1);
    are_the_same(before, &rows(&mut PostgresReader::open(&database).await.unwrap()).await);
    let client = server.server.client().await;
    let other = client.query_one("SELECT count(*) FROM entries_other", &[]).await.unwrap();
    assert_eq!(other.get::<_, i64>(0), 0, "what is of long ago has partitions of its own");
    // What is counted goes on behind what there is.
    let fresh = server.open().await;
    let token = ApiToken { id: 0, name: "new".into(), role: Role::Agent, token_hash: [77; 32], made_at: now() };
    fresh.store.put_token(token).await.unwrap();
    assert_eq!(fresh.ledger().await.findings, Vec::<String>::new());
    next_ticket_is_behind(&fresh).await;
}

/// Numbers go on behind the largest that was carried, which leads to its conversation.
async fn next_ticket_is_behind(record: &Opened) {
    let found = record.store.conversation_of_ticket(LARGEST_TICKET.into()).await.unwrap().unwrap();
    assert_eq!(found.thread, "t");
    let next = record.store.reserve_tickets(2).await.unwrap();
    assert_eq!(next, [LARGEST_TICKET + 1, LARGEST_TICKET + 2].map(TicketNumber::from));
}

async fn over_sqlite(before: &(Rows, Ledger), folder: &Path) {
    let path = folder.join("carried.db");
    assert_eq!(write(Box::new(SqliteWriter::create(&path).unwrap()), &before.0).await, before.1);
    assert!(!folder.join("carried.db.part").exists());
    are_the_same(before, &rows(&mut SqliteReader::open(&path).unwrap()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_record_is_the_same_wherever_it_is_carried() {
    let backend = sqlite::backend().await;
    let waiting = {
        let record = backend.open().await;
        fill(&record).await;
        record.queue.waiting()
    };
    // A crash leaves rows behind their journals.
    backend.crash().await;
    let before = rows(&mut SqliteReader::open(&backend.path()).unwrap()).await;
    assert_eq!((before.1.waiting, before.1.dead, before.1.redriven), (waiting, 1, 1));
    for kind in &RECORD {
        assert!(before.0.iter().any(|(of, _)| *of == kind), "there is a row of {:?}", kind.name);
    }
    over_postgres(&before).await;
    let folder = tempfile::tempdir().unwrap();
    over_sqlite(&before, folder.path()).await;
    let again = sqlite::at(folder.path().join("carried.db")).open().await;
    assert_eq!(again.queue.waiting(), waiting, "what waited waits");
    next_ticket_is_behind(&again).await;
    let double = again.queue.accept(inbound("f", "waits", "still waiting")).await.unwrap();
    assert!(double.duplicate, "a platform's message is still known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_several_daemons_is_the_same_wherever_it_is_carried() {
    let backend = postgres::backend().await;
    fill(&backend.open().await).await;
    backend.silence().await;
    let database = backend.database().await;
    let before = rows(&mut PostgresReader::open(&database).await.unwrap()).await;
    assert_eq!(
        (before.1.waiting, before.1.dead, before.1.redriven),
        (1, 1, 1),
        "what waits apart is not in the record"
    );
    over_postgres(&before).await;
    over_sqlite(&before, tempfile::tempdir().unwrap().path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_in_use_or_not_empty_is_refused() {
    let backend = postgres::backend().await;
    let database = backend.database().await;
    let refused = async |because: &str| {
        let error = PostgresWriter::begin(&database).await.err().unwrap().to_string();
        assert!(error.contains(because), "{error}");
    };
    let record = backend.open().await;
    refused("daemon 0 at http://here:8080 is alive: stop all daemons first").await;
    let error = PostgresReader::open(&database).await.err().unwrap().to_string();
    assert!(error.contains("is alive"), "{error}");
    backend.silence().await;
    let half = PostgresWriter::begin(&database).await.unwrap();
    refused("try again when that is over").await;
    drop(half);
    opened(&*record.store, &record.ids, "a").await;
    eventually("the half-filled record is gone", || async {
        let error = PostgresWriter::begin(&database).await.err()?.to_string();
        error.contains("is not empty").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cut_off_in_the_middle_is_nothing_and_can_be_begun_again() {
    let backend = sqlite::backend().await;
    fill(&backend.open().await).await;
    let before = rows(&mut SqliteReader::open(&backend.path()).unwrap()).await;
    let half: Rows = before.0[..before.0.len() / 2].to_vec();

    let server = postgres::backend().await;
    let database = server.database().await;
    let mut writer = PostgresWriter::begin(&database).await.unwrap();
    put(&mut writer, &half).await;
    // As after `kill -9`: the server hears of it from the connection alone.
    drop(writer);
    let again =
        eventually("the database is free again", || async { PostgresWriter::begin(&database).await.ok() }).await;
    assert_eq!(write(Box::new(again), &before.0).await, before.1);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record.db");
    let mut writer = SqliteWriter::create(&path).unwrap();
    put(&mut writer, &half).await;
    std::mem::forget(writer);
    assert!(!path.exists() && folder.path().join("record.db.part").exists());
    assert_eq!(write(Box::new(SqliteWriter::create(&path).unwrap()), &before.0).await, before.1);
    let mut dropped = SqliteWriter::create(&folder.path().join("other.db")).unwrap();
    put(&mut dropped, &half).await;
    drop(dropped);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["record.db"]);
}
