//! A mailbox whose owner may be elsewhere: several daemons share a desk, and one of them runs it at a time.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Where messages for a task are left, whichever process runs it. Cheap to clone.
pub struct Seat<T>(Arc<ArcSwapOption<UnboundedSender<T>>>);

impl<T> Clone for Seat<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Seat<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Seat<T> {
    /// Takes the seat: what is told from now on comes out here, until the receiver is dropped or another one sits down.
    #[must_use]
    pub fn sit(&self) -> UnboundedReceiver<T> {
        let (sender, mailbox) = mpsc::unbounded_channel();
        self.0.store(Some(Arc::new(sender)));
        mailbox
    }

    /// Tells whoever sits here. Nobody does in a process that is not responsible: the message is dropped, and whatever it
    /// carried with it, so that who waits for an answer hears that there is none.
    pub fn tell(&self, message: T) {
        if let Some(sender) = &*self.0.load() {
            let _ = sender.send(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn who_sits_hears_and_nobody_waits_in_vain() {
        let seat = Seat::default();
        let (answer, answered) = oneshot::channel::<()>();
        seat.tell(answer);
        assert!(answered.await.is_err(), "nobody sits there yet");

        let mut mailbox = seat.clone().sit();
        let (answer, answered) = oneshot::channel();
        seat.tell(answer);
        mailbox.recv().await.unwrap().send(()).unwrap();
        answered.await.unwrap();

        let mut next = seat.sit();
        seat.tell(oneshot::channel().0);
        assert!(next.recv().await.is_some() && mailbox.recv().await.is_none(), "the next one has taken the seat");
        drop(next);
        let (answer, answered) = oneshot::channel();
        seat.tell(answer);
        assert!(answered.await.is_err(), "they left");
    }
}
