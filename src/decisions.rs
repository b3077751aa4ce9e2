//! Looking back over decisions: which ones a rule, a queue or a channel had a part in, newest first.

use std::sync::Arc;

use contract::{EntryId, IdClock, Timestamp};

use crate::{
    past::{self, RuleSets},
    routing::{RuleSet, decide},
    store::{Direction, PastDecision, Store, StoreError},
};

/// How many decisions are read at once.
const PAGE: usize = 256;
/// How many are looked at for one answer: whoever wants more asks on.
const LOOKED_AT_MOST: usize = 20_000;

/// Which decisions.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// In which this rule acted.
    pub rule: Option<String>,
    /// That led to this queue.
    pub queue: Option<String>,
    /// On messages of this channel.
    pub channel: Option<String>,
    /// Made then or later.
    pub since: Timestamp,
    /// Made before.
    pub until: Timestamp,
    /// Only those before this one.
    pub before: Option<EntryId>,
    /// No more than so many.
    pub limit: usize,
}

/// The newest of those that were wanted.
#[derive(Debug)]
pub struct Found {
    /// Newest first.
    pub items: Vec<PastDecision>,
    /// Where to go on; `None` when nothing older is left.
    pub next: Option<EntryId>,
    /// How far back was looked.
    pub looked_back_to: Timestamp,
}

/// Looks for decisions.
///
/// # Errors
/// The record cannot be read.
pub async fn look(store: Arc<dyn Store>, in_force: &Arc<RuleSet>, wanted: &Wanted) -> Result<Found, StoreError> {
    let mut sets = RuleSets::of(Arc::clone(&store)).with(in_force);
    let start: EntryId = IdClock::lowest(wanted.since);
    let mut end = IdClock::lowest::<EntryId>(wanted.until).min(wanted.before.unwrap_or(EntryId::from(u64::MAX >> 1)));
    let (mut items, mut looked_at) = (Vec::new(), 0);
    while looked_at < LOOKED_AT_MOST {
        let page = store.decisions(start..end, Direction::Backward, PAGE).await?;
        for past in page.items {
            looked_at += 1;
            end = past.id;
            if wanted.is_met(&past, &mut sets).await? {
                items.push(past);
            }
            if items.len() == wanted.limit {
                let looked_back_to = end.made_at();
                return Ok(Found { items, next: Some(end), looked_back_to });
            }
        }
        if !page.more {
            return Ok(Found { items, next: None, looked_back_to: wanted.since });
        }
    }
    Ok(Found { items, next: Some(end), looked_back_to: end.made_at() })
}

impl Wanted {
    async fn is_met(&self, past: &PastDecision, sets: &mut RuleSets) -> Result<bool, StoreError> {
        if self.channel.as_ref().is_some_and(|channel| past.inbound.channel != *channel) {
            return Ok(false);
        }
        let leads_to = |queue: &String| {
            let led = past.decision.destination.strip_suffix(queue.as_str());
            past.decision.heard.is_empty() && led.is_some_and(|rest| rest.ends_with("handoff "))
        };
        if !self.queue.as_ref().is_none_or(leads_to) {
            return Ok(false);
        }
        match &self.rule {
            Some(rule) if past.decision.rule != *rule => acted(rule, past, sets).await,
            _ => Ok(true),
        }
    }
}

/// Whether a rule acted in a decision that another one ended: the record does not say, so it is made again.
async fn acted(rule: &str, past: &PastDecision, sets: &mut RuleSets) -> Result<bool, StoreError> {
    let Some(rules) = sets.get(&past.decision.rule_set).await? else { return Ok(false) };
    if !rules.rules().iter().any(|known| **known.name() == *rule) {
        return Ok(false);
    }
    let Ok(facts) = past::facts(&past.decision, Some(&past.inbound), &past.signals) else { return Ok(false) };
    Ok(decide(&rules, &facts).matched.iter().any(|matched| **matched == *rule))
}
