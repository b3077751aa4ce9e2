//! The guarantees under fire: many customers write at once, unacknowledged messages are sent again, and the daemon is
//! killed again and again at moments that nobody chose.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::{Callback, Daemon, Home, HttpChannel, Received, eventually, text, within};

const ROUNDS: usize = 15;
const THREADS: usize = 40;
/// At most so many acknowledgements between two kills.
const APART: u64 = 120;

/// One answer to every message, whatever it says: what is missing or double can be counted.
fn home(callback: &Callback) -> Home {
    let home = Home::new().with_callback(&callback.url);
    home.write_rules("queues.yaml", "queues:\n  care:\n    title: {en: Care}\n    members: everyone\n");
    home.write_rules("templates.yaml", "templates:\n  echo:\n    en: You wrote {{ message.text }}\n");
    home.write_rules(
        "10-rules.yaml",
        "rules:\n  - name: echo\n    then:\n      - reply: {template: echo}\n      - ignore: true\n",
    );
    home
}

/// SplitMix64: the same seed gives the same moments.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }
}

/// What the customers' systems share.
struct Field {
    /// The channel at its present address; changes with every life of the daemon.
    channel: watch::Sender<HttpChannel>,
    acknowledged: watch::Sender<u64>,
    /// Whether no new message is begun.
    over: watch::Sender<bool>,
}

/// One customer: each message is sent until it is acknowledged, then comes the next. The ids, in order.
async fn writes(field: Arc<Field>, thread: usize) -> Vec<String> {
    let mut channel = field.channel.subscribe();
    let mut acknowledged = Vec::new();
    while !*field.over.borrow() {
        let said = acknowledged.len();
        let message = json!({"id": format!("{thread}/{said}"), "from": {"handle": format!("t-{thread}")}, "text": format!("{said}")});
        let id = loop {
            let at = channel.borrow_and_update().clone();
            match at.send_bytes(message.to_string().into_bytes()).await {
                Ok(sent) if sent.status == 202 => break sent.id(),
                Ok(sent) => assert_eq!(sent.status, 503, "{sent:?}"),
                // It was killed: whether it has the message nobody knows, so it is sent again.
                Err(_) => within("the next life", channel.changed()).await.unwrap(),
            }
        };
        acknowledged.push(id);
        field.acknowledged.send_modify(|count| *count += 1);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_doubled() {
    let seed = std::env::var("IT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u32>);
    println!("the moments follow from IT_SEED={seed}");
    let mut dice = Dice(u64::from(seed));
    let callback = Callback::start().await;
    let mut daemon = home(&callback).start().await;
    let field = Arc::new(Field {
        channel: watch::channel(daemon.http()).0,
        acknowledged: watch::channel(0).0,
        over: watch::channel(false).0,
    });
    let writers: Vec<_> = (0..THREADS).map(|thread| tokio::spawn(writes(Arc::clone(&field), thread))).collect();

    let mut count = field.acknowledged.subscribe();
    for round in 0..ROUNDS {
        let moment = *count.borrow() + 1 + dice.below(APART);
        within(&format!("round {round}"), count.wait_for(|count| *count >= moment)).await.unwrap();
        daemon.kill().await;
        daemon.restart().await;
        field.channel.send_replace(daemon.http());
    }
    field.over.send_replace(true);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.push(within("a writer ends", writer).await.unwrap());
    }
    is_all_there(&mut daemon, &callback, &acknowledged).await;
}

async fn is_all_there(daemon: &mut Daemon, callback: &Callback, acknowledged: &[Vec<String>]) {
    let total: usize = acknowledged.iter().map(Vec::len).sum();
    let ledger = eventually("every message has its turn and its reply", || async {
        let ledger = daemon.ledger().await;
        (ledger["waiting"] == 0 && ledger["outbound"][2] == total).then_some(ledger)
    })
    .await;
    for (count, expected) in [("accepted", total), ("decided", total), ("dead", 0), ("redriven", 0)] {
        assert_eq!(ledger[count], expected, "{count} in {ledger}");
    }
    for (thread, ids) in acknowledged.iter().enumerate() {
        is_transcript(&daemon.http().whole_thread(&format!("t-{thread}")).await, thread, ids.len());
    }
    let admin = daemon.admin().await;
    for ids in acknowledged.iter().filter(|ids| !ids.is_empty()) {
        let entries = admin.entries(&admin.conversation_of(&ids[0]).await).await;
        let messages: Vec<&str> =
            entries.iter().filter(|e| text(e, "/kind") == "message").map(|e| text(e, "/id")).collect();
        assert_eq!(messages, *ids, "in the order of acknowledgement, each once");
    }
    are_once(&callback.received(), acknowledged);
    daemon.stop().await;
    let ran = daemon.home.run(&["ledger"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.all());
    let ran = daemon.home.run(&["doctor", "--thorough"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.all());
}

/// Every message once, in order, and after each its answer once.
fn is_transcript(entries: &[Value], thread: usize, count: usize) {
    let by = |author: &str| -> Vec<String> {
        entries.iter().filter(|e| text(e, "/author/type") == author).map(|e| text(e, "/body/text").to_owned()).collect()
    };
    assert_eq!(by("customer"), (0..count).map(|said| said.to_string()).collect::<Vec<_>>(), "thread {thread}");
    assert_eq!(by("bot"), (0..count).map(|said| format!("You wrote {said}")).collect::<Vec<_>>(), "thread {thread}");
}

/// What the other system has after dropping equal ids: each answer once, in order.
fn are_once(received: &[Received], acknowledged: &[Vec<String>]) {
    let mut seen = BTreeSet::new();
    let mut answered: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for reply in received.iter().filter(|reply| seen.insert(reply.id.clone())) {
        answered
            .entry(text(&reply.body, "/thread").to_owned())
            .or_default()
            .push(text(&reply.body, "/in_reply_to").to_owned());
    }
    for (thread, ids) in acknowledged.iter().enumerate() {
        let expected: Vec<String> = (0..ids.len()).map(|said| format!("{thread}/{said}")).collect();
        assert_eq!(answered.remove(&format!("t-{thread}")).unwrap_or_default(), expected, "thread {thread}");
    }
    assert!(answered.is_empty(), "{answered:?}");
}
