//! What is configured, whether it works, and a message to try it out.

use serde_json::json;

use crate::harness::{Answer, BotApi, Callback, Home, text};

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

#[tokio::test]
async fn the_command_line_lists_checks_and_sends() {
    const LI: i64 = 42;
    let bot = BotApi::start().await;
    let home = Home::new().with_config(&bot.channel(""));
    let ran = home.run(&["channels", "list"]).await;
    assert!(ran.ok && ran.out.lines().any(|line| line.split_whitespace().eq(["telegram"; 2])), "{}", ran.all());
    let ran = home.run(&["channels", "check"]).await;
    let says = ["http: nothing to log in to", "webchat: nothing to log in to", "telegram: the bot @shop_bot"];
    assert!(ran.ok && says.iter().all(|said| ran.out.contains(said)), "{}", ran.all());

    let send = |channel, address, words| ["channels", "send", channel, address, words];
    let ran = home.run(&send("telegram", "42", "Hello?")).await;
    assert!(!ran.ok && ran.err.contains("daemon"), "nobody is there to send it: {}", ran.all());
    let daemon = home.start().await;
    // Telegram lets a bot write only to those who wrote to it.
    bot.says(LI, "hello");
    let before = bot.wait(LI, 1).await.len();
    let ran = daemon.home.run(&send("telegram", "42", "Can you **read** this? 看得到吗？")).await;
    assert!(ran.ok && ran.out.contains("The platform took it as 42/"), "{}", ran.all());
    let sent = bot.wait(LI, before + 1).await.pop().unwrap();
    assert_eq!(text(&sent.with, "/text"), "Can you read this? 看得到吗？");
    for (channel, address, words) in [("fax", "42", "channel"), ("telegram", "43", "never wrote to the bot")] {
        let ran = daemon.home.run(&send(channel, address, "x")).await;
        assert!(!ran.ok && ran.err.contains(words), "{channel} {address}: {}", ran.all());
    }
    assert_eq!(daemon.ledger().await["findings"], json!([]));
}
