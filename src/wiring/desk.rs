//! Who runs the desk and the alarms: this process alone, or whichever of several daemons is elected.

use std::{sync::Arc, time::Duration};

use contract::{IdClock, Stop};
use futures::StreamExt;
use tokio::task::{JoinHandle, JoinSet};

use super::{
    engines::{Engines, Fleet, Kind},
    fleet::attend,
};
use crate::{
    alarms::{AlarmClock, AlarmMailbox},
    desk::{DeskMailbox, Dispatcher},
    live::{Live, Topic},
    nodes::Term,
    policy::Policy,
    records::Records,
    store::{StoreError, postgres::Horizon},
    worker::Worker,
};

/// How often the leader looks for what other daemons committed, without being told.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After how long a leader that could not begin tries again.
const AGAIN: Duration = Duration::from_secs(1);

/// The desk of this process.
pub(super) enum Desk {
    /// It is here, whatever happens.
    Here { dispatcher: Box<Dispatcher>, mailbox: DeskMailbox, alarms: AlarmMailbox },
    /// It is here whenever this daemon is elected.
    Elected(Box<Candidate>),
    /// It is never here.
    Elsewhere,
}

impl Desk {
    /// Reads what it starts from, where it is known to be here.
    pub async fn open(
        engines: &Engines,
        records: &Arc<Records>,
        policy: &Arc<Policy>,
        offline_after: Duration,
    ) -> Result<Self, StoreError> {
        let ids = Arc::clone(&engines.ids);
        match &engines.kind {
            Kind::Embedded(_) => {
                let (mailbox, alarms) = (records.desk.sit(), records.alarms.sit());
                let dispatcher =
                    Dispatcher::open(Arc::clone(records), policy.rules(), ids, offline_after, None).await?;
                Ok(Self::Here { dispatcher: Box::new(dispatcher), mailbox, alarms })
            }
            Kind::Distributed(fleet) if fleet.role.matches() => Ok(Self::Elected(Box::new(Candidate {
                fleet: fleet.clone(),
                records: Arc::clone(records),
                policy: Arc::clone(policy),
                ids,
                offline_after,
            }))),
            Kind::Distributed(_) => Ok(Self::Elsewhere),
        }
    }

    /// Runs the alarms until `stop`, among `tasks`, and the desk until `last`, when nobody else needs it any more.
    pub fn run(
        self,
        engines: &Engines,
        worker: &Arc<Worker>,
        tasks: &mut JoinSet<()>,
        stop: &Stop,
        last: &Stop,
    ) -> JoinHandle<()> {
        match self {
            Self::Here { dispatcher, mailbox, alarms } => {
                let clock = AlarmClock::new(worker.records.alarms.clone(), Arc::clone(worker));
                tasks.spawn(clock.run(alarms, stop.clone()));
                let (live, shared) = (Arc::clone(&engines.live), Arc::clone(&engines.shared));
                let (attending, end) = (attend(live, shared, worker.records.desk.clone()), stop.clone());
                tasks.spawn(async move { _ = end.run_until_cancelled(attending).await });
                tokio::spawn(dispatcher.run(mailbox, last.clone()))
            }
            Self::Elected(candidate) => tokio::spawn(candidate.run(Arc::clone(worker), last.clone())),
            Self::Elsewhere => tokio::spawn(std::future::ready(())),
        }
    }
}

/// A daemon that may be given the desk.
pub(super) struct Candidate {
    fleet: Fleet,
    records: Arc<Records>,
    policy: Arc<Policy>,
    ids: Arc<IdClock>,
    offline_after: Duration,
}

impl Candidate {
    async fn run(self: Box<Self>, worker: Arc<Worker>, last: Stop) {
        while let Some(term) = last.run_until_cancelled(self.fleet.nodes.elected()).await {
            let end = term.end.clone();
            tokio::select! {
                () = last.cancelled() => end.cancel(),
                outcome = self.lead(&worker, &term) => if let Err(error) = outcome {
                    tracing::warn!(%error, "The desk cannot be read yet.");
                    last.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
                },
            }
        }
    }

    /// Runs the desk for one term.
    async fn lead(&self, worker: &Arc<Worker>, term: &Term) -> Result<(), StoreError> {
        let (records, record) = (&self.records, &self.fleet.record);
        // In this order: what is committed while the record is read is told, or read again.
        let (mailbox, alarms) = (records.desk.sit(), records.alarms.sit());
        let (_, horizon) = record.changed_since(None).await?;
        let (rules, ids) = (self.policy.rules(), Arc::clone(&self.ids));
        let dispatcher =
            Dispatcher::open(Arc::clone(records), rules, ids, self.offline_after, Some(term.fence)).await?;
        let clock = AlarmClock::new(records.alarms.clone(), Arc::clone(worker));
        let (live, shared) = (Arc::clone(&self.fleet.live), Arc::clone(&self.fleet.live));
        tokio::join!(
            dispatcher.run(mailbox, term.end.clone()),
            clock.run(alarms, term.end.clone()),
            term.end.run_until_cancelled(self.follow(horizon)),
            term.end.run_until_cancelled(attend(live, shared, records.desk.clone())),
        );
        Ok(())
    }

    /// Tells the desk and the alarms what other daemons commit.
    async fn follow(&self, mut horizon: Horizon) {
        let mut hints = self.fleet.live.watch(vec![Topic::Desk]);
        loop {
            match self.fleet.record.changed_since(Some(horizon)).await {
                Ok((changed, next)) => {
                    horizon = next;
                    for conversation in changed {
                        self.records.desk.changed(conversation.id);
                        self.records.alarms.changed(&conversation);
                    }
                }
                Err(error) => tracing::warn!(%error, "What other daemons committed cannot be read yet."),
            }
            let _ = tokio::time::timeout(LOOK_EVERY, hints.next()).await;
        }
    }
}
