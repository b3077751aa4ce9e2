//! The cards of an outcome.

use std::collections::BTreeMap;

use contract::{MAX_CARD_BUTTONS, MAX_CARDS};

use super::{JINJA, Names, Reader};
use crate::{
    actions::{
        CardButton, Cards, Press,
        texts::{Say, Template},
    },
    routing::{
        load::{read, rules::first_line},
        yaml::{Node, Value},
    },
};

/// The language of a text that is the same in every one.
const ANY: &str = "und";

impl Reader<'_, '_> {
    pub(super) fn cards(&mut self, node: &Node, names: Names<'_>) -> Option<Cards> {
        let known = ["each", "most", "title", "text", "price", "image", "link", "buttons"];
        let fields = read::fields(node, "cards", &known, self.notes)?;
        let each = fields.get("each").map(|node| self.expression(node, names));
        let names = Names { also: if each.is_some() { &["item"] } else { names.also }, ..names };
        let Some(title) = fields.get("title") else {
            let help = "write `cards: {each: body.products, title: \"{{ item.name }}\"}`";
            self.notes.error(&first_line(node), "cards need a `title`", help);
            return None;
        };
        let most = i64::try_from(MAX_CARDS).unwrap_or(i64::MAX);
        let most = fields.get("most").and_then(|node| read::whole(node, "`most`", 1..=most, self.notes));
        let title = self.words(title, "a title", names);
        let mut words = |name: &str| fields.get(name).and_then(|node| self.words(node, name, names));
        let (text, price) = (words("text"), words("price"));
        let mut address = |name: &str| fields.get(name).and_then(|node| self.address(node, name, names));
        let (image, link) = (address("image"), address("link"));
        let buttons = fields.get("buttons").and_then(|node| {
            let items = read::list(node, "buttons", self.notes)?;
            Some(read::at_most(items, node, "buttons", MAX_CARD_BUTTONS, self.notes))
        });
        let buttons = buttons.unwrap_or_default().iter().filter_map(|node| self.card_button(node, names)).collect();
        Some(Cards {
            each: each.flatten(),
            most: most.and_then(|most| usize::try_from(most).ok()).unwrap_or(MAX_CARDS),
            title: title?,
            text,
            price,
            image,
            link,
            buttons,
        })
    }

    fn card_button(&mut self, node: &Node, names: Names<'_>) -> Option<CardButton> {
        let fields = read::fields(node, "a button", &["title", "link", "says"], self.notes)?;
        let press = match (fields.get("link"), fields.get("says")) {
            (Some(link), None) => self.address(link, "link", names).map(Press::Link),
            (None, Some(says)) => self.words(says, "`says`", names).map(Press::Says),
            _ => None,
        };
        let both = fields.get("link").is_some() == fields.get("says").is_some();
        let Some(title) = fields.get("title").filter(|_| !both) else {
            let help =
                "write `{title: {en: Book this}, says: {en: \"Book {{ item.name }}\"}}`, or `link:` instead of `says:`";
            self.notes.error(&first_line(node), "a button has a title, and either a `link` or what it `says`", help);
            return None;
        };
        Some(CardButton { title: self.words(title, "a title", names)?, press: press? })
    }

    /// A text by language, or one that is the same in every language.
    fn words(&mut self, node: &Node, what: &str, names: Names<'_>) -> Option<Say> {
        let Value::Text(text) = &node.value else { return self.say(node, what, names) };
        match self.actions.texts.say(&BTreeMap::from([(ANY.to_owned(), text.clone())])) {
            Ok(say) => {
                let used = self.actions.texts.names_of_say(&say, ANY);
                self.names(node, &used, names);
                Some(say)
            }
            Err((_, error)) => {
                let cause = crate::routing::load::desk::cause(&error);
                self.notes.error(&node.span, format!("this cannot be read: {cause}"), JINJA);
                None
            }
        }
    }

    fn address(&mut self, node: &Node, what: &str, names: Names<'_>) -> Option<Template> {
        let text = read::text(node, what, self.notes)?;
        self.template_of(node, text, names)
    }
}
