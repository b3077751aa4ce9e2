//! What time it is for the daemon: the machine's clock, but that it never goes back.
//!
//! Whoever waits, waits by this clock: an offer that expires, a rule on `idle`, a session. After the machine's clock was
//! set back, this one goes half as fast until they agree again. So nothing is due twice, the order of what happened
//! stays, and whoever waits is kept waiting for at most twice as long, not for as long as the clock was set back.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use contract::Timestamp;

use crate::desk::later;

/// The time now; never before one that was given already.
#[must_use]
pub fn now() -> Timestamp {
    static CLOCK: Mutex<Option<Clock>> = Mutex::new(None);
    let (machine, instant) = (Timestamp::now(), Instant::now());
    let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    clock.get_or_insert(Clock { given: machine, at: instant }).time(machine, instant)
}

/// The time that was given last, and when.
#[derive(Debug)]
struct Clock {
    given: Timestamp,
    at: Instant,
}

impl Clock {
    /// The time when the machine's clock says `machine`.
    fn time(&mut self, machine: Timestamp, at: Instant) -> Timestamp {
        let passed = at.saturating_duration_since(self.at);
        self.given = machine.max(later(self.given, passed / 2));
        self.at = self.at.max(at);
        self.given
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;
    use proptest::prelude::{ProptestConfig, proptest};

    use super::*;

    const HOUR: i64 = 3_600;

    fn noon() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn an_hour_back_takes_two_hours_to_make_up_for() {
        let start = Instant::now();
        let mut clock = Clock { given: noon(), at: start };
        let mut time = |passed: i64, machine: i64| {
            let at = start + Duration::from_secs(passed.unsigned_abs());
            clock.time(noon() + SignedDuration::from_secs(machine), at).duration_since(noon()).as_secs()
        };
        assert_eq!(time(10, 10), 10, "the machine's clock is right");
        assert_eq!(time(20, 20 - HOUR), 15, "it was set back: time goes on");
        assert_eq!(time(80, 80 - HOUR), 45, "half as fast");
        assert_eq!(time(10 + 2 * HOUR, 10 + HOUR), 10 + HOUR, "they agree");
        assert_eq!(time(20 + 2 * HOUR, 20 + HOUR), 20 + HOUR, "and stay so");
        assert_eq!(time(30 + 2 * HOUR, 9 * HOUR), 9 * HOUR, "forward is followed at once");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// However the machine's clock is set, this one never goes back, never stands still, and is never behind it.
        #[test]
        fn time_goes_on(steps in proptest::collection::vec((0_u64..100_000, -2 * HOUR..2 * HOUR), 1..50)) {
            let start = Instant::now();
            let (mut clock, mut at, mut machine) = (Clock { given: noon(), at: start }, start, noon());
            let mut last = noon();
            for (passed, set) in steps {
                at += Duration::from_millis(passed);
                machine += SignedDuration::from_millis(passed.cast_signed()) + SignedDuration::from_secs(set);
                let now = clock.time(machine, at);
                proptest::prop_assert!(now >= machine && now.duration_since(last) >= SignedDuration::from_millis(passed.cast_signed()) / 2);
                last = now;
            }
        }
    }
}
