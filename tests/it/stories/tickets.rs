//! A customer is given a number and a link, sees where it stands without writing again, and an agent finds it by the number.

use std::{collections::BTreeSet, fs};

use jiff::{ToSpan, Zoned, tz::TimeZone};
use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap};
use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Fleet, Home, ShopServer, Visitor, client, eventually, items, text};

const PUBLIC: &str = "http://chat.shop.example";
const ASKS: &str = "我要转人工客服";

/// A daemon whose queue for people is closed until tomorrow at nine.
async fn closed_shop(config: &str) -> Daemon {
    let home = Home::new().with_config(&format!("public_url = {PUBLIC:?}\n{config}"));
    home.unpack_rules().await;
    home.write_rules(
        "queues.yaml",
        "queues:\n  care:\n    title: {en: Customer care, zh: 客户服务}\n    hours: {calendar: desk, closed: ticket, template: out-of-hours}\n  \
         sales: {title: {en: Sales, zh: 销售}}\n",
    );
    hours(&home, &format!("{{{}: [\"9:00-18:00\"]}}", tomorrow().strftime("%A").to_string().to_lowercase()));
    home.start().await
}

fn tomorrow() -> Zoned {
    let now = Zoned::now().with_time_zone(TimeZone::UTC);
    // Where midnight is near, the day after: it has not begun when it is looked at.
    now.checked_add(if now.hour() == 23 { 2.days() } else { 1.day() }).unwrap()
}

/// The hours of the people, beside those of the shop.
fn hours(home: &Home, week: &str) {
    let path = home.path().join("routing-rules/calendars.yaml");
    let text = fs::read_to_string(path).unwrap();
    let shop = text.split("  desk:").next().unwrap().trim_end();
    home.write_rules("calendars.yaml", &format!("{shop}\n  desk:\n    week: {week}\n"));
}

fn open_now(home: &Home) {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let week: Vec<String> = days.iter().map(|day| format!("{day}: [\"0:00-24:00\"]")).collect();
    hours(home, &format!("{{{}}}", week.join(", ")));
}

/// The number and the path of the page in what the bot said.
fn ticket_in(said: &str) -> (u64, String) {
    let number = said.split('#').nth(1).unwrap_or_else(|| panic!("no number: {said}"));
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    let link = said.split(PUBLIC).nth(1).unwrap_or_else(|| panic!("no link: {said}"));
    let path: String = link.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
    (number.parse().unwrap(), path)
}

/// A page as a browser of this language gets it.
async fn page(url: &str, path: &str, language: &str) -> (u16, HeaderMap, String) {
    let answer = client().get(format!("{url}{path}")).header(ACCEPT_LANGUAGE, language).send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
}

/// The page says this, soon.
async fn says(daemon: &Daemon, path: &str, words: &str) -> String {
    eventually(&format!("the page says {words}"), || async {
        let (status, _, page) = page(&daemon.url, path, "fi").await;
        assert_eq!(status, 200, "{page}");
        page.contains(words).then_some(page)
    })
    .await
}

#[tokio::test]
async fn out_of_hours_a_customer_is_given_a_number_and_a_page_that_goes_along_to_the_end() {
    let mut daemon = closed_shop("").await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say(ASKS).await;
    let said = visitor.said_by("bot", 1).await[0].clone();
    assert!(said.contains("客服人员现在不在线") && said.contains("您的工单号是 #10001"), "{said}");
    let (number, path) = ticket_in(&said);
    assert_eq!(number, 10_001);

    let opens = tomorrow().strftime("%-m月%-d日").to_string();
    let waiting = says(&daemon, &path, "等待人工客服上线").await;
    for words in ["工单 #10001", "客户服务", &opens, "09:00"] {
        assert!(waiting.contains(words), "{words}: {waiting}");
    }
    assert!(!waiting.contains("转人工"), "nothing of what was written: {waiting}");
    let (_, headers, _) = page(&daemon.url, &path, "en").await;
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex, nofollow"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));

    // Who is killed forgets nothing, and gives nobody the same number.
    daemon.kill().await;
    daemon.restart().await;
    assert_eq!(says(&daemon, &path, "等待人工客服上线").await, waiting);
    let mut other = Visitor::arrive(&daemon.url).await;
    other.say("I want to talk to a person").await;
    let (next, its_path) = ticket_in(&other.said_by("bot", 1).await[0]);
    assert!(next > number && its_path != path, "{next}");
    says(&daemon, &its_path, "Waiting for us to open").await;

    // The desk offers it when the queue opens, and not before.
    let admin = daemon.admin().await;
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    ann.come_online().await;
    assert!(items(&ann.get("/offers").await).is_empty(), "it is closed");
    open_now(&daemon.home);
    let offer = live.offer().await;
    assert_eq!(offer["conversation"]["ticket"], number, "the oldest first: {offer}");
    says(&daemon, &path, "排队中").await;
    assert_eq!(ann.accept(&offer).await.0, 200);
    says(&daemon, &path, "客服处理中").await;
    let id = text(&offer, "/conversation/id");
    assert_eq!(ann.reply(id, "您好，我来处理。", "c-1").await.0, 201);
    let answered = says(&daemon, &path, "已回复").await;
    assert!(!answered.contains("我来处理"), "{answered}");
    assert_eq!(ann.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 200);
    assert!(says(&daemon, &path, "已解决").await.contains("客户服务"), "where it was is still said");

    // The conversation keeps its number when the customer comes back soon.
    let mut visitor = visitor.reload(&daemon.url).await;
    visitor.say(ASKS).await;
    assert_eq!(ticket_in(visitor.said_by("bot", 2).await.last().unwrap()), (number, path));
    let entries = ann.entries(id).await;
    let given: Vec<&Value> = entries.iter().filter(|entry| text(entry, "/event/type") == "ticket_given").collect();
    assert_eq!((given.len(), &given[0]["event"]["number"]), (1, &json!(number)));
}

#[tokio::test]
async fn an_agent_finds_a_conversation_by_its_number_and_only_theirs() {
    let daemon = Home::new().with_config(&format!("public_url = {PUBLIC:?}\n")).start().await;
    let admin = daemon.admin().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("How do I return an item?").await;
    assert!(!visitor.said_by("bot", 1).await[0].contains('#'), "what the bot answers has no ticket");
    visitor.say("I want to talk to a person").await;
    let (number, path) = ticket_in(visitor.said_by("bot", 2).await.last().unwrap());
    let found = admin.get(&format!("/tickets/%23{number}")).await;
    assert_eq!((&found["ticket"], text(&found, "/owner")), (&json!(number), "queue"));
    assert_eq!(admin.get(&format!("/tickets/{number}")).await["id"], found["id"]);
    let detail = admin.get(&format!("/conversations/{}", text(&found, "/id"))).await;
    assert_eq!(text(&detail, "/ticket_url"), format!("{PUBLIC}{path}"));
    for (missing, status) in [("10999", 404), ("no-number", 400)] {
        assert_eq!(admin.try_get(&format!("/tickets/{missing}")).await.0, status, "{missing}");
    }
    let stranger = daemon.agent(&admin, "bob", json!({"queues": ["sales"]})).await;
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    ann.come_online().await;
    let offer = live.offer().await;
    assert_eq!(ann.accept(&offer).await.0, 200);
    assert_eq!(ann.get(&format!("/tickets/{number}")).await["id"], found["id"]);
    assert_eq!(stranger.try_get(&format!("/tickets/{number}")).await.0, 404, "it is not for everybody");
}

#[tokio::test]
async fn whom_a_supervisor_takes_from_the_bot_has_a_number_too() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let message = daemon.http().say("li", "How do I return an item?").await;
    let id = admin.conversation_of(&message).await;
    assert!(admin.get(&format!("/conversations/{id}")).await["ticket"].is_null());
    assert_eq!(admin.post(&format!("/conversations/{id}/transfer"), &json!({"queue": "sales"})).await.0, 200);
    let given = admin.get(&format!("/conversations/{id}")).await["ticket"].clone();
    assert_eq!(given, 10_001);
    assert_eq!(admin.post(&format!("/conversations/{id}/take"), &json!({})).await.0, 200);
    assert_eq!(admin.get(&format!("/conversations/{id}")).await["ticket"], given, "once");
    assert!((daemon.metric("switchboard_tickets_total").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn forged_cut_and_expired_links_lead_to_the_same_page_and_guessing_is_bounded() {
    let daemon = closed_shop("[conversation]\nticket_page = \"0s\"\n").await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say(ASKS).await;
    let (_, path) = ticket_in(&visitor.said_by("bot", 1).await[0]);
    says(&daemon, &path, "工单").await;
    let mut other = Visitor::arrive(&daemon.url).await;
    other.say(ASKS).await;
    let (_, good) = ticket_in(&other.said_by("bot", 1).await[0]);

    let nothing = page(&daemon.url, "/t/x", "zh-CN").await;
    assert!(nothing.0 == 404 && nothing.2.contains("没有这个页面"), "{nothing:?}");
    assert!(page(&daemon.url, "/t/x", "en-GB").await.2.contains("There is no such page"));
    let last = if path.ends_with('0') { '1' } else { '0' };
    let (id, mark) = path.strip_prefix("/t/").unwrap().split_at(13);
    for forged in [
        format!("{}{last}", &path[..path.len() - 1]),
        path[..path.len() - 1].to_owned(),
        format!("{path}0"),
        format!("/t/{id}{}", "0".repeat(mark.len())),
        format!("/t/{}{mark}", &good[3..16]),
        "/t/%FF%FE".to_owned(),
        format!("/t/{}", "9".repeat(5000)),
        "/t/..%2f..%2fetc%2fpasswd".to_owned(),
    ] {
        let got = page(&daemon.url, &forged, "zh-CN").await;
        assert_eq!((got.0, &got.2), (404, &nothing.2), "{forged}");
    }
    // What has ended long ago is nothing either.
    let admin = daemon.admin().await;
    let list = admin.get("/conversations?box=queued").await;
    let conversation = items(&list).iter().find(|c| c["ticket"] == 10_001).unwrap();
    let id = text(conversation, "/id");
    assert_eq!(admin.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 200);
    let expired = page(&daemon.url, &path, "zh-CN").await;
    assert_eq!((expired.0, &expired.2), (404, &nothing.2));

    let mut limited = false;
    for at in 0..200 {
        let (status, headers, _) = page(&daemon.url, &format!("/t/{at:037}"), "en").await;
        assert!(matches!(status, 404 | 429), "{status}");
        limited |= status == 429 && headers["retry-after"] == "60";
    }
    assert!(limited, "somebody who guesses is told to wait");
    says(&daemon, &good, "工单").await;
}

/// What the bot says next, after so much.
async fn answer(visitor: &mut Visitor, count: &mut usize) -> String {
    *count += 1;
    visitor.said_by("bot", *count).await[*count - 1].clone()
}

/// Says each of these in turn; the daemon is killed after every answer. What the bot said last.
async fn talk(daemon: &mut Daemon, turns: &[(&str, &str)]) -> String {
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let (mut said, mut last) = (0, String::new());
    for (says, told) in turns {
        visitor.say(says).await;
        last = answer(&mut visitor, &mut said).await;
        assert!(last.contains(told), "{says}: {last}");
        daemon.kill().await;
        daemon.restart().await;
        visitor = visitor.reload(&daemon.url).await;
        visitor.said_by("bot", said).await;
    }
    visitor.owned_by("queue").await;
    last
}

#[tokio::test]
async fn a_ticket_is_opened_by_the_bot_and_an_agent_goes_on_with_what_it_was_told() {
    let shop = ShopServer::open().await;
    let home = Home::new().with_config(&format!("public_url = {PUBLIC:?}\n"));
    shop.rules_into(&home).await;
    let mut daemon = home.start().await;
    let english = talk(
        &mut daemon,
        &[
            ("I would like to open a ticket", "What is it about"),
            ("A delivery", "describe it"),
            ("the box of order A10023 was crushed", "Shall I open a ticket with this: “the box of order"),
            ("yes please", "Your ticket is #"),
        ],
    )
    .await;
    let chinese = talk(
        &mut daemon,
        &[
            ("我要提交工单", "哪方面的问题"),
            ("商品", "描述一下"),
            ("外套的拉链坏了", "为您提交工单：“外套的拉链坏了”"),
            ("好的", "您的工单号是 #"),
        ],
    )
    .await;
    let ((first, path), (second, its_path)) = (ticket_in(&english), ticket_in(&chinese));
    assert!(second > first, "{first} {second}");
    assert!(says(&daemon, &path, "In the queue").await.contains("A delivery"));
    assert!(says(&daemon, &its_path, "排队中").await.contains("商品问题"));

    let admin = daemon.admin().await;
    let found = admin.get(&format!("/tickets/{second}")).await;
    let detail = admin.get(&format!("/conversations/{}", text(&found, "/id"))).await;
    let summary = text(&detail, "/handoff/summary");
    assert!(summary.contains("topic product") && summary.contains("description 外套的拉链坏了"), "{summary}");
    assert_eq!(text(&detail, "/handoff/reason"), "Ticket: A product");
    assert_eq!(text(&detail, "/ticket_subject"), "商品问题");
    assert!(detail["tags"].as_array().unwrap().contains(&json!("ticket")), "{detail}");
    let skills = detail["handoff"]["skills"].as_array().unwrap();
    let skills: Vec<&str> = skills.iter().map(|skill| text(skill, "/skill")).collect();
    assert_eq!(skills, ["lang-zh"], "as the rule asks of who helps where the bot cannot");
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    let mut live = ann.live().await;
    ann.come_online().await;
    let offered = live.offer().await["conversation"]["ticket"].clone();
    assert!([first, second].iter().any(|number| offered == *number), "{offered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_daemons_give_each_number_once_and_show_each_others_pages() {
    let mut fleet = Fleet::start().await;
    let public = format!("public_url = {PUBLIC:?}\n");
    let home = fleet.home("all", None).with_config(&public);
    let one = fleet.daemon(home).await;
    let home = fleet.home("all", None).with_config(&public);
    let two = fleet.daemon(home).await;
    let mut tickets = BTreeSet::new();
    for daemon in [&one, &two, &one, &two] {
        let mut visitor = Visitor::arrive(&daemon.url).await;
        visitor.say(ASKS).await;
        let (number, path) = ticket_in(&visitor.said_by("bot", 1).await[0]);
        assert!(tickets.insert(number), "{number} twice");
        for other in [&one, &two] {
            says(other, &path, &format!("#{number}")).await;
        }
        let admin = Console::login(&two.url, "admin", &one.first_password).await;
        assert_eq!(admin.get(&format!("/tickets/{number}")).await["ticket"], number);
    }
    assert_eq!(tickets.len(), 4);
}
