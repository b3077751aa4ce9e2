//! Routing: what happens to a message, decided by rules that admins keep in files.
//!
//! Pure: no I/O but reading a folder in [`load_dir`], no clock (the time is a fact), no store. The worker calls
//! [`decide`] once a message; the console and the command line call [`explain`]; both give the same answer for the
//! same set and facts, always.

mod calendar;
mod cases;
mod coverage;
mod decide;
mod explain;
mod expr;
mod facts;
mod finding;
mod given;
mod hits;
mod index;
mod load;
mod people;
#[cfg(test)]
mod reference;
mod replay;
mod rule;
mod schema;
mod template;
mod yaml;

pub use calendar::Calendar;
pub(crate) use calendar::Span;
pub use cases::{TestOutcome, TestReport, run_tests};
pub use coverage::{Branches, Coverage, Uncovered};
pub use decide::{decide, is_unanswered};
pub use explain::{Trace, TracedRule, TracedValue, explain};
pub(crate) use facts::is_default;
pub use facts::{
    ConversationFacts, CustomerFacts, Facts, IntentFacts, MessageFacts, MoodFacts, Now, Owner, Priority, QueueFacts,
    SentimentFacts, SlaFacts,
};
pub use finding::{Finding, Severity, SourceFile};
pub(crate) use finding::{Notes, suggest};
pub use given::{NotAFact, facts_from, facts_over};
pub(crate) use given::{collect as collect_facts, facts as given_facts};
pub use hits::Hits;
pub use load::{Loaded, given_from, load, load_actions, load_dir};
pub(crate) use load::{load_actions_of, nowhere, parse_seconds, read};
pub use people::{Person, lint_people};
pub use replay::{
    Aspect, Change, Difference, Example, Matched, Moved, Past, Recorded, Replay, Report, Shifted, Verdict,
};
pub use rule::{
    Action, Answer, Decision, Destination, Do, Escalation, HIGHEST_LEVEL, Handoff, Hours, Members, Otherwise,
    PriorityCredits, QueueSpec, Relax, Rule, RuleSet, SkillNeed, Sla, SlaBoost, SlaClock, Strategy, Titles, Trigger,
    WhenClosed,
};
pub use schema::FileKind;
pub use template::TemplateContext;
pub(crate) use template::{Bounded, bounded_environment, nearest_language, title};
pub(crate) use yaml::{Node, Value, parse as parse_yaml};
