//! The tables of `cases/webchat/`, and whole connections over real sockets.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use contract::{
    Body, Button, ButtonAction, Card, Channel, EntryId, Notice, OutboundId, Reached, Thread, ThreadAuthor, ThreadEvent,
    ThreadOwner, ThreadStatus,
};
use futures::{SinkExt, StreamExt};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use super::{
    Config, TIMING, Timing, WebChat,
    identity::{Identity, User, Visitor},
    protocol::{self, ClientFrame, Fault, Uploaded},
};
use crate::{BuildContext, cases, fake_host::FakeHost};

const VISITOR: &str = "u7fO2iQzRk6cVd0Zl1mWqg";
const IDENTITY_SECRET: &str = "a secret of thirty-two characters";
const HASH_OF_42: &str = "ee6407bd5ec58bd3db01107de7235e7e6229d70fb6df76a178f1cfa84eb9fccb";

fn identity() -> Identity {
    let secrets = [SecretString::from("an older secret that no longer signs"), SecretString::from(IDENTITY_SECRET)];
    Identity::new(&[5; 32], "shop", &secrets).unwrap()
}

fn visitor() -> Visitor {
    identity().recognise(VISITOR.to_owned(), User::default()).unwrap()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserCase {
    #[serde(rename = "name")]
    _name: String,
    user: Value,
    sender: Option<Value>,
    refused: Option<String>,
}

#[test]
fn users_are_who_their_business_says() {
    cases::check("webchat/identity", |case: &UserCase| {
        let user = serde_json::from_value(case.user.clone()).unwrap();
        let became = match identity().recognise(VISITOR.to_owned(), user) {
            Ok(visitor) => json!({"sender": visitor.sender}),
            Err(refused) => json!({"refused": refused}),
        };
        let expected = match &case.sender {
            Some(sender) => json!({"sender": sender}),
            None => json!({"refused": case.refused}),
        };
        (became, expected)
    });
}

#[test]
fn a_token_names_its_visitor_and_no_other() {
    let identity = identity();
    let id = identity.new_visitor();
    assert_eq!((id.len(), id == identity.new_visitor()), (22, false));
    let token = identity.token(&id);
    assert_eq!(identity.visitor_of(&token), Some(id.clone()));
    let elsewhere = Identity::new(&[6; 32], "shop", &[]).unwrap();
    let neighbour = Identity::new(&[5; 32], "help", &[]).unwrap();
    assert_eq!((elsewhere.visitor_of(&token), neighbour.visitor_of(&token)), (None, None));
    for wrong in ["", ".", &id, &token[1..], &format!("{token}x"), &token.replace('.', "")] {
        assert_eq!(identity.visitor_of(wrong), None, "{wrong}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameCase {
    #[serde(rename = "name")]
    _name: String,
    frame: Option<Value>,
    raw: Option<Vec<String>>,
    inbound: Option<Value>,
    fault: Option<Value>,
    other: Option<String>,
}

#[test]
fn frames_become_what_the_table_says() {
    cases::check("webchat/frames", |case: &FrameCase| {
        let text = case.raw.as_ref().map_or_else(|| case.frame.as_ref().unwrap().to_string(), |raw| raw.concat());
        let became = become_inbound(&text).unwrap_or_else(|fault| json!({"fault": fault}));
        let expected = match (&case.inbound, &case.fault) {
            (Some(inbound), _) => json!({"inbound": inbound}),
            (_, Some(fault)) => json!({"fault": fault}),
            _ => json!({"other": case.other}),
        };
        (became, expected)
    });
}

fn become_inbound(text: &str) -> Result<Value, Fault> {
    let (visitor, identity) = (visitor(), identity());
    Ok(match protocol::read(text)? {
        ClientFrame::Message { id, text, attachments } => {
            json!({"inbound": protocol::message("shop", &visitor, identity.uploads(), (&id, &text, attachments))?})
        }
        ClientFrame::Postback { id, value, title } => {
            json!({"inbound": protocol::postback("shop", &visitor, (&id, &value, &title))?})
        }
        other => json!({"other": format!("{other:?}").split([' ', '{']).next()}),
    })
}

#[test]
fn an_upload_belongs_to_the_visitor_who_made_it() {
    let (seal, hash) = (identity().uploads().clone(), contract::ContentHash::of(b"x"));
    let source = contract::AttachmentSource::Stored { hash, size: 1 };
    let attachment = contract::Attachment { name: "a".to_owned(), media_type: "a/b".to_owned(), source };
    let answer = serde_json::to_value(Uploaded::new(attachment, VISITOR, &seal).unwrap()).unwrap();
    let send = |answer: &Value, visitor: &str| {
        let visitor = identity().recognise(visitor.to_owned(), User::default()).unwrap();
        let files = vec![serde_json::from_value(answer.clone()).unwrap()];
        protocol::message("shop", &visitor, &seal, ("0b5f1f3e-8a52-4c53-9a39-6a3f2a0d9b11", "", files)).is_ok()
    };
    assert!(send(&answer, VISITOR));
    assert!(!send(&answer, "somebody else"));
    for (field, value) in [("size", json!(2)), ("name", json!("b")), ("media_type", json!("text/html"))] {
        let mut changed = answer.clone();
        changed[field] = value;
        assert!(!send(&changed, VISITOR), "{field}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text: String) {
        let _ = become_inbound(&text);
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Browser(Socket);

impl Browser {
    async fn connect(address: SocketAddr) -> Self {
        Self(connect_async(format!("ws://{address}/channels/shop/socket")).await.unwrap().0)
    }

    /// A connection that has said hello, and its `ready` with the entries that came before it.
    async fn hello(address: SocketAddr, fields: Value) -> (Self, Value) {
        let mut browser = Self::connect(address).await;
        let mut hello = json!({"type": "hello"});
        hello.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        browser.say(hello).await;
        let mut entries = Vec::new();
        loop {
            let mut frame = browser.hear().await;
            if frame["type"] == "entries" {
                entries.extend(frame["entries"].as_array().unwrap().iter().cloned());
            } else {
                frame["entries"] = json!(entries);
                return (browser, frame);
            }
        }
    }

    async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next JSON frame.
    async fn hear(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    async fn hear_types(&mut self, count: usize) -> Vec<Value> {
        let mut types = Vec::new();
        for _ in 0..count {
            types.push(self.hear().await["type"].clone());
        }
        types
    }

    /// Why the daemon ends the connection; frames before it are passed over.
    async fn close_reason(&mut self) -> (CloseCode, String) {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return (frame.code, frame.reason.to_string()),
                Some(Ok(_)) => {}
                other => panic!("ended without a reason: {other:?}"),
            }
        }
    }
}

async fn serve_with(host: &Arc<FakeHost>, config: Value, timing: Timing) -> SocketAddr {
    let config: Config = serde_json::from_value(config).unwrap();
    let context = BuildContext { secret: [5; 32], public_url: "https://chat.example.com".to_owned() };
    let channel = WebChat::with_timing("shop", &config, &context, timing).unwrap();
    let app = axum::Router::new().nest("/channels/shop", channel.routes(host.host()).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn serve(host: &Arc<FakeHost>) -> SocketAddr {
    serve_with(host, json!({"identity_secrets": [IDENTITY_SECRET]}), TIMING).await
}

/// A UUID that reads as its number.
fn uuid(number: u32) -> String {
    format!("{number:08x}-8a52-4c53-9a39-6a3f2a0d9b11")
}

fn thread_of(host: &FakeHost) -> Thread {
    Thread { channel: "shop".to_owned(), key: host.accepted()[0].thread.clone() }
}

/// A browser whose first message has been accepted, its token and its thread.
async fn started(host: &Arc<FakeHost>, address: SocketAddr) -> (Browser, String, Thread) {
    let (mut browser, ready) = Browser::hello(address, json!({})).await;
    browser.say(json!({"type": "message", "id": uuid(1), "text": "hello"})).await;
    let mut types = browser.hear_types(2).await;
    types.sort_by_key(Value::to_string);
    assert_eq!(types, ["accepted", "entries"]);
    (browser, ready["token"].as_str().unwrap().to_owned(), thread_of(host))
}

#[tokio::test]
async fn a_message_is_acknowledged_and_a_reply_arrives() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, ready) = Browser::hello(address, json!({})).await;
    assert_eq!((&ready["type"], &ready["verified"], &ready["entries"]), (&json!("ready"), &json!(false), &json!([])));
    assert_eq!(ready["status"], json!({"owner": "bot"}));
    browser.say(json!({"type": "message", "id": uuid(1), "text": "怎么退货？"})).await;
    let (one, two) = (browser.hear().await, browser.hear().await);
    let (accepted, entry) = if one["type"] == "accepted" { (one, two) } else { (two, one) };
    assert_eq!(accepted, json!({"type": "accepted", "id": uuid(1), "entry": entry["entries"][0]["id"]}));
    assert_eq!(
        (&entry["entries"][0]["message"], &entry["entries"][0]["text"]),
        (&json!(uuid(1)), &json!("怎么退货？"))
    );
    let buttons = vec![Button { title: "谢谢".to_owned(), action: ButtonAction::Postback("thanks".to_owned()) }];
    let body = Body { buttons, html: Some("<b>x</b>".to_owned()), ..Body::text("30 天内") };
    host.say(&thread_of(&host), ThreadAuthor::Bot, body);
    let reply = browser.hear().await["entries"][0].clone();
    assert_eq!((&reply["text"], &reply["author"]["type"]), (&json!("30 天内"), &json!("bot")));
    assert_eq!(reply["buttons"], json!([{"title": "谢谢", "postback": "thanks"}]));
    assert_eq!(reply.get("html"), None, "foreign HTML never reaches a browser");
    assert_eq!(reply.get("cards"), None);
}

#[tokio::test]
async fn cards_arrive_and_a_pressed_button_says_its_words() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, _, thread) = started(&host, address).await;
    let card = Card {
        title: "湖湾围巾".to_owned(),
        price: Some("¥329.00".to_owned()),
        image: Some("https://shop.example/scarf.png".to_owned()),
        buttons: vec![Button::says("预约试穿", "我想预约试穿湖湾围巾")],
        ..Card::default()
    };
    host.say(&thread, ThreadAuthor::Bot, Body { cards: vec![card], ..Body::default() });
    let cards = browser.hear().await["entries"][0]["cards"].clone();
    let value = "say:我想预约试穿湖湾围巾";
    let shown = json!([{
        "title": "湖湾围巾", "price": "¥329.00", "image": "https://shop.example/scarf.png",
        "buttons": [{"title": "预约试穿", "postback": value}],
    }]);
    assert_eq!(cards, shown);
    browser.say(json!({"type": "postback", "id": uuid(2), "value": value, "title": "预约试穿"})).await;
    browser.hear_types(2).await;
    let accepted = host.accepted();
    let pressed = &accepted.last().unwrap().content;
    assert_eq!((pressed.text(), pressed.event()), ("我想预约试穿湖湾围巾", "postback"));
}

#[tokio::test]
async fn the_same_id_is_one_message_for_one_visitor_and_two_for_two() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, token, _) = started(&host, address).await;
    browser.say(json!({"type": "message", "id": uuid(1), "text": "hello"})).await;
    assert_eq!(browser.hear().await["type"], "accepted");
    let (mut again, _) = Browser::hello(address, json!({"token": token})).await;
    again.say(json!({"type": "message", "id": uuid(1), "text": "hello"})).await;
    assert_eq!(again.hear().await["type"], "accepted");
    assert_eq!(host.accepted().len(), 1);
    started(&host, address).await;
    assert_eq!(host.accepted().len(), 2);
}

#[tokio::test]
async fn a_connection_resumes_from_its_cursor() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, token, thread) = started(&host, address).await;
    let seen = host.say(&thread, ThreadAuthor::Bot, Body::text("seen"));
    assert_eq!(browser.hear().await["entries"][0]["id"], json!(seen));
    drop(browser);
    host.say(&thread, ThreadAuthor::Agent { name: "Ann".to_owned() }, Body::text("while away"));
    let (_, ready) = Browser::hello(address, json!({"token": token, "after": seen})).await;
    let entries = ready["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[0]["text"]), (1, &json!("while away")));
    assert_eq!(ready["token"], json!(token));
    let (_, ready) = Browser::hello(address, json!({"token": token})).await;
    assert_eq!(ready["entries"].as_array().unwrap().len(), 3, "a reloaded page has no cursor and reads the whole");
}

#[tokio::test]
async fn a_long_absence_is_made_up_for_whole() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (browser, token, thread) = started(&host, address).await;
    drop(browser);
    let ids: Vec<EntryId> = (0..250).map(|n| host.say(&thread, ThreadAuthor::Bot, Body::text(n.to_string()))).collect();
    let (_, ready) = Browser::hello(address, json!({"token": token, "after": ids[0]})).await;
    let got: Vec<Value> = ready["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect();
    assert_eq!(got, ids[1..].iter().map(|id| json!(id)).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_the_watch_missed_is_read_and_nothing_comes_twice() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, _, thread) = started(&host, address).await;
    host.say_unheard(&thread, Body::text("one"));
    let last = host.say_unheard(&thread, Body::text("two"));
    host.tell(&thread, ThreadEvent::Missed);
    let missed = browser.hear().await;
    assert_eq!((&missed["entries"][0]["text"], &missed["entries"][1]["text"]), (&json!("one"), &json!("two")));
    assert_eq!(browser.hear().await["type"], "status");
    let repeated = contract::Threads::read(&*host, &thread, None, 1).await.unwrap().remove(0);
    assert_eq!(repeated.id, last);
    host.tell(&thread, ThreadEvent::Entry(repeated));
    host.tell(&thread, ThreadEvent::Typing { name: "Ann".to_owned() });
    assert_eq!(browser.hear().await, json!({"type": "typing", "name": "Ann"}));
    let status = ThreadStatus { owner: ThreadOwner::Queue, agent: None, position: Some(2) };
    host.tell(&thread, ThreadEvent::Status(status));
    assert_eq!(browser.hear().await["status"], json!({"owner": "queue", "position": 2}));
}

#[tokio::test]
async fn typing_and_receipts_are_noticed() {
    let (host, mut noticed) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, _, thread) = started(&host, address).await;
    let reply = host.say(&thread, ThreadAuthor::Bot, Body::text("x"));
    browser.say(json!({"type": "typing", "on": true})).await;
    browser.say(json!({"type": "reached", "entry": reply, "reached": "read"})).await;
    assert_eq!(noticed.recv().await, Some((thread.clone(), Notice::Typing { on: true })));
    let outbound = OutboundId::from(reply.get());
    assert_eq!(noticed.recv().await, Some((thread, Notice::Reached { outbound, reached: Reached::Read })));
}

#[tokio::test]
async fn a_full_inbox_is_told_with_the_time_to_wait() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, _) = Browser::hello(address, json!({})).await;
    host.full.store(true, Ordering::SeqCst);
    browser.say(json!({"type": "message", "id": uuid(1), "text": "x"})).await;
    let error = browser.hear().await;
    assert_eq!(
        (&error["id"], &error["code"], &error["retry_after"]),
        (&json!(uuid(1)), &json!("unavailable"), &json!(7))
    );
    host.full.store(false, Ordering::SeqCst);
    browser.say(json!({"type": "message", "id": uuid(1), "text": "x"})).await;
    browser.hear_types(2).await;
    assert_eq!(host.accepted().len(), 1);
}

#[tokio::test]
async fn a_user_of_the_business_is_one_on_every_device() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let user = json!({"user": {"id": "42", "hash": HASH_OF_42}});
    let (mut phone, ready) = Browser::hello(address, user.clone()).await;
    assert_eq!(ready["verified"], true);
    let (mut desk, _) = Browser::hello(address, user).await;
    phone.say(json!({"type": "message", "id": uuid(1), "text": "from the phone"})).await;
    assert_eq!(desk.hear().await["entries"][0]["text"], "from the phone");
    assert_eq!(host.accepted()[0].from.address.handle, "user:42");
    let (mut liar, error) = Browser::hello(address, json!({"user": {"id": "43", "hash": HASH_OF_42}})).await;
    assert_eq!(error["code"], "identity_refused");
    assert_eq!(liar.close_reason().await.0, CloseCode::Policy);
}

#[tokio::test]
async fn bad_frames_are_answered_and_the_next_good_one_is_heard() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, _) = Browser::hello(address, json!({})).await;
    for frame in
        [json!({"type": "shout"}), json!({"type": "hello"}), json!(["x"]), json!({"type": "message", "id": "1"})]
    {
        browser.say(frame.clone()).await;
        assert_eq!(browser.hear().await["type"], "error", "{frame}");
    }
    browser.0.send(Message::binary(vec![0xff; 16])).await.unwrap();
    assert_eq!(browser.hear().await["code"], "malformed");
    browser.say(json!({"type": "ping"})).await;
    assert_eq!(browser.hear().await, json!({"type": "pong"}));
    assert!(host.accepted().is_empty());
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_only_its_own_connection() {
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut bystander, ..) = started(&host, address).await;
    let (mut browser, _) = Browser::hello(address, json!({})).await;
    let _ = browser.0.send(Message::text("x".repeat(protocol::MAX_FRAME_BYTES + 1))).await;
    while let Some(Ok(_)) = browser.0.next().await {}
    bystander.say(json!({"type": "ping"})).await;
    assert_eq!(bystander.hear().await["type"], "pong");
}

#[tokio::test]
async fn who_is_too_fast_is_slowed_and_who_floods_is_put_out() {
    let (host, _) = FakeHost::new();
    let address = serve_with(&host, json!({"messages_per_minute": 1}), TIMING).await;
    let (mut browser, _) = Browser::hello(address, json!({})).await;
    for number in 0..11 {
        browser.say(json!({"type": "message", "id": uuid(number), "text": "x"})).await;
    }
    let mut error = browser.hear().await;
    while error["type"] != "error" {
        error = browser.hear().await;
    }
    assert_eq!((&error["code"], &error["id"]), (&json!("too_fast"), &json!(uuid(10))));
    assert!(error["retry_after"].as_u64().unwrap() > 0);
    assert_eq!(host.accepted().len(), 10);
    for _ in 0..100 {
        if browser.0.send(Message::text(r#"{"type":"typing","on":true}"#)).await.is_err() {
            break;
        }
    }
    assert_eq!(browser.close_reason().await, (CloseCode::Policy, "too many frames".to_owned()));
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let (host, _) = FakeHost::new();
    let short = Timing { hello: Duration::from_millis(10), ..TIMING };
    let address = serve_with(&host, json!({}), short).await;
    let mut silent = Browser::connect(address).await;
    assert_eq!(silent.close_reason().await.1, "hello expected");
    let address = serve(&host).await;
    let mut rude = Browser::connect(address).await;
    rude.say(json!({"type": "ping"})).await;
    assert_eq!(rude.close_reason().await.1, "hello expected");
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_given_up() {
    let (host, _) = FakeHost::new();
    let short = Timing { ping: Duration::from_millis(5), ..TIMING };
    let address = serve_with(&host, json!({}), short).await;
    let (browser, _) = Browser::hello(address, json!({})).await;
    // Reading the stream beneath answers no ping.
    let MaybeTlsStream::Plain(mut stream) = browser.0.into_inner() else { panic!("a plain stream") };
    let mut seen = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut seen).await.unwrap();
    assert!(String::from_utf8_lossy(&seen).contains("no sign of life"));
}

#[tokio::test]
async fn pages_of_strangers_and_crowds_are_turned_away() {
    let (host, _) = FakeHost::new();
    let config = json!({"allowed_origins": ["https://shop.example"], "max_connections": 1});
    let address = serve_with(&host, config, TIMING).await;
    let url = format!("ws://{address}/channels/shop/socket");
    let status = async |origin: &str| {
        let mut request = url.as_str().into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match connect_async(request).await {
            Ok((socket, response)) => (response.status().as_u16(), Some(socket)),
            Err(Error::Http(response)) => (response.status().as_u16(), None),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(status("https://evil.example").await.0, 403);
    let (first, _seat) = status("https://shop.example").await;
    assert_eq!(first, 101);
    assert_eq!(status("https://shop.example").await.0, 503);
}

#[tokio::test]
async fn a_file_is_uploaded_sent_and_read_by_its_link() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (host, _) = FakeHost::new();
    let address = serve(&host).await;
    let (mut browser, token, _) = started(&host, address).await;
    let base = format!("http://{address}/channels/shop");
    let upload = async |token: &str, bytes: Vec<u8>| {
        let request = reqwest::Client::new().post(format!("{base}/attachments?name=%E5%9B%BE.png")).bearer_auth(token);
        let request = request.header("origin", format!("http://{address}")).header("content-type", "image/PNG");
        request.body(bytes).send().await.unwrap()
    };
    assert_eq!(upload("x.y", vec![1]).await.status(), 401);
    assert_eq!(upload(&token, vec![]).await.status(), 400);
    assert_eq!(upload(&token, vec![1; 2000]).await.status(), 422);
    let answer = upload(&token, b"png".to_vec()).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["access-control-allow-origin"], format!("http://{address}"));
    let file: Value = answer.json().await.unwrap();
    browser.say(json!({"type": "message", "id": uuid(2), "attachments": [file]})).await;
    let (one, two) = (browser.hear().await, browser.hear().await);
    let entry = if one["type"] == "entries" { one } else { two };
    let shown = &entry["entries"][0]["attachments"][0];
    assert_eq!(
        (&shown["name"], &shown["media_type"], &shown["size"]),
        (&json!("图.png"), &json!("image/png"), &json!(3))
    );
    let link = format!("{base}/{}", shown["url"].as_str().unwrap());
    let served = reqwest::get(&link).await.unwrap();
    assert_eq!((served.status().as_u16(), &served.headers()["content-type"]), (200, &"image/png".parse().unwrap()));
    assert_eq!(served.bytes().await.unwrap(), "png");
    assert_eq!(reqwest::get(link.replace("image%2Fpng", "text%2Fhtml")).await.unwrap().status(), 404);
}

#[tokio::test]
async fn browsers_are_told_that_our_pages_may_upload() {
    let (host, _) = FakeHost::new();
    let address = serve_with(&host, json!({"allowed_origins": ["https://shop.example"]}), TIMING).await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let preflight = async |origin: &str| {
        let url = format!("http://{address}/channels/shop/attachments?name=a");
        let request = reqwest::Client::new().request(reqwest::Method::OPTIONS, url).header("origin", origin);
        request.send().await.unwrap()
    };
    let allowed = preflight("https://shop.example").await;
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://shop.example");
    assert!(allowed.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert_eq!(preflight("https://evil.example").await.status(), 403);
}
