//! What one daemon of several does, and another one has to hear of.

use std::time::Duration;

use serde_json::json;

use super::{
    alarms::{fired, first_fired},
    callback::{deliveries, held_for},
    fleet::leader,
};
use crate::harness::{Answer, Callback, Daemon, Fleet, Home, eventually, text};

/// After how long a courier tries by itself a channel that was refused is a minute.
const LONG_BEFORE_A_PROBE: Duration = Duration::from_secs(30);

/// Silence is noticed, and a promised reply that is late.
fn watch_time(home: &Home) {
    home.write_rules("queues.yaml", "queues:\n  care: {title: {en: Care}, sla: {next_reply: 2s, risk: 50}}\n");
    home.write_rules(
        "10-rules.yaml",
        "rules:
  - {name: late, on: sla_risk, then: [{tag: late}]}
  - {name: quiet, on: idle, after: 1s, then: [{tag: quiet}]}
  - {name: people, when: message.text.contains(\"person\"), then: [{handoff: {queue: care}}]}
  - {name: the rest, then: [ignore]}
",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_message_makes_due_is_watched_over_wherever_it_was_taken() {
    let mut fleet = Fleet::start().await;
    let mut daemons = Vec::new();
    for role in ["gateway", "worker", "desk"] {
        let home = fleet.home(role, None);
        watch_time(&home);
        daemons.push(fleet.daemon(home).await);
    }
    // Turns are the worker's, alarms are the desk's.
    assert_eq!(leader(&daemons).await, 2);
    let gateway = &daemons[0];
    let admin = gateway.admin().await;

    // Once silence was noticed nothing is due any more, until the customer writes again.
    let id = admin.conversation_of(&gateway.http().say("li", "Hello").await).await;
    for time in 1..=2 {
        eventually("silence is noticed", || async { (fired(&admin, &id, "quiet").await.len() == time).then_some(()) })
            .await;
        gateway.http().say("li", "Hello again").await;
    }

    let ann = gateway.agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    ann.come_online().await;
    gateway.http().say("bo", "Is there a person?").await;
    let offer = live.offer().await;
    assert_eq!(ann.accept(&offer).await.0, 200);
    let id = text(&offer, "/conversation/id").to_owned();
    assert_eq!(ann.reply(&id, "I am one.", "c-1").await.0, 201);
    gateway.http().say("bo", "And what now?").await;
    let late = first_fired(&admin, &id, "late").await;
    assert_eq!(text(&late, "/on"), "sla_risk");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_somebody_insists_on_is_tried_wherever_its_courier_is() {
    let callback = Callback::start().await;
    callback.usually(Answer::Status(401, None));
    let mut fleet = Fleet::start().await;
    let mut daemons: Vec<Daemon> = Vec::new();
    for role in ["gateway", "worker"] {
        let home = fleet.home(role, Some(&callback));
        daemons.push(fleet.daemon(home).await);
    }
    let gateway = &daemons[0];
    let admin = gateway.admin().await;
    let message = gateway.http().say("li", "How do I return an item?").await;
    let first = callback.wait(1).await.remove(0);
    deliveries(&admin, &message, "it is held", |all| all.iter().any(|one| held_for(one, "channel"))).await;
    // The gateway sends nothing itself.
    callback.usually(Answer::Taken);
    assert_eq!(admin.post(&format!("/outbound/{}/resend", first.id), &json!({})).await.0, 200);
    let tried = tokio::time::timeout(LONG_BEFORE_A_PROBE, callback.wait(2)).await;
    assert_eq!(tried.expect("it is tried at once")[1].id, first.id);
    deliveries(&admin, &message, "it is sent", |all| all.iter().all(|one| one["state"] == "sent")).await;
}
