//! Several daemons over RabbitMQ, PostgreSQL and Redis: customers, agents and the desk may each be at another one.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

use crate::harness::{
    BotApi, Callback, Console, Daemon, Fleet, HttpChannel, PASSWORD, Visitor, eventually, text, within,
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
            if daemon.metric("switchboard_desk_leader").await > 0.0 {
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
    ann.come_online().await;

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

/// `tests/browser/fleet.mjs` says what people do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_have_their_pages_from_any_daemon_and_the_desk_is_killed() {
    let mut fleet = Fleet::start().await;
    let mut daemons = three(&mut fleet).await;
    let desk = leader(&daemons).await;
    let pages: Vec<String> =
        (0..3).filter(|at| *at != desk).map(|at| daemons[at].url.replace("127.0.0.1", "localhost")).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");
    let mut browser = Command::new("node")
        .arg(format!("{folder}/fleet.mjs"))
        .env("PAGES", pages.join(" "))
        .env("PASSWORD", &daemons[0].first_password)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Node is installed");
    let mut said = BufReader::new(browser.stdout.take().unwrap()).lines();
    let heard = within("they talk", said.next_line()).await.unwrap();
    assert_eq!(heard.as_deref(), Some("kill the desk"), "what went wrong stands above; npm ci --prefix {folder}?");
    daemons[desk].kill().await;
    browser.stdin.take().unwrap().write_all(b"killed\n").await.unwrap();
    assert!(within("they go on", browser.wait()).await.unwrap().success(), "what went wrong stands above");
    assert_eq!(daemons[(desk + 1) % 3].ledger().await["waiting"], 0);
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
    agent.come_online().await;
    gateway.http().say("ann", "I want to talk to a person").await;
    let offer = live.offer().await;
    assert_eq!(agent.accept(&offer).await.0, 200);
    let said: Value = json!("Hello from Bob");
    assert_eq!(agent.reply(text(&offer, "/conversation/id"), "Hello from Bob", "c-1").await.0, 201);
    callback.wait_until("the agent's reply", |all| all.iter().any(|reply| reply.body["body"]["text"] == said)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_is_polled_by_one_daemon_and_by_another_one_when_that_is_gone() {
    let bot = BotApi::start().await;
    let mut fleet = Fleet::start().await;
    let mut daemons = Vec::new();
    for _ in 0..2 {
        let home = fleet.home("all", None).with_config(&bot.channel(""));
        daemons.push(fleet.daemon(home).await);
    }
    leader(&daemons).await;
    let mut asked = 0;
    let mut ask = async || {
        asked += 1;
        bot.says(42, "How do I return an item?");
        bot.wait(42, asked).await;
    };
    ask().await;
    // The server refuses whoever asks while another one waits for an answer.
    assert!(daemons.iter().all(|daemon| !daemon.log().contains("another program polls")), "two of them poll");
    // Whichever has the bot, the other one has it next.
    for daemon in &mut daemons {
        daemon.kill().await;
        ask().await;
        daemon.restart().await;
    }
    ask().await;
    assert_eq!(bot.sent(42).len(), 4, "each question is answered once");
    assert_eq!(daemons[0].ledger().await["accepted"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_work_together_is_refused_in_words() {
    let mut fleet = Fleet::start().await;
    let home = fleet.home("all", None);
    let mut daemon = fleet.daemon(home).await;
    let other_number = fleet.home("all", None).with_env("SWITCHBOARD_DISTRIBUTED__PARTITIONS", "4");
    let ran = other_number.run(&["run", "--listen", "127.0.0.1:0"]).await;
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
    // The runbook's way to another number: nothing waits, every daemon is stopped, the queues are deleted.
    daemon.stop().await;
    fleet.broker.clean().await;
    let mut daemon = fleet.daemon(other_number).await;
    daemon.http().say("li", "How do I return an item?").await;
    eventually("it is decided", || async { (daemon.ledger().await["decided"] == 1).then_some(()) }).await;
    // Engines that are gone keep no daemon from stopping.
    fleet.postgres.kill();
    fleet.broker.kill().await;
    fleet.redis.kill().await;
    daemon.stop().await;
}
