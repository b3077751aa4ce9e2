//! Calls to business systems: to where a file says and nowhere else, in bounded time and size, tried again only where that
//! does no harm; and of tools of MCP servers, by the same rules. What is called and what an answer means is in [`crate::actions`]; nothing here knows a customer.

mod mcp;
mod reach;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lru::LruCache;
pub use mcp::{Program, Tool, unfit};
pub use reach::Reach;
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{ACCEPT, HeaderMap},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use url::Url;

use crate::{
    actions::{Speaks, System},
    breaker::{Asked, Breaker},
    live::Rates,
};

/// The longest answer, in bytes.
const ANSWER_BYTES: usize = 1 << 20;
/// How often one call is tried.
const TRIES: u32 = 3;
/// The pause before the second try; before the third one it is twice that.
const PAUSE: Duration = Duration::from_millis(200);
/// How many answers are kept to be used again.
const KEPT: NonZeroUsize = NonZeroUsize::new(2_000).expect("it is not 0");
/// What says that two requests are one.
const KEY: &str = "idempotency-key";

/// One request, ready to be sent.
#[derive(Clone)]
pub struct Request {
    /// To which system.
    pub system: Arc<System>,
    /// `GET`, `POST`, …
    pub method: String,
    /// Where to, within the system.
    pub url: Url,
    /// All headers, with their secrets.
    pub headers: Vec<(String, String)>,
    /// The body; the arguments of a tool.
    pub body: Option<Json>,
    /// The tool that is called, of a system that speaks MCP.
    pub tool: Option<String>,
    /// Under which key the system does it once.
    pub key: Option<String>,
    /// Whether it changes something.
    pub effect: bool,
    /// For how long an answer may be used again.
    pub cache: Duration,
}

/// Without what may be secret.
impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tool {
            Some(tool) => write!(out, "{} {tool} at {}", self.method, self.url),
            None => write!(out, "{} {}", self.method, self.url),
        }
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Returned {
    /// The system answered.
    Answer {
        /// HTTP's status: below 300, or from 400 to 499.
        status: u16,
        /// The body; null where there is none.
        body: Json,
    },
    /// It did not, or not so that it could be read.
    Failed(Failure),
}

impl Returned {
    /// HTTP's status, or the word for why there is none: as journals keep it.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Answer { status, .. } => status.to_string(),
            Self::Failed(failure) => failure.as_str().to_owned(),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Nobody listens there, or it says that it does not work.
    Down,
    /// It took too long.
    Slow,
    /// It has failed several times in a row, or is asked too much, and is left alone for a while.
    Resting,
    /// The answer is no JSON, or not what it was declared to be.
    Unreadable,
    /// The answer is longer than 1 MiB.
    TooLong,
    /// It sends one elsewhere, where nobody goes.
    Redirected,
    /// It lies where calls may not go.
    Forbidden,
    /// It was asked to change something and nobody knows whether it did.
    Unknown,
    /// The call cannot be made of what is known: a defect of the file.
    Unmade,
}

impl Failure {
    /// Each of them.
    pub const ALL: [Self; 9] = [
        Self::Down,
        Self::Slow,
        Self::Resting,
        Self::Unreadable,
        Self::TooLong,
        Self::Redirected,
        Self::Forbidden,
        Self::Unknown,
        Self::Unmade,
    ];

    /// The word for it, in files, metrics and journals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Resting => "resting",
            Self::Unreadable => "unreadable",
            Self::TooLong => "too_long",
            Self::Redirected => "redirected",
            Self::Forbidden => "forbidden",
            Self::Unknown => "unknown",
            Self::Unmade => "unmade",
        }
    }
}

/// Makes calls.
pub struct Caller {
    public: Client,
    private: Client,
    secrets: BTreeMap<String, SecretString>,
    rates: Arc<dyn Rates>,
    systems: Mutex<HashMap<String, Arc<State>>>,
    kept: Mutex<LruCache<[u8; 32], (Instant, Returned)>>,
    servers: mcp::Servers,
}

/// What is known of a system.
struct State {
    places: Semaphore,
    at_once: u32,
    breaker: Mutex<Breaker>,
}

/// How one try went wrong.
struct Miss {
    failure: Failure,
    /// Whether the system may have heard it.
    heard: bool,
    /// Whether another try is worth it.
    again: bool,
}

impl Miss {
    const fn last(failure: Failure) -> Self {
        Self { failure, heard: true, again: false }
    }
}

impl Caller {
    /// A caller that knows these secrets by name.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(secrets: BTreeMap<String, SecretString>, rates: Arc<dyn Rates>) -> Result<Self, reqwest::Error> {
        let client = |reach: Reach| {
            Client::builder().no_proxy().redirect(redirect::Policy::none()).dns_resolver(Arc::new(reach)).build()
        };
        Ok(Self {
            public: client(Reach::Public)?,
            private: client(Reach::Private)?,
            servers: mcp::Servers::new(BTreeMap::new(), BTreeMap::new()),
            secrets,
            rates,
            systems: Mutex::default(),
            kept: Mutex::new(LruCache::new(KEPT)),
        })
    }

    /// The same, with programs that are MCP servers, by the names that action files use.
    #[must_use]
    pub fn with_programs(self, programs: BTreeMap<String, Program>) -> Self {
        Self { servers: mcp::Servers::new(programs, self.secrets.clone()), ..self }
    }

    /// What an MCP server offers that a request leads to, within `time`.
    ///
    /// # Errors
    /// It is none, cannot be reached, or does not answer; in words.
    pub async fn tools(&self, request: &Request, time: Duration) -> Result<Vec<Tool>, String> {
        if request.system.speaks == Speaks::Http {
            return Err("it does not speak MCP".to_owned());
        }
        if request.system.speaks == Speaks::Mcp {
            request.system.reach.check(&request.url)?;
        }
        let listed = tokio::time::timeout(time, self.servers.tools(request, self.client(request))).await;
        listed.unwrap_or_else(|_elapsed| Err("it does not answer".to_owned()))
    }

    /// The secrets, for the headers of systems alone.
    #[must_use]
    pub fn secrets(&self) -> minijinja::Value {
        minijinja::Value::from_pairs(self.secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())))
    }

    /// Makes a call, within the time of its system.
    pub async fn call(&self, request: &Request) -> Returned {
        let began = Instant::now();
        let returned = self.call_or_remember(request, began).await;
        let word = match &returned {
            Returned::Answer { status, .. } if *status < 300 => "answered",
            Returned::Answer { .. } => "refused",
            Returned::Failed(failure) => failure.as_str(),
        };
        let system = request.system.name.clone();
        metrics::counter!("switchboard_calls_total", "system" => system.clone(), "outcome" => word).increment(1);
        metrics::histogram!("switchboard_call_seconds", "system" => system).record(began.elapsed().as_secs_f64());
        returned
    }

    async fn call_or_remember(&self, request: &Request, began: Instant) -> Returned {
        let name = (!request.cache.is_zero() && !request.effect).then(|| fingerprint(request));
        if let Some(name) = &name
            && let Some((until, kept)) = lock(&self.kept).get(name)
            && began < *until
        {
            return kept.clone();
        }
        let returned = self.try_until(request, began + Duration::from_millis(request.system.timeout)).await;
        if let (Some(name), Returned::Answer { status: ..300, .. }) = (name, &returned) {
            lock(&self.kept).put(name, (Instant::now() + request.cache, returned.clone()));
        }
        returned
    }

    async fn try_until(&self, request: &Request, end: Instant) -> Returned {
        let state = self.state(&request.system);
        let place = match timeout_at(end, self.place(request, &state)).await {
            Ok(place) => place,
            Err(_elapsed) => return Returned::Failed(Failure::Resting),
        };
        let (mut pause, mut heard) = (PAUSE, false);
        let mut last = Failure::Resting;
        for attempt in 1..=TRIES {
            let Some(asked) = Asked::begin(&state.breaker) else { break };
            let now = Instant::now();
            // The first tries leave time for another one.
            let by = if attempt < TRIES { now + (end - now) / 2 } else { end };
            let sent = AtomicBool::new(request.tool.is_none());
            let miss = match timeout_at(by, self.attempt(request, &sent)).await {
                Ok(Ok(answer)) => {
                    asked.went_well();
                    drop(place);
                    return answer;
                }
                Ok(Err(miss)) => miss,
                Err(_elapsed) => Miss { failure: Failure::Slow, heard: sent.load(Ordering::Relaxed), again: true },
            };
            if let Some(pause) = asked.failed(None) {
                let (system, failure) = (&request.system.name, miss.failure.as_str());
                tracing::warn!(system, failure, ?pause, "A business system fails again and again; it is left alone.");
            }
            heard |= miss.heard;
            // That it is left alone now says less than why.
            if last == Failure::Resting || miss.failure != Failure::Resting {
                last = miss.failure;
            }
            let harmless = !request.effect || request.key.is_some() || !miss.heard;
            if !miss.again || !harmless || Instant::now() + pause >= end {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Returned::Failed(if request.effect && heard { Failure::Unknown } else { last })
    }

    /// Waits until the system may be asked once more.
    async fn place<'s>(&self, request: &Request, state: &'s State) -> Option<tokio::sync::SemaphorePermit<'s>> {
        if let Some(rate) = request.system.per_second {
            let key = format!("calls:{}", request.system.name);
            loop {
                let granted = self.rates.take(&key, Some(rate), 1).await;
                if granted.now > 0 {
                    break;
                }
                tokio::time::sleep(granted.wait).await;
            }
        }
        state.places.acquire().await.ok()
    }

    /// Tries once; a tool is `sent` once its server was begun and it is called.
    async fn attempt(&self, request: &Request, sent: &AtomicBool) -> Result<Returned, Miss> {
        let reach = request.system.reach;
        if !matches!(request.system.speaks, Speaks::Program(_)) && reach.check(&request.url).is_err() {
            return Err(Miss { heard: false, ..Miss::last(Failure::Forbidden) });
        }
        if request.system.speaks != Speaks::Http {
            return self.servers.call(request, self.client(request), sent).await;
        }
        let sent = self.made(request).ok_or(Miss { heard: false, ..Miss::last(Failure::Unmade) })?;
        let answer = sent.send().await.map_err(|error| missed(&error))?;
        read(answer, request.effect).await
    }

    fn client(&self, request: &Request) -> &Client {
        if request.system.reach == Reach::Private { &self.private } else { &self.public }
    }

    fn made(&self, request: &Request) -> Option<RequestBuilder> {
        let method = Method::from_bytes(request.method.as_bytes()).ok()?;
        let headers: HeaderMap = request
            .headers
            .iter()
            .map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
            .collect::<Option<HeaderMap>>()?;
        let client = self.client(request);
        let mut made = client.request(method, request.url.clone()).header(ACCEPT, "application/json").headers(headers);
        if let Some(key) = &request.key {
            made = made.header(KEY, key);
        }
        Some(match &request.body {
            Some(body) => made.json(body),
            None => made,
        })
    }

    fn state(&self, system: &System) -> Arc<State> {
        let mut systems = lock(&self.systems);
        let known = systems.get(&system.name).filter(|state| state.at_once == system.at_once);
        let state = known.cloned().unwrap_or_else(|| {
            let places = Semaphore::new(usize::try_from(system.at_once).unwrap_or(1));
            Arc::new(State { places, at_once: system.at_once, breaker: Mutex::default() })
        });
        systems.insert(system.name.clone(), Arc::clone(&state));
        state
    }
}

fn missed(error: &reqwest::Error) -> Miss {
    if let Some(refused) = source_of::<reach::Refused>(error) {
        tracing::warn!(%refused, "A call was not made.");
        return Miss { heard: false, ..Miss::last(Failure::Forbidden) };
    }
    let failure = if error.is_timeout() { Failure::Slow } else { Failure::Down };
    Miss { failure, heard: !error.is_connect(), again: true }
}

fn source_of<'e, E: std::error::Error + 'static>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e E> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

async fn read(mut answer: Response, effect: bool) -> Result<Returned, Miss> {
    let status = answer.status();
    match status {
        _ if status.is_redirection() => return Err(Miss::last(Failure::Redirected)),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            return Err(Miss { again: true, ..Miss::last(Failure::Down) });
        }
        StatusCode::TOO_MANY_REQUESTS => return Err(Miss { heard: false, again: true, failure: Failure::Resting }),
        _ if status.is_server_error() => return Err(Miss { again: !effect, ..Miss::last(Failure::Down) }),
        _ => {}
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| missed(&error))? {
        if bytes.len() + chunk.len() > ANSWER_BYTES {
            return Err(Miss::last(Failure::TooLong));
        }
        bytes.extend_from_slice(&chunk);
    }
    let body = match bytes.as_slice() {
        [] => Json::Null,
        // What a refusal says in words of its own is no defect.
        _ if status.is_client_error() => serde_json::from_slice(&bytes).unwrap_or(Json::Null),
        _ => serde_json::from_slice(&bytes).map_err(|_| Miss::last(Failure::Unreadable))?,
    };
    Ok(Returned::Answer { status: status.as_u16(), body })
}

/// What makes two requests the same.
fn fingerprint(request: &Request) -> [u8; 32] {
    let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
    let headers = request.headers.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let mut hash = Sha256::new();
    let tool = request.tool.as_deref().unwrap_or_default();
    let own = [request.system.name.as_str(), &request.method, request.url.as_str(), tool, &body];
    for part in own.into_iter().chain(headers) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
