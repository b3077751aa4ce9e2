//! What helps an agent who takes over from the bot: what happened so far in a few lines, what could be said, and the bot's own
//! actions to be carried out by hand. Pure; [`crate::worker`] makes the calls, `src/http/api/assist.rs` shows it.

mod act;
mod recap;
mod suggest;
mod summary;
#[cfg(test)]
mod tests;
mod words;

pub use act::{AgentAct, gathered};
pub use recap::{Recap, last_entry, recap};
pub use suggest::{Passage, SuggestedReply, passages, replies};
pub use summary::{CUT, Detail, Kind, Line, Seen, summary};
pub use words::Tongue;
