//! Rounds: where many come at once, what they bring is done together at intervals, because it costs about the same for one as
//! for many. Where few come, nobody waits for company.

use std::time::Duration;

use tokio::time::Instant;

/// How many have to come from one round to the next.
const CROWD: usize = 16;

/// Whether so many come that there are rounds.
#[derive(Debug)]
pub struct Rounds {
    every: Duration,
    since: Instant,
    came: usize,
    crowded: bool,
}

impl Rounds {
    /// Rounds that are so far apart.
    pub fn every(every: Duration) -> Self {
        Self { every, since: Instant::now(), came: 0, crowded: false }
    }

    /// So many have just been taken: when the next ones are to be, where not at once.
    pub fn took(&mut self, many: usize) -> Option<Instant> {
        let now = Instant::now();
        self.came += many;
        if now >= self.since + self.every {
            self.crowded = self.came >= CROWD;
            (self.since, self.came) = (now, 0);
        }
        self.crowded.then(|| now + self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_in_a_crowd_waits_for_company_and_nobody_else_does() {
        const EVERY: Duration = Duration::from_millis(40);
        let mut rounds = Rounds::every(EVERY);
        let after = |part: u32| tokio::time::advance(EVERY / part);
        for _ in 0..100 {
            after(4).await;
            assert_eq!(rounds.took(1), None, "four in a round's time are no crowd");
        }
        for _ in 0..4 {
            after(4).await;
            rounds.took(8);
        }
        for many in [20, 30, 16] {
            after(1).await;
            assert_eq!(rounds.took(many), Some(Instant::now() + EVERY));
        }
        after(1).await;
        assert_eq!(rounds.took(3), None, "the crowd is gone");
    }
}
