//! How often each rule acts: counted in memory, kept by the hour. What was counted in the last seconds before a crash is
//! lost; it is a statistic, not the record.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contract::{Stop, Timestamp};
use jiff::{SignedDuration, Unit};

use crate::store::{Store, StoreError};

/// How often they are written down.
const WRITE_EVERY: Duration = Duration::from_secs(10);

/// How often each rule has acted since that was last written down.
pub struct Hits {
    store: Arc<dyn Store>,
    unwritten: Mutex<HashMap<Arc<str>, u64>>,
}

impl Hits {
    /// Counts from nothing.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, unwritten: Mutex::default() }
    }

    /// These rules acted.
    pub fn note(&self, rules: &[Arc<str>]) {
        let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in rules {
            match unwritten.get_mut(rule) {
                Some(hits) => *hits += 1,
                None => drop(unwritten.insert(Arc::clone(rule), 1)),
            }
        }
    }

    /// How often each rule acted in the last 24 hours, to the hour.
    ///
    /// # Errors
    /// The record cannot be read.
    pub async fn of_a_day(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut hits = self.store.rule_hits(hour(crate::clock::now() - SignedDuration::from_hours(24))).await?;
        for (rule, more) in &*self.unwritten.lock().unwrap_or_else(PoisonError::into_inner) {
            *hits.entry(rule.to_string()).or_default() += more;
        }
        Ok(hits)
    }

    /// Writes them down, now and then, until `stop`.
    pub async fn keep(self: Arc<Self>, stop: Stop) {
        while stop.run_until_cancelled(tokio::time::sleep(WRITE_EVERY)).await.is_some() {
            self.write().await;
        }
    }

    /// Writes down what is not written. What cannot be written is counted on.
    pub async fn write(&self) {
        let hits: Vec<(Arc<str>, u64)> =
            self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        if hits.is_empty() {
            return;
        }
        if let Err(error) = self.store.add_rule_hits(hour(crate::clock::now()), hits.clone()).await {
            tracing::warn!(%error, "How often rules acted could not be written down; it is tried again.");
            let mut unwritten = self.unwritten.lock().unwrap_or_else(PoisonError::into_inner);
            hits.into_iter().for_each(|(rule, more)| *unwritten.entry(rule).or_default() += more);
        }
    }
}

/// The beginning of the hour.
fn hour(at: Timestamp) -> Timestamp {
    let floor = jiff::TimestampRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Floor);
    at.round(floor).unwrap_or(at)
}
