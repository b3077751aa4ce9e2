//! What rules ask for that nobody can do, and rules that never match: on the command line and in a running daemon.

use serde_json::{Value, json};

use crate::harness::{Daemon, Home, items, text};

const RULES: &str = r#"
rules:
  - name: flowers
    when: message.text.any_word(["tulip"])
    then:
      - handoff:
          queue: care
          skills:
            - {skill: billing, min: 4, relax: [{after: 3m, drop: true}]}
  - name: owls
    when: message.text.any_word(["owl"])
    then:
      - handoff: {queue: night}
  - name: slow
    on: waiting
    after: 2m
    then:
      - tag: slow
  - name: the rest
    then:
      - ignore: true
"#;
const QUEUES: &str = "queues:\n  care:\n    members: everyone\n  night:\n    members: assigned\n";

fn home() -> Home {
    let home = Home::new();
    home.write_rules("10-rules.yaml", RULES);
    home.write_rules("queues.yaml", QUEUES);
    home.write_rules("skills.yaml", "languages: [en]\nskills: {lang-en: , billing: }\n");
    home
}

/// `source line message` of every finding.
fn said(found: &Value) -> Vec<String> {
    let findings = found["findings"].as_array().unwrap_or_else(|| panic!("{found}"));
    assert!(findings.iter().all(|finding| finding["severity"] == "warning"), "{found}");
    let said =
        |finding: &Value| format!("{} {} {}", text(finding, "/source"), finding["line"], text(finding, "/message"));
    findings.iter().map(said).collect()
}

async fn checked(daemon: &Daemon, arguments: &[&str]) -> Value {
    let ran = daemon.home.run(&[&["rules", "check", "--json"], arguments].concat()).await;
    assert_eq!(ran.code, Some(0), "nothing is wrong with the files: {}", ran.all());
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.all()))
}

const BILLING: &str =
    "people 9 nobody in “care” has billing at level 4 or above: it is offered to nobody for the first 3m";
const NIGHT: &str = "people 4 nobody serves “night”: what comes to it is never offered to anybody";

#[tokio::test]
async fn what_nobody_can_do_is_told_and_goes_when_somebody_can() {
    let mut daemon = home().start().await;
    let admin = daemon.admin().await;
    assert_eq!(
        said(&admin.get("/rules").await),
        [BILLING, NIGHT],
        "rules that nobody can serve are in force all the same"
    );
    assert_eq!(said(&checked(&daemon, &[]).await), [BILLING, NIGHT]);

    let mut live = admin.live().await;
    let owl = json!({"skills": {"billing": 4}, "queues": ["night"]});
    daemon.agent(&admin, "owl", owl).await;
    live.event("rules").await;
    assert_eq!(said(&admin.get("/rules").await), Vec::<String>::new());
    let ran = daemon.home.run(&["rules", "check"]).await;
    assert!(ran.ok && ran.out.contains("People were checked: 2 in the record."), "{}", ran.all());

    let agents = admin.get("/agents").await;
    let owl = items(&agents).iter().find(|agent| text(agent, "/login") == "owl").unwrap();
    let (status, _) = admin.patch(&format!("/agents/{}", text(owl, "/id")), &json!({"active": false})).await;
    assert_eq!(status, 200);
    assert_eq!(said(&admin.get("/rules").await), [BILLING, NIGHT]);
    daemon.stop().await;
    assert_eq!(said(&checked(&daemon, &["--data", "data"]).await), [BILLING, NIGHT], "without a daemon too");
    let ran = daemon.home.run(&["rules", "check", "--data", "elsewhere"]).await;
    assert!(ran.ok && ran.out.contains("People were not checked: there is no record in elsewhere"), "{}", ran.all());
    assert!(!daemon.home.path().join("elsewhere").exists(), "checking makes no folder");
}

#[tokio::test]
async fn rules_that_match_no_recorded_message_are_told() {
    let daemon = home().start().await;
    let admin = daemon.admin().await;
    for (handle, words) in [("li", "a tulip"), ("bo", "hello")] {
        let message = daemon.http().say(handle, words).await;
        admin.conversation_of(&message).await;
    }
    // A rule that is newer than the messages is tried on them too.
    let roses = RULES.replace(
        "  - name: owls",
        "  - name: greetings\n    when: message.text == \"hello\"\n    then:\n      - tag: polite\n  - name: owls",
    );
    daemon.home.write_rules("10-rules.yaml", &roses);
    let found = checked(&daemon, &["--since", "30d"]).await;
    let past: Vec<String> = said(&found).into_iter().filter(|finding| finding.starts_with("past")).collect();
    assert_eq!(past.len(), 1, "{found}");
    assert!(past[0].starts_with("past 14 this rule matched none of the 2 decisions `on: message` since "), "{found}");
    assert_eq!((&found["past"]["decisions"], &found["past"]["untried"]), (&json!(2), &json!(["slow"])), "{found}");

    let ran = daemon.home.run(&["rules", "check", "--since", "30d"]).await;
    for part in ["2 decisions since ", "none of these decisions could try: slow.", "10-rules.yaml:14:11"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.all());
    }
    let ran = daemon.home.run(&["rules", "check", "--since", "30d", "--data", "elsewhere"]).await;
    assert!(!ran.ok && ran.err.contains("no record"), "{}", ran.all());
}
