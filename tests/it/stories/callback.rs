//! Replies to an HTTP channel's callback: signed, tried again, in order, given up where that is right.

use serde_json::{Value, json};

use crate::harness::{Answer, Callback, Console, Home, eventually, items, text};

const QUESTION: &str = "How do I return an item?";

#[tokio::test]
async fn replies_arrive_signed_and_say_where_they_belong() {
    let callback = Callback::start().await;
    let daemon = Home::new().with_callback(&callback.url).start().await;
    let message = crate::harness::HttpChannel::message("li", QUESTION);
    daemon.http().send(&message).await.id();
    let received = callback.wait(1).await;
    let reply = &received[0].body;
    assert_eq!(text(reply, "/id"), received[0].id);
    assert_eq!((text(reply, "/thread"), text(reply, "/to/handle")), ("li", "li"));
    assert_eq!((text(reply, "/author/type"), &reply["in_reply_to"]), ("bot", &message["id"]));
    assert!(text(reply, "/body/text").contains("30 days"));
    let admin = daemon.admin().await;
    let ledger = eventually("it is sent", || async {
        let ledger = admin.get("/ledger").await;
        (ledger["outbound"][2] == 1).then_some(ledger)
    })
    .await;
    assert_eq!(ledger["findings"], json!([]));
}

#[tokio::test]
async fn what_fails_is_tried_again_in_order_while_other_conversations_go_on() {
    let callback = Callback::start().await;
    callback.next([Answer::Status(500, Some(0)), Answer::Status(429, Some(0)), Answer::Status(503, None)]);
    let daemon = Home::new().with_callback(&callback.url).start().await;
    let http = daemon.http();
    let first = http.say("li", QUESTION).await;
    callback.wait(2).await;
    for at in 0..3 {
        http.say("li", &format!("{QUESTION} {at}")).await;
    }
    let done = |received: &[crate::harness::Received]| {
        let mut ids: Vec<&str> = received.iter().map(|received| received.id.as_str()).collect();
        ids.dedup();
        ids.len() >= 4
    };
    let received = callback.wait_until("four replies of one conversation", done).await;
    let mut order: Vec<&str> = received.iter().map(|received| received.id.as_str()).collect();
    assert!(order[..4].iter().all(|id| *id == order[0]), "three tries and a success, under one id: {order:?}");
    order.dedup();
    assert_eq!(order.len(), 4, "none overtook another: {order:?}");
    let admin = daemon.admin().await;
    let conversation = admin.conversation_of(&first).await;
    let replies: Vec<String> = admin
        .entries(&conversation)
        .await
        .iter()
        .filter(|e| text(e, "/kind") == "reply")
        .map(|e| text(e, "/id").to_owned())
        .collect();
    assert_eq!(order, replies);
}

#[tokio::test]
async fn a_conversation_whose_reply_fails_holds_up_no_other() {
    let callback = Callback::start().await;
    // Not before an hour, says the receiver: the first conversation waits, the second does not.
    callback.next([Answer::Status(503, Some(3600))]);
    let daemon = Home::new().with_callback(&callback.url).start().await;
    let http = daemon.http();
    http.say("slow", QUESTION).await;
    let first = callback.wait(1).await.remove(0);
    http.say("slow", QUESTION).await;
    http.say("quick", QUESTION).await;
    let received = callback.wait(2).await;
    assert_eq!(text(&received[1].body, "/thread"), "quick");
    let admin = daemon.admin().await;
    let ledger = eventually("one is sent, two wait", || async {
        let ledger = admin.get("/ledger").await;
        (ledger["outbound"][2] == 1 && ledger["outbound"][0] == 2).then_some(ledger)
    })
    .await;
    assert_eq!(ledger["findings"], json!([]));
    assert!(callback.received().iter().skip(1).all(|received| received.id != first.id));
}

#[tokio::test]
async fn a_receiver_that_is_not_there_yet_gets_it_later() {
    let mut callback = Callback::absent().await;
    let daemon = Home::new().with_callback(&callback.url).start().await;
    let message = daemon.http().say("li", QUESTION).await;
    let admin = daemon.admin().await;
    let conversation = admin.conversation_of(&message).await;
    let delivery = eventually("a try that failed", || async {
        let entries = admin.entries(&conversation).await;
        let reply = entries.iter().find(|entry| text(entry, "/kind") == "reply")?;
        (reply["delivery"]["attempts"].as_u64()? > 0).then(|| reply["delivery"].clone())
    })
    .await;
    assert_eq!(text(&delivery, "/state"), "pending");
    assert!(text(&delivery, "/error").contains("127.0.0.1"), "{delivery}");
    callback.appear().await;
    assert_eq!(callback.wait(1).await.len(), 1);
}

#[tokio::test]
async fn what_is_refused_for_good_is_a_dead_letter_until_somebody_redrives_it() {
    let callback = Callback::start().await;
    callback.usually(Answer::Status(400, None));
    let daemon = Home::new().with_callback(&callback.url).start().await;
    let http = daemon.http();
    http.say("one", QUESTION).await;
    http.say("two", QUESTION).await;
    let admin = daemon.admin().await;
    let dead = eventually("two dead letters", || async {
        let dead = admin.get("/dead").await;
        (items(&dead).len() == 2).then(|| items(&dead).to_vec())
    })
    .await;
    for letter in &dead {
        assert_eq!((text(letter, "/kind"), text(letter, "/channel")), ("outbound", "http"));
        assert!(text(letter, "/reason").contains("400") && text(letter, "/reason").contains("as told"), "{letter}");
    }
    let attempts = callback.received().len();
    assert_eq!(attempts, 2, "no second try");
    // A 4xx is not this channel's end: the next message goes as ever.
    callback.usually(Answer::Taken);
    let by_hand = text(&dead[0], "/id");
    assert_eq!(admin.post(&format!("/dead/{by_hand}/redrive"), &json!({})).await.0, 200);
    let received = callback.wait(3).await;
    assert_eq!(received[2].id, by_hand, "under the same id");
    assert_eq!(admin.post(&format!("/dead/{by_hand}/redrive"), &json!({})).await.0, 404);
    let by_command = text(&dead[1], "/id");
    let listed = daemon.home.run(&["dead", "list", "--json"]).await;
    assert!(listed.ok && listed.out.contains(by_command), "{}", listed.all());
    let ran = daemon.home.run(&["dead", "redrive", by_command]).await;
    assert!(ran.ok && ran.out.contains(by_command), "{}", ran.all());
    assert_eq!(callback.wait(4).await[3].id, by_command);
    eventually("no dead letters", || async { items(&admin.get("/dead").await).is_empty().then_some(()) }).await;
    assert!(!daemon.home.run(&["dead", "redrive", by_command]).await.ok);
    assert_eq!(daemon.ledger().await["outbound"][5], 0);
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_asked_again_under_the_same_id() {
    let callback = Callback::start().await;
    callback.next([Answer::Silence]);
    let daemon = Home::new().with_callback(&callback.url).start().await;
    daemon.http().say("li", QUESTION).await;
    let received = callback.wait(2).await;
    assert_eq!(received[0].id, received[1].id);
    assert_eq!(received[0].body, received[1].body);
}

/// The deliveries of every reply in a conversation, once they are as they should be.
pub(super) async fn deliveries(
    admin: &Console,
    message: &str,
    what: &str,
    are_so: impl Fn(&[Value]) -> bool,
) -> Vec<Value> {
    let conversation = admin.conversation_of(message).await;
    eventually(what, || async {
        let entries = admin.entries(&conversation).await;
        let replies = entries.iter().filter(|entry| text(entry, "/kind") == "reply");
        let deliveries: Vec<Value> = replies.map(|entry| entry["delivery"].clone()).collect();
        are_so(&deliveries).then_some(deliveries)
    })
    .await
}

pub(super) fn held_for(delivery: &Value, whom: &str) -> bool {
    (text(delivery, "/state"), delivery["held_for"].as_str()) == ("held", Some(whom))
}

#[tokio::test]
async fn a_channel_that_is_refused_holds_its_replies_until_one_of_them_goes() {
    let callback = Callback::start().await;
    callback.usually(Answer::Status(401, None));
    let daemon = Home::new().with_callback(&callback.url).start().await;
    let (http, admin) = (daemon.http(), daemon.admin().await);
    let first = http.say("li", QUESTION).await;
    let held = deliveries(&admin, &first, "it is held", |all| all.iter().any(|one| held_for(one, "channel"))).await;
    assert!(text(&held[0], "/error").contains("401"), "{held:?}");
    assert_eq!(held[0]["attempts"], 1);
    assert!(items(&admin.get("/dead").await).is_empty(), "the channel is to blame, not the reply");
    // What comes now is not even tried.
    http.say("li", QUESTION).await;
    let second = http.say("wu", QUESTION).await;
    let untried =
        deliveries(&admin, &second, "it is held too", |all| all.iter().any(|one| held_for(one, "channel"))).await;
    assert_eq!((&untried[0]["attempts"], text(&untried[0], "/error")), (&json!(0), text(&held[0], "/error")));
    deliveries(&admin, &first, "both are held", |all| all.iter().filter(|one| held_for(one, "channel")).count() == 2)
        .await;
    assert_eq!(callback.received().len(), 1);
    // Somebody insists: one is tried, in vain.
    let conversation = admin.conversation_of(&second).await;
    let entries = admin.entries(&conversation).await;
    let reply = text(entries.iter().find(|entry| text(entry, "/kind") == "reply").unwrap(), "/id").to_owned();
    assert_eq!(admin.post(&format!("/outbound/{reply}/resend"), &json!({})).await.0, 200);
    let received = callback.wait(2).await;
    assert_eq!(received[1].id, received[0].id, "the oldest");
    deliveries(&admin, &first, "both are held", |all| all.iter().filter(|one| held_for(one, "channel")).count() == 2)
        .await;
    deliveries(&admin, &second, "it is held again", |all| all.iter().all(|one| held_for(one, "channel"))).await;
    // Once the key is right, the one that is tried lets all go, in their order.
    callback.usually(Answer::Taken);
    assert_eq!(admin.post(&format!("/outbound/{reply}/resend"), &json!({})).await.0, 200);
    let received = callback.wait(5).await;
    let of_li: Vec<&str> =
        received[2..].iter().filter(|one| text(&one.body, "/thread") == "li").map(|one| one.id.as_str()).collect();
    assert_eq!((of_li.len(), of_li[0]), (2, received[0].id.as_str()));
    let sent = deliveries(&admin, &first, "all are sent", |all| all.iter().all(|one| one["state"] == "sent")).await;
    assert!(sent.iter().all(|one| one["held_for"].is_null() && one["error"].is_null()), "{sent:?}");
    assert_eq!(daemon.ledger().await["findings"], json!([]));
}

#[tokio::test]
async fn a_start_tries_what_is_held_at_once() {
    let callback = Callback::start().await;
    callback.usually(Answer::Status(401, None));
    let mut daemon = Home::new().with_callback(&callback.url).start().await;
    let message = daemon.http().say("li", QUESTION).await;
    let admin = daemon.admin().await;
    deliveries(&admin, &message, "it is held", |all| all.iter().any(|one| held_for(one, "channel"))).await;
    callback.usually(Answer::Taken);
    daemon.stop().await;
    daemon.restart().await;
    let received = callback.wait(2).await;
    assert_eq!(received[1].id, received[0].id);
}

#[tokio::test]
async fn what_comes_after_the_reply_window_waits_for_the_customer() {
    let callback = Callback::start().await;
    // The receiver has the answer come again when the window is closed.
    callback.next([Answer::Status(503, Some(9))]);
    let daemon = Home::new().with_callback(&callback.url).with_http("reply_window = \"8s\"").start().await;
    let (http, admin) = (daemon.http(), daemon.admin().await);
    let message = http.say("li", QUESTION).await;
    let held = deliveries(&admin, &message, "it is held", |all| all.iter().any(|one| held_for(one, "customer"))).await;
    let why = text(&held[0], "/error");
    assert!(why.starts_with("the customer last wrote ") && why.contains("takes replies for 8 s"), "{why}");
    let first = callback.wait(1).await.remove(0);
    http.say("li", "Hello? Is anybody there?").await;
    let received = callback.wait(2).await;
    assert_eq!(received[1].id, first.id, "what was held goes first");
    deliveries(&admin, &message, "it is sent", |all| all.first().is_some_and(|one| one["state"] == "sent")).await;
    assert_eq!(daemon.ledger().await["findings"], json!([]));
}
