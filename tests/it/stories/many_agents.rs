//! A whole day of a large desk in a minute, through the API: agents come and go, decline, fall silent, transfer; the
//! daemon is killed. What must hold is checked against a model of who has what.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::{Console, Daemon, Home, Live, eventually, items, text, uuid, within};

const AGENTS: usize = 50;
const CUSTOMERS: usize = 2_000;
/// How many of the first half still wait, or are with somebody, when the daemon is killed.
const LEFT_AT_THE_KILL: usize = 100;
/// After how many more closed conversations the desk is looked at.
const EACH: usize = 50;
const QUEUES: [&str; 3] = ["care", "returns", "vip"];
const RULES: &str = r#"
rules:
  - name: returns
    when: message.text.contains("returns")
    then: [{handoff: {queue: returns, skills: [{skill: bows, min: 2, relax: [{after: 5s, drop: true}]}]}}]
  - name: vip
    when: message.text.contains("vip")
    then: [{handoff: {queue: vip, priority: urgent, skills: [{skill: "lang-zh", min: 1, hard: true}]}}]
  - name: the rest
    then: [{handoff: {queue: care}}]
"#;
const QUEUE_FILE: &str = "queues:
  care: {title: {en: Care}, members: everyone, strategy: least_loaded}
  returns: {title: {en: Returns}, members: everyone}
  vip: {title: {en: VIP}, members: everyone, strategy: most_skilled, priority_credits: {urgent: 10m}}

";
const SKILLS: &str = "skills:
  bows: {title: {en: Bows}}
  lang-zh: {title: {en: Chinese}}
";

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What the agents believe.
#[derive(Default)]
struct Model {
    /// Who took each conversation last.
    holder: BTreeMap<String, String>,
    closed: BTreeSet<String>,
}

/// What agents share while they work.
struct Shift {
    model: Mutex<Model>,
    /// How many conversations are closed.
    closed: watch::Sender<usize>,
    over: watch::Sender<bool>,
}

/// Works until the shift is over.
async fn work(agent: Console, mut live: Live, seed: usize, shift: Arc<Shift>) {
    let mut dice = Dice(seed as u64);
    let mut over = shift.over.subscribe();
    agent.presence("online").await;
    loop {
        let frame = tokio::select! {
            _ = over.wait_for(|over| *over) => return,
            frame = live.next() => frame.expect("the live connection stays"),
        };
        live.seen.clear();
        match text(&frame, "/type") {
            "offer" => answer(&agent, &frame["offer"], &mut dice, &shift).await,
            "missed" => {
                for offer in items(&agent.get("/offers").await) {
                    answer(&agent, offer, &mut dice, &shift).await;
                }
            }
            _ => {}
        }
    }
}

async fn answer(agent: &Console, offer: &Value, dice: &mut Dice, shift: &Shift) {
    match dice.roll(12) {
        0 => _ = agent.decline(offer).await,
        1 => {
            // Their offers go to others.
            agent.presence("away").await;
            agent.presence("online").await;
        }
        _ => {
            let (status, taken) = agent.accept(offer).await;
            if status != 200 {
                assert_eq!(text(&taken, "/error/code"), "offer_gone", "{taken}");
                return;
            }
            assert_eq!(text(&taken, "/agent/id"), agent.id(), "one owner");
            finish(agent, text(&taken, "/id"), dice, shift).await;
        }
    }
}

async fn finish(agent: &Console, id: &str, dice: &mut Dice, shift: &Shift) {
    shift.model.lock().unwrap().holder.insert(id.to_owned(), agent.id().to_owned());
    if dice.roll(15) == 0 {
        let (status, moved) = agent.post(&format!("/conversations/{id}/transfer"), &json!({"queue": "care"})).await;
        assert_eq!(status, 200, "{moved}");
        return;
    }
    let (status, said) = agent.reply(id, "Here you are.", &uuid()).await;
    assert_eq!(status, 201, "{said}");
    let (status, closed) = agent.post(&format!("/conversations/{id}/close"), &json!({})).await;
    assert_eq!(status, 200, "{closed}");
    assert!(shift.model.lock().unwrap().closed.insert(id.to_owned()), "{id} was closed twice");
    shift.closed.send_modify(|closed| *closed += 1);
}

/// What the desk says of itself.
async fn keeps_its_promises(daemon: &Daemon, admin: &Console) {
    let (_, metrics) = daemon.get("/metrics").await;
    let defects: Vec<&str> = metrics.lines().filter(|line| line.starts_with("switchboard_desk_defects{")).collect();
    assert_eq!(defects.len(), 4, "{metrics}");
    assert!(defects.iter().all(|line| line.ends_with(" 0")), "{defects:?}");
    let agents = admin.get("/agents").await;
    for agent in items(&agents) {
        assert!(agent["load"].as_u64() <= agent["capacity"].as_u64(), "{agent}");
    }
}

fn sum(metrics: &str, name: &str) -> u64 {
    let of = metrics.lines().filter(|line| line.starts_with(name));
    of.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_customers_and_fifty_agents_over_a_kill() {
    let home = Home::new();
    home.write_rules("10-rules.yaml", RULES);
    home.write_rules("queues.yaml", QUEUE_FILE);
    home.write_rules("skills.yaml", SKILLS);
    let mut daemon = home.start().await;
    let mut admin = daemon.admin().await;
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        let queue = QUEUES[number % QUEUES.len()];
        let record = json!({"queues": [queue], "skills": {"bows": 1 + number % 3, "lang-zh": 1 + number % 5}});
        agents.push(daemon.agent(&admin, &format!("agent-{number}"), record).await);
    }
    let shift = Arc::new(Shift { model: Mutex::default(), closed: watch::channel(0).0, over: watch::channel(false).0 });
    let mut closed = shift.closed.subscribe();
    for (life, range) in [0..CUSTOMERS / 2, CUSTOMERS / 2..CUSTOMERS].into_iter().enumerate() {
        let goal = range.end - if life == 0 { LEFT_AT_THE_KILL } else { 0 };
        shift.over.send_replace(false);
        let mut working = Vec::new();
        for (number, agent) in agents.iter().enumerate() {
            let agent = agent.moved(&daemon.url);
            let live = agent.live().await;
            working.push(tokio::spawn(work(agent, live, life * AGENTS + number, Arc::clone(&shift))));
        }
        let http = daemon.http();
        let writing = stream::iter(range).for_each_concurrent(16, |customer| {
            let said = format!("customer {customer} asks {}", ["for care", "about returns", "as a vip"][customer % 3]);
            let http = &http;
            async move { _ = http.say(&format!("customer-{customer}"), &said).await }
        });
        let watching = async {
            let mut seen = 0;
            while seen < goal {
                seen = (seen + EACH).min(goal);
                within("conversations are served", closed.wait_for(|closed| *closed >= seen)).await.unwrap();
                keeps_its_promises(&daemon, &admin).await;
            }
        };
        tokio::join!(writing, watching);
        shift.over.send_replace(true);
        for one in working {
            one.await.unwrap();
        }
        let (_, metrics) = daemon.get("/metrics").await;
        let [made, ended, out] = [
            "switchboard_desk_offers_made_total",
            "switchboard_desk_offers_ended_total",
            "switchboard_desk_offers_out",
        ]
        .map(|name| sum(&metrics, name));
        assert_eq!(made, ended + out, "offers sum up: {metrics}");
        if life == 0 {
            daemon.kill().await;
            daemon.restart().await;
            admin = admin.moved(&daemon.url);
        }
    }
    let model = std::mem::take(&mut *shift.model.lock().unwrap());
    assert_eq!(model.closed.len(), CUSTOMERS);
    let (mut seen, mut page) = (BTreeSet::new(), admin.get("/conversations?box=closed&limit=200").await);
    loop {
        for conversation in items(&page) {
            seen.insert(text(conversation, "/id").to_owned());
        }
        let Some(next) = page["next"].as_str() else { break };
        page = admin.get(&format!("/conversations?box=closed&limit=200&before={next}")).await;
    }
    assert_eq!(seen, model.closed);
    for id in seen.iter().step_by(20) {
        let entries = admin.entries(id).await;
        let replies: Vec<&Value> = entries.iter().filter(|entry| text(entry, "/kind") == "reply").collect();
        assert_eq!(replies.len(), 1, "{id} was served once");
        assert_eq!(text(replies[0], "/author/id"), model.holder[id], "by who had it last");
    }
    eventually("nobody holds anything", || async {
        let agents = admin.get("/agents").await;
        items(&agents).iter().all(|agent| agent["load"] == 0).then_some(())
    })
    .await;
    let ledger = daemon.ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["decided"]), (&json!(CUSTOMERS), &json!(CUSTOMERS)), "{ledger}");
}
