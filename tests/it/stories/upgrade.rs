//! Daemons are upgraded one after the other, while customers write and an agent talks to one of them.

use serde_json::json;

use super::fleet_harm::{Others, Writers, echo, is_all_there};
use crate::harness::{Callback, Console, Daemon, Fleet, PASSWORD, eventually, text};

/// Whether a daemon does its share.
async fn takes_part(daemon: &Daemon) {
    eventually("it has partitions", || async {
        (daemon.metric("switchboard_inbox_partitions").await > 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn daemons_of_two_versions_work_side_by_side_while_they_are_upgraded() {
    let callback = Callback::start().await;
    let mut fleet = Fleet::start().await;
    let mut daemons = Vec::new();
    for _ in 0..3 {
        let home = fleet.home("all", Some(&callback)).with_previous();
        echo(&home);
        daemons.push(fleet.daemon(home).await);
    }
    let admin = daemons[2].admin().await;
    let ann = daemons[2].agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    ann.come_online().await;
    daemons[0].http().say("li", "a person").await;
    let offer = live.offer().await;
    assert_eq!(ann.accept(&offer).await.0, 200);
    let conversation = text(&offer, "/conversation/id").to_owned();

    let database = fleet.postgres.client().await;
    let mut writers = Writers::begin(&daemons);
    writers.go_on("all of the version before", 100).await;
    for at in 0..daemons.len() {
        daemons[at].stop().await;
        writers.go_on("two at work", 100).await;
        daemons[at].home.upgrade();
        daemons[at].restart().await;
        writers.find(&daemons);
        takes_part(&daemons[at]).await;
        writers.go_on("two versions at work", 200).await;
        let versions = "SELECT count(DISTINCT version) FROM nodes WHERE expires_at > clock_timestamp()";
        let versions: i64 = database.query_one(versions, &[]).await.unwrap().get(0);
        assert_eq!(versions, if at < 2 { 2 } else { 1 });
        // The agent's own daemon is the last one.
        if at == 1 {
            assert_eq!(ann.reply(&conversation, "Hello from the version before", "r1").await.0, 201);
        }
    }
    let ann = Console::login(&daemons[0].url, "ann", PASSWORD).await;
    assert_eq!(ann.reply(&conversation, "Hello from this version", "r2").await.0, 201);
    assert_eq!(daemons[1].http().said_by("li", "agent", 2).await.len(), 2);
    let acknowledged = writers.end().await;
    is_all_there(&mut daemons, &callback, &acknowledged, Others { messages: 1, replies: 2 }).await;
}
