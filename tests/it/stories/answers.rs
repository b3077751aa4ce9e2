//! The bot answers in the customer's language, and knows when to fetch a person.

use serde_json::{Value, json};

use crate::harness::{Console, Home, HttpChannel, Visitor, items, text};

const QUESTIONS: [(&str, &str); 2] = [("How do I return an item?", "30 days"), ("怎么退货？", "30 天")];

#[tokio::test]
async fn a_question_is_answered_in_its_language_on_every_channel() {
    let daemon = Home::new().start().await;
    let http = daemon.http();
    for (at, (question, answer)) in QUESTIONS.into_iter().enumerate() {
        let mut visitor = Visitor::arrive(&daemon.url).await;
        visitor.say(question).await;
        let said = visitor.said_by("bot", 1).await;
        assert!(said[0].contains(answer), "{said:?}");
        let handle = format!("customer-{at}");
        http.say(&handle, question).await;
        let said = http.said_by(&handle, "bot", 1).await;
        assert!(said[0].contains(answer), "{said:?}");
    }
    assert_eq!(daemon.ledger().await["decided"], 4);
}

#[tokio::test]
async fn one_conversation_may_change_its_language() {
    let daemon = Home::new().start().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    for (count, (question, answer)) in QUESTIONS.into_iter().enumerate() {
        visitor.say(question).await;
        let said = visitor.said_by("bot", count + 1).await;
        assert!(said[count].contains(answer), "{said:?}");
    }
    visitor.owned_by("bot").await;
}

/// What a customer writes, and what they must be told and the desk must know of it.
struct Row {
    says: &'static [&'static str],
    told: &'static str,
    rule: &'static str,
    priority: &'static str,
    tags: &'static [&'static str],
}

const ROWS: [Row; 6] = [
    Row {
        says: &["what is the weather on mars", "and who is the king of the moon"],
        told: "You are number 1 in line",
        rule: "the second question without an answer reaches a person",
        priority: "normal",
        tags: &["no-answer"],
    },
    Row {
        says: &["火星上今天的天气怎么样", "月亮上的国王是谁"],
        told: "第 1 位",
        rule: "the second question without an answer reaches a person",
        priority: "normal",
        tags: &["no-answer"],
    },
    Row {
        says: &["This is a disgrace, where is my parcel!!!"],
        told: "You are number 1 in line",
        rule: "angry customers reach a person",
        priority: "high",
        tags: &["frustrated"],
    },
    Row {
        says: &["这是我见过最差的服务，太过分了！"],
        told: "第 1 位",
        rule: "angry customers reach a person",
        priority: "high",
        tags: &["frustrated"],
    },
    Row {
        says: &["I want to talk to a person"],
        told: "You are number 1 in line",
        rule: "who asks for a person gets one",
        priority: "normal",
        tags: &[],
    },
    Row {
        says: &["转人工"], told: "第 1 位", rule: "who asks for a person gets one", priority: "normal", tags: &[]
    },
];

#[tokio::test]
async fn who_needs_a_person_is_queued_and_told_their_place() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    for row in ROWS {
        let mut visitor = Visitor::arrive(&daemon.url).await;
        for (count, said) in row.says.iter().enumerate() {
            visitor.say(said).await;
            visitor.said_by("bot", count + 1).await;
        }
        visitor.owned_by("queue").await;
        visitor.place(1).await;
        let said = visitor.said_by("bot", row.says.len()).await;
        assert!(said.last().unwrap().contains(row.told), "{said:?}");
        is_as_decided(&admin, &row).await;
    }
}

/// The one that waits is as the row says; then it is closed, so that the next one is first again.
async fn is_as_decided(admin: &Console, row: &Row) {
    let waiting = admin.get("/conversations?box=queued").await;
    let waiting = items(&waiting);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let conversation = &waiting[0];
    assert_eq!(text(conversation, "/queue"), "care");
    assert_eq!(text(conversation, "/priority"), row.priority, "{:?}", row.says);
    assert_eq!(conversation["tags"], json!(row.tags), "{:?}", row.says);
    let id = text(conversation, "/id");
    let detail = admin.get(&format!("/conversations/{id}")).await;
    assert_eq!(text(&detail, "/handoff/rule"), row.rule);
    assert_eq!(text(&detail, "/handoff/summary"), *row.says.last().unwrap());
    let why = admin.get(&format!("/messages/{}/why", text(&detail, "/handoff/decided_in"))).await;
    assert!(text(&why, "/outcome").contains("care"), "{why}");
    assert!(why["rules"].as_array().unwrap().iter().any(|rule| rule["name"] == row.rule && rule["matched"] == true));
    assert_eq!(admin.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 200);
}

#[tokio::test]
async fn the_line_moves_up_for_those_behind() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let mut first = Visitor::arrive(&daemon.url).await;
    first.say("I want to talk to a person").await;
    first.owned_by("queue").await;
    first.place(1).await;
    let mut second = Visitor::arrive(&daemon.url).await;
    second.say("转人工").await;
    second.owned_by("queue").await;
    second.place(2).await;
    let said = second.said_by("bot", 1).await;
    assert!(said[0].contains("第 2 位"), "{said:?}");
    let waiting = admin.get("/conversations?box=queued").await;
    let id = text(&items(&waiting)[0], "/id").to_owned();
    assert_eq!(admin.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 200);
    first.owned_by("closed").await;
    second.place(1).await;
}

#[tokio::test]
async fn what_a_customer_changes_or_takes_back_is_known_and_not_answered() {
    let daemon = Home::new().start().await;
    let (http, admin) = (daemon.http(), daemon.admin().await);
    let mut message = HttpChannel::message("li", "How do I return an itm?");
    message["id"] = json!("m-1");
    let first = http.send(&message).await.id();
    let id = admin.conversation_of(&first).await;
    let does = |event_id: &str, said: &str, event: Value| json!({"id": event_id, "from": {"handle": "li"}, "text": said, "event": event});
    let edit = does("m-2", "How do I return an item?", json!({"type": "edit", "of": "m-1"}));
    let delete = does("m-3", "", json!({"type": "delete", "of": "m-1"}));
    for (event, kind, left) in [(edit, "edit", "How do I return an item?"), (delete, "delete", "")] {
        let sent = http.send(&event).await.id();
        assert_eq!(admin.conversation_of(&sent).await, id);
        let entries = admin.entries(&id).await;
        let last = entries.last().unwrap();
        assert_eq!((text(last, "/id"), text(last, "/content")), (&*sent, kind), "nothing was answered");
        assert_eq!((text(last, "/about"), text(last, "/body/text")), ("m-1", left));
        let shown = admin.get(&format!("/conversations/{id}")).await;
        assert_eq!(text(&shown, "/last/text"), left);
        assert_eq!(shown["messages"], 1);
    }
    // A button that the other system showed.
    let pressed = does("m-4", "", json!({"type": "postback", "value": "return", "title": "How do I return an item?"}));
    http.send(&pressed).await.id();
    http.said_by("li", "bot", 2).await;
}
