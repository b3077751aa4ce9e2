//! Too much at once, and a disk that takes nothing: refused rather than lost.

use std::{collections::BTreeSet, process::Stdio};

use futures::future::join_all;
use serde_json::json;
use tokio::process::Command;

use crate::harness::{Callback, Daemon, Home, HttpChannel, Sent, Visitor, eventually, uuid};

const QUESTION: &str = "How do I return an item?";

#[tokio::test]
async fn past_the_bound_it_is_busy_and_nothing_acknowledged_is_lost() {
    let daemon = Home::new().with_config("[inbox]\nmax_waiting = 1\n").start().await;
    let http = daemon.http();
    let (mut accepted, mut refused) = (BTreeSet::new(), 0);
    let mut round = 0;
    while refused == 0 {
        round += 1;
        assert!(round < 50, "with room for one, 64 at once were never too many");
        let sent = join_all((0..64).map(|at| {
            let http = http.clone();
            async move { http.send(&HttpChannel::message(&format!("c-{round}-{at}"), QUESTION)).await }
        }));
        for answer in sent.await {
            match answer.status {
                202 => assert!(accepted.insert(answer.id())),
                503 => {
                    assert!(answer.retry_after.is_some() && answer.code() == "busy", "{answer:?}");
                    refused += 1;
                }
                _ => panic!("{answer:?}"),
            }
        }
    }
    let ledger = settled(&daemon).await;
    assert_eq!(ledger["decided"], accepted.len());
    assert_eq!(ledger["dead"], 0);
    let sent: Sent = eventually("room again", || async {
        let sent = http.send(&HttpChannel::message("after", QUESTION)).await;
        (sent.status == 202).then_some(sent)
    })
    .await;
    sent.id();
}

/// The ledger once nothing waits.
async fn settled(daemon: &Daemon) -> serde_json::Value {
    eventually("every message has its turn", || async {
        let ledger = daemon.ledger().await;
        (ledger["waiting"] == 0).then_some(ledger)
    })
    .await
}

/// Lets the daemon's files grow no more than so many bytes: `unlimited`, or what a full disk is.
async fn file_size(daemon: &Daemon, most: &str) {
    let limit = format!("--fsize={most}:unlimited");
    let pid = daemon.pid().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &limit]).stdout(Stdio::null()).status().await.unwrap();
    assert!(set.success(), "prlimit, of util-linux, sets the limit");
}

#[tokio::test]
async fn a_record_that_cannot_be_written_acknowledges_nothing_and_recovers() {
    let callback = Callback::start().await;
    // Past the limit a write fails as on a full disk, instead of ending the process.
    let home = Home::new().with_prelude("trap '' XFSZ").with_callback(&callback.url);
    let daemon = home.start().await;
    let http = daemon.http();
    let admin = daemon.admin().await;
    let before = http.say("before", QUESTION).await;
    admin.conversation_of(&before).await;
    callback.wait(1).await;
    assert_eq!(daemon.get("/readyz").await.0, 200);

    file_size(&daemon, "1").await;
    let during = HttpChannel::message("during", QUESTION);
    let refused = http.send(&during).await;
    assert_eq!((refused.status, refused.code()), (503, "unavailable"), "{refused:?}");
    assert!(refused.retry_after.is_some());
    let (status, body) = daemon.get("/readyz").await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(daemon.get("/healthz").await.0, 200, "it lives: restarting it would not help");
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let id = uuid();
    visitor.send(&json!({"type": "message", "id": id, "text": QUESTION})).await;
    let answer = visitor.wait("an answer", |frame| frame["type"] == "error" || frame["type"] == "accepted").await;
    assert_eq!((&answer["code"], answer["retry_after"].is_u64()), (&json!("unavailable"), true), "{answer}");
    assert_eq!(admin.try_get("/conversations?box=open").await.0, 200, "what is there can be read");

    file_size(&daemon, "unlimited").await;
    eventually("ready again", || async { (daemon.get("/readyz").await.0 == 200).then_some(()) }).await;
    // Each sends the same again, and it is new: nothing of the failed try was kept.
    let sent = http.send(&during).await;
    assert_eq!(sent.body["duplicate"], false);
    visitor.say_as(&id, QUESTION).await;
    visitor.said_by("bot", 1).await;
    callback.wait(2).await;
    let ledger = settled(&daemon).await;
    assert_eq!((&ledger["accepted"], &ledger["decided"]), (&json!(3), &json!(3)));
    assert!(daemon.log().contains("can be written again"), "{}", daemon.log());
}

#[tokio::test]
async fn turns_and_replies_wait_for_the_disk() {
    let callback = Callback::start().await;
    callback.next([crate::harness::Answer::Status(503, Some(0))]);
    let home = Home::new().with_prelude("trap '' XFSZ").with_callback(&callback.url);
    let mut daemon = home.start().await;
    let http = daemon.http();
    let mut sent = Vec::new();
    // The disk fills up while messages come: some are refused, and the rest have their turns when there is room.
    let flood = async {
        for at in 0..40 {
            let answer = http.send(&HttpChannel::message(&format!("c-{}", at % 5), QUESTION)).await;
            assert!(matches!(answer.status, 202 | 503), "{answer:?}");
            if answer.status == 202 {
                sent.push(answer.id());
            }
        }
    };
    let trouble = async {
        callback.wait(2).await;
        file_size(&daemon, "1").await;
        eventually("not ready", || async { (daemon.get("/readyz").await.0 == 503).then_some(()) }).await;
        file_size(&daemon, "unlimited").await;
        eventually("ready", || async { (daemon.get("/readyz").await.0 == 200).then_some(()) }).await;
    };
    futures::join!(flood, trouble);
    let ledger = settled(&daemon).await;
    assert_eq!(ledger["decided"], sent.len());
    let count = sent.len();
    let distinct = |received: &[crate::harness::Received]| {
        received.iter().map(|received| &received.id).collect::<BTreeSet<_>>().len() == count
    };
    callback.wait_until("every reply", distinct).await;
    daemon.stop().await;
    assert_eq!(daemon.ledger().await["outbound"][2], count);
}
