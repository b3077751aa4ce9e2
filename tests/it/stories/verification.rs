//! Customers prove who they are within a dialogue: by a code that goes to their mailbox, or by the link that comes with it. The
//! mail is real: Postfix takes it, Dovecot has it.

use std::{fs, path::Path};

use mail_parser::Message;
use regex::Regex;
use reqwest::header::ACCEPT_LANGUAGE;
use serde_json::{Value, json};

use crate::harness::{
    Console, Daemon, Fleet, Home, LI, MALLORY, MailDomain, SUPPORT, Visitor, client, eventually, items, text, uuid,
};

const ACTIONS: &str = r#"
actions:
  points:
    title: {en: Points, zh: 积分}
    identity: verified
    inputs:
      mail: {type: email, from: customer.email, ask: {en: Which mail?}}
    outcomes:
      - say: {en: "{{ inputs.mail }} has 7 points.", zh: "{{ inputs.mail }} 有 7 积分。"}
"#;
const RULES: &str = r#"
rules:
  - name: points
    when: message.text.any_word(["points", "积分"])
    then: [{do: {action: points, otherwise: [{handoff: {queue: care}}]}}]
"#;

/// A home with a mailbox by which codes go.
async fn furnished(home: Home, domain: &MailDomain, settings: &str) -> Home {
    let home = home.with_config(&format!("[log]\nlevel = \"debug\"\n[identity]\nemail = \"mail\"\n{settings}\n"));
    let home = home.with_config(&domain.channel(""));
    home.unpack_rules().await;
    home.write_rules("05-points.yaml", RULES);
    home.write_rules("actions/points.yaml", ACTIONS);
    home
}

/// Has [`LI`] be a customer.
async fn know_li(daemon: &Daemon, admin: &Console) {
    let from = json!({"handle": "crm-17", "name": "Li", "email": LI, "verified": true});
    let sent = daemon.http().send(&json!({"id": uuid(), "from": from, "text": "How do I return an item?"})).await;
    admin.conversation_of(&sent.id()).await;
}

/// A daemon with a mailbox whose customer [`LI`] is.
async fn open(domain: &MailDomain, settings: &str) -> (Daemon, Console) {
    let daemon = furnished(Home::new(), domain, settings).await.start().await;
    let admin = daemon.admin().await;
    know_li(&daemon, &admin).await;
    (daemon, admin)
}

/// What the bot says to this, as far as it has said `count` things then.
async fn says(visitor: &mut Visitor, words: &str, count: usize) -> String {
    visitor.say(words).await;
    visitor.said_by("bot", count).await[count - 1].clone()
}

fn subject_is_code(mail: &Message<'_>) -> bool {
    mail.subject() == Some("Your code")
}

/// The code in a mail, and the part of its link that names it.
fn code_of(mail: &Message<'_>) -> (String, String) {
    let said = mail.body_text(0).unwrap();
    let first =
        |pattern: &str| Regex::new(pattern).unwrap().captures(&said).unwrap_or_else(|| panic!("{said}"))[1].to_owned();
    (first(r"code is (\d{6})\."), first(r"/verify/([0-9a-z]+)"))
}

async fn mail_with_code(domain: &MailDomain) -> (String, String) {
    code_of(&domain.find(LI, "the code", subject_is_code).await)
}

/// The chat that was begun last, of those in a box.
async fn chat(admin: &Console, inside: &str) -> Value {
    let all = admin.get(&format!("/conversations?box={inside}&limit=200")).await;
    let chats = items(&all).iter().filter(|conversation| text(conversation, "/channel") == "webchat");
    let newest = chats.max_by_key(|conversation| text(conversation, "/id"));
    newest.unwrap_or_else(|| panic!("{all}")).clone()
}

fn events(entries: &[Value]) -> Vec<&str> {
    let kinds = entries.iter().map(|entry| text(entry, "/event/type"));
    kinds.filter(|kind| kind.starts_with("verification")).collect()
}

/// Whether a text is in a file of a folder.
fn is_kept(folder: &Path, wanted: &str) -> Option<String> {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if let Some(found) = is_kept(&path, wanted) {
                return Some(found);
            }
        } else if fs::read(&path).unwrap().windows(wanted.len()).any(|part| part == wanted.as_bytes()) {
            return Some(path.display().to_string());
        }
    }
    None
}

#[tokio::test]
async fn a_code_by_mail_makes_a_stranger_the_customer_and_is_kept_nowhere() {
    let domain = MailDomain::start().await;
    let (mut daemon, admin) = open(&domain, "").await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    assert!(says(&mut visitor, "How many points do I have?", 1).await.contains("Which email address"));
    let asked = says(&mut visitor, LI, 2).await;
    assert!(asked.contains("l•••@customer.example"), "{asked}");
    // Committed is committed: whether the mail has left by now or not, it arrives.
    daemon.kill().await;
    daemon.restart().await;
    let (code, token) = mail_with_code(&domain).await;
    let admin = admin.moved(&daemon.url);
    let mut visitor = visitor.reload(&daemon.url).await;
    assert_eq!(visitor.said_by("bot", 2).await.len(), 2, "what goes to the mailbox is not shown in the chat");

    let conversation = text(&chat(&admin, "open").await, "/id").to_owned();
    let entries = admin.entries(&conversation).await;
    let sent = entries.iter().find(|entry| text(entry, "/body/subject") == "Your code").expect("it is in the journal");
    assert!(text(sent, "/body/text").contains("Your code is ••••••."), "{sent}");
    let said = format!("{entries:?}{}{}", daemon.log(), admin.get(&format!("/conversations/{conversation}")).await);
    for secret in [&code, &token] {
        assert!(!said.contains(secret.as_str()), "{secret}");
        assert_eq!(is_kept(&daemon.home.data(), secret), None);
    }

    // Before the question is answered, one of another kind.
    assert!(says(&mut visitor, "How do I return an item?", 3).await.contains("30 days"));
    visitor.said_by("bot", 4).await;
    visitor.say(&format!("the code is {code}")).await;
    let told = visitor.said_by("bot", 6).await;
    assert!(told[4].contains("now I know who you are") && told[5] == format!("{LI} has 7 points."), "{told:?}");
    assert_eq!(says(&mut visitor, "and my points again?", 7).await, format!("{LI} has 7 points."), "it holds");

    let detail = admin.get(&format!("/conversations/{conversation}")).await;
    assert_eq!((text(&detail, "/contact/name"), &detail["customer"]["verified"]), ("Li", &json!(true)));
    let channels: Vec<&str> =
        detail["contact"]["conversations"].as_array().unwrap().iter().map(|of| text(of, "/channel")).collect();
    assert!(channels.contains(&"http") && channels.contains(&"webchat"), "{channels:?}");
    let entries = admin.entries(&conversation).await;
    assert_eq!(events(&entries), ["verification_asked", "verification_passed"]);
    let told: Vec<&Value> = entries.iter().filter(|entry| !entry["event"].is_null()).collect();
    let verified = told.iter().filter(|entry| text(entry, "/event/type").starts_with("verification"));
    assert!(verified.clone().all(|entry| text(entry, "/event/to") == "l•••@customer.example"), "{told:?}");
    // The code is used: the link that came with it is no good.
    assert_eq!(daemon.get(&format!("/verify/{token}")).await.0, 410);
    assert!(daemon.get("/metrics").await.1.contains("switchboard_verifications_total{how=\"passed\"} 1"));
    assert_eq!(daemon.ledger().await["findings"], json!([]));
}

#[tokio::test]
async fn a_link_does_what_the_code_does_once_and_only_for_who_presses_its_button() {
    let domain = MailDomain::start().await;
    let (daemon, admin) = open(&domain, "").await;
    let mut visitor = Visitor::arrive_as(&daemon.url, json!({"email": LI})).await;
    // The page claims the address: it counts as known from the second message on, and proves nothing.
    says(&mut visitor, "How do I return an item?", 1).await;
    assert!(says(&mut visitor, "我有多少积分？", 2).await.contains("六位验证码"));
    let mail = domain.find(LI, "the code", |mail| mail.subject() == Some("您的验证码")).await;
    assert!(mail.body_html(0).unwrap().contains("/verify/"), "{:?}", mail.body_html(0));
    assert!(mail.header_raw("Auto-Submitted").is_some());
    let said = mail.body_text(0).unwrap().into_owned();
    let token = Regex::new("/verify/([0-9a-z]+)").unwrap().captures(&said).unwrap()[1].to_owned();

    let url = format!("{}/verify/{token}", daemon.url);
    let http = client();
    // A scanner looks at it, by every means.
    for method in [reqwest::Method::GET, reqwest::Method::HEAD, reqwest::Method::GET] {
        assert_eq!(http.request(method, &url).send().await.unwrap().status(), 200);
    }
    let page = http.get(&url).header(ACCEPT_LANGUAGE, "en-GB").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.headers()["cache-control"], "no-store");
    let page = page.text().await.unwrap();
    assert!(
        page.contains("lang=\"zh-Hans\"") && page.contains("是我本人") && page.contains("<form method=\"post\">"),
        "{page}"
    );
    assert_eq!(chat(&admin, "open").await["customer"]["verified"], false);

    let thanks = http.post(&url).send().await.unwrap();
    assert_eq!(thanks.status(), 200);
    assert!(thanks.text().await.unwrap().contains("请回到对话中"));
    let told = visitor.said_by("bot", 4).await;
    assert!(
        told[2].contains("身份已确认") && told[3] == format!("{LI} 有 7 积分。"),
        "the chat goes on by itself: {told:?}"
    );
    assert_eq!(chat(&admin, "open").await["customer"]["verified"], true);
    assert_eq!(http.post(&url).send().await.unwrap().status(), 410, "once");
    let conversation = text(&chat(&admin, "open").await, "/id").to_owned();
    let entries = admin.entries(&conversation).await;
    assert_eq!(events(&entries), ["verification_asked", "verification_passed"]);

    let forged = format!("{}/verify/{}", daemon.url, token.replace(&token[..32], &"0".repeat(32)));
    for language in [("zh-TW,zh;q=0.9", "此連結已失效"), ("fr", "This link is not good any more")] {
        let answer = http.get(&forged).header(ACCEPT_LANGUAGE, language.0).send().await.unwrap();
        assert_eq!(answer.status(), 410);
        assert!(answer.text().await.unwrap().contains(language.1));
    }
}

#[tokio::test]
async fn who_has_not_the_mailbox_does_not_get_in_and_learns_nothing() {
    let domain = MailDomain::start().await;
    let (daemon, admin) = open(&domain, "").await;
    let mut told = Vec::new();
    // The address of somebody else, and one that nobody has.
    for address in [LI, MALLORY] {
        let mut visitor = Visitor::arrive(&daemon.url).await;
        says(&mut visitor, "my points please", 1).await;
        visitor.say(address).await;
        let mut count = 2;
        visitor.said_by("bot", count).await;
        for guess in ["000000", "111111", "222222", "333333", "444444"] {
            count += 1;
            says(&mut visitor, guess, count).await;
        }
        visitor.owned_by("queue").await;
        let said = visitor.said_by("bot", count).await;
        told.push(said.iter().map(|said| said.replace("m•••", "l•••")).collect::<Vec<_>>());
        let conversation = chat(&admin, "queued").await;
        assert_eq!(conversation["customer"]["verified"], false);
        let entries = admin.entries(text(&conversation, "/id")).await;
        assert_eq!(events(&entries).len(), 6, "{:?}", events(&entries));
        let went = entries.iter().any(|entry| text(entry, "/body/subject") == "Your code");
        assert_eq!(went, address == LI, "what nobody has gets no mail");
    }
    assert_eq!(told[0], told[1], "both hear the same");
    // After the fifth wrong code not even the right one helps.
    let (code, token) = mail_with_code(&domain).await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    says(&mut visitor, "points", 1).await;
    says(&mut visitor, "nobody@customer.example", 2).await;
    assert!(says(&mut visitor, &code, 3).await.contains("Tries left: 4"), "a code is of its own chat");
    assert_eq!(client().post(format!("{}/verify/{token}", daemon.url)).send().await.unwrap().status(), 410);
    assert!(domain.mailbox(MALLORY).is_empty());
    assert_eq!(domain.mailbox(SUPPORT).len(), 0);
}

#[tokio::test]
async fn codes_run_out_and_so_many_are_sent_and_no_more() {
    let domain = MailDomain::start().await;
    let settings = "code_lasts = \"8s\"\nresend_after = \"0s\"\ncodes_per_hour = 2";
    let (mut daemon, admin) = open(&domain, settings).await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    says(&mut visitor, "points", 1).await;
    says(&mut visitor, LI, 2).await;
    let (code, token) = mail_with_code(&domain).await;
    eventually("the link has run out", || async {
        (daemon.get(&format!("/verify/{token}")).await.0 == 410).then_some(())
    })
    .await;
    assert!(says(&mut visitor, &code, 3).await.contains("has run out"));
    assert!(says(&mut visitor, "resend", 4).await.contains("a code of six digits"));
    assert!(says(&mut visitor, "send it again", 5).await.contains("cannot send more codes"));
    visitor.owned_by("queue").await;

    // Another chat after a restart: the mailbox has had its codes, and nobody hears of that.
    daemon.kill().await;
    daemon.restart().await;
    let admin = admin.moved(&daemon.url);
    let mut other = Visitor::arrive(&daemon.url).await;
    says(&mut other, "points", 1).await;
    assert!(says(&mut other, LI, 2).await.contains("a code of six digits"));
    let entries = admin.entries(text(&chat(&admin, "open").await, "/id")).await;
    assert_eq!(events(&entries), ["verification_asked"]);
    assert!(entries.iter().all(|entry| text(entry, "/body/subject") != "Your code"), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_daemon_of_a_fleet_takes_the_link_and_all_count_together() {
    let domain = MailDomain::start().await;
    let mut fleet = Fleet::start().await;
    let mut daemons = Vec::new();
    for _ in 0..2 {
        let home = furnished(fleet.home("all", None), &domain, "codes_per_hour = 1").await;
        daemons.push(fleet.daemon(home).await);
    }
    let admin = daemons[1].admin().await;
    know_li(&daemons[1], &admin).await;
    let mut visitor = Visitor::arrive(&daemons[0].url).await;
    says(&mut visitor, "points", 1).await;
    says(&mut visitor, LI, 2).await;
    let (_, token) = mail_with_code(&domain).await;
    let pressed = client().post(format!("{}/verify/{token}", daemons[1].url)).send().await.unwrap();
    assert_eq!(pressed.status(), 200);
    let told = visitor.said_by("bot", 4).await;
    assert_eq!(told[3], format!("{LI} has 7 points."), "{told:?}");

    let mut other = Visitor::arrive(&daemons[1].url).await;
    says(&mut other, "points", 1).await;
    assert!(says(&mut other, LI, 2).await.contains("a code of six digits"));
    let all = admin.get("/conversations?box=open&limit=200").await;
    let asked = items(&all).iter().filter(|conversation| text(conversation, "/channel") == "webchat");
    let mut letters = 0;
    for conversation in asked {
        let entries = admin.entries(text(conversation, "/id")).await;
        letters += entries.iter().filter(|entry| text(entry, "/body/subject") == "Your code").count();
    }
    assert_eq!(letters, 1, "the other daemon knows that the mailbox has had its code");
}
