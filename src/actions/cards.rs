//! Cards out of an answer. What a business system says is foreign: every text is cleaned and cut to its bound, and an address
//! that is not one of the web is left out, with a warning in the log for whoever keeps the system.

use contract::{
    Button, ButtonAction, Card, MAX_CARD_BUTTON, MAX_CARD_PRICE, MAX_CARD_TEXT, MAX_CARD_TITLE, MAX_CARD_URL, MAX_SAYS,
    clean_line, clean_text, truncate_chars,
};
use minijinja::{Value, context};
use url::Url;

use super::{
    scene::Scene,
    spec::{Action, Actions, Cards, Press},
    texts::{Say, Template, value_of},
};
use crate::calls::Reach;

impl Actions {
    /// The cards of an outcome.
    pub(super) fn cards(&self, scene: &Scene<'_>, action: &Action, cards: &Cards, context: &Value) -> Vec<Card> {
        let of = |context| Drawn { actions: self, scene, action, context };
        let Some(each) = &cards.each else { return of(context.clone()).card(cards).into_iter().collect() };
        let items = self.texts.value(each, context).ok().and_then(|list| list.as_array().cloned());
        let Some(items) = items else {
            tracing::warn!(action = action.name, each = each.source(), "This is no list, so no cards are shown.");
            return Vec::new();
        };
        let with = |item| context! { item => value_of(item), ..context.clone() };
        items.iter().take(cards.most).filter_map(|item| of(with(item)).card(cards)).collect()
    }
}

struct Drawn<'a> {
    actions: &'a Actions,
    scene: &'a Scene<'a>,
    action: &'a Action,
    context: Value,
}

impl Drawn<'_> {
    fn card(&self, cards: &Cards) -> Option<Card> {
        let Some(title) = self.line(&cards.title, MAX_CARD_TITLE) else {
            tracing::warn!(action = self.action.name, "A card without a title is left out.");
            return None;
        };
        Some(Card {
            title,
            text: cards.text.as_ref().and_then(|text| Some(cut(&clean_text(&self.said(text)?), MAX_CARD_TEXT))),
            price: cards.price.as_ref().and_then(|price| self.line(price, MAX_CARD_PRICE)),
            image: cards.image.as_ref().and_then(|image| self.address(image, "image")),
            link: cards.link.as_ref().and_then(|link| self.address(link, "link")),
            buttons: cards.buttons.iter().filter_map(|button| self.button(&button.title, &button.press)).collect(),
        })
    }

    fn button(&self, title: &Say, press: &Press) -> Option<Button> {
        let title = self.line(title, MAX_CARD_BUTTON)?;
        Some(match press {
            Press::Link(link) => Button { title, action: ButtonAction::Url(self.address(link, "button")?) },
            Press::Says(words) => Button::says(title, &self.line(words, MAX_SAYS)?),
        })
    }

    fn said(&self, say: &Say) -> Option<String> {
        let Scene { language, default_language, .. } = self.scene;
        Some(self.actions.texts.say_in(say, language, default_language, &self.context)).filter(|text| !text.is_empty())
    }

    fn line(&self, say: &Say, most: usize) -> Option<String> {
        let line = clean_line(&self.said(say)?, usize::MAX);
        Some(cut(&line, most)).filter(|line| !line.is_empty())
    }

    /// An address of the web; a path is one of the system that was called. What is empty is none.
    fn address(&self, template: &Template, what: &str) -> Option<String> {
        let filled = self.actions.texts.fill(template, &self.context).unwrap_or_default();
        let filled = filled.trim();
        if filled.is_empty() {
            return None;
        }
        let system = self.action.call.as_ref().map(|call| &call.system);
        let private = system.is_some_and(|system| system.reach == Reach::Private);
        match web_address(filled, system.map(|system| &system.url), private) {
            Ok(url) => Some(url),
            Err(why) => {
                let address = clean_line(filled, 100);
                tracing::warn!(action = self.action.name, what, address, why, "A card's address is left out.");
                None
            }
        }
    }
}

/// The address as browsers and platforms read it, if they can be given it.
fn web_address(text: &str, base: Option<&Url>, private: bool) -> Result<String, &'static str> {
    let base = base.filter(|_| text.starts_with('/'));
    let url = base.map_or_else(|| Url::parse(text), |base| base.join(text)).map_err(|_| "it is no address")?;
    match url.scheme() {
        "https" => {}
        "http" if private => {}
        _ => return Err("it does not begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a name or a password in it");
    }
    let url = String::from(url);
    if url.len() > MAX_CARD_URL { Err("it is too long") } else { Ok(url) }
}

/// The text, or its beginning with an ellipsis.
fn cut(text: &str, most: usize) -> String {
    match text.chars().nth(most) {
        None => text.to_owned(),
        Some(_) => format!("{}…", truncate_chars(text, most - 1).trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_given_to_customers() {
        let shop = Url::parse("https://shop.example/api").unwrap();
        let local = Url::parse("http://10.0.0.7:7070").unwrap();
        let long = format!("https://shop.example/{}", "a".repeat(MAX_CARD_URL));
        for (text, base, private, expected) in [
            ("https://cdn.example/a.png", Some(&shop), false, Ok("https://cdn.example/a.png")),
            ("/images/a b.png?x=\"1", Some(&shop), false, Ok("https://shop.example/images/a%20b.png?x=%221")),
            ("//cdn.example/a.png", Some(&shop), false, Ok("https://cdn.example/a.png")),
            ("/images/a.png", Some(&local), true, Ok("http://10.0.0.7:7070/images/a.png")),
            ("/images/a.png", None, false, Err("it is no address")),
            ("images/a.png", Some(&shop), false, Err("it is no address")),
            ("http://cdn.example/a.png", Some(&shop), false, Err("it does not begin with https://")),
            ("javascript:alert(1)", Some(&shop), true, Err("it does not begin with https://")),
            ("data:image/svg+xml,<svg onload=x>", Some(&shop), true, Err("it does not begin with https://")),
            ("file:///etc/passwd", Some(&local), true, Err("it does not begin with https://")),
            ("https://me:secret@cdn.example/", Some(&shop), false, Err("it has a name or a password in it")),
            ("https://", Some(&shop), false, Err("it is no address")),
            (&long, Some(&shop), false, Err("it is too long")),
        ] {
            assert_eq!(web_address(text, base, private).as_deref().map_err(|why| *why), expected, "{text}");
        }
    }

    #[test]
    fn a_long_text_ends_with_an_ellipsis() {
        for (text, cut_to) in [
            ("short", "short"),
            ("exactly 10", "exactly 10"),
            ("rather long", "rather lo…"),
            ("湖".repeat(11).as_str(), "湖湖湖湖湖湖湖湖湖…"),
        ] {
            assert_eq!(cut(text, 10), cut_to);
        }
    }
}
