//! The task that waits for alarms.

use std::{
    collections::{BTreeSet, HashMap},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use contract::{ConversationId, Stop, Timestamp};
use futures::FutureExt;
use jiff::SignedDuration;
use tokio::{sync::mpsc::UnboundedReceiver, time::Instant};
use tokio_util::task::TaskTracker;

use super::{Alarm, Due, is_due_sooner, next_due, stands, watch_time};
use crate::{
    actions::HORIZON,
    desk::later,
    policy::Policy,
    records::Records,
    routing::RuleSet,
    seat::Seat,
    store::{
        Draft, StoreError,
        conversation::Conversation,
        entry::{EntryAuthor, Event},
    },
    worker::{OnTime, Worker},
};

/// How many alarms ring at once.
const RINGING_MOST: usize = 64;
/// After how long an alarm rings again that the record could not take, or whose call is under way.
const AGAIN: Duration = Duration::from_secs(5);
/// After how long one does that ended by a defect.
const AFTER_A_DEFECT: Duration = Duration::from_secs(60);
/// How many alarms of one conversation ring before others get their turn.
const IN_A_ROW: usize = 16;
/// How many conversations are read at once when alarms are set from the record.
const PAGE: usize = 500;
/// For how long after the last threshold a closed conversation is looked at again after a start.
const CLOSED_MARGIN: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Something for the clock to do.
enum Command {
    /// A conversation may have something due then, or earlier than was known.
    Set(ConversationId, Timestamp),
    /// What rang in a conversation has been done; what was looked at, and when the next is due.
    Rang { conversation: ConversationId, checked: Option<Due>, next: Option<Timestamp> },
    /// Other rules are in force: everything is looked at again.
    Rules,
}

/// How the rest of the daemon tells the clock. Cheap to clone.
#[derive(Clone)]
pub struct AlarmHandle {
    commands: Seat<Command>,
    policy: Arc<Policy>,
}

/// The other end of an [`AlarmHandle`].
pub struct AlarmMailbox(UnboundedReceiver<Command>);

impl AlarmHandle {
    /// A handle to a clock that nobody runs yet.
    #[must_use]
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { commands: Seat::default(), policy }
    }

    /// The mailbox to run the clock with in this process.
    #[must_use]
    pub fn sit(&self) -> AlarmMailbox {
        AlarmMailbox(self.commands.sit())
    }

    /// A conversation was committed.
    pub fn changed(&self, conversation: &Conversation) {
        if let Some(due) = next_due(conversation, &self.policy.rules(), None) {
            self.tell(Command::Set(conversation.id, due.at));
        }
    }

    /// Whether a commit makes something due sooner than the clock knows, so that it has to be told wherever it runs.
    #[must_use]
    pub fn is_due_sooner(&self, before: Option<&Conversation>, after: &Conversation) -> bool {
        is_due_sooner(before, after, &self.policy.rules(), crate::clock::now())
    }

    /// Other rules are in force.
    pub fn rules(&self) {
        self.tell(Command::Rules);
    }

    fn tell(&self, command: Command) {
        // Where nobody runs the clock, whoever runs it next sets all alarms from the record.
        self.commands.tell(command);
    }
}

/// What the clock knows of one conversation.
#[derive(Debug, Default)]
struct Watch {
    /// When to look at it next.
    at: Option<Timestamp>,
    /// What was looked at last without anything to be done.
    checked: Option<Due>,
    /// Whether it is being looked at.
    rings: bool,
}

/// The task that waits for alarms.
pub struct AlarmClock {
    handle: AlarmHandle,
    worker: Arc<Worker>,
    watched: HashMap<ConversationId, Watch>,
    by_time: BTreeSet<(Timestamp, ConversationId)>,
    ringing: usize,
}

impl AlarmClock {
    /// A clock without alarms; running it sets them.
    #[must_use]
    pub fn new(handle: AlarmHandle, worker: Arc<Worker>) -> Self {
        Self { handle, worker, watched: HashMap::new(), by_time: BTreeSet::new(), ringing: 0 }
    }

    /// Runs until `stop`; then finishes what rings.
    pub async fn run(mut self, mut mailbox: AlarmMailbox, stop: Stop) {
        let tasks = TaskTracker::new();
        tasks.spawn(set_all(self.handle.clone(), Arc::clone(&self.worker.records), stop.clone()));
        loop {
            let due = self.by_time.first().filter(|_| self.ringing < RINGING_MOST).map(|&(at, _)| until(at));
            tokio::select! {
                () = stop.cancelled() => break,
                command = mailbox.0.recv() => match command {
                    Some(Command::Set(conversation, at)) => self.set(conversation, at),
                    Some(Command::Rang { conversation, checked, next }) => self.rang(conversation, checked, next),
                    Some(Command::Rules) => {
                        tasks.spawn(set_all(self.handle.clone(), Arc::clone(&self.worker.records), stop.clone()));
                    }
                    None => break,
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.ring(&tasks, &stop),
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    fn set(&mut self, conversation: ConversationId, at: Timestamp) {
        let watch = self.watched.entry(conversation).or_default();
        if watch.at.is_some_and(|known| known <= at) {
            return;
        }
        let before = watch.at.replace(at);
        if !watch.rings {
            self.by_time.extend([(at, conversation)]);
            if let Some(before) = before {
                self.by_time.remove(&(before, conversation));
            }
        }
    }

    fn ring(&mut self, tasks: &TaskTracker, stop: &Stop) {
        let now = crate::clock::now();
        while self.ringing < RINGING_MOST
            && let Some(&(at, conversation)) = self.by_time.first()
            && at <= now
        {
            self.by_time.pop_first();
            let Some(watch) = self.watched.get_mut(&conversation) else { continue };
            (watch.at, watch.rings) = (None, true);
            self.ringing += 1;
            let (handle, worker, checked) = (self.handle.clone(), Arc::clone(&self.worker), watch.checked);
            let stop = stop.clone();
            tasks.spawn(async move {
                let looking = look(&handle, &worker, conversation, checked, &stop);
                let looked = AssertUnwindSafe(looking).catch_unwind().await;
                let (checked, next) = looked.unwrap_or_else(|_panic| {
                    tracing::error!(%conversation, "An alarm ended by a defect of the daemon; it is tried again.");
                    (checked, Some(later(crate::clock::now(), AFTER_A_DEFECT)))
                });
                handle.tell(Command::Rang { conversation, checked, next });
            });
        }
    }

    fn rang(&mut self, conversation: ConversationId, checked: Option<Due>, next: Option<Timestamp>) {
        self.ringing -= 1;
        let Some(watch) = self.watched.get_mut(&conversation) else { return };
        watch.rings = false;
        watch.checked = checked;
        watch.at = [watch.at, next].into_iter().flatten().min();
        match watch.at {
            Some(at) => _ = self.by_time.insert((at, conversation)),
            None if checked.is_none() => _ = self.watched.remove(&conversation),
            None => {}
        }
    }
}

fn until(at: Timestamp) -> Instant {
    let wait = Duration::try_from(at.duration_since(crate::clock::now())).unwrap_or(Duration::ZERO);
    // Looked at again now and then, because clocks are set.
    Instant::now() + wait.min(Duration::from_secs(30))
}

/// Sets the alarms of everything that may have one, as the record has it.
async fn set_all(handle: AlarmHandle, records: Arc<Records>, stop: Stop) {
    let rules = handle.policy.rules();
    if !watch_time(&rules) {
        // Escalations and first replies concern only what waits or is with an agent.
        match records.store.held().await {
            Ok(held) => held.iter().for_each(|conversation| handle.changed(conversation)),
            Err(error) => tracing::error!(%error, "Alarms could not be set from the record."),
        }
        return;
    }
    let last = rules.thresholds(crate::routing::Trigger::Closed).last().copied();
    let last = last.map(|last| SignedDuration::from_secs(i64::try_from(last).unwrap_or(i64::MAX)));
    let last = last.max(rules.actions().has_plans().then_some(HORIZON));
    let closed_since = last.map(|last| {
        crate::clock::now().checked_sub(last).and_then(|at| at.checked_sub(CLOSED_MARGIN)).unwrap_or(Timestamp::MIN)
    });
    let mut after = None;
    while !stop.is_cancelled() {
        let page = match records.store.open_conversations(after, closed_since, PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "Alarms could not all be set from the record.");
                return;
            }
        };
        let Some(last) = page.last() else { return };
        after = Some(last.id);
        page.iter().for_each(|conversation| handle.changed(conversation));
    }
}

/// Does what is due in a conversation. Answers what was looked at in vain, and when to look again.
async fn look(
    handle: &AlarmHandle,
    worker: &Arc<Worker>,
    id: ConversationId,
    mut checked: Option<Due>,
    stop: &Stop,
) -> (Option<Due>, Option<Timestamp>) {
    for _ in 0..IN_A_ROW {
        let rules = handle.policy.rules();
        let conversation = match worker.records.store.conversation(id).await {
            Ok(Some(conversation)) => conversation,
            Ok(None) => return (None, None),
            Err(error) => return (checked, Some(again(&error, id))),
        };
        let Some(due) = next_due(&conversation, &rules, checked) else { return (checked, None) };
        if due.at > crate::clock::now() {
            return (checked, Some(due.at));
        }
        let done = match due.alarm {
            Alarm::Rules(alarm) => match worker.on_time(&conversation, alarm, due).await {
                Ok(OnTime::Acted | OnTime::Gone) => Ok(()),
                Ok(OnTime::NothingToDo) => {
                    checked = Some(due);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Alarm::Call => match worker.call_again(&conversation, stop).await {
                // It stays due until something has come of it.
                Ok(()) => return (checked, Some(later(crate::clock::now(), AGAIN))),
                Err(error) => Err(error),
            },
            Alarm::Planned => match worker.begin_planned(&conversation, stop).await {
                Ok(true) => Ok(()),
                Ok(false) => {
                    checked = Some(due);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Alarm::Thinking => match worker.think_again(&conversation, stop).await {
                Ok(()) => return (checked, Some(later(crate::clock::now(), AGAIN))),
                Err(error) => Err(error),
            },
            Alarm::AgentCall => {
                worker.act_again(&conversation, stop);
                return (checked, Some(later(crate::clock::now(), AGAIN)));
            }
            Alarm::Escalate => amend(&worker.records, &rules, id, due, escalate).await,
            Alarm::NoReply => amend(&worker.records, &rules, id, due, take_back).await,
        };
        if let Err(error) = done {
            return (checked, Some(again(&error, id)));
        }
    }
    (checked, Some(crate::clock::now()))
}

fn again(error: &StoreError, conversation: ConversationId) -> Timestamp {
    tracing::warn!(%error, %conversation, "An alarm waits for the record.");
    later(crate::clock::now(), AGAIN)
}

async fn amend(
    records: &Records,
    rules: &Arc<RuleSet>,
    id: ConversationId,
    due: Due,
    change: fn(&mut Draft<'_>),
) -> Result<(), StoreError> {
    let amended = records.amend(id, |draft| {
        if stands(&draft.conversation, rules, due) {
            change(draft);
        }
        Ok::<(), std::convert::Infallible>(())
    });
    amended.await?;
    Ok(())
}

/// The next step of a conversation's escalation.
fn escalate(draft: &mut Draft<'_>) {
    let Some(step) = draft.conversation.escalate() else { return };
    metrics::counter!("switchboard_escalations_total").increment(1);
    draft
        .event(EntryAuthor::System, Event::Escalated { after: step.after, queue: step.queue, priority: step.priority });
}

/// An agent took a conversation and said nothing: it waits again, at its original age.
fn take_back(draft: &mut Draft<'_>) {
    let Some(agent) = draft.conversation.agent else { return };
    draft.conversation.requeue(None);
    metrics::counter!("switchboard_first_replies_missed_total").increment(1);
    draft.event(EntryAuthor::System, Event::TakenBack { agent: agent.to_string() });
}
