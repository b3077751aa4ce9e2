//! The suites that every backend of a seam passes, written against the traits. A backend plugs in with one
//! [`Backend`] and one line of [`conform`].

mod archive;
mod attachments;
mod carry;
mod customers;
mod files;
mod inbox;
mod journal;
mod live;
mod make;
mod measures;
mod memory;
mod outbox;
mod people;
mod postgres;
mod rabbitmq;
mod recovery;
mod sqlite;
mod tickets;

use std::sync::Arc;

use async_trait::async_trait;
use contract::IdClock;
use switchboard::{
    inbox::Queue,
    store::{Store, outbox::Ledger},
};

/// An empty record of one kind, which can be opened, crashed and opened again.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Opens it with a bound on waiting messages.
    async fn open_bounded(&self, waiting_most: u64) -> Opened;

    /// Opens it.
    async fn open(&self) -> Opened {
        self.open_bounded(10_000).await
    }

    /// Opens it for reading, beside whoever writes.
    async fn peek(&self) -> Arc<dyn Store>;

    /// What a crash now would leave is what is opened from now on; what was open before goes on apart, like a ghost.
    /// Nothing must be on its way.
    async fn crash(&self);
}

/// An open record.
pub struct Opened {
    pub store: Arc<dyn Store>,
    pub queue: Arc<dyn Queue>,
    pub memory: Arc<dyn contract::Memory>,
    pub ids: Arc<IdClock>,
    /// The queue, where what waits in it is not in the record.
    pub apart: Option<Arc<postgres::Apart>>,
}

impl Opened {
    /// The account of every message, with what waits in a queue that is not the record's own.
    pub async fn ledger(&self) -> Ledger {
        let mut ledger = self.store.ledger().await.unwrap();
        if let Some(apart) = &self.apart {
            let waiting = apart.unsettled(&*self.store).await;
            ledger.waiting += waiting;
            ledger.accepted += waiting;
        }
        ledger
    }
}

/// Runs every suite on a backend: `conform!(name, factory)`. A record that is no inbox passes the suites of the record:
/// `conform!(record name, factory)`.
macro_rules! conform {
    (@suite $factory:path, $suite:ident: $($case:ident)+) => {
        mod $suite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let backend = $factory().await;
                    crate::conformance::$suite::$case(&backend).await;
                }
            )+
        }
    };
    ($backend:ident, $factory:path) => {
        mod $backend {
            crate::conformance::conform!(@inbox $factory);
            crate::conformance::conform!(@record $factory);
        }
    };
    (record $backend:ident, $factory:path) => {
        mod $backend {
            crate::conformance::conform!(@record $factory);
        }
    };
    (@inbox $factory:path) => {
        crate::conformance::conform!(@suite $factory, inbox:
            accepted_is_durable
            what_is_no_message_is_set_aside_once_and_listed
            the_same_platform_message_is_accepted_once
            an_empty_id_equals_no_other
            messages_come_out_in_the_order_of_acceptance
            past_the_bound_it_is_busy_and_loses_nothing
            an_unsettled_message_comes_again_after_a_restart
            a_dead_message_is_kept_until_it_is_redriven);
    };
    (@record $factory:path) => {
        crate::conformance::conform!(@suite $factory, files:
            a_file_is_due_until_it_has_come_and_then_stands_in_its_message);
        crate::conformance::conform!(@suite $factory, memory:
            values_are_kept_by_channel_and_key_over_a_crash);
        crate::conformance::conform!(@suite $factory, journal:
            a_commit_reads_back
            a_stale_version_is_a_conflict_and_changes_nothing
            a_turn_is_committed_once
            a_refused_commit_changes_nothing
            a_key_commits_once
            entries_are_a_chain_in_parts
            a_thread_goes_on_over_its_conversations
            lists_show_what_they_say_newest_first_in_parts
            offers_that_were_refused_are_remembered
            rule_sets_are_kept
            decisions_are_read_in_order_in_parts
            hits_of_rules_add_up_by_hour
            what_models_cost_adds_up_by_day
            what_may_have_an_alarm_is_read_in_parts);
        crate::conformance::conform!(@suite $factory, measures:
            what_commits_count_adds_up_by_hour_and_day
            what_is_refused_counts_nothing_and_what_is_done_counts_once
            questions_without_an_answer_are_read_in_parts
            figures_that_are_counted_anew_are_the_same);
        crate::conformance::conform!(@suite $factory, outbox:
            the_oldest_of_each_conversation_is_leased
            what_goes_by_another_channel_waits_for_nobody_and_holds_up_nobody
            replies_go_before_bulk_which_does_not_starve
            what_stands_before_a_reply_becomes_as_urgent
            a_retry_waits_for_its_time_and_holds_up_its_conversation
            recovery_resends_or_asks
            what_is_held_for_its_channel_is_tried_alone_and_goes_together
            what_is_held_for_its_customer_goes_with_their_next_turn
            receipts_never_go_back
            only_what_is_open_or_failed_is_resent
            the_ledger_adds_up);
        crate::conformance::conform!(@suite $factory, customers:
            an_address_is_recalled_with_what_is_known
            an_address_is_somebodys_once
            a_verified_identifier_is_one_customers
            what_is_counted_is_counted_once_and_outlives_a_crash
            merges_are_followed_and_undone
            what_two_threads_learn_at_once_is_not_overwritten
            search_finds_by_name_address_and_identifier
            several_become_one_through_a_chain);
        crate::conformance::conform!(@suite $factory, people:
            a_login_is_one_agents
            presences_are_the_last_said
            sessions_end
            tokens_end);
        crate::conformance::conform!(@suite $factory, tickets:
            no_number_is_reserved_twice
            a_number_is_one_conversations_and_finds_it);
        crate::conformance::conform!(@suite $factory, recovery:
            a_crash_keeps_what_was_committed
            many_commits_survive_a_crash
            ids_never_go_back
            a_peek_reads_beside_the_writer
            writers_at_once_lose_no_update);
    };
}
pub(crate) use conform;

conform!(on_sqlite, crate::conformance::sqlite::backend);
conform!(record on_postgres, crate::conformance::postgres::backend);
