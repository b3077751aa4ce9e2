//! An agent at the console: logged in, with the REST API and the live connection.

use futures::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use super::{client, eventually, items, text, within};

/// Somebody logged in, or a program with a token.
#[derive(Clone)]
pub struct Console {
    base: String,
    client: reqwest::Client,
    cookie: Option<String>,
    csrf: String,
    bearer: Option<String>,
    /// The agent, as the login answered.
    pub me: Value,
}

impl Console {
    /// Tries to log in.
    pub async fn try_login(url: &str, login: &str, password: &str) -> Result<Self, (u16, Value)> {
        let client = client();
        let body = json!({"login": login, "password": password});
        let answer = client.post(format!("{url}/api/v1/login")).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        let cookie = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let me: Value = answer.json().await.unwrap();
        if status != 200 {
            return Err((status, me));
        }
        let cookie = cookie.unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        Ok(Self {
            base: url.to_owned(),
            client,
            cookie: cookie.split(';').next().map(str::to_owned),
            csrf: text(&me, "/csrf").to_owned(),
            bearer: None,
            me: me["agent"].clone(),
        })
    }

    pub async fn login(url: &str, login: &str, password: &str) -> Self {
        match Self::try_login(url, login, password).await {
            Ok(console) => console,
            Err((status, answer)) => panic!("{login} cannot log in: {status} {answer}"),
        }
    }

    /// A program.
    pub fn program(url: &str, token: &str) -> Self {
        Self {
            base: url.to_owned(),
            client: client(),
            cookie: None,
            csrf: String::new(),
            bearer: Some(token.to_owned()),
            me: Value::Null,
        }
    }

    /// The same session at the daemon's new address.
    pub fn moved(&self, url: &str) -> Self {
        Self { base: url.to_owned(), ..self.clone() }
    }

    /// The same session, but every change goes without its CSRF token.
    pub fn without_csrf(&self) -> Self {
        Self { csrf: String::new(), ..self.clone() }
    }

    pub fn id(&self) -> &str {
        text(&self.me, "/id")
    }

    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.request(method, path, body).await;
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    /// Something that is no JSON and must be there: its type, its security policy, and itself.
    pub async fn fetch(&self, path: &str) -> (String, String, String) {
        let answer = self.request(Method::GET, path, None).await;
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let header =
            |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let (kind, policy) = (header("content-type"), header("content-security-policy"));
        (kind, policy, answer.text().await.unwrap())
    }

    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::Response {
        let mut request = self.client.request(method.clone(), format!("{}/api/v1{path}", self.base));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        if method != Method::GET && !self.csrf.is_empty() {
            request = request.header("x-csrf-token", &self.csrf);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    pub async fn try_get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, None).await
    }

    /// Reads what must be there.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    pub async fn presence(&self, presence: &str) {
        let (status, agent) = self.put("/me/presence", &json!({"presence": presence})).await;
        assert_eq!(status, 200, "{agent}");
        assert_eq!(text(&agent, "/presence"), presence);
    }

    /// Comes online, as soon as one of several daemons has the desk.
    pub async fn come_online(&self) {
        eventually("the desk takes presences", || async {
            (self.put("/me/presence", &json!({"presence": "online"})).await.0 == 200).then_some(())
        })
        .await;
    }

    /// A conversation's journal.
    pub async fn entries(&self, conversation: &str) -> Vec<Value> {
        let (mut all, mut before) = (Vec::new(), String::new());
        loop {
            let part = self.get(&format!("/conversations/{conversation}/entries?limit=200{before}")).await;
            all.splice(0..0, items(&part).iter().cloned());
            if part["more"] != true {
                return all;
            }
            before = format!("&before={}", text(&all[0], "/id"));
        }
    }

    /// Waits for the conversation of a message: its turn is committed then.
    pub async fn conversation_of(&self, message: &str) -> String {
        let path = format!("/messages/{message}/why");
        eventually(&format!("the turn of {message}"), || async {
            let (status, why) = self.try_get(&path).await;
            (status == 200).then(|| text(&why, "/conversation").to_owned())
        })
        .await
    }

    pub async fn accept(&self, offer: &Value) -> (u16, Value) {
        let path = format!("/offers/{}/accept", text(offer, "/id"));
        self.post(&path, &json!({"epoch": offer["epoch"]})).await
    }

    pub async fn decline(&self, offer: &Value) -> u16 {
        let path = format!("/offers/{}/decline", text(offer, "/id"));
        self.post(&path, &json!({"epoch": offer["epoch"]})).await.0
    }

    pub async fn reply(&self, conversation: &str, said: &str, client_id: &str) -> (u16, Value) {
        let path = format!("/conversations/{conversation}/replies");
        self.post(&path, &json!({"text": said, "client_id": client_id})).await
    }

    /// Opens the live connection and reads its `hello`.
    pub async fn live(&self) -> Live {
        self.try_live(None).await.expect("the live connection opens")
    }

    /// Tries to open the live connection from a page of this origin; the status when it is refused.
    pub async fn try_live(&self, origin: Option<&str>) -> Result<Live, u16> {
        let mut request =
            format!("{}/api/v1/live", self.base.replace("http://", "ws://")).into_client_request().unwrap();
        let headers = request.headers_mut();
        if let Some(cookie) = &self.cookie {
            headers.insert("cookie", cookie.parse().unwrap());
        }
        if let Some(bearer) = &self.bearer {
            headers.insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        }
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        match within("the live connection", tokio_tungstenite::connect_async(request)).await {
            Ok((socket, _)) => {
                let mut live = Live { socket, seen: Vec::new() };
                live.event("hello").await;
                Ok(live)
            }
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("the live connection: {error}"),
        }
    }
}

/// The live connection. Every event that was read is kept.
pub struct Live {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub seen: Vec<Value>,
}

impl Live {
    /// The next event; `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(json)) => {
                    let event: Value = serde_json::from_str(&json).unwrap();
                    self.seen.push(event.clone());
                    return Some(event);
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The first event, from now on, that is as it should be.
    pub async fn wait(&mut self, what: &str, mut is_so: impl FnMut(&Value) -> bool) -> Value {
        within(what, async {
            loop {
                let Some(event) = self.next().await else { panic!("{what}: the connection ended") };
                if is_so(&event) {
                    return event;
                }
            }
        })
        .await
    }

    /// The next event of a type.
    pub async fn event(&mut self, kind: &str) -> Value {
        self.wait(kind, |event| event["type"] == kind).await
    }

    /// The next offer.
    pub async fn offer(&mut self) -> Value {
        self.event("offer").await["offer"].clone()
    }

    /// Everything that was sent before now: what follows a ping's answer is newer.
    pub async fn settled(&mut self) -> &[Value] {
        self.socket.send(Message::text(r#"{"type":"ping"}"#)).await.unwrap();
        self.event("pong").await;
        &self.seen
    }

    /// Waits for the daemon to end the connection.
    pub async fn ended(mut self) {
        within("the live connection ends", async { while self.next().await.is_some() {} }).await;
    }
}
