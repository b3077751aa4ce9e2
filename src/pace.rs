//! How fast a platform takes messages: pure, on moments that the caller gives.

use std::time::{Duration, Instant};

/// For how much time unused pace is saved up, so that late wake-ups cost nothing.
pub const SAVED: Duration = Duration::from_millis(50);

/// So many a second and no more, evenly; none at all during a pause that the platform asked for.
#[derive(Debug)]
pub struct Pace {
    /// The time that one message takes up.
    each: Option<Duration>,
    /// When the next one may go: what the generic cell rate algorithm calls the theoretical arrival time.
    free: Instant,
    paused_until: Option<Instant>,
}

impl Pace {
    /// `None` is as fast as it goes.
    #[must_use]
    pub fn new(per_second: Option<u32>, now: Instant) -> Self {
        Self::every(per_second.map(Self::each), now)
    }

    /// One in so much time; `None` is as fast as it goes.
    #[must_use]
    pub const fn every(each: Option<Duration>, now: Instant) -> Self {
        Self { each, free: now, paused_until: None }
    }

    /// The time that one message takes up, at so many a second.
    #[must_use]
    pub fn each(per_second: u32) -> Duration {
        Duration::from_nanos(1_000_000_000_u64.div_ceil(u64::from(per_second.max(1))))
    }

    /// Another pace from now on; what went is not counted anew.
    pub fn set_each(&mut self, each: Option<Duration>, now: Instant) {
        if self.each != each {
            self.free = if self.each.is_some() { self.free.max(now) } else { now };
            self.each = each;
        }
    }

    /// How many may go now, of `wanted`.
    #[must_use]
    pub fn allows(&self, wanted: usize, now: Instant) -> usize {
        if self.paused_until.is_some_and(|until| now < until) {
            return 0;
        }
        let Some(each) = self.each else { return wanted };
        let Some(unused) = now.checked_duration_since(self.free) else { return 0 };
        let saved = unused.min(SAVED).as_nanos() / each.as_nanos();
        wanted.min(usize::try_from(saved).unwrap_or(usize::MAX).saturating_add(1))
    }

    /// So many go.
    pub fn take(&mut self, count: usize, now: Instant) {
        if let Some(each) = self.each.filter(|_| count > 0) {
            let from = now.checked_sub(SAVED).map_or(self.free, |earliest| self.free.max(earliest));
            self.free = from + each * u32::try_from(count).unwrap_or(u32::MAX);
        }
    }

    /// So many of those taken did not go.
    pub fn give_back(&mut self, count: usize) {
        if let Some(each) = self.each.filter(|_| count > 0) {
            let back = each * u32::try_from(count).unwrap_or(u32::MAX);
            self.free = self.free.checked_sub(back).unwrap_or(self.free);
        }
    }

    /// How long a pause still lasts, where there is one.
    #[must_use]
    pub fn paused(&self, now: Instant) -> Option<Duration> {
        self.paused_until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Nothing goes before `until`.
    pub fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// After how long one more may go; zero where one may now.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Duration {
        let until = self.paused_until.max(self.each.map(|_| self.free));
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_rate_all_go_but_for_pauses() {
        let now = Instant::now();
        let mut pace = Pace::new(None, now);
        assert_eq!((pace.allows(32, now), pace.wait(now)), (32, Duration::ZERO));
        pace.pause(now + Duration::from_secs(3));
        pace.pause(now + Duration::from_secs(2));
        assert_eq!((pace.allows(32, now), pace.wait(now)), (0, Duration::from_secs(3)));
        assert_eq!(pace.allows(32, now + Duration::from_secs(3)), 32);
    }

    proptest! {
        /// Whenever somebody looks, no more went than the rate allows, and nobody who waits as told is kept.
        #[test]
        fn the_rate_is_kept_and_used(rate in 1_u32..2_000, looks in prop::collection::vec((0_u64..400, 0_usize..40), 1..200)) {
            let begun = Instant::now();
            let (mut pace, mut now, mut gone) = (Pace::new(Some(rate), begun), begun, 0);
            for (milliseconds, wanted) in looks {
                now += Duration::from_millis(milliseconds);
                let count = pace.allows(wanted, now);
                pace.take(count, now);
                gone += count;
                let most = f64::from(rate) * now.duration_since(begun).as_secs_f64();
                prop_assert!(gone as f64 <= most + 1.0 + 1e-6);
                let later = now + pace.wait(now);
                prop_assert!(pace.allows(1, later) == 1);
                now = later;
            }
        }

        /// What is taken and given back leaves the pace as it was.
        #[test]
        fn what_is_given_back_may_go_again(rate in 1_u32..2_000, idle in 0_u64..200, wanted in 1_usize..40, part in 0_usize..40) {
            let begun = Instant::now();
            let now = begun + Duration::from_millis(idle);
            let (mut pace, mut other) = (Pace::new(Some(rate), begun), Pace::new(Some(rate), begun));
            let granted = pace.allows(wanted, now);
            let back = part.min(granted);
            pace.take(granted, now);
            pace.give_back(back);
            other.take(granted - back, now);
            for later in [0, 1, 7, 50, 1_000].map(|late| now + Duration::from_millis(late)) {
                prop_assert_eq!(pace.allows(32, later), other.allows(32, later));
            }
        }

        /// Somebody who always looks when told is within 2 % of the rate, even if each look is some milliseconds late.
        #[test]
        fn late_looks_do_not_slow_it(rate in 1_u32..500, late in 0_u64..10) {
            let begun = Instant::now();
            let (mut pace, mut now, mut gone) = (Pace::new(Some(rate), begun), begun, 0_u32);
            while gone < 2_000 {
                let count = pace.allows(32, now);
                pace.take(count, now);
                gone += count as u32;
                now += pace.wait(now) + Duration::from_millis(late);
            }
            let took = now.duration_since(begun).as_secs_f64();
            let ideal = f64::from(gone) / f64::from(rate);
            prop_assert!((took - ideal).abs() <= ideal * 0.02 + 0.1, "{took} {ideal}");
        }
    }
}
