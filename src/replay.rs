//! Reads decisions of the past and has them made again under other rules: the edge of
//! [`routing::Replay`](crate::routing::Replay). Changes nothing; may run beside a daemon.

use std::{collections::BTreeMap, sync::Arc};

use contract::{EntryId, IdClock, Timestamp};
use serde::Serialize;

use crate::{
    past::{self, RuleSets},
    routing::{Facts, Hits, Past, Recorded, Replay, Report, RuleSet, Verdict},
    store::{Direction, PastDecision, Store, StoreError, entry::DecisionRecord},
};

/// How many decisions are read at once.
const PAGE: usize = 256;

/// Which decisions.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// On messages that came then or later.
    pub since: Timestamp,
    /// On messages that came before.
    pub until: Timestamp,
    /// No more than so many, the oldest first.
    pub limit: Option<u64>,
}

/// What would be different, and of which decisions.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// The hash of the rules that they were made again under.
    pub rule_set: Arc<str>,
    /// From when on decisions were looked at.
    pub since: Timestamp,
    /// Up to when.
    pub until: Timestamp,
    /// Whether a limit ended it: later decisions were not looked at.
    pub limited: bool,
    /// How many of the decisions each rule set had made, by its hash.
    pub decided_by: BTreeMap<String, u64>,
    /// How many could not be looked at, because this version cannot read their facts.
    pub unreadable: u64,
    /// What would be different.
    #[serde(flatten)]
    pub report: Report,
}

/// Makes the decisions of a stretch of time again under `rules`, with at most so many examples of each kind of change.
///
/// # Errors
/// The record cannot be read.
pub async fn replay(
    store: Arc<dyn Store>,
    rules: &Arc<RuleSet>,
    stretch: Stretch,
    examples: usize,
) -> Result<Replayed, StoreError> {
    let mut reading = Reading {
        replay: Replay::new(Arc::clone(rules), examples),
        sets: RuleSets::of(Arc::clone(&store)).with(rules),
        decided_by: BTreeMap::new(),
        unreadable: 0,
    };
    let limited = each(&store, stretch, async |decision| reading.look_at(&decision).await).await?;
    let Reading { replay, decided_by, unreadable, .. } = reading;
    let until = limited.unwrap_or(stretch.until);
    let limited = limited.is_some();
    let rule_set = Arc::clone(rules.hash());
    Ok(Replayed { rule_set, since: stretch.since, until, limited, decided_by, unreadable, report: replay.report() })
}

/// Makes the decisions of a stretch of time again under `rules` to see which of them match. Answers that, and how many
/// could not be looked at, because this version cannot read their facts.
///
/// # Errors
/// The record cannot be read.
pub async fn hits<'r>(
    store: &Arc<dyn Store>,
    rules: &'r RuleSet,
    stretch: Stretch,
) -> Result<(Hits<'r>, u64), StoreError> {
    let (mut hits, mut unreadable) = (Hits::new(rules), 0);
    let look = async |past: PastDecision| {
        match past::facts(&past.decision, Some(&past.inbound), &past.signals) {
            Ok(facts) => hits.look_at(&facts),
            Err(_) => unreadable += 1,
        }
        Ok(())
    };
    each(store, stretch, look).await?;
    Ok((hits, unreadable))
}

/// Looks at the decisions of a stretch, in their order. Answers the moment of the last one where the limit ended it.
async fn each(
    store: &Arc<dyn Store>,
    stretch: Stretch,
    mut look: impl AsyncFnMut(PastDecision) -> Result<(), StoreError>,
) -> Result<Option<Timestamp>, StoreError> {
    let end = IdClock::lowest(stretch.until);
    // The next page is read while this one is decided.
    let read = |from: EntryId| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.decisions(from..end, Direction::Forward, PAGE).await })
    };
    let (mut left, mut last_at) = (stretch.limit.unwrap_or(u64::MAX), stretch.until);
    let mut next = Some(read(IdClock::lowest(stretch.since)));
    while let Some(page) = next.take() {
        let page = page.await.map_err(|error| StoreError::Unavailable(error.to_string().into()))??;
        next = page.items.last().filter(|_| page.more).map(|last| read(EntryId::from(last.id.get() + 1)));
        // What other rules would have waited for was not looked at then.
        for decision in page.items.into_iter().filter(|decision| !decision.on.is_timed()) {
            if left == 0 {
                return Ok(Some(last_at));
            }
            left -= 1;
            last_at = decision.at;
            look(decision).await?;
        }
    }
    Ok(None)
}

struct Reading {
    replay: Replay,
    sets: RuleSets,
    decided_by: BTreeMap<String, u64>,
    unreadable: u64,
}

impl Reading {
    async fn look_at(&mut self, past: &PastDecision) -> Result<(), StoreError> {
        let PastDecision { inbound, signals, decision, .. } = past;
        let Ok(facts) = past::facts(decision, Some(inbound), signals) else {
            self.unreadable += 1;
            return Ok(());
        };
        match self.decided_by.get_mut(&decision.rule_set) {
            Some(count) => *count += 1,
            None => drop(self.decided_by.insert(decision.rule_set.clone(), 1)),
        }
        let rules = self.sets.get(&decision.rule_set).await?;
        look_again(&mut self.replay, past, &facts, rules.as_deref());
        Ok(())
    }
}

/// Has a decision of the past made again. `rules` are those that made it, where they still load.
pub fn look_again(replay: &mut Replay, past: &PastDecision, facts: &Facts, rules: Option<&RuleSet>) -> Verdict {
    let DecisionRecord { rule, destination, tags, .. } = &past.decision;
    let recorded = Recorded { rule, destination, tags };
    replay.look_at(&Past { id: &past.name(), at: past.at, facts, recorded, rules })
}
