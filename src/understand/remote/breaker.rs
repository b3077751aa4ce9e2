//! Stops asking an endpoint that fails: a circuit breaker (Nygard, *Release It!*, 2007). The time is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// After so many failures in a row nothing is asked for a while.
const FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// Whether to ask. Closed at first; open for a pause after failures; then one question tries whether it works again.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    open_until: Option<Instant>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 0, pause: FIRST_PAUSE, open_until: None }
    }
}

impl Breaker {
    /// Whether this question may be asked. Whoever is told so must say how it went.
    pub fn may_ask(&mut self, now: Instant) -> bool {
        match self.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                // The one that tries; until it is known how that went, no other does.
                self.open_until = Some(now + self.pause);
                true
            }
            None => true,
        }
    }

    /// It was answered.
    pub fn went_well(&mut self) {
        *self = Self::default();
    }

    /// It failed; `retry_after` is what the endpoint asked for. Answers for how long nothing is asked, where that begins now.
    pub fn failed(&mut self, now: Instant, retry_after: Option<Duration>) -> Option<Duration> {
        self.failures += 1;
        let was_open = self.open_until.is_some();
        if !was_open && self.failures < FAILURES && retry_after.is_none() {
            return None;
        }
        if was_open {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        let pause = self.pause.max(retry_after.unwrap_or_default().min(LONGEST_PAUSE));
        self.open_until = Some(now + pause);
        Some(pause)
    }
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
        assert!(!breaker.may_ask(start + FIRST_PAUSE / 2));
        let later = start + FIRST_PAUSE;
        assert!(breaker.may_ask(later), "one tries");
        assert!(!breaker.may_ask(later), "and only one");
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
