//! Several daemons over RabbitMQ, PostgreSQL and Redis: customers, agents and the desk may each be at another one, and any
//! of the six processes may be killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::{
    Callback, Console, Daemon, Fleet, Home, HttpChannel, PASSWORD, Visitor, eventually, text, within,
};

/// Three daemons that do everything.
async fn three(fleet: &mut Fleet) -> Vec<Daemon> {
    let mut daemons = Vec::new();
    for _ in 0..3 {
        let home = fleet.home("all", None);
        daemons.push(fleet.daemon(home).await);
    }
    daemons
}

/// Which of the daemons runs the desk, as all of them agree.
pub(super) async fn leader(daemons: &[Daemon]) -> usize {
    eventually("one daemon runs the desk", || async {
        let mut leaders = Vec::new();
        for (at, daemon) in daemons.iter().enumerate() {
            let (_, metrics) = daemon.get("/metrics").await;
            if metrics.lines().any(|line| line == "switchboard_desk_leader 1") {
                leaders.push(at);
            }
        }
        match leaders[..] {
            [one] => Some(one),
            _ => None,
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customer_agent_and_desk_are_each_at_another_daemon() {
    let mut fleet = Fleet::start().await;
    let daemons = three(&mut fleet).await;
    let desk = leader(&daemons).await;
    let (of_ann, of_visitor) = (&daemons[(desk + 1) % 3], &daemons[(desk + 2) % 3]);

    // Whoever is added at one is known at all; presence is said to the desk wherever it is.
    let admin = of_visitor.admin().await;
    of_visitor.agent(&admin, "ann", json!({})).await;
    let ann = eventually("the other daemon knows ann", || async {
        Console::try_login(&of_ann.url, "ann", PASSWORD).await.ok()
    })
    .await;
    let mut live = ann.live().await;
    eventually("the desk takes presences", || async {
        (ann.put("/me/presence", &json!({"presence": "online"})).await.0 == 200).then_some(())
    })
    .await;

    let mut visitor = Visitor::arrive(&of_visitor.url).await;
    visitor.say("I want to talk to a person").await;
    visitor.said_by("bot", 1).await;
    let offer = live.offer().await;
    let (status, taken) = ann.accept(&offer).await;
    assert_eq!((status, text(&taken, "/owner")), (200, "agent"));
    assert_eq!(ann.accept(&offer).await.0, 200, "accepting is idempotent");
    visitor.owned_by("agent").await;

    let id = text(&offer, "/conversation/id").to_owned();
    assert_eq!(ann.reply(&id, "Hello, I am Ann. 您好！", "c-1").await.0, 201);
    assert_eq!(visitor.said_by("agent", 1).await, ["Hello, I am Ann. 您好！"]);
    visitor.say("At last.").await;
    live.wait("the customer's answer", |event| text(event, "/entry/body/text") == "At last.").await;
    let (status, _) = admin.try_get(&format!("/conversations/{id}/candidates")).await;
    assert_eq!(status, 200, "why-not is answered by the desk, wherever it is asked");
    assert_eq!(ann.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 200);
    visitor.owned_by("closed").await;

    // A daemon that stops gently hands everything back at once, and the others go on.
    let mut daemons = daemons;
    daemons[desk].stop().await;
    daemons.remove(desk);
    leader(&daemons).await;
    let mut visitor = Visitor::arrive(&daemons[0].url).await;
    visitor.say("How do I return an item?").await;
    visitor.said_by("bot", 1).await;
    assert_eq!(daemons[0].ledger().await["decided"], 3);
}

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

/// One answer to every message, whatever it says: what is missing or double can be counted.
fn echo(home: &Home) {
    home.write_rules("queues.yaml", "queues:\n  care:\n    title: {en: Care}\n    members: everyone\n");
    home.write_rules("templates.yaml", "templates:\n  echo:\n    en: You wrote {{ message.text }}\n");
    home.write_rules(
        "10-rules.yaml",
        "rules:\n  - name: echo\n    then:\n      - reply: {template: echo}\n      - ignore: true\n",
    );
}

/// What the customers' systems share.
struct Field {
    /// The daemons at their present addresses.
    channels: watch::Sender<Vec<HttpChannel>>,
    acknowledged: watch::Sender<u64>,
    /// Whether no new message is begun.
    over: watch::Sender<bool>,
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
    let addresses = |daemons: &[Daemon]| daemons.iter().map(Daemon::http).collect::<Vec<_>>();
    let field = Arc::new(Field {
        channels: watch::channel(addresses(&daemons)).0,
        acknowledged: watch::channel(0).0,
        over: watch::channel(false).0,
    });
    let writers: Vec<_> = (0..THREADS).map(|thread| tokio::spawn(writes(Arc::clone(&field), thread))).collect();
    let mut count = field.acknowledged.subscribe();
    for round in ROUNDS {
        let moment = *count.borrow() + 1 + rand::random::<u64>() % APART;
        within(&format!("{round:?}"), count.wait_for(|count| *count >= moment)).await.unwrap();
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
                    field.channels.send_replace(addresses(&daemons));
                }
                Killed::Broker => fleet.broker.restart().await,
                Killed::Postgres => fleet.postgres.start_again().await,
                Killed::Redis => fleet.redis.start_again().await,
            }
        }
        // One after the other: what had been acknowledged when it happened is decided before the next one is killed.
        let so_far = *count.borrow();
        eventually("the fleet has recovered", || async {
            (daemons[0].ledger().await["decided"].as_u64()? >= so_far).then_some(())
        })
        .await;
    }
    field.over.send_replace(true);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.push(within("a writer ends", writer).await.unwrap());
    }
    is_all_there(&mut daemons, &callback, &acknowledged).await;
}

async fn is_all_there(daemons: &mut [Daemon], callback: &Callback, acknowledged: &[usize]) {
    let total: usize = acknowledged.iter().sum();
    let mut ledger = daemons[0].ledger().await;
    while ledger["waiting"] != 0 || ledger["outbound"][2] != total {
        // However long it takes here, it goes on.
        ledger = eventually(&format!("more of {total} messages than {ledger}"), || async {
            let now = daemons[0].ledger().await;
            (now != ledger).then_some(now)
        })
        .await;
    }
    for (count, expected) in [("accepted", total), ("decided", total), ("dead", 0), ("redriven", 0)] {
        assert_eq!(ledger[count], expected, "{count} in {ledger}");
    }
    for (thread, count) in acknowledged.iter().enumerate() {
        let entries = daemons[thread % 3].http().thread(&format!("t-{thread}")).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_are_parts_of_one_daemon() {
    let callback = Callback::start().await;
    let mut fleet = Fleet::start().await;
    let mut daemons = Vec::new();
    for role in ["gateway", "worker", "desk"] {
        let home = fleet.home(role, Some(&callback));
        daemons.push(fleet.daemon(home).await);
    }
    let [gateway, worker, desk] = &daemons[..] else { panic!("three of them") };
    assert_eq!(leader(&daemons).await, 2);
    for (daemon, takes) in [(gateway, true), (worker, false), (desk, false)] {
        assert_eq!(daemon.get("/readyz").await.0, 200);
        let sent = daemon.http().send(&HttpChannel::message("ann", "How do I return an item?")).await;
        assert_eq!(sent.status == 202, takes, "{sent:?}");
    }
    // The reply is sent by the worker, the handoff matched by the desk, the agent at the gateway.
    callback.wait(1).await;
    let admin = gateway.admin().await;
    let agent = gateway.agent(&admin, "bob", json!({})).await;
    let mut live = agent.live().await;
    eventually("the desk takes presences", || async {
        (agent.put("/me/presence", &json!({"presence": "online"})).await.0 == 200).then_some(())
    })
    .await;
    gateway.http().say("ann", "I want to talk to a person").await;
    let offer = live.offer().await;
    assert_eq!(agent.accept(&offer).await.0, 200);
    let said: Value = json!("Hello from Bob");
    assert_eq!(agent.reply(text(&offer, "/conversation/id"), "Hello from Bob", "c-1").await.0, 201);
    callback.wait_until("the agent's reply", |all| all.iter().any(|reply| reply.body["body"]["text"] == said)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_work_together_is_refused_in_words() {
    let mut fleet = Fleet::start().await;
    let home = fleet.home("all", None);
    let mut daemon = fleet.daemon(home).await;
    let other = fleet.home("all", None).with_env("SWITCHBOARD_DISTRIBUTED__PARTITIONS", "4");
    let ran = other.run(&["run", "--listen", "127.0.0.1:0"]).await;
    assert!(!ran.ok && ran.err.contains("partitions"), "{}", ran.all());
    let ran = daemon.home.run(&["doctor"]).await;
    assert!(ran.ok && ran.out.contains("daemon 0 at http://127.0.0.1"), "{}", ran.all());
    let ran = daemon.home.run(&["agents", "add", "carl"]).await;
    assert!(ran.ok, "{}", ran.all());
    // Another machine's command line reads what all share, and changes it through a daemon of its own alone.
    let away = fleet.home("all", None);
    assert!(away.run(&["agents", "list"]).await.out.contains("carl"));
    let ran = away.run(&["agents", "add", "dora"]).await;
    assert!(!ran.ok && ran.err.contains("no daemon runs on the data folder"), "{}", ran.all());
    let other =
        fleet.home("all", None).with_env("SWITCHBOARD_DISTRIBUTED__POSTGRES__URL", "postgres://nobody@127.0.0.1:1/x");
    let ran = other.run(&["run", "--listen", "127.0.0.1:0"]).await;
    assert!(!ran.ok && ran.err.contains("postgres://127.0.0.1:1/x"), "{}", ran.all());
    // Engines that are gone keep no daemon from stopping.
    fleet.postgres.kill();
    fleet.broker.kill().await;
    fleet.redis.kill().await;
    daemon.stop().await;
}
