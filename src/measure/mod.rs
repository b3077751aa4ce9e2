//! How well the bot and the people do, counted from the record: what each commit adds is written down in its own
//! transaction, by the hour, so the figures are as exact as the record is, and cheap to read however long it is.
//!
//! [`Count`]s are pure: what a journal comes to is the same whether it is counted as it grows or [anew](rebuild).

mod count;
mod masked;
mod misses;
pub mod rebuild;
mod report;
mod section;
#[cfg(test)]
mod tests;

pub use count::{Count, Figure, Measured, Miss, Noted, Tally, hour, note};
pub use masked::masked;
pub use misses::{Group, grouped};
pub use report::{
    ActionFigures, Conversations, Cost, Day, Filter, Handoffs, ModelFigures, Part, Report, Satisfaction, Times,
    under_way_for,
};
pub use section::{Section, SectionError, checked, save};
