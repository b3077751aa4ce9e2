//! The dialogues of the demo, in both languages, over web chat, Telegram and mail, with the daemon killed between any two turns.

use std::sync::Arc;

use mail_parser::Message;
use regex::Regex;
use serde_json::{Value, json};

use crate::harness::{
    BotApi, CHEN, Customer, Daemon, EMMA, Home, LI, MailDomain, ShopServer, Way, items, unspaced, uuid,
};

/// `>` says, `*` presses, `<` hears a part of; `?` is heard and answered where the channel does not say what somebody is called,
/// `@` where it does not say their address; `#` says it with the code that was sent there; `!` has the reminder of what is
/// booked now come soon.
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
    "! ",
    "* Yes",
    "< Your number is {number}",
    "< A reminder: we look forward to seeing you",
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
    "! ",
    "* 是",
    "< 预约号 {number}",
    "< 温馨提醒：",
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

/// Of somebody whom the shop knows by a mailbox. A card leads on, and a ticket to a person.
const ENGLISH_PROOF: &[&str] = &[
    "> can you recommend something?",
    "@ Which email address | emma.clarke@example.com",
    "< a code of six digits",
    "# it is {code}",
    "< now I know who you are",
    "< You may like these",
    "* Tell me more",
    "< what you are looking for",
    "> I would like to open a ticket",
    "< What is it about",
    "* A delivery",
    "< describe it",
    "> the box of order A10023 was crushed",
    "< Shall I open a ticket with this: “the box of order",
    "* Yes",
    "< Your ticket is #",
];

const CHINESE_PROOF: &[&str] = &[
    "> 有什么推荐的吗？",
    "@ 邮箱 | chen.xiaoming@example.com",
    "< 六位验证码",
    "# {code}",
    "< 身份已确认",
    "< 为您推荐",
    "* 了解更多",
    "< 为您找到",
    "> 我要提交工单",
    "< 哪方面的问题",
    "* 商品",
    "< 描述一下",
    "> 外套的拉链坏了",
    "< 为您提交工单：“外套的拉链坏了”",
    "* 是",
    "< 您的工单号是 #",
];

/// Somebody who talks to the shop, and everything that they talk to.
struct Talk {
    shop: ShopServer,
    daemon: Daemon,
    customer: Customer,
    /// Where their codes go.
    mailbox: Option<(Arc<MailDomain>, &'static str)>,
    /// Of their appointment.
    number: String,
}

impl Talk {
    /// The daemon is killed before each word of theirs.
    async fn tells(&mut self, lines: &[&str]) {
        for line in lines {
            let (mark, words) = line.split_at(2);
            let known = words.replace("{number}", &self.number);
            match mark {
                "> " => {
                    self.again().await;
                    self.customer.says(&known).await;
                }
                "* " => {
                    self.customer.sees(&known).await;
                    self.again().await;
                    self.customer.presses(&known).await;
                }
                "? " if self.customer.is_named() => {}
                "@ " if self.customer.is_addressed() => {}
                "? " | "@ " => {
                    let (asked, said) = words.split_once(" | ").unwrap();
                    self.customer.hears(asked).await;
                    self.again().await;
                    self.customer.says(said).await;
                }
                "# " => {
                    self.again().await;
                    let (mail, code) = self.code().await;
                    self.customer.answers(&mail, &words.replace("{code}", &code)).await;
                }
                "! " => self.shop.reminds_in(20, 1, &self.daemon.home).await,
                "< " if self.number.is_empty() && words.contains("{number}") => {
                    let before = unspaced(words.split("{number}").next().unwrap());
                    let heard = self.customer.hears(&before).await;
                    let number = heard.split(&before).nth(1).unwrap();
                    self.number = number.chars().take_while(char::is_ascii_alphanumeric).collect();
                    self.again().await;
                }
                _ => _ = self.customer.hears(&known).await,
            }
        }
    }

    async fn again(&mut self) {
        self.daemon.kill().await;
        self.daemon.restart().await;
        self.customer.again(&self.daemon).await;
    }

    /// The mail with the code that was sent to them, and the code.
    async fn code(&self) -> (Message<'static>, String) {
        let (domain, address) = self.mailbox.as_ref().unwrap();
        let subjects = ["Your code", "您的验证码"];
        let mail =
            domain.find(address, "the code", |mail| mail.subject().is_some_and(|is| subjects.contains(&is))).await;
        let said = mail.body_text(0).unwrap().into_owned();
        let code = Regex::new(r"\D(\d{6})\D").unwrap().captures(&said).unwrap()[1].to_owned();
        (mail, code)
    }
}

async fn open(way: Way, mailbox: Option<(Arc<MailDomain>, &'static str)>) -> Talk {
    let shop = ShopServer::open().await;
    let mut home = Home::new().with_config(&way.channel());
    if let Some((domain, _)) = &mailbox {
        home = home.with_config("[identity]\nemail = \"mail\"\n");
        if !matches!(way, Way::Mail(_)) {
            home = home.with_config(&domain.channel(""));
        }
    }
    shop.rules_into(&home).await;
    let daemon = home.start().await;
    let address = mailbox.as_ref().map_or(LI, |(_, address)| *address);
    let customer = Customer::arrive(way, address, &daemon).await;
    Talk { shop, daemon, customer, mailbox, number: String::new() }
}

async fn tells(way: Way, lines: &[&str]) {
    let mut talk = open(way, None).await;
    talk.tells(lines).await;
    let effects = talk.shop.effects().await;
    let kinds: Vec<&str> = effects.iter().map(|effect| effect["effect"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["appointment_booked", "appointment_moved", "appointment_cancelled"], "each once: {effects:?}");
    let ledger = talk.daemon.ledger().await;
    assert_eq!(ledger["findings"], json!([]), "{ledger}");
}

/// The customer is in the company's books, under an address for which the channel does not vouch.
async fn proves(way: Way, domain: Arc<MailDomain>, address: &'static str, lines: &[&str]) {
    let mut talk = open(way, Some((domain, address))).await;
    let from = json!({"handle": "crm-17", "name": "A customer", "email": address, "verified": true});
    let known = json!({"id": uuid(), "from": from, "text": "How do I return an item?"});
    let admin = talk.daemon.admin().await;
    admin.conversation_of(&talk.daemon.http().send(&known).await.id()).await;
    talk.tells(lines).await;
    let admin = admin.moved(&talk.daemon.url);
    let waiting = admin.get("/conversations?box=queued").await;
    let waiting = items(&waiting);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert!(waiting[0]["ticket"].is_u64() && waiting[0]["customer"]["verified"] == true, "{waiting:?}");
    let ledger = talk.daemon.ledger().await;
    assert_eq!(ledger["findings"], json!([]), "{ledger}");
}

#[tokio::test]
async fn english_in_the_chat() {
    tells(Way::Chat(Value::Null), ENGLISH).await;
}

#[tokio::test]
async fn english_on_telegram() {
    tells(Way::Telegram(BotApi::start().await), ENGLISH).await;
}

#[tokio::test]
async fn english_by_mail() {
    tells(Way::Mail(Arc::new(MailDomain::start().await)), ENGLISH).await;
}

#[tokio::test]
async fn chinese_in_the_chat() {
    tells(Way::Chat(Value::Null), CHINESE).await;
}

#[tokio::test]
async fn chinese_on_telegram() {
    tells(Way::Telegram(BotApi::start().await), CHINESE).await;
}

#[tokio::test]
async fn chinese_by_mail() {
    tells(Way::Mail(Arc::new(MailDomain::start().await)), CHINESE).await;
}

#[tokio::test]
async fn english_in_the_chat_of_somebody_who_proves_who_they_are() {
    let domain = Arc::new(MailDomain::start().await);
    proves(Way::Chat(Value::Null), domain, EMMA, ENGLISH_PROOF).await;
}

#[tokio::test]
async fn english_on_telegram_of_somebody_who_proves_who_they_are() {
    let domain = Arc::new(MailDomain::start().await);
    proves(Way::Telegram(BotApi::start().await), domain, EMMA, ENGLISH_PROOF).await;
}

#[tokio::test]
async fn english_by_mail_of_somebody_who_proves_who_they_are() {
    let domain = Arc::new(MailDomain::start().await);
    proves(Way::Mail(Arc::clone(&domain)), domain, EMMA, ENGLISH_PROOF).await;
}

#[tokio::test]
async fn chinese_in_the_chat_of_somebody_who_proves_who_they_are() {
    let domain = Arc::new(MailDomain::start().await);
    proves(Way::Chat(Value::Null), domain, CHEN, CHINESE_PROOF).await;
}

#[tokio::test]
async fn chinese_on_telegram_of_somebody_who_proves_who_they_are() {
    let domain = Arc::new(MailDomain::start().await);
    proves(Way::Telegram(BotApi::start().await), domain, CHEN, CHINESE_PROOF).await;
}

#[tokio::test]
async fn chinese_by_mail_of_somebody_who_proves_who_they_are() {
    let domain = Arc::new(MailDomain::start().await);
    proves(Way::Mail(Arc::clone(&domain)), domain, CHEN, CHINESE_PROOF).await;
}
