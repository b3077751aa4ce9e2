//! What is configured, whether it works, and a message to try it out.

use serde_json::json;

use crate::harness::{Answer, Callback, Home, text};

#[tokio::test]
async fn channels_are_listed_by_name_and_kind() {
    let home = Home::new();
    let ran = home.run(&["channels", "list", "--json"]).await;
    assert!(ran.ok, "{}", ran.all());
    let listed: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(listed, json!([{"name": "http", "kind": "http"}, {"name": "webchat", "kind": "webchat"}]));
    let ran = home.run(&["channels", "check", "fax"]).await;
    assert!(!ran.ok && ran.err.contains("channels list"), "{}", ran.all());
}

#[tokio::test]
async fn one_message_tries_a_channel_out_and_is_in_no_conversation() {
    let callback = Callback::start().await;
    let daemon = Home::new().with_callback(&callback.url).start().await;
    let admin = daemon.admin().await;
    let trial = json!({"address": "li", "text": "Can you read this? 看得到吗？"});
    let (status, sent) = admin.post("/channels/http/send", &trial).await;
    assert_eq!(status, 200, "{sent}");
    let received = callback.wait(1).await;
    assert_eq!(text(&received[0].body, "/body/text"), text(&trial, "/text"));
    let ledger = daemon.ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["findings"]), (&json!(0), &json!([])));

    callback.next([Answer::Status(410, None)]);
    let (status, refused) = admin.post("/channels/http/send", &trial).await;
    assert_eq!((status, text(&refused, "/error/code")), (502, "platform_refused"), "{refused}");
    for (path, expected) in [("/channels/webchat/send", 400), ("/channels/fax/send", 404)] {
        let (status, said) = admin.post(path, &trial).await;
        assert_eq!(status, expected, "{path}: {said}");
    }
    let agent = daemon.agent(&admin, "mei", json!({})).await;
    assert_eq!(agent.post("/channels/http/send", &trial).await.0, 403, "only admins write to strangers");
}
