//! The desk: conversations that wait for a person, agents who can take them, and the one matcher between the two.
//!
//! [`Desk`] is a pure state machine: no clock, no store, no other task. Whoever runs it tells it what happened
//! ([`Input`]) and when, and carries out what follows ([`Effect`]). It never reads messages and decides no rule.
//! [`Dispatcher`] is the task that runs it.

mod audit;
mod board;
mod dispatcher;
mod event;
mod from_record;
mod from_rules;
mod index;
mod lines;
mod matcher;
mod reading;
mod rules;
mod state;
mod tally;
mod words;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use audit::Audit;
pub use board::{AtDesk, Board};
pub use dispatcher::{
    Answer, AnswerError, Away, DeskHandle, DeskMailbox, Dispatcher, offer_view, queue_views, queues_of,
};
pub use event::{
    AgentProfile, Assignment, Boost, Chosen, Effect, Input, Membership, Offer, Outcome, Presence, Refusal, Reserved,
    Waiting, Withdrawal,
};
pub use from_record::input_for;
pub use from_rules::{Person, desk_rules, profile};
pub use matcher::Desk;
pub use reading::{Hindrance, InQueue, QueueStatus, WhyNot};
pub(crate) use rules::later;
pub use rules::{DeskRules, HIGHEST_LEVEL, Priority, PriorityCredits, QueueRules, Relax, SkillNeed, Strategy, Weights};
pub use state::AgentState;
pub use tally::Tally;
