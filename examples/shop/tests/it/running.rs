//! A shop on a free port, and a caller.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use shop::{Seen, Settings, Shop};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A Monday, nine o'clock in the shop, which opens at ten.
pub const NOW: &str = "2026-11-30T09:00:00+08:00";
const DEADLINE: Duration = Duration::from_secs(60);

/// A clock that tests set.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

pub struct Running {
    pub base: String,
    pub shop: Arc<Shop>,
    client: reqwest::Client,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

/// An answer: its status and all of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub text: String,
}

impl TestClock {
    pub fn at(moment: &str) -> Self {
        let clock = Self(Arc::default());
        clock.set(moment);
        clock
    }

    pub fn set(&self, moment: &str) {
        self.0.store(moment.parse::<Timestamp>().unwrap().as_second(), Ordering::SeqCst);
    }

    /// A shop's settings that go by this clock.
    pub fn settings(&self) -> Settings {
        let seconds = Arc::clone(&self.0);
        let now = Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap());
        Settings { now, ..Settings::default() }
    }
}

pub fn settings() -> Settings {
    TestClock::at(NOW).settings()
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("nothing came within the deadline")
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.timeout(DEADLINE).build().unwrap()
}

impl Running {
    pub async fn start(settings: Settings) -> Self {
        let shop = Arc::new(Shop::open(settings).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let served = tokio::spawn(shop::serve(listener, Arc::clone(&shop), stop.clone().cancelled_owned()));
        Self { base, shop, client: client(), stop, served }
    }

    /// Ends the shop and gives its data file free.
    pub async fn stop(self) {
        self.stop.cancel();
        within(self.served).await.unwrap().unwrap();
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request("GET", path)).await.unwrap()
    }

    /// What a path shows that is there.
    pub async fn shown(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.json()
    }

    /// Asks for an effect; without a key if it is empty, without a body if it is null.
    pub async fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> Reply {
        Reply::of(self.asking(method, path, key, body)).await.unwrap()
    }

    pub fn asking(&self, method: &str, path: &str, key: &str, body: &Value) -> reqwest::RequestBuilder {
        let mut request = self.request(method, path);
        if !key.is_empty() {
            request = request.header("Idempotency-Key", key);
        }
        if body.is_null() { request } else { request.json(body) }
    }

    /// The ledger's effects.
    pub async fn effects(&self) -> Vec<Value> {
        self.shown("/ledger").await["effects"].as_array().unwrap().clone()
    }

    pub async fn until(&self, come: impl FnMut(&Seen) -> bool) {
        within(self.shop.seen().wait_for(come)).await.unwrap();
    }
}

impl Reply {
    pub async fn of(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        Ok(Self { status: response.status().as_u16(), text: response.text().await? })
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}
