//! Systems that speak MCP, the Model Context Protocol (revision 2025-11-25 and those before it): over streamable HTTP, where
//! calls may go; or programs that the configuration declares, over their standard input and output. Only the tool that a call
//! names is called, and what it takes is looked at first. Whatever a server asks of its own accord is declined.

mod program;
mod session;
mod tools;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use lru::LruCache;
pub use program::Program;
use reqwest::Client;
use secrecy::SecretString;
use serde_json::Value as Json;
use session::{Session, Trouble};
use tokio::time::Instant;
pub use tools::{Tool, unfit};

use super::{Failure, Miss, Request, Returned, lock};
use crate::actions::Speaks;

/// How long a server may take until it can be called.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// How many servers are connected to at once; of one with other headers for each customer, those that were used last.
const MOST: NonZeroUsize = NonZeroUsize::new(64).expect("it is not 0");
/// A server that was there for so long is begun again at once; one that was not, after a pause that doubles.
const STAYED: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

type Opening = Shared<BoxFuture<'static, Result<Arc<Session>, Trouble>>>;

/// The servers that are connected to.
pub(super) struct Servers {
    programs: BTreeMap<String, Program>,
    secrets: BTreeMap<String, SecretString>,
    open: Mutex<LruCache<String, Server>>,
}

/// One server.
#[derive(Default)]
struct Server {
    opening: Option<(Opening, Instant)>,
    /// How often in a row it was not there for long.
    failures: u32,
    not_before: Option<Instant>,
}

impl Servers {
    pub(super) fn new(programs: BTreeMap<String, Program>, secrets: BTreeMap<String, SecretString>) -> Self {
        Self { programs, secrets, open: Mutex::new(LruCache::new(MOST)) }
    }

    /// Calls the tool that a request names.
    pub(super) async fn call(&self, request: &Request, client: &Client, sent: &AtomicBool) -> Result<Returned, Miss> {
        let name = request.tool.as_deref().unwrap_or_default();
        let arguments = match &request.body {
            Some(Json::Object(arguments)) => arguments.clone(),
            _ => serde_json::Map::new(),
        };
        let session = self.session(request, client).await?;
        let unfit = session.unfit(name, &arguments).await.map_err(|trouble| missed(request, trouble.unheard()))?;
        if let Some(why) = unfit {
            return Err(missed(request, Trouble::unmade(why)));
        }
        sent.store(true, Ordering::Relaxed);
        session.call(name, arguments).await.map_err(|trouble| missed(request, trouble))
    }

    /// The tools of the server that a request goes to.
    ///
    /// # Errors
    /// It cannot be asked; in words.
    pub(super) async fn tools(&self, request: &Request, client: &Client) -> Result<Vec<Tool>, String> {
        let opening = self.opening(request, client).map_err(|trouble| trouble.why)?;
        let session = opening.await.map_err(|trouble| trouble.why)?;
        session.tools().await.map_err(|trouble| trouble.why)
    }

    /// The session with a server, which is begun where there is none. Beginning goes on where nobody waits any more.
    async fn session(&self, request: &Request, client: &Client) -> Result<Arc<Session>, Miss> {
        let unheard = |trouble: Trouble| missed(request, trouble.unheard());
        let opening = self.opening(request, client).map_err(unheard)?;
        opening.await.map_err(unheard)
    }

    fn opening(&self, request: &Request, client: &Client) -> Result<Opening, Trouble> {
        let now = Instant::now();
        let mut open = lock(&self.open);
        let server = open.get_or_insert_mut(self.key(request), Server::default);
        if let Some((opening, since)) = &server.opening {
            match opening.peek() {
                None => return Ok(opening.clone()),
                Some(Ok(session)) if session.is_open() => return Ok(opening.clone()),
                ended => {
                    let stayed = ended.is_some_and(Result::is_ok) && now - *since >= STAYED;
                    server.failures = if stayed { 1 } else { server.failures + 1 };
                    server.not_before = Some(now + pause(server.failures));
                    server.opening = None;
                }
            }
        }
        if server.not_before.is_some_and(|not_before| now < not_before) {
            return Err(Trouble::new(Failure::Resting, "it ended again and again, and is left alone for a while"));
        }
        let opening = self.begin(request, client)?;
        let opening = tokio::spawn(async move {
            match tokio::time::timeout(STARTS_WITHIN, opening).await {
                Ok(opened) => opened.map(Arc::new),
                Err(_elapsed) => Err(Trouble::new(Failure::Slow, "it does not begin")),
            }
        });
        let opening =
            opening.map(|opened| opened.unwrap_or_else(|error| Err(Trouble::new(Failure::Down, error.to_string()))));
        let opening = opening.boxed().shared();
        server.opening = Some((opening.clone(), now));
        Ok(opening)
    }

    fn begin(
        &self,
        request: &Request,
        client: &Client,
    ) -> Result<BoxFuture<'static, Result<Session, Trouble>>, Trouble> {
        match &request.system.speaks {
            Speaks::Program(name) => {
                let program = self.programs.get(name).ok_or_else(|| {
                    Trouble::unmade(format!("the configuration has no program “{name}” in actions.mcp"))
                })?;
                let command = program.command(&self.secrets).map_err(Trouble::unmade)?;
                Ok(session::of_program(name.clone(), command).boxed())
            }
            Speaks::Mcp | Speaks::Http => {
                Ok(session::over_http(request.url.clone(), request.headers.clone(), client.clone()).boxed())
            }
        }
    }

    /// What makes two connections one: a program's name, or a URL with its headers.
    fn key(&self, request: &Request) -> String {
        match &request.system.speaks {
            Speaks::Program(name) => name.clone(),
            Speaks::Mcp | Speaks::Http => {
                let bare = Request { method: String::new(), body: None, tool: None, ..request.clone() };
                hex::encode(super::fingerprint(&bare))
            }
        }
    }
}

/// Notes why a call did not come to an answer.
fn missed(request: &Request, trouble: Trouble) -> Miss {
    let (system, tool, why) = (&request.system.name, request.tool.as_deref().unwrap_or_default(), &trouble.why);
    if trouble.failure == Failure::Unmade {
        tracing::error!(system, tool, why, "A tool cannot be called so; the action's file is to be mended.");
    } else {
        tracing::warn!(system, tool, why, "A tool was called and did not answer.");
    }
    Miss { failure: trouble.failure, heard: trouble.heard, again: trouble.again && !(request.effect && trouble.heard) }
}

/// How long nothing is begun after so many failures in a row: not at all after the first, then a second, and twice that.
fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => (FIRST_PAUSE * 2_u32.saturating_pow((more - 2).min(16))).min(LONGEST_PAUSE),
    }
}
