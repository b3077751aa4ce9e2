//! The table of `cases/http/`, and the routes and the sender over real sockets.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use contract::{
    Address, Author, Body, Button, Card, Channel, Content, Fate, Outbound, Rejected, SendError, Thread, ThreadAuthor,
    Timestamp,
};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use super::{
    Config, HttpChannel,
    decode::{Decoded, Decoder, File},
    send::Callback,
};
use crate::{
    BuildContext, cases,
    fake_host::FakeHost,
    files::FileLinks,
    signature::{ID, Keys, SIGNATURE, TIMESTAMP},
};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const ANOTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn keys(secret: &str) -> Keys {
    Keys::parse(&[SecretString::from(secret)]).unwrap()
}

fn signed(keys: &Keys, at: Timestamp, body: &[u8]) -> HeaderMap {
    let pairs = [
        (ID, HeaderValue::from_static("msg_1")),
        (TIMESTAMP, HeaderValue::from(at.as_second())),
        (SIGNATURE, keys.sign("msg_1", at, body)),
    ];
    pairs.into_iter().map(|(name, value)| (HeaderName::from_static(name), value)).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "name")]
    _name: String,
    #[serde(default)]
    signed: Signed,
    body: Option<Value>,
    raw: Option<Vec<String>>,
    hex: Option<String>,
    inbound: Option<Value>,
    #[serde(default)]
    files: Vec<String>,
    rejected: Option<String>,
    because: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Signed {
    by: String,
    seconds_ago: i64,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        match (&self.body, &self.raw, &self.hex) {
            (Some(body), ..) => serde_json::to_vec(body).unwrap(),
            (_, Some(raw), _) => raw.concat().into_bytes(),
            (.., hex) => hex::decode(hex.as_deref().unwrap()).unwrap(),
        }
    }

    fn headers(&self, body: &[u8], now: Timestamp) -> HeaderMap {
        let at = Timestamp::from_second(now.as_second() - self.signed.seconds_ago).unwrap();
        match self.signed.by.as_str() {
            "nobody" => HeaderMap::new(),
            "another key" => signed(&keys(ANOTHER), at, body),
            _ => signed(&keys(SECRET), at, body),
        }
    }
}

#[test]
fn payloads_become_what_the_table_says() {
    let decoder = Decoder { channel: "erp".to_owned(), keys: keys(SECRET) };
    let now = "2026-11-23T06:00:00Z".parse().unwrap();
    cases::check("http", |case: &Case| {
        let body = case.bytes();
        let became = match decoder.decode(&case.headers(&body, now), &body, now) {
            Ok(Decoded { inbound, files }) => json!({
                "inbound": inbound,
                "files": files.iter().map(describe).collect::<Vec<_>>(),
            }),
            Err(rejected) => json!({"rejected": word(&rejected), "because": rejected.to_string()}),
        };
        let expected = match &case.inbound {
            Some(inbound) => json!({"inbound": inbound, "files": case.files}),
            None => json!({"rejected": case.rejected, "because": case.because}),
        };
        (became, expected)
    });
}

fn describe(file: &File) -> String {
    match file {
        File::Bytes { name, media_type, bytes } => format!("{name} {media_type} {} bytes", bytes.len()),
        File::Link(file) => {
            let source = serde_json::to_value(&file.source).unwrap();
            format!("{} {} {}", file.name, file.media_type, source["url"].as_str().unwrap())
        }
    }
}

fn word(rejected: &Rejected) -> &'static str {
    match rejected {
        Rejected::Malformed(_) => "malformed",
        Rejected::Unauthentic => "unauthentic",
        Rejected::TooLarge(_) => "too_large",
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(body: Vec<u8>) {
        let decoder = Decoder { channel: "erp".to_owned(), keys: keys(SECRET) };
        let now = Timestamp::UNIX_EPOCH;
        let _ = decoder.decode(&signed(&decoder.keys, now, &body), &body, now);
    }

    #[test]
    fn every_text_is_kept_or_refused(text: String, id in "[a-z0-9]{1,20}") {
        let decoder = Decoder { channel: "erp".to_owned(), keys: keys(SECRET) };
        let body = serde_json::to_vec(&json!({"id": id, "from": {"handle": "c"}, "text": text})).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let clean = contract::clean_text(&text);
        match decoder.decode(&signed(&decoder.keys, now, &body), &body, now) {
            Ok(decoded) => assert_eq!(decoded.inbound.content, Content::Message(Body::text(clean))),
            Err(rejected) => assert!(clean.is_empty(), "{rejected}"),
        }
    }
}

fn channel(callback_url: Option<String>) -> HttpChannel {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Config { secrets: vec![SECRET.into()], callback_url, max_body_bytes: 8192, reply_window: None };
    let context = BuildContext { secret: [9; 32], public_url: "https://chat.example.com".to_owned() };
    HttpChannel::new("erp", &config, &context).unwrap()
}

/// A daemon's router with one channel, on a free port.
async fn serve(host: &Arc<FakeHost>) -> SocketAddr {
    let routes = channel(None).routes(host.host()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().nest("/channels/erp", routes);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn post(address: SocketAddr, media_type: &str, body: Vec<u8>) -> (u16, HeaderMap, Value) {
    let response = reqwest::Client::new()
        .post(format!("http://{address}/channels/erp/messages"))
        .headers(signed(&keys(SECRET), Timestamp::now(), &body))
        .header("content-type", media_type)
        .body(body)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.headers().clone(), response.json().await.unwrap())
}

fn message(id: &str, fields: Value) -> Vec<u8> {
    let mut message = json!({"id": id, "from": {"handle": "c-17"}, "text": "hello"});
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::to_vec(&message).unwrap()
}

#[tokio::test]
async fn a_message_is_answered_when_it_is_kept_and_a_second_one_is_told() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (status, _, first) = post(address, "application/json; charset=utf-8", message("m-1", json!({}))).await;
    assert_eq!((status, &first["duplicate"]), (202, &json!(false)));
    assert!(first["id"].as_str().unwrap().starts_with("msg_"));
    let (status, _, second) = post(address, "application/json", message("m-1", json!({}))).await;
    assert_eq!((status, second), (202, json!({"id": first["id"], "duplicate": true})));
    assert_eq!(host.accepted().len(), 1);
}

#[tokio::test]
async fn files_are_kept_before_the_message_is() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let files = json!({"attachments": [
        {"name": "a.txt", "media_type": "text/plain", "data": "aGVsbG8="},
        {"name": "b.png", "url": "https://cdn.example.com/b.png"},
    ]});
    let (status, ..) = post(address, "application/json", message("m-1", files)).await;
    assert_eq!(status, 202);
    let accepted = serde_json::to_value(&host.accepted()[0].content).unwrap();
    let hash = contract::ContentHash::of(b"hello").to_string();
    assert_eq!(
        accepted["attachments"],
        json!([
            {"name": "a.txt", "media_type": "text/plain", "hash": hash, "size": 5},
            {"name": "b.png", "media_type": "application/octet-stream", "url": "https://cdn.example.com/b.png"},
        ])
    );
}

#[tokio::test]
async fn refusals_have_a_status_a_code_and_a_sentence() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let large = json!({"attachments": [{"name": "a", "data": "AAAA".repeat(400)}]});
    let rows = [
        ("text/plain", message("m", json!({})), 415, "not_json", "application/json"),
        ("application/json", b"{".to_vec(), 400, "malformed", "EOF"),
        ("application/json", vec![b'x'; 8193], 413, "too_large", "8192"),
        ("application/json", message("m", large), 422, "attachment_refused", "1024"),
    ];
    for (media_type, body, status, code, hint) in rows {
        let (got, _, answer) = post(address, media_type, body).await;
        assert_eq!((got, answer["error"]["code"].as_str()), (status, Some(code)), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(hint), "{answer}");
    }
    let chunks = futures::stream::iter((0..2).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 5000])));
    let without_length = reqwest::Client::new()
        .post(format!("http://{address}/channels/erp/messages"))
        .headers(signed(&keys(SECRET), Timestamp::now(), b""))
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(without_length.send().await.unwrap().status(), 413);
    let unsigned = reqwest::Client::new()
        .post(format!("http://{address}/channels/erp/messages"))
        .header("content-type", "application/json")
        .body(message("m", json!({})));
    assert_eq!(unsigned.send().await.unwrap().status(), 401);
    host.full.store(true, Ordering::SeqCst);
    let (status, headers, answer) = post(address, "application/json", message("m", json!({}))).await;
    assert_eq!(
        (status, &headers["retry-after"], &answer["error"]["code"]),
        (503, &HeaderValue::from(7), &json!("busy"))
    );
    assert!(host.accepted().is_empty());
}

#[tokio::test]
async fn replies_can_be_read_where_there_is_no_callback() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let thread = Thread { channel: "erp".to_owned(), key: "订单 88".to_owned() };
    let first = host.say(&thread, ThreadAuthor::Bot, Body::text("one"));
    host.say(&thread, ThreadAuthor::Agent { name: "Ann".to_owned() }, Body::text("two"));
    let get = async |target: &str, signed_target: &str| {
        let headers = signed(&keys(SECRET), Timestamp::now(), signed_target.as_bytes());
        let url = format!("http://{address}/channels/erp{target}");
        reqwest::Client::new().get(url).headers(headers).send().await.unwrap()
    };
    let path = "/threads/%E8%AE%A2%E5%8D%95%2088";
    let all: Value = get(path, path).await.json().await.unwrap();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["more"]), (2, &json!(false)));
    let after = format!("{path}?after={first}");
    let rest: Value = get(&after, &after).await.json().await.unwrap();
    assert_eq!(rest["items"][0]["body"]["text"], "two");
    assert_eq!(rest["items"][0]["author"], json!({"type": "agent", "name": "Ann"}));
    assert_eq!(get(&after, path).await.status(), 401, "a signature is good for one target");
    let wrong = format!("{path}?after=yesterday");
    let refused = get(&wrong, &wrong).await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("not an entry id"));
}

fn outbound() -> Outbound {
    Outbound {
        id: 4_000_000_000_000.into(),
        conversation: 1.into(),
        channel: "erp".to_owned(),
        to: Address { space: "http:erp".to_owned(), handle: "c-17".to_owned() },
        thread: "order-88".to_owned(),
        queue: None,
        author: Author::Agent { name: "Ann".to_owned() },
        body: Body::text("退货单在附件里"),
        in_reply_to: Some("m-1".to_owned()),
    }
}

#[tokio::test]
async fn a_reply_is_posted_signed_and_with_its_own_id() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/replies")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let channel = channel(Some(format!("{}/replies?key=1", server.uri())));
    let mut sent = outbound();
    sent.body.cards = vec![Card {
        title: "退货单".to_owned(),
        link: Some("https://shop.example/r".to_owned()),
        buttons: vec![Button::says("Cancel", "Cancel the return")],
        ..Card::default()
    }];
    assert!(channel.send(&sent, &FakeHost::new().0.host()).await.is_ok());
    assert!(channel.send(&sent, &FakeHost::new().0.host()).await.is_ok());
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].headers[ID], sent.id.to_string());
    assert_eq!((&requests[0].headers[ID], &requests[0].body), (&requests[1].headers[ID], &requests[1].body));
    assert_eq!(keys(SECRET).verify(&requests[0].headers, &requests[0].body, Timestamp::now()), Ok(()));
    assert_eq!(
        serde_json::from_slice::<Value>(&requests[0].body).unwrap(),
        json!({
            "type": "message", "id": sent.id, "conversation": sent.conversation, "thread": "order-88",
            "to": {"handle": "c-17"}, "author": {"type": "agent", "name": "Ann"}, "in_reply_to": "m-1",
            "body": {"text": "退货单在附件里", "cards": [{
                "title": "退货单", "link": "https://shop.example/r",
                "buttons": [{"title": "Cancel", "postback": "say:Cancel the return"}],
            }]},
        })
    );
}

#[tokio::test]
async fn an_answer_decides_the_fate_of_a_reply() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (status, retry_after, fate) in [
        (429, Some("17"), Fate::Retry(seconds(17))),
        (503, None, Fate::Retry(None)),
        (500, Some("soon"), Fate::Retry(None)),
        (408, None, Fate::Retry(None)),
        (401, None, Fate::Suspend),
        (403, None, Fate::Suspend),
        (302, None, Fate::Suspend),
        (400, None, Fate::GiveUp),
        (410, None, Fate::GiveUp),
    ] {
        let server = MockServer::start().await;
        let mut answer = ResponseTemplate::new(status).set_body_string("no\u{7} such customer");
        if let Some(after) = retry_after {
            answer = answer.insert_header("retry-after", after);
        }
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let error = channel(Some(format!("{}/?key=hidden", server.uri())))
            .send(&outbound(), &FakeHost::new().0.host())
            .await
            .unwrap_err();
        assert_eq!(error.fate(), fate, "{status}: {error}");
        assert!(error.to_string().contains("no such customer") && !error.to_string().contains("hidden"), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_tried_again_and_silence_leaves_it_open() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = reqwest::Url::parse(&format!("http://{address}/")).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let files = FileLinks::absolute(&[9; 32], "https://chat.example.com", "erp");
    let impatient = Callback::with_time_limit(url.clone(), Duration::from_millis(50)).unwrap();
    let error = impatient.send(&outbound(), &keys(SECRET), &files).await.unwrap_err();
    assert!(matches!(error, SendError::Unanswered(_)), "silence: {error:?}");

    drop(listener);
    let patient = Callback::new(url).unwrap();
    let error = patient.send(&outbound(), &keys(SECRET), &files).await.unwrap_err();
    assert!(matches!(error, SendError::Temporary { .. }), "nobody there: {error:?}");
}

#[tokio::test]
async fn without_a_callback_a_reply_is_where_it_is_read() {
    assert!(channel(None).send(&outbound(), &FakeHost::new().0.host()).await.is_ok());
}
