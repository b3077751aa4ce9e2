//! The page behind the link that comes with a one-time code. Opening it changes nothing, because programs that look for harm in
//! mails open every link; its one button does what the right code does.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};

use super::{
    ApiError, App,
    plain_page::{accepted_language, answer, served, written},
};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:12vh auto;padding:0 1.25rem;color:#1a1a1a;background:#fff}\
                     h1{font-size:1.4rem}button{font:inherit;padding:.7rem 1.6rem;border:0;border-radius:.5rem;background:#1f5fbf;color:#fff;cursor:pointer}\
                     button:focus-visible{outline:3px solid #8db8f5;outline-offset:2px}\
                     @media(prefers-color-scheme:dark){body{color:#eee;background:#16181c}}";

pub(super) fn router() -> Router<App> {
    Router::new().route("/verify/{token}", get(ask).post(prove))
}

/// What the page says.
#[derive(Clone, Copy)]
enum Says {
    /// Whether it was them.
    Asks,
    /// That it is proven.
    Proven,
    /// That the link is no good, or no good any more.
    Gone,
}

/// A title, a text, and what the button says.
type Words = (&'static str, &'static str, Option<&'static str>);

impl Says {
    const fn english(self) -> Words {
        match self {
            Self::Asks => (
                "Are you in a chat with us?",
                "Confirm only if you asked for this yourself, just now. The chat then goes on as yours. If it was not you, close this page: nothing happens.",
                Some("Yes, it is me"),
            ),
            Self::Proven => ("Thank you", "You can go back to your chat and close this page.", None),
            Self::Gone => (
                "This link is not good any more",
                "It was used, or is too old. You can ask for another one in your chat.",
                None,
            ),
        }
    }

    const fn chinese(self) -> Words {
        match self {
            Self::Asks => (
                "是您正在与我们对话吗？",
                "只有刚才是您本人发起的请求，才请确认；确认后对话将以您的身份继续。如果不是您本人，关闭此页面即可，不会有任何影响。",
                Some("是我本人"),
            ),
            Self::Proven => ("谢谢", "请回到对话中继续，此页面可以关闭。", None),
            Self::Gone => ("此链接已失效", "链接已被使用或已过期。您可以在对话中重新获取。", None),
        }
    }

    const fn traditional(self) -> Words {
        match self {
            Self::Asks => (
                "是您正在與我們對話嗎？",
                "只有剛才是您本人發起的請求，才請確認；確認後對話將以您的身份繼續。如果不是您本人，關閉此頁面即可，不會有任何影響。",
                Some("是我本人"),
            ),
            Self::Proven => ("謝謝", "請回到對話中繼續，此頁面可以關閉。", None),
            Self::Gone => ("此連結已失效", "連結已被使用或已過期。您可以在對話中重新取得。", None),
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Asks | Self::Proven => StatusCode::OK,
            Self::Gone => StatusCode::GONE,
        }
    }
}

async fn ask(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    Ok(match waiting(&app, &token).await? {
        Some(language) => page(Says::Asks, &language, &headers),
        None => page(Says::Gone, "", &headers),
    })
}

async fn prove(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let language = waiting(&app, &token).await?.unwrap_or_default();
    let Some((conversation, challenge)) = app.worker.verifier.codes.read(&token) else {
        return Ok(page(Says::Gone, "", &headers));
    };
    let proven = app.worker.prove(conversation, challenge, &app.stop).await?;
    Ok(page(if proven { Says::Proven } else { Says::Gone }, &language, &headers))
}

/// The language of the conversation that a link is of, while it is good.
async fn waiting(app: &App, token: &str) -> Result<Option<String>, ApiError> {
    let Some((conversation, challenge)) = app.worker.verifier.codes.read(token) else { return Ok(None) };
    Ok(app.worker.waits_for_proof(conversation, challenge).await?)
}

/// A page in the conversation's language; where that says nothing, in the one that the browser would rather read.
fn page(says: Says, language: &str, headers: &HeaderMap) -> Response {
    let language = served(language).unwrap_or_else(|| accepted_language(headers));
    let (title, text, button) = match language {
        "zh-Hant" => says.traditional(),
        "zh" => says.chinese(),
        _ => says.english(),
    };
    let form = button.map_or_else(String::new, |button| {
        format!("<form method=\"post\"><button type=\"submit\">{button}</button></form>")
    });
    let page = written(language, title, STYLE, &format!("<p>{text}</p>{form}"));
    answer(says.status(), page, true)
}
