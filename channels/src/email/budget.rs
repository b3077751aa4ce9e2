//! How many mails a machine may send to one peer: what breaks every loop with another machine.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use contract::OutboundId;

const WINDOW: Duration = Duration::from_secs(3600);
/// Above so many peers, those are forgotten who had nothing within the hour.
const MOST_PEERS: usize = 10_000;

/// Counts what was sent to each peer within an hour. Forgotten by a restart, which is no loop.
pub(super) struct Budget {
    limit: usize,
    sent: Mutex<HashMap<String, VecDeque<(Instant, OutboundId)>>>,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, sent: Mutex::default() }
    }

    /// Takes one mail to `peer` from the budget, if there is any left. The attempts of one mail count once.
    pub(super) fn take(&self, peer: &str, mail: OutboundId, now: Instant) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |(at, _): &(Instant, OutboundId)| now.saturating_duration_since(*at) >= WINDOW;
        if sent.len() >= MOST_PEERS && !sent.contains_key(peer) {
            sent.retain(|_, times| times.back().is_some_and(|last| !is_old(last)));
        }
        let times = sent.entry(peer.to_owned()).or_default();
        while times.front().is_some_and(is_old) {
            times.pop_front();
        }
        if times.iter().any(|(_, counted)| *counted == mail) {
            return true;
        }
        let is_left = times.len() < self.limit;
        if is_left {
            times.push_back((now, mail));
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_so_many_an_hour() {
        let (budget, start) = (Budget::new(3), Instant::now());
        let clock = contract::IdClock::new(0);
        let mut mails = std::iter::repeat_with(|| clock.next(contract::Timestamp::now()));
        let at = |minutes: u64| start + Duration::from_secs(minutes * 60);
        let first: Vec<OutboundId> = mails.by_ref().take(3).collect();
        assert!(first.iter().all(|mail| budget.take("a@b.example", *mail, start)));
        assert!(budget.take("a@b.example", first[0], at(1)), "another attempt");
        let mut next = || mails.next().unwrap();
        assert!(!budget.take("a@b.example", next(), at(59)));
        assert!(budget.take("c@d.example", next(), at(59)));
        assert!(budget.take("a@b.example", next(), at(60)));
    }
}
