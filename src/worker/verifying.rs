//! What a worker does about who customers are: finds out whether a code may be sent, and commits what a link proves.

use std::sync::Arc;

use contract::{ChallengeId, ConversationId, CustomerId, Stop};

use super::{TurnError, Worker};
use crate::{
    store::{Recall, StoreError},
    turn::{Occasion, Turn, waiting},
};

impl Worker {
    /// Counts the code that a turn is going to send, before it does: where an action begins, or hears the message.
    pub(super) async fn permit(&self, turn: &mut Turn<'_>, begins: Option<&str>) -> Result<(), TurnError> {
        let Some(to) = turn.wants_code(begins) else { return Ok(()) };
        let (customer, entry) = turn.counted_by();
        let permission = self.verifier.permission(&*self.records.store, customer, &to, entry).await?;
        turn.permit(permission);
        Ok(())
    }

    /// Adds what is known of those whom a proof makes one with the customer: it is used in the turn that proves it.
    pub(super) async fn know_joined(&self, recall: &mut Recall) -> Result<(), StoreError> {
        let joined: Vec<CustomerId> = recall.identified.iter().map(|(_, customer)| customer.id).collect();
        for customer in joined.into_iter().filter(|customer| !recall.parted.contains(customer)) {
            if let Some(contact) = self.records.store.contact(customer).await? {
                Arc::make_mut(&mut recall.ties).identifiers.extend(contact.identifiers);
            }
        }
        Ok(())
    }

    /// The language of a conversation whose customer can prove who they are by the link of a challenge; `None` where they
    /// cannot, or not any more.
    ///
    /// # Errors
    /// The record does not work.
    pub async fn waits_for_proof(
        &self,
        conversation: ConversationId,
        challenge: ChallengeId,
    ) -> Result<Option<String>, StoreError> {
        let found = self.records.store.conversation(conversation).await?;
        let now = crate::clock::now();
        Ok(found.filter(|found| waiting(found, challenge, now).is_some()).map(|found| found.language.clone()))
    }

    /// The customer has proven who they are by the link of a challenge: their conversation goes on as it does after the right
    /// code. Whether that came about; it does once. Any daemon may do it.
    ///
    /// # Errors
    /// The record does not work; it can be tried again.
    pub async fn prove(
        self: &Arc<Self>,
        conversation: ConversationId,
        challenge: ChallengeId,
        stop: &Stop,
    ) -> Result<bool, StoreError> {
        let found = self.records.store.conversation(conversation).await?;
        let Some(of) = found.and_then(|found| found.last_message) else { return Ok(false) };
        let Some((inbound, signals)) = self.message(of).await? else { return Ok(false) };
        let occasion = Occasion::Proven { conversation, of, challenge, signals: &signals };
        match self.take(&inbound, occasion).await {
            Ok(Some((_, after))) => {
                self.begin_call(&after, &inbound, &signals, stop);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) => error.said(conversation, "What a link proved could not be noted.").map(|()| false),
        }
    }
}
