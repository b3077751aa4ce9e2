//! A customer begins in one channel and goes on in another: what the bot was doing goes along.

use serde_json::{Value, json};

use super::actions::{answer, confirmed};
use crate::harness::{Daemon, Home, ShopServer, Visitor, eventually, items, text, uuid, vouch};

const SECRET: &str = "a secret of the shop's website";
const EMAIL: &str = "emma.clarke@example.com";

async fn open() -> (ShopServer, Daemon) {
    let shop = ShopServer::open().await;
    let home = Home::new().with_web_chat(&format!("identity_secrets = [{SECRET:?}]\n"));
    shop.rules_into(&home).await;
    (shop, home.start().await)
}

async fn emma(daemon: &Daemon) -> Visitor {
    let hash = vouch(SECRET, &["email", "emma", EMAIL]);
    let user = json!({"id": "emma", "hash": vouch(SECRET, &["emma"]), "email": EMAIL, "email_hash": hash});
    Visitor::arrive_as(&daemon.url, user).await
}

/// She writes from her other program, which vouches for her address, or does not.
async fn writes(daemon: &Daemon, said: &str, verified: bool) {
    let from = json!({"handle": "emma-at-work", "email": EMAIL, "verified": verified});
    let sent = daemon.http().send(&json!({"id": uuid(), "from": from, "text": said})).await;
    assert_eq!(sent.status, 202, "{sent:?}");
}

/// What the bot has said there.
async fn heard(daemon: &Daemon, count: usize) -> Vec<String> {
    eventually(&format!("{count} by the bot"), || async {
        let thread = daemon.http().thread("emma-at-work").await;
        let said = thread.iter().filter(|entry| text(entry, "/author/type") == "bot");
        let said: Vec<String> = said.map(|entry| text(entry, "/body/text").to_owned()).collect();
        (said.len() >= count).then_some(said)
    })
    .await
}

#[tokio::test]
async fn a_yes_in_another_channel_books_once_and_a_second_one_there_books_nothing() {
    let (mut shop, daemon) = open().await;
    let mut visitor = emma(&daemon).await;
    let mut said = confirmed(&mut visitor, "1").await;
    writes(&daemon, "yes please", true).await;
    let told = heard(&daemon, 1).await;
    assert!(told[0].contains("Booked"), "{told:?}");
    shop.until_effects(1).await;
    let admin = daemon.admin().await;
    eventually("the chat hears of it", || async {
        let open = admin.get("/conversations?box=open").await;
        let chat = items(&open).iter().find(|one| text(one, "/channel") == "webchat")?;
        let entries = admin.entries(text(chat, "/id")).await;
        entries.iter().any(|entry| text(entry, "/event/how") == "followed").then_some(())
    })
    .await;
    visitor.say("yes").await;
    let _ = answer(&mut visitor, &mut said).await;
    assert_eq!(shop.effects().await.len(), 1);
}

#[tokio::test]
async fn who_says_again_what_they_want_is_asked_only_for_what_is_missing() {
    let (_shop, daemon) = open().await;
    let mut visitor = emma(&daemon).await;
    let mut said = 0;
    visitor.say("I would like an appointment").await;
    answer(&mut visitor, &mut said).await;
    visitor.say("a fitting").await;
    assert!(answer(&mut visitor, &mut said).await.contains("Which day"));
    writes(&daemon, "I would like to book an appointment", true).await;
    let told = heard(&daemon, 1).await;
    assert!(told[0].contains("Which day"), "the service is known: {told:?}");
    writes(&daemon, "tomorrow", true).await;
    assert!(heard(&daemon, 2).await[1].contains("These times are free"));
}

#[tokio::test]
async fn who_only_says_that_it_is_their_address_takes_over_nothing() {
    let (shop, daemon) = open().await;
    let mut visitor = emma(&daemon).await;
    confirmed(&mut visitor, "1").await;
    writes(&daemon, "yes please", false).await;
    let why: Value = eventually("it is decided", || async {
        Some(daemon.ledger().await).filter(|ledger| ledger["decided"] == ledger["accepted"])
    })
    .await;
    assert_eq!(why["findings"], json!([]));
    assert!(shop.effects().await.is_empty());
}
