//! Switchboard: an omnichannel message router. ARCHITECTURE.md draws the whole.

pub mod understand;
pub mod routing;
