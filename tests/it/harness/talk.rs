//! A customer who talks to the company, in the same words on every channel.

use std::{sync::Arc, time::Duration};

use mail_parser::Message;
use regex::Regex;
use serde_json::{Value, json};

use super::{BotApi, Daemon, MailDomain, PATIENCE, SUPPORT, Visitor, eventually, text, uuid};

/// What they talk through.
pub enum Way {
    /// A chat on a page; who they are, if the page says it.
    Chat(Value),
    /// A Telegram bot.
    Telegram(BotApi),
    /// Their mailbox.
    Mail(Arc<MailDomain>),
}

/// Somebody who talks.
pub struct Customer {
    way: Way,
    /// Where mail reaches them.
    address: &'static str,
    chat: Option<Visitor>,
    /// How much they have heard.
    heard: usize,
}

/// Whoever talks through Telegram.
const PERSON: i64 = 42;

impl Way {
    /// What the configuration needs.
    pub fn channel(&self) -> String {
        match self {
            Self::Chat(_) => String::new(),
            Self::Telegram(bot) => bot.channel(""),
            Self::Mail(domain) => domain.channel(""),
        }
    }
}

impl Customer {
    pub async fn arrive(way: Way, address: &'static str, daemon: &Daemon) -> Self {
        let chat = match &way {
            Way::Chat(Value::Null) => Some(Visitor::arrive(&daemon.url).await),
            Way::Chat(user) => Some(Visitor::arrive_as(&daemon.url, user.clone()).await),
            Way::Telegram(_) => None,
            Way::Mail(_) => {
                let read = || async { daemon.log().contains("read from here on").then_some(()) };
                eventually("the folder is read", read).await;
                None
            }
        };
        Self { way, address, chat, heard: 0 }
    }

    /// Whether the channel says what they are called.
    pub fn is_named(&self) -> bool {
        !matches!(&self.way, Way::Chat(user) if user["name"].is_null())
    }

    /// Whether the channel says their address.
    pub fn is_addressed(&self) -> bool {
        matches!(&self.way, Way::Mail(_))
    }

    /// The daemon has started again.
    pub async fn again(&mut self, daemon: &Daemon) {
        if let Some(chat) = &mut self.chat {
            *chat = chat.reload(&daemon.url).await;
        }
    }

    pub async fn says(&mut self, said: &str) {
        match &mut self.way {
            Way::Chat(_) => _ = self.chat.as_mut().unwrap().say(said).await,
            Way::Telegram(bot) => _ = bot.says(PERSON, said),
            Way::Mail(domain) => {
                let from = format!("Li <{}>", self.address);
                let mail = match domain.mailbox(self.address).pop() {
                    Some(last) => answer(&last, &from, said),
                    None => mail(&from, "Northloom", "", said),
                };
                domain.send(self.address, &mail).await;
            }
        }
    }

    /// Says something to a mail that they got, whatever they talk through.
    pub async fn answers(&mut self, got: &Message<'_>, said: &str) {
        match &self.way {
            Way::Mail(domain) => domain.send(self.address, &answer(got, self.address, said)).await,
            Way::Chat(_) | Way::Telegram(_) => self.says(said).await,
        }
    }

    /// Waits until a button is there: what is sent in parts may not be there as a whole when a part of it is heard.
    pub async fn sees(&self, title: &str) {
        if let Way::Telegram(bot) = &self.way {
            eventually(title, || async { bot.button(PERSON, title) }).await;
        }
    }

    /// Presses a button; by mail, writes what stands beside it, or its title.
    pub async fn presses(&mut self, title: &str) {
        match &mut self.way {
            Way::Chat(_) => self.chat.as_mut().unwrap().press(title).await,
            Way::Telegram(bot) => bot.presses(PERSON, title),
            Way::Mail(_) => {
                let last = self.said().pop().unwrap_or_default();
                let beside = Regex::new(&format!("{title}\\s*[:：]\\s*“([^”]+)”")).unwrap();
                let says =
                    beside.captures(&last).map_or_else(|| title.to_owned(), |found| found[1].replace("\r\n", " "));
                self.says(&says).await;
            }
        }
    }

    /// Waits until the bot says this, after what was heard before; all of what it says then, [`unspaced`].
    pub async fn hears(&mut self, part: &str) -> String {
        let heard = self.heard;
        let waited = tokio::time::timeout(PATIENCE - Duration::from_secs(1), async {
            match &mut self.chat {
                Some(chat) => loop {
                    let said = shown(chat);
                    match found(&said, heard, part) {
                        Some(found) => break found,
                        None => _ = chat.said_by("bot", said.len() + 1).await,
                    }
                },
                None => eventually(part, || async { found(&self.said(), heard, part) }).await,
            }
        });
        let Ok((at, whole)) = waited.await else {
            let said = match &mut self.chat {
                Some(chat) => shown(chat),
                None => self.said(),
            };
            panic!("“{part}” was to be said behind the first {heard} of {said:#?}")
        };
        self.heard = at + 1;
        whole
    }

    /// What the bot has said by Telegram or mail.
    fn said(&self) -> Vec<String> {
        match &self.way {
            Way::Chat(_) => Vec::new(),
            Way::Telegram(bot) => {
                let said = bot.sent(PERSON).into_iter();
                said.map(|sent| format!("{}{}", text(&sent.with, "/text"), text(&sent.with, "/caption"))).collect()
            }
            Way::Mail(domain) => {
                let mails = domain.mailbox(self.address).into_iter();
                mails.map(|mail| mail.body_text(0).unwrap().into_owned()).collect()
            }
        }
    }
}

/// What the bot has said in a chat, with the titles of its cards.
fn shown(chat: &Visitor) -> Vec<String> {
    let said = chat.entries.values().filter(|entry| text(entry, "/author/type") == "bot");
    let words = |entry: &Value| {
        let cards = entry["cards"].as_array().into_iter().flatten();
        cards.fold(text(entry, "/text").to_owned(), |words, card| format!("{words}\n{}", text(card, "/title")))
    };
    said.map(words).collect()
}

fn found(said: &[String], heard: usize, part: &str) -> Option<(usize, String)> {
    let part = unspaced(part);
    let mut behind = said.iter().map(|said| unspaced(said)).enumerate().skip(heard);
    behind.find(|(_, said)| said.contains(&part))
}

/// A text without its spaces: mails break lines where their programs like.
pub fn unspaced(text: &str) -> String {
    text.split_whitespace().collect()
}

/// A mail as a person writes one.
pub fn mail(from: &str, subject: &str, headers: &str, said: &str) -> String {
    let id = uuid();
    format!(
        "From: {from}\nTo: {SUPPORT}\nSubject: {subject}\nMessage-ID: <{id}@customer.example>\nDate: Tue, 24 Nov 2026 10:00:00 +0800\n\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n{headers}\n{said}\n"
    )
}

/// An answer to a mail, as programs write it: its headers, a new text, the old one below.
pub fn answer(to: &Message<'_>, from: &str, said: &str) -> String {
    let id = to.message_id().unwrap();
    let references =
        to.references().as_text_list().map(|ids| ids.iter().map(|id| format!("<{id}> ")).collect::<String>());
    let references = references.unwrap_or_default();
    let reply_to = to.reply_to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap();
    let old: String = to.body_text(0).unwrap().lines().map(|line| format!("> {line}\n")).collect();
    let headers = format!("In-Reply-To: <{id}>\nReferences: {references}<{id}>\n");
    let said = format!("{said}\n\nOn Tue, Nov 24, 2026 at 10:00 AM Example Shop <{SUPPORT}> wrote:\n{old}");
    mail(from, to.subject().unwrap(), &headers, &said).replace(&format!("To: {SUPPORT}"), &format!("To: {reply_to}"))
}

impl Visitor {
    /// Presses the newest button of this title, of a reply or of a card.
    pub async fn press(&mut self, title: &str) {
        let of_entry = |entry: &Value| {
            let cards = entry["cards"].as_array().into_iter().flatten();
            let of_cards: Vec<Value> = cards.filter_map(|card| card["buttons"].as_array()).flatten().cloned().collect();
            entry["buttons"].as_array().into_iter().flatten().cloned().chain(of_cards).collect::<Vec<Value>>()
        };
        let mut buttons = self.entries.values().rev().flat_map(of_entry);
        let button = buttons.find(|button| text(button, "/title") == title);
        let value = button.unwrap_or_else(|| panic!("no button {title}: {:?}", self.entries))["postback"].clone();
        let id = uuid();
        self.send(&json!({"type": "postback", "id": id, "value": value, "title": title})).await;
        self.wait("accepted", |frame| frame["type"] == "accepted" && frame["id"] == *id).await;
    }
}

impl BotApi {
    /// The button of this title of the last message that has it, and all that are with it.
    fn button(&self, person: i64, title: &str) -> Option<(Value, Value)> {
        self.sent(person).iter().rev().find_map(|sent| {
            let markup = &sent.with["reply_markup"];
            let mut buttons = markup["inline_keyboard"].as_array()?.iter().filter_map(Value::as_array).flatten();
            Some((buttons.find(|button| text(button, "/text") == title)?.clone(), markup.clone()))
        })
    }

    /// A person presses a button of the last message that has it.
    pub fn presses(&self, person: i64, title: &str) {
        let found = self.button(person, title);
        let (button, markup) = found.unwrap_or_else(|| panic!("no button {title}: {:?}", self.sent(person)));
        let from = json!({"id": person, "is_bot": false, "first_name": format!("Person {person}")});
        let chat = json!({"id": person, "type": "private", "first_name": format!("Person {person}")});
        let message =
            json!({"message_id": 1, "date": 1_795_500_000, "chat": chat, "text": "…", "reply_markup": markup});
        self.happens(json!({"callback_query": {
            "id": uuid(), "from": from, "chat_instance": "1", "message": message, "data": button["callback_data"]
        }}));
    }
}
