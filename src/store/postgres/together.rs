//! Questions of many that are asked together: the cost of a round trip and of a statement is shared.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::crowd::{BATCH, Crowd};

/// How many batches may wait to be asked before whoever asks has to wait.
const BATCHES: usize = 16;

/// Questions that wait to be asked.
pub(super) struct Together<Q, A>(mpsc::Sender<(Q, oneshot::Sender<A>)>);

impl<Q: Send + 'static, A: Send + 'static> Together<Q, A> {
    /// As many round trips may be under way at once as there are places, and `at_most` of them; `ask` is given the questions of a
    /// batch and answers them in their order.
    pub fn new<F>(places: &Arc<Semaphore>, at_most: usize, ask: impl Fn(Vec<Q>) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = Vec<A>> + Send + 'static,
    {
        let (sender, waiting) = mpsc::channel(BATCHES * BATCH);
        let waiting = Arc::new(Crowd::new(waiting));
        for _ in 0..at_most {
            tokio::spawn(answer(Arc::clone(&waiting), Arc::clone(places), ask.clone()));
        }
        Self(sender)
    }

    /// Asks; `None` where whoever asks is gone, or has ended by a defect.
    pub async fn ask(&self, question: Q) -> Option<A> {
        let (answer, answered) = oneshot::channel();
        self.0.send((question, answer)).await.ok()?;
        answered.await.ok()
    }
}

/// Asks until nobody does any more.
async fn answer<Q, A, F: Future<Output = Vec<A>>>(
    waiting: Arc<Crowd<(Q, oneshot::Sender<A>)>>,
    places: Arc<Semaphore>,
    ask: impl Fn(Vec<Q>) -> F,
) {
    let mut batch = Vec::new();
    loop {
        let Ok(_place) = places.acquire().await else { return };
        if !waiting.gather(&mut batch).await {
            return;
        }
        // Whoever asked may have gone.
        let (questions, asked): (Vec<_>, Vec<_>) = batch.drain(..).filter(|(_, answer)| !answer.is_closed()).unzip();
        if questions.is_empty() {
            continue;
        }
        let answers = AssertUnwindSafe(ask(questions)).catch_unwind().await;
        for (asked, answer) in asked.into_iter().zip(answers.unwrap_or_default()) {
            let _ = asked.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_many_ask_at_once_is_asked_together_and_each_has_its_own_answer() {
        let trips = Arc::new(AtomicUsize::new(0));
        let ask = {
            let trips = Arc::clone(&trips);
            move |questions: Vec<usize>| {
                trips.fetch_add(1, Ordering::Relaxed);
                async move { questions.into_iter().map(|question| question * 10).collect() }
            }
        };
        let places = Arc::new(Semaphore::new(0));
        let together = Together::new(&places, 2, ask);
        let many = 2 * BATCH + 1;
        let all = futures::future::join_all((0..many).map(|question| together.ask(question)));
        // Time passes once everybody has asked.
        let begin = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            places.add_permits(2);
        };
        let (answers, ()) = tokio::join!(all, begin);
        assert_eq!(answers, (0..many).map(|question| Some(question * 10)).collect::<Vec<_>>());
        assert_eq!(trips.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_defect_costs_those_who_asked_for_it_alone() {
        let together = Together::new(&Arc::new(Semaphore::new(1)), 1, |questions: Vec<u8>| async {
            assert_ne!(questions, [1], "a defect");
            questions
        });
        assert_eq!(together.ask(1).await, None);
        assert_eq!(together.ask(2).await, Some(2));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_asked() {
        let places = Arc::new(Semaphore::new(0));
        let together = Together::new(&places, 1, |questions: Vec<u8>| async {
            assert_eq!(questions, [2]);
            questions
        });
        let mut gone = Box::pin(together.ask(1));
        assert!(futures::poll!(&mut gone).is_pending());
        drop(gone);
        let stays = together.ask(2);
        places.add_permits(1);
        assert_eq!(stays.await, Some(2));
    }
}
