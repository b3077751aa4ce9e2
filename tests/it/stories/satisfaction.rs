//! How customers liked it: they are asked after a closing, by each channel's means, and their answer opens nothing again.

use std::fs;

use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::harness::{BotApi, Console, Daemon, Home, LI, MailDomain, Visitor, eventually, items, text, uuid};

const RULES: &str = "rules:
  - name: how was it
    on: closed
    when: conversation.messages >= 1
    then:
      - satisfaction: {template: how-was-it, thanks: thanks-for-rating, within: 3d}
";
const TEMPLATES: &str = "
  how-was-it:
    en: How was it, from 1 (bad) to 5 (good)?
    zh: 您对这次服务满意吗？请从 1（不满意）到 5（满意）打分。
  thanks-for-rating:
    en: Thank you for telling us.
    zh: 感谢您的评价。
";

async fn shop(home: Home) -> (Daemon, Console) {
    home.unpack_rules().await;
    home.write_rules("80-satisfaction.yaml", RULES);
    let templates = fs::read_to_string(home.path().join("routing-rules/templates.yaml")).unwrap();
    home.write_rules("templates.yaml", &(templates + TEMPLATES));
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    (daemon, admin)
}

/// The one conversation that there is, once it is as it should be.
async fn conversation(admin: &Console, owner: &str) -> String {
    eventually(&format!("a conversation of {owner}"), || async {
        let mut all = Vec::new();
        for inside in ["open", "closed"] {
            all.extend(items(&admin.get(&format!("/conversations?box={inside}")).await).to_vec());
        }
        let found = all.iter().find(|conversation| text(conversation, "/owner") == owner);
        found.map(|conversation| text(conversation, "/id").to_owned())
    })
    .await
}

async fn close(admin: &Console) -> String {
    let id = conversation(admin, "bot").await;
    assert_eq!(admin.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 200);
    id
}

/// What became of the question so far: the ratings, and the comments.
async fn ratings(admin: &Console, id: &str) -> Vec<Value> {
    let entries = admin.entries(id).await;
    let events = entries.iter().map(|entry| entry["event"].clone());
    events.filter(|event| ["rated", "commented"].contains(&text(event, "/type"))).collect()
}

async fn rated(admin: &Console, id: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} ratings"), || async {
        Some(ratings(admin, id).await).filter(|ratings| ratings.len() >= count)
    })
    .await
}

async fn satisfaction(admin: &Console) -> Value {
    admin.get("/measures?days=1").await["total"]["satisfaction"].clone()
}

#[tokio::test]
async fn a_visitor_rates_by_a_button_says_why_and_changes_their_mind() {
    let (mut daemon, admin) = shop(Home::new()).await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("怎么退货？").await;
    visitor.said_by("bot", 1).await;
    let id = close(&admin).await;
    assert!(visitor.said_by("bot", 2).await[1].contains("您对这次服务满意吗"));
    daemon.kill().await;
    daemon.restart().await;
    let admin = admin.moved(&daemon.url);
    let mut visitor = visitor.reload(&daemon.url).await;
    visitor.said_by("bot", 2).await;
    let entries: Vec<Value> = visitor.entries.values().cloned().collect();
    let buttons = entries.iter().find_map(|entry| entry["buttons"].as_array()).unwrap();
    assert_eq!(
        buttons.iter().map(|button| text(button, "/title")).collect::<Vec<_>>(),
        ["1 😞", "2 🙁", "3 😐", "4 🙂", "5 😀"]
    );
    let press = json!({"type": "postback", "id": uuid(), "value": buttons[1]["postback"], "title": "2 🙁"});
    for _ in 0..2 {
        // The second one is the first one, sent again.
        visitor.send(&press).await;
        visitor.wait("accepted", |frame| frame["type"] == "accepted").await;
    }
    assert!(visitor.said_by("bot", 3).await[2].contains("感谢您的评价"));
    visitor.say("等了一个星期").await;
    visitor.say("4分").await;
    let all = rated(&admin, &id, 3).await;
    assert_eq!(
        all,
        [
            json!({"type": "rated", "rating": 2}),
            json!({"type": "commented"}),
            json!({"type": "rated", "rating": 4, "instead": 2})
        ]
    );
    assert_eq!(conversation(&admin, "closed").await, id, "nothing of that opened it");
    assert_eq!(satisfaction(&admin).await, json!({"asked": 1, "rated": 1, "average": 4.0, "ratings": [0, 0, 0, 1, 0]}));
    visitor.say("怎么退货？").await;
    assert_eq!(visitor.said_by("bot", 4).await.len(), 4, "the thanks came once, and a question is one");
    assert_eq!(conversation(&admin, "bot").await, id);
    visitor.send(&json!({"type": "postback", "id": uuid(), "value": buttons[4]["postback"], "title": "5 😀"})).await;
    let all = rated(&admin, &id, 4).await;
    assert_eq!(all[3], json!({"type": "rated", "rating": 5, "instead": 4}), "the old button still counts");
    close(&admin).await;
    visitor.said_by("bot", 5).await;
    let asked = satisfaction(&admin).await;
    assert_eq!((&asked["asked"], &asked["rated"]), (&json!(2), &json!(1)), "once for each closing");
}

#[tokio::test]
async fn a_program_without_buttons_rates_in_words() {
    let (daemon, admin) = shop(Home::new()).await;
    let http = daemon.http();
    http.say("ann", "How do I return an item?").await;
    http.said_by("ann", "bot", 1).await;
    let id = close(&admin).await;
    http.said_by("ann", "bot", 2).await;
    http.say("ann", "five stars!").await;
    http.said_by("ann", "bot", 3).await;
    assert_eq!(ratings(&admin, &id).await, [json!({"type": "rated", "rating": 5})]);
    http.say("ann", "2 questions. How do I return an item?").await;
    http.said_by("ann", "bot", 4).await;
    assert_eq!(conversation(&admin, "bot").await, id, "that is a message like any other");
}

#[tokio::test]
async fn on_telegram_a_rating_is_a_button() {
    const ANN: i64 = 42;
    let bot = BotApi::start().await;
    let (_daemon, admin) = shop(Home::new().with_config(&bot.channel(""))).await;
    bot.says(ANN, "How do I return an item?");
    bot.wait(ANN, 1).await;
    let id = close(&admin).await;
    let asked = bot.wait(ANN, 2).await.remove(1);
    let keys = asked.with["reply_markup"]["inline_keyboard"].clone();
    let key = keys.as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap()).nth(4).unwrap().clone();
    assert_eq!(text(&key, "/text"), "5 😀");
    bot.happens(json!({"callback_query": {
        "id": "press-1",
        "from": {"id": ANN, "is_bot": false, "first_name": "Ann"},
        "message": {"message_id": 900, "date": 1_790_000_000, "chat": {"id": ANN, "type": "private", "first_name": "Ann"},
                    "text": "How was it", "reply_markup": {"inline_keyboard": keys}},
        "chat_instance": "1",
        "data": key["callback_data"],
    }}));
    assert_eq!(rated(&admin, &id, 1).await, [json!({"type": "rated", "rating": 5})]);
    assert!(text(&bot.wait(ANN, 3).await[2].with, "/text").contains("Thank you for telling us"));
    assert_eq!(conversation(&admin, "closed").await, id);
}

#[tokio::test]
async fn in_a_mail_a_rating_is_a_link_that_counts_when_it_is_sent_and_not_when_it_is_opened() {
    let domain = MailDomain::start().await;
    let (daemon, admin) = shop(Home::new().with_config(&domain.channel(""))).await;
    eventually("the folder is read", || async { daemon.log().contains("read from here on").then_some(()) }).await;
    let mail = format!(
        "From: 李伟 <li@customer.example>\nTo: {}\nSubject: 退货\nMessage-ID: <{}@customer.example>\n\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n怎么退货？\n",
        crate::harness::SUPPORT,
        uuid()
    );
    domain.send(LI, &mail).await;
    domain.find(LI, "the answer", |_| true).await;
    let id = close(&admin).await;
    let asked = domain.find(LI, "the question", |mail| mail.body_text(0).unwrap().contains("满意吗")).await;
    let body = asked.body_text(0).unwrap().into_owned();
    let link =
        body.split_whitespace().find(|word| word.contains("/satisfaction/") && word.ends_with("stars=5")).unwrap();
    let path = &link[link.find("/satisfaction/").unwrap()..];
    let (status, page) = daemon.get(path).await;
    assert_eq!(status, 200);
    assert!(page.contains("您对这次服务满意吗") && page.contains("value=\"5\" required checked"), "{page}");
    assert_eq!(ratings(&admin, &id).await, Vec::<Value>::new(), "a scanner follows links too");

    let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let token = path.split('?').next().unwrap();
    let send = |token: &str, form: &'static str| {
        let request = client.post(format!("{}{token}", daemon.url));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(send(token, "stars=9").await, 400);
    assert_eq!(send(&format!("{token}A"), "stars=5").await, 404, "not ours");
    for _ in 0..2 {
        assert_eq!(send(token, "stars=5&comment=%E5%BE%88%E5%BF%AB").await, 200);
    }
    assert_eq!(ratings(&admin, &id).await, [json!({"type": "rated", "rating": 5, "comment": "很快"})], "once");
    assert_eq!(send(token, "stars=4").await, 200);
    assert_eq!(ratings(&admin, &id).await[1], json!({"type": "rated", "rating": 4, "instead": 5}));
    assert_eq!(conversation(&admin, "closed").await, id);
    assert_eq!(satisfaction(&admin).await["average"], 4.0);
}

#[tokio::test]
async fn who_is_asked_nothing_rates_nothing() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let http = daemon.http();
    http.say("ann", "How do I return an item?").await;
    http.said_by("ann", "bot", 1).await;
    let id = close(&admin).await;
    http.say("ann", "5").await;
    assert_eq!(conversation(&admin, "bot").await, id, "a message like any other");
    assert_eq!(satisfaction(&admin).await["asked"], 0);
}
