//! Rules and knowledge change while the daemon runs; wrong ones change nothing.

use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, items, text, uuid};

const RULES: &str = r#"
rules:
  - name: the word of the day
    when: message.text.contains("WORD")
    then:
      - tag: word
      - close: true
  - name: people
    when: message.text.contains("person")
    then:
      - handoff: {queue: care}
  - name: the rest
    then:
      - ignore: true
"#;
const QUEUES: &str = "queues:\n  care:\n    title: {en: Care}\n    members: everyone\n";

fn home() -> Home {
    let home = Home::new();
    home.write_rules("10-rules.yaml", &RULES.replace("WORD", "tulip"));
    home.write_rules("queues.yaml", QUEUES);
    home
}

/// The rule that decides on a text.
async fn decides(daemon: &Daemon, admin: &Console, said: &str) -> String {
    let message = daemon.http().say(&uuid(), said).await;
    let conversation = admin.conversation_of(&message).await;
    let entries = admin.entries(&conversation).await;
    text(entries.iter().find(|entry| text(entry, "/kind") == "message").unwrap(), "/decision/rule").to_owned()
}

async fn finding_metric(daemon: &Daemon) -> String {
    let (_, metrics) = daemon.get("/metrics").await;
    metrics.lines().find(|line| line.starts_with("switchboard_rule_findings")).unwrap().to_owned()
}

#[tokio::test]
async fn a_valid_change_is_in_force_and_an_invalid_one_changes_nothing() {
    let daemon = home().start().await;
    let admin = daemon.admin().await;
    let mut live = admin.live().await;
    assert_eq!(decides(&daemon, &admin, "a tulip").await, "the word of the day");
    assert_eq!(decides(&daemon, &admin, "a rose").await, "the rest");

    daemon.home.write_rules("10-rules.yaml", &RULES.replace("WORD", "rose"));
    let before = admin.get("/rules").await;
    let told = live.wait("new rules", |event| event["type"] == "rules" && event["findings"] == 0).await;
    let status = admin.get("/rules").await;
    assert_eq!(status["hash"], told["hash"]);
    assert!(before["hash"] != status["hash"] || decides(&daemon, &admin, "a rose").await == "the word of the day");
    assert_eq!(decides(&daemon, &admin, "a rose").await, "the word of the day");
    assert_eq!(decides(&daemon, &admin, "a tulip").await, "the rest");

    let wrong = [
        ("a field that is none", RULES.replace("contains", "containz").replace("WORD", "x")),
        ("no default", RULES.split("  - name: the rest").next().unwrap().to_owned()),
        ("no YAML", "rules: [".to_owned()),
        ("an unknown queue", RULES.replace("close: true", "handoff: {queue: cary}")),
        (
            "a failing test",
            format!(
                "{RULES}\ntests:\n  - name: fails\n    given: {{message: {{text: x}}}}\n    expect: {{rule: the word of the day}}\n"
            ),
        ),
    ];
    for (name, file) in wrong {
        daemon.home.write_rules("10-rules.yaml", &file);
        live.wait(name, |event| event["type"] == "rules" && event["findings"] != 0).await;
        let now = admin.get("/rules").await;
        assert_eq!(now["hash"], status["hash"], "{name}");
        let finding = &now["findings"][0];
        assert_eq!((text(finding, "/severity"), text(finding, "/file")), ("error", "10-rules.yaml"), "{name}: {now}");
        assert!(finding["line"].as_u64().unwrap() > 0 && !text(finding, "/message").is_empty(), "{name}: {now}");
        assert!(!finding_metric(&daemon).await.ends_with(" 0"), "{name}");
        assert_eq!(decides(&daemon, &admin, "a rose").await, "the word of the day", "{name}");
        // The good file again: no finding is left.
        daemon.home.write_rules("10-rules.yaml", &RULES.replace("WORD", "rose"));
        live.wait(name, |event| event["type"] == "rules" && event["findings"] == 0).await;
        assert!(finding_metric(&daemon).await.ends_with(" 0"), "{name}");
    }
}

#[tokio::test]
async fn an_old_decision_is_explained_by_the_rules_of_its_time() {
    let daemon = home().start().await;
    let admin = daemon.admin().await;
    let mut live = admin.live().await;
    let message = daemon.http().say("li", "a tulip").await;
    admin.conversation_of(&message).await;
    let hash = admin.get("/rules").await["hash"].clone();
    daemon.home.write_rules("10-rules.yaml", &RULES.replace("WORD", "rose"));
    live.wait("new rules", |event| event["type"] == "rules" && event["hash"] != hash).await;
    let why = admin.get(&format!("/messages/{message}/why")).await;
    assert_eq!(why["rule_set"], hash);
    let rule = &why["rules"][0];
    assert_eq!((text(rule, "/name"), rule["matched"] == true), ("the word of the day", true));
    assert!(text(rule, "/when").contains("tulip"), "{why}");
    let ran = daemon.home.run(&["why", &message]).await;
    assert!(ran.ok && ran.out.contains("the word of the day"), "{}", ran.all());
}

#[tokio::test]
async fn new_knowledge_answers_and_broken_knowledge_leaves_the_old() {
    const RULES: &str = "rules:\n  - name: people\n    when: message.text == 'person'\n    then:\n      - handoff: {queue: care}\n  - name: ask\n    then:\n      - answer: {otherwise: [{ignore: true}]}\n";
    const GOOD: &str = "---\nlanguage: en\n---\n\n# Garden\n\n## When do tulips bloom?\n\nIn April, most years.\n";
    let home = Home::new();
    home.write_rules("10-rules.yaml", RULES);
    home.write_rules("queues.yaml", QUEUES);
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let mut live = admin.live().await;
    daemon.home.write_rules("knowledge/garden.en.md", GOOD);
    let http = daemon.http();
    let asks = async |handle: String| {
        let message = http.say(&handle, "When do tulips bloom?").await;
        let entries = admin.entries(&admin.conversation_of(&message).await).await;
        entries.iter().find(|entry| text(entry, "/kind") == "reply").map(|e| text(e, "/body/text").to_owned())
    };
    live.event("rules").await;
    let answer = crate::harness::eventually("an answer", || asks(uuid())).await;
    assert!(answer.contains("April"), "{answer}");
    daemon.home.write_rules("knowledge/garden.en.md", "---\nlanguage: [\n---\n");
    live.wait("a finding", |event| event["type"] == "rules" && event["findings"] != 0).await;
    assert!(asks("late".to_owned()).await.unwrap().contains("April"));
    let status: Value = admin.get("/rules").await;
    let findings = status["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| text(finding, "/file") == "knowledge/garden.en.md"), "{status}");
}

#[tokio::test]
async fn with_broken_rules_it_does_not_start_and_says_where() {
    let home = Home::new();
    home.write_rules(
        "10-rules.yaml",
        "rules:\n  - name: a\n    whn: message.text == ''\n    then:\n      - ignore: true\n",
    );
    let ran = home.run(&["run", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.all());
    for part in ["10-rules.yaml", "whn", "when"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.all());
    }
    assert!(!ran.out.contains("listens on"));
}

#[tokio::test]
async fn a_queue_that_rules_bring_is_served_at_once() {
    let daemon = home().start().await;
    let admin = daemon.admin().await;
    let mut live = admin.live().await;
    assert_eq!(items(&admin.get("/queues").await).len(), 1);
    daemon
        .home
        .write_rules("queues.yaml", &format!("{QUEUES}  night:\n    title: {{en: Night}}\n    members: everyone\n"));
    daemon
        .home
        .write_rules("10-rules.yaml", &RULES.replace("close: true", "handoff: {queue: night}").replace("WORD", "owl"));
    live.wait("both files", |event| event["type"] == "rules" && event["findings"] == 0).await;
    admin.presence("online").await;
    crate::harness::eventually("the queue", || async { (items(&admin.get("/queues").await).len() == 2).then_some(()) })
        .await;
    crate::harness::eventually("the rule", || async {
        (decides(&daemon, &admin, "an owl").await == "the word of the day").then_some(())
    })
    .await;
    let offer = crate::harness::eventually("an offer", || async {
        items(&admin.get("/offers").await).iter().find(|offer| offer["queue"] == json!("night")).cloned()
    })
    .await;
    assert_eq!(text(&offer, "/queue"), "night");
}
