//! The daemon is stopped or killed between any two steps, and the story goes on.

use serde_json::json;

use crate::harness::{Daemon, Home, Visitor, items, text, uuid};

#[derive(Clone, Copy)]
enum End {
    Stop,
    Kill,
}

async fn again(daemon: &mut Daemon, end: End) {
    match end {
        End::Stop => daemon.stop().await,
        End::Kill => daemon.kill().await,
    }
    daemon.restart().await;
}

#[tokio::test]
async fn a_story_goes_on_after_a_stop() {
    goes_on(End::Stop).await;
}

#[tokio::test]
async fn a_story_goes_on_after_a_kill() {
    goes_on(End::Kill).await;
}

async fn goes_on(end: End) {
    let mut daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    let live = ann.live().await;
    ann.presence("online").await;
    ann.presence("away").await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let first = uuid();
    visitor.say_as(&first, "How do I return an item?").await;
    visitor.said_by("bot", 1).await;

    again(&mut daemon, end).await;
    live.ended().await;
    // The visitor is not sure that the message arrived, and sends it again.
    let mut visitor = visitor.come_back(&daemon.url).await;
    let accepted = visitor.say_as(&first, "How do I return an item?").await;
    assert!(visitor.entries.is_empty(), "nothing was missing");
    visitor.say("I want to talk to a person").await;
    visitor.owned_by("queue").await;

    again(&mut daemon, end).await;
    let mut visitor = visitor.reload(&daemon.url).await;
    assert_eq!(visitor.entries.len(), 4);
    assert!(visitor.entries.contains_key(text(&accepted, "/entry")));
    visitor.place(1).await;
    // The session stands, and so does what the agent was: away, as they last said.
    let ann = ann.moved(&daemon.url);
    let mut live = ann.live().await;
    let me = ann.get("/me").await;
    assert_eq!(text(&me, "/agent/presence"), "away");
    ann.presence("online").await;
    let offer = live.offer().await;

    again(&mut daemon, end).await;
    // An offer is forgotten by a crash, and made again to an agent who was at work and is back.
    let ann = ann.moved(&daemon.url);
    assert_eq!(ann.accept(&offer).await.0, 409);
    let mut live = ann.live().await;
    let offer = match items(&ann.get("/offers").await).first() {
        Some(offer) => offer.clone(),
        None => live.offer().await,
    };
    assert_eq!(ann.accept(&offer).await.0, 200);
    let id = text(&offer, "/conversation/id").to_owned();
    assert_eq!(ann.reply(&id, "I am here.", "r-1").await.0, 201);

    again(&mut daemon, end).await;
    let ann = ann.moved(&daemon.url);
    let mut visitor = visitor.come_back(&daemon.url).await;
    assert_eq!(visitor.said_by("agent", 1).await, ["I am here."]);
    assert_eq!(text(&visitor.status, "/owner"), "agent");
    assert_eq!(ann.reply(&id, "I am here.", "r-1").await.0, 201, "the browser sends it again");
    assert_eq!(items(&ann.get("/conversations?box=mine").await).len(), 1);
    let entries = ann.entries(&id).await;
    let said: Vec<&str> =
        entries.iter().filter(|e| text(e, "/kind") == "reply").map(|e| text(e, "/body/text")).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(entries.iter().filter(|e| text(e, "/kind") == "message").count(), 2);
    assert_eq!(ann.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 200);
    visitor.owned_by("closed").await;
    let ledger = daemon.ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["decided"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_second_daemon_does_not_take_the_data_of_the_first() {
    let daemon = Home::new().start().await;
    let ran = daemon.home.run(&["run", "--listen", "127.0.0.1:0"]).await;
    assert!(!ran.ok);
    assert!(ran.err.contains("another daemon uses the data folder"), "{}", ran.all());
    assert_eq!(daemon.get("/readyz").await.0, 200);
}
