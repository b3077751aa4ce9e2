//! Second opinions from an endpoint elsewhere: what they change, and that nothing waits for them.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::harness::{Console, Daemon, Home, eventually, text};

/// A message of whose tone the embedded classifier is not sure.
const UNSURE: &str = "so";

/// A daemon that asks an endpoint which always answers so.
async fn judged_by(response: ResponseTemplate, settings: &str) -> (MockServer, Daemon, Console) {
    let judge = MockServer::start().await;
    Mock::given(method("POST")).respond_with(response).mount(&judge).await;
    let url = judge.uri();
    let config = format!("[understanding.remote]\nkind = \"http\"\nurl = {url:?}\nmodel = \"judge-1\"\n{settings}");
    let daemon = Home::new().with_config(&config).start().await;
    let admin = daemon.admin().await;
    (judge, daemon, admin)
}

fn angry() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"sentiment": {"label": "very_negative", "confidence": 0.95}}))
}

async fn refined(console: &Console, conversation: &str) -> Option<Value> {
    console.entries(conversation).await.into_iter().find(|entry| text(entry, "/kind") == "refined")
}

#[tokio::test]
async fn what_comes_after_the_turn_moves_the_conversation_and_is_explained() {
    let (_judge, daemon, admin) = judged_by(angry(), "").await;
    let message = daemon.http().say("li", UNSURE).await;
    let id = admin.conversation_of(&message).await;
    let entry = eventually("the second opinion", || refined(&admin, &id)).await;
    assert_eq!((text(&entry, "/of"), text(&entry, "/author/type")), (&*message, "system"));
    assert_eq!(text(&entry, "/signals/sentiment/value"), "very_negative");
    assert!(text(&entry, "/signals/model").ends_with(" + judge-1"), "{entry}");
    assert_eq!(text(&entry, "/decision/destination"), "handoff care");
    let conversation = admin.get(&format!("/conversations/{id}")).await;
    assert_eq!((text(&conversation, "/owner"), text(&conversation, "/priority")), ("queue", "high"));
    assert_eq!(text(&conversation, "/handoff/summary"), UNSURE);
    assert_eq!(conversation["handoff"]["decided_in"], entry["id"]);
    let first = admin.get(&format!("/messages/{message}/why")).await;
    assert!(!text(&first, "/outcome").contains("handoff care"), "the first decision stands: {first}");
    let second = admin.get(&format!("/messages/{}/why", text(&entry, "/id"))).await;
    assert_eq!((text(&second, "/message"), text(&second, "/text")), (&*message, UNSURE));
    assert!(text(&second, "/outcome").contains("what turns out to be anger"), "{second}");
    assert_eq!(second["facts"]["on"], "signals");
    let printed = daemon.home.run(&["why", text(&entry, "/id")]).await;
    assert!(printed.ok && printed.out.contains("judge-1"), "{}", printed.all());
    // The customer sees the handoff, and nothing of the opinion.
    let said = daemon.http().said_by("li", "bot", 2).await;
    assert!(said[1].contains("number 1 in line"), "{said:?}");
    assert_eq!(daemon.ledger().await["decided"], 1);
}

#[tokio::test]
async fn a_turn_that_waits_for_it_decides_on_it() {
    let (_judge, daemon, admin) = judged_by(angry(), "wait = \"50s\"\ndeadline = \"50s\"\n").await;
    let message = daemon.http().say("li", UNSURE).await;
    let id = admin.conversation_of(&message).await;
    let why = admin.get(&format!("/messages/{message}/why")).await;
    assert!(text(&why, "/outcome").contains("angry customers reach a person"), "{why}");
    assert!(refined(&admin, &id).await.is_none(), "there is nothing to come after");
}

#[tokio::test]
async fn nothing_waits_for_an_endpoint_that_does_not_answer() {
    let (_judge, daemon, admin) = judged_by(angry().set_delay(Duration::from_secs(3600)), "deadline = \"1h\"\n").await;
    for handle in ["li", "bo", "ann"] {
        let message = daemon.http().say(handle, UNSURE).await;
        admin.conversation_of(&message).await;
    }
    assert_eq!(daemon.ledger().await["decided"], 3);
}

#[tokio::test]
async fn a_thumb_is_not_asked_about() {
    let (judge, daemon, admin) = judged_by(angry(), "").await;
    let thumb = json!({"id": "r", "from": {"handle": "li"}, "event": {"type": "reaction", "to": "m", "emoji": "👎"}});
    let reaction = daemon.http().send(&thumb).await.id();
    admin.conversation_of(&reaction).await;
    // What comes after it in the same thread has been asked about, and nothing before.
    let message = daemon.http().say("li", UNSURE).await;
    let id = admin.conversation_of(&message).await;
    eventually("the second opinion", || refined(&admin, &id)).await;
    assert_eq!(judge.received_requests().await.unwrap().len(), 1);
}
