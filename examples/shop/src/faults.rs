//! Faults on demand: what a business system does to those who call it when it is not well.
//!
//! A fault holds for requests whose path begins in some way, a number of times or until all are ended. It never meets
//! [`CONTROL`], by which faults are set and seen.

use std::{
    collections::BTreeMap,
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::{FromRequest, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Seen, Shop, answer::Refusal};

/// Paths that have no faults and are not counted.
const CONTROL: [&str; 4] = ["/faults", "/calls", "/ledger", "/health"];

/// What `huge` sends: so many pieces of so many bytes, 10 MiB.
const PIECES: usize = 160;
const PIECE: usize = 64 * 1024;

/// One fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fault {
    /// What the path begins with.
    path: String,
    /// How many requests it still meets; `None`: all.
    times: Option<u64>,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kind {
    /// Waits, and only then does what was asked. Nothing happens for a caller who hangs up before.
    Slow { seconds: f64 },
    /// Does what was asked, and waits with the answer.
    Late { seconds: f64 },
    /// Does what was asked, and ends the connection without an answer.
    Drop,
    /// Does nothing, and answers with a status.
    Status { status: u16 },
    /// Does nothing, and answers with a page for people.
    Html,
    /// Does nothing, and answers with 10 MiB of JSON.
    Huge,
    /// Does what was asked, and answers with the right names and the wrong types.
    Types,
    /// Does nothing, and sends the caller elsewhere.
    Redirect { to: String },
}

#[derive(Debug)]
pub(crate) struct Faults {
    set: Mutex<Set>,
    calls: Mutex<BTreeMap<String, u64>>,
    seen: watch::Sender<Seen>,
}

#[derive(Debug, Default)]
struct Set {
    faults: Vec<Fault>,
    /// Lets those go on who wait because of one of these faults.
    ended: CancellationToken,
}

/// A request that waits, for as long as this lives.
struct Held<'a>(&'a watch::Sender<Seen>);

impl<'a> Held<'a> {
    fn new(seen: &'a watch::Sender<Seen>) -> Self {
        seen.send_modify(|seen| seen.held += 1);
        Self(seen)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|seen| seen.held -= 1);
    }
}

impl Fault {
    /// # Errors
    /// A value is outside of what it can be.
    fn check(&self) -> Result<(), Refusal> {
        if self.times == Some(0) {
            return Err(Refusal::bad("times: at least 1"));
        }
        match &self.kind {
            Kind::Slow { seconds } | Kind::Late { seconds } => Duration::try_from_secs_f64(*seconds)
                .map(drop)
                .map_err(|error| Refusal::bad(&format!("seconds: {error}"))),
            Kind::Status { status } if !(200..=599).contains(status) => Err(Refusal::bad("status: from 200 to 599")),
            Kind::Redirect { to } if header::HeaderValue::from_str(to).is_err() => {
                Err(Refusal::bad("to: no value of a header"))
            }
            _ => Ok(()),
        }
    }
}

impl Faults {
    pub(crate) fn new(seen: watch::Sender<Seen>) -> Self {
        Self { set: Mutex::default(), calls: Mutex::default(), seen }
    }

    /// Ends all faults; those who wait because of one go on.
    pub(crate) fn end(&self) {
        mem::take(&mut *self.set()).ended.cancel();
    }

    /// Sets a fault in place of one with the same path.
    fn put(&self, fault: Fault) -> Vec<Fault> {
        let mut set = self.set();
        set.faults.retain(|other| other.path != fault.path);
        set.faults.push(fault);
        set.faults.clone()
    }

    /// The fault that meets a request now, if one does, and what ends it.
    fn meet(&self, path: &str) -> Option<(Kind, CancellationToken)> {
        let mut set = self.set();
        let at = set.faults.iter().position(|fault| path.starts_with(&fault.path))?;
        let kind = set.faults[at].kind.clone();
        if let Some(times) = &mut set.faults[at].times {
            *times = times.saturating_sub(1);
        }
        set.faults.retain(|fault| fault.times != Some(0));
        Some((kind, set.ended.clone()))
    }

    async fn wait(&self, seconds: f64, ended: &CancellationToken) {
        let _held = Held::new(&self.seen);
        tokio::select! {
            () = tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)) => {}
            () = ended.cancelled() => {}
        }
    }

    fn set(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts every request, before anything can refuse it.
pub(crate) async fn count(State(faults): State<Arc<Faults>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !is_control(path) {
        *faults.calls().entry(format!("{} {path}", request.method())).or_default() += 1;
        faults.seen.send_modify(|seen| seen.calls += 1);
    }
    next.run(request).await
}

/// Does to a request what the fault that it meets does.
pub(crate) async fn disturb(State(faults): State<Arc<Faults>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let met = if is_control(path) { None } else { faults.meet(path) };
    let Some((kind, ended)) = met else { return next.run(request).await };
    match kind {
        Kind::Slow { seconds } => {
            faults.wait(seconds, &ended).await;
            next.run(request).await
        }
        Kind::Late { seconds } => {
            let answer = next.run(request).await;
            faults.wait(seconds, &ended).await;
            answer
        }
        Kind::Drop => {
            next.run(request).await;
            cut_off()
        }
        Kind::Status { status } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Refusal::new(status, "the shop is out of order").into_response()
        }
        Kind::Html => Html(PAGE).into_response(),
        Kind::Huge => huge(),
        Kind::Types => mistype(next.run(request).await).await,
        Kind::Redirect { to } => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
    }
}

const PAGE: &str = "<!doctype html><html><head><title>Maintenance 维护中</title></head>\
    <body><h1>We will be back soon. 系统维护中，请稍后再来。</h1></body></html>\n";

fn is_control(path: &str) -> bool {
    CONTROL.contains(&path)
}

/// A body that fails before its first byte: the server can only close the connection, and has not sent the head yet.
fn cut_off() -> Response {
    let failure = futures::stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted)) });
    Body::from_stream(failure).into_response()
}

/// An object with one very long text, sent piece by piece, so that no length says how much it will be.
fn huge() -> Response {
    let piece = Bytes::from(vec![b'x'; PIECE]);
    let pieces = [Bytes::from_static(b"{\"filler\":\"")]
        .into_iter()
        .chain((0..PIECES).map(move |_| piece.clone()))
        .chain([Bytes::from_static(b"\"}")])
        .map(Ok::<_, io::Error>);
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(futures::stream::iter(pieces))).into_response()
}

async fn mistype(answer: Response) -> Response {
    let status = answer.status();
    let bytes = Bytes::from_request(Request::new(answer.into_body()), &()).await.unwrap_or_default();
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(value) => (status, Json(wrong_types(value))).into_response(),
        Err(_) => (status, bytes).into_response(),
    }
}

/// Names stay; texts become numbers, numbers and truths texts, and nothing a list.
fn wrong_types(value: Value) -> Value {
    match value {
        Value::Null => json!([]),
        Value::Bool(truth) => json!(truth.to_string()),
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => json!(text.chars().count()),
        Value::Array(values) => values.into_iter().map(wrong_types).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, wrong_types(value))).collect(),
    }
}

/// `PUT /faults`
pub(crate) async fn put(State(shop): State<Arc<Shop>>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let fault: Fault = crate::answer::read_json(&body)?;
    fault.check()?;
    let faults = shop.faults()?.put(fault);
    Ok(Json(json!({ "faults": faults })))
}

/// `DELETE /faults`
pub(crate) async fn delete(State(shop): State<Arc<Shop>>) -> Result<StatusCode, Refusal> {
    shop.faults()?.end();
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /calls`
pub(crate) async fn calls(State(shop): State<Arc<Shop>>) -> Result<Json<Value>, Refusal> {
    let calls = json!({ "calls": &*shop.faults()?.calls() });
    Ok(Json(calls))
}
