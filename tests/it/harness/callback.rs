//! Where an HTTP channel posts replies: checks every signature, keeps everything, and answers as it is told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};

use super::{
    http_channel::{key_of, signature},
    within,
};

/// How the receiver answers.
#[derive(Debug, Clone)]
pub enum Answer {
    Taken,
    /// A status, and `Retry-After` in seconds.
    Status(u16, Option<u32>),
    /// None, ever.
    Silence,
}

/// One attempt that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: String,
    pub body: Value,
}

#[derive(Default)]
struct Desk {
    received: Vec<Received>,
    forged: usize,
    answers: VecDeque<Answer>,
    usually: Option<Answer>,
}

/// A receiver of replies.
pub struct Callback {
    pub url: String,
    state: Arc<Shared>,
    server: Option<tokio::task::JoinHandle<()>>,
}

struct Shared {
    desk: Mutex<Desk>,
    count: watch::Sender<usize>,
}

const SECRET: &str = "whsec_c3dpdGNoYm9hcmQgaW50ZWdyYXRpb24gdGVzdHM=";

impl Callback {
    /// Listens, and takes everything.
    pub async fn start() -> Self {
        let mut callback = Self::absent().await;
        callback.appear().await;
        callback
    }

    /// Has an address, at which nobody listens yet.
    pub async fn absent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/replies", listener.local_addr().unwrap());
        let state = Arc::new(Shared { desk: Mutex::default(), count: watch::channel(0).0 });
        Self { url, state, server: None }
    }

    /// Begins to listen at its address.
    pub async fn appear(&mut self) {
        let address = self.url.trim_start_matches("http://").trim_end_matches("/replies").to_owned();
        let listener = TcpListener::bind(address).await.unwrap();
        let router = Router::new().route("/replies", post(take)).with_state(Arc::clone(&self.state));
        self.server = Some(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    }

    /// How the next attempts are answered; those after them as usual.
    pub fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.desk.lock().unwrap().answers.extend(answers);
    }

    /// How attempts are answered from now on.
    pub fn usually(&self, answer: Answer) {
        self.state.desk.lock().unwrap().usually = Some(answer);
    }

    /// Every attempt so far. All of them must have been signed.
    pub fn received(&self) -> Vec<Received> {
        let desk = self.state.desk.lock().unwrap();
        assert_eq!(desk.forged, 0, "attempts came without a right signature");
        desk.received.clone()
    }

    /// Waits for this many attempts.
    pub async fn wait(&self, attempts: usize) -> Vec<Received> {
        let mut count = self.state.count.subscribe();
        within(&format!("{attempts} attempts at the callback"), count.wait_for(|count| *count >= attempts))
            .await
            .unwrap();
        self.received()
    }

    /// Waits until what has arrived is as it should be.
    pub async fn wait_until(&self, what: &str, mut is_so: impl FnMut(&[Received]) -> bool) -> Vec<Received> {
        let mut count = self.state.count.subscribe();
        within(what, count.wait_for(|_| is_so(&self.state.desk.lock().unwrap().received))).await.unwrap();
        self.received()
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

async fn take(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id = header("webhook-id").to_owned();
    let at = header("webhook-timestamp").parse().unwrap_or_default();
    let answer = {
        let mut desk = state.desk.lock().unwrap();
        if header("webhook-signature") != signature(&key_of(SECRET), &id, at, &body) {
            desk.forged += 1;
        }
        desk.received.push(Received { id, body: serde_json::from_slice(&body).unwrap_or_default() });
        desk.answers.pop_front().or_else(|| desk.usually.clone()).unwrap_or(Answer::Taken)
    };
    state.count.send_modify(|count| *count += 1);
    match answer {
        Answer::Taken => StatusCode::OK.into_response(),
        Answer::Status(status, retry_after) => {
            let status = StatusCode::from_u16(status).unwrap();
            match retry_after {
                Some(seconds) => (status, [("retry-after", seconds.to_string())], "as told").into_response(),
                None => (status, "as told").into_response(),
            }
        }
        Answer::Silence => std::future::pending().await,
    }
}
