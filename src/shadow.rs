//! The rules in `candidate/` decide everything too that the rules in force decide on live traffic, without any effect:
//! what would be different is counted and listed. It is a [`Replay`] that goes along with the traffic.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwapOption;
use contract::{Inbound, Stop, Timestamp};
use tokio::sync::mpsc;

use crate::{
    past,
    replay::look_again,
    routing::{Finding, Loaded, Replay, Report, RuleSet, Trigger},
    store::{
        PastDecision,
        conversation::Conversation,
        entry::{Entry, TurnRecord, What},
    },
    understand::Reader,
};

/// How many decisions may wait for theirs. Past that they are left out, and that is counted.
const WAITING_MOST: usize = 4096;
/// How many messages are shown of each kind of change.
const EXAMPLES: usize = 5;

/// The candidate, if there is one, and what it is to be compared with.
pub struct Shadow {
    candidate: ArcSwapOption<Candidate>,
    tell: mpsc::Sender<PastDecision>,
    overflowed: AtomicBool,
}

/// Decisions on their way to the candidate.
pub struct ShadowMailbox(mpsc::Receiver<PastDecision>);

/// What the folder `candidate/` says.
pub struct Candidate {
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// What the load found.
    pub findings: Vec<Finding>,
    /// Its rules, where they load.
    pub running: Option<Running>,
}

/// A candidate that loads.
pub struct Running {
    /// Its rules.
    pub rules: Arc<RuleSet>,
    /// Understands messages, with its intents.
    pub reader: Arc<Reader>,
    in_force: Arc<RuleSet>,
    compared: Mutex<Replay>,
}

impl Running {
    /// What would be different, of what has been decided since it was loaded.
    #[must_use]
    pub fn report(&self) -> Report {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner).clone().report()
    }
}

impl Shadow {
    /// Without a candidate.
    #[must_use]
    pub fn new() -> (Self, ShadowMailbox) {
        let (tell, told) = mpsc::channel(WAITING_MOST);
        (Self { candidate: ArcSwapOption::empty(), tell, overflowed: AtomicBool::new(false) }, ShadowMailbox(told))
    }

    /// The candidate.
    #[must_use]
    pub fn candidate(&self) -> Option<Arc<Candidate>> {
        self.candidate.load_full()
    }

    /// A candidate was loaded, or there is none any more. Comparing begins anew when it or what is in force is another;
    /// returns whether it did.
    pub fn set(&self, loaded: Option<(Loaded, Option<Arc<Reader>>)>, in_force: &Arc<RuleSet>) -> bool {
        let Some((loaded, reader)) = loaded else {
            self.candidate.store(None);
            return false;
        };
        let rules = loaded.rules.zip(reader);
        let is_same = |running: &Running| {
            rules.as_ref().is_some_and(|(rules, _)| rules.hash() == running.rules.hash())
                && running.in_force.hash() == in_force.hash()
        };
        let before = self.candidate.load();
        if before.as_ref().and_then(|before| before.running.as_ref()).is_some_and(is_same) {
            return false;
        }
        let running = rules.map(|(rules, reader)| Running {
            compared: Mutex::new(Replay::new(Arc::clone(&rules), EXAMPLES)),
            in_force: Arc::clone(in_force),
            rules,
            reader,
        });
        let is_running = running.is_some();
        self.candidate.store(Some(Arc::new(Candidate {
            loaded_at: crate::clock::now(),
            findings: loaded.findings,
            running,
        })));
        is_running
    }

    /// A decision stands. Costs nothing where no candidate runs.
    pub fn decided(&self, conversation: &Conversation, inbound: &Arc<Inbound>, entries: &[Entry]) {
        if self.candidate.load().as_ref().is_none_or(|candidate| candidate.running.is_none()) {
            return;
        }
        for entry in entries {
            let (message, record, on) = match &entry.what {
                What::Message(record) => (entry.id.get().into(), record, Trigger::Message),
                What::Refined { of, record } => (*of, record, Trigger::Signals),
                _ => continue,
            };
            let TurnRecord { signals, decision: Some(decision) } = &**record else { continue };
            let past = PastDecision {
                id: entry.id,
                at: entry.at,
                on,
                after: 0,
                conversation: conversation.id,
                message,
                inbound: Arc::clone(inbound),
                signals: Arc::clone(signals),
                decision: decision.clone(),
            };
            let is_full = self.tell.try_send(past).is_err();
            if is_full {
                metrics::counter!("switchboard_shadow_left_out_total").increment(1);
            }
            if is_full && !self.overflowed.swap(true, Ordering::Relaxed) {
                tracing::warn!("The candidate rules cannot keep up with the traffic; some decisions are left out.");
            }
        }
    }

    /// Has the candidate decide, until `stop`.
    pub async fn run(self: Arc<Self>, mut mailbox: ShadowMailbox, stop: Stop) {
        while let Some(Some(past)) = stop.run_until_cancelled(mailbox.0.recv()).await {
            let Some(candidate) = self.candidate() else { continue };
            let Some(running) = &candidate.running else { continue };
            let Ok(facts) = past::facts(&past.decision, Some(&past.inbound), &past.signals) else { continue };
            let in_force = (**running.in_force.hash() == *past.decision.rule_set).then_some(&*running.in_force);
            let verdict = {
                let mut compared = running.compared.lock().unwrap_or_else(PoisonError::into_inner);
                look_again(&mut compared, &past, &facts, in_force)
            };
            metrics::counter!("switchboard_shadow_decisions_total", "candidate" => verdict.as_str()).increment(1);
        }
    }
}
