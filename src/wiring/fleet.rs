//! What a daemon among others hears from them: the board of whoever runs the desk, and changes of the people.

use std::{sync::Arc, time::Duration};

use contract::Stop;
use futures::StreamExt;
use tokio::{task::JoinSet, time::timeout};

use super::{check_people, engines::Fleet};
use crate::{
    courier::Bell,
    desk::{Board, DeskHandle},
    http::DeskAt,
    live::{Event, Live, Shared, Topic},
    policy::Policy,
    records::Records,
};

/// How often one looks without being told.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often the leader looks who has consoles open.
const ATTEND_EVERY: Duration = Duration::from_secs(1);

impl Fleet {
    /// Follows the others until `stop`.
    pub fn follow(
        &self,
        records: &Arc<Records>,
        policy: &Arc<Policy>,
        couriers: &Arc<Bell>,
        tasks: &mut JoinSet<()>,
        stop: &Stop,
    ) {
        let (fleet, bell, end) = (self.clone(), Arc::clone(couriers), stop.clone());
        tasks.spawn(async move { _ = end.run_until_cancelled(fleet.follow_outbox(bell)).await });
        let (fleet, desk, end) = (self.clone(), records.desk.clone(), stop.clone());
        tasks.spawn(async move { _ = end.run_until_cancelled(fleet.follow_board(desk)).await });
        let (fleet, records, policy, end) = (self.clone(), Arc::clone(records), Arc::clone(policy), stop.clone());
        tasks.spawn(async move { _ = end.run_until_cancelled(fleet.follow_people(records, policy)).await });
    }

    async fn follow_board(self, desk: DeskHandle) {
        let mut hints = self.live.watch(vec![Topic::Board]);
        let desk_at = self.nodes.desk_at();
        loop {
            let board = self.live.board().await;
            // Whoever draws it knows better.
            if *desk_at.borrow() != DeskAt::Here
                && let Some(board) = board.and_then(|json| serde_json::from_slice::<Board>(&json).ok())
            {
                desk.show(board);
            }
            let _ = timeout(LOOK_EVERY, hints.next()).await;
        }
    }

    /// Rings for the couriers of this daemon when any of them has something to send.
    async fn follow_outbox(self, bell: Arc<Bell>) {
        let mut hints = self.live.watch(vec![Topic::Outbox]);
        loop {
            let heard = timeout(LOOK_EVERY, hints.next()).await.ok().flatten();
            bell.ring(&heard.unwrap_or(Event::Changed));
        }
    }

    async fn follow_people(self, records: Arc<Records>, policy: Arc<Policy>) {
        let mut hints = self.live.watch(vec![Topic::People]);
        loop {
            let _ = timeout(LOOK_EVERY, hints.next()).await;
            let Ok(agents) = records.store.agents().await else { continue };
            let roster = records.announcer.roster();
            if roster.set(agents.iter().cloned()) {
                records.desk.agents(agents);
                check_people(&policy, roster);
            }
        }
    }
}

/// Tells the desk who has consoles open.
pub(super) async fn attend(live: Arc<dyn Live>, shared: Arc<dyn Shared>, desk: DeskHandle) {
    let mut hints = live.watch(vec![Topic::Presence]);
    loop {
        if let Some(here) = shared.here().await {
            desk.here(here);
        }
        let _ = timeout(ATTEND_EVERY, hints.next()).await;
    }
}
