//! Conversations that move between people: transfers, supervisors, and why somebody was not asked.

use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, Live, items, text};

/// A daemon, its admin, and somebody who waits for a person.
async fn shop() -> (Daemon, Console, String) {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let message = daemon.http().say("li", "I want to talk to a person").await;
    let conversation = admin.conversation_of(&message).await;
    (daemon, admin, conversation)
}

async fn agent(daemon: &Daemon, admin: &Console, login: &str, record: Value) -> (Console, Live) {
    let agent = daemon.agent(admin, login, record).await;
    let live = agent.live().await;
    agent.presence("online").await;
    (agent, live)
}

async fn event(console: &Console, conversation: &str, kind: &str) -> Value {
    let entries = console.entries(conversation).await;
    entries.into_iter().find(|entry| text(entry, "/event/type") == kind).unwrap_or_else(|| panic!("no {kind}"))
}

#[tokio::test]
async fn an_agent_gives_it_to_a_colleague_with_a_note_and_it_is_as_old_as_it_was() {
    let (daemon, admin, id) = shop().await;
    let (ann, mut ann_live) = agent(&daemon, &admin, "ann", json!({})).await;
    assert_eq!(ann.accept(&ann_live.offer().await).await.0, 200);
    let since = ann.get(&format!("/conversations/{id}")).await["handoff"]["at"].clone();
    let (bob, mut bob_live) = agent(&daemon, &admin, "bob", json!({"languages": ["fr"]})).await;
    let path = format!("/conversations/{id}/transfer");
    assert_eq!(bob.post(&path, &json!({"agent": "bob"})).await.0, 409, "it is not his to give");
    for (body, status) in [
        (json!({}), 400),
        (json!({"queue": "nowhere"}), 404),
        (json!({"agent": "nobody"}), 404),
        (json!({"agent": "bob", "note": "He knows **bows**."}), 200),
    ] {
        let (got, answer) = ann.post(&path, &body).await;
        assert_eq!(got, status, "{body}: {answer}");
    }
    let offer = bob_live.offer().await;
    assert_eq!(text(&offer, "/conversation/id"), id);
    assert_eq!(bob.accept(&offer).await.0, 200, "a colleague can take it, whatever the skills asked for");
    let now = bob.get(&format!("/conversations/{id}")).await;
    assert_eq!((text(&now, "/agent/name"), &now["handoff"]["at"]), ("Name of bob", &since));
    let moved = event(&bob, &id, "transferred").await;
    assert_eq!((text(&moved, "/event/by"), text(&moved, "/event/queue")), ("Name of ann", "care"));
    let notes: Vec<Value> = bob.entries(&id).await.into_iter().filter(|entry| text(entry, "/kind") == "note").collect();
    assert_eq!(text(&notes[0], "/body/text"), "He knows **bows**.");
    assert!(!daemon.http().thread("li").await.iter().any(|seen| seen.to_string().contains("bows")));
}

#[tokio::test]
async fn who_does_not_want_it_leaves_it_to_everybody() {
    let (daemon, admin, id) = shop().await;
    let (ann, mut ann_live) = agent(&daemon, &admin, "ann", json!({})).await;
    assert_eq!(ann.accept(&ann_live.offer().await).await.0, 200);
    let (bob, mut bob_live) = agent(&daemon, &admin, "bob", json!({})).await;
    assert_eq!(ann.post(&format!("/conversations/{id}/transfer"), &json!({"agent": bob.id()})).await.0, 200);
    let offer = bob_live.offer().await;
    let path = format!("/offers/{}/decline", text(&offer, "/id"));
    assert_eq!(bob.post(&path, &json!({"epoch": offer["epoch"]})).await.0, 204);
    assert_eq!(text(&ann_live.offer().await, "/conversation/id"), id);
}

#[tokio::test]
async fn a_supervisor_takes_over_and_gives_to_whom_they_want() {
    let (daemon, admin, id) = shop().await;
    let (ann, mut live) = agent(&daemon, &admin, "ann", json!({})).await;
    assert_eq!(ann.accept(&live.offer().await).await.0, 200);
    let path = format!("/conversations/{id}/take");
    assert_eq!(ann.post(&path, &json!({})).await.0, 403, "an agent takes nothing from anybody");
    let (status, taken) = admin.post(&path, &json!({})).await;
    assert_eq!((status, text(&taken, "/agent/name")), (200, "Admin"));
    assert_eq!(ann.reply(&id, "Me too!", "c-1").await.0, 409, "one owner");
    assert_eq!(admin.reply(&id, "I take care of it myself.", "c-2").await.0, 201);
    let (status, given) = admin.post(&path, &json!({"agent": "ann"})).await;
    assert_eq!((status, text(&given, "/agent/name")), (200, "Name of ann"));
    assert_eq!(ann.reply(&id, "And I go on.", "c-3").await.0, 201);
    // What the bot has can be taken too.
    let message = daemon.http().say("zoe", "How do I return an item?").await;
    let other = admin.conversation_of(&message).await;
    let (status, taken) = admin.post(&format!("/conversations/{other}/take"), &json!({})).await;
    assert_eq!((status, text(&taken, "/owner")), (200, "agent"));
    assert_eq!(admin.post(&format!("/conversations/{other}/close"), &json!({})).await.0, 200);
    assert_eq!(admin.post(&format!("/conversations/{other}/take"), &json!({})).await.0, 409, "it is closed");
}

#[tokio::test]
async fn it_is_said_why_somebody_was_not_asked() {
    let (daemon, admin, id) = shop().await;
    let full = json!({"capacity": 10, "caps": {"http": 0}});
    let (_ann, _live) = agent(&daemon, &admin, "ann", full).await;
    daemon.agent(&admin, "bob", json!({"languages": ["en"]})).await;
    let (_zoe, mut live) = agent(&daemon, &admin, "zoe", json!({})).await;
    live.offer().await;
    let found = admin.get(&format!("/conversations/{id}/candidates")).await;
    let because = |name: &str| -> Vec<String> {
        let found = items(&found).iter().find(|one| text(one, "/agent/name") == name).unwrap();
        found["because"].as_array().unwrap().iter().map(|said| said.as_str().unwrap().to_owned()).collect()
    };
    assert!(because("Name of zoe")[0].starts_with("It is offered to them until"), "{found}");
    assert_eq!(text(&items(&found)[0], "/agent/name"), "Name of zoe", "who fits comes first");
    assert_eq!(because("Name of bob"), ["They are offline."]);
    assert_eq!(
        because("Name of ann"),
        [
            "It weighs 20, and of their capacity of 10 0 is in use.",
            "They have 0 conversations of the kind http, and may have no more."
        ]
    );
    let said = daemon.home.run(&["why-not", "bob", &id]).await;
    assert!(said.ok && said.out.contains("Name of bob") && said.out.contains("They are offline."), "{}", said.all());
    let said = daemon.home.run(&["why-not", "nobody", &id]).await;
    assert!(!said.ok && said.all().contains("active agent of that id or login"), "{}", said.all());
}
