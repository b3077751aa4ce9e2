//! One person on several channels is one customer, if and only if a channel vouches for it.

use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, Visitor, items, text, uuid, vouch};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const EMAIL: &str = "li.wei@example.com";

async fn shop() -> (Daemon, Console) {
    let home = Home::new().with_web_chat(&format!("identity_secrets = [{SECRET:?}]\n"));
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    (daemon, admin)
}

/// A user of the shop, as its server vouches for them.
fn user(id: &str) -> Value {
    json!({"id": id, "hash": vouch(SECRET, &[id]), "name": "Li", "email": EMAIL, "email_hash": vouch(SECRET, &["email", id, EMAIL])})
}

async fn customer_of(admin: &Console, message: &str) -> Value {
    let conversation = admin.conversation_of(message).await;
    let detail = admin.get(&format!("/conversations/{conversation}")).await;
    detail["contact"].clone()
}

async fn writes(daemon: &Daemon, handle: &str, from: Value) -> String {
    let mut from = from;
    from["handle"] = json!(handle);
    let message = json!({"id": uuid(), "from": from, "text": "How do I return an item?"});
    daemon.http().send(&message).await.id()
}

/// The customer whose handle it is, in the admin's search.
async fn named(admin: &Console, handle: &str) -> Value {
    let found = admin.get(&format!("/customers?q={handle}")).await;
    assert_eq!(items(&found).len(), 1, "{found}");
    items(&found)[0].clone()
}

#[tokio::test]
async fn a_verified_email_makes_one_customer_of_two_channels() {
    let (daemon, admin) = shop().await;
    let message = writes(&daemon, "crm-17", json!({"email": EMAIL, "verified": true})).await;
    let first = customer_of(&admin, &message).await;
    let mut visitor = Visitor::arrive_as(&daemon.url, user("42")).await;
    assert!(visitor.verified);
    visitor.say("怎么退货？").await;
    visitor.said_by("bot", 1).await;
    let both = named(&admin, "user:42").await;
    assert_eq!(both["id"], first["id"]);
    let whole = admin.get(&format!("/customers/{}", text(&both, "/id"))).await;
    assert_eq!(whole["conversations"].as_array().unwrap().len(), 2);
    assert_eq!(whole["addresses"].as_array().unwrap().len(), 2);
    assert_eq!(whole["verified"], true);
    let timeline = admin.get(&format!("/customers/{}/entries", text(&both, "/id"))).await;
    let said: Vec<&str> =
        items(&timeline).iter().filter(|e| text(e, "/kind") == "message").map(|e| text(e, "/body/text")).collect();
    assert_eq!(said, ["How do I return an item?", "怎么退货？"]);
}

#[tokio::test]
async fn two_who_wrote_before_are_merged_and_can_be_parted_again() {
    let (daemon, admin) = shop().await;
    let first = customer_of(&admin, &writes(&daemon, "crm-1", json!({"email": EMAIL, "verified": true})).await).await;
    let second = customer_of(&admin, &writes(&daemon, "crm-2", json!({"name": "Somebody"})).await).await;
    assert_ne!(first["id"], second["id"]);
    let message = writes(&daemon, "crm-2", json!({"email": EMAIL, "verified": true})).await;
    let one = customer_of(&admin, &message).await;
    assert_eq!(one["id"], first["id"], "the older one stays");
    assert_eq!(one["merges"].as_array().unwrap().len(), 1);
    assert_eq!(text(&one, "/merges/0/identifier"), EMAIL);
    assert_eq!(one["conversations"].as_array().unwrap().len(), 2);
    let conversation = admin.conversation_of(&message).await;
    let entries = admin.entries(&conversation).await;
    assert!(entries.iter().any(|entry| text(entry, "/event/type") == "merged"), "it is part of the story");

    let path = format!("/customers/{}/unmerge", text(&one, "/id"));
    let undo = json!({"merge": one["merges"][0]["id"]});
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    assert_eq!(ann.post(&path, &undo).await.0, 403, "a supervisor's affair");
    assert_eq!(admin.post(&path, &undo).await.0, 200);
    assert_eq!(admin.post(&path, &undo).await.0, 404, "once");
    for (handle, id) in [("crm-1", &first["id"]), ("crm-2", &second["id"])] {
        assert_eq!(named(&admin, handle).await["id"], *id);
    }
    // Their conversations are parted too, and neither a plain message nor the same voucher makes them one again.
    assert_eq!(customer_of(&admin, &message).await["id"], second["id"]);
    for voucher in [json!({}), json!({"email": EMAIL, "verified": true})] {
        let again = customer_of(&admin, &writes(&daemon, "crm-2", voucher).await).await;
        assert_eq!(text(&again, "/addresses/0/handle"), "crm-2");
        assert_eq!(again["addresses"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_claim_joins_nobody() {
    let (daemon, admin) = shop().await;
    let real = customer_of(&admin, &writes(&daemon, "crm-1", json!({"email": EMAIL, "verified": true})).await).await;
    let claims = [json!({"email": EMAIL}), json!({"email": EMAIL, "verified": false})];
    for (at, claim) in claims.into_iter().enumerate() {
        let other = customer_of(&admin, &writes(&daemon, &format!("thief-{at}"), claim).await).await;
        assert_ne!(other["id"], real["id"]);
        assert_eq!(other["verified"], false);
        assert_eq!(other["conversations"].as_array().unwrap().len(), 1);
    }
    // On the web chat a page may claim anything; without its hash the address is not looked at.
    for (id, user) in [
        ("anonymous", json!({"email": EMAIL})),
        ("user:7", json!({"id": "7", "hash": vouch(SECRET, &["7"]), "email": EMAIL})),
    ] {
        let mut visitor = Visitor::arrive_as(&daemon.url, user).await;
        visitor.say("hello").await;
        visitor.said_by("bot", 1).await;
        assert_eq!(visitor.verified, id != "anonymous");
    }
    let found = admin.get(&format!("/customers?q={EMAIL}")).await;
    assert_eq!(items(&found).len(), 5, "five people say so, and one is believed");
    assert_eq!(items(&found).iter().filter(|c| c["verified"] == true).count(), 1);
    assert!(items(&found).iter().all(|c| c["merges"] == json!([])));
}

#[tokio::test]
async fn a_user_is_one_person_on_every_device_and_sees_their_conversation_there() {
    let (daemon, _) = shop().await;
    let mut phone = Visitor::arrive_as(&daemon.url, user("42")).await;
    phone.say("怎么退货？").await;
    phone.said_by("bot", 1).await;
    let mut laptop = Visitor::arrive_as(&daemon.url, user("42")).await;
    assert_eq!(laptop.entries.keys().collect::<Vec<_>>(), phone.entries.keys().collect::<Vec<_>>());
    phone.say("How do I return an item?").await;
    assert_eq!(laptop.said_by("bot", 2).await.len(), 2);
    // Whoever is not vouched for sees nothing of it.
    let stranger = Visitor::arrive_as(&daemon.url, json!({"email": EMAIL})).await;
    assert!(stranger.entries.is_empty());
}
