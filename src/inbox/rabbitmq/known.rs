//! Asks the record which messages it knows: everybody who asks while one question is out goes into the next one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contract::MessageId;
use tokio::sync::{mpsc, oneshot};

use super::letters::Letters;
use crate::store::dedup_key::DedupKey;

/// How many keys a question has.
const AT_ONCE: usize = 256;
/// How long an answer is waited for: a double is recognised by its turn as well, so nobody waits long for this.
const PATIENCE: Duration = Duration::from_secs(1);

type Question = (DedupKey, oneshot::Sender<Option<MessageId>>);

/// Questions to the record.
#[derive(Clone)]
pub(super) struct Known(mpsc::Sender<Question>);

impl Known {
    /// The questions, and who answers them.
    pub fn new(letters: Arc<dyn Letters>) -> (Self, impl Future<Output = ()> + Send) {
        let (asks, questions) = mpsc::channel(4 * AT_ONCE);
        (Self(asks), answer(letters, questions))
    }

    /// The message that was committed under a key; `None` also where the record does not answer.
    pub async fn ask(&self, key: DedupKey) -> Option<MessageId> {
        let (told, answer) = oneshot::channel();
        self.0.send((key, told)).await.ok()?;
        answer.await.ok().flatten()
    }
}

async fn answer(letters: Arc<dyn Letters>, mut questions: mpsc::Receiver<Question>) {
    let mut batch = Vec::new();
    let mut silent_until: Option<Instant> = None;
    while questions.recv_many(&mut batch, AT_ONCE).await > 0 {
        let (keys, asked): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        if silent_until.is_some_and(|until| Instant::now() < until) {
            continue;
        }
        silent_until = None;
        match tokio::time::timeout(PATIENCE, letters.known(&keys)).await {
            Ok(Ok(known)) => {
                for (told, known) in asked.into_iter().zip(known) {
                    let _ = told.send(known);
                }
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "The record does not say which messages it knows.");
                silent_until = Some(Instant::now() + PATIENCE);
            }
            Err(_) => silent_until = Some(Instant::now() + PATIENCE),
        }
    }
}
