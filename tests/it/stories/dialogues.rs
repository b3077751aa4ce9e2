//! The dialogues of the demo, in both languages, over web chat, Telegram and mail, with the daemon killed between any two turns.

use serde_json::{Value, json};

use crate::harness::{BotApi, Customer, Daemon, Home, MailDomain, ShopServer, Way, unspaced};

/// `>` says, `*` presses, `<` hears a part of; `?` is heard and answered where the channel does not say what somebody is called.
const ENGLISH: &[&str] = &[
    "> Where is my order?",
    "< Which order is it?",
    "> it is a10023",
    "< A10023 is on its way with SF Express",
    "> do you have a scarf?",
    "< Children's bobble hat",
    "> I would like to book an appointment",
    "< What would you like to come for?",
    "* A fitting",
    "< Which day suits you?",
    "> tomorrow",
    "< These times are free.",
    "> the second one",
    "? What name may I put it under? | Emma",
    "< Shall I book it",
    "* Yes",
    "< Your number is {number}",
    "> can you move my appointment {number}?",
    "< Which day would suit you better?",
    "> the day after tomorrow",
    "< These times are free.",
    "> 1",
    "< Shall I move {number}",
    "> yes please",
    "< Moved:",
    "> How do I return an item?",
    "< 30 days",
    "> please cancel appointment {number}",
    "< Shall I cancel the appointment {number}?",
    "> yes",
    "< The appointment {number} is cancelled.",
    "> I want to talk to a person",
    "< colleague",
];

const CHINESE: &[&str] = &[
    "> 我的订单到哪了？",
    "< 请问是哪个订单？",
    "> 是A10023",
    "< 订单 A10023 已由顺丰速运发出",
    "> 有没有围巾？",
    "< 儿童绒球帽",
    "> 我想预约",
    "< 请问您想预约什么服务？",
    "* 试衣",
    "< 您想哪一天过来？",
    "> 明天",
    "< 可以预约以下时间。",
    "> 第二个",
    "? 请问怎么称呼您？ | 陈晓明",
    "< 可以吗？",
    "* 是",
    "< 预约号 {number}",
    "> 我想改一下预约{number}的时间",
    "< 您想改到哪一天？",
    "> 后天",
    "< 可以改到以下时间。",
    "> 第一个",
    "< 把预约 {number} 改到",
    "> 可以",
    "< 已更改：",
    "> 怎么退货？",
    "< 30 天",
    "> 请取消预约{number}",
    "< 确定要取消预约 {number} 吗？",
    "> 是的",
    "< 预约 {number} 已取消。",
    "> 我要转人工",
    "< 人工客服",
];

async fn tells(way: Way, lines: &[&str]) {
    let mut shop = ShopServer::open().await;
    let home = Home::new().with_config(&way.channel());
    shop.rules_into(&home).await;
    let mut daemon = home.start().await;
    let mut customer = Customer::arrive(way, &daemon).await;
    let mut number = String::new();
    for line in lines {
        let (mark, words) = line.split_at(2);
        let known = words.replace("{number}", &number);
        match mark {
            "> " => {
                again(&mut daemon, &mut customer).await;
                customer.says(&known).await;
            }
            "* " => {
                again(&mut daemon, &mut customer).await;
                customer.presses(&known).await;
            }
            "? " if customer.is_named() => {}
            "? " => {
                let (asked, said) = words.split_once(" | ").unwrap();
                customer.hears(asked).await;
                again(&mut daemon, &mut customer).await;
                customer.says(said).await;
            }
            "< " if number.is_empty() && words.contains("{number}") => {
                let before = unspaced(words.split("{number}").next().unwrap());
                let heard = customer.hears(&before).await;
                number = heard.split(&before).nth(1).unwrap().chars().take_while(char::is_ascii_alphanumeric).collect();
            }
            _ => _ = customer.hears(&known).await,
        }
    }
    let effects = shop.effects().await;
    let kinds: Vec<&str> = effects.iter().map(|effect| effect["effect"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["appointment_booked", "appointment_moved", "appointment_cancelled"], "each once: {effects:?}");
    shop.until_effects(3).await;
    let ledger = daemon.ledger().await;
    assert_eq!(ledger["findings"], json!([]), "{ledger}");
}

async fn again(daemon: &mut Daemon, customer: &mut Customer) {
    daemon.kill().await;
    daemon.restart().await;
    customer.again(daemon).await;
}

#[tokio::test]
async fn english_in_the_chat() {
    tells(Way::Chat(Value::Null), ENGLISH).await;
}

#[tokio::test]
async fn chinese_in_the_chat() {
    tells(Way::Chat(Value::Null), CHINESE).await;
}

#[tokio::test]
async fn english_on_telegram() {
    tells(Way::Telegram(BotApi::start().await), ENGLISH).await;
}

#[tokio::test]
async fn chinese_on_telegram() {
    tells(Way::Telegram(BotApi::start().await), CHINESE).await;
}

#[tokio::test]
async fn english_by_mail() {
    tells(Way::Mail(Box::new(MailDomain::start().await)), ENGLISH).await;
}

#[tokio::test]
async fn chinese_by_mail() {
    tells(Way::Mail(Box::new(MailDomain::start().await)), CHINESE).await;
}
