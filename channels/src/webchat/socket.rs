//! One visitor's connection, from `hello` to the end.
//!
//! The record and its watch are the truth; a connection holds a cursor and nothing else. It subscribes first and reads
//! then, so nothing falls between, and reads again when the watch says that it missed something.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use contract::{
    EntryId, Inbound, InboxError, Notice, OutboundId, Reached, Thread, ThreadEntry, ThreadEvent, ThreadStatus,
    ThreadWatch,
};
use futures::StreamExt;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    identity::{User, Visitor},
    pace::Bucket,
    protocol::{self, ClientFrame, EntryShown, Fault, ServerFrame},
    routes::Door,
};

/// How many entries a browser without a cursor is sent, and how many are read at once.
const PAGE: usize = 100;
/// How many of the last entries sent are remembered, to drop those that the watch repeats.
const RECENT: usize = 32;
/// About the size of a frame of entries.
const FRAME_BYTES: usize = 4 * 1024;
/// Frames of any kind: this many at once, this many a second over time. Who is faster is disconnected.
const FRAME_BURST: f32 = 60.0;
const FRAMES_PER_SECOND: f32 = 10.0;
/// Messages at once; over time the configuration says.
const MESSAGE_BURST: f32 = 10.0;

/// Why a connection ends, as the browser is told.
struct Goodbye {
    code: u16,
    reason: &'static str,
}

impl Goodbye {
    const GONE: Self = Self { code: close_code::NORMAL, reason: "" };
    const STOPPING: Self = Self { code: close_code::AWAY, reason: "the daemon stops" };
    const HELLO_EXPECTED: Self = Self { code: close_code::POLICY, reason: "hello expected" };
    const NOT_RECOGNISED: Self = Self { code: close_code::POLICY, reason: "not recognised" };
    const TOO_FAST: Self = Self { code: close_code::POLICY, reason: "too many frames" };
    const SILENT: Self = Self { code: close_code::POLICY, reason: "no sign of life" };
    const TRY_AGAIN: Self = Self { code: close_code::AGAIN, reason: "the conversation cannot be read now" };
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(mut socket: WebSocket, door: &Door) {
    let goodbye = match Box::pin(Connection::open(&mut socket, door)).await {
        Ok(mut connection) => Box::pin(connection.run()).await,
        Err(goodbye) => goodbye,
    };
    let frame = CloseFrame { code: goodbye.code, reason: Utf8Bytes::from_static(goodbye.reason) };
    let _ = timeout(door.channel.timing.write, socket.send(Message::Close(Some(frame)))).await;
}

struct Connection<'a> {
    socket: &'a mut WebSocket,
    door: &'a Door,
    visitor: Visitor,
    thread: Thread,
    watch: ThreadWatch,
    cursor: Option<EntryId>,
    recent: VecDeque<EntryId>,
    messages: Bucket,
    frames: Bucket,
    heard: Instant,
}

impl<'a> Connection<'a> {
    /// Waits for `hello`, recognises the visitor and sends `ready`.
    async fn open(socket: &'a mut WebSocket, door: &'a Door) -> Result<Self, Goodbye> {
        let first = timeout(door.channel.timing.hello, next_text(socket)).await.ok().flatten();
        let frame = protocol::read(first.as_ref().ok_or(Goodbye::HELLO_EXPECTED)?);
        let (token, user, after) = match frame {
            Ok(ClientFrame::Hello { token, user, after }) => (token, user, after),
            Ok(_) => return Err(Goodbye::HELLO_EXPECTED),
            Err(fault) => return Err(refuse(socket, door, &fault).await),
        };
        let visitor = match recognise(door, token.as_deref(), user) {
            Ok(visitor) => visitor,
            Err(fault) => return Err(refuse(socket, door, &fault).await),
        };
        let thread = Thread { channel: door.channel.name.clone(), key: visitor.sender.address.handle.clone() };
        let now = Instant::now();
        let watch = door.host.threads.watch(&thread);
        let mut connection = Self {
            watch,
            cursor: after,
            recent: VecDeque::new(),
            messages: Bucket::new(MESSAGE_BURST, door.channel.messages_per_minute as f32 / 60.0, now),
            frames: Bucket::new(FRAME_BURST, FRAMES_PER_SECOND, now),
            heard: now,
            socket,
            door,
            visitor,
            thread,
        };
        connection.ready().await?;
        Ok(connection)
    }

    async fn ready(&mut self) -> Result<(), Goodbye> {
        let status = self.catch_up().await?;
        let token = self.door.channel.identity.token(&self.visitor.id);
        let verified = self.visitor.sender.address.handle != self.visitor.id;
        self.send(&ServerFrame::Ready { token: &token, verified, status }).await
    }

    async fn run(&mut self) -> Goodbye {
        let mut ping = interval(self.door.channel.timing.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        loop {
            let done = tokio::select! {
                frame = self.socket.recv() => match frame {
                    Some(Ok(frame)) => self.hear(frame).await,
                    _ => Err(Goodbye::GONE),
                },
                event = self.watch.next() => match event {
                    Some(event) => self.tell(event).await,
                    None => Err(Goodbye::STOPPING),
                },
                _ = ping.tick() => self.ping().await,
            };
            if let Err(goodbye) = done {
                return goodbye;
            }
        }
    }

    async fn ping(&mut self) -> Result<(), Goodbye> {
        if self.heard.elapsed() > self.door.channel.timing.ping * 5 / 2 {
            return Err(Goodbye::SILENT);
        }
        self.write(Message::Ping(bytes::Bytes::new())).await
    }

    async fn hear(&mut self, frame: Message) -> Result<(), Goodbye> {
        self.heard = Instant::now();
        if self.frames.take(self.heard).is_err() {
            return Err(Goodbye::TOO_FAST);
        }
        match frame {
            Message::Text(text) => Box::pin(self.obey(&text)).await,
            Message::Close(_) => Err(Goodbye::GONE),
            Message::Binary(_) => self.fault(None, &Fault::new("malformed", "frames are JSON texts")).await,
            Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    async fn obey(&mut self, text: &str) -> Result<(), Goodbye> {
        let channel = &self.door.channel;
        match protocol::read(text) {
            Ok(ClientFrame::Message { id, text, attachments }) => {
                let parts = (id.as_str(), text.as_str(), attachments);
                let inbound = protocol::message(&channel.name, &self.visitor, channel.identity.uploads(), parts);
                self.accept(&id, inbound).await
            }
            Ok(ClientFrame::Postback { id, value, title }) => {
                let inbound = protocol::postback(&channel.name, &self.visitor, (&id, &value, &title));
                self.accept(&id, inbound).await
            }
            Ok(ClientFrame::Typing { on }) => {
                self.notice(Notice::Typing { on });
                Ok(())
            }
            Ok(ClientFrame::Reached { entry, reached }) => {
                self.reached(entry, reached);
                Ok(())
            }
            Ok(ClientFrame::Ping) => self.send(&ServerFrame::Pong).await,
            Ok(ClientFrame::Hello { .. }) => {
                self.fault(None, &Fault::new("malformed", "`hello` comes once; open a new connection")).await
            }
            Err(fault) => self.fault(None, &fault).await,
        }
    }

    /// Keeps a message and says so only then.
    async fn accept(&mut self, id: &str, inbound: Result<Inbound, Fault>) -> Result<(), Goodbye> {
        let inbound = match inbound {
            Ok(inbound) => inbound,
            Err(fault) => return self.fault(Some(id), &fault).await,
        };
        if let Err(wait) = self.messages.take(Instant::now()) {
            return self.fault(Some(id), &later("too_fast", "messages come too fast", wait)).await;
        }
        match self.door.host.inbox.accept(inbound).await {
            Ok(accepted) => self.send(&ServerFrame::Accepted { id, entry: accepted.id.into() }).await,
            Err(error) => {
                let wait = match error {
                    InboxError::Busy { retry_after } => retry_after,
                    InboxError::Unavailable(_) => Duration::from_secs(5),
                };
                self.fault(Some(id), &later("unavailable", &error.to_string(), wait)).await
            }
        }
    }

    async fn tell(&mut self, event: ThreadEvent) -> Result<(), Goodbye> {
        match event {
            ThreadEvent::Entry(entry) => self.entries(vec![entry]).await,
            ThreadEvent::Typing { name } => self.send(&ServerFrame::Typing { name: &name }).await,
            ThreadEvent::Writing { text } => self.send(&ServerFrame::Writing { text: &text }).await,
            ThreadEvent::Status(status) => self.send(&ServerFrame::Status { status }).await,
            ThreadEvent::Missed => {
                let status = Box::pin(self.catch_up()).await?;
                self.send(&ServerFrame::Status { status }).await
            }
        }
    }

    /// Sends what there is from the cursor to the end, and returns the status that goes with it.
    async fn catch_up(&mut self) -> Result<ThreadStatus, Goodbye> {
        loop {
            let entries = self.read().await?;
            let last_page = self.cursor.is_none() || entries.len() < PAGE;
            self.entries(entries).await?;
            if last_page {
                break;
            }
        }
        self.door.host.threads.status(&self.thread).await.map_err(|_| Goodbye::TRY_AGAIN)
    }

    /// Sends those that were not sent lately, in frames of about [`FRAME_BYTES`]: a socket's buffer keeps the size of the
    /// largest frame that it ever held.
    async fn entries(&mut self, entries: Vec<ThreadEntry>) -> Result<(), Goodbye> {
        let (mut frame, mut weight) = (Vec::new(), 0);
        for entry in entries {
            if self.recent.contains(&entry.id) {
                continue;
            }
            let entry = self.show(entry);
            if weight > 0 && weight + entry.weight() > FRAME_BYTES {
                self.send(&ServerFrame::Entries { entries: std::mem::take(&mut frame) }).await?;
                weight = 0;
            }
            weight += entry.weight();
            frame.push(entry);
        }
        if frame.is_empty() { Ok(()) } else { self.send(&ServerFrame::Entries { entries: frame }).await }
    }

    async fn read(&mut self) -> Result<Vec<ThreadEntry>, Goodbye> {
        self.door.host.threads.read(&self.thread, self.cursor, PAGE).await.map_err(|_| Goodbye::TRY_AGAIN)
    }

    /// The entry for the browser; the cursor moves past it.
    fn show(&mut self, entry: ThreadEntry) -> EntryShown {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(entry.id);
        self.cursor = self.cursor.max(Some(entry.id));
        EntryShown::new(entry, &self.visitor, &self.door.channel.files)
    }

    /// An outbound message's entry has its number. Whether it is one of this thread, the host checks.
    fn reached(&self, entry: EntryId, reached: Reached) {
        self.notice(Notice::Reached { outbound: OutboundId::from(entry.get()), reached });
    }

    fn notice(&self, notice: Notice) {
        self.door.host.threads.notice(&self.thread, notice);
    }

    async fn fault(&mut self, id: Option<&str>, fault: &Fault) -> Result<(), Goodbye> {
        count(self.door, fault);
        self.send(&ServerFrame::Error { id, fault }).await
    }

    async fn send(&mut self, frame: &ServerFrame<'_>) -> Result<(), Goodbye> {
        self.write(encode(frame)).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Goodbye> {
        match timeout(self.door.channel.timing.write, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Goodbye::GONE),
        }
    }
}

/// Whom a token and a page's claims name. No token, or one of another installation, makes a new visitor.
fn recognise(door: &Door, token: Option<&str>, user: Option<User>) -> Result<Visitor, Fault> {
    let identity = &door.channel.identity;
    let visitor = token.and_then(|token| identity.visitor_of(token)).unwrap_or_else(|| identity.new_visitor());
    identity.recognise(visitor, user.unwrap_or_default()).map_err(|wrong| Fault::new("identity_refused", wrong))
}

async fn refuse(socket: &mut WebSocket, door: &Door, fault: &Fault) -> Goodbye {
    count(door, fault);
    let _ = timeout(door.channel.timing.write, socket.send(encode(&ServerFrame::Error { id: None, fault }))).await;
    Goodbye::NOT_RECOGNISED
}

fn count(door: &Door, fault: &Fault) {
    let channel = door.channel.name.clone();
    metrics::counter!("switchboard_refused_total", "channel" => channel, "code" => fault.code).increment(1);
}

fn later(code: &'static str, message: &str, wait: Duration) -> Fault {
    Fault { retry_after: Some(wait.as_secs_f32().ceil() as u64), ..Fault::new(code, message) }
}

#[expect(clippy::expect_used, reason = "frames are made of texts and numbers")]
fn encode(frame: &ServerFrame<'_>) -> Message {
    Message::Text(serde_json::to_string(frame).expect("frames have only text keys").into())
}

/// The next text frame; protocol pings before it are passed over.
async fn next_text(socket: &mut WebSocket) -> Option<Utf8Bytes> {
    loop {
        match socket.recv().await?.ok()? {
            Message::Text(text) => return Some(text),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) => return None,
        }
    }
}
