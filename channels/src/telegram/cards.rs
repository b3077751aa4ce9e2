//! Cards as Telegram takes them: a picture with a caption and buttons, or the plainer forms of it. Pure.

use contract::Card;
use serde_json::{Value, json};

use super::MOST_UNITS;
use crate::markup::marks::{Entity, Kind, Marked, split, units};

/// The longest caption of a picture, in UTF-16 units (<https://core.telegram.org/bots/api#sendphoto>).
const MOST_CAPTION_UNITS: usize = 1024;

/// One way to send a card.
#[derive(Debug, PartialEq)]
pub(super) struct Form {
    pub(super) method: &'static str,
    /// What goes beside the chat.
    pub(super) fields: Vec<(&'static str, Value)>,
    /// Whether its buttons stand under it; else they are lines of its text.
    pub(super) buttons: bool,
}

/// The forms of a card, the best first. Telegram fetches pictures by https alone.
pub(super) fn forms(card: &Card) -> Vec<Form> {
    let caption = caption(card);
    let picture = card.image.as_ref().filter(|image| image.starts_with("https://"));
    let picture = picture.filter(|_| units(&caption.text) <= MOST_CAPTION_UNITS).map(|image| Form {
        method: "sendPhoto",
        fields: vec![
            ("photo", json!(image)),
            ("caption", json!(caption.text)),
            ("caption_entities", json!(caption.entities)),
        ],
        buttons: true,
    });
    let words = |said: Marked, buttons| Form {
        method: "sendMessage",
        fields: vec![("text", json!(said.text)), ("entities", json!(said.entities))],
        buttons,
    };
    let plain = Marked { text: card.in_words(1), entities: Vec::new() };
    let plain = split(&plain, MOST_UNITS).into_iter().next().unwrap_or_default();
    picture.into_iter().chain([words(caption, true), words(plain, false)]).collect()
}

/// Title, price and text; the title is bold and leads to the card's page.
fn caption(card: &Card) -> Marked {
    let mut lines = vec![card.title.as_str()];
    lines.extend(card.price.as_deref());
    lines.extend(card.text.as_deref());
    let of_title = |kind, url| Entity { kind, offset: 0, length: units(&card.title), url, language: None };
    let mut entities = vec![of_title(Kind::Bold, None)];
    entities.extend(card.link.as_ref().map(|link| of_title(Kind::TextLink, Some(link.clone()))));
    Marked { text: lines.join("\n"), entities }
}

#[cfg(test)]
mod tests {
    use contract::Button;
    use serde::Deserialize;

    use super::*;
    use crate::cases::check;

    /// A card, and the forms of it.
    #[derive(Deserialize)]
    struct Row {
        card: Card,
        forms: Vec<Value>,
    }

    #[test]
    fn cards_have_the_forms_of_the_table() {
        check("cards/telegram", |row: &Row| {
            let became = forms(&row.card).into_iter().map(|form| {
                let mut shown = json!({"method": form.method, "buttons": form.buttons});
                for (name, value) in form.fields {
                    shown[name] = value;
                }
                shown
            });
            (Value::Array(became.collect()), Value::Array(row.forms.clone()))
        });
    }

    #[test]
    fn the_longest_card_fits_into_a_caption() {
        use contract::{MAX_CARD_PRICE, MAX_CARD_TEXT, MAX_CARD_TITLE, MAX_SAYS};
        // The longest characters in UTF-16 are two units.
        let long = |most: usize| "\u{1f9e3}".repeat(most);
        let card = Card {
            title: long(MAX_CARD_TITLE),
            text: Some(long(MAX_CARD_TEXT)),
            price: Some(long(MAX_CARD_PRICE)),
            image: Some("https://shop.example/a.png".to_owned()),
            buttons: vec![Button::says("Yes", &long(MAX_SAYS)); contract::MAX_CARD_BUTTONS],
            ..Card::default()
        };
        assert_eq!(forms(&card)[0].method, "sendPhoto");
        assert!(units(&caption(&card).text) <= MOST_CAPTION_UNITS);
    }
}
