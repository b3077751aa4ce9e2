//! Switchboard: an omnichannel message router. ARCHITECTURE.md draws the whole.

pub mod announce;
pub mod bot;
pub mod cli;
pub mod config;
pub mod courier;
pub mod desk;
pub mod explain;
pub mod files;
pub mod home;
pub mod http;
pub mod identity;
pub mod inbox;
pub mod live;
pub mod policy;
pub mod records;
pub mod roster;
pub mod routing;
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod threads;
pub mod turn;
pub mod understand;
pub mod wiring;
pub mod worker;
