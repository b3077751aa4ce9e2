//! What the bot does without having been asked: it reminds, of what is true at that moment.

use serde_json::{Value, json};

use super::actions::{answer, confirmed};
use crate::harness::{Console, Daemon, Home, ShopServer, Visitor, client, eventually, items, text};

/// A daemon that reminds so many seconds from now of the first free time that can be booked.
async fn open(seconds: i64) -> (ShopServer, Daemon) {
    let shop = ShopServer::open().await;
    let home = Home::new();
    shop.rules_into(&home).await;
    shop.reminds_in(seconds, 0, &home).await;
    (shop, home.start().await)
}

/// Books the first time; the appointment's number.
async fn books(visitor: &mut Visitor) -> String {
    let mut said = confirmed(visitor, "1").await;
    visitor.say("yes").await;
    let told = answer(visitor, &mut said).await;
    let at = told.find("B1").unwrap_or_else(|| panic!("no number: {told}"));
    told[at..at + 5].to_owned()
}

/// Waits until the bot has ended what it began by itself.
async fn looked(admin: &Console, conversation: &str) {
    eventually("the bot looks at the appointment", || async {
        let entries = admin.entries(conversation).await;
        let ended = |entry: &&Value| {
            text(entry, "/event/type") == "action_ended" && text(entry, "/event/action") == "appointment-reminder"
        };
        entries.iter().find(ended).map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn who_booked_is_reminded_and_who_cancelled_is_not_although_the_daemon_was_killed() {
    let (shop, mut daemon) = open(25).await;
    let mut cancels = Visitor::arrive(&daemon.url).await;
    let number = books(&mut cancels).await;
    // By telephone, say: Switchboard does not hear of it.
    let cancelled = client().delete(format!("{}/appointments/{number}", shop.url)).send().await.unwrap();
    assert!(cancelled.status().is_success(), "{}", cancelled.text().await.unwrap());
    let mut comes = Visitor::arrive(&daemon.url).await;
    let number = books(&mut comes).await;
    let admin = daemon.admin().await;
    let open = admin.get("/conversations?box=open").await;
    let all: Vec<String> = items(&open).iter().map(|one| text(one, "/id").to_owned()).collect();
    assert_eq!(all.len(), 2);
    // Closed, and the daemon dead: the moment comes all the same.
    for conversation in &all {
        assert_eq!(admin.post(&format!("/conversations/{conversation}/close"), &json!({})).await.0, 200);
    }
    daemon.kill().await;
    daemon.restart().await;
    let admin = daemon.admin().await;
    for conversation in &all {
        looked(&admin, conversation).await;
    }
    let said = |entries: Vec<Value>| {
        let reminders = entries.into_iter().filter(|entry| text(entry, "/body/text").contains("A reminder"));
        reminders.map(|entry| text(&entry, "/body/text").to_owned()).collect::<Vec<_>>()
    };
    let mut reminders = Vec::new();
    for conversation in &all {
        reminders.extend(said(admin.entries(conversation).await));
        let detail = admin.get(&format!("/conversations/{conversation}")).await;
        assert_eq!(text(&detail, "/owner"), "closed", "a reminder opens nothing");
    }
    assert!(reminders.len() == 1 && reminders[0].contains(&number), "{reminders:?}");
    assert_eq!(daemon.ledger().await["findings"], json!([]));
}

#[tokio::test]
async fn a_shop_that_is_away_at_the_moment_is_asked_again_and_the_customer_hears_nothing_of_it() {
    let (shop, daemon) = open(15).await;
    let admin = daemon.admin().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    books(&mut visitor).await;
    let before = visitor.said_by("bot", 1).await.len();
    shop.fault(&ShopServer::kind("status", "/appointments/")).await;
    let open = admin.get("/conversations?box=open").await;
    looked(&admin, text(&items(&open)[0], "/id")).await;
    // A word of theirs is answered as ever, and nothing was said in between.
    visitor.say("How do I return an item?").await;
    let said = visitor.said_by("bot", before + 1).await;
    assert!(said.last().unwrap().contains("30 days"), "{said:?}");
}
