//! How many questions may be asked, a minute and a day. The time is passed in; a start counts from nothing.

use contract::Timestamp;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * 60;

/// What is left of a minute and of a day, UTC.
#[derive(Debug)]
pub(super) struct Budget {
    minute: Window,
    day: Window,
}

#[derive(Debug)]
struct Window {
    seconds: i64,
    most: u32,
    at: i64,
    used: u32,
}

impl Budget {
    pub fn new(per_minute: u32, per_day: u32) -> Self {
        let window = |seconds, most| Window { seconds, most, at: i64::MIN, used: 0 };
        Self { minute: window(MINUTE, per_minute), day: window(DAY, per_day) }
    }

    /// Whether a question is left.
    pub fn is_left(&mut self, now: Timestamp) -> bool {
        self.minute.is_left(now) && self.day.is_left(now)
    }

    /// Takes one question out of it.
    pub fn take(&mut self) {
        self.minute.used += 1;
        self.day.used += 1;
    }
}

impl Window {
    /// A clock that goes back opens no new window.
    fn is_left(&mut self, now: Timestamp) -> bool {
        let at = now.as_second().div_euclid(self.seconds);
        if at > self.at {
            (self.at, self.used) = (at, 0);
        }
        self.used < self.most
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_minute_and_a_day_have_so_many_questions() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let mut budget = Budget::new(2, 3);
        let mut take = |seconds| {
            let is_left = budget.is_left(now + SignedDuration::from_secs(seconds));
            if is_left {
                budget.take();
            }
            is_left
        };
        assert_eq!([take(0), take(59), take(59)], [true, true, false], "a minute");
        assert_eq!([take(60), take(120)], [true, false], "a day");
        assert!(!take(-3600), "a clock that goes back gives nothing");
        assert!(take(DAY));
        assert!(!Budget::new(0, 9).is_left(now), "none at all");
    }
}
