//! A small online shop, Northloom 北织, with the API of a business system: orders, customers, goods, recommendations and
//! appointments. It is there to try Switchboard's bot on, and its faults are there to test what the bot does when a
//! business system is not well. It knows nothing of Switchboard.
//!
//! It begins with what is compiled in. What people do is kept in a data file, if there is one.

mod answer;
mod api;
mod books;
mod catalog;
mod decide;
mod faults;
mod image;
mod ledger;
mod moment;
mod orders;
mod recommend;
mod search;
mod seed;
mod slots;
mod text;

use std::{
    fmt,
    future::Future,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, http::StatusCode, serve::ListenerExt};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    answer::{Answer, EffectRequest, Refusal},
    books::{Books, Effect},
    catalog::Catalog,
    faults::Faults,
    ledger::{Entry, Ledger},
    moment::Moment,
};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a shop is opened. The default keeps nothing, asks for no token, has no faults and goes by the machine's clock.
#[derive(Clone)]
pub struct Settings {
    /// Where effects are kept; created if it is not there. `None` forgets them at the end.
    pub data: Option<PathBuf>,
    /// What callers must send as `Authorization: Bearer …`. `None` lets everybody in.
    pub token: Option<String>,
    /// Whether `/faults` and `/calls` are there. Not where anything depends on the shop.
    pub faults: bool,
    /// The clock that appointments and the dates of the first orders go by.
    pub now: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self { data: None, token: None, faults: false, now: Arc::new(Timestamp::now) }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Settings")
            .field("data", &self.data)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// A shop cannot be opened: its data file cannot be read, is in use, or has a line that is wrong.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OpenError(#[from] Problem);

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the seed: {0}")]
    Seed(#[from] seed::SeedError),
    #[error(transparent)]
    Ledger(#[from] ledger::LedgerError),
}

/// What has happened so far, for those who wait for something to happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Requests that came in, counted only in a shop with faults.
    pub calls: u64,
    /// Effects since the opening.
    pub effects: u64,
    /// Requests that a fault makes wait now.
    pub held: u64,
}

/// The shop.
pub struct Shop {
    catalog: Catalog,
    open: Mutex<Open>,
    token: Option<[u8; 32]>,
    faults: Option<Arc<Faults>>,
    now: Clock,
    seen: watch::Sender<Seen>,
}

/// What changes: the books, and the ledger that they follow from.
struct Open {
    books: Books,
    ledger: Ledger,
}

impl fmt::Debug for Shop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shop").field("seen", &*self.seen.borrow()).finish_non_exhaustive()
    }
}

impl Shop {
    /// Opens the shop as its data file has left it.
    ///
    /// # Errors
    /// The data file cannot be read or written, another shop has it, or one of its lines, but for a last one without
    /// an end, is no effect on what is here.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        let Settings { data, token, faults, now } = settings;
        let (catalog, orders) = seed::read(Moment::from(now()).date()).map_err(Problem::from)?;
        let mut books = Books::new(orders);
        let ledger = match data {
            None => Ledger::default(),
            Some(path) => Ledger::open(&path, |entry| {
                let record = books.after(&entry.effect, entry.at).map_err(|unknown| unknown.to_string())?;
                books.put(record);
                Ok(())
            })
            .map_err(Problem::from)?,
        };
        let seen = watch::Sender::new(Seen::default());
        Ok(Self {
            catalog,
            open: Mutex::new(Open { books, ledger }),
            token: token.map(|token| digest(&token)),
            faults: faults.then(|| Arc::new(Faults::new(seen.clone()))),
            now,
            seen,
        })
    }

    /// The shop's API.
    pub fn router(self: Arc<Self>) -> Router {
        api::router(self)
    }

    /// What has happened so far; the receiver hears of every change.
    #[must_use]
    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    fn now(&self) -> Moment {
        (self.now)().into()
    }

    fn faults(&self) -> Result<&Arc<Faults>, Refusal> {
        self.faults.as_ref().ok_or_else(|| Refusal::none("path"))
    }

    /// Whether a caller with this token may come in.
    fn lets_in(&self, token: Option<&str>) -> bool {
        self.token.is_none_or(|wanted| token.is_some_and(|token| digest(token) == wanted))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what a request asks for, once, even if the caller hangs up meanwhile.
    ///
    /// A request whose key had an effect is answered as it was then. A refusal leaves nothing behind, so the same key
    /// can ask again.
    async fn act<F>(self: Arc<Self>, request: EffectRequest, success: StatusCode, decide: F) -> Result<Answer, Refusal>
    where
        F: FnOnce(&Catalog, &Books, Moment) -> Result<Effect, Refusal> + Send + 'static,
    {
        let task = tokio::task::spawn_blocking(move || self.act_now(request, success, decide));
        task.await.unwrap_or_else(|error| Err(failure(&error)))
    }

    fn act_now(
        &self,
        request: EffectRequest,
        success: StatusCode,
        decide: impl FnOnce(&Catalog, &Books, Moment) -> Result<Effect, Refusal>,
    ) -> Result<Answer, Refusal> {
        let mut open = self.lock();
        let EffectRequest { key, asked } = request;
        if let Some(done) = key.as_deref().and_then(|key| open.ledger.with_key(key)) {
            return if done.request == asked { done.again() } else { Err(another_request()) };
        }
        let at = self.now();
        let effect = decide(&self.catalog, &open.books, at)?;
        let record = open.books.after(&effect, at).map_err(|error| failure(&error))?;
        let answer = record.show(&self.catalog);
        let entry = Entry { at, key, request: asked, effect, status: success.as_u16(), answer };
        let answer = open.ledger.append(entry).map_err(|error| failure(&error))?.again();
        open.books.put(record);
        drop(open);
        self.seen.send_modify(|seen| seen.effects += 1);
        answer
    }
}

impl Entry {
    fn again(&self) -> Result<Answer, Refusal> {
        let status = StatusCode::from_u16(self.status).map_err(|error| failure(&error))?;
        Ok(Answer(status, self.answer.clone()))
    }
}

fn another_request() -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "this Idempotency-Key was used for another request")
}

fn failure(error: &dyn fmt::Display) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Serves the shop until `stop` comes true. Requests that are under way are finished, those that a fault makes wait at
/// once.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    shop: Arc<Shop>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Without this, a small answer may wait for an acknowledgement; a connection that cannot have it is only slower.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = Arc::clone(&shop).router();
    let stopped = async move {
        stop.await;
        if let Some(faults) = &shop.faults {
            faults.end();
        }
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}
