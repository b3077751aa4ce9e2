//! Ten thousand mails that wait in a mailbox, and ten thousand replies at a set pace: the real daemon beside Dovecot's own
//! `doveadm fetch`, and before the Bot API of the tests.
//!
//! `cargo bench --bench mail` runs both in about two minutes, `-- backfill` or `-- pace` one of them. Dovecot and Postfix
//! are started on loopback, which only root can.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a tool for developers: it may stop at once")]
#![allow(dead_code, unused_imports, reason = "the tests' harness has more than is used here")]

#[path = "../tests/it/harness/mod.rs"]
mod harness;

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use harness::{BotApi, Daemon, Home, MailDomain, SUPPORT};
use serde_json::json;

const MAILS: usize = 10_000;
const REPLIES: usize = 10_000;
/// Replies a second.
const PACE: u32 = 200;
/// How often is looked at what has happened; far below what is measured.
const LOOK: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() {
    let asked = |word: &str| std::env::args().any(|argument| argument == word);
    let all = !asked("backfill") && !asked("pace");
    if all || asked("backfill") {
        backfill().await;
    }
    if all || asked("pace") {
        pace().await;
    }
}

/// From the daemon's start until the last mail is accepted: log-in, search, fetch, decoding, each original kept in a
/// file, and turns that run beside it.
async fn backfill() {
    let domain = MailDomain::start().await;
    let mails: Vec<String> = (0..MAILS).map(mail).collect();
    let bytes = mails.iter().map(String::len).sum::<usize>() / MAILS;
    domain.deliver(mails);
    // The first search writes Dovecot's index, which later ones use.
    domain.doveadm_fetch("uid").await;
    let before = doveadm(&domain).await;
    let home = Home::new().with_config(&domain.channel("since = \"2020-01-01\""));
    rules(&home, "ignore");
    let started = Instant::now();
    let daemon = home.start().await;
    let listening = started.elapsed();
    let accepted = until(&daemon, "switchboard_accepted_total{channel=\"mail\"", MAILS).await - started;
    let decided = until(&daemon, "switchboard_turns_total", MAILS).await - started;
    let after = doveadm(&domain).await;
    let rate = MAILS as f64 / accepted.as_secs_f64();
    println!("{MAILS} mails of {bytes} bytes");
    println!("doveadm fetch text, before and after    {before:>8.0} and {after:.0} /s");
    println!(
        "daemon, start to last accepted          {rate:>8.0} /s   {:.0} % of doveadm; gate: at least 1,000 /s",
        200.0 * rate / (before + after)
    );
    println!(
        "daemon, start to last decided           {:>8.0} /s   listening after {} ms\n",
        MAILS as f64 / decided.as_secs_f64(),
        listening.as_millis()
    );
    assert!(rate >= 1000.0, "the gate is 1,000 mails a second");
}

/// Mails a second.
async fn doveadm(domain: &MailDomain) -> f64 {
    let started = Instant::now();
    let printed = domain.doveadm_fetch("text").await;
    let took = started.elapsed();
    let found = String::from_utf8_lossy(&printed).matches("\nMessage-ID: <").count();
    assert_eq!(found, MAILS, "doveadm reads all of them");
    MAILS as f64 / took.as_secs_f64()
}

/// Ten thousand people write to a bot that answers everyone; when the first and the last answer come.
async fn pace() {
    let bot = BotApi::start().await;
    let home = Home::new().with_config(&bot.channel(&format!("per_second = {PACE}")));
    rules(&home, "{reply: {template: answer}}, ignore");
    for person in 1..=REPLIES {
        bot.says(i64::try_from(person).unwrap(), "hello");
    }
    let daemon = home.start().await;
    let mut looks = tokio::time::interval(LOOK);
    let (mut first, mut sent) = (None, 0);
    while sent < REPLIES {
        looks.tick().await;
        sent = bot.calls("sendMessage");
        if first.is_none() && sent > 0 {
            first = Some((Instant::now(), sent));
        }
    }
    let (began, already) = first.unwrap();
    let rate = (sent - already) as f64 / began.elapsed().as_secs_f64();
    let error = 100.0 * (rate - f64::from(PACE)) / f64::from(PACE);
    println!("{REPLIES} replies with `per_second = {PACE}`");
    println!("first to last at the platform           {rate:>8.2} /s   {error:+.2} %; gate: within 2 %");
    assert_eq!(daemon.ledger().await["findings"], json!([]));
    assert!(error.abs() <= 2.0, "the gate is 2 %");
}

/// Waits until a counter has come so far; when that was.
async fn until(daemon: &Daemon, counter: &str, count: usize) -> Instant {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let (_, page) = daemon.get("/metrics").await;
        let values = page.lines().filter(|line| line.starts_with(counter)).filter_map(|line| line.rsplit(' ').next());
        if values.filter_map(|value| value.parse::<f64>().ok()).sum::<f64>() >= count as f64 {
            return Instant::now();
        }
    }
}

/// One rule for everything.
fn rules(home: &Home, does: &str) {
    home.write_rules("10-rules.yaml", &format!("rules:\n  - name: everything\n    then: [{does}]\n"));
    home.write_rules("templates.yaml", "templates:\n  answer: {en: Thank you., zh: 谢谢。}\n");
    home.write_rules("queues.yaml", "queues:\n  care: {title: {en: Care}}\n");
    home.write_rules("skills.yaml", "languages: [en, zh]\n");
}

/// A mail as Gmail sends one: signed, with a text, a page, and the history in both.
fn mail(number: usize) -> String {
    let question = format!("Order number {number} has not arrived. Could you please look where it is? 谢谢！");
    let mut quoted = String::new();
    let mut page = String::new();
    for line in 0..9 {
        let _ = writeln!(quoted, "> Line {line} of what the shop wrote a week ago about this very order and its way.");
        let _ = writeln!(page, "<div>Line {line} of what the shop wrote a week ago about this very order.</div>");
    }
    let signature = "q1w2e3r4t5y6u7i8o9p0".repeat(17);
    format!(
        "Received: from mail.customer.example (mail.customer.example [192.0.2.{}])\n\tby mx.shop.example with ESMTPS id {number}\n\
         \tfor <{SUPPORT}>; Tue, 24 Nov 2026 10:00:00 +0800\n\
         Authentication-Results: mx.shop.example; dkim=pass header.d=customer.example; dmarc=pass header.from=customer.example\n\
         DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=customer.example; s=s1; t=1795500000;\n\tb={signature}\n\
         From: Customer {number} <c{number}@customer.example>\nTo: {SUPPORT}\nSubject: Re: Order {number}\n\
         Message-ID: <backfill-{number}@customer.example>\nIn-Reply-To: <older-{number}@elsewhere.example>\n\
         Date: Tue, 24 Nov 2026 10:00:00 +0800\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"b\"\n\n\
         --b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{question}\n\n\
         On Tue, Nov 17, 2026 at 10:00 AM Example Shop <{SUPPORT}> wrote:\n{quoted}\n\
         --b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<div dir=\"ltr\">{question}</div>\
         <div class=\"gmail_quote\"><blockquote>{page}</blockquote></div>\n\n--b--\n",
        number % 250
    )
}
