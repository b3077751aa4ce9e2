//! How well it goes: what is solved without a person, what was asked in vain, and the section that is written for it.

use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, Visitor, eventually, items, text};

const UNKNOWN: &str = "Can I bring my dog into your shop?";

async fn shop() -> (Daemon, Console) {
    let home = Home::new();
    home.unpack_rules().await;
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    (daemon, admin)
}

async fn total(admin: &Console) -> Value {
    admin.get("/measures?days=1").await["total"].clone()
}

/// Two that ask what the bot knows, one that asks what it does not, and one that wants a person.
async fn a_day(daemon: &Daemon) {
    for question in ["How do I return an item?", "怎么退货？"] {
        let mut visitor = Visitor::arrive(&daemon.url).await;
        visitor.say(question).await;
        visitor.said_by("bot", 1).await;
    }
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say(UNKNOWN).await;
    visitor.said_by("bot", 1).await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("I want to talk to a person, ann@example.com").await;
    visitor.owned_by("queue").await;
}

#[tokio::test]
async fn what_is_solved_without_a_person_is_counted_and_stays_so_when_the_daemon_is_killed() {
    let (mut daemon, admin) = shop().await;
    a_day(&daemon).await;
    let counted = total(&admin).await;
    let conversations = json!({"opened": 4, "contained": 0, "handed": 1, "under_way": 3});
    assert_eq!(counted["conversations"], conversations, "the bot's may still go on");
    assert_eq!((&counted["answers"], &counted["misses"]), (&json!(2), &json!(1)));
    let open = items(&admin.get("/conversations?box=open&limit=200").await).to_vec();
    for conversation in open.iter().filter(|open| text(open, "/owner") == "bot") {
        let id = text(conversation, "/id");
        assert_eq!(admin.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 200);
    }
    let measures = admin.get("/measures?days=1").await;
    let ended = json!({"opened": 4, "contained": 3, "handed": 1, "under_way": 0});
    assert_eq!(measures["total"]["conversations"], ended);
    assert_eq!(measures["total"]["containment"], 0.75);
    assert_eq!(measures["handoffs"][0]["rule"], "who asks for a person gets one");
    assert_eq!(measures["first_reply"]["count"], 4);
    let of = |which: &str, name: &str| {
        let part = measures[which].as_array().unwrap().iter().find(|part| part["name"] == name);
        part.unwrap_or_else(|| panic!("no {name}: {measures}"))["conversations"]["opened"].clone()
    };
    assert_eq!(
        (of("languages", "zh-Hans"), of("channels", "webchat"), of("queues", "care")),
        (json!(1), json!(4), json!(1))
    );
    let chinese = admin.get("/measures?days=1&language=zh").await;
    assert_eq!(chinese["total"]["conversations"]["opened"], 1);
    let metrics = daemon.get("/metrics").await.1;
    for line in [
        "switchboard_handoffs_total{rule=\"who asks for a person gets one\",queue=\"care\"} 1",
        "switchboard_answers_total{channel=\"webchat\"} 2",
        "switchboard_misses_total{channel=\"webchat\"} 1",
        "switchboard_day_conversations{stands=\"contained\"} 3",
        "switchboard_day_containment_ratio 0.75",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    daemon.kill().await;
    let recounted = daemon_recounts(&daemon).await;
    assert!(recounted.contains('4'), "{recounted}");
    daemon.restart().await;
    let admin = admin.moved(&daemon.url);
    assert_eq!(admin.get("/measures?days=1").await["total"], measures["total"]);
}

/// Counts everything anew from the journal.
async fn daemon_recounts(daemon: &Daemon) -> String {
    let ran = daemon.home.run(&["recount"]).await;
    assert!(ran.ok, "{}", ran.all());
    ran.all()
}

#[tokio::test]
async fn a_section_that_is_written_for_a_miss_answers_it() {
    let (daemon, admin) = shop().await;
    for question in [UNKNOWN, "can i bring my dog to your shop", "可以带宠物进店吗？"] {
        let mut visitor = Visitor::arrive(&daemon.url).await;
        visitor.say(question).await;
        visitor.said_by("bot", 1).await;
    }
    let found = admin.get("/measures/misses?days=1").await;
    let groups = found["groups"].as_array().unwrap();
    assert_eq!((groups.len(), &found["questions"], &found["folder"]), (2, &json!(3), &json!(true)), "{found}");
    let dog = &groups[0];
    assert_eq!((&dog["count"], &dog["answered"], &dog["language"]), (&json!(2), &json!(0), &json!("en")), "{dog}");
    assert_eq!(dog["wordings"].as_array().unwrap().len(), 1);
    let file = text(dog, "/file");
    let section = json!({
        "file": file, "language": "en", "question": dog["question"], "also": dog["wordings"],
        "answer": "Yes, dogs are welcome on a **lead**.",
    });
    let with = |key: &str, value: Value| {
        let mut changed = section.clone();
        changed[key] = value;
        changed
    };
    let (status, checked) = admin.post("/measures/sections", &with("check", json!(true))).await;
    assert_eq!((status, &checked["saved"], &checked["unanswered"]), (200, &json!(false), &json!([])), "{checked}");
    for (wrong, status, code) in [
        (with("file", json!("../rules.md")), 400, "wrong_request"),
        (with("file", json!("returns.en.md")), 409, "exists"),
        (with("answer", json!("")), 422, "findings"),
        (with("question", json!("How do I return an item?")), 422, "findings"),
        (with("language", json!("english please")), 422, "findings"),
    ] {
        let (got, answer) = admin.post("/measures/sections", &wrong).await;
        assert_eq!((got, text(&answer, "/error/code")), (status, code), "{wrong}: {answer}");
    }
    let ann = daemon.agent(&admin, "ann", json!({"role": "supervisor"})).await;
    assert_eq!(ann.post("/measures/sections", &section).await.0, 403);
    assert_eq!(ann.try_get("/measures/misses").await.0, 403);
    assert_eq!(admin.without_csrf().post("/measures/sections", &section).await.0, 403);

    let (status, written) = admin.post("/measures/sections", &section).await;
    assert_eq!((status, &written["saved"]), (200, &json!(true)), "{written}");
    let path = daemon.home.path().join("routing-rules/knowledge").join(file);
    assert_eq!(std::fs::read_to_string(path).unwrap(), text(&written, "/markdown"));
    assert_eq!(admin.post("/measures/sections", &section).await.0, 409, "what is there stays");
    let groups = eventually("the miss is answered", || async {
        let found = admin.get("/measures/misses?days=1").await;
        let groups = found["groups"].as_array().unwrap().clone();
        groups.iter().any(|group| group["answered"] == 2).then_some(groups)
    })
    .await;
    assert_eq!(text(&groups[0], "/language"), "zh", "what nobody has answered comes first");
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say(UNKNOWN).await;
    assert!(visitor.said_by("bot", 1).await[0].contains("dogs are welcome on a lead"));
}

#[tokio::test]
async fn what_cannot_be_written_is_said_and_periods_are_checked() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let section = json!({"file": "x.en.md", "language": "en", "question": "Do you?", "answer": "Yes."});
    let (status, answer) = admin.post("/measures/sections", &section).await;
    assert_eq!((status, text(&answer, "/error/code")), (409, "not_writable"), "only what ships: {answer}");
    let empty = admin.get("/measures/misses").await;
    assert_eq!((&empty["groups"], &empty["folder"]), (&json!([]), &json!(false)));
    let none = admin.get("/measures").await;
    assert_eq!((none["days"].as_array().unwrap().len(), &none["total"]["containment"]), (7, &Value::Null));
    for (query, status) in [
        ("since=2026-01-01&until=2026-01-31", 200),
        ("since=2026-02-01&until=2026-01-31", 400),
        ("since=2020-01-01&until=2026-01-31", 400),
        ("since=yesterday", 400),
        ("what=else", 400),
    ] {
        assert_eq!(admin.try_get(&format!("/measures?{query}")).await.0, status, "{query}");
    }
}
