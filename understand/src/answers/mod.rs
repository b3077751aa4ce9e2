//! What a customer says when a bot has asked something: yes or no, a number, one of several, a day and a time. Rules,
//! not a model: the same answer is always read in the same way, and what they do not know is none.
//!
//! English and Chinese, simplified and traditional. Only the first 500 characters are looked at; any text is
//! accepted, in linear time. Who asks decides what to do with an answer; nothing here knows the question, the time or
//! the customer.

mod assent;
mod choice;
mod dispute;
mod moment;
mod negation;
mod number;
mod numeral;
mod text;
mod when;

pub use assent::{Assent, assent};
pub use choice::{Chosen, choose};
pub use dispute::disputes;
pub use moment::{Moment, Part, moment};
pub use number::{Ordinal, number, ordinal};
