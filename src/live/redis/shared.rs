//! Who has consoles open, and the desk's board: written by one task, read by whoever asks.
//!
//! Presences are one hash, a field a node, each with the moment at which it is forgotten, by Redis' clock. The hash says
//! when it was made: until everybody has had time to repeat what they said before, it is not complete.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use contract::{AgentId, Stop};
use redis::{RedisResult, Script};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use super::{
    super::{Event, Here, Live, LocalLive, Topic},
    Outgoing, Timing,
    link::Link,
    server::Connection,
};

/// The moment, in milliseconds.
const NOW: &str = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)\n";
/// Keys: presences. Arguments: the node, for how long, its agents.
const SAY: &str = include_str!("say.lua");
/// Keys: presences. Arguments: how old it must be to be complete.
const HERE: &str = include_str!("here.lua");
/// Keys: the board. Arguments: the epoch, the board, for how long.
const PUT_BOARD: &str = include_str!("put_board.lua");
/// For how many times of [`Timing::forget`] something is kept that nobody repeats.
const KEPT: u32 = 4;

/// Says what this node has to say, and says it again.
pub(super) struct Teller {
    link: Arc<Link>,
    outgoing: Outgoing,
    local: LocalLive,
    node: String,
    timing: Timing,
    presences: String,
    board: String,
    say: Script,
    read: Script,
    put: Script,
    said: Mutex<Said>,
    /// Rung when something else is to be said.
    bell: Notify,
}

#[derive(Default)]
struct Said {
    /// `None` until somebody said something: a node without consoles says nothing.
    here: Option<BTreeSet<AgentId>>,
    is_here_new: bool,
    board: Option<(u64, Bytes)>,
    is_board_new: bool,
}

impl Teller {
    pub(super) fn new(
        link: Arc<Link>,
        outgoing: Outgoing,
        local: LocalLive,
        prefix: &str,
        node: String,
        timing: Timing,
    ) -> Self {
        Self {
            link,
            outgoing,
            local,
            node,
            timing,
            presences: format!("{prefix}:here"),
            board: format!("{prefix}:desk-board"),
            say: Script::new(&format!("{NOW}{SAY}")),
            read: Script::new(&format!("{NOW}{HERE}")),
            put: Script::new(PUT_BOARD),
            said: Mutex::default(),
            bell: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn say_here(&self, agents: BTreeSet<AgentId>) {
        let mut said = self.lock();
        if said.here.as_ref() != Some(&agents) {
            said.here = Some(agents);
            said.is_here_new = true;
            self.bell.notify_one();
        }
    }

    pub(super) fn put_board(&self, epoch: u64, board: Bytes) {
        let mut said = self.lock();
        if said.board.as_ref().is_none_or(|(newest, _)| *newest <= epoch) {
            said.board = Some((epoch, board));
            said.is_board_new = true;
            self.bell.notify_one();
        }
    }

    /// Runs until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: Stop) {
        let mut is_up = self.link.is_up();
        let mut repeat = interval(self.timing.repeat);
        repeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_news_only = tokio::select! {
                () = stop.cancelled() => return,
                () = self.bell.notified() => true,
                _ = repeat.tick() => false,
                changed = is_up.changed() => if changed.is_err() { return } else { false },
            };
            let Some(mut connection) = self.link.get() else { continue };
            if let Err(error) = self.tell(&mut connection, is_news_only).await {
                self.link.failed(&error);
            }
        }
    }

    async fn tell(&self, connection: &mut Connection, is_news_only: bool) -> RedisResult<()> {
        self.tell_here(connection, is_news_only).await?;
        self.tell_board(connection, is_news_only).await
    }

    async fn tell_here(&self, connection: &mut Connection, is_news_only: bool) -> RedisResult<()> {
        let (here, is_new) = {
            let mut said = self.lock();
            (said.here.clone(), std::mem::take(&mut said.is_here_new))
        };
        let Some(here) = here.filter(|_| is_new || !is_news_only) else { return Ok(()) };
        if let Err(error) = self.write_here(connection, &here).await {
            self.lock().is_here_new |= is_new;
            return Err(error);
        }
        if is_new {
            self.hint(&Topic::Presence);
        }
        Ok(())
    }

    async fn tell_board(&self, connection: &mut Connection, is_news_only: bool) -> RedisResult<()> {
        let (board, is_new) = {
            let mut said = self.lock();
            (said.board.clone(), std::mem::take(&mut said.is_board_new))
        };
        let Some((epoch, board)) = board.filter(|_| is_new || !is_news_only) else { return Ok(()) };
        match self.write_board(connection, epoch, &board).await {
            Ok(true) if is_new => self.hint(&Topic::Board),
            Ok(true) => {}
            // Somebody leads now in a later epoch.
            Ok(false) => {
                let mut said = self.lock();
                if said.board.as_ref().is_some_and(|(mine, _)| *mine <= epoch) {
                    said.board = None;
                }
            }
            Err(error) => {
                self.lock().is_board_new |= is_new;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write_here(&self, connection: &mut Connection, here: &BTreeSet<AgentId>) -> RedisResult<()> {
        let agents = here.iter().map(|agent| agent.get().to_string()).collect::<Vec<_>>().join(",");
        let mut call = self.say.prepare_invoke();
        call.key(&self.presences).arg(&self.node).arg(millis(self.timing.forget)).arg(agents);
        call.invoke_async(connection).await
    }

    async fn write_board(&self, connection: &mut Connection, epoch: u64, board: &Bytes) -> RedisResult<bool> {
        let mut call = self.put.prepare_invoke();
        call.key(&self.board).arg(epoch).arg(&board[..]).arg(millis(self.timing.forget * KEPT));
        call.invoke_async(connection).await
    }

    fn hint(&self, topic: &Topic) {
        self.local.publish(topic, Event::Changed);
        self.outgoing.send(topic, Event::Changed);
    }

    pub(super) async fn here(&self) -> Option<Here> {
        let mut connection = self.link.get()?;
        let mut call = self.read.prepare_invoke();
        call.key(&self.presences).arg(millis(self.timing.forget));
        let (complete, said): (bool, Vec<String>) =
            call.invoke_async(&mut connection).await.inspect_err(|error| self.link.failed(error)).ok()?;
        let agents = said.iter().flat_map(|agents| agents.split(','));
        let agents = agents.filter_map(|agent| agent.parse::<u64>().ok()).map(AgentId::from).collect();
        Some(Here { agents, complete })
    }

    pub(super) async fn board(&self) -> Option<Bytes> {
        let mut connection = self.link.get()?;
        let board: RedisResult<Option<Vec<u8>>> =
            redis::cmd("HGET").arg(&self.board).arg("board").query_async(&mut connection).await;
        board.inspect_err(|error| self.link.failed(error)).ok()?.map(Bytes::from)
    }

    /// Takes back what this node said of consoles: it ends.
    pub(super) async fn leave(&self) {
        let has_said = self.lock().here.take().is_some();
        let Some(mut connection) = self.link.get().filter(|_| has_said) else { return };
        let left: RedisResult<()> =
            redis::cmd("HDEL").arg(&self.presences).arg(&self.node).query_async(&mut connection).await;
        match left {
            Ok(()) => self.hint(&Topic::Presence),
            Err(error) => tracing::debug!(%error, "A node's last word was lost; it is forgotten soon."),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
