//! Switchboard: an omnichannel message router. ARCHITECTURE.md draws the whole.

pub mod cli;
pub mod routing;
pub mod understand;
