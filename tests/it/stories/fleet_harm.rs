//! Customers write to several daemons while what the daemons need is killed or cut off: nothing that was acknowledged is
//! lost, doubled or out of order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};

use super::fleet::leader;
use crate::harness::{Callback, Daemon, Fleet, Home, HttpChannel, Wire, eventually, text, within};

/// Who dies.
#[derive(Debug, Clone, Copy)]
enum Killed {
    Daemon(usize),
    Broker,
    Postgres,
    Redis,
}

/// Who is killed together, one round after the other.
const ROUNDS: &[&[Killed]] = &[
    &[Killed::Broker, Killed::Daemon(0)],
    &[Killed::Daemon(1)],
    &[Killed::Broker],
    &[Killed::Postgres],
    &[Killed::Redis],
    &[Killed::Postgres, Killed::Redis, Killed::Broker, Killed::Daemon(2)],
];

const THREADS: usize = 60;
/// At most so many acknowledgements between two kills.
const APART: u64 = 150;

/// One answer to every message, whatever it says: what is missing or double can be counted. Only who wants a person gets none.
pub(super) fn echo(home: &Home) {
    home.write_rules("queues.yaml", "queues:\n  care:\n    title: {en: Care}\n    members: everyone\n");
    home.write_rules("templates.yaml", "templates:\n  echo:\n    en: You wrote {{ message.text }}\n");
    home.write_rules(
        "10-rules.yaml",
        "rules:\n  - {name: people, when: 'message.text == \"a person\"', then: [{handoff: {queue: care}}]}\n  \
         - {name: echo, then: [{reply: {template: echo}}, {ignore: true}]}\n",
    );
}

/// The customers' systems.
pub(super) struct Writers {
    field: Arc<Field>,
    all: Vec<JoinHandle<usize>>,
    count: watch::Receiver<u64>,
}

/// What they share.
struct Field {
    /// The daemons at their present addresses.
    channels: watch::Sender<Vec<HttpChannel>>,
    acknowledged: watch::Sender<u64>,
    /// Whether no new message is begun.
    over: watch::Sender<bool>,
}

impl Writers {
    pub(super) fn begin(daemons: &[Daemon]) -> Self {
        let field = Arc::new(Field {
            channels: watch::channel(Vec::new()).0,
            acknowledged: watch::channel(0).0,
            over: watch::channel(false).0,
        });
        let count = field.acknowledged.subscribe();
        let mut writers = Self { field, all: Vec::new(), count };
        writers.find(daemons);
        writers.all = (0..THREADS).map(|thread| tokio::spawn(writes(Arc::clone(&writers.field), thread))).collect();
        writers
    }

    /// Daemons may have other addresses now.
    pub(super) fn find(&self, daemons: &[Daemon]) {
        self.field.channels.send_replace(daemons.iter().map(Daemon::http).collect());
    }

    fn so_far(&self) -> u64 {
        *self.count.borrow()
    }

    /// Waits until so many more messages are acknowledged.
    pub(super) async fn go_on(&mut self, what: &str, more: u64) {
        let moment = self.so_far() + more;
        within(what, self.count.wait_for(|count| *count >= moment)).await.unwrap();
    }

    /// Ends them; how many messages of each were acknowledged.
    pub(super) async fn end(self) -> Vec<usize> {
        self.field.over.send_replace(true);
        let mut acknowledged = Vec::new();
        for writer in self.all {
            acknowledged.push(within("a writer ends", writer).await.unwrap());
        }
        acknowledged
    }
}

/// How long a customer's system waits before it tries another daemon: who starts again needs the machine too.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// One customer: each message is sent to one daemon after the other until one acknowledges it, then comes the next. The
/// story's rounds say when that has lasted too long.
async fn writes(field: Arc<Field>, thread: usize) -> usize {
    let mut said = 0;
    let mut at = thread;
    while !*field.over.borrow() {
        let message = json!({"id": format!("{thread}/{said}"), "from": {"handle": format!("t-{thread}")}, "text": said.to_string()});
        let mut tries = tokio::time::interval(TRY_EVERY);
        loop {
            tries.tick().await;
            at += 1;
            let channels = field.channels.borrow().clone();
            match channels[at % channels.len()].send_bytes(message.to_string().into_bytes()).await {
                Ok(sent) if sent.status == 202 => break,
                Ok(sent) => assert_eq!(sent.status, 503, "{sent:?}"),
                Err(_) => {}
            }
        }
        said += 1;
        field.acknowledged.send_modify(|count| *count += 1);
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_nothing_acknowledged_is_lost_doubled_or_out_of_order() {
    let callback = Callback::start().await;
    let mut fleet = Fleet::start().await;
    let mut daemons = Vec::new();
    for _ in 0..3 {
        let home = fleet.home("all", Some(&callback));
        echo(&home);
        daemons.push(fleet.daemon(home).await);
    }
    let mut writers = Writers::begin(&daemons);
    for round in ROUNDS {
        writers.go_on(&format!("{round:?}"), 1 + rand::random::<u64>() % APART).await;
        for killed in *round {
            match killed {
                Killed::Daemon(at) => daemons[*at].kill().await,
                Killed::Broker => fleet.broker.kill().await,
                Killed::Postgres => fleet.postgres.kill(),
                Killed::Redis => fleet.redis.kill().await,
            }
        }
        for killed in *round {
            match killed {
                Killed::Daemon(at) => {
                    daemons[*at].restart().await;
                    writers.find(&daemons);
                }
                Killed::Broker => fleet.broker.restart().await,
                Killed::Postgres => fleet.postgres.start_again().await,
                Killed::Redis => fleet.redis.start_again().await,
            }
        }
        // One after the other: what had been acknowledged when it happened is decided before the next one is killed.
        let so_far = writers.so_far();
        eventually("the fleet has recovered", || async {
            (daemons[0].ledger().await["decided"].as_u64()? >= so_far).then_some(())
        })
        .await;
    }
    let acknowledged = writers.end().await;
    is_all_there(&mut daemons, &callback, &acknowledged, Others::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_cut_off_does_no_harm_and_takes_part_again() {
    let callback = Callback::start().await;
    let mut fleet = Fleet::start().await;
    let (home, wires) = fleet.wired("all", Some(&callback)).await;
    echo(&home);
    let mut daemons = vec![fleet.daemon(home).await];
    assert_eq!(leader(&daemons).await, 0, "the desk is at the one that will be cut off");
    for _ in 0..2 {
        let home = fleet.home("all", Some(&callback));
        echo(&home);
        daemons.push(fleet.daemon(home).await);
    }
    let admin = daemons[1].admin().await;
    let ann = daemons[1].agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    let mut writers = Writers::begin(&daemons);
    writers.go_on("a fleet that is whole", 100).await;
    wires.iter().for_each(Wire::cut);

    // The others have its partitions and the desk.
    leader(&daemons[1..]).await;
    ann.come_online().await;
    daemons[2].http().say("li", "a person").await;
    let offer = live.offer().await;
    assert_eq!(ann.accept(&offer).await.0, 200);
    writers.go_on("a fleet that has lost one", 200).await;

    wires.iter().for_each(Wire::mend);
    eventually("it takes part again", || async {
        let (ready, _) = daemons[0].get("/readyz").await;
        let was_silent = daemons[0].metric("switchboard_node_silent_total").await > 0.0;
        let owns = daemons[0].metric("switchboard_inbox_partitions").await > 0.0;
        (ready == 200 && was_silent && owns).then_some(())
    })
    .await;
    leader(&daemons).await;
    writers.go_on("a fleet that is whole again", 100).await;
    let taken = ann.get(&format!("/conversations/{}", text(&offer, "/conversation/id"))).await;
    assert_eq!(text(&taken, "/owner"), "agent", "{taken}");
    let acknowledged = writers.end().await;
    is_all_there(&mut daemons, &callback, &acknowledged, Others { messages: 1, replies: 0 }).await;
}

/// What was said besides the writers' messages and the answers to them.
#[derive(Default)]
pub(super) struct Others {
    pub messages: usize,
    pub replies: usize,
}

/// Each message of the writers is there once, has been answered once, and everything in order.
pub(super) async fn is_all_there(daemons: &mut [Daemon], callback: &Callback, acknowledged: &[usize], others: Others) {
    let total: usize = acknowledged.iter().sum();
    let (messages, replies) = (total + others.messages, total + others.replies);
    let mut ledger = daemons[0].ledger().await;
    while ledger["waiting"] != 0 || ledger["outbound"][2] != replies {
        // However long it takes here, it goes on.
        ledger = eventually(&format!("more of {replies} replies than {ledger}"), || async {
            let now = daemons[0].ledger().await;
            (now != ledger).then_some(now)
        })
        .await;
    }
    for (count, expected) in [("accepted", messages), ("decided", messages), ("dead", 0), ("redriven", 0)] {
        assert_eq!(ledger[count], expected, "{count} in {ledger}");
    }
    for (thread, count) in acknowledged.iter().enumerate() {
        let entries = daemons[thread % 3].http().whole_thread(&format!("t-{thread}")).await;
        let by = |author: &str| -> Vec<&str> {
            entries.iter().filter(|e| text(e, "/author/type") == author).map(|e| text(e, "/body/text")).collect()
        };
        let expected: Vec<_> = (0..*count).map(|said| said.to_string()).collect();
        assert_eq!(by("customer"), expected, "thread {thread}: {entries:#?}");
        let answers: Vec<String> = (0..*count).map(|said| format!("You wrote {said}")).collect();
        assert_eq!(by("bot"), answers, "thread {thread}");
    }
    let mut seen = BTreeSet::new();
    let mut answered: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for reply in callback.received().iter().filter(|reply| seen.insert(reply.id.clone())) {
        let texts = answered.entry(text(&reply.body, "/thread").to_owned()).or_default();
        texts.push(text(&reply.body, "/body/text").to_owned());
    }
    for (thread, count) in acknowledged.iter().enumerate().filter(|(_, count)| **count > 0) {
        let expected: Vec<String> = (0..*count).map(|said| format!("You wrote {said}")).collect();
        assert_eq!(answered.get(&format!("t-{thread}")), Some(&expected), "each answer once, in order");
    }
    for daemon in daemons {
        daemon.stop().await;
    }
}
