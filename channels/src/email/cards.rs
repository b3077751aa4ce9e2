//! Cards and buttons on the page of a mail: tables with styles of their own, because mail programs take away everything
//! else (<https://www.caniemail.com/>). A picture of a set width leaves its place empty where it is not fetched.

use contract::{Body, Button, ButtonAction, Card};

use crate::markup::markdown::escaped;

const FRAME: &str =
    "border:1px solid #d9dedb;border-radius:10px;border-collapse:separate;margin:12px 0;max-width:560px";
const PICTURE: &str = "display:block;width:160px;max-width:160px;height:auto;border:0;border-radius:10px 0 0 10px";

/// Every card of a reply.
pub(super) fn tables(body: &Body) -> String {
    let mut number = body.buttons.len() + 1;
    let mut page = String::new();
    for card in &body.cards {
        page.push_str(&table(card, number));
        number += card.buttons.len();
    }
    page
}

fn table(card: &Card, first: usize) -> String {
    let title = escaped(&card.title);
    let title = card
        .link
        .as_ref()
        .map_or(title.clone(), |link| format!("<a href=\"{}\" style=\"color:#1d5c54\">{title}</a>", escaped(link)));
    let mut inside = format!("<strong style=\"font-size:16px\">{title}</strong>");
    if let Some(price) = &card.price {
        inside.push_str(&format!("<br>\n<strong>{}</strong>", escaped(price)));
    }
    if let Some(text) = &card.text {
        let lines: Vec<String> = text.lines().map(escaped).collect();
        inside.push_str(&format!("<br>\n<span style=\"color:#4b5754\">{}</span>", lines.join("<br>\n")));
    }
    inside.push_str(&numbered(&card.buttons, first));
    let picture = card.image.as_ref().map_or(String::new(), |image| {
        // The title beside it says what it shows.
        let image = format!("<img src=\"{}\" alt=\"\" width=\"160\" style=\"{PICTURE}\">", escaped(image));
        format!("<td width=\"160\" valign=\"top\" style=\"padding:0\">{image}</td>\n")
    });
    format!(
        "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" style=\"{FRAME}\"><tr>\n{picture}\
         <td valign=\"top\" style=\"padding:12px 16px\">{inside}</td>\n</tr></table>\n"
    )
}

/// Buttons as a numbered list, the same as in the text.
pub(super) fn numbered(buttons: &[Button], first: usize) -> String {
    if buttons.is_empty() {
        return String::new();
    }
    let item = |button: &Button| match &button.action {
        ButtonAction::Url(url) => format!("<li><a href=\"{}\">{}</a></li>\n", escaped(url), escaped(&button.title)),
        ButtonAction::Postback(_) => format!("<li>{}</li>\n", escaped(&button.label())),
    };
    let items: String = buttons.iter().map(item).collect();
    format!("<ol start=\"{first}\" style=\"margin:8px 0 0;padding-left:24px\">\n{items}</ol>\n")
}
