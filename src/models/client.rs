//! One chat endpoint as OpenAI describes it, and as others have it: asked for a stream, read as it comes, in bounded time and
//! size. Tried once more only while nothing has come of it, and left alone where it fails again and again.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::{
    Client as Http, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::{
    said::{Assembly, Said},
    settings::Settings,
    stream::{Stream, TooLong},
};
use crate::breaker::{Asked, Breaker};

/// How often a request is tried.
const TRIES: u32 = 2;
/// The pause before the second try.
const PAUSE: Duration = Duration::from_millis(300);
/// A longer pause than this that it asks for is for everybody.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of a refusal is read, to see what it is about.
const REFUSAL_BYTES: usize = 16 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Nobody listens there, or it says that it does not work.
    Down,
    /// No word came in time.
    Slow,
    /// It began and did not go on.
    Stalled,
    /// The connection ended before the answer did.
    Broken,
    /// The answer is not what an answer looks like.
    Unreadable,
    /// The answer is longer than anyone wants to read.
    TooLong,
    /// The answer has nothing in it.
    Empty,
    /// It ran out of the tokens that it may write.
    CutOff,
    /// It will not answer, or takes no such request.
    Refused,
    /// It has failed several times in a row, or is asked too much, and is left alone for a while.
    Resting,
}

impl Failure {
    /// The word for it, in journals and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Stalled => "stalled",
            Self::Broken => "broken",
            Self::Unreadable => "unreadable",
            Self::TooLong => "too_long",
            Self::Empty => "empty",
            Self::CutOff => "cut_off",
            Self::Refused => "refused",
            Self::Resting => "resting",
        }
    }
}

impl From<TooLong> for Failure {
    fn from(TooLong: TooLong) -> Self {
        Self::TooLong
    }
}

/// Asks a model.
pub struct Client {
    http: Http,
    url: Url,
    key: Option<SecretString>,
    name: String,
    temperature: Option<f32>,
    most_tokens: u32,
    first_word: Duration,
    pause: Duration,
    places: Semaphore,
    breaker: Mutex<Breaker>,
    takes: Mutex<Takes>,
}

/// What the endpoint takes beside messages and tools: not every one takes all of it, and says so when it is asked.
#[derive(Debug, Clone, Copy)]
struct Takes {
    usage: bool,
    temperature: bool,
    /// `max_tokens`, which newer ones call `max_completion_tokens`.
    max_tokens: bool,
}

/// How one try went wrong.
struct Miss {
    failure: Failure,
    /// Whether another try may go better; only where no word has come.
    again: bool,
    /// When, if it says so.
    after: Option<Duration>,
}

impl Miss {
    const fn last(failure: Failure) -> Self {
        Self { failure, again: false, after: None }
    }

    const fn again(failure: Failure) -> Self {
        Self { failure, again: true, after: None }
    }
}

impl From<Failure> for Miss {
    fn from(failure: Failure) -> Self {
        Self::last(failure)
    }
}

impl Client {
    /// A client of the endpoint that the settings name.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let http = Http::builder()
            .redirect(Policy::none())
            .connect_timeout(settings.connect)
            .user_agent(concat!("Switchboard/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            url: settings.url.clone(),
            key: settings.key.clone(),
            name: settings.name.clone(),
            temperature: settings.temperature,
            most_tokens: settings.most_tokens,
            first_word: settings.first_word,
            pause: settings.pause,
            places: Semaphore::new(settings.at_once),
            breaker: Mutex::default(),
            takes: Mutex::new(Takes { usage: true, temperature: true, max_tokens: true }),
        })
    }

    /// Asks, and has the words told as they come: all of them so far. Until `end` at most.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask(
        &self,
        messages: &[Json],
        tools: &[Json],
        end: Instant,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Said, Failure> {
        let Ok(Ok(_place)) = timeout_at(end, self.places.acquire()).await else { return Err(Failure::Resting) };
        let mut last = Failure::Resting;
        for attempt in 1..=TRIES {
            let Some(asked) = Asked::begin(&self.breaker) else { return Err(last) };
            let answered = timeout_at(end, self.attempt(messages, tools, tell)).await;
            let miss = match answered {
                Ok(Ok(said)) => {
                    asked.went_well();
                    return Ok(said);
                }
                Ok(Err(miss)) => miss,
                Err(_elapsed) => Miss::last(Failure::Slow),
            };
            failed(asked, &miss);
            last = miss.failure;
            let wait = miss.after.unwrap_or(PAUSE);
            if !miss.again || attempt == TRIES || Instant::now() + wait >= end {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        Err(last)
    }

    async fn attempt(
        &self,
        messages: &[Json],
        tools: &[Json],
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Said, Miss> {
        let first = Instant::now() + self.first_word;
        let answer = loop {
            let takes = *lock(&self.takes);
            let body = self.body(messages, tools, takes);
            let answer = timeout_at(first, self.send(&body)).await.map_err(|_elapsed| Miss::again(Failure::Slow))??;
            let status = answer.status();
            if status.is_success() {
                break answer;
            }
            let after = retry_after(&answer);
            match status {
                StatusCode::TOO_MANY_REQUESTS => return Err(Miss { failure: Failure::Resting, again: true, after }),
                _ if status.is_server_error() => return Err(Miss { failure: Failure::Down, again: true, after }),
                StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
                    let said = timeout_at(first, text_of(answer)).await.unwrap_or_default();
                    // What it said may repeat the customer's words: it is not logged.
                    let Some(fewer) = takes.without(&said) else { return Err(Failure::Refused.into()) };
                    *lock(&self.takes) = fewer;
                }
                _ => {
                    tracing::error!(%status, "The model's server refuses requests; see [model] in the configuration.");
                    return Err(Failure::Refused.into());
                }
            }
        };
        self.read(answer, first, tell).await
    }

    async fn send(&self, body: &Json) -> Result<Response, Miss> {
        let mut request = self.http.post(self.url.clone()).header(ACCEPT, "text/event-stream").json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        request
            .send()
            .await
            .map_err(|error| Miss::again(if error.is_timeout() { Failure::Slow } else { Failure::Down }))
    }

    fn body(&self, messages: &[Json], tools: &[Json], takes: Takes) -> Json {
        let mut body = json!({"model": self.name, "messages": messages, "stream": true});
        // An empty list of tools is refused by some.
        if !tools.is_empty() {
            body["tools"] = json!(tools);
        }
        body[if takes.max_tokens { "max_tokens" } else { "max_completion_tokens" }] = json!(self.most_tokens);
        if takes.usage {
            body["stream_options"] = json!({"include_usage": true});
        }
        if let Some(temperature) = self.temperature.filter(|_| takes.temperature) {
            body["temperature"] = json!(temperature);
        }
        body
    }

    async fn read(
        &self,
        mut answer: Response,
        first: Instant,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Said, Miss> {
        let streams = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let whole = streams.is_some_and(|kind| kind.starts_with("application/json"));
        let (mut stream, mut assembly) = (Stream::default(), Assembly::default());
        let mut unread = Vec::new();
        loop {
            let has_begun = assembly.has_begun();
            let by = if has_begun { Instant::now() + self.pause } else { first };
            let miss = |failure| if has_begun { Miss::last(failure) } else { Miss::again(failure) };
            let chunk = match timeout_at(by, answer.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(_)) => return Err(miss(Failure::Broken)),
                Err(_elapsed) => return Err(miss(if has_begun { Failure::Stalled } else { Failure::Slow })),
            };
            if whole {
                unread.extend_from_slice(&chunk);
                stream.count(chunk.len()).map_err(Failure::from)?;
                continue;
            }
            for event in stream.take(&chunk).map_err(Failure::from)? {
                assembly.take(&event).map_err(miss)?;
            }
            tell(assembly.text());
        }
        match whole {
            true => assembly.take(&String::from_utf8_lossy(&unread))?,
            false => stream.end().map_or(Ok(()), |event| assembly.take(&event))?,
        }
        tell(assembly.text());
        let has_begun = assembly.has_begun();
        assembly.end().map_err(|failure| if has_begun { Miss::last(failure) } else { Miss::again(failure) })
    }
}

/// What a model says that is of no use is no sign that its server fails.
fn failed(asked: Asked<'_>, miss: &Miss) {
    if matches!(miss.failure, Failure::Empty | Failure::CutOff | Failure::Refused | Failure::TooLong) {
        return asked.went_well();
    }
    // What it asks for shortly is waited for.
    let rest = miss.after.filter(|after| *after > PATIENCE);
    if let Some(pause) = asked.failed(rest) {
        let failure = miss.failure.as_str();
        tracing::warn!(failure, ?pause, "The model's server fails again and again; it is left alone.");
    }
}

impl Takes {
    /// Without what a refusal speaks of; `None` where that is nothing of it.
    fn without(self, refusal: &str) -> Option<Self> {
        let fewer = Self {
            usage: self.usage && !refusal.contains("stream_options"),
            temperature: self.temperature && !refusal.contains("temperature"),
            max_tokens: self.max_tokens && !refusal.contains("max_tokens"),
        };
        let changed =
            (fewer.usage, fewer.temperature, fewer.max_tokens) != (self.usage, self.temperature, self.max_tokens);
        changed.then_some(fewer)
    }
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn text_of(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await
        && bytes.len() < REFUSAL_BYTES
    {
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
