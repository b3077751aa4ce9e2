//! A token bucket: so many at once, so many a second over time.

use std::time::{Duration, Instant};

/// Two floats and a moment; one a connection and kind of frame.
#[derive(Debug)]
pub(super) struct Bucket {
    burst: f32,
    per_second: f32,
    tokens: f32,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(burst: f32, per_second: f32, now: Instant) -> Self {
        Self { burst, per_second, tokens: burst, at: now }
    }

    /// Takes one.
    ///
    /// # Errors
    /// There is none; how long until there is.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f32();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f32(((1.0 - self.tokens) / self.per_second).min(3600.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut bucket = Bucket::new(3.0, 2.0, start);
        for (millis, taken) in
            [(0, true), (0, true), (0, true), (0, false), (400, false), (500, true), (500, false), (60_000, true)]
        {
            assert_eq!(bucket.take(at(millis)).is_ok(), taken, "at {millis} ms");
        }
    }

    #[test]
    fn who_waits_as_told_is_let_in() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1.0, 0.5, start);
        assert!(bucket.take(start).is_ok());
        let wait = bucket.take(start).unwrap_err();
        assert_eq!(wait, Duration::from_secs(2));
        assert!(bucket.take(start + wait).is_ok());
    }
}
