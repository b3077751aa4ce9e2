//! What stories are told with: the real binary on a port and a folder of its own, and everybody who speaks to it.

mod bot_api;
mod callback;
mod console;
mod daemon;
mod fleet;
mod http_channel;
mod mail_domain;
mod model;
mod ports;
mod postgres;
mod rabbitmq;
mod redis;
mod s3;
mod shop;
mod talk;
mod web_chat;
mod wire;

use std::{future::Future, time::Duration};

pub use bot_api::{BOT_TOKEN, BotApi, Called};
pub use callback::{Answer, Callback, Received};
pub use console::{Console, Live};
pub use daemon::{Daemon, Home, Ran};
pub use fleet::Fleet;
pub use http_channel::{HttpChannel, Sent};
pub use mail_domain::{BOUNCES, CHEN, EMMA, LI, MALLORY, MailDomain, SUPPORT};
pub use model::ModelServer;
pub use ports::free_ports;
pub use postgres::{Extra, Postgres, card, record_on};
pub use rabbitmq::Broker;
pub use redis::RedisServer;
pub use s3::S3Server;
use serde_json::Value;
pub use shop::ShopServer;
pub use talk::{Customer, Way, answer, mail, unspaced};
pub use web_chat::{Visitor, vouch};
pub use wire::Wire;

/// How long anything may take before a test calls it lost. Far above what it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The password of agents made by tests.
pub const PASSWORD: &str = "correct horse battery";

/// Waits for something under the deadline; `what` names it in the failure.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: did not happen within {PATIENCE:?}"),
    }
}

/// Asks again until there is an answer: for what has no signal of its own, such as a counter or another process.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let mut again = tokio::time::interval(Duration::from_millis(25));
    within(what, async {
        loop {
            again.tick().await;
            if let Some(found) = ask().await {
                return found;
            }
        }
    })
    .await
}

/// A client that ignores proxies and keeps no cookies.
pub fn client() -> reqwest::Client {
    // The second call finds the provider there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// A new random id in the form of a UUID.
pub fn uuid() -> String {
    let hex = hex::encode(rand::random::<[u8; 16]>());
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A text of a JSON value, or empty.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list.
pub fn items(value: &Value) -> &[Value] {
    value["items"].as_array().map_or(&[], Vec::as_slice)
}
