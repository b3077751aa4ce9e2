//! One daemon's record moves to a fleet, and back, and nobody notices: neither customers nor agents.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use contract::{Body, Content, IdClock, Inbound, Inbox, Sender, Thread};
use serde_json::{Value, json};
use switchboard::{
    inbox::Queue,
    store::{
        Journal,
        sqlite::{Options, SqliteRecord},
    },
};

use crate::harness::{
    Answer, Callback, Console, Daemon, Fleet, Home, HttpChannel, PASSWORD, eventually, items, text, within,
};

const QUESTION: &str = "How do I return an item?";
/// SHA-256 of “hello”.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// Customers write, the bot and an agent answer, a reply is refused for good.
async fn traffic(daemon: &Daemon, callback: &Callback) {
    let admin = daemon.admin().await;
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    ann.presence("online").await;
    callback.next([Answer::Status(410, None)]);
    let http = daemon.http();
    http.say("refused", QUESTION).await;
    eventually("a reply is refused", || async { (admin.get("/ledger").await["outbound"][5] == 1).then_some(()) }).await;
    let file = json!([{"name": "a.txt", "media_type": "text/plain", "data": "aGVsbG8="}]);
    let mut message = HttpChannel::message("li", QUESTION);
    message["attachments"] = file;
    http.send(&message).await.id();
    http.said_by("li", "bot", 1).await;
    http.say("li", "I want to talk to a person").await;
    let offer = live.offer().await;
    assert_eq!(ann.accept(&offer).await.0, 200);
    assert_eq!(ann.reply(text(&offer, "/conversation/id"), "I am Ann. 您好！", "c-1").await.0, 201);
    eventually("all replies are sent", || async {
        let ledger = admin.get("/ledger").await;
        (ledger["outbound"][0] == 0 && ledger["outbound"][1] == 0).then_some(())
    })
    .await;
}

/// As a crash may leave it: one message was given up, another one has not had its turn.
async fn left_over(home: &Home) {
    let path = home.data().join("record.db");
    let record = SqliteRecord::open(&path, Arc::new(IdClock::new(0)), Options::default()).unwrap();
    let thread = Thread { channel: "http".into(), key: "li".into() };
    let known = record.conversation_of(&thread).await.unwrap().unwrap();
    let message = |id: &str, said: &str| Inbound {
        channel: "http".into(),
        kind: "http".into(),
        external_id: id.into(),
        thread: "li".into(),
        from: Sender {
            address: known.address.clone(),
            name: None,
            email: None,
            phone: None,
            email_verified: false,
            phone_verified: false,
            attributes: Default::default(),
        },
        content: Content::Message(Body::text(said)),
        sent_at: None,
        automatic: false,
        related: None,
    };
    record.accept(message("bad", "nobody can read this")).await.unwrap();
    let bad = record.next().await.unwrap();
    record.dead(&bad, "its turn failed").await.unwrap();
    record.accept(message("waits", "Are you still there?")).await.unwrap();
    record.close();
}

async fn refused(home: &Home, arguments: &[&str], because: &str) {
    let ran = home.run(arguments).await;
    assert!(!ran.ok && ran.err.contains(because), "{arguments:?}: {}", ran.all());
}

async fn done(home: &Home, arguments: &[&str]) -> String {
    let ran = home.run(arguments).await;
    assert!(ran.ok, "{arguments:?}: {}", ran.all());
    ran.out
}

async fn ledger(home: &Home) -> Value {
    serde_json::from_str(&done(home, &["ledger", "--json"]).await).unwrap()
}

/// What customers, agents and admins find at the daemon.
async fn is_all_there(daemon: &Daemon, waited: usize) -> Console {
    let http = daemon.http();
    let of_customer = http.said_by("li", "customer", 2 + waited).await;
    assert_eq!(of_customer[..2], [QUESTION, "I want to talk to a person"]);
    assert_eq!(http.said_by("li", "agent", 1).await[0], "I am Ann. 您好！");
    let ann = Console::login(&daemon.url, "ann", PASSWORD).await;
    let mine = ann.get("/conversations?box=mine").await;
    let id = text(&items(&mine)[0], "/id").to_owned();
    let detail = ann.get(&format!("/conversations/{id}")).await;
    let (_, token) = text(&detail, "/ticket_url").split_once("/t/").unwrap();
    let (status, page) = daemon.get(&format!("/t/{token}")).await;
    assert!(
        status == 200 && page.contains("Ticket #10001"),
        "the link that the customer has still leads there: {page}"
    );
    let entries = ann.entries(&id).await;
    let hashes: Vec<&str> = entries.iter().map(|entry| text(entry, "/body/attachments/0/hash")).collect();
    assert!(hashes.contains(&HELLO), "{entries:#?}");
    assert_eq!(ann.fetch(&format!("/attachments/{HELLO}")).await.2, "hello");
    let letters: Value = serde_json::from_str(&done(&daemon.home, &["dead", "list", "--json"]).await).unwrap();
    let mut kinds: Vec<&str> =
        letters.as_array().unwrap().iter().map(|letter| letter["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["outbound", "turn"], "{letters}");
    ann
}

/// The customer and the agent go on with each other.
async fn goes_on(daemon: &Daemon, ann: &Console, said: &str, replies: usize) {
    let mut live = ann.live().await;
    daemon.http().say("li", said).await;
    live.wait("the customer's message", |event| text(event, "/entry/body/text") == said).await;
    let id = text(&items(&ann.get("/conversations?box=mine").await)[0], "/id").to_owned();
    assert_eq!(ann.reply(&id, &format!("To {said}"), said).await.0, 201);
    assert_eq!(daemon.http().said_by("li", "agent", replies).await.last().unwrap(), &format!("To {said}"));
}

fn secret(home: &Home) -> String {
    fs::read_to_string(home.data().join("secrets/daemon")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_moves_from_one_daemon_to_several_and_back() {
    let (callback, mut fleet) = tokio::join!(Callback::start(), Fleet::start());
    let mut one = Home::new().with_callback(&callback.url).start().await;
    traffic(&one, &callback).await;
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("record.archive");
    let file = archive.to_str().unwrap();
    refused(&one.home, &["export", file], "stop it first").await;
    one.stop().await;
    left_over(&one.home).await;
    let before = ledger(&one.home).await;
    assert_eq!((&before["waiting"], &before["dead"]), (&json!(1), &json!(1)));
    let said = done(&one.home, &["export", file]).await;
    assert!(said.contains("waiting 1 + dead 1"), "{said}");
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    refused(&one.home, &["export", file], "is there already").await;
    refused(&one.home, &["import", file], "is a record already").await;

    fleet.inherit(&one.first_password);
    let home = fleet.home("all", Some(&callback));
    refuses_what_is_not_whole(&home, &archive).await;
    let said = done(&home, &["import", file]).await;
    assert!(said.contains("waiting 1 + dead 1"), "{said}");
    assert_eq!(ledger(&home).await, before);
    refused(&home, &["import", file], "is not empty").await;
    let mut two = fleet.daemon(home).await;
    eventually("what waited has had its turn", || async { (two.ledger().await["waiting"] == 0).then_some(()) }).await;
    let ann = is_all_there(&two, 1).await;
    goes_on(&two, &ann, "first", 2).await;
    refused(&two.home, &["export", file], "stop it first").await;
    let elsewhere = fleet.home("all", None);
    let back = folder.path().join("back.archive");
    let file = back.to_str().unwrap();
    refused(&elsewhere, &["export", file], "is alive").await;
    two.stop().await;

    // What is with the broker alone is in no archive.
    let mut gateway = fleet.daemon(fleet.home("gateway", Some(&callback))).await;
    gateway.http().say("li", "Hello?").await;
    gateway.stop().await;
    refused(&two.home, &["export", file], "1 messages wait at the broker").await;
    assert!(!back.exists());
    two.restart().await;
    two.http().said_by("li", "customer", 5).await;
    eventually("all replies are sent", || async {
        let ledger = two.ledger().await;
        (ledger["waiting"] == 0 && ledger["outbound"][0] == 0 && ledger["outbound"][1] == 0).then_some(())
    })
    .await;
    two.stop().await;
    done(&two.home, &["export", file]).await;

    let home = Home::new().with_callback(&callback.url);
    done(&home, &["import", file]).await;
    assert_eq!(ledger(&home).await, ledger(&two.home).await);
    assert_eq!(secret(&home), secret(&one.home), "links stay good");
    let mut three = home.start().await;
    let ann = is_all_there(&three, 3).await;
    goes_on(&three, &ann, "second", 3).await;
    three.stop().await;
}

/// Before anything is changed.
async fn refuses_what_is_not_whole(home: &Home, archive: &Path) {
    let other = archive.with_file_name("other");
    let whole = fs::read(archive).unwrap();
    for (bytes, because) in [(&whole[..whole.len() / 2], "is cut off"), (b"something else", "is not an archive")] {
        fs::write(&other, bytes).unwrap();
        refused(home, &["import", other.to_str().unwrap()], because).await;
    }
    refused(home, &["import", "nowhere"], "nowhere cannot be opened").await;
    assert!(!home.data().exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_import_is_begun_again() {
    let mut daemon = Home::new().start().await;
    daemon.http().say("li", QUESTION).await;
    daemon.http().said_by("li", "bot", 1).await;
    daemon.kill().await;
    done(&daemon.home, &["export", "all"]).await;
    let archive = daemon.home.path().join("all");
    let home = Home::new();
    fs::create_dir_all(home.data()).unwrap();
    let part = home.data().join("record.db.part");
    fs::write(&part, "half of a record").unwrap();
    done(&home, &["import", archive.to_str().unwrap()]).await;
    assert!(!part.exists());
    assert_eq!(ledger(&home).await, ledger(&daemon.home).await);
    // Another secret would end what the record's has signed.
    let other = Home::new();
    fs::create_dir_all(other.data().join("secrets")).unwrap();
    fs::write(other.data().join("secrets/daemon"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    refused(&other, &["import", archive.to_str().unwrap()], "another secret").await;
    let mut again = home.start().await;
    within("the bot", again.http().said_by("li", "bot", 1)).await;
    again.stop().await;
}
