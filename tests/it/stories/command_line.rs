//! The command line, with and without a daemon.

use std::fs;

use serde_json::Value;

use crate::harness::{Console, Home, Visitor, text};

fn password_in(out: &str) -> String {
    out.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn init_writes_a_folder_that_checks_and_tests_clean() {
    let home = Home::new();
    let folder = home.path().join("shop");
    let shop = folder.to_str().unwrap();
    let ran = home.run(&["init", shop]).await;
    assert!(ran.ok, "{}", ran.all());
    let rules = folder.join("routing-rules");
    let rules = rules.to_str().unwrap();
    for command in [["rules", "check"], ["rules", "test"]] {
        let ran = home.run(&[command[0], command[1], "--rules", rules]).await;
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.all());
    }
    let config = folder.join("switchboard.toml");
    let ran = home.run(&["--config", config.to_str().unwrap(), "config", "check"]).await;
    assert!(ran.ok && ran.out.contains("The configuration is right."), "{}", ran.all());
    let ran = home.run(&["init", shop]).await;
    assert!(!ran.ok && ran.err.contains("is there already"), "{}", ran.all());
}

/// In a clone of the repository the rules that ship are there. Whoever has others wants them in force.
#[tokio::test]
async fn the_demo_runs_beside_the_rules_that_ship_and_beside_no_others() {
    let home = Home::new().with_demo();
    home.unpack_rules().await;
    let mut daemon = home.start().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("Where is my order A10023?").await;
    let said = visitor.said_by("bot", 1).await;
    assert!(said[0].contains("A10023"), "the shop was asked: {said:?}");
    daemon.stop().await;
    daemon.home.write_rules("99-own.yaml", "rules: []\n");
    let ran = daemon.home.run(&["run", "--listen", "127.0.0.1:0", "--demo"]).await;
    assert!(!ran.ok && ran.err.contains("start it in another folder"), "{}", ran.all());
}

#[tokio::test]
async fn a_wrong_setting_is_named_with_the_right_one() {
    let home = Home::new();
    let rows = [
        ("listn = \"127.0.0.1:1\"\n", "`listen`"),
        ("[inbox]\nmax_wating = 5\n", "`max_waiting`"),
        ("listen = \"nowhere\"\n", "`listen`"),
        ("[inbox]\ndedup_window = \"soon\"\n", "soon"),
        ("[inbox]\nmax_waiting = 0\n", "max_waiting"),
        ("[channels.http]\nkind = \"htp\"\n", "htp"),
        ("[channels.http]\nkind = \"http\"\ncallback = \"x\"\n", "callback_url"),
    ];
    for (toml, part) in rows {
        let file = home.path().join("wrong.toml");
        fs::write(&file, toml).unwrap();
        for command in [["config", "check"].as_slice(), &["run", "--listen", "127.0.0.1:0"]] {
            let ran = home.run(&[&["--config", file.to_str().unwrap()], command].concat()).await;
            assert_eq!(ran.code, Some(1), "{toml}: {}", ran.all());
            assert!(ran.err.contains(part), "{toml}: {}", ran.all());
        }
    }
}

#[tokio::test]
async fn rules_are_checked_tested_and_explained_without_a_daemon() {
    let home = Home::new();
    home.unpack_rules().await;
    let ran = home.run(&["rules", "explain", "--text", "转人工"]).await;
    assert!(ran.ok && ran.out.contains("who asks for a person gets one"), "{}", ran.all());
    let ran = home.run(&["rules", "explain", "--json", "--text", "x", "--set", "conversation.bot_misses=1"]).await;
    let explained: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(text(&explained, "/trace/outcome").contains("second question"), "{}", ran.all());
    let ran = home.run(&["rules", "explain", "--text", "x", "--set", "conversation.bot_mises=1"]).await;
    assert!(!ran.ok && ran.all().contains("bot_misses"), "{}", ran.all());

    let file = home.path().join("routing-rules/90-answer.yaml");
    let good = fs::read_to_string(&file).unwrap();
    home.write_rules("90-answer.yaml", &good.replace("rule: the bot answers", "rule: the bot answer"));
    for command in ["check", "test"] {
        let ran = home.run(&["rules", command]).await;
        assert_eq!(ran.code, Some(1), "{command}: {}", ran.all());
        assert!(ran.out.contains("90-answer.yaml"), "{command}: {}", ran.all());
    }
    home.write_rules("90-answer.yaml", &good.replace("queue: care", "queue: caer"));
    let ran = home.run(&["rules", "check", "--json"]).await;
    assert_eq!(ran.code, Some(1));
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(found["findings"].to_string().contains("care"), "{found}");
    let ran = home.run(&["rules", "check", "--rules", "nowhere"]).await;
    assert!(!ran.ok && ran.all().contains("nowhere"), "{}", ran.all());
}

#[tokio::test]
async fn agents_are_added_while_the_daemon_runs_and_while_it_does_not() {
    let mut daemon = Home::new().start().await;
    let add =
        ["agents", "add", "ann", "--name", "Ann 安", "--language", "zh", "--skill", "billing=4", "--queue", "care"];
    let ran = daemon.home.run(&add).await;
    assert!(ran.ok, "{}", ran.all());
    let ann = Console::login(&daemon.url, "ann", &password_in(&ran.out)).await;
    assert_eq!(text(&ann.me, "/name"), "Ann 安");
    let wrong = daemon.home.run(&["agents", "add", "bo", "--queue", "caer"]).await;
    assert!(!wrong.ok && wrong.err.contains("care"), "{}", wrong.all());
    let wrong = daemon.home.run(&["agents", "add", "bo", "--skill", "billing=9"]).await;
    assert!(!wrong.ok && wrong.err.contains("1 to 5"), "{}", wrong.all());
    daemon.stop().await;
    let ran = daemon.home.run(&["agents", "add", "Bo"]).await;
    assert!(ran.ok, "{}", ran.all());
    let listed = daemon.home.run(&["agents", "list", "--json"]).await;
    assert!(listed.out.contains("\"bo\"") && listed.out.contains("\"ann\""), "{}", listed.all());
    assert!(!listed.out.contains("argon2"), "no hash is shown");
    daemon.restart().await;
    Console::login(&daemon.url, "bo", &password_in(&ran.out)).await;
}

#[tokio::test]
async fn what_happened_is_told_while_the_daemon_runs_and_while_it_does_not() {
    let mut daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let message = daemon.http().say("li", "I want to talk to a person").await;
    admin.conversation_of(&message).await;
    for runs in [true, false] {
        if !runs {
            daemon.stop().await;
        }
        let ran = daemon.home.run(&["why", &message]).await;
        assert!(ran.ok && ran.out.contains("who asks for a person gets one"), "{}", ran.all());
        let ran = daemon.home.run(&["why", "--json", &message]).await;
        let why: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(text(&why, "/message"), message);
        let ran = daemon.home.run(&["ledger"]).await;
        assert!(ran.ok && ran.out.contains("It adds up."), "{}", ran.all());
        let ran = daemon.home.run(&["dead", "list"]).await;
        assert!(ran.ok && ran.out.contains("no dead letters"), "{}", ran.all());
        let ran = daemon.home.run(&["doctor", "--thorough"]).await;
        assert!(ran.ok && ran.out.contains("Nothing is wrong."), "{}", ran.all());
    }
    for (command, part) in [
        (["why", "cnv_0000000000000"].as_slice(), "no such conversation"),
        (&["why", "msg_0000000000000"], "no decided message"),
        (&["dead", "redrive", "msg_0000000000000"], "dead letter"),
        (&["--data", "elsewhere", "ledger"], "no record"),
        (&["ledgr"], "ledger"),
    ] {
        let ran = daemon.home.run(command).await;
        assert!(!ran.ok && ran.err.contains(part), "{command:?}: {}", ran.all());
    }
}

#[tokio::test]
async fn the_doctor_finds_what_is_wrong() {
    let mut daemon = Home::new().start().await;
    daemon.http().say("li", "hello").await;
    daemon.stop().await;
    let record = daemon.home.data().join("record.db");
    let mut bytes = fs::read(&record).unwrap();
    let middle = bytes.len() / 2;
    bytes[16_384..middle].fill(0xaa);
    fs::write(&record, bytes).unwrap();
    let ran = daemon.home.run(&["doctor", "--thorough"]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.all());
    assert!(ran.out.contains("WRONG"), "{}", ran.all());
}
