//! The shop of `examples/shop`, in this process, with its faults.

use std::{path::Path, sync::Arc};

use ::shop::{Seen, Settings, Shop};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};

use super::{Home, within};

/// A shop; it ends with this.
pub struct ShopServer {
    pub url: String,
    pub seen: watch::Receiver<Seen>,
    client: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

impl ShopServer {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shop = Arc::new(Shop::open(Settings { faults: true, ..Settings::default() }).unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let seen = shop.seen();
        tokio::spawn(async move {
            let _ = ::shop::serve(listener, shop, async {
                let _ = stopped.await;
            })
            .await;
        });
        Self { url, seen, client: super::client(), _stop: stop }
    }

    /// Requests to paths that begin so go wrong.
    pub async fn fault(&self, fault: &Value) {
        let put = self.client.put(format!("{}/faults", self.url)).json(fault).send().await.unwrap();
        assert!(put.status().is_success(), "{}", put.text().await.unwrap());
    }

    /// Nothing goes wrong any more.
    pub async fn mend(&self) {
        self.client.delete(format!("{}/faults", self.url)).send().await.unwrap();
    }

    /// What was done, in its order.
    pub async fn effects(&self) -> Vec<Value> {
        let ledger = self.client.get(format!("{}/ledger", self.url)).send().await.unwrap();
        let ledger: Value = ledger.json().await.unwrap();
        ledger["effects"].as_array().unwrap().clone()
    }

    /// Waits until so many effects have happened.
    pub async fn until_effects(&mut self, many: u64) {
        within("effects", self.seen.wait_for(|seen| seen.effects >= many)).await.unwrap();
    }

    /// The rules that ship and those of the shop, with its address.
    pub async fn rules_into(&self, home: &Home) {
        home.unpack_rules().await;
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/rules");
        for folder in ["", "actions/"] {
            for entry in std::fs::read_dir(rules.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let name = format!("{folder}{}", path.file_name().unwrap().to_str().unwrap());
                    let text = std::fs::read_to_string(path).unwrap();
                    home.write_rules(&name, &text.replace("http://127.0.0.1:7070", &self.url));
                }
            }
        }
    }

    /// So many seconds from now the reminder comes of the free time of this place among those that can be booked for tomorrow.
    pub async fn reminds_in(&self, seconds: i64, place: usize, home: &Home) {
        let tomorrow = Timestamp::now().to_zoned(TimeZone::UTC).date().checked_add(1.day()).unwrap();
        let path = format!("{}/slots?service=fitting&from={tomorrow}&days=2&limit=6", self.url);
        let slots: Value = self.client.get(path).send().await.unwrap().json().await.unwrap();
        let start: Timestamp = slots["slots"][place]["start"].as_str().unwrap().parse().unwrap();
        let before = (start - SignedDuration::from_secs(seconds)).duration_since(Timestamp::now()).as_secs();
        let rules = std::fs::read_to_string(home.path().join("routing-rules/actions/shop.yaml")).unwrap();
        let soon = rules.replace("before: 1d", &format!("before: {before}s"));
        assert_ne!(soon, rules);
        // Its tests speak of the day before.
        home.write_rules("actions/shop.yaml", soon.split_once("\ntests:").unwrap().0);
    }

    /// A slow fault, and so on.
    pub fn kind(kind: &str, path: &str) -> Value {
        match kind {
            "slow" | "late" => json!({"kind": kind, "path": path, "seconds": 60}),
            "status" => json!({"kind": kind, "path": path, "status": 500}),
            "redirect" => json!({"kind": kind, "path": path, "to": "http://169.254.169.254/latest/meta-data"}),
            _ => json!({"kind": kind, "path": path}),
        }
    }
}
