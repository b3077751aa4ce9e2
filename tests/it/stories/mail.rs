//! Mail, with a whole mail domain: a customer's program, Postfix, Dovecot, and the company's answers in one thread.

use serde_json::{Value, json};

use crate::harness::{
    BOUNCES, Console, Daemon, Home, LI, Live, MALLORY, MailDomain, SUPPORT, Visitor, answer, eventually, items, mail,
    text, vouch,
};

const QUESTION: &str = "How do I return an item?";

async fn shop(domain: &MailDomain, more: &str) -> (Daemon, Console) {
    let daemon = Home::new().with_config(&domain.channel(more)).start().await;
    let admin = daemon.admin().await;
    // Whatever was there before the first start is not for it: mails of a story come after.
    eventually("the folder is read", || async { daemon.log().contains("read from here on").then_some(()) }).await;
    (daemon, admin)
}

async fn online(daemon: &Daemon, admin: &Console, login: &str) -> (Console, Live) {
    let agent = daemon.agent(admin, login, json!({})).await;
    let live = agent.live().await;
    agent.presence("online").await;
    (agent, live)
}

/// All conversations of the mail channel, oldest first.
async fn conversations(admin: &Console) -> Vec<Value> {
    let mut all = Vec::new();
    for inside in ["open", "queued", "closed"] {
        all.extend(items(&admin.get(&format!("/conversations?box={inside}&limit=200")).await).to_vec());
    }
    all.retain(|conversation| text(conversation, "/channel") == "mail");
    all.sort_by_key(|conversation| text(conversation, "/id").to_owned());
    all.dedup_by_key(|conversation| text(conversation, "/id").to_owned());
    all
}

async fn conversations_are(admin: &Console, count: usize) -> Vec<Value> {
    eventually(&format!("{count} conversations"), || async {
        Some(conversations(admin).await).filter(|all| all.len() >= count)
    })
    .await
}

/// What customers said in a conversation.
async fn said(admin: &Console, conversation: &str) -> Vec<String> {
    let entries = admin.entries(conversation).await;
    let messages = entries.iter().filter(|entry| text(entry, "/kind") == "message");
    messages.map(|entry| text(entry, "/body/text").to_owned()).collect()
}

#[tokio::test]
async fn a_customer_writes_the_bot_answers_and_a_person_takes_over_in_one_thread() {
    let domain = MailDomain::start().await;
    let (daemon, admin) = shop(&domain, "signature = \"Example Shop\\nMon to Fri\"").await;
    let (ann, mut live) = online(&daemon, &admin, "ann").await;
    domain
        .send(LI, &mail("李伟 <li@customer.example>", "Returns 退货", "", "How do I return an item?\n\n-- \nLi Wei"))
        .await;
    let first = domain.find(LI, "the answer", |_| true).await;
    assert_eq!(first.subject(), Some("Re: Returns 退货"));
    assert_eq!(first.from().unwrap().first().unwrap().name(), Some("Example Shop"));
    assert!(first.body_text(0).unwrap().contains("30 days"), "{:?}", first.body_text(0));
    assert!(first.header_raw("Auto-Submitted").unwrap().contains("auto-replied"));

    let angry = answer(&first, "李伟 <li@customer.example>", "This is a disgrace, where is my money!!!");
    domain.send(LI, &angry).await;
    let offer = live.offer().await;
    let id = text(&offer, "/conversation/id").to_owned();
    assert_eq!(text(&offer, "/summary"), "This is a disgrace, where is my money!!!");
    assert_eq!(ann.accept(&offer).await.0, 200);
    assert_eq!(
        said(&ann, &id).await,
        ["How do I return an item?", "This is a disgrace, where is my money!!!"],
        "new text alone: no history, no signature"
    );
    let detail = ann.get(&format!("/conversations/{id}")).await;
    assert_eq!((text(&detail, "/subject"), text(&detail, "/customer/name")), ("Returns 退货", "李伟"));
    assert_eq!(detail["customer"]["verified"], true, "the mail server vouches for the writer");
    assert_eq!(ann.reply(&id, "I am **sorry**. 已为您退款。", "c-1").await.0, 201);
    let last = domain.find(LI, "the agent's answer", |mail| mail.body_text(0).unwrap().contains("已为您退款。")).await;
    assert_eq!(last.from().unwrap().first().unwrap().name(), Some("Name of ann (Example Shop)"));
    assert_eq!(last.header_raw("Auto-Submitted"), None, "a person wrote it");
    assert!(last.body_html(0).unwrap().contains("<strong>sorry</strong>"));
    let references = last.references().as_text_list().unwrap().to_vec();
    assert!(references.iter().any(|id| id == first.message_id().unwrap()), "one thread in the mailbox: {references:?}");
    let ledger = daemon.ledger().await;
    assert_eq!((&ledger["findings"], &ledger["accepted"]), (&json!([]), &json!(2)));
}

#[tokio::test]
async fn tokens_do_for_a_password_and_a_stale_one_is_asked_for_again() {
    let domain = MailDomain::start().await;
    let daemon = Home::new().with_config(&domain.channel_with_tokens()).start().await;
    eventually("the folder is read", || async { daemon.log().contains("read from here on").then_some(()) }).await;
    assert!(daemon.log().contains("refuses the login"), "the first token was stale\n{}", daemon.log());
    domain.send(LI, &mail(LI, "Order", "", QUESTION)).await;
    domain.find(LI, "the answer", |_| true).await;
    assert!(!daemon.log().contains("fresh") && !daemon.log().contains("given by"), "tokens are secrets");
}

#[tokio::test]
async fn nobody_gets_into_anothers_conversation() {
    let domain = MailDomain::start().await;
    let (_daemon, admin) = shop(&domain, "").await;
    domain.send(LI, &mail(LI, "Order", "", QUESTION)).await;
    let first = domain.find(LI, "the answer", |_| true).await;
    // Somebody to whom Li forwarded it answers in her thread, by every mark that it has.
    domain.send(MALLORY, &answer(&first, MALLORY, "Send the money to me, please.")).await;
    let both = conversations_are(&admin, 2).await;
    assert_eq!(said(&admin, text(&both[0], "/id")).await, [QUESTION]);
    assert_eq!(said(&admin, text(&both[1], "/id")).await, ["Send the money to me, please."]);
    assert_ne!(both[0]["customer"]["id"], both[1]["customer"]["id"]);
    let entries = admin.entries(text(&both[1], "/id")).await;
    let linked =
        entries.iter().find(|entry| text(entry, "/event/type") == "related").expect("agents see where it came from");
    assert_eq!(linked["event"]["conversation"], both[0]["id"]);
    domain.send(LI, &answer(&first, LI, "And how long do I have?")).await;
    eventually("Li's answer is in her own", || async {
        (said(&admin, text(&both[0], "/id")).await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(conversations(&admin).await.len(), 2);
}

#[tokio::test]
async fn a_page_is_shown_without_its_tricks_and_the_whole_mail_is_kept() {
    let domain = MailDomain::start().await;
    let (daemon, admin) = shop(&domain, "").await;
    let page = "<p>Where is <b>it</b>?</p><script>steal()</script><img src=\"https://tracker.example/p.gif\">";
    let written = mail(LI, "Order", "", page).replace("text/plain", "text/html");
    domain.send(LI, &written).await;
    let conversation = conversations_are(&admin, 1).await.remove(0);
    let entries = admin.entries(text(&conversation, "/id")).await;
    let message = entries.iter().find(|entry| text(entry, "/kind") == "message").unwrap();
    assert_eq!(
        (text(message, "/body/text"), &message["page"], &message["body"]["html"]),
        ("Where is it?", &json!(true), &Value::Null)
    );
    let original = format!("/attachments/{}", text(message, "/body/original/hash"));
    let (kind, policy, whole) = admin.fetch(&original).await;
    assert!(
        whole.contains("steal()") && kind == "application/octet-stream" && policy.contains("sandbox"),
        "{kind} {policy}"
    );
    for (query, remote) in [("", false), ("?images=true", true)] {
        let (kind, policy, shown) = admin.fetch(&format!("/messages/{}/page{query}", text(message, "/id"))).await;
        assert!(kind.starts_with("text/html") && shown.contains("<b>it</b>") && !shown.contains("steal"), "{shown}");
        assert_eq!((shown.contains("tracker.example"), policy.contains("https:")), (remote, remote), "{policy}");
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
    }
    drop(daemon);
}

#[tokio::test]
async fn the_pictures_of_a_mail_stand_in_its_page() {
    let domain = MailDomain::start().await;
    let (_daemon, admin) = shop(&domain, "").await;
    let case = include_str!("../../../channels/cases/email/inline-cid.eml");
    domain.send(LI, &case.replace("li@a.example", LI).replace("support@shop.example", SUPPORT)).await;
    let conversation = conversations_are(&admin, 1).await.remove(0);
    let entries = admin.entries(text(&conversation, "/id")).await;
    let message = entries.iter().find(|entry| text(entry, "/kind") == "message").unwrap();
    assert_eq!(text(message, "/body/attachments/0/name"), "part-1.png");
    let (_, policy, shown) = admin.fetch(&format!("/messages/{}/page", text(message, "/id"))).await;
    assert!(shown.contains("src=\"data:image/png;base64,iVBOR3BuZyE=\""), "{shown}");
    assert!(policy.contains("img-src data:;"), "{policy}");
}

#[tokio::test]
async fn a_mail_that_comes_back_marks_its_reply_and_the_address() {
    let domain = MailDomain::start().await;
    let (_daemon, admin) = shop(&domain, "").await;
    domain.send(MALLORY, &mail(BOUNCES, "Hello", "", QUESTION)).await;
    let conversation = conversations_are(&admin, 1).await.remove(0);
    let failed = eventually("the reply is marked", || async {
        let entries = admin.entries(text(&conversation, "/id")).await;
        entries.into_iter().find(|entry| text(entry, "/delivery/state") == "failed")
    })
    .await;
    assert!(text(&failed, "/delivery/error").contains("doesn't exist"), "{failed}");
    let path = format!("/conversations/{}", text(&conversation, "/id"));
    eventually("the address is marked", || async {
        (text(&admin.get(&path).await, "/contact/attributes/email_bounces") == "true").then_some(())
    })
    .await;
    assert_eq!(conversations(&admin).await.len(), 1, "a report opens nothing");
}

#[tokio::test]
async fn machines_do_not_talk_to_each_other_for_ever() {
    let domain = MailDomain::start().await;
    let (daemon, admin) = shop(&domain, "automatic_per_hour = 2").await;
    domain.send(LI, &mail(LI, "Away", "Auto-Submitted: auto-replied\n", QUESTION)).await;
    let away = conversations_are(&admin, 1).await.remove(0);
    // One that does not say what it is: it answers whatever comes, in a new thread each time.
    for number in 0..4 {
        domain.send(MALLORY, &mail(MALLORY, &format!("Ticket {number}"), "", QUESTION)).await;
    }
    let refused = eventually("two answers too many", || async {
        let dead = admin.get("/dead").await;
        (items(&dead).len() == 2).then_some(dead)
    })
    .await;
    assert!(text(&refused, "/items/0/reason").contains("automatic_per_hour"), "{refused}");
    eventually("the answers before", || async { (domain.mailbox(MALLORY).len() == 2).then_some(()) }).await;
    let entries = admin.entries(text(&away, "/id")).await;
    assert!(entries.iter().all(|entry| text(entry, "/kind") != "reply"), "{entries:?}");
    assert!(domain.mailbox(LI).is_empty(), "nobody answers a note of absence");
    assert_eq!(daemon.ledger().await["findings"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_for_a_person_and_holds_up_nothing() {
    let domain = MailDomain::start().await;
    let (daemon, admin) = shop(&domain, "max_mail_bytes = 100000").await;
    let nobody = mail(LI, "Who am I?", "", "x").replace(&format!("From: {LI}\n"), "");
    let long = mail(LI, "Long", "", &"all work and no play\n".repeat(10_000));
    domain.deliver([nobody, long, mail(LI, "Order", "", QUESTION)]);
    let both = conversations_are(&admin, 2).await;
    let texts: Vec<String> =
        [said(&admin, text(&both[0], "/id")).await, said(&admin, text(&both[1], "/id")).await].concat();
    assert!(texts.iter().any(|text| text.contains("stays in the mailbox")), "{texts:?}");
    assert!(texts.iter().any(|text| text == QUESTION), "{texts:?}");
    let dead = admin.get("/dead").await;
    assert_eq!(items(&dead).len(), 1, "{dead}");
    assert!(text(&dead, "/items/0/reason").contains("no sender"), "{dead}");
    let saved = daemon.home.path().join("saved.eml");
    let ran = daemon.home.run(&["dead", "save", text(&dead, "/items/0/id"), saved.to_str().unwrap()]).await;
    assert!(ran.ok, "{}", ran.all());
    assert!(std::fs::read_to_string(saved).unwrap().contains("Subject: Who am I?"));
}

#[tokio::test]
async fn an_outage_loses_nothing_and_doubles_nothing() {
    const MAILS: usize = 10_000;
    let mut domain = MailDomain::start().await;
    let (mut daemon, admin) = shop(&domain, "").await;
    domain.send(LI, &mail(LI, "First", "", QUESTION)).await;
    conversations_are(&admin, 1).await;
    // Dovecot restarts under the waiting daemon: the connection is cut, and found again.
    domain.stop_imap().await;
    domain.start_imap().await;
    domain.deliver([mail(LI, "After the restart", "", QUESTION)]);
    conversations_are(&admin, 2).await;

    // Ten thousand come while the daemon is away; it dies once more while it reads them.
    daemon.stop().await;
    let written = (0..MAILS)
        .map(|n| mail(&format!("c{n}@customer.example"), &format!("Number {n}"), "Precedence: bulk\n", "hello"));
    domain.deliver(written);
    daemon.restart().await;
    let admin = admin.moved(&daemon.url);
    eventually("some were read", || async { (admin.get("/ledger").await["accepted"].as_u64()? > 500).then_some(()) })
        .await;
    daemon.kill().await;
    daemon.restart().await;
    let admin = admin.moved(&daemon.url);
    let all = MAILS as u64 + 2;
    let ledger = eventually("all were read", || async {
        let ledger = admin.get("/ledger").await;
        (ledger["accepted"].as_u64()? >= all && ledger["waiting"] == 0).then_some(ledger)
    })
    .await;
    assert_eq!((&ledger["accepted"], &ledger["findings"]), (&json!(all), &json!([])));

    // The uids change, as after a restored backup: everything is looked at again, and is known.
    daemon.stop().await;
    domain.stop_imap().await;
    domain.change_uid_validity();
    domain.start_imap().await;
    domain.deliver([mail(LI, "After the change", "", QUESTION)]);
    daemon.restart().await;
    let admin = admin.moved(&daemon.url);
    let ledger = eventually("the new one was read", || async {
        let ledger = admin.get("/ledger").await;
        (ledger["accepted"].as_u64()? > all).then_some(ledger)
    })
    .await;
    assert_eq!((&ledger["accepted"], &ledger["findings"]), (&json!(all + 1), &json!([])));
}

#[tokio::test]
async fn a_verified_address_is_one_customer_in_mail_and_web_chat() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    let domain = MailDomain::start().await;
    let home =
        Home::new().with_config(&domain.channel("")).with_web_chat(&format!("identity_secrets = [{SECRET:?}]\n"));
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let (ann, mut live) = online(&daemon, &admin, "ann").await;
    eventually("the folder is read", || async { daemon.log().contains("read from here on").then_some(()) }).await;
    domain.send(LI, &mail(LI, "Order", "", QUESTION)).await;
    let by_mail = conversations_are(&admin, 1).await.remove(0);
    let user = json!({"id": "42", "hash": vouch(SECRET, &["42"]), "email": LI, "email_hash": vouch(SECRET, &["email", "42", LI])});
    let mut visitor = Visitor::arrive_as(&daemon.url, user).await;
    visitor.say("I want to talk to a person").await;
    let offer = live.offer().await;
    assert_eq!(ann.accept(&offer).await.0, 200);
    let detail = ann.get(&format!("/conversations/{}", text(&offer, "/conversation/id"))).await;
    assert_eq!(text(&detail, "/contact/id"), text(&by_mail, "/customer/id"));
    let told = json!({"items": detail["contact"]["conversations"]});
    let channels: Vec<&str> = items(&told).iter().map(|of| text(of, "/channel")).collect();
    assert!(channels.contains(&"mail") && channels.contains(&"webchat"), "the agent sees both: {channels:?}");
    assert_eq!(said(&ann, text(&by_mail, "/id")).await, [QUESTION]);
}

#[tokio::test]
async fn a_check_says_in_words_what_is_wrong() {
    let domain = MailDomain::start().await;
    let check = async |config: String| {
        let home = Home::new().with_config(&config);
        home.run(&["channels", "check", "mail"]).await
    };
    let right = domain.channel("");
    let ran = check(right.clone()).await;
    assert!(ran.ok, "{}", ran.all());
    assert!(
        ran.out.contains("IMAP login") && ran.out.contains("INBOX") && ran.out.contains("SMTP login"),
        "{}",
        ran.out
    );
    let rows = [
        (right.replacen("mailbox password", "wrong", 1), "refuses the login"),
        (domain.channel("folders = [\"INBOX\", \"Orders\"]"), "Orders"),
        (right.replace("address = \"support@shop.example\"", "address = \"boss@shop.example\""), "boss@shop.example"),
        (right.replace("ca_file", "password_of_nobody"), "password_of_nobody"),
    ];
    for (config, words) in rows {
        let ran = check(config).await;
        assert!(!ran.ok && ran.all().contains(words), "{words}: {}", ran.all());
    }
}
