//! Questions of many that are asked together: whoever finds a place to ask takes along what others wait to ask. With many who
//! ask the cost of a round trip and of a statement is shared; with one it is not delayed.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, oneshot};

/// The most questions in one of them.
const BATCH: usize = 64;

/// Questions that wait to be asked.
pub(super) struct Together<Q, A> {
    waiting: Mutex<VecDeque<(Q, oneshot::Sender<A>)>>,
    places: Arc<Semaphore>,
}

impl<Q: Clone, A> Together<Q, A> {
    /// As many round trips may be under way at once as there are places.
    pub fn new(places: Arc<Semaphore>) -> Self {
        Self { waiting: Mutex::default(), places }
    }

    /// Asks; `ask` is given the questions of a batch and answers them in their order. Where whoever asked for others too is
    /// gone before the answers came, they are asked again.
    pub async fn ask<F: Future<Output = Vec<A>>>(&self, question: Q, ask: impl Fn(Vec<Q>) -> F) -> A {
        loop {
            let (answer, mut answered) = oneshot::channel();
            self.waiting().push_back((question.clone(), answer));
            let answer = loop {
                let place = tokio::select! {
                    biased;
                    answer = &mut answered => break answer,
                    place = self.places.acquire() => place,
                };
                let (questions, answers): (Vec<_>, Vec<_>) = self.batch().into_iter().unzip();
                if questions.is_empty() {
                    drop(place);
                    break answered.await;
                }
                for (to, answer) in answers.into_iter().zip(ask(questions).await) {
                    // Whoever asked may have gone.
                    let _ = to.send(answer);
                }
            };
            if let Ok(answer) = answer {
                return answer;
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(Q, oneshot::Sender<A>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next questions, without those of whoever has gone.
    fn batch(&self) -> Vec<(Q, oneshot::Sender<A>)> {
        let mut waiting = self.waiting();
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).filter(|(_, answer)| !answer.is_closed()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    const AT_ONCE: usize = 2;

    #[tokio::test]
    async fn what_many_ask_at_once_is_asked_together_and_each_has_its_own_answer() {
        let together = Together::new(Arc::new(Semaphore::new(AT_ONCE)));
        let (trips, go) = (AtomicUsize::new(0), Notify::new());
        let ask = |questions: Vec<usize>| {
            let (trips, go) = (&trips, &go);
            async move {
                if trips.fetch_add(1, Ordering::Relaxed) < AT_ONCE {
                    go.notified().await;
                }
                questions.into_iter().map(|question| question * 10).collect()
            }
        };
        let all = futures::future::join_all((0..130).map(|question| together.ask(question, ask)));
        let release = async {
            tokio::task::yield_now().await;
            go.notify_waiters();
        };
        let (answers, ()) = tokio::join!(all, release);
        assert_eq!(answers, (0..130).map(|question| question * 10).collect::<Vec<_>>());
        assert_eq!(trips.into_inner(), 4, "two alone, and the 128 that waited");
    }

    #[tokio::test]
    async fn who_gives_up_takes_nobody_along() {
        let together: Arc<Together<u8, u8>> = Arc::new(Together::new(Arc::new(Semaphore::new(AT_ONCE))));
        let stuck = {
            let together = Arc::clone(&together);
            tokio::spawn(async move { together.ask(1, |_| std::future::pending()).await })
        };
        let ask = |questions: Vec<u8>| async { questions };
        tokio::task::yield_now().await;
        together.waiting().push_back((9, oneshot::channel().0));
        assert_eq!(together.ask(2, ask).await, 2, "there is a second place, and a question that nobody waits for");
        let other = {
            let together = Arc::clone(&together);
            tokio::spawn(async move { together.ask(3, |_| std::future::pending()).await })
        };
        tokio::task::yield_now().await;
        let waits = {
            let together = Arc::clone(&together);
            tokio::spawn(async move { together.ask(4, ask).await })
        };
        tokio::task::yield_now().await;
        stuck.abort();
        other.abort();
        assert_eq!(waits.await.unwrap(), 4);
    }
}
