//! One connection to an MCP server: its tools, and calls of them.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use reqwest::{
    Client,
    header::{HeaderName, HeaderValue},
};
use rmcp::{
    ClientHandler, RoleClient, ServiceError,
    model::{
        CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ContentBlock, ErrorCode,
        Implementation, JsonObject, PaginatedRequestParams,
    },
    service::{NotificationContext, RunningService, serve_client},
    transport::{
        StreamableHttpClientTransport, async_rw::AsyncRwTransport,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::Value as Json;
use tokio::{
    process::{Child, Command},
    sync::Mutex,
};
use url::Url;

use super::{
    super::{ANSWER_BYTES, Failure, Returned, reach, source_of},
    program::{self, Bounded},
    tools::{Tool, unfit},
};

/// The most pages of a list of tools, and the most tools.
const PAGES: usize = 20;
const TOOLS: usize = 1_000;
/// What an answer has for a status that says of itself that it failed.
const REFUSED: u16 = 400;
/// The longest words of a server that are kept, in characters.
const WORDS: usize = 300;

/// Why something did not work.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub failure: Failure,
    /// In words, for the log.
    pub why: String,
    /// Whether the tool may have been run.
    pub heard: bool,
    /// Whether another try is worth it.
    pub again: bool,
}

impl Trouble {
    pub(super) fn new(failure: Failure, why: impl std::fmt::Display) -> Self {
        let why: String = why.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
        let again = matches!(failure, Failure::Down | Failure::Slow);
        Self { failure, why, heard: true, again }
    }

    /// What a file asks for that there is not.
    pub(super) fn unmade(why: impl std::fmt::Display) -> Self {
        Self::new(Failure::Unmade, why).unheard()
    }

    pub(super) fn unheard(self) -> Self {
        Self { heard: false, ..self }
    }
}

/// What hears of changes; everything that a server asks for is declined.
struct Listener {
    changed: Arc<AtomicBool>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        let own = Implementation::new("switchboard", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), own)
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changed.store(true, Ordering::Release);
    }
}

/// A connection.
pub(super) struct Session {
    service: RunningService<RoleClient, Listener>,
    /// What is offered, as it was last looked at.
    offered: Mutex<Option<Arc<Vec<Tool>>>>,
    changed: Arc<AtomicBool>,
    too_long: Arc<AtomicBool>,
    child: Option<Running>,
}

/// A program, which ends with what holds it, with all that it has begun.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.0.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.0.start_kill();
    }
}

/// Runs a program and begins a session with it.
pub(super) async fn of_program(name: String, mut command: Command) -> Result<Session, Trouble> {
    let child = command.spawn().map_err(|error| Trouble::new(Failure::Down, format!("it cannot be run: {error}")))?;
    let mut child = Running(child);
    let too_long = Arc::new(AtomicBool::new(false));
    let (Some(input), Some(output), Some(errors)) =
        (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take())
    else {
        return Err(Trouble::new(Failure::Down, "it has no input and output"));
    };
    tokio::spawn(program::log(name, errors));
    let changed = Arc::new(AtomicBool::new(false));
    let transport = AsyncRwTransport::<RoleClient, _, _>::new(Bounded::new(output, Arc::clone(&too_long)), input);
    let service = serve_client(Listener { changed: Arc::clone(&changed) }, transport).await.map_err(|error| {
        let failure = if too_long.load(Ordering::Acquire) { Failure::TooLong } else { Failure::Down };
        Trouble::new(failure, error)
    })?;
    Ok(Session { service, offered: Mutex::default(), changed, too_long, child: Some(child) })
}

/// Begins a session at a URL.
pub(super) async fn over_http(url: Url, headers: Vec<(String, String)>, client: Client) -> Result<Session, Trouble> {
    let headers: HashMap<HeaderName, HeaderValue> = headers
        .iter()
        .map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
        .collect::<Option<_>>()
        .ok_or_else(|| Trouble::unmade("a header of it is none"))?;
    let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .custom_headers(headers)
        .max_sse_event_size(ANSWER_BYTES)
        .max_json_response_size(ANSWER_BYTES);
    let transport = StreamableHttpClientTransport::with_client(client, config);
    let changed = Arc::new(AtomicBool::new(false));
    let service = serve_client(Listener { changed: Arc::clone(&changed) }, transport).await;
    let service = service.map_err(|error| of_transport(&error))?;
    Ok(Session { service, offered: Mutex::default(), changed, too_long: Arc::default(), child: None })
}

impl Session {
    /// Whether it can still be used.
    pub(super) fn is_open(&self) -> bool {
        !self.service.is_closed() && !self.service.peer().is_transport_closed()
    }

    /// What the server offers, looked at anew where it has said that it changed.
    pub(super) async fn tools(&self) -> Result<Vec<Tool>, Trouble> {
        Ok(self.offered().await?.to_vec())
    }

    async fn offered(&self) -> Result<Arc<Vec<Tool>>, Trouble> {
        let mut offered = self.offered.lock().await;
        let changed = self.changed.swap(false, Ordering::AcqRel);
        if let (Some(offered), false) = (&*offered, changed) {
            return Ok(Arc::clone(offered));
        }
        let (mut found, mut cursor): (Vec<Tool>, Option<String>) = (Vec::new(), None);
        for _ in 0..PAGES {
            let page = cursor.take().map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
            let page = self.service.list_tools(page).await.map_err(|error| self.trouble(&error))?;
            found.extend(page.tools.into_iter().take(TOOLS - found.len()).map(Tool::from));
            cursor = page.next_cursor;
            if cursor.is_none() || found.len() >= TOOLS {
                break;
            }
        }
        let found = Arc::new(found);
        *offered = Some(Arc::clone(&found));
        Ok(found)
    }

    /// What is wrong with a call, in words.
    pub(super) async fn unfit(&self, name: &str, arguments: &JsonObject) -> Result<Option<String>, Trouble> {
        let given = arguments.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
        let offered = self.offered().await?;
        Ok(unfit(&offered, name, &given))
    }

    /// Calls a tool.
    pub(super) async fn call(&self, name: &str, arguments: JsonObject) -> Result<Returned, Trouble> {
        let call = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        let result = self.service.call_tool(call).await.map_err(|error| self.trouble(&error))?;
        let status = if result.is_error == Some(true) { REFUSED } else { 200 };
        let body = body(result);
        // What came in one piece may still be too much.
        if body.to_string().len() > ANSWER_BYTES {
            return Err(Trouble::new(Failure::TooLong, "its answer is too long"));
        }
        Ok(Returned::Answer { status, body })
    }

    fn trouble(&self, error: &ServiceError) -> Trouble {
        match error {
            ServiceError::McpError(refused) if refused.code == ErrorCode::INVALID_PARAMS => {
                // It may have changed without saying so.
                self.changed.store(true, Ordering::Release);
                Trouble::new(Failure::Unmade, &refused.message).unheard()
            }
            ServiceError::McpError(refused) => Trouble::new(Failure::Down, &refused.message),
            ServiceError::UnexpectedResponse => Trouble::new(Failure::Unreadable, error),
            ServiceError::Timeout { .. } => Trouble::new(Failure::Slow, error),
            _ if self.too_long.load(Ordering::Acquire) => Trouble::new(Failure::TooLong, "its answer is too long"),
            ServiceError::TransportSend(_) => of_transport(error),
            _ => Trouble::new(Failure::Down, error),
        }
    }
}

/// Why a connection did not come to be, or broke.
fn of_transport(error: &(dyn std::error::Error + 'static)) -> Trouble {
    if let Some(refused) = source_of::<reach::Refused>(error) {
        return Trouble::new(Failure::Forbidden, refused).unheard();
    }
    let heard = !source_of::<reqwest::Error>(error).is_some_and(reqwest::Error::is_connect);
    let chain: Vec<String> =
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    let said = chain.last().cloned().unwrap_or_default();
    let has = |words: &str| chain.iter().any(|said| said.contains(words));
    let failure = match () {
        () if has("exceeded the maximum size") || has("too large") => Failure::TooLong,
        () if has("HTTP 3") => Failure::Redirected,
        () if has("content type") => Failure::Unreadable,
        () => Failure::Down,
    };
    let trouble = Trouble::new(failure, said);
    if heard { trouble } else { trouble.unheard() }
}

/// What a result says: its structure; or its text, as JSON where it is that.
fn body(result: CallToolResult) -> Json {
    if let Some(structured) = result.structured_content {
        return structured;
    }
    let texts = result.content.into_iter().filter_map(|block| match block {
        ContentBlock::Text(text) => Some(text.text),
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().join("\n");
    serde_json::from_str(&text).unwrap_or_else(|_| if text.is_empty() { Json::Null } else { Json::from(text) })
}

impl Drop for Session {
    fn drop(&mut self) {
        // The program ends before its pipes do: it has nothing left to say.
        self.child.take();
    }
}
