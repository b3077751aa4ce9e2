//! Telegram, with a Bot API server that behaves as Telegram's.

use serde_json::{Value, json};
use teloxide_core::{
    Bot,
    payloads::GetUpdatesSetters,
    prelude::{Request, Requester},
    types::{ChatId, UpdateKind},
};

use crate::harness::{BOT_TOKEN, BotApi, Called, Console, Daemon, Home, eventually, items, text};

const QUESTION: &str = "How do I return an item?";
const LI: i64 = 42;

async fn shop(bot: &BotApi, more: &str) -> (Daemon, Console) {
    let daemon = Home::new().with_config(&bot.channel(more)).start().await;
    let admin = daemon.admin().await;
    (daemon, admin)
}

async fn conversations(admin: &Console, count: usize) -> Vec<Value> {
    eventually(&format!("{count} conversations"), || async {
        let mut all = Vec::new();
        for inside in ["open", "queued", "closed"] {
            all.extend(items(&admin.get(&format!("/conversations?box={inside}&limit=200")).await).to_vec());
        }
        all.sort_by_key(|conversation| text(conversation, "/id").to_owned());
        all.dedup_by_key(|conversation| text(conversation, "/id").to_owned());
        Some(all).filter(|all| all.len() >= count)
    })
    .await
}

async fn messages(admin: &Console, conversation: &str) -> Vec<Value> {
    let mut entries = admin.entries(conversation).await;
    entries.retain(|entry| text(entry, "/kind") == "message");
    entries
}

#[tokio::test]
async fn a_customer_asks_the_bot_answers_and_a_person_takes_over() {
    let bot = BotApi::start().await;
    let (daemon, admin) = shop(&bot, "").await;
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    ann.presence("online").await;
    bot.says(LI, QUESTION);
    let answer = bot.wait(LI, 1).await.remove(0);
    assert!(text(&answer.with, "/text").contains("30 days"), "{answer:?}");
    bot.says(LI, "This is a disgrace, where is my money!!!");
    let offer = live.offer().await;
    let id = text(&offer, "/conversation/id").to_owned();
    assert_eq!(ann.accept(&offer).await.0, 200);
    assert_eq!(ann.post(&format!("/conversations/{id}/typing"), &json!({})).await.0, 204);
    eventually("the customer sees that somebody writes", || async { (bot.calls("sendChatAction") > 0).then_some(()) })
        .await;
    assert_eq!(ann.reply(&id, "I am **sorry**, 李 😀. 1 < 2 & [this](https://shop.example/a_b).", "c-1").await.0, 201);
    let said = eventually("the agent's words", || async {
        bot.sent(LI)
            .into_iter()
            .map(|called| called.with)
            .find(|with| text(with, "/text") == "I am sorry, 李 😀. 1 < 2 & this.")
    })
    .await;
    assert_eq!(
        said["entities"],
        json!([{"type": "bold", "offset": 5, "length": 5}, {"type": "text_link", "offset": 26, "length": 4, "url": "https://shop.example/a_b"}])
    );
    let long = "很长的一段话。".repeat(1000);
    assert_eq!(ann.reply(&id, &long, "c-2").await.0, 201);
    let parts = eventually("a long text, in parts within Telegram's limit", || async {
        let sent = bot.sent(LI).into_iter().map(|called| text(&called.with, "/text").to_owned());
        Some(sent.filter(|part| part.starts_with("很长")).collect::<Vec<_>>())
            .filter(|parts| parts.concat().len() >= long.len())
    })
    .await;
    assert_eq!((parts.len(), parts.concat()), (2, long));
    let ledger = daemon.ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["findings"]), (&json!(2), &json!([])));
}

#[tokio::test]
async fn albums_are_one_message_and_their_files_come() {
    let bot = BotApi::start().await;
    let (_daemon, admin) = shop(&bot, "").await;
    for (number, bytes) in [(1, b"first photo".as_slice()), (2, b"second photo".as_slice())] {
        let photo = bot.file(&format!("p{number}"), bytes, json!({"width": 640, "height": 480}));
        let caption = if number == 1 { json!("It came broken") } else { Value::Null };
        let mut message = json!({"photo": [photo], "media_group_id": "777"});
        if !caption.is_null() {
            message["caption"] = caption;
        }
        bot.writes(LI, message);
    }
    let conversation = conversations(&admin, 1).await.remove(0);
    let id = text(&conversation, "/id").to_owned();
    let message = eventually("both photos are here", || async {
        let mut messages = messages(&admin, &id).await;
        assert_eq!(messages.len(), 1, "an album is one message: {messages:?}");
        let message = messages.remove(0);
        let files = message["body"]["attachments"].as_array()?;
        (files.len() == 2 && files.iter().all(|file| file["hash"].is_string())).then_some(message)
    })
    .await;
    assert_eq!(text(&message, "/body/text"), "It came broken");
    // Back to the customer: as a picture, and as a file where Telegram does not take it for one.
    assert_eq!(admin.post(&format!("/conversations/{id}/take"), &json!({})).await.0, 200);
    bot.refuse("sendPhoto", [(400, json!({"description": "Bad Request: PHOTO_INVALID_DIMENSIONS"}))]);
    let files = [&message["body"]["attachments"][1], &message["body"]["attachments"][0]];
    for (number, file) in files.into_iter().enumerate() {
        let reply = json!({"text": "This one?", "client_id": format!("c-{number}"), "attachments": [file]});
        let (status, said) = admin.post(&format!("/conversations/{id}/replies"), &reply).await;
        assert_eq!(status, 201, "{said}");
    }
    let is_file = |called: &Called| !called.file.is_empty();
    let sent = eventually("both files", || async {
        Some(bot.sent(LI).into_iter().filter(is_file).collect::<Vec<_>>()).filter(|sent| sent.len() == 2)
    })
    .await;
    assert_eq!((sent[0].method.as_str(), sent[0].file.as_slice()), ("senddocument", b"second photo".as_slice()));
    assert_eq!((sent[1].method.as_str(), sent[1].file.as_slice()), ("sendphoto", b"first photo".as_slice()));
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_daemon_dies_over_and_over() {
    const MESSAGES: i64 = 300;
    let bot = BotApi::start().await;
    let (mut daemon, _) = shop(&bot, "").await;
    for number in 0..MESSAGES {
        bot.says(1000 + number % 50, &format!("message {number}"));
        if number % 100 == 50 {
            eventually("some were taken", || async { (bot.waiting() < 40).then_some(()) }).await;
            daemon.kill().await;
            daemon.restart().await;
        }
    }
    eventually("all were taken", || async { (bot.waiting() == 0).then_some(()) }).await;
    let ledger = daemon.ledger().await;
    assert_eq!((&ledger["accepted"], &ledger["findings"]), (&json!(MESSAGES), &json!([])));
}

#[tokio::test]
async fn many_who_ask_at_once_are_all_answered_at_the_pace_that_is_set() {
    const PEOPLE: i64 = 400;
    let bot = BotApi::start().await;
    let (daemon, _) = shop(&bot, "per_second = 200").await;
    for person in 0..PEOPLE {
        bot.says(1000 + person, QUESTION);
    }
    eventually("everybody is answered", || async { (bot.calls("sendMessage") >= 400).then_some(()) }).await;
    let ledger = eventually("and all of it is noted", || async {
        let ledger = daemon.ledger().await;
        (ledger["outbound"][2] == PEOPLE).then_some(ledger)
    })
    .await;
    assert_eq!(ledger["findings"], json!([]));
}

#[tokio::test]
async fn refusals_have_the_consequence_that_they_name() {
    let bot = BotApi::start().await;
    let (_daemon, admin) = shop(&bot, "").await;
    let wait = json!({"description": "Too Many Requests: retry after 1", "parameters": {"retry_after": 1}});
    bot.refuse("sendMessage", [(429, wait), (502, json!({"description": "Bad Gateway"}))]);
    bot.says(LI, QUESTION);
    assert_eq!(bot.wait(LI, 1).await.len(), 1, "it waits, and tries again");

    bot.refuse("sendMessage", [(403, json!({"description": "Forbidden: bot was blocked by the user"}))]);
    bot.says(43, QUESTION);
    let dead = eventually("a dead letter", || async {
        let dead = admin.get("/dead").await;
        (!items(&dead).is_empty()).then_some(dead)
    })
    .await;
    assert_eq!(text(&dead, "/items/0/reason"), "the customer has blocked the bot");

    bot.happens(json!({"telepathy": {"from": {"id": 42}}}));
    let dead = eventually("what nobody knows is kept", || async {
        let dead = admin.get("/dead").await;
        (items(&dead).len() == 2).then_some(dead)
    })
    .await;
    assert!(dead.to_string().contains("telepathy"), "{dead}");
}

#[tokio::test]
async fn groups_are_answered_where_they_ask_and_follow_their_group() {
    const GROUP: i64 = -987;
    const SUPER: i64 = -1_001_234_567_890;
    let bot = BotApi::start().await;
    let (_daemon, admin) = shop(&bot, "groups = \"user\"").await;
    let group = |id: i64| json!({"id": id, "type": if id == SUPER { "supergroup" } else { "group" }, "title": "Fans"});
    let asks = |id: i64| {
        let entities = json!([{"type": "mention", "offset": 0, "length": 9}]);
        bot.writes(LI, json!({"chat": group(id), "text": format!("@shop_bot {QUESTION}"), "entities": entities}))
    };
    bot.writes(LI, json!({"chat": group(GROUP), "text": "talk among us"}));
    let asked = asks(GROUP);
    let answer = bot.wait(GROUP, 1).await.remove(0);
    assert_eq!(answer.with["reply_parameters"]["message_id"], asked);
    bot.migrate(GROUP, SUPER);
    asks(GROUP);
    bot.wait(SUPER, 1).await;
    asks(SUPER);
    bot.wait(SUPER, 2).await;
    let all = conversations(&admin, 1).await;
    assert_eq!(all.len(), 1, "the group's conversation goes on: {all:?}");
    assert_eq!(messages(&admin, text(&all[0], "/id")).await.len(), 3);
}

#[tokio::test]
async fn a_webhook_takes_what_has_its_token() {
    let bot = BotApi::start().await;
    let (daemon, admin) = shop(&bot, "receive = \"webhook\"").await;
    let (url, token) = eventually("the webhook is set", || async { bot.webhook() }).await;
    assert!(url.ends_with("/channels/telegram/updates"), "{url}");
    let address = format!("{}/channels/telegram/updates", daemon.url);
    bot.says(LI, QUESTION);
    let update = bot.unconfirmed()[0];
    for wrong in ["", "x", &format!("{token}x")] {
        assert_eq!(bot.post(&address, update, wrong).await, 401);
    }
    assert_eq!(bot.post(&address, update, &token).await, 200);
    bot.wait(LI, 1).await;
    for number in 1..=3 {
        let photo = bot.file(&format!("p{number}"), b"photo", json!({"width": 640, "height": 480}));
        bot.writes(43, json!({"photo": [photo], "media_group_id": "778"}));
    }
    let album = bot.unconfirmed();
    let posted = futures::future::join_all(album.iter().map(|update| bot.post(&address, *update, &token))).await;
    assert_eq!(posted, [200, 200, 200]);
    let conversation = conversations(&admin, 2).await.pop().unwrap();
    assert_eq!(messages(&admin, text(&conversation, "/id")).await.len(), 1);
}

#[tokio::test]
async fn a_check_says_who_the_bot_is_and_what_is_in_its_way() {
    let bot = BotApi::start().await;
    let check = async |config: &str| Home::new().with_config(config).run(&["channels", "check", "telegram"]).await;
    let ran = check(&bot.channel("")).await;
    assert!(ran.ok && ran.out.contains("@shop_bot") && ran.out.contains("polling"), "{}", ran.all());
    let ran = check(&bot.channel("").replace(BOT_TOKEN, "987654321:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0")).await;
    assert!(!ran.ok && ran.all().contains("@BotFather"), "{}", ran.all());
    let other = teloxide(&bot);
    other.set_webhook("https://elsewhere.example/hook".parse().unwrap()).await.unwrap();
    let ran = check(&bot.channel("")).await;
    assert!(!ran.ok && ran.all().contains("https://elsewhere.example/hook"), "{}", ran.all());
    let daemon = Home::new().with_config(&bot.channel("")).start().await;
    eventually("the daemon says what is in its way", || async { daemon.log().contains("deleteWebhook").then_some(()) })
        .await;
}

fn teloxide(bot: &BotApi) -> Bot {
    Bot::new(BOT_TOKEN).set_api_url(bot.url.parse().unwrap())
}

/// The server of these stories, as a client sees it that nobody here wrote.
#[tokio::test]
async fn the_server_of_these_stories_is_one_to_others_too() {
    let bot = BotApi::start().await;
    let client = teloxide(&bot);
    assert_eq!(client.get_me().await.unwrap().user.username.as_deref(), Some("shop_bot"));
    let photo = bot.file("p1", b"photo", json!({"width": 640, "height": 480}));
    bot.says(LI, "hello");
    bot.writes(LI, json!({"photo": [photo]}));
    let updates = client.get_updates().timeout(1).send().await.unwrap();
    assert_eq!(updates.len(), 2);
    let UpdateKind::Message(message) = &updates[0].kind else { panic!("{updates:?}") };
    assert_eq!(message.text(), Some("hello"));
    let again = client.get_updates().offset(i32::try_from(updates[1].id.0).unwrap()).send().await.unwrap();
    assert_eq!(again.len(), 1, "the first is confirmed, the second is not");
    let sent = client.send_message(ChatId(LI), "hi").await.unwrap();
    assert_eq!((sent.text(), sent.chat.id), (Some("hi"), ChatId(LI)));
    assert!(client.send_message(ChatId(999), "hi").await.unwrap_err().to_string().contains("chat not found"));
    assert!(client.send_message(ChatId(LI), "x".repeat(5000)).await.is_err());
    let file = client.get_file(teloxide_core::types::FileId("p1".to_owned())).await.unwrap();
    assert_eq!(file.meta.size, 5);
    assert!(Bot::new("1:wrong").set_api_url(bot.url.parse().unwrap()).get_me().await.is_err());
}
