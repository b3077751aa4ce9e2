//! What the bot does for customers: actions that files declare, each a call to a business system with what has to be known
//! before and what is said after. Pure: files become [`Actions`], a [`Dialogue`] is a value, and what the customer or a
//! business system says leads to the next one. [`crate::calls`] makes the calls, [`crate::worker`] commits.

mod cards;
mod cases;
mod dialogue;
mod form;
mod heard;
pub mod import;
mod later;
mod outcome;
mod phrases;
mod request;
mod scene;
mod spec;
#[cfg(test)]
mod tests;
pub(crate) mod texts;
mod trial;
mod verify;

pub(crate) use cases::{Case, Given, Happens, Turn as CaseTurn};
pub use cases::{CaseOutcome, run_cases};
pub use dialogue::{Advance, Choice, Dialogue, Ended, Heard, Opens, Reaction, Step, Why};
pub use form::{Field, Form, Problem, shown};
pub(crate) use later::{HORIZON, NOWHERE};
pub use later::{Later, Planned};
pub use phrases::Phrase;
pub use scene::{Scene, Who};
pub(crate) use spec::pattern;
pub use spec::{
    Action, Actions, AskedChoices, Call, CardButton, Cards, Choices, Identity, Input, Kind, Outcome, Output,
    OutputKind, Press, Shape, Speaks, System, TicketSpec,
};
pub use trial::Meaning;
pub use verify::{Challenge, Means, Permission, Proof, Recipient, Verification};
