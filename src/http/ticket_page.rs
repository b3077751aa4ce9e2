//! `GET /t/{token}`: where a ticket stands, for whoever has its link. Nothing of what was written is on it. What is no link of ours,
//! or too old, is the same page, whatever is wrong with it.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    extract::{ConnectInfo, Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::Response,
    routing::get,
};
use contract::Timestamp;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use minijinja::{Environment, Value, context};

use super::{
    App,
    plain_page::{self, accepted_language, served},
};
use crate::{
    actions::texts::{instant, when},
    routing::{RuleSet, title},
    store::{StoreError, conversation::Conversation},
    tickets::{Standing, changed_at},
};

/// Links a minute from one address that lead nowhere; past that it is told to wait. A link that holds is shown all the same:
/// the address may be a proxy with everybody behind it.
const WRONG_BY_ADDRESS: NonZeroU32 = NonZeroU32::new(60).expect("above zero");
/// How many addresses are remembered before old ones are forgotten.
const REMEMBERED: usize = 10_000;
static PAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // A test sees that it compiles.
    let _ = environment.add_template("ticket_page.html", include_str!("ticket_page.html"));
    environment
});

type Tries = DefaultKeyedRateLimiter<IpAddr>;

pub(super) fn router() -> Router<App> {
    let wrong: Arc<Tries> = Arc::new(RateLimiter::keyed(Quota::per_minute(WRONG_BY_ADDRESS)));
    let show = move |State(app): State<App>,
                     ConnectInfo(from): ConnectInfo<SocketAddr>,
                     token: Result<Path<String>, PathRejection>,
                     headers: HeaderMap| {
        let wrong = Arc::clone(&wrong);
        async move {
            let token = token.map(|Path(token)| token).unwrap_or_default();
            show(&app, &wrong, from.ip(), &token, &headers).await
        }
    };
    Router::new().route("/t/{token}", get(show))
}

async fn show(app: &App, wrong: &Tries, from: IpAddr, token: &str, headers: &HeaderMap) -> Response {
    let rules = app.policy.rules();
    let read = accepted_language(headers);
    let (outcome, response) = match found(app, token).await {
        Ok(Some(conversation)) => {
            let page = of_ticket(&conversation, &rules, read, crate::clock::now());
            ("shown", answer(StatusCode::OK, &page))
        }
        Ok(None) => {
            if wrong.len() > REMEMBERED {
                wrong.retain_recent();
            }
            match wrong.check_key(&from) {
                Ok(()) => ("unknown", answer(StatusCode::NOT_FOUND, &notice(words(read).missing, read))),
                Err(_) => ("limited", answer(StatusCode::TOO_MANY_REQUESTS, &notice(words(read).limited, read))),
            }
        }
        Err(error) => {
            tracing::warn!(%error, "The page of a ticket cannot be shown.");
            ("failed", answer(StatusCode::SERVICE_UNAVAILABLE, &notice(words(read).down, read)))
        }
    };
    metrics::counter!("switchboard_ticket_pages_total", "outcome" => outcome).increment(1);
    response
}

async fn found(app: &App, token: &str) -> Result<Option<Arc<Conversation>>, StoreError> {
    let tickets = &app.records.tickets;
    let Some(id) = tickets.links.conversation(token) else { return Ok(None) };
    let conversation = app.records.store.conversation(id).await?;
    Ok(conversation.filter(|conversation| tickets.has_page(conversation, crate::clock::now())))
}

fn answer(status: StatusCode, page: &Value) -> Response {
    let rendered = PAGE.get_template("ticket_page.html").and_then(|template| template.render(page));
    let page = rendered.unwrap_or_else(|error| {
        tracing::error!(%error, "The page of a ticket cannot be written.");
        String::new()
    });
    let mut response = plain_page::answer(status, page, false);
    if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("60"));
    }
    response
}

/// A page that only says something.
fn notice((title, what): (&'static str, &'static str), language: &'static str) -> Value {
    context! { language, title, words => context! { what } }
}

/// The page of a conversation that has a ticket, in the customer's language, or else in that of the browser.
fn of_ticket(conversation: &Conversation, rules: &RuleSet, read: &'static str, now: Timestamp) -> Value {
    let language = served(&conversation.language).unwrap_or(read);
    let words = words(language);
    let standing = Standing::of(conversation, rules, now);
    let moment = |at: Timestamp| {
        let instant = instant(&at.to_zoned(rules.zone().clone()));
        context! { shown => when(instant.clone(), language), instant }
    };
    let (stands, what) = match standing {
        Standing::Opens(Some(at)) => {
            let at = moment(at).get_attr("shown").unwrap_or_default().to_string();
            (words.opens.0, words.opens.1.replace("{}", &at))
        }
        Standing::Opens(None) => (words.opens.0, words.opens_later.to_owned()),
        Standing::Waits => (words.waits.0, words.waits.1.to_owned()),
        Standing::Taken => (words.taken.0, words.taken.1.to_owned()),
        Standing::Answered => (words.answered.0, words.answered.1.to_owned()),
        Standing::Assistant => (words.assistant.0, words.assistant.1.to_owned()),
        Standing::Solved => (words.solved.0, words.solved.1.to_owned()),
    };
    let offset = now.to_zoned(rules.zone().clone()).strftime("UTC%:z").to_string();
    let ticket = conversation.ticket.as_deref();
    context! {
        language,
        title => ticket.map(|ticket| words.ticket.replace("{}", &ticket.number.to_string())),
        about => about(conversation, rules, language),
        standing => standing.as_str(),
        opened => moment(ticket.map_or(conversation.opened_at, |ticket| ticket.at)),
        changed => moment(changed_at(conversation)),
        words => context! {
            standing => stands,
            what,
            opened => words.opened,
            changed => words.changed,
            foot => words.foot.replace("{}", &offset),
        },
    }
}

/// What it was opened for, or else what its queue is called.
fn about(conversation: &Conversation, rules: &RuleSet, language: &str) -> Option<String> {
    let ticket = conversation.ticket.as_ref()?;
    let queue = conversation.handoff.as_ref().map_or(&ticket.queue, |handoff| &handoff.queue);
    let queue = rules.queues().get(queue).and_then(|queue| title(&queue.title, language));
    ticket.subject.as_deref().or(queue).map(str::to_owned)
}

type Pair = (&'static str, &'static str);

/// What the page says, `{}` for what is put in.
struct Words {
    ticket: &'static str,
    opened: &'static str,
    changed: &'static str,
    opens: Pair,
    opens_later: &'static str,
    waits: Pair,
    taken: Pair,
    answered: Pair,
    assistant: Pair,
    solved: Pair,
    foot: &'static str,
    missing: Pair,
    limited: Pair,
    down: Pair,
}

fn words(language: &str) -> &'static Words {
    match language {
        "zh" => &CHINESE,
        "zh-Hant" => &TRADITIONAL,
        _ => &ENGLISH,
    }
}

static ENGLISH: Words = Words {
    ticket: "Ticket {}",
    opened: "Opened",
    changed: "Last change",
    opens: ("Waiting for us to open", "We are back on {}, and see to it then."),
    opens_later: "We see to it as soon as we are back.",
    waits: ("In the queue", "A colleague takes it as soon as one is free."),
    taken: ("With one of our people", "A colleague is seeing to it."),
    answered: ("Answered", "A colleague has answered you, in the same place where you wrote to us."),
    assistant: ("With our assistant", "Write to us in the same place as before to go on."),
    solved: ("Solved", "If there is anything else, write to us in the same place as before."),
    foot: "Whoever has this link sees this page, which shows nothing of what was written. Times are {}.",
    missing: ("There is no such page", "The link is not complete, or it is too old."),
    limited: ("Too many tries", "Please wait a minute, and then open the link again."),
    down: ("Not available right now", "Please try again in a minute."),
};

static CHINESE: Words = Words {
    ticket: "工单 {}",
    opened: "创建时间",
    changed: "最近更新",
    opens: ("等待人工客服上线", "人工客服将于 {} 上线，届时为您处理。"),
    opens_later: "人工客服上线后会为您处理。",
    waits: ("排队中", "客服空闲后会立即为您处理。"),
    taken: ("客服处理中", "一位客服正在为您处理。"),
    answered: ("已回复", "客服已经回复您，请在原来的对话中查看。"),
    assistant: ("智能助手处理中", "您可以在原来的对话中继续留言。"),
    solved: ("已解决", "如果还有其他问题，请在原来的对话中继续留言。"),
    foot: "持有此链接的人都可以看到本页；本页不显示任何对话内容。时间为 {}。",
    missing: ("没有这个页面", "链接不完整，或者已经过期。"),
    limited: ("尝试次数过多", "请稍等一分钟，再打开链接。"),
    down: ("暂时无法显示", "请一分钟后再试。"),
};

static TRADITIONAL: Words = Words {
    ticket: "工單 {}",
    opened: "建立時間",
    changed: "最近更新",
    opens: ("等待真人客服上線", "真人客服將於 {} 上線，屆時為您處理。"),
    opens_later: "真人客服上線後會為您處理。",
    waits: ("排隊中", "客服空閒後會立即為您處理。"),
    taken: ("客服處理中", "一位客服正在為您處理。"),
    answered: ("已回覆", "客服已經回覆您，請在原來的對話中查看。"),
    assistant: ("智慧助理處理中", "您可以在原來的對話中繼續留言。"),
    solved: ("已解決", "如果還有其他問題，請在原來的對話中繼續留言。"),
    foot: "持有此連結的人都可以看到本頁；本頁不顯示任何對話內容。時間為 {}。",
    missing: ("沒有這個頁面", "連結不完整，或者已經過期。"),
    limited: ("嘗試次數過多", "請稍等一分鐘，再開啟連結。"),
    down: ("暫時無法顯示", "請一分鐘後再試。"),
};

#[cfg(test)]
mod tests {
    use contract::{Address, Thread};

    use super::*;
    use crate::{
        routing::{SourceFile, load},
        store::conversation::Handoff,
    };

    fn written(page: &Value) -> String {
        PAGE.get_template("ticket_page.html").unwrap().render(page).unwrap()
    }

    #[test]
    fn what_a_business_or_a_customer_wrote_is_text_on_the_page() {
        let rules = "rules: [{name: all, then: [{ignore: true}]}]".to_owned();
        let rules = load(&[SourceFile { name: "10.yaml".into(), text: rules }]).rules.unwrap();
        let now = "2026-12-01T03:05:00Z".parse::<Timestamp>().unwrap();
        let thread = Thread { channel: "shop".into(), key: "v1".into() };
        let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
        let mut conversation = Conversation::open(1.into(), &thread, "webchat", address, 1.into(), now);
        conversation.said(now, crate::store::entry::EntryAuthor::Customer, "my secret words");
        conversation.hand_off(Handoff::new("care", "asks", now));
        conversation.give_ticket(10_023.into(), "care", Some("<script>alert(1)</script>".into()), now);
        let page = written(&of_ticket(&conversation, &rules, "zh", now));
        assert!(
            page.contains("工单 #10023") && page.contains("排队中") && page.contains("12月1日 周二 03:05"),
            "{page}"
        );
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
        assert!(!page.contains("secret words") && page.contains("UTC+00:00"), "{page}");
        conversation.language = "en".into();
        let page = written(&of_ticket(&conversation, &rules, "zh", now));
        assert!(page.contains("<html lang=\"en\">") && page.contains("In the queue"), "the customer's own: {page}");
        assert!(written(&notice(words("en").missing, "en")).contains("There is no such page"));
    }
}
