//! What an admin looks at: how often rules act, what was decided, what other rules would decide, what waits and why.

use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, eventually, items, text};

const RULES: &str = r#"
rules:
  - name: flowers
    when: message.text.contains("tulip")
    then: [{tag: flowers}]
  - name: people
    when: message.text.contains("person")
    then:
      - handoff: {queue: care, priority: high, skills: [{skill: bows, min: 3, hard: true}]}
  - name: the rest
    then: [ignore]
"#;
const QUEUES: &str = "queues:\n  care:\n    title: {en: Care}\n    members: everyone\n";
const SKILLS: &str = "skills:\n  bows: {title: {en: Bows, zh: 弓}}\n";

fn home() -> Home {
    let home = Home::new();
    home.write_rules("10-rules.yaml", RULES);
    home.write_rules("queues.yaml", QUEUES);
    home.write_rules("skills.yaml", SKILLS);
    home
}

/// Writes a candidate that sends tulips to people and drops the priority.
fn write_candidate(home: &Home) {
    let rules = RULES.replace("[{tag: flowers}]", "[{tag: flowers}, {handoff: {queue: care}}]");
    home.write_rules("candidate/10-rules.yaml", &rules);
    home.write_rules("candidate/queues.yaml", QUEUES);
    home.write_rules("candidate/skills.yaml", SKILLS);
}

async fn hits(admin: &Console) -> Vec<(String, u64)> {
    let rules = admin.get("/rules").await;
    let set = rules["set"].as_array().unwrap().iter();
    set.map(|rule| (text(rule, "/name").to_owned(), rule["hits"].as_u64().unwrap())).collect()
}

async fn report(daemon: &Daemon, admin: &Console, messages: u64) -> Value {
    eventually("the candidate has decided", || async {
        assert!(!daemon.log().contains("left out"));
        let report = admin.get("/rules").await["candidate"]["report"].clone();
        (report["messages"] == messages).then_some(report)
    })
    .await
}

#[tokio::test]
async fn it_is_counted_how_often_rules_act_and_kept() {
    let mut daemon = home().start().await;
    let admin = daemon.admin().await;
    for said in ["a tulip", "a tulip for a person", "nothing"] {
        admin.conversation_of(&daemon.http().say(said, said).await).await;
    }
    let expected = [("flowers", 2), ("people", 1), ("the rest", 2)].map(|(rule, hits)| (rule.to_owned(), hits));
    let rules = admin.get("/rules").await;
    assert_eq!((&rules["set"][1]["line"], &rules["set"][1]["last_line"]), (&json!(6), &json!(9)));
    assert_eq!(hits(&admin).await, expected);
    daemon.stop().await;
    daemon.restart().await;
    assert_eq!(hits(&daemon.admin().await).await, expected);
}

#[tokio::test]
async fn decisions_are_found_by_what_they_came_to() {
    let daemon = home().start().await;
    let admin = daemon.admin().await;
    let http = daemon.http();
    let mut conversations = Vec::new();
    for said in ["a tulip", "a tulip for a person", "nothing", "a person 请转人工"] {
        let message = http.say(said, said).await;
        conversations.push(admin.conversation_of(&message).await);
    }
    let texts = async |query: &str| -> Vec<String> {
        let found = admin.get(&format!("/decisions?{query}")).await;
        items(&found).iter().map(|one| text(one, "/text").to_owned()).collect()
    };
    assert_eq!(texts("").await, ["a person 请转人工", "nothing", "a tulip for a person", "a tulip"]);
    assert_eq!(texts("rule=flowers").await, ["a tulip for a person", "a tulip"], "also where another rule ended it");
    assert_eq!(texts("queue=care").await, ["a person 请转人工", "a tulip for a person"]);
    assert_eq!(texts("queue=are").await, Vec::<String>::new());
    assert_eq!(texts("channel=nowhere").await, Vec::<String>::new());
    assert_eq!(texts("until=2020-01-01T00:00:00Z").await, Vec::<String>::new());
    let first = admin.get("/decisions?limit=3").await;
    let rest = admin.get(&format!("/decisions?limit=3&before={}", text(&first, "/next"))).await;
    assert_eq!((items(&first).len(), items(&rest).len(), &rest["next"]), (3, 1, &Value::Null));
    let one = &items(&first)[0];
    assert_eq!(
        (text(one, "/rule"), text(one, "/destination"), text(one, "/on")),
        ("people", "handoff care", "message")
    );
    let why = admin.get(&format!("/messages/{}/why", text(one, "/id"))).await;
    assert_eq!(text(&why, "/conversation"), conversations[3]);

    http.say("a tulip", "and a person").await;
    let all = eventually("both are decided", || async {
        let all = admin.get(&format!("/conversations/{}/why", conversations[0])).await;
        (items(&all).len() == 2).then_some(all)
    });
    let all = all.await;
    assert_eq!((text(&items(&all)[0], "/text"), text(&items(&all)[1], "/text")), ("a tulip", "and a person"));
    let said = daemon.home.run(&["why", &conversations[0]]).await;
    assert!(said.ok && said.out.find("“a tulip”") < said.out.find("“and a person”"), "{}", said.all());
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    assert_eq!(ann.try_get("/decisions").await.0, 403);
    assert_eq!(admin.try_get("/decisions?rulez=x").await.0, 400);
}

#[tokio::test]
async fn a_candidate_decides_live_traffic_without_effect() {
    let home = home();
    write_candidate(&home);
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let first = daemon.http().say("li", "a tulip").await;
    for said in ["nothing", "a person"] {
        daemon.http().say(said, said).await;
    }
    let seen = report(&daemon, &admin, 3).await;
    assert_eq!((&seen["changed"], &seen["unchanged"]), (&json!(1), &json!(2)));
    let change = &seen["changes"][0];
    assert_eq!((text(change, "/before"), text(change, "/after")), ("ignore", "handoff care"));
    assert_eq!((text(change, "/examples/0/id"), text(change, "/examples/0/text")), (first.as_str(), "a tulip"));
    let conversation = admin.conversation_of(&first).await;
    assert_eq!(text(&admin.get(&format!("/conversations/{conversation}")).await, "/owner"), "bot", "without effect");
    let (_, metrics) = daemon.get("/metrics").await;
    assert!(metrics.contains("switchboard_shadow_decisions_total{candidate=\"changed\"} 1"), "{metrics}");

    // A broken candidate says so, and harms nothing.
    daemon.home.write_rules("candidate/10-rules.yaml", &RULES.replace("contains", "containz"));
    let broken = eventually("the candidate is broken", || async {
        let candidate = admin.get("/rules").await["candidate"].clone();
        candidate["hash"].is_null().then_some(candidate)
    });
    let broken = broken.await;
    assert!(text(&broken, "/findings/0/message").contains("containz") && broken["report"].is_null(), "{broken}");
    assert_eq!(admin.try_get("/rules/files?set=candidate").await.0, 404);
    admin.conversation_of(&daemon.http().say("zoe", "a tulip").await).await;
    // Mended, it begins anew; gone, it is gone.
    write_candidate(&daemon.home);
    report(&daemon, &admin, 0).await;
    std::fs::remove_dir_all(daemon.home.path().join("routing-rules/candidate")).unwrap();
    eventually("it is gone", || async { admin.get("/rules").await["candidate"].is_null().then_some(()) }).await;
}

#[tokio::test]
async fn a_message_is_tried_out_under_both_rule_sets() {
    let home = home();
    write_candidate(&home);
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let message = daemon.http().say("li", "hello").await;
    let conversation = admin.conversation_of(&message).await;
    let customer = admin.get(&format!("/conversations/{conversation}")).await["customer"]["id"].clone();
    let body =
        |set: &str| json!({"given": {"message": {"text": "a tulip!!! 太差了"}}, "customer": customer, "set": set});
    let (status, now) = admin.post("/rules/try", &body("in_force")).await;
    assert_eq!((status, text(&now, "/destination")), (200, "ignore"), "{now}");
    assert_eq!(now["facts"]["customer"]["contacts_24h"], 2, "the one of today, and this one");
    assert!(text(&now, "/signals/sentiment/value") == "negative", "{now}");
    let (_, then) = admin.post("/rules/try", &body("candidate")).await;
    assert_eq!(text(&then, "/destination"), "handoff care");
    let matched = &then["rules"][0];
    assert_eq!((text(matched, "/name"), &matched["matched"], &matched["line"]), ("flowers", &json!(true), &json!(3)));
    let files = admin.get("/rules/files?set=candidate").await;
    assert_eq!(text(&items(&files)[0], "/text").lines().nth(2), Some("  - name: flowers"));
    for (wrong, hint) in [
        (json!({"given": {"mesage": {}}}), "message"),
        (json!({"given": {"message": {"texd": "x"}}}), "message.text"),
        (json!({"given": {"conversation": {"bot_turns": "many"}}}), "bot_turns"),
        (json!({"given": {}, "set": "other"}), "in_force"),
    ] {
        let (status, answer) = admin.post("/rules/try", &wrong).await;
        assert!(status == 400 && text(&answer, "/error/message").contains(hint), "{wrong}: {answer}");
    }
    let before = admin.get("/ledger").await;
    assert_eq!(before["accepted"], daemon.ledger().await["accepted"], "nothing was done");
}

#[tokio::test]
async fn the_board_says_what_waits_in_which_order_and_why() {
    let daemon = home().start().await;
    let admin = daemon.admin().await;
    daemon.agent(&admin, "ann", json!({"skills": {"bows": 2}})).await;
    let bob = daemon.agent(&admin, "bob", json!({"skills": {"bows": 5}, "capacity": 10})).await;
    let _live = bob.live().await;
    bob.presence("online").await;
    let id = admin.conversation_of(&daemon.http().say("li", "a person").await).await;
    let board = eventually("it waits", || async {
        let board = admin.get("/board").await;
        (board["waiting"].as_array().unwrap().len() == 1).then_some(board)
    });
    let board = board.await;
    let waits = &board["waiting"][0];
    assert_eq!((text(waits, "/conversation/id"), &waits["position"], text(waits, "/queue")), (&*id, &json!(1), "care"));
    assert_eq!((&waits["parts"]["priority"], &waits["parts"]["sla"]), (&json!(900), &json!(0)));
    assert!(waits["score"].as_f64().unwrap() >= 900.0);
    assert_eq!(waits["members"], 3);
    let hindered = &waits["hindered"];
    assert_eq!((&hindered["not_online"], &hindered["skill"], &hindered["capacity"]), (&json!(2), &json!(2), &json!(1)));
    assert_eq!(waits["missing"], json!([{"skill": "bows", "needs": 3, "have": 1}]));
    assert_eq!(board["agents"].as_array().unwrap().len(), 3);
    assert_eq!(bob.try_get("/board").await.0, 403);
    let candidates = admin.get(&format!("/conversations/{id}/candidates?agent=bob")).await;
    let standing = &items(&candidates)[0]["standing"];
    assert_eq!((text(standing, "/type"), text(standing, "/hindrances/0/type")), ("hindered", "capacity"));
    assert_eq!(items(&candidates)[0]["fits"], false);
}
