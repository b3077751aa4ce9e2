//! Bad input is refused in words or kept as the text that it is, and hurts nobody else.

use serde_json::{Value, json};

use crate::harness::{Daemon, Home, HttpChannel, Visitor, items, text, uuid};

/// The others: whatever happens, their messages are answered.
async fn others_are_served(daemon: &Daemon, round: &str) {
    let handle = format!("bystander-{}", round.replace(' ', "-"));
    let http = daemon.http();
    http.say(&handle, "How do I return an item?").await;
    let said = http.said_by(&handle, "bot", 1).await;
    assert!(said[0].contains("30 days"), "{round}");
}

fn message(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut message = HttpChannel::message("li", "hello");
    change(&mut message);
    message.to_string().into_bytes()
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_in_words() {
    let daemon = Home::new().start().await;
    let http = daemon.http();
    let file = json!({"name": "a", "data": ""});
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let rows: [(&str, Vec<u8>, u16, &str); 15] = [
        ("nothing", vec![], 400, "malformed"),
        ("no JSON", b"id=1&text=x".to_vec(), 400, "malformed"),
        ("half of it", message(|_| {})[..20].to_vec(), 400, "malformed"),
        ("a list", b"[]".to_vec(), 400, "malformed"),
        ("deep nesting", deep.into_bytes(), 400, "malformed"),
        ("no UTF-8", [b"{\"id\":\"\xc3\x28\"}".as_slice()].concat(), 400, "malformed"),
        ("no id", message(|m| m["id"] = json!("")), 400, "malformed"),
        ("an unknown field", message(|m| m["txt"] = json!("x")), 400, "malformed"),
        ("text of a wrong type", message(|m| m["text"] = json!(["x"])), 400, "malformed"),
        ("nothing that shows", message(|m| m["text"] = json!(" \u{200b}\u{202e}\0 ")), 400, "malformed"),
        ("a handle that cannot be seen", message(|m| m["from"]["handle"] = json!("\u{200b}")), 400, "malformed"),
        ("a line of a megabyte", message(|m| m["text"] = json!("退".repeat(350_000))), 413, "too_large"),
        ("ten thousand files", message(|m| m["attachments"] = json!(vec![file; 10_000])), 413, "too_large"),
        ("a body of 11 MiB", vec![b' '; 11 << 20], 413, "too_large"),
        (
            "a file of a type that is not taken",
            message(|m| {
                m["attachments"] = json!([{"name": "a.exe", "media_type": "application/x-msdownload", "data": "TVo="}])
            }),
            422,
            "attachment_refused",
        ),
    ];
    for (name, body, status, code) in rows {
        // A body that is too large may be refused before all of it was read, by closing the connection.
        match http.send_bytes(body).await {
            Ok(sent) => {
                assert_eq!((sent.status, sent.code()), (status, code), "{name}: {sent:?}");
                assert!(text(&sent.body, "/error/message").len() > 10, "{name}: {sent:?}");
            }
            Err(error) => assert!(status == 413, "{name}: {error}"),
        }
        others_are_served(&daemon, name).await;
    }
    let ledger = daemon.ledger().await;
    assert_eq!(ledger["accepted"], 15, "only the bystanders' messages were kept");
    let (_, metrics) = daemon.get("/metrics").await;
    assert!(metrics.contains("switchboard_refused_total"), "each refusal is counted");
}

#[tokio::test]
async fn what_is_not_signed_is_refused_without_a_hint() {
    let daemon = Home::new().start().await;
    let http = daemon.http();
    let stranger = HttpChannel::new(&daemon.url, "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCwgbm90IG91cnM=");
    let body = message(|_| {});
    let now = contract::Timestamp::now().as_second();
    let headers = |at: i64, signature: &str| {
        [
            ("webhook-id", "x".to_owned()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signature.to_owned()),
        ]
    };
    let mut answers = vec![stranger.send_bytes(body.clone()).await.unwrap()];
    answers.push(http.send_signed(body.clone(), &[]).await.unwrap());
    for (at, signature) in
        [(now, "v1,AAAA"), (now, ""), (now - 3600, "v1,AAAA"), (i64::MAX, "v1,AAAA"), (now, "v2,x v1,y v1,,")]
    {
        answers.push(http.send_signed(body.clone(), &headers(at, signature)).await.unwrap());
    }
    answers.push(http.send_old(&body, 3600).await);
    answers.push(http.send_old(&body, -3600).await);
    for answer in &answers {
        assert_eq!((answer.status, answer.code()), (401, "unauthentic"), "{answer:?}");
        assert_eq!(answer.body, answers[0].body, "each refusal says the same");
    }
    let unlabelled = http.send_signed(body, &[("content-type", "text/plain".to_owned())]).await.unwrap();
    assert_eq!((unlabelled.status, unlabelled.code()), (415, "not_json"));
    assert_eq!(daemon.ledger().await["accepted"], 0);
}

#[tokio::test]
async fn addresses_that_lead_nowhere_say_so() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    for path in ["/channels/nothing/messages", "/channels/%00/x", "/channels/..%2f..%2fetc/passwd"] {
        let (status, body) = daemon.get(path).await;
        assert!(matches!(status, 400 | 404), "{path}: {status} {body}");
    }
    let rows = [
        ("/conversations/cnv_0000000000000", 404),
        ("/conversations/'%20OR%201=1", 400),
        ("/conversations?box=everything", 400),
        ("/conversations?box=open&before=msg_0000000000000", 400),
        ("/conversations?box=open&limit=-1", 400),
        ("/messages/msg_zzzzzzzzzzzzz/why", 400),
        ("/customers?q=", 400),
        ("/attachments/..%2f..%2fsecrets%2fhttp", 400),
        ("/nothing", 404),
    ];
    for (path, expected) in rows {
        let (status, body) = admin.try_get(path).await;
        assert_eq!(status, expected, "{path}: {body}");
        assert!(!text(&body, "/error/message").is_empty(), "{path}: {body}");
    }
    let (status, body) = admin.post("/agents", &json!({"login": "x", "nam": "y"})).await;
    assert_eq!(status, 400, "{body}");
}

const INJECTIONS: [&str; 7] = [
    "'; DROP TABLE inbound; --",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "{{1234567*7}} {% raw %} {{ self }}",
    "${jndi:ldap://127.0.0.1/x} %s%n",
    "../../../../etc/passwd",
    "=HYPERLINK(\"http://127.0.0.1\")",
    "\\u0000\\x00 \u{1F469}\u{200d}\u{1F467} ﷽",
];

#[tokio::test]
async fn code_in_any_field_comes_back_as_text() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let http = daemon.http();
    for injection in INJECTIONS {
        let sent = json!({
            "id": format!("{injection} {}", uuid()),
            "from": {"handle": injection, "name": injection, "email": "li@example.com", "attributes": {"tier": injection, "note": injection}},
            "thread": format!("t {injection}"),
            "text": format!("I want to talk to a person {injection}"),
            "attachments": [{"name": format!("{injection}.txt"), "media_type": "text/plain", "data": "aGVsbG8="}],
        });
        let id = http.send(&sent).await.id();
        let conversation = admin.conversation_of(&id).await;
        let detail = admin.get(&format!("/conversations/{conversation}")).await;
        assert_eq!(text(&detail, "/contact/name"), injection);
        assert_eq!(text(&detail, "/contact/tier"), injection);
        assert_eq!(text(&detail, "/contact/addresses/0/handle"), injection);
        let entries = admin.entries(&conversation).await;
        let message = entries.iter().find(|entry| text(entry, "/kind") == "message").unwrap();
        assert_eq!(message["body"]["text"], sent["text"]);
        assert_eq!(message["external_id"], sent["id"]);
        let reply = entries.iter().find(|entry| text(entry, "/kind") == "reply").unwrap();
        assert!(!text(reply, "/body/text").contains("8641969"), "{reply}");
        let ran = daemon.home.run(&["why", &id]).await;
        assert!(ran.ok, "{}", ran.all());
    }
    others_are_served(&daemon, "end").await;
    assert_eq!(daemon.ledger().await["decided"], INJECTIONS.len() + 1);
}

#[tokio::test]
async fn a_name_in_a_template_is_never_a_template() {
    let home = Home::new();
    home.write_rules("queues.yaml", "queues:\n  care:\n    title: {en: Care}\n    members: everyone\n");
    home.write_rules(
        "templates.yaml",
        "templates:\n  hello:\n    en: Hello {{ customer.name }}, you wrote {{ message.text }}.\n",
    );
    home.write_rules(
        "10-rules.yaml",
        "rules:\n  - name: greet\n    then:\n      - reply: {template: hello}\n      - ignore: true\n",
    );
    let daemon = home.start().await;
    let http = daemon.http();
    let injection = "{{7*7}}{% for x in range(9) %}x{% endfor %}";
    let sent = json!({"id": "1", "from": {"handle": "li", "name": injection}, "text": injection});
    http.send(&sent).await.id();
    let said = http.said_by("li", "bot", 1).await;
    assert_eq!(said[0], format!("Hello {injection}, you wrote {injection}."));
}

#[tokio::test]
async fn text_that_pretends_is_shown_as_what_it_is() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let http = daemon.http();
    let tricks = "pay\u{202e}pal\u{2066} a\u{200b}b\u{feff} c\0d\r\ne 👩\u{200d}👧";
    let mut sent = HttpChannel::message("li", tricks);
    sent["from"]["name"] = json!("Ad\u{202e}min\n\u{7}");
    let id = http.send(&sent).await.id();
    let conversation = admin.conversation_of(&id).await;
    let entries = admin.entries(&conversation).await;
    assert_eq!(text(&entries[1], "/body/text"), "paypal ab cd\ne 👩\u{200d}👧");
    assert_eq!(text(&admin.get(&format!("/conversations/{conversation}")).await, "/contact/name"), "Admin");
}

#[tokio::test]
async fn bad_frames_of_a_visitor_end_nothing_but_their_connection() {
    let daemon = Home::new().start().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    let id = uuid();
    let rows = [
        (json!({"type": "message", "id": "1", "text": "x"}), "malformed"),
        (json!({"type": "message", "id": id, "text": " \u{200b} "}), "empty"),
        (json!({"type": "message", "id": id, "text": "退".repeat(10_001)}), "too_long"),
        (
            json!({"type": "message", "id": id, "text": "x", "attachments": [{"name": "a", "media_type": "image/png", "hash": "00".repeat(32), "size": 1, "proof": "x"}]}),
            "unknown_file",
        ),
        (json!({"type": "nothing"}), "malformed"),
        (json!({"type": "hello"}), "malformed"),
        (json!([]), "malformed"),
    ];
    for (frame, code) in rows {
        visitor.send(&frame).await;
        let answer = visitor.wait(code, |answer| answer["type"] == "error").await;
        assert_eq!(text(&answer, "/code"), code, "{answer}");
        assert!(answer["retry_after"].is_null(), "{answer}");
    }
    visitor.say("How do I return an item?").await;
    visitor.said_by("bot", 1).await;
    // A token of another installation makes a new visitor, and none is shown another's thread.
    let thief = Visitor::hello(&daemon.url, json!({"type": "hello", "token": format!("{}x", visitor.token)})).await;
    assert!(thief.entries.is_empty());
    // A frame that is too large ends the connection, and only that.
    let mut loud = Visitor::arrive(&daemon.url).await;
    loud.send(&json!({"type": "message", "id": uuid(), "text": "x".repeat(70_000)})).await;
    crate::harness::within("the connection ends", async { while loud.next().await.is_some() {} }).await;
    visitor.say("怎么退货？").await;
    visitor.said_by("bot", 2).await;
    assert_eq!(daemon.ledger().await["accepted"], 2);
    assert!(items(&daemon.admin().await.get("/dead").await).is_empty());
}
