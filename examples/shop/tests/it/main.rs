//! The shop as its callers see it, over HTTP on free ports. Every wait is for a signal, under a generous deadline.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod command;
mod effects;
mod faults;
mod reading;
mod running;
