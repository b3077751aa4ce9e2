//! The folder of the rules changes in every way that folders do: what it says last is in force, or the last good set is.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::harness::{Console, Daemon, Home, Live, eventually, text, uuid};

const RULES: &str = "rules:\n  - name: the word of the day\n    when: message.text.contains(\"WORD\")\n    then:\n      - close: true\n";
const END: &str = "rules:\n  - name: the rest\n    then:\n      - answer: {otherwise: [{ignore: true}]}\n";
const GARDEN: &str = "---\nlanguage: en\n---\n\n# Garden\n\n## When do tulips bloom?\n\nIn April, most years.\n";

fn word(word: &str) -> String {
    RULES.replace("WORD", word)
}

/// A daemon whose word of the day is “tulip”, its admin, and what the admin's console is told.
async fn garden() -> (Daemon, Console, Live) {
    let home = Home::new();
    home.write_rules("10-rules.yaml", &word("tulip"));
    home.write_rules("90-end.yaml", END);
    home.write_rules("knowledge/garden.en.md", GARDEN);
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let live = admin.live().await;
    (daemon, admin, live)
}

fn rules(daemon: &Daemon) -> PathBuf {
    daemon.home.path().join("routing-rules")
}

/// The rule that decides on a text.
async fn decides(daemon: &Daemon, admin: &Console, said: &str) -> String {
    let message = daemon.http().say(&uuid(), said).await;
    let entries = admin.entries(&admin.conversation_of(&message).await).await;
    text(entries.iter().find(|entry| text(entry, "/kind") == "message").unwrap(), "/decision/rule").to_owned()
}

async fn last_good_stays(daemon: &Daemon, admin: &Console, because: &str) -> Value {
    assert_eq!(decides(daemon, admin, "a tulip").await, "the word of the day", "{because}");
    let status = admin.get("/rules").await;
    let finding = &status["findings"][0];
    assert!(text(finding, "/severity") == "error" && !text(finding, "/message").is_empty(), "{because}: {status}");
    finding.clone()
}

async fn in_force(daemon: &Daemon, admin: &Console, wanted: &str) {
    eventually(wanted, || async {
        let matched = decides(daemon, admin, wanted).await == "the word of the day";
        (matched && admin.get("/rules").await["findings"] == serde_json::json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn half_a_file_changes_nothing_and_the_other_half_heals_it() {
    let (daemon, admin, mut live) = garden().await;
    let file = rules(&daemon).join("10-rules.yaml");
    let whole = word("rose");
    for half in [whole.len() / 3, whole.len() / 2, whole.len() - 8] {
        fs::write(&file, &whole[..half]).unwrap();
        live.wait("a finding", |event| event["type"] == "rules" && event["findings"] != 0).await;
        let finding = last_good_stays(&daemon, &admin, &whole[..half]).await;
        assert_eq!(text(&finding, "/file"), "10-rules.yaml");
    }
    fs::write(&file, &whole).unwrap();
    in_force(&daemon, &admin, "a rose").await;
}

#[tokio::test]
async fn a_folder_that_disappears_takes_nothing_with_it_and_may_come_back() {
    let (daemon, admin, mut live) = garden().await;
    let (folder, away) = (rules(&daemon), daemon.home.path().join("away"));
    fs::rename(&folder, &away).unwrap();
    live.wait("a finding", |event| event["type"] == "rules" && event["findings"] != 0).await;
    let finding = last_good_stays(&daemon, &admin, "no folder").await;
    assert!(text(&finding, "/message").contains("cannot be read"), "{finding}");
    assert!(answer(&daemon, &admin).await.unwrap().contains("April"), "what the bot knows stays too");

    fs::rename(&away, &folder).unwrap();
    live.wait("no finding", |event| event["type"] == "rules" && event["findings"] == 0).await;
    // The same folder, another one of its name, and a link that is set to another one: each is watched.
    fs::write(folder.join("10-rules.yaml"), word("rose")).unwrap();
    in_force(&daemon, &admin, "a rose").await;
    fs::remove_dir_all(&folder).unwrap();
    for (version, wanted) in [("v1", "a daisy"), ("v2", "a lily")] {
        let version = daemon.home.path().join(version);
        fs::create_dir_all(&version).unwrap();
        fs::write(version.join("10-rules.yaml"), word(&wanted[2..])).unwrap();
        fs::write(version.join("90-end.yaml"), END).unwrap();
        let link = daemon.home.path().join("link");
        std::os::unix::fs::symlink(&version, &link).unwrap();
        fs::rename(&link, &folder).unwrap();
        in_force(&daemon, &admin, wanted).await;
    }
    fs::write(daemon.home.path().join("v2/10-rules.yaml"), word("an iris")).unwrap();
    in_force(&daemon, &admin, "an iris").await;
}

/// What the bot knows about flowers, if it does.
async fn answer(daemon: &Daemon, admin: &Console) -> Option<String> {
    let message = daemon.http().say(&uuid(), "When do Tulips bloom?").await;
    let entries = admin.entries(&admin.conversation_of(&message).await).await;
    entries.iter().find(|entry| text(entry, "/kind") == "reply").map(|entry| text(entry, "/body/text").to_owned())
}

#[tokio::test]
async fn a_file_that_goes_or_is_none_is_a_finding_and_nothing_waits_for_it() {
    let (daemon, admin, mut live) = garden().await;
    let folder = rules(&daemon);
    let end = folder.join("90-end.yaml");
    let pipe = folder.join("20-pipe.yaml");
    let knowledge = folder.join("knowledge/pipe.md");
    let mkfifo = |path: &PathBuf| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    fs::remove_file(&end).unwrap();
    live.wait("no default", |event| event["type"] == "rules" && event["findings"] != 0).await;
    last_good_stays(&daemon, &admin, "a file is gone").await;
    fs::write(&end, END).unwrap();
    live.wait("healed", |event| event["type"] == "rules" && event["findings"] == 0).await;
    for pipe in [&pipe, &knowledge] {
        mkfifo(pipe);
        live.wait("a pipe", |event| event["type"] == "rules" && event["findings"] != 0).await;
        let finding = last_good_stays(&daemon, &admin, "a pipe").await;
        assert!(text(&finding, "/message").contains("it is a pipe"), "{finding}");
        fs::remove_file(pipe).unwrap();
        live.wait("healed", |event| event["type"] == "rules" && event["findings"] == 0).await;
    }
}

#[tokio::test]
async fn while_too_many_rules_are_looked_at_messages_are_decided() {
    let (daemon, admin, mut live) = garden().await;
    let folder = rules(&daemon);
    for file in 0..2 {
        let rules: String = (0..10_001).map(|at| format!("  - {{name: r{file}-{at}, then: [{{tag: x}}]}}\n")).collect();
        fs::write(folder.join(format!("2{file}.yaml")), format!("rules:\n{rules}")).unwrap();
    }
    assert_eq!(decides(&daemon, &admin, "a tulip").await, "the word of the day");
    live.wait("a finding", |event| event["type"] == "rules" && event["findings"] != 0).await;
    let finding = last_good_stays(&daemon, &admin, "20,002 rules").await;
    assert!(text(&finding, "/message").contains("20000 are the most"), "{finding}");
    for file in 0..2 {
        fs::remove_file(folder.join(format!("2{file}.yaml"))).unwrap();
    }
    fs::write(folder.join("10-rules.yaml"), word("rose")).unwrap();
    in_force(&daemon, &admin, "a rose").await;
}

#[tokio::test]
async fn what_two_admins_write_at_once_is_all_in_force() {
    let (daemon, admin, _live) = garden().await;
    let folder = rules(&daemon);
    for round in 0..4 {
        let writers = ["11-ann", "12-bo"].map(|admin| {
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || {
                for save in 0..40 {
                    let rules = format!(
                        "rules:\n  - name: {admin} saved {round}-{save}\n    when: message.automatic\n    then:\n      - tag: x\n"
                    );
                    // One writes in place, the other one beside it and renames.
                    let to = folder.join(format!("{admin}.yaml"));
                    if admin == "11-ann" {
                        fs::write(&to, rules).unwrap();
                    } else {
                        let beside = folder.join(".saving");
                        fs::write(&beside, rules).unwrap();
                        fs::rename(beside, &to).unwrap();
                    }
                }
            })
        });
        for writer in writers {
            writer.await.unwrap();
        }
        let ran = daemon.home.run(&["rules", "check", "--json"]).await;
        let folder_says: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(folder_says["findings"], serde_json::json!([]), "{}", ran.all());
        eventually("both saves are in force", || async {
            (admin.get("/rules").await["hash"] == folder_says["hash"]).then_some(())
        })
        .await;
    }
}
