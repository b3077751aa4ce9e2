//! A Bot API server as Telegram's behaves: updates until they are confirmed by an offset, one poller at a time or a webhook
//! with its token, messages refused for what Telegram refuses. A client that nobody here wrote is one of its tests
//! (`stories/telegram.rs`).

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use super::{client, eventually};

pub const BOT_TOKEN: &str = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";

/// The server.
pub struct BotApi {
    pub url: String,
    state: Arc<Server>,
}

/// A call that was answered with success.
#[derive(Debug, Clone)]
pub struct Called {
    pub method: String,
    pub with: Value,
    /// The bytes of an uploaded file.
    pub file: Vec<u8>,
}

struct Server {
    desk: Mutex<Desk>,
    /// Raised by every change.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Desk {
    updates: BTreeMap<i64, Value>,
    last_update: i64,
    last_message: i64,
    /// The newest poller; an older one is told to go.
    poller: u64,
    webhook: Option<(String, String)>,
    chats: Vec<i64>,
    called: Vec<Called>,
    refusals: VecDeque<(String, Value)>,
    files: HashMap<String, Vec<u8>>,
    migrated: HashMap<i64, i64>,
}

fn refused(code: u16, said: &str) -> Value {
    json!({"ok": false, "error_code": code, "description": said})
}

impl BotApi {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Server { desk: Mutex::default(), changed: watch::channel(0).0 });
        let router = Router::new()
            .route("/{bot}/{method}", post(call).get(call))
            .route("/file/{bot}/{name}", get(file))
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state }
    }

    /// The configuration of a channel `telegram` for this server's bot; `more` are further settings.
    pub fn channel(&self, more: &str) -> String {
        format!("[channels.telegram]\nkind = \"telegram\"\ntoken = {BOT_TOKEN:?}\napi_url = {:?}\n{more}\n", self.url)
    }

    fn desk<T>(&self, change: impl FnOnce(&mut Desk) -> T) -> T {
        let answer = change(&mut self.state.desk.lock().unwrap());
        self.state.changed.send_modify(|version| *version += 1);
        answer
    }

    /// Something happens: `update` is what stands beside the `update_id`.
    pub fn happens(&self, update: Value) {
        self.desk(|desk| desk.happens(update));
    }

    /// A person writes in a private chat; `more` goes beside or over the usual fields. Answers the message's id.
    pub fn writes(&self, person: i64, more: Value) -> i64 {
        let from = json!({"id": person, "is_bot": false, "first_name": format!("Person {person}")});
        let chat = json!({"id": person, "type": "private", "first_name": format!("Person {person}")});
        self.desk(|desk| {
            desk.last_message += 1;
            let mut message =
                json!({"message_id": desk.last_message, "from": from, "chat": chat, "date": 1_795_500_000});
            for (name, value) in more.as_object().into_iter().flatten() {
                message[name] = value.clone();
            }
            desk.chats.push(message["chat"]["id"].as_i64().unwrap());
            desk.happens(json!({"message": message}));
            desk.last_message
        })
    }

    pub fn says(&self, person: i64, text: &str) -> i64 {
        self.writes(person, json!({"text": text}))
    }

    /// A file that people can send: its field in a message.
    pub fn file(&self, id: &str, bytes: &[u8], more: Value) -> Value {
        self.desk(|desk| desk.files.insert(id.to_owned(), bytes.to_vec()));
        let mut file = json!({"file_id": id, "file_unique_id": format!("u{id}"), "file_size": bytes.len()});
        for (name, value) in more.as_object().into_iter().flatten() {
            file[name] = value.clone();
        }
        file
    }

    /// The next calls of a method are answered so.
    pub fn refuse(&self, method: &str, answers: impl IntoIterator<Item = (u16, Value)>) {
        self.desk(|desk| {
            for (code, mut more) in answers {
                more["ok"] = false.into();
                more["error_code"] = code.into();
                desk.refusals.push_back((method.to_lowercase(), more));
            }
        });
    }

    /// A group becomes a supergroup: messages to its old id are refused.
    pub fn migrate(&self, from: i64, to: i64) {
        self.desk(|desk| {
            desk.migrated.insert(from, to);
            desk.chats.push(to);
        });
    }

    /// The messages that were sent to a chat, in their order.
    pub fn sent(&self, chat: i64) -> Vec<Called> {
        let is_to = |called: &&Called| {
            called.method.starts_with("send")
                && called.method != "sendchataction"
                && number(&called.with["chat_id"]) == Some(chat)
        };
        self.state.desk.lock().unwrap().called.iter().filter(is_to).cloned().collect()
    }

    /// How often a method was called with success.
    pub fn calls(&self, method: &str) -> usize {
        let desk = self.state.desk.lock().unwrap();
        desk.called.iter().filter(|called| called.method == method.to_lowercase()).count()
    }

    /// How many updates nobody has confirmed.
    pub fn waiting(&self) -> usize {
        self.state.desk.lock().unwrap().updates.len()
    }

    /// Waits for so many messages to a chat.
    pub async fn wait(&self, chat: i64, count: usize) -> Vec<Called> {
        eventually(&format!("{count} messages to {chat}"), || async {
            Some(self.sent(chat)).filter(|sent| sent.len() >= count)
        })
        .await
    }

    /// Where updates are posted, with the token.
    pub fn webhook(&self) -> Option<(String, String)> {
        self.state.desk.lock().unwrap().webhook.clone()
    }

    /// Posts one waiting update to the webhook, at another address than it says; confirms it if it was taken.
    pub async fn post(&self, address: &str, update: i64, token: &str) -> u16 {
        let body = self.state.desk.lock().unwrap().updates[&update].clone();
        let request = client().post(address).header("X-Telegram-Bot-Api-Secret-Token", token).json(&body);
        let status = request.send().await.unwrap().status().as_u16();
        if status == 200 {
            self.desk(|desk| desk.updates.remove(&update));
        }
        status
    }

    /// The numbers of the updates that nobody has confirmed.
    pub fn unconfirmed(&self) -> Vec<i64> {
        self.state.desk.lock().unwrap().updates.keys().copied().collect()
    }
}

impl Desk {
    fn happens(&mut self, mut update: Value) {
        self.last_update += 1;
        update["update_id"] = self.last_update.into();
        self.updates.insert(self.last_update, update);
    }

    fn send(&mut self, method: &str, with: &Value, file: Vec<u8>) -> Value {
        let Some(chat) = number(&with["chat_id"]) else { return refused(400, "Bad Request: chat_id is empty") };
        if let Some(to) = self.migrated.get(&chat) {
            let mut answer = refused(400, "Bad Request: group chat was upgraded to a supergroup chat");
            answer["parameters"] = json!({"migrate_to_chat_id": to});
            return answer;
        }
        if !self.chats.contains(&chat) {
            return refused(400, "Bad Request: chat not found");
        }
        let text = with["text"].as_str().unwrap_or_default();
        let length = text.encode_utf16().count();
        if method == "sendmessage" && text.trim().is_empty() {
            return refused(400, "Bad Request: message text is empty");
        }
        if length > 4096 {
            return refused(400, "Bad Request: message is too long");
        }
        if with["caption"].as_str().unwrap_or_default().encode_utf16().count() > 1024 {
            return refused(400, "Bad Request: message caption is too long");
        }
        if with["photo"].as_str().is_some_and(|url| !url.starts_with("https://")) {
            return refused(400, "Bad Request: wrong file identifier/HTTP URL specified");
        }
        let entities = with["entities"].as_array().into_iter().flatten();
        let fits = |entity: &Value| {
            let (offset, of) = (entity["offset"].as_u64(), entity["length"].as_u64());
            offset.zip(of).is_some_and(|(offset, of)| of > 0 && usize::try_from(offset + of).unwrap() <= length)
        };
        if !entities.clone().all(fits) {
            return refused(400, "Bad Request: ENTITY_BOUNDS_INVALID");
        }
        let rows = with["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten();
        let buttons = rows.flat_map(|row| row.as_array().into_iter().flatten());
        if buttons.clone().any(|button| button["callback_data"].as_str().is_some_and(|data| data.len() > 64)) {
            return refused(400, "Bad Request: BUTTON_DATA_INVALID");
        }
        self.last_message += 1;
        let bot = json!({"id": 123_456_789, "is_bot": true, "first_name": "Shop", "username": "shop_bot"});
        let kind = if chat > 0 { "private" } else { "supergroup" };
        let mut message = json!({"message_id": self.last_message, "from": bot, "date": 1_795_500_000, "chat": {"id": chat, "type": kind, "title": "t", "first_name": "f"}, "text": text});
        for name in ["entities", "reply_markup"] {
            if !with[name].is_null() {
                message[name] = with[name].clone();
            }
        }
        self.called.push(Called { method: method.to_owned(), with: with.clone(), file });
        json!({"ok": true, "result": message})
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

async fn call(
    State(server): State<Arc<Server>>,
    Path((bot, method)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if bot != format!("bot{BOT_TOKEN}") {
        return (StatusCode::UNAUTHORIZED, Json(refused(401, "Unauthorized"))).into_response();
    }
    let method = method.to_lowercase();
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (with, file) = match kind.split_once("boundary=") {
        Some((_, boundary)) => parts(&body, boundary.trim_matches('"')),
        None => (serde_json::from_slice(&body).unwrap_or_else(|_| json!({})), Vec::new()),
    };
    let answer = server.answer(&method, &with, file).await;
    let status = answer["error_code"].as_u64().and_then(|code| StatusCode::from_u16(u16::try_from(code).unwrap()).ok());
    (status.unwrap_or(StatusCode::OK), Json(answer)).into_response()
}

impl Server {
    async fn answer(&self, method: &str, with: &Value, file: Vec<u8>) -> Value {
        {
            let mut desk = self.desk.lock().unwrap();
            if let Some(at) = desk.refusals.iter().position(|(of, _)| of == method) {
                return desk.refusals.remove(at).unwrap().1;
            }
        }
        if method == "getupdates" {
            return self.updates(with).await;
        }
        let mut desk = self.desk.lock().unwrap();
        let answer = match method {
            "getme" => {
                json!({"ok": true, "result": {"id": 123_456_789, "is_bot": true, "first_name": "Shop", "username": "shop_bot",
                "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
                "can_connect_to_business": false, "has_main_web_app": false}})
            }
            "setwebhook" => {
                let text = |name: &str| with[name].as_str().unwrap_or_default().to_owned();
                desk.webhook = Some((text("url"), text("secret_token"))).filter(|(url, _)| !url.is_empty());
                json!({"ok": true, "result": true})
            }
            "deletewebhook" => {
                desk.webhook = None;
                json!({"ok": true, "result": true})
            }
            "getwebhookinfo" => {
                let url = desk.webhook.as_ref().map(|(url, _)| url.clone()).unwrap_or_default();
                json!({"ok": true, "result": {"url": url, "has_custom_certificate": false, "pending_update_count": desk.updates.len()}})
            }
            "getfile" => {
                let id = with["file_id"].as_str().unwrap_or_default();
                match desk.files.get(id) {
                    Some(bytes) if bytes.len() > 20 * 1024 * 1024 => refused(400, "Bad Request: file is too big"),
                    Some(bytes) => {
                        json!({"ok": true, "result": {"file_id": id, "file_unique_id": format!("u{id}"), "file_size": bytes.len(), "file_path": id}})
                    }
                    None => refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable"),
                }
            }
            "answercallbackquery" | "sendchataction" => json!({"ok": true, "result": true}),
            _ if method.starts_with("send") => {
                let answer = desk.send(method, with, file);
                drop(desk);
                self.changed.send_modify(|version| *version += 1);
                return answer;
            }
            _ => return refused(404, "Not Found"),
        };
        desk.called.push(Called { method: method.to_owned(), with: with.clone(), file });
        drop(desk);
        self.changed.send_modify(|version| *version += 1);
        answer
    }

    async fn updates(&self, with: &Value) -> Value {
        let offset = number(&with["offset"]).unwrap_or(0);
        let limit = with["limit"].as_u64().unwrap_or(100).clamp(1, 100);
        let wait = Duration::from_secs(with["timeout"].as_u64().unwrap_or(0));
        let mut changed = self.changed.subscribe();
        let me = {
            let mut desk = self.desk.lock().unwrap();
            if desk.webhook.is_some() {
                return refused(
                    409,
                    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
                );
            }
            desk.updates.retain(|id, _| *id >= offset);
            desk.poller += 1;
            desk.poller
        };
        self.changed.send_modify(|version| *version += 1);
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            {
                let desk = self.desk.lock().unwrap();
                if desk.poller != me {
                    return refused(
                        409,
                        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                    );
                }
                let found: Vec<&Value> = desk.updates.values().take(usize::try_from(limit).unwrap()).collect();
                if !found.is_empty() || tokio::time::Instant::now() >= deadline {
                    return json!({"ok": true, "result": found});
                }
            }
            let _ = tokio::time::timeout_at(deadline, changed.changed()).await;
        }
    }
}

async fn file(State(server): State<Arc<Server>>, Path((bot, name)): Path<(String, String)>) -> Response {
    let bytes = server.desk.lock().unwrap().files.get(&name).cloned();
    match bytes.filter(|_| bot == format!("bot{BOT_TOKEN}")) {
        Some(bytes) => bytes.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The fields of a form, and the file in it.
fn parts(body: &[u8], boundary: &str) -> (Value, Vec<u8>) {
    let text = String::from_utf8_lossy(body);
    let (mut fields, mut file) = (json!({}), Vec::new());
    for part in text.split(&format!("--{boundary}")).filter(|part| part.contains("name=\"")) {
        let (head, value) = part.split_once("\r\n\r\n").unwrap();
        let name = head.split("name=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let value = value.strip_suffix("\r\n").unwrap_or(value);
        if head.contains("filename=") {
            file = value.as_bytes().to_vec();
        } else {
            fields[name] = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        }
    }
    (fields, file)
}
