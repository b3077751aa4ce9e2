//! Switchboard: an omnichannel message router. ARCHITECTURE.md draws the whole.

pub mod bot;
pub mod desk;
pub mod understand;
pub mod routing;
