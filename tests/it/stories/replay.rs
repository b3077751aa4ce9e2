//! What other rules would have done with the messages of the past, asked of the record itself.

use std::fs;

use serde_json::Value;

use crate::harness::{Daemon, Home, Ran, text};

const RULES: &str = r#"
rules:
  - name: flowers
    when: message.text.any_word(["tulip", "郁金香"])
    then:
      - tag: flower
      - handoff: {queue: care}
  - name: the rest
    then:
      - close: true
"#;
const QUEUES: &str =
    "queues:\n  care: {title: {en: Care}, members: everyone}\n  garden: {title: {en: Garden}, members: everyone}\n";

/// A shop whose rules changed in between: two messages were handed over by the first rules, one by the second ones,
/// and two were closed.
async fn shop() -> Daemon {
    let home = Home::new();
    home.write_rules("10-rules.yaml", RULES);
    home.write_rules("queues.yaml", QUEUES);
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let mut live = admin.live().await;
    let first = admin.get("/rules").await["hash"].clone();
    for (handle, said) in [("li", "a tulip"), ("bo", "郁金香多少钱？"), ("ann", "hello"), ("eve", "an order")] {
        let message = daemon.http().say(handle, said).await;
        admin.conversation_of(&message).await;
    }
    daemon.home.write_rules("10-rules.yaml", &RULES.replace("tulip", "rose"));
    live.wait("new rules", |event| event["type"] == "rules" && event["hash"] != first).await;
    let message = daemon.http().say("joe", "a rose").await;
    admin.conversation_of(&message).await;
    daemon
}

/// Writes rules into a folder that no daemon uses.
fn write(home: &Home, folder: &str, rules: &str) {
    let folder = home.path().join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("10-rules.yaml"), rules).unwrap();
    fs::write(folder.join("queues.yaml"), QUEUES).unwrap();
}

async fn replay(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["rules", "replay"], arguments].concat()).await
}

/// The report, and how many decisions there are, are the same, are by another rule, are changed.
fn counted(ran: &Ran) -> (Value, [u64; 4]) {
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.all()));
    let counts = ["messages", "unchanged", "by_another_rule", "changed"].map(|name| report[name].as_u64().unwrap());
    (report, counts)
}

#[tokio::test]
async fn other_rules_are_tried_on_the_messages_of_the_past() {
    let mut daemon = shop().await;
    let both = RULES.replace("\"tulip\"", "\"tulip\", \"rose\"");
    write(&daemon.home, "both", &both);
    write(&daemon.home, "renamed", &both.replace("name: the rest", "name: whatever else"));
    let garden = both.replace("tag: flower", "tag: 花").replace("queue: care", "queue: garden, priority: high");
    write(&daemon.home, "garden", &garden.replace("then:\n      - close", "then:\n      - tag: odd\n      - close"));
    for runs in [true, false] {
        if !runs {
            daemon.stop().await;
        }
        let home = &daemon.home;
        let ran = replay(home, &["--rules", "both", "--fail-on-change"]).await;
        assert!(ran.ok && ran.out.contains("Nothing would change."), "{}", ran.all());
        assert!(ran.out.starts_with("5 decisions from ") && ran.out.contains("by 2 rule sets"), "{}", ran.all());

        // The rules in force have forgotten the English tulips.
        let ran = replay(home, &["--json"]).await;
        let (report, counts) = counted(&ran);
        assert!(ran.ok && counts == [5, 4, 0, 1], "{}", ran.all());
        assert_eq!(report["by_record"], 0, "the rules of the time are kept: {report}");
        let change = &report["changes"][0];
        assert_eq!((text(change, "/before"), text(change, "/after")), ("handoff care", "close"));
        assert_eq!(text(change, "/examples/0/text"), "a tulip");

        let ran = replay(home, &["--rules", "renamed", "--fail-on-change", "--json"]).await;
        assert!(ran.ok && counted(&ran).1 == [5, 3, 2, 0], "another rule is no change: {}", ran.all());

        let ran = replay(home, &["--rules", "garden", "--fail-on-change", "--examples", "1"]).await;
        assert_eq!(ran.code, Some(1), "{}", ran.all());
        let lines: Vec<String> =
            ran.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for expected in [
            "5 changed",
            "handoff care handoff garden 3",
            "close the same 2",
            "normal high 3",
            "tag flower 3 0",
            "tag 花 0 3",
            "tag odd 0 2",
            "handoff care → handoff garden: 3 decisions, for example",
            "destination handoff care → handoff garden",
            "actions tag flower → tag 花",
            "priority normal → high",
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected}: {}", ran.all());
        }
        assert!(ran.out.contains("http  “a tulip”") && !ran.out.contains('\x1b'), "{}", ran.all());
        let why = ran.out.split_whitespace().find(|word| word.starts_with("msg_")).unwrap();
        let why = home.run(&["why", why]).await;
        assert!(why.ok && why.out.contains("a tulip"), "{}", why.all());

        let ran = replay(home, &["--rules", "garden", "--limit", "2", "--json"]).await;
        assert_eq!(text(&counted(&ran).0, "/changes/0/examples/1/text"), "郁金香多少钱？");
        assert_eq!((counted(&ran).1, &counted(&ran).0["limited"]), ([2, 0, 0, 2], &Value::Bool(true)));
        let ran = replay(home, &["--until", "1h"]).await;
        assert!(ran.ok && ran.out.contains("Nothing was decided in that time."), "{}", ran.all());
    }
}

#[tokio::test]
async fn what_cannot_be_replayed_is_said() {
    let home = Home::new();
    write(&home, "good", RULES);
    write(&home, "broken", &RULES.replace("message.text", "mesage.text"));
    let ran = replay(&home, &["--rules", "good"]).await;
    assert!(!ran.ok && ran.err.contains("there is no record"), "{}", ran.all());
    let daemon = home.start().await;
    let ran = replay(&daemon.home, &["--rules", "broken"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.all());
    assert!(ran.out.contains("10-rules.yaml:4:11") && ran.out.contains("did you mean “message”?"), "{}", ran.all());
    let ran = replay(&daemon.home, &["--rules", "broken", "--json"]).await;
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(!ran.ok && found["findings"][0]["line"] == 4, "{}", ran.all());
    for (arguments, part) in [
        (["--since", "soon"].as_slice(), "2026-11-20T09:00:00Z"),
        (&["--since", "1h", "--until", "2h"], "is not before"),
        (&["--limit", "0"], "limit"),
    ] {
        let ran = replay(&daemon.home, &[&["--rules", "good"], arguments].concat()).await;
        assert!(!ran.ok && ran.err.contains(part), "{arguments:?}: {}", ran.all());
    }
}
