//! Starting, upgrading, outages, retention, and getting in.

use std::{sync::Arc, time::Duration};

use contract::{IdClock, MessageId};
use futures::future::join_all;
use jiff::SignedDuration;
use secrecy::SecretString;
use switchboard::{
    inbox::rabbitmq::Letters,
    store::{
        Commit, Journal, Outbox, Taken,
        dedup_key::dedup_key,
        entry::Event,
        postgres::{Database, PostgresRecord, PostgresSettings, look},
    },
};

use super::{backend, taken, turn};
use crate::{
    conformance::make::{self, commit, done, event, inbound, note, now, opened},
    harness::{Extra, Postgres, Wire, eventually, record_on, within},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_that_start_at_once_bring_the_schema_up_to_date_once() {
    let backend = backend().await;
    let nodes = join_all((0..6).map(|n| async move { format!("n{n}") })).await;
    let records = join_all(nodes.iter().map(|name| backend.node(name))).await;
    let mut numbers: Vec<u8> = records.iter().map(|record| record.node().number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    let alive = backend.database().await.nodes().await.unwrap();
    assert_eq!(alive.len(), 6);
    assert!(alive.iter().all(|node| !node.left.is_zero() && node.card.address.starts_with("http://n")));
    for record in &records {
        record.tidy().await.unwrap();
        record.ready().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_says_what_a_server_is_and_changes_nothing_there() {
    let backend = backend().await;
    for _ in 0..2 {
        let seen = look(&backend.settings()).await.unwrap();
        assert_eq!(seen.schema.found, 0, "nobody has made a record yet");
        assert_eq!(seen.schema.pending.first().unwrap(), "V1__spine");
    }
    backend.database().await;
    let seen = look(&backend.settings()).await.unwrap();
    assert_eq!((seen.schema.found, seen.schema.pending.len()), (seen.schema.known, 0));
    assert!(seen.version >= 140_000 && seen.encoding == "UTF8" && !seen.is_standby && seen.receivers.is_empty());
    assert!(seen.skew.at_least().is_zero(), "it has this machine's clock: {:?}", seen.skew);

    let standby = backend.server.standby().await;
    let receiver = eventually("the standby has everything", || async {
        let receiver = look(&backend.settings()).await.unwrap().receivers.pop()?;
        (receiver.state.as_deref() == Some("streaming") && receiver.bytes == Some(0)).then_some(receiver)
    })
    .await;
    assert_eq!((&*receiver.name, receiver.is_waited_for), ("standby", false));
    let seen = look(&PostgresSettings::new(&standby.url())).await.unwrap();
    assert!(seen.is_standby && seen.receivers.is_empty());
    assert_eq!(seen.schema.found, seen.schema.known, "it follows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_the_future_is_used_only_if_it_may_be() {
    let backend = backend().await;
    assert!(PostgresRecord::peek(backend.settings()).await.is_err(), "there is nothing to look at");
    backend.database().await;
    let client = backend.server.client().await;
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                 VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')";
    client.batch_execute(newer).await.unwrap();
    backend.node("older").await;
    PostgresRecord::peek(backend.settings()).await.unwrap();
    client.batch_execute("UPDATE meta SET value = '98' WHERE key = 'compatible_from'").await.unwrap();
    for error in [
        Database::connect(backend.settings()).await.err().unwrap(),
        PostgresRecord::peek(backend.settings()).await.err().unwrap(),
    ] {
        let words = error.to_string();
        assert!(words.contains("99") && words.contains("98") && words.contains("install the newer one"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_costs_nothing_that_was_committed_and_heals() {
    const WRITERS: usize = 8;
    let backend = backend().await;
    let settings = PostgresSettings { url: backend.server.tcp_url(), ..backend.settings() };
    let record = record_on(settings, "a").await;
    let mut conversations = Vec::new();
    for at in 0..WRITERS {
        conversations.push(opened(&*record, record.clock(), &format!("v{at}")).await);
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writers = conversations.into_iter().map(|mut c| {
        let (record, stopped) = (Arc::clone(&record), stopped.clone());
        tokio::spawn(async move {
            let mut written = vec![c.last_entry.unwrap()];
            while !*stopped.borrow() {
                let entry = note(record.clock(), "x");
                written.push(entry.id);
                // Whatever happens to the server, this returns as done, once.
                c = done(&*record, Commit { entries: [entry].into(), ..commit((*c).clone()) }).await;
            }
            (c.id, written)
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..4 {
        backend.server.kill();
        assert!(record.ready().await.is_err());
        backend.server.start_again().await;
        let c = make::conversation(record.clock(), &format!("between {}", rand::random::<u64>()), 1.into());
        let between = Commit { entries: [event(record.clock(), Event::Opened)].into(), ..commit(c) };
        within("it heals", async { done(&*record, between).await }).await;
    }
    stop.send(true).unwrap();
    for writer in join_all(writers).await {
        let (id, written) = writer.unwrap();
        assert_eq!(make::journal(&*record, id).await, written);
    }
    assert_eq!(record.ledger().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_daemon_was_committing_when_it_was_cut_off_holds_up_nobody() {
    const LOCKED: &str = "SELECT pid, state_change::text FROM pg_stat_activity
         WHERE application_name = 'switchboard' AND state = 'idle in transaction' ORDER BY pid";
    let backend = backend().await;
    let wire = Wire::to(&backend.server.tcp_url()).await;
    let ttl = Duration::from_secs(1);
    let settings = PostgresSettings { url: wire.url.clone(), node_ttl: ttl, ..backend.settings() };
    let far = record_on(settings, "far").await;
    let near = backend.node("near").await;
    let mut conversations = Vec::new();
    for at in 0..8 {
        conversations.push(opened(&*far, far.clock(), &format!("v{at}")).await.id);
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writers = conversations.iter().map(|id| {
        let (far, stopped, id) = (Arc::clone(&far), stopped.clone(), *id);
        tokio::spawn(async move {
            let mut written = 0;
            while !*stopped.borrow() {
                let Ok(Some(c)) = far.conversation(id).await else { continue };
                let note = Commit { entries: [note(far.clock(), "far")].into(), ..commit((*c).clone()) };
                written += usize::from(far.commit(note).await.is_ok());
            }
            written
        })
    });
    let writers: Vec<_> = writers.collect();
    let client = backend.server.client().await;
    eventually("it is cut off in the middle of a transaction", || async {
        wire.cut();
        let seen = async || {
            let rows = client.query(LOCKED, &[]).await.unwrap();
            rows.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<(i32, String)>>()
        };
        let (first, then) = (seen().await, seen().await);
        let stays = !first.is_empty() && first == then;
        if !stays {
            wire.mend();
        }
        stays.then_some(())
    })
    .await;
    for id in &conversations {
        let c = near.conversation(*id).await.unwrap().unwrap();
        let note = Commit { entries: [note(near.clock(), "near")].into(), ..commit((*c).clone()) };
        within("somebody else goes on", done(&*near, note)).await;
    }
    wire.mend();
    stop.send(true).unwrap();
    for (id, writer) in conversations.into_iter().zip(writers) {
        let written = within("it goes on itself", writer).await.unwrap();
        assert_eq!(
            make::journal(&*near, id).await.len(),
            1 + written + 1,
            "opened, what the one wrote, what the other wrote"
        );
    }
    assert_eq!(near.ledger().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_old_is_dropped_and_what_goes_on_stays() {
    let backend = backend().await;
    let settings = PostgresSettings { retention_days: 30, ..backend.settings() };
    let record = record_on(settings, "a").await;
    let client = backend.server.client().await;
    // A week of long ago, made as it was then.
    let old = now() - SignedDuration::from_hours(24 * 100);
    let week = old.as_second().div_euclid(7 * 24 * 3600) * 7 * 24 * 3600;
    let week = |plus: i64| jiff::Timestamp::from_second(week + plus * 7 * 24 * 3600).unwrap();
    let name = week(0).to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y%m%d").to_string();
    let bound = |moment| IdClock::lowest::<MessageId>(moment).get();
    for table in ["inbound", "entries"] {
        let sql = format!(
            "CREATE TABLE {table}_{name} PARTITION OF {table} FOR VALUES FROM ({}) TO ({})",
            bound(week(0)),
            bound(week(1))
        );
        client.batch_execute(&sql).await.unwrap();
    }
    let past = IdClock::new(200);
    let message = inbound("v1", "old", "hello");
    let first = Taken { id: past.next(old), inbound: Arc::new(message.clone()) };
    let c = opened(&*record, record.clock(), "v1").await;
    let c = done(&*record, turn(first.clone(), &c)).await;
    let c = done(&*record, turn(taken(record.clock(), &inbound("v1", "new", "again")), &c)).await;
    assert_eq!(make::journal(&*record, c.id).await.len(), 3);
    record.tidy().await.unwrap();
    let left = make::journal(&*record, c.id).await;
    assert_eq!(left, [c.last_entry.unwrap()], "the journal begins where what is older was dropped");
    assert!(record.entry(first.id.into()).await.unwrap().is_none());
    assert_eq!(record.known(&[dedup_key(&message).unwrap()]).await.unwrap(), [None], "the window is over");
    let ledger = record.ledger().await.unwrap();
    assert_eq!((ledger.decided, ledger.findings), (1, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_encrypted_to_the_right_server_and_needs_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success());
    let read = |file| std::fs::read_to_string(file).unwrap();
    let access = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
    let server = Postgres::start_with(Extra {
        options: "-c ssl=on -c ssl_cert_file=server.crt -c ssl_key_file=server.key",
        files: &[("server.crt", &read(&certificate)), ("server.key", &read(&key)), ("pg_hba.conf", access)],
    })
    .await;
    server.client().await.batch_execute("ALTER USER switchboard PASSWORD 'right'").await.unwrap();
    let connect = async |host: &str, mode: &str, password: &str, ca: Option<&std::path::Path>| {
        let url = format!("postgres://switchboard@{host}:{}/switchboard{mode}", server.port());
        let settings = PostgresSettings {
            password: Some(SecretString::from(password)),
            ca: ca.map(Into::into),
            ..PostgresSettings::new(&url)
        };
        Database::connect(settings).await.map(drop)
    };
    let ca = Some(certificate.as_path());
    connect("localhost", "?sslmode=verify-full", "right", ca).await.unwrap();
    for (host, mode, password, ca, because) in [
        ("localhost", "?sslmode=verify-full", "wrong", ca, "password authentication failed"),
        ("127.0.0.1", "?sslmode=verify-full", "right", ca, "certificate"),
        ("localhost", "?sslmode=require", "right", None, "certificate"),
        ("localhost", "", "right", ca, "no encryption"),
    ] {
        let error = connect(host, mode, password, ca).await.unwrap_err().to_string();
        assert!(error.contains(because) && !error.contains("right"), "{host} {mode}: {error}");
    }
}
