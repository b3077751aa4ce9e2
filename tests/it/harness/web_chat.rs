//! A visitor of the shop, with the widget's protocol (docs/web-chat.md).

use std::collections::BTreeMap;

use futures::{SinkExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{text, uuid, within};

/// What a business's server makes of a user under an identity secret.
pub fn vouch(secret: &str, lines: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(lines.join("\n").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A browser with the widget open.
pub struct Visitor {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What names the visitor at the next connection.
    pub token: String,
    pub verified: bool,
    /// What was said, by entry id: the widget's own order.
    pub entries: BTreeMap<String, Value>,
    pub status: Value,
}

impl Visitor {
    /// Somebody new.
    pub async fn arrive(url: &str) -> Self {
        Self::hello(url, json!({"type": "hello"})).await
    }

    /// Somebody new of whom the page says this.
    pub async fn arrive_as(url: &str, user: Value) -> Self {
        Self::hello(url, json!({"type": "hello", "user": user})).await
    }

    /// The same visitor after a lost connection, with the cursor: only what is missing comes.
    pub async fn come_back(&self, url: &str) -> Self {
        let after = self.entries.keys().next_back().cloned();
        Self::hello(url, json!({"type": "hello", "token": self.token, "after": after})).await
    }

    /// The same visitor after a reload of the page, who knows nothing but the token.
    pub async fn reload(&self, url: &str) -> Self {
        Self::hello(url, json!({"type": "hello", "token": self.token})).await
    }

    /// Connects and says this hello; returns when it is answered.
    pub async fn hello(url: &str, hello: Value) -> Self {
        let address = format!("{}/channels/webchat/socket", url.replace("http://", "ws://"));
        let (socket, _) = within("the socket opens", connect_async(address)).await.unwrap();
        let mut visitor =
            Self { socket, token: String::new(), verified: false, entries: BTreeMap::new(), status: Value::Null };
        visitor.send(&hello).await;
        let ready = visitor.wait("ready", |frame| frame["type"] == "ready").await;
        visitor.token = text(&ready, "/token").to_owned();
        visitor.verified = ready["verified"] == true;
        visitor
    }

    pub async fn send(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next frame; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let frame: Value = match self.socket.next().await? {
                Ok(Message::Text(json)) => serde_json::from_str(&json).unwrap(),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => continue,
            };
            for entry in frame["entries"].as_array().into_iter().flatten() {
                self.entries.insert(text(entry, "/id").to_owned(), entry.clone());
            }
            if !frame["status"].is_null() {
                self.status = frame["status"].clone();
            }
            return Some(frame);
        }
    }

    /// The first frame, from now on, that is as it should be.
    pub async fn wait(&mut self, what: &str, mut is_so: impl FnMut(&Value) -> bool) -> Value {
        within(what, async {
            loop {
                let Some(frame) = self.next().await else { panic!("{what}: the connection ended") };
                if is_so(&frame) {
                    return frame;
                }
            }
        })
        .await
    }

    /// Says something; returns when it is durable.
    pub async fn say(&mut self, said: &str) -> String {
        let id = uuid();
        self.say_as(&id, said).await;
        id
    }

    /// Says something under an id of the test's.
    pub async fn say_as(&mut self, id: &str, said: &str) -> Value {
        self.send(&json!({"type": "message", "id": id, "text": said})).await;
        self.wait("accepted", |frame| frame["type"] == "accepted" && frame["id"] == *id).await
    }

    /// Waits until somebody has said this many things in all; their texts.
    pub async fn said_by(&mut self, author: &str, count: usize) -> Vec<String> {
        within(&format!("{count} by {author}"), async {
            loop {
                let said = self.entries.values().filter(|entry| text(entry, "/author/type") == author);
                let said: Vec<String> = said.map(|entry| text(entry, "/text").to_owned()).collect();
                if said.len() >= count {
                    return said;
                }
                assert!(self.next().await.is_some(), "the connection ended");
            }
        })
        .await
    }

    /// Waits until this owner speaks for the company.
    pub async fn owned_by(&mut self, owner: &str) {
        within(&format!("owner {owner}"), async {
            while text(&self.status, "/owner") != owner {
                assert!(self.next().await.is_some(), "the connection ended");
            }
        })
        .await;
    }

    /// Waits until this is the place in the line.
    pub async fn place(&mut self, position: u32) {
        within(&format!("place {position} in the line"), async {
            while self.status["position"] != position {
                assert!(self.next().await.is_some(), "the connection ended");
            }
        })
        .await;
    }
}
