//! Cards: what the bot shows beside its words, and how it reads where nothing can be shown.

use serde::{Deserialize, Serialize};

use crate::{Body, Button, ButtonAction};

/// The most cards of one message: what people look through in a row.
pub const MAX_CARDS: usize = 10;
/// The longest title of a card, in characters.
pub const MAX_CARD_TITLE: usize = 80;
/// The longest text of a card, in characters. With title and price it fits into the caption of a picture on every
/// platform (Telegram: 1,024 UTF-16 units, <https://core.telegram.org/bots/api#sendphoto>).
pub const MAX_CARD_TEXT: usize = 300;
/// The longest price of a card, in characters.
pub const MAX_CARD_PRICE: usize = 40;
/// The longest address of a card's image, link or button, in bytes.
pub const MAX_CARD_URL: usize = 1000;
/// The most buttons of one card.
pub const MAX_CARD_BUTTONS: usize = 3;
/// The longest title of a card's button, in characters.
pub const MAX_CARD_BUTTON: usize = 40;
/// The longest words that a button says, in characters.
pub const MAX_SAYS: usize = 200;

/// Stands before the words in the value of a button that says something.
const SAYS: &str = "say:";

/// Something that is shown with a picture and buttons: a product, an appointment, a place. Outbound only; channels
/// without cards write it as lines ([`Card::in_words`]). Whoever makes one keeps it within the bounds of this module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// One line. Never empty.
    pub title: String,
    /// Plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The address of a picture, which the customer's own program fetches: https, or http in a network of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What it costs, as its reader writes amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// The page about it: https, or http in a network of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What can be done with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Button>,
}

impl Card {
    /// Every line of it as plain text; its buttons are numbered from `first`.
    #[must_use]
    pub fn in_words(&self, first: usize) -> String {
        let lines = [Some(&self.title), self.price.as_ref(), self.text.as_ref(), self.link.as_ref()];
        let lines = lines.into_iter().flatten().cloned();
        let buttons = self.buttons.iter().zip(first..).map(|(button, number)| button.in_words(number));
        lines.chain(buttons).collect::<Vec<_>>().join("\n")
    }
}

impl Button {
    /// A button that says something for the customer who presses it.
    #[must_use]
    pub fn says(title: impl Into<String>, words: &str) -> Self {
        Self { title: title.into(), action: ButtonAction::Postback(format!("{SAYS}{words}")) }
    }

    /// Its title, with the page that it opens or, where that is not the title, with what to write instead of pressing it.
    #[must_use]
    pub fn label(&self) -> String {
        let title = &self.title;
        match &self.action {
            ButtonAction::Url(url) => format!("{title}: {url}"),
            ButtonAction::Postback(value) => match said_by(value).filter(|words| words != title) {
                Some(words) => format!("{title}: “{words}”"),
                None => title.clone(),
            },
        }
    }

    fn in_words(&self, number: usize) -> String {
        format!("{number}. {}", self.label())
    }
}

/// The words that a button of this value says for the customer; `None` for one whose value is for a machine.
#[must_use]
pub fn said_by(value: &str) -> Option<&str> {
    value.strip_prefix(SAYS).filter(|words| !words.trim().is_empty())
}

impl Body {
    /// Its text, with buttons and cards as lines: for channels, and parts of messages, that show nothing else.
    #[must_use]
    pub fn in_words(&self) -> String {
        let buttons = self.buttons.iter().zip(1..).map(|(button, number)| button.in_words(number));
        let buttons = buttons.collect::<Vec<_>>().join("\n");
        let mut number = self.buttons.len() + 1;
        let cards = self.cards.iter().map(|card| {
            let words = card.in_words(number);
            number += card.buttons.len();
            words
        });
        let parts = [self.text.trim_end().to_owned(), buttons].into_iter().chain(cards);
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    /// What a list of conversations shows of it: its text, or else what its first card is about.
    #[must_use]
    pub fn gist(&self) -> &str {
        match self.cards.first() {
            Some(card) if self.text.is_empty() => &card.title,
            _ => &self.text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scarf() -> Card {
        Card {
            title: "Loch scarf".to_owned(),
            text: Some("A long scarf of lambswool.".to_owned()),
            image: Some("https://shop.example/scarf.png".to_owned()),
            price: Some("¥329.00".to_owned()),
            link: Some("https://shop.example/scarf".to_owned()),
            buttons: vec![
                Button::says("预约试穿", "我想预约试穿湖湾围巾"),
                Button { title: "Shop".to_owned(), action: ButtonAction::Url("https://shop.example/".to_owned()) },
                Button::says("Yes", "Yes"),
            ],
        }
    }

    #[test]
    fn cards_read_as_lines() {
        let body = Body {
            buttons: vec![Button { title: "More".to_owned(), action: ButtonAction::Postback("do:1".to_owned()) }],
            cards: vec![
                scarf(),
                Card { title: "Hat".to_owned(), buttons: vec![scarf().buttons[2].clone()], ..Card::default() },
            ],
            ..Body::text("You may like:\n")
        };
        assert_eq!(
            body.in_words(),
            "You may like:\n\n1. More\n\n\
             Loch scarf\n¥329.00\nA long scarf of lambswool.\nhttps://shop.example/scarf\n\
             2. 预约试穿: “我想预约试穿湖湾围巾”\n3. Shop: https://shop.example/\n4. Yes\n\n\
             Hat\n5. Yes"
        );
        assert_eq!(Body::text("hello").in_words(), "hello");
        assert_eq!(Body { cards: vec![scarf()], ..Body::default() }.gist(), "Loch scarf");
    }

    #[test]
    fn journals_of_before_and_daemons_of_before_read_on() {
        let before = r#"{"text": "hello", "buttons": [{"title": "Yes", "postback": "do:1"}]}"#;
        let read: Body = serde_json::from_str(before).unwrap();
        assert!(read.cards.is_empty());
        assert!(!serde_json::to_string(&read).unwrap().contains("cards"), "what has none is written as ever");

        /// What the body was before there were cards.
        #[derive(Deserialize)]
        struct Before {
            text: String,
        }
        let body = Body { cards: vec![scarf()], ..Body::text("hello") };
        let written = serde_json::to_string(&body).unwrap();
        assert_eq!(serde_json::from_str::<Before>(&written).unwrap().text, "hello");
        assert_eq!(serde_json::from_str::<Body>(&written).unwrap(), body);
    }

    #[test]
    fn a_button_says_words_or_carries_a_value() {
        let says = |value: &str| said_by(value).map(str::to_owned);
        assert_eq!(says("say:Book this"), Some("Book this".to_owned()));
        for value in ["do:0123456789abcdef", "say:", "say:  ", "Say:x", ""] {
            assert_eq!(says(value), None, "{value}");
        }
    }
}
