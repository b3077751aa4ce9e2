//! One integration binary: the seams' conformance suites, stories through the real binary, and the rules of the
//! architecture that Cargo cannot hold. Nothing here leaves the loopback interface, and nothing waits for time to pass:
//! every wait is for a signal, under a generous deadline.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod conformance;
mod docs;
mod harness;
mod stories;
mod tidy;
