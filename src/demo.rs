//! `switchboard run --demo`: the shop of `examples/shop` beside the daemon, the rules that act in it, and customers of it whom
//! visitors of its page can be.

use std::sync::Arc;

use anyhow::{Context, ensure};
use contract::Stop;
use hmac::{Hmac, KeyInit, Mac};
use rust_embed::RustEmbed;
use serde_json::{Value as Json, json};
use sha2::Sha256;
use shop::{Settings, Shop};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    config::{Config, Mode},
    files::Shipped,
    home::Home,
};

/// What the rules of the shop call.
const USUAL: &str = "http://127.0.0.1:7070";
/// The secret under which the demo's page vouches for its customers.
const SECRET: &str = "demo";
/// Customers whom the shop knows: who they are, and what they bought, is in its `seed.json`.
const CUSTOMERS: [(&str, &str, &str); 2] =
    [("C1001", "陈晓明", "chen.xiaoming@example.com"), ("C1002", "Emma Clarke", "emma.clarke@example.com")];

#[derive(RustEmbed)]
#[folder = "examples/shop/rules/"]
#[include = "*.yaml"]
struct ShopRules;

/// A demo that is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// Where the shop is.
    shop: Arc<str>,
    /// Whom a visitor of the page can be, as the chat's `identify` takes it.
    pub customers: Arc<Json>,
}

impl Demo {
    /// Starts the shop on a free port, until `stop`, and has the chat's page vouch for its customers.
    ///
    /// # Errors
    /// There are rules already other than those that ship, several daemons share the work, or the shop cannot be opened.
    pub async fn open(config: &mut Config, stop: Stop) -> anyhow::Result<JoinHandle<()>> {
        ensure!(config.mode == Mode::Embedded, "the demo is one daemon alone: set mode = \"embedded\"");
        ensure!(
            !config.rules.is_dir() || Shipped::is_all_of(&config.rules),
            "the demo brings its own rules, and {} has others: start it in another folder, or run switchboard-shop beside a daemon with \
             the rules that `switchboard init --demo` writes",
            config.rules.display()
        );
        let home = Home::at(&config.data)?;
        let secret = hex::encode(home.secret(SECRET)?);
        config.vouch_in_chats(&secret);
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the shop cannot listen")?;
        let shop = format!("http://{}", listener.local_addr()?).into();
        let customers = CUSTOMERS.map(|customer| vouched(&secret, customer));
        config.demo = Some(Self { shop, customers: Arc::new(json!(customers)) });
        let data = Some(config.data.join("shop.jsonl"));
        let shop = Arc::new(Shop::open(Settings { data, ..Settings::default() }).context("the shop cannot be opened")?);
        Ok(tokio::spawn(async move {
            if let Err(error) = shop::serve(listener, shop, async move { stop.cancelled().await }).await {
                tracing::error!(%error, "The shop of the demo is gone.");
            }
        }))
    }

    /// Its rules: those that ship and those of the shop.
    pub fn rules(&self) -> impl Iterator<Item = (String, String)> {
        files().map(|(name, text)| (name, text.replace(USUAL, &self.shop)))
    }
}

/// The files of the demo, by their path in the folder of the rules, with the shop where `switchboard-shop` usually listens.
pub fn files() -> impl Iterator<Item = (String, String)> {
    let shop = ShopRules::iter().filter_map(|path| {
        let file = ShopRules::get(&path)?;
        Some((path.into_owned(), String::from_utf8_lossy(&file.data).into_owned()))
    });
    Shipped::files().chain(shop)
}

/// A customer as the shop's own server would vouch for them (docs/web-chat.md).
fn vouched(secret: &str, (id, name, email): (&str, &str, &str)) -> Json {
    let sign = |lines: &[&str]| {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(lines.join("\n").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    };
    json!({"id": id, "hash": sign(&[id]), "name": name, "email": email, "email_hash": sign(&["email", id, email])})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{files::Source, understand::Settings as Understanding};

    #[test]
    fn the_rules_of_the_demo_hold_their_tests_and_call_its_shop() {
        let demo = Demo { shop: "http://127.0.0.1:9".into(), customers: Arc::default() };
        let (loaded, _) = Source::Demo(demo).rules(&Understanding::default());
        let rules = loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings));
        assert_eq!(rules.actions().systems["shop"].url.as_str(), "http://127.0.0.1:9/");
    }
}
