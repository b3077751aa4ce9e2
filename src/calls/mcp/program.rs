//! Programs that are MCP servers. Only the configuration declares them: whoever edits action files may well not be allowed to
//! run programs here.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    pin::Pin,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    process::{ChildStderr, Command},
    time::Instant,
};

use super::super::ANSWER_BYTES;

/// What a program gets of the daemon's environment; the rest may be secret.
const INHERITED: [&str; 6] = ["HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ"];
/// The longest line of a program's log that is kept, in bytes; and how many are, in which time.
const LINE: usize = 500;
const LINES: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);

/// An MCP server that is run here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The program, and its arguments.
    pub command: Vec<String>,
    /// Variables of its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables of its environment that are secrets, by the secrets' names.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The folder that it runs in; the daemon's own without this.
    pub folder: Option<PathBuf>,
}

impl Program {
    /// The command, ready to be run: in a process group of its own, ended with whoever holds it.
    ///
    /// # Errors
    /// It cannot be made; in words.
    pub(super) fn command(&self, secrets: &BTreeMap<String, SecretString>) -> Result<Command, String> {
        let (program, arguments) = self.command.split_first().ok_or("its command is empty")?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(&self.env);
        for (variable, name) in &self.secrets {
            let secret = secrets.get(name).ok_or_else(|| format!("there is no secret “{name}” for its {variable}"))?;
            command.env(variable, secret.expose_secret());
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        Ok(command)
    }
}

/// Output of which no line is longer than an answer may be; it ends there, and the flag says why.
pub(super) struct Bounded<R> {
    inner: R,
    line: usize,
    too_long: Arc<AtomicBool>,
}

impl<R> Bounded<R> {
    pub(super) fn new(inner: R, too_long: Arc<AtomicBool>) -> Self {
        Self { inner, line: 0, too_long }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Bounded<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(task, into))?;
        let read = &into.filled()[before..];
        self.line = match read.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => read.len() - end - 1,
            None => self.line + read.len(),
        };
        if self.line <= ANSWER_BYTES {
            return Poll::Ready(Ok(()));
        }
        self.too_long.store(true, Ordering::Release);
        Poll::Ready(Err(std::io::Error::other("a line is too long")))
    }
}

/// Takes what a program writes to its standard error into the log, as much as is of use.
pub(super) async fn log(program: String, mut errors: ChildStderr) {
    let (mut line, mut chunk) = (Vec::new(), vec![0; 4096]);
    let (mut began, mut lines) = (Instant::now(), 0);
    while let Ok(read @ 1..) = errors.read(&mut chunk).await {
        for byte in &chunk[..read] {
            match byte {
                b'\n' => {
                    if began.elapsed() >= WINDOW {
                        (began, lines) = (Instant::now(), 0);
                    }
                    lines += 1;
                    let said = String::from_utf8_lossy(&line);
                    match lines.cmp(&LINES) {
                        std::cmp::Ordering::Less => {
                            tracing::info!(program, line = %said.trim_end(), "An MCP server says:")
                        }
                        std::cmp::Ordering::Equal => tracing::warn!(program, "An MCP server says more than is kept."),
                        std::cmp::Ordering::Greater => {}
                    }
                    line.clear();
                }
                byte if line.len() < LINE => line.push(*byte),
                _ => {}
            }
        }
    }
}
