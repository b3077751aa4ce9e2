//! The bot does things for customers: it looks up, books and cancels in a shop, in both languages, and what it does happens
//! once, whatever fails.

use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, ShopServer, Visitor, eventually, items, text, vouch};

const SECRET: &str = "a secret of the shop's website";

async fn open() -> (ShopServer, Daemon) {
    let shop = ShopServer::open().await;
    let home = Home::new().with_web_chat(&format!("identity_secrets = [{SECRET:?}]\n"));
    shop.rules_into(&home).await;
    (shop, home.start().await)
}

/// What the bot says next, after so much.
pub async fn answer(visitor: &mut Visitor, count: &mut usize) -> String {
    *count += 1;
    visitor.said_by("bot", *count).await[*count - 1].clone()
}

#[tokio::test]
async fn an_order_is_looked_up_in_the_customers_language() {
    let (_shop, daemon) = open().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = 0;
    visitor.say("Where is my order?").await;
    assert!(answer(&mut visitor, &mut said).await.contains("Which order"));
    visitor.say("it's a10023").await;
    let told = answer(&mut visitor, &mut said).await;
    assert!(told.contains("A10023 is on its way") && told.contains("SF1000010023"), "{told}");

    let mut chinese = Visitor::arrive(&daemon.url).await;
    let mut said = 0;
    chinese.say("我的订单A10024到哪了").await;
    let told = answer(&mut chinese, &mut said).await;
    assert!(told.contains("订单 A10024"), "{told}");
    chinese.owned_by("bot").await;
}

#[tokio::test]
async fn a_message_that_an_action_heard_does_not_read_as_if_it_had_gone_where_the_rules_lead() {
    let (_shop, daemon) = open().await;
    let admin = daemon.admin().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = 0;
    // The knowledge has nothing on either answer; it has on the question between them, which is answered and is no answer.
    for says in ["Where is my order?", "it is the blue one, I think", "How do I return an item?", "A10023"] {
        visitor.say(says).await;
        answer(&mut visitor, &mut said).await;
        said += usize::from(says.contains("return"));
        visitor.said_by("bot", said).await;
    }
    let conversation = text(&items(&admin.get("/conversations?box=open").await)[0], "/id").to_owned();
    let entries = admin.entries(&conversation).await;
    let messages: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == "message").collect();
    let heard = |one: &Value| one["heard"].as_str().unwrap_or_default().to_owned();
    let expected = ["", "order-status", "", "order-status"];
    assert_eq!(messages.iter().map(|message| heard(&message["decision"])).collect::<Vec<_>>(), expected);
    let decisions = admin.get("/decisions").await;
    assert_eq!(items(&decisions).iter().rev().map(heard).collect::<Vec<_>>(), expected);

    let id = text(messages[3], "/id");
    let why = admin.get(&format!("/messages/{id}/why")).await;
    assert_eq!((text(&why, "/heard"), text(&why, "/destination")), ("order-status", "answer"));
    let outcome = "The action “order-status” was under way and heard this; the rules would have led to: answer";
    assert!(text(&why, "/outcome").starts_with(outcome), "{why}");
    let printed = daemon.home.run(&["why", id]).await;
    assert!(printed.ok && printed.out.contains(outcome), "{}", printed.all());
    let total = &admin.get("/measures?days=1").await["total"];
    assert_eq!((&total["answers"], &total["misses"]), (&json!(1), &json!(0)), "{total}");
}

#[tokio::test]
async fn an_appointment_is_booked_although_the_daemon_is_killed_between_any_two_turns() {
    let (mut shop, mut daemon) = open().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = 0;
    visitor.say("我想预约维修").await;
    assert!(answer(&mut visitor, &mut said).await.contains("预约什么服务"));
    visitor = again(&mut daemon, &visitor, said).await;
    visitor.press("维修").await;
    assert!(answer(&mut visitor, &mut said).await.contains("哪一天"));
    visitor = again(&mut daemon, &visitor, said).await;
    visitor.say("明天").await;
    assert!(answer(&mut visitor, &mut said).await.contains("可以预约以下时间"));
    visitor = again(&mut daemon, &visitor, said).await;
    visitor.say("第一个").await;
    assert!(answer(&mut visitor, &mut said).await.contains("怎么称呼您"));
    visitor = again(&mut daemon, &visitor, said).await;
    visitor.say("陈晓明").await;
    assert!(answer(&mut visitor, &mut said).await.contains("姓名陈晓明，可以吗"));
    visitor = again(&mut daemon, &visitor, said).await;
    visitor.say("好的").await;
    let told = answer(&mut visitor, &mut said).await;
    assert!(told.contains("预约号 B1001"), "{told}");
    shop.until_effects(1).await;
    assert_eq!(shop.effects().await.len(), 1);
}

async fn again(daemon: &mut Daemon, visitor: &Visitor, said: usize) -> Visitor {
    daemon.kill().await;
    daemon.restart().await;
    let mut visitor = visitor.reload(&daemon.url).await;
    visitor.said_by("bot", said).await;
    visitor
}

#[tokio::test]
async fn what_was_being_done_when_the_daemon_was_killed_is_done_once() {
    let (mut shop, mut daemon) = open().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = confirmed(&mut visitor, "2").await;
    // The shop books, and says so much later than anybody waits.
    shop.fault(&json!({"path": "/appointments", "kind": "late", "seconds": 600, "times": 1})).await;
    visitor.say("yes please").await;
    shop.until_effects(1).await;
    daemon.kill().await;
    shop.mend().await;
    daemon.restart().await;
    visitor = visitor.reload(&daemon.url).await;
    let told = answer(&mut visitor, &mut said).await;
    assert!(told.contains("Booked") && told.contains("B1001"), "{told}");
    assert_eq!(shop.effects().await.len(), 1, "one key, one appointment");
}

/// Up to the question whether it is right so; how much the bot has said.
pub async fn confirmed(visitor: &mut Visitor, choice: &str) -> usize {
    let mut said = 0;
    for (says, told) in [
        ("I would like an appointment", "What would you like"),
        ("a fitting", "Which day"),
        ("tomorrow", "These times are free"),
        (choice, "What name"),
        ("Emma", "Shall I book it"),
    ] {
        visitor.say(says).await;
        let answer = answer(visitor, &mut said).await;
        assert!(answer.contains(told), "{says}: {answer}");
    }
    said
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again_under_the_same_key() {
    let (mut shop, daemon) = open().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = confirmed(&mut visitor, "2").await;
    shop.fault(&json!({"path": "/appointments", "kind": "drop", "times": 1})).await;
    visitor.press("Yes").await;
    let told = answer(&mut visitor, &mut said).await;
    assert!(told.contains("Booked"), "{told}");
    shop.until_effects(1).await;
    // The button stays on the screen, and is no second yes.
    visitor.press("Yes").await;
    assert_eq!(shop.effects().await.len(), 1);
}

#[tokio::test]
async fn whatever_is_wrong_with_the_shop_the_customer_hears_it_and_reaches_a_person() {
    let (shop, daemon) = open().await;
    let admin = daemon.admin().await;
    for kind in ["status", "html", "huge", "types", "redirect", "drop", "slow"] {
        shop.mend().await;
        shop.fault(&ShopServer::kind(kind, "/orders")).await;
        let mut visitor = Visitor::arrive(&daemon.url).await;
        let mut said = 0;
        visitor.say("where is my order number A10023").await;
        let told = answer(&mut visitor, &mut said).await;
        assert!(told.contains("cannot look that up right now"), "{kind}: {told}");
        visitor.owned_by("queue").await;
        let summary = queued(&admin, "A10023").await;
        assert!(summary.contains("Order status: order number A10023"), "{kind}: {summary}");
        close_all(&admin).await;
    }
}

/// What the next agent is told first of the conversation that waits.
async fn queued(admin: &Console, about: &str) -> String {
    eventually("it waits", || async {
        let list = admin.get("/conversations?box=queued").await;
        let waits = items(&list).first()?;
        let detail = admin.get(&format!("/conversations/{}", text(waits, "/id"))).await;
        let summary = text(&detail, "/handoff/summary");
        summary.contains(about).then(|| summary.to_owned())
    })
    .await
}

async fn close_all(admin: &Console) {
    let list = admin.get("/conversations?box=queued").await;
    for conversation in items(&list) {
        admin.post(&format!("/conversations/{}/close", text(conversation, "/id")), &json!({})).await;
    }
}

#[tokio::test]
async fn a_question_of_their_own_is_answered_and_the_dialogue_goes_on() {
    let (_shop, daemon) = open().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = 0;
    visitor.say("Where is my order?").await;
    assert!(answer(&mut visitor, &mut said).await.contains("Which order"));
    visitor.say("How do I return an item?").await;
    assert!(answer(&mut visitor, &mut said).await.contains("30 days"));
    assert!(answer(&mut visitor, &mut said).await.contains("Which order"));
    visitor.say("A99999").await;
    assert!(answer(&mut visitor, &mut said).await.contains("cannot find an order A99999"));
    assert!(answer(&mut visitor, &mut said).await.contains("Which order"));
    visitor.say("sorry, A10024").await;
    assert!(answer(&mut visitor, &mut said).await.contains("Order A10024"));
    visitor.owned_by("bot").await;
}

#[tokio::test]
async fn a_brief_answer_does_not_change_the_language() {
    let (_shop, daemon) = open().await;
    let admin = daemon.admin().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = 0;
    visitor.say("Where is my order?").await;
    assert!(answer(&mut visitor, &mut said).await.contains("Which order"));
    visitor.say("hmm").await;
    assert!(answer(&mut visitor, &mut said).await.contains("does not look like"));
    let open = admin.get("/conversations?box=open").await;
    assert_eq!(text(&items(&open)[0], "/language"), "en");
    visitor.say("我的订单号是A10024").await;
    assert!(answer(&mut visitor, &mut said).await.contains("订单 A10024"), "Chinese is Chinese, however brief");
}

#[tokio::test]
async fn who_changes_their_mind_is_charged_nothing() {
    let (shop, daemon) = open().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = confirmed(&mut visitor, "2").await;
    visitor.say("no").await;
    assert!(answer(&mut visitor, &mut said).await.contains("not changed anything"));
    assert!(shop.effects().await.is_empty());
}

#[tokio::test]
async fn whoever_writes_and_writes_while_it_is_booked_has_one_appointment() {
    let mut shop = ShopServer::open().await;
    let home = Home::new().with_web_chat("messages_per_minute = 1000000\n");
    shop.rules_into(&home).await;
    let daemon = home.start().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = confirmed(&mut visitor, "2").await;
    // Longer than the daemon waits, which asks again then, under the same key.
    shop.fault(&json!({"path": "/appointments", "kind": "late", "seconds": 60, "times": 1})).await;
    visitor.say("yes please").await;
    shop.until_effects(1).await;
    for at in 0..10 {
        visitor.say(["yes", "yes please", "is it booked?", "hello?", "no wait"][at % 5]).await;
    }
    assert!(answer(&mut visitor, &mut said).await.contains("Booked"));
    let ledger = eventually("everything is decided", || async {
        Some(daemon.ledger().await).filter(|ledger| ledger["decided"] == ledger["accepted"])
    })
    .await;
    assert_eq!((&ledger["accepted"], &ledger["findings"]), (&json!(16), &json!([])), "{ledger}");
    assert_eq!(shop.effects().await.len(), 1);
}

#[tokio::test]
async fn two_hundred_digits_are_no_order_and_are_asked_for_again() {
    let (_shop, daemon) = open().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let mut said = 0;
    visitor.say("Where is my order?").await;
    assert!(answer(&mut visitor, &mut said).await.contains("Which order is it?"));
    visitor.say(&format!("A{}", "1".repeat(200))).await;
    let told = answer(&mut visitor, &mut said).await;
    assert!(told.contains("does not look like one of our order numbers"), "{told}");
    visitor.say("A10023").await;
    assert!(answer(&mut visitor, &mut said).await.contains("SF Express"));
}

#[tokio::test]
async fn what_somebody_bought_is_told_to_them_alone() {
    let (_shop, daemon) = open().await;
    let mut stranger = Visitor::arrive(&daemon.url).await;
    stranger.say("can you recommend something? I am emma.clarke@example.com").await;
    stranger.owned_by("queue").await;

    let email = "emma.clarke@example.com";
    let hash = vouch(SECRET, &["email", "emma", email]);
    let user = json!({"id": "emma", "hash": vouch(SECRET, &["emma"]), "email": email, "email_hash": hash});
    let mut emma = Visitor::arrive_as(&daemon.url, user).await;
    assert!(emma.verified, "the website vouches for her");
    let mut said = 0;
    emma.say("can you recommend something?").await;
    let told = answer(&mut emma, &mut said).await;
    let shown = emma.entries.values().next_back().unwrap();
    assert!(told.contains("You may like") && text(shown, "/cards/0/price").contains('¥'), "{told}: {shown}");
}

#[tokio::test]
async fn hostile_words_lead_nowhere_else() {
    let (mut shop, daemon) = open().await;
    for words in [
        "where is my order number A10023/../../ledger",
        "order {{ secret.shop }} {% for a in range(999999) %}x{% endfor %}",
        "订单A10023\r\nX-Evil: 1",
    ] {
        let mut visitor = Visitor::arrive(&daemon.url).await;
        let mut said = 0;
        visitor.say(words).await;
        let _ = answer(&mut visitor, &mut said).await;
    }
    let calls = shop.seen.borrow_and_update().calls;
    assert!(calls <= 2, "only orders were looked up: {calls}");
    assert!(shop.effects().await.is_empty());
    let why: Value = daemon.ledger().await;
    assert_eq!(why["decided"], 3);
}
