//! The bot shows cards, in both languages; what their buttons say leads on as if the customer had written it, whatever was under
//! way and on whichever channel.

use serde_json::{Value, json};

use crate::harness::{BotApi, Home, ShopServer, Visitor, client, eventually, items, text, vouch};

const SECRET: &str = "a secret of the shop's website";

/// The next thing that the bot says.
async fn answer(visitor: &mut Visitor, count: &mut usize) -> Value {
    *count += 1;
    visitor.said_by("bot", *count).await;
    let mut said = visitor.entries.values().filter(|entry| text(entry, "/author/type") == "bot");
    said.nth(*count - 1).unwrap().clone()
}

fn titles(entry: &Value) -> Vec<&str> {
    entry["cards"].as_array().into_iter().flatten().map(|card| text(card, "/title")).collect()
}

#[tokio::test]
async fn a_pressed_card_leads_on() {
    let shop = ShopServer::open().await;
    let home = Home::new();
    shop.rules_into(&home).await;
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = 0;
    visitor.say("do you have any scarves?").await;
    let shown = answer(&mut visitor, &mut said).await;
    assert_eq!(titles(&shown)[0], "Loch scarf", "{shown}");
    let scarf = &shown["cards"][0];
    assert_eq!((text(scarf, "/price"), text(scarf, "/link")), ("¥329.00", "https://shop.example/products/AC-302"));
    let picture = client().get(text(scarf, "/image")).send().await.unwrap();
    assert_eq!(
        (picture.status().as_u16(), picture.headers()["content-type"].to_str().unwrap()),
        (200, "image/svg+xml")
    );

    visitor.press("Try it on in the shop").await;
    let asked = answer(&mut visitor, &mut said).await;
    assert!(text(&asked, "/text").contains("What would you like to come for"), "{asked}");
    let own = visitor.entries.values().rev().find(|entry| text(entry, "/author/type") == "customer").unwrap();
    assert_eq!(text(own, "/text"), "Try it on in the shop", "the customer sees what they pressed");
    let open = admin.get("/conversations?box=open").await;
    let entries = admin.entries(text(&items(&open)[0], "/id")).await;
    let cards = entries.iter().find(|entry| entry["body"]["cards"].is_array()).unwrap();
    assert_eq!(cards["body"]["cards"], shown["cards"], "agents see what the customer saw");
    let pressed = entries.iter().find(|entry| entry["content"] == "postback").unwrap();
    assert_eq!(
        text(pressed, "/body/text"),
        "Try it on in the shop\nI would like an appointment to try on the Loch scarf.",
        "and what was decided on"
    );

    // It is no answer to a question that takes any text.
    for (says, told) in [("a fitting", "Which day"), ("tomorrow", "These times are free"), ("1", "What name")] {
        visitor.say(says).await;
        let asked = answer(&mut visitor, &mut said).await;
        assert!(text(&asked, "/text").contains(told), "{says}: {asked}");
    }
    visitor.press("Try it on in the shop").await;
    let asked = answer(&mut visitor, &mut said).await;
    assert!(text(&asked, "/text").contains("What would you like to come for"), "begun anew: {asked}");
    assert!(shop.effects().await.is_empty());
}

#[tokio::test]
async fn a_recommendation_leads_to_the_product_in_the_customers_language() {
    let shop = ShopServer::open().await;
    let home = Home::new().with_web_chat(&format!("identity_secrets = [{SECRET:?}]\n"));
    shop.rules_into(&home).await;
    let daemon = home.start().await;
    let email = "chen.xiaoming@example.com";
    let hash = vouch(SECRET, &["email", "chen", email]);
    let user = json!({"id": "chen", "hash": vouch(SECRET, &["chen"]), "email": email, "email_hash": hash});
    let mut chen = Visitor::arrive_as(&daemon.url, user).await;
    let mut said = 0;
    chen.say("有什么推荐的吗？").await;
    let shown = answer(&mut chen, &mut said).await;
    let (title, because) = (text(&shown, "/cards/0/title").to_owned(), text(&shown, "/cards/0/text"));
    assert!(text(&shown, "/text").contains("为您推荐") && because.contains("您买过"), "{shown}");
    assert_eq!(text(&shown, "/cards/0/buttons/0/postback"), format!("say:{title}多少钱？"));
    chen.press("了解更多").await;
    let product = answer(&mut chen, &mut said).await;
    assert!(text(&product, "/text").contains("为您找到"), "{product}");
    let pressed = text(&shown, "/cards/2/title");
    assert!(titles(&product).contains(&pressed) || titles(&product).contains(&title.as_str()), "{product}");
}

/// A shop without a system, whose cards have pictures that Telegram could fetch.
const CARDS: &str = r#"
actions:
  gifts:
    title: {en: Gifts}
    outcomes:
      - say: {en: Two ideas.}
        cards:
          each: "[{'name': 'Hat', 'at': 'https://shop.example/hat.png'}, {'name': 'Shawl', 'at': 'javascript:x'}]"
          title: "{{ item.name }}"
          price: "¥9.00"
          image: "{{ item.at }}"
          link: "https://shop.example/{{ item.name }}"
          buttons:
            - {title: {en: Take it}, says: {en: "I take the {{ item.name }}, and I would like it wrapped, with a card, please"}}
  take:
    title: {en: Take}
    inputs:
      sure: {choices: {hat: {en: A hat}, shawl: {en: A shawl}}, ask: {en: Which one?}}
    outcomes: [{say: {en: "Taken: {{ inputs.sure }}."}}]
"#;

const BEGIN: &str = r#"
rules:
  - name: gifts
    when: message.text.any_word(["gift"])
    then: [{do: {action: gifts, otherwise: [{ignore: true}]}}]
  - name: take
    when: message.text.any_word(["take"])
    then: [{do: {action: take, otherwise: [{ignore: true}]}}]
"#;

#[tokio::test]
async fn telegram_shows_pictures_with_buttons_or_words_where_it_refuses_them() {
    const LI: i64 = 42;
    let bot = BotApi::start().await;
    let home = Home::new().with_config(&bot.channel(""));
    home.unpack_rules().await;
    home.write_rules("05-gifts.yaml", BEGIN);
    home.write_rules("actions/gifts.yaml", CARDS);
    let _daemon = home.start().await;
    bot.says(LI, "a gift please");
    let sent = bot.wait(LI, 3).await;
    let methods: Vec<&str> = sent.iter().map(|called| called.method.as_str()).collect();
    assert_eq!(methods, ["sendmessage", "sendphoto", "sendmessage"], "an address that is none of the web is left out");
    let photo = &sent[1].with;
    assert_eq!((text(photo, "/photo"), text(photo, "/caption")), ("https://shop.example/hat.png", "Hat\n¥9.00"));
    assert_eq!(photo["caption_entities"][1]["url"], "https://shop.example/Hat");
    assert_eq!(text(&sent[2].with, "/text"), "Shawl\n¥9.00");

    bot.presses(LI, "Take it");
    let asked = bot.wait(LI, 4).await.remove(3);
    assert_eq!(
        text(&asked.with, "/text"),
        "Which one?",
        "what the button says begins an action: it is longer than a button carries"
    );

    // A picture that Telegram cannot fetch costs the picture, and not the card.
    let said = "Bad Request: failed to get HTTP URL content";
    bot.refuse("sendPhoto", [(400, json!({"description": said}))]);
    bot.says(LI, "another gift");
    let sent = eventually("three more", || async { Some(bot.sent(LI)).filter(|sent| sent.len() >= 7) }).await;
    assert_eq!((sent[5].method.as_str(), text(&sent[5].with, "/text")), ("sendmessage", "Hat\n¥9.00"));
    assert_eq!(text(&sent[5].with, "/reply_markup/inline_keyboard/0/0/text"), "Take it");
}
