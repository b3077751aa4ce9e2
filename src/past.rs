//! What decisions of the past were made on, read back from the record: the facts that the rules saw, and the rules of
//! the time. [`explain`](crate::explain) and [`replay`](crate::replay) make them again.

use std::{num::NonZeroUsize, sync::Arc};

use contract::Inbound;
use lru::LruCache;

use crate::{
    routing::{self, Facts, MessageFacts, RuleSet, SourceFile},
    store::{Store, StoreError, entry::DecisionRecord},
    understand::Signals,
};

/// The facts that a decision was made on. Those of the message are made again from it and from what was understood of
/// it then; they are empty where the message is not kept any more.
///
/// # Errors
/// This version has other facts.
pub fn facts(decision: &DecisionRecord, inbound: Option<&Inbound>, signals: &Signals) -> Result<Facts, StoreError> {
    let mut facts: Facts =
        serde_json::from_str(decision.facts.get()).map_err(|error| corrupt("set of facts", &error.to_string()))?;
    if let Some(inbound) = inbound {
        facts.message = MessageFacts::new(inbound, signals);
    }
    Ok(facts)
}

/// The rule set of a hash; `None` when it is not kept.
///
/// # Errors
/// The record cannot be read, or this version cannot load the set.
async fn rule_set(store: &dyn Store, hash: &str) -> Result<Option<Arc<RuleSet>>, StoreError> {
    let Some(files) = store.rule_set(hash).await? else { return Ok(None) };
    let files: Vec<(String, String)> =
        serde_json::from_str(&files).map_err(|error| corrupt("rule set", &error.to_string()))?;
    let files: Vec<SourceFile> = files.into_iter().map(|(name, text)| SourceFile { name, text }).collect();
    let loaded = tokio::task::spawn_blocking(move || routing::load(&files)).await;
    let rules = loaded.ok().and_then(|loaded| loaded.rules);
    rules.map(Some).ok_or_else(|| corrupt("rule set", "this version cannot load it"))
}

/// Rule sets of the past, the last few of them held loaded: decisions come in order, so few take turns.
pub struct RuleSets {
    store: Arc<dyn Store>,
    /// `None` of a set that is not kept, or that this version cannot load.
    sets: LruCache<String, Option<Arc<RuleSet>>>,
}

impl RuleSets {
    const HELD: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

    /// Those of a record.
    #[must_use]
    pub fn of(store: Arc<dyn Store>) -> Self {
        Self { store, sets: LruCache::new(Self::HELD) }
    }

    /// With a set that is loaded already.
    #[must_use]
    pub fn with(mut self, loaded: &Arc<RuleSet>) -> Self {
        self.sets.put(loaded.hash().to_string(), Some(Arc::clone(loaded)));
        self
    }

    /// The record that they are kept in.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The set of a hash; `None` where it is not kept, or this version cannot load it.
    ///
    /// # Errors
    /// The record cannot be read.
    pub async fn get(&mut self, hash: &str) -> Result<Option<Arc<RuleSet>>, StoreError> {
        if let Some(rules) = self.sets.get(hash) {
            return Ok(rules.clone());
        }
        let rules = match rule_set(&*self.store, hash).await {
            Err(StoreError::Corrupt { .. }) => None,
            rules => rules?,
        };
        self.sets.put(hash.to_owned(), rules.clone());
        Ok(rules)
    }
}

fn corrupt(what: &'static str, reason: &str) -> StoreError {
    StoreError::Corrupt { what, reason: reason.into() }
}
