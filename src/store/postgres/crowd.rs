//! A queue of what is done together.

use std::time::Duration;

use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, timeout_at},
};

use crate::rounds::Rounds;

/// The most that is done together.
pub(super) const BATCH: usize = 128;
/// How far apart rounds are, where many come.
const EVERY: Duration = Duration::from_millis(40);

/// What waits, for several who take of it in turns.
pub(super) struct Crowd<T>(Mutex<Waiting<T>>);

struct Waiting<T> {
    queue: mpsc::Receiver<T>,
    rounds: Rounds,
    /// The next batch is taken then, or when it is full.
    next: Option<Instant>,
}

impl<T> Crowd<T> {
    pub fn new(queue: mpsc::Receiver<T>) -> Self {
        Self(Mutex::new(Waiting { queue, rounds: Rounds::every(EVERY), next: None }))
    }

    /// Adds what waits to a batch, and waits for the first of an empty one; whether there is one.
    pub async fn gather(&self, batch: &mut Vec<T>) -> bool {
        let mut waiting = if batch.is_empty() {
            self.0.lock().await
        } else if let Ok(waiting) = self.0.try_lock() {
            waiting
        } else {
            // Whoever waits for more has the lock.
            return true;
        };
        let Waiting { queue, rounds, next } = &mut *waiting;
        if batch.is_empty() && queue.recv_many(batch, BATCH).await == 0 {
            return false;
        }
        let until = next.unwrap_or_else(Instant::now);
        while batch.len() < BATCH
            && let Ok(1..) = timeout_at(until, queue.recv_many(batch, BATCH - batch.len())).await
        {}
        *next = rounds.took(batch.len());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_waited_for_and_a_single_one_is_not() {
        let (sender, receiver) = mpsc::channel(4 * BATCH);
        let crowd = Crowd::new(receiver);
        let began = Instant::now();
        let take = async || {
            let mut batch = Vec::new();
            assert!(crowd.gather(&mut batch).await);
            (batch.len(), began.elapsed())
        };
        let send = async |many: usize| {
            for _ in 0..many {
                sender.send(()).await.unwrap();
            }
        };
        send(1).await;
        assert_eq!(take().await, (1, Duration::ZERO));
        tokio::time::advance(EVERY).await;
        send(50).await;
        assert_eq!(take().await, (50, EVERY), "there are rounds from now on");
        send(30).await;
        let later = async {
            tokio::time::sleep(EVERY / 2).await;
            send(30).await;
        };
        let ((), taken) = tokio::join!(later, take());
        assert_eq!(taken, (60, 2 * EVERY));
        send(2 * BATCH).await;
        assert_eq!(take().await, (BATCH, 2 * EVERY), "what is full goes at once");
        assert_eq!(take().await, (BATCH, 2 * EVERY));
        send(3).await;
        assert_eq!(take().await, (3, 3 * EVERY));
        send(3).await;
        assert_eq!(take().await, (3, 4 * EVERY));
        send(1).await;
        assert_eq!(take().await, (1, 4 * EVERY), "the crowd is gone");
        drop(sender);
        assert!(!crowd.gather(&mut Vec::new()).await);
    }
}
