//! What time alone brings about: rules that wait, escalations, first replies; once, and over a restart.

use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, eventually, text};

const QUEUES: &str = "
queues:
  care: {title: {en: Care}, first_reply: FIRST, escalate: [{after: 1s, priority: urgent}, {after: 2s, queue: rescue}]}
  rescue: {title: {en: Rescue}}
";
const TEMPLATES: &str = "
templates:
  still-there: {en: Are you still there?, zh: 您还在吗？}
  goodbye: {en: How was it?, zh: 您满意吗？}
";
const RULES: &str = r#"
rules:
  - name: nobody answers
    on: waiting
    after: WAITING
    then: [{tag: long-wait}, {notify: "Waits in ${conversation.queue}"}]
  - name: are you there
    on: idle
    after: IDLE
    then: [{reply: {template: still-there}}, {tag: asked}]
  - name: goodbye
    on: closed
    then: [{reply: {template: goodbye}}, {tag: surveyed}]
  - name: never
    on: idle
    after: IDLE
    when: message.text.contains("nothing of the kind")
    then: [close]
  - name: people
    when: message.text.contains("person")
    then: [{handoff: {queue: care}}]
  - name: done
    when: message.text.contains("done")
    then: [close]
  - name: the rest
    then: [ignore]
"#;

fn home(waiting: &str, idle: &str, first_reply: &str) -> Home {
    let home = Home::new();
    home.write_rules("10-rules.yaml", &RULES.replace("WAITING", waiting).replace("IDLE", idle));
    home.write_rules("queues.yaml", &QUEUES.replace("FIRST", first_reply));
    home.write_rules("templates.yaml", TEMPLATES);
    home.write_rules("skills.yaml", "languages: [en, zh]");
    home
}

async fn says(daemon: &Daemon, admin: &Console, handle: &str, said: &str) -> String {
    let message = daemon.http().say(handle, said).await;
    admin.conversation_of(&message).await
}

pub(super) async fn fired(console: &Console, conversation: &str, rule: &str) -> Vec<Value> {
    let entries = console.entries(conversation).await.into_iter();
    entries.filter(|entry| text(entry, "/kind") == "fired" && text(entry, "/decision/rule") == rule).collect()
}

pub(super) async fn first_fired(console: &Console, conversation: &str, rule: &str) -> Value {
    eventually(rule, || async { fired(console, conversation, rule).await.into_iter().next() }).await
}

fn has_tag(conversation: &Value, tag: &str) -> bool {
    conversation["tags"].as_array().unwrap().iter().any(|has| has == tag)
}

#[tokio::test]
async fn rules_that_wait_act_once_and_a_restart_changes_nothing() {
    let mut daemon = home("1s", "1s", "1h").start().await;
    let admin = daemon.admin().await;
    let quiet = says(&daemon, &admin, "li", "hello").await;
    let queued = says(&daemon, &admin, "bo", "a person please").await;
    let closed = says(&daemon, &admin, "ann", "done").await;

    let asked = first_fired(&admin, &quiet, "are you there").await;
    assert_eq!((text(&asked, "/on"), asked["after"].as_u64()), ("idle", Some(1)));
    let waits = first_fired(&admin, &queued, "nobody answers").await;
    first_fired(&admin, &closed, "goodbye").await;
    assert_eq!(daemon.http().said_by("li", "bot", 1).await, ["Are you still there?"]);
    assert_eq!(daemon.http().said_by("ann", "bot", 1).await, ["How was it?"]);
    let why = admin.get(&format!("/messages/{}/why", text(&waits, "/id"))).await;
    assert_eq!((text(&why, "/text"), why["facts"]["on"].as_str()), ("a person please", Some("waiting")));
    assert!(text(&why, "/outcome").contains("Left as it is"), "{why}");

    daemon.kill().await;
    daemon.restart().await;
    let admin = daemon.admin().await;
    // A new one fires after the restart, so the clock has looked at the old ones.
    let later = says(&daemon, &admin, "zoe", "hello again").await;
    first_fired(&admin, &later, "are you there").await;
    for (conversation, rule) in [(&quiet, "are you there"), (&queued, "nobody answers"), (&closed, "goodbye")] {
        assert_eq!(fired(&admin, conversation, rule).await.len(), 1, "{rule}");
        assert!(fired(&admin, conversation, "never").await.is_empty());
    }
    // Silence begins anew when somebody speaks.
    says(&daemon, &admin, "li", "yes I am").await;
    eventually("a second time", || async { (fired(&admin, &quiet, "are you there").await.len() == 2).then_some(()) })
        .await;
}

#[tokio::test]
async fn what_became_due_while_the_daemon_was_away_happens_at_its_start() {
    let mut daemon = home("2s", "1h", "1h").start().await;
    let admin = daemon.admin().await;
    let queued = says(&daemon, &admin, "bo", "a person please").await;
    daemon.kill().await;
    daemon.restart().await;
    let admin = daemon.admin().await;
    first_fired(&admin, &queued, "nobody answers").await;
    let conversation = eventually("the escalation", || async {
        let conversation = admin.get(&format!("/conversations/{queued}")).await;
        (text(&conversation, "/queue") == "rescue").then_some(conversation)
    });
    let conversation = conversation.await;
    assert_eq!(text(&conversation, "/priority"), "urgent");
    assert!(has_tag(&conversation, "long-wait"));
    let entries = admin.entries(&queued).await;
    let steps: Vec<&Value> = entries.iter().filter(|entry| text(entry, "/event/type") == "escalated").collect();
    assert_eq!(steps.len(), 2);
    assert_eq!((text(steps[0], "/event/priority"), text(steps[1], "/event/queue")), ("urgent", "rescue"));
    let notes = entries.iter().filter(|entry| text(entry, "/kind") == "note").count();
    assert_eq!(notes, 1);
}

#[tokio::test]
async fn who_takes_a_conversation_and_says_nothing_loses_it_again() {
    let daemon = home("1h", "1h", "1s").start().await;
    let admin = daemon.admin().await;
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    ann.presence("online").await;
    let queued = says(&daemon, &admin, "bo", "a person please").await;
    let since = admin.get(&format!("/conversations/{queued}")).await["handoff"]["at"].clone();
    assert_eq!(ann.accept(&live.offer().await).await.0, 200);
    let back = eventually("it waits again", || async {
        let conversation = admin.get(&format!("/conversations/{queued}")).await;
        (text(&conversation, "/owner") == "queue").then_some(conversation)
    });
    assert_eq!(back.await["handoff"]["at"], since, "at its original age");
    // It is offered again; this time there is an answer, and nothing happens to it.
    let offer = live.offer().await;
    assert_eq!(ann.accept(&offer).await.0, 200);
    assert_eq!(ann.reply(&queued, "Here I am.", "c-1").await.0, 201);
    let other = says(&daemon, &admin, "li", "a person too").await;
    assert_eq!(ann.accept(&live.offer().await).await.0, 200);
    eventually("the other one waits again", || async {
        (text(&admin.get(&format!("/conversations/{other}")).await, "/owner") == "queue").then_some(())
    })
    .await;
    assert_eq!(text(&admin.get(&format!("/conversations/{queued}")).await, "/owner"), "agent");
}
