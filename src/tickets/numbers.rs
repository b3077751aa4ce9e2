//! Numbers that this daemon has reserved and not given yet.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::store::{Store, StoreError, ticket::TicketNumber};

/// How many are reserved at a time. A daemon that stops leaves a gap of at most so many, and of one for each turn that it had
/// under way.
const AT_ONCE: u32 = 20;

/// Where numbers come from. Whoever may need one draws it before, and gives it back unused: so a turn waits for the record
/// once in [`AT_ONCE`] tickets.
pub struct Numbers {
    store: Arc<dyn Store>,
    free: Mutex<BTreeSet<TicketNumber>>,
    reserving: tokio::sync::Mutex<()>,
}

/// A number that is kept for somebody; back where it came from when it is dropped, unless it was given.
pub struct Drawn<'a> {
    number: TicketNumber,
    numbers: &'a Numbers,
    given: bool,
}

impl Numbers {
    /// Those of a record.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, free: Mutex::default(), reserving: tokio::sync::Mutex::default() }
    }

    /// The smallest that is free.
    ///
    /// # Errors
    /// The record does not work, and none is left.
    pub async fn draw(&self) -> Result<Drawn<'_>, StoreError> {
        if let Some(drawn) = self.free_one() {
            return Ok(drawn);
        }
        let _alone = self.reserving.lock().await;
        loop {
            if let Some(drawn) = self.free_one() {
                return Ok(drawn);
            }
            let reserved = self.store.reserve_tickets(AT_ONCE).await?;
            self.lock().extend(reserved);
        }
    }

    fn free_one(&self) -> Option<Drawn<'_>> {
        let number = self.lock().pop_first()?;
        Some(Drawn { number, numbers: self, given: false })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<TicketNumber>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drawn<'_> {
    /// Which one.
    #[must_use]
    pub fn number(&self) -> TicketNumber {
        self.number
    }

    /// It may be in the record from now on, so that nobody else is given it.
    pub fn give(&mut self) {
        self.given = true;
    }
}

impl Drop for Drawn<'_> {
    fn drop(&mut self) {
        if !self.given {
            self.numbers.lock().insert(self.number);
        }
    }
}
