//! Replies to an HTTP channel's callback: signed, tried again, in order, given up where that is right.

use serde_json::json;

use crate::harness::{Answer, Callback, Home, eventually, items, text};

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

#[tokio::test]
async fn a_channel_that_is_refused_keeps_its_replies() {
    let callback = Callback::start().await;
    callback.usually(Answer::Status(401, None));
    let mut daemon = Home::new().with_callback(&callback.url).start().await;
    daemon.http().say("li", QUESTION).await;
    callback.wait(1).await;
    let admin = daemon.admin().await;
    eventually("it is kept", || async {
        let ledger = admin.get("/ledger").await;
        let open = ledger["outbound"][0].as_u64()? + ledger["outbound"][7].as_u64()?;
        (open == 1).then_some(())
    })
    .await;
    assert!(items(&admin.get("/dead").await).is_empty(), "the channel is to blame, not the reply");
    callback.usually(Answer::Taken);
    daemon.stop().await;
    daemon.restart().await;
    daemon.ledger().await;
}
