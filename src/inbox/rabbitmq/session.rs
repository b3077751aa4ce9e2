//! What was delivered on one channel: who has what, and what is settled.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::{Channel, options::BasicAckOptions};
use tokio::sync::{Notify, mpsc};

use super::depth::Depth;

/// How many settled messages are acknowledged together at most, and how many make waiting for more needless.
const TOGETHER: usize = 1024;
const ENOUGH: usize = 16;
/// How long others are waited for.
const LINGER: Duration = Duration::from_millis(1);

/// Bits of a message's tag that are its place among those that came as one; below the broker's own tag.
const PLACE_BITS: u32 = 5;
/// How many may come as one.
pub(super) const MOST: usize = 1 << PLACE_BITS;
/// Bits of a delivery's tag that are the message's tag in its session.
const TAG_BITS: u32 = 44;

/// The channel of one partition, from its consumer's start to its end. Tags of the broker mean nothing beyond it.
pub(super) struct Session {
    number: u64,
    depth: Arc<Depth>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    /// Delivered and not settled, and whether the worker has it.
    open: HashMap<u64, bool>,
    /// What came as one, by the broker's tag.
    together: HashMap<u64, Together>,
    /// How many the worker has.
    taken: usize,
    /// Nothing more is given to the worker.
    leaving: bool,
    /// Where settled tags go; `None` when the channel is gone.
    settled: Option<mpsc::UnboundedSender<u64>>,
}

/// Messages that came as one, and are acknowledged as one.
struct Together {
    all: usize,
    unsettled: usize,
}

impl Session {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker delivered so many as one, at most [`MOST`]; their tags.
    pub fn delivered(&self, tag: u64, messages: usize) -> std::ops::Range<u64> {
        let first = tag << PLACE_BITS;
        let tags = first..first + messages as u64;
        let mut state = self.lock();
        state.open.extend(tags.clone().map(|tag| (tag, false)));
        state.together.insert(tag, Together { all: messages, unsettled: messages });
        self.depth.delivered(u32::try_from(messages).unwrap_or(u32::MAX));
        tags
    }

    /// The worker wants it: whether it may have it.
    pub fn take(&self, tag: u64) -> bool {
        let mut state = self.lock();
        if state.leaving || state.settled.is_none() {
            return false;
        }
        let Some(taken) = state.open.get_mut(&tag) else { return false };
        *taken = true;
        state.taken += 1;
        true
    }

    /// It is done with. Of a channel that is gone nothing can be settled: the broker delivers it again.
    pub fn settle(&self, tag: u64) {
        let mut state = self.lock();
        let Some(settled) = state.settled.clone() else { return };
        let Some(taken) = state.open.remove(&tag) else { return };
        state.taken -= usize::from(taken);
        self.depth.settled();
        let broker = tag >> PLACE_BITS;
        if let Some(together) = state.together.get_mut(&broker) {
            together.unsettled -= 1;
            if together.unsettled == 0 {
                state.together.remove(&broker);
                let _ = settled.send(broker);
            }
        }
        if state.taken == 0 {
            self.changed.notify_waiters();
        }
    }

    /// Gives the worker nothing more, and returns when it is done with what it has.
    pub async fn leave(&self) {
        let changed = self.changed.notified();
        tokio::pin!(changed);
        loop {
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                state.leaving = true;
                if state.taken == 0 {
                    return;
                }
            }
            changed.as_mut().await;
            changed.set(self.changed.notified());
        }
    }

    /// The channel is gone, or is about to be: from now on nothing is settled here.
    pub fn close(&self) {
        let mut state = self.lock();
        if state.settled.take().is_some() {
            self.depth.given_back(state.open.len(), state.together.values().map(|together| together.all).sum());
            state.open.clear();
            state.together.clear();
            state.taken = 0;
        }
    }

    /// How the worker's side names one of its deliveries.
    pub fn tag(&self, tag: u64) -> u64 {
        self.number << TAG_BITS | tag
    }
}

/// All open sessions.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Registry>);

#[derive(Default)]
struct Registry {
    last: u64,
    open: HashMap<u64, Arc<Session>>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session, and what is settled in it, to be acknowledged.
    pub fn open(&self, depth: Arc<Depth>) -> (Arc<Session>, mpsc::UnboundedReceiver<u64>) {
        let (settled, acknowledged) = mpsc::unbounded_channel();
        let state =
            State { open: HashMap::new(), together: HashMap::new(), taken: 0, leaving: false, settled: Some(settled) };
        let mut registry = self.lock();
        registry.last = (registry.last + 1) & ((1 << (u64::BITS - TAG_BITS)) - 1);
        let number = registry.last;
        let session = Arc::new(Session { number, depth, state: Mutex::new(state), changed: Notify::new() });
        registry.open.insert(number, Arc::clone(&session));
        (session, acknowledged)
    }

    /// Closes a session.
    pub fn close(&self, session: &Session) {
        session.close();
        self.lock().open.remove(&session.number);
    }

    /// Settles what a delivery's tag names; one of a closed session is nobody's any more.
    pub fn settle(&self, tag: u64) {
        let session = self.lock().open.get(&(tag >> TAG_BITS)).cloned();
        if let Some(session) = session {
            session.settle(tag & ((1 << TAG_BITS) - 1));
        }
    }
}

/// Tells the broker what is settled, until the session is closed and everything is told.
pub(super) async fn acknowledge(channel: Channel, mut settled: mpsc::UnboundedReceiver<u64>) {
    let mut acks = Acks::default();
    let mut batch = Vec::new();
    while settled.recv_many(&mut batch, TOGETHER).await > 0 {
        if batch.len() < ENOUGH && !settled.is_closed() {
            tokio::time::sleep(LINGER).await;
            while let Ok(tag) = settled.try_recv() {
                batch.push(tag);
            }
        }
        for Ack { tag, multiple } in acks.plan(&batch) {
            if channel.basic_ack(tag, BasicAckOptions { multiple }).await.is_err() {
                return;
            }
        }
        batch.clear();
    }
}

/// One acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ack {
    tag: u64,
    /// This one and all before it.
    multiple: bool,
}

/// Which tags of a channel were acknowledged. The broker counts deliveries from 1, with no gap.
#[derive(Debug, Default)]
struct Acks {
    /// All up to here.
    all_to: u64,
    /// Some beyond.
    beyond: BTreeSet<u64>,
}

impl Acks {
    /// How to say that these are settled: one acknowledgement for all that have none unsettled before them, and one for
    /// each of the others, because who waits for the slowest of them would hold up the whole partition.
    fn plan(&mut self, settled: &[u64]) -> Vec<Ack> {
        let new: BTreeSet<u64> = settled.iter().copied().collect();
        self.beyond.extend(&new);
        while self.beyond.remove(&(self.all_to + 1)) {
            self.all_to += 1;
        }
        // The broker wants the last of several to be one that it still waits for.
        let together = new.range(..=self.all_to).next_back().copied();
        let together = together.map(|tag| Ack { tag, multiple: true });
        let alone = new.range(self.all_to + 1..).map(|tag| Ack { tag: *tag, multiple: false });
        together.into_iter().chain(alone).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// In whatever order and batches messages are settled, each is acknowledged once and none before its time, and
        /// never under a tag that the broker has forgotten.
        #[test]
        fn what_is_settled_is_acknowledged(
            order in (1_u64..80).prop_flat_map(|last| Just((1..=last).collect::<Vec<_>>()).prop_shuffle()),
            size in 1_usize..20,
        ) {
            let mut acks = Acks::default();
            let mut outstanding: BTreeSet<u64> = order.iter().copied().collect();
            let mut settled = BTreeSet::new();
            for batch in order.chunks(size) {
                settled.extend(batch);
                for Ack { tag, multiple } in acks.plan(batch) {
                    prop_assert!(outstanding.contains(&tag), "the broker does not know {} any more", tag);
                    let told: Vec<u64> = if multiple { outstanding.range(..=tag).copied().collect() } else { vec![tag] };
                    for tag in told {
                        prop_assert!(settled.contains(&tag), "{} is not settled", tag);
                        outstanding.remove(&tag);
                    }
                }
                prop_assert!(settled.iter().all(|tag| !outstanding.contains(tag)), "something settled was not told");
            }
            prop_assert_eq!(outstanding.len(), 0);
        }
    }

    #[tokio::test]
    async fn a_session_that_is_left_gives_nothing_more_and_waits_for_what_it_gave() {
        let (sessions, depth) = (Sessions::default(), Arc::new(Depth::default()));
        let (session, mut acknowledged) = sessions.open(Arc::clone(&depth));
        depth.measured(3);
        let tags: Vec<u64> = (1..=3).flat_map(|tag| session.delivered(tag, 1)).collect();
        assert!(session.take(tags[0]) && session.take(tags[1]));
        let left = tokio::spawn({
            let session = Arc::clone(&session);
            async move { session.leave().await }
        });
        tokio::task::yield_now().await;
        for settled in [tags[1], tags[0], tags[0]] {
            sessions.settle(session.tag(settled));
        }
        left.await.unwrap();
        assert!(!session.take(tags[2]), "it is for the next owner");
        assert_eq!(depth.waiting(), 1);
        sessions.close(&session);
        sessions.settle(session.tag(tags[2]));
        let mut told = Vec::new();
        while let Some(tag) = acknowledged.recv().await {
            told.push(tag);
        }
        assert_eq!(told, [2, 1], "once each, and nothing of a closed session");
        assert_eq!(depth.waiting(), 1, "the broker has it");
    }

    #[tokio::test]
    async fn what_came_as_one_is_acknowledged_when_all_of_it_is_settled() {
        let (sessions, depth) = (Sessions::default(), Arc::new(Depth::default()));
        let (session, mut acknowledged) = sessions.open(Arc::clone(&depth));
        depth.published();
        (1..MOST).for_each(|_| depth.published());
        let tags: Vec<u64> = session.delivered(1, MOST).collect();
        let others: Vec<u64> = session.delivered(2, 2).collect();
        assert!(tags.iter().chain(&others).all(|tag| session.take(*tag)), "each has a tag of its own");
        for tag in tags.iter().rev() {
            assert!(acknowledged.try_recv().is_err());
            sessions.settle(session.tag(*tag));
        }
        assert_eq!(acknowledged.try_recv(), Ok(1));
        sessions.settle(session.tag(others[1]));
        sessions.close(&session);
        assert!(acknowledged.try_recv().is_err(), "one of them is unsettled: both come again");
    }
}
