//! Stops asking an endpoint that fails: a circuit breaker (Nygard, *Release It!*, 2007). The time is passed in.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// After so many failures in a row nothing is asked for a while.
const FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Whether to ask.
#[derive(Debug)]
pub(crate) enum Breaker {
    /// It works, as far as is known.
    Closed {
        /// In a row.
        failures: u32,
    },
    /// Nothing is asked.
    Open {
        /// Then one question tries whether it works again.
        until: Instant,
        /// How long that is.
        pause: Duration,
    },
    /// One question is out to try it.
    Trying {
        /// The pause before.
        pause: Duration,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether this question may be asked. Whoever is told so must say how it went.
    pub(crate) fn may_ask(&mut self, now: Instant) -> bool {
        match *self {
            Self::Closed { .. } => true,
            Self::Open { until, pause } if now >= until => {
                *self = Self::Trying { pause };
                true
            }
            Self::Open { .. } | Self::Trying { .. } => false,
        }
    }

    /// It answered.
    fn went_well(&mut self) {
        *self = Self::default();
    }

    /// Nobody waits for the answer any more: how it went is not known.
    fn given_up(&mut self, now: Instant) {
        if let Self::Trying { pause } = *self {
            *self = Self::Open { until: now + pause, pause };
        }
    }

    /// It failed; `retry_after` is what it asked for. Answers how long nothing is asked, where that begins now.
    fn failed(&mut self, now: Instant, retry_after: Option<Duration>) -> Option<Duration> {
        let pause = match self {
            Self::Closed { failures } if *failures + 1 < FAILURES && retry_after.is_none() => {
                *failures += 1;
                return None;
            }
            Self::Closed { .. } => FIRST_PAUSE,
            Self::Trying { pause } => *pause * 2,
            // It was asked before this opened.
            Self::Open { .. } => return None,
        };
        let pause = pause.max(retry_after.unwrap_or_default()).min(LONGEST_PAUSE);
        *self = Self::Open { until: now + pause, pause };
        Some(pause)
    }
}

/// A question that is out. Whoever stops waiting for the answer drops it, and it is known that nothing is known.
#[must_use]
pub(crate) struct Asked<'b> {
    breaker: &'b Mutex<Breaker>,
    /// Whether it is the one that tries whether it works again.
    tries: bool,
}

impl<'b> Asked<'b> {
    /// Asks; `None` where nothing may be asked now.
    pub fn begin(breaker: &'b Mutex<Breaker>) -> Option<Self> {
        let mut state = lock(breaker);
        state.may_ask(Instant::now()).then(|| Self { breaker, tries: matches!(*state, Breaker::Trying { .. }) })
    }

    /// It answered.
    pub fn went_well(self) {
        lock(self.breaker).went_well();
    }

    /// It failed; `retry_after` is what it asked for. Answers how long nothing is asked, where that begins now.
    pub fn failed(self, retry_after: Option<Duration>) -> Option<Duration> {
        lock(self.breaker).failed(Instant::now(), retry_after)
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.tries {
            // Where it has said how it went, nothing is being tried any more.
            lock(self.breaker).given_up(Instant::now());
        }
    }
}

fn lock(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_tries_once_and_closes_on_success() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES {
            assert!(breaker.may_ask(start));
            assert_eq!(breaker.failed(start, None), None);
        }
        assert_eq!(breaker.failed(start, None), Some(FIRST_PAUSE));
        for _ in 0..10 {
            assert_eq!(breaker.failed(start, None), None, "those that were under way change nothing");
        }
        assert!(!breaker.may_ask(start + FIRST_PAUSE / 2));
        let later = start + FIRST_PAUSE;
        assert!(breaker.may_ask(later), "one tries");
        assert!(!breaker.may_ask(later + LONGEST_PAUSE), "and only one, however long it takes");
        assert_eq!(breaker.failed(later, None), Some(FIRST_PAUSE * 2));
        let latest = later + FIRST_PAUSE * 2;
        assert!(breaker.may_ask(latest));
        breaker.went_well();
        assert!(breaker.may_ask(latest) && breaker.may_ask(latest));
    }

    #[test]
    fn it_waits_as_long_as_it_is_asked_to_within_bounds() {
        let now = Instant::now();
        assert_eq!(Breaker::default().failed(now, Some(Duration::from_secs(60))), Some(Duration::from_secs(60)));
        assert_eq!(Breaker::default().failed(now, Some(Duration::MAX)), Some(LONGEST_PAUSE));
    }

    #[test]
    fn whoever_stops_waiting_leaves_the_next_try_to_others() {
        let breaker = Mutex::new(Breaker::Open { until: Instant::now(), pause: Duration::ZERO });
        let tries = Asked::begin(&breaker).unwrap();
        assert!(Asked::begin(&breaker).is_none(), "one tries");
        drop(tries);
        Asked::begin(&breaker).unwrap().went_well();
        let two = [Asked::begin(&breaker).unwrap(), Asked::begin(&breaker).unwrap()];
        drop(two);
        assert!(matches!(*lock(&breaker), Breaker::Closed { failures: 0 }));
    }

    #[test]
    fn the_pause_is_bounded() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            if let Some(pause) = breaker.failed(now, None) {
                assert!(pause <= LONGEST_PAUSE);
                now += pause;
                assert!(breaker.may_ask(now));
            }
        }
    }
}
