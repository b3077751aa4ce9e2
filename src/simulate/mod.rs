//! What the desk would do with a day of work: customers come, rules decide, agents are asked, answer and take their
//! time, all on a clock that is only a number.
//!
//! The desk is the daemon's own ([`crate::desk::Desk`], with [`crate::desk::desk_rules`]), and so are the decisions
//! ([`crate::routing::decide`]); what people do is drawn from a [`Scenario`]. Pure: the same rules, scenario, day and
//! seed give the same [`Report`], always. `switchboard rules simulate` calls it.

mod arrivals;
mod dice;
mod read;
mod report;
mod run;
mod scenario;
mod state;
mod sum;
#[cfg(test)]
mod tests;

pub use arrivals::{Arrival, Day};
pub use dice::Length;
pub use report::{AgentReport, Longest, Offers, Promises, QueueReport, Report, Service, Waits};
pub use scenario::{AgentGroup, Bot, Handling, HoursOfDay, Message, Rate, Scenario, Source};

use crate::{routing::RuleSet, understand::Signals};

/// What becomes of a day of work under these rules. `read` gives the signals of a text; it is asked once for each
/// message of the day.
#[must_use]
pub fn simulate(rules: &RuleSet, scenario: &Scenario, day: &Day, read: &dyn Fn(&str) -> Signals) -> Report {
    let mut run = run::Run::new(rules, scenario, day, read);
    while run.step() {}
    run.report()
}
