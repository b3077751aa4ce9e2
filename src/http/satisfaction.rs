//! The page that a link in a mail leads to: how was it, in one click. The link answers nothing by itself, because scanners
//! follow links too; the button does.

use axum::{
    Form, Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use contract::EntryId;
use serde::Deserialize;

use super::{
    ApiError, App,
    plain_page::{answer, served, written},
};
use crate::{
    satisfaction::{COMMENT_CHARS, Rating, comment},
    store::{
        conversation::Conversation,
        entry::{EntryAuthor, Event},
    },
};

/// The most that a form sends: a comment, encoded.
const FORM_BYTES: usize = 16 * 1024;

pub(super) fn router() -> Router<App> {
    Router::new().route("/satisfaction/{token}", get(page).post(rate)).layer(DefaultBodyLimit::max(FORM_BYTES))
}

#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    stars: String,
    #[serde(default)]
    comment: String,
}

/// What a page says, in the customer's language.
struct Texts {
    question: &'static str,
    faces: [&'static str; 5],
    comment: &'static str,
    send: &'static str,
    thanks: &'static str,
    change: &'static str,
    late: &'static str,
}

const ENGLISH: Texts = Texts {
    question: "How was it?",
    faces: ["1 – bad", "2 – poor", "3 – fair", "4 – good", "5 – very good"],
    comment: "Would you like to tell us more? (optional)",
    send: "Send",
    thanks: "Thank you. Your answer was noted.",
    change: "You can change it here.",
    late: "This can no longer be answered. Thank you all the same.",
};
const SIMPLIFIED: Texts = Texts {
    question: "您对这次服务满意吗？",
    faces: ["1 – 很不满意", "2 – 不满意", "3 – 一般", "4 – 满意", "5 – 非常满意"],
    comment: "还有什么想告诉我们的吗？（选填）",
    send: "提交",
    thanks: "谢谢，您的评价已收到。",
    change: "您可以在这里修改。",
    late: "评价时间已过，仍然感谢您。",
};
const TRADITIONAL: Texts = Texts {
    question: "您對這次服務滿意嗎？",
    faces: ["1 – 很不滿意", "2 – 不滿意", "3 – 一般", "4 – 滿意", "5 – 非常滿意"],
    comment: "還有什麼想告訴我們的嗎？（選填）",
    send: "提交",
    thanks: "謝謝，您的評價已收到。",
    change: "您可以在這裡修改。",
    late: "評價時間已過，仍然感謝您。",
};

impl Texts {
    fn of(language: &str) -> &'static Self {
        match language {
            "zh-Hant" => &TRADITIONAL,
            "zh" => &SIMPLIFIED,
            _ => &ENGLISH,
        }
    }

    fn form(&self, stars: u8, is_sent: bool) -> String {
        let choice = |(number, face): (u8, &str)| {
            let checked = if number == stars { " checked" } else { "" };
            format!("<label><input type=\"radio\" name=\"stars\" value=\"{number}\" required{checked}> {face}</label>")
        };
        let choices: String = (1..).zip(self.faces).map(choice).collect();
        let autofocus = if is_sent { "" } else { " autofocus" };
        format!(
            "<form method=\"post\"><fieldset><legend>{}</legend>{choices}</fieldset><label>{}\
             <textarea name=\"comment\" rows=\"3\" maxlength=\"{COMMENT_CHARS}\"></textarea></label>\
             <button type=\"submit\"{autofocus}>{}</button></form>",
            self.question, self.comment, self.send
        )
    }
}

const STYLE: &str = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0}\
main{max-width:26rem;margin:10vh auto;padding:0 1.25rem}h1{font-size:1.4rem}\
fieldset{border:0;padding:0;margin:0 0 1rem;display:grid;gap:.25rem}legend{position:absolute;clip-path:inset(50%)}\
label{display:block;padding:.35rem 0}textarea{width:100%;box-sizing:border-box;font:inherit;margin-top:.35rem}\
button{font:inherit;padding:.6rem 1.6rem;border:0;border-radius:.5rem;background:#1f5fd6;color:#fff;cursor:pointer}\
button:focus-visible,input:focus-visible,textarea:focus-visible{outline:3px solid #7aa7ff;outline-offset:2px}";

/// The page of a conversation, with what is chosen and whether that was sent; `None` where it is too late.
fn shown(conversation: &Conversation, status: StatusCode, chosen: Option<(u8, bool)>) -> Response {
    let language = served(&conversation.language).unwrap_or("en");
    let texts = Texts::of(language);
    let form = chosen.map(|(stars, is_sent)| texts.form(stars, is_sent)).unwrap_or_default();
    let says = match chosen {
        None => format!("<p>{}</p>", texts.late),
        Some((_, true)) => format!("<p role=\"status\"><strong>{}</strong> {}</p>", texts.thanks, texts.change),
        Some(_) => String::new(),
    };
    answer(status, written(language, texts.question, STYLE, &format!("{says}{form}")), true)
}

/// The conversation and the closing of a link; nobody hears whether there is one of a link that is not ours.
async fn named(app: &App, token: &str) -> Result<(std::sync::Arc<Conversation>, EntryId), ApiError> {
    let (conversation, closing) = app.rating_links.read(token).ok_or_else(|| ApiError::missing("page"))?;
    let conversation = app.records.store.conversation(conversation).await?;
    Ok((conversation.ok_or_else(|| ApiError::missing("page"))?, closing))
}

fn is_open(conversation: &Conversation, closing: EntryId) -> bool {
    let asked = conversation.satisfaction.as_deref();
    asked.is_some_and(|asked| asked.closing == closing && crate::clock::now() <= asked.until)
}

async fn page(
    State(app): State<App>,
    Path(token): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Result<Response, ApiError> {
    let (conversation, closing) = named(&app, &token).await?;
    let stars = Rating::stars(&chosen.stars).map_or(0, |rating| rating.stars);
    let chosen = is_open(&conversation, closing).then_some((stars, false));
    Ok(shown(&conversation, StatusCode::OK, chosen))
}

async fn rate(
    State(app): State<App>,
    Path(token): Path<String>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, ApiError> {
    let (conversation, closing) = named(&app, &token).await?;
    let rating = Rating::stars(&chosen.stars).ok_or_else(|| ApiError::wrong("A rating is a number from 1 to 5."))?;
    let rating = Rating { comment: comment(&chosen.comment), ..rating };
    let rated = app.records.amend(conversation.id, |draft| {
        if !is_open(&draft.conversation, closing) {
            return Err(ApiError::conflict("late", ENGLISH.late));
        }
        let (now, asked) = (draft.now, draft.conversation.satisfaction.as_mut());
        if let Some(instead) = asked.and_then(|asked| asked.rate(&rating, now)) {
            let event = Event::Rated { rating: rating.stars, instead, comment: rating.comment.clone() };
            draft.event(EntryAuthor::Customer, event);
        }
        Ok(())
    });
    match rated.await {
        Ok(_) => Ok(shown(&conversation, StatusCode::OK, Some((rating.stars, true)))),
        Err(crate::store::AmendError::Refused(_)) => Ok(shown(&conversation, StatusCode::CONFLICT, None)),
        Err(error) => Err(error.into()),
    }
}
