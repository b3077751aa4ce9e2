//! A look at the broker from outside of any daemon, which changes nothing there: what it is, whether its queues are what
//! they should be, who takes messages from them, and how many wait.

use futures::{StreamExt, stream};
use lapin::Connection;

use super::{
    Settings,
    greeting::{Greeting, greet},
    link,
    management::{self, Cluster},
    settings::SettingsError,
    topology::{self, Found},
};

/// The oldest broker that keeps what this inbox promises: before it, a dead letter of a quorum queue could be lost on its
/// way.
pub const OLDEST: (u32, u32) = (3, 10);

/// How many queues are looked at at once: one that does not answer takes seconds.
const AT_ONCE: usize = 16;

/// What was seen.
#[derive(Debug, Clone)]
pub struct Look {
    /// Which broker it is.
    pub server: Greeting,
    /// The queue of each partition, in their order.
    pub partitions: Vec<Found>,
    /// The queue of the dead letters.
    pub dead: Found,
    /// What else has to be there, by name.
    pub others: Vec<(String, Found)>,
}

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The broker cannot be reached, or does not let this user in.
    #[error("the broker at {place} does not answer: {why}")]
    Away {
        /// Where it should be.
        place: String,
        /// What happened.
        why: String,
    },
}

/// Looks at a broker.
///
/// # Errors
/// It cannot be reached.
pub async fn look(settings: &Settings) -> Result<Look, LookError> {
    let address = settings.address()?;
    let away = |why| LookError::Away { place: address.place.clone(), why };
    let greeting = tokio::time::timeout(link::GREETING, greet(&address)).await;
    let server = greeting.unwrap_or_else(|_| Err("it does not greet".to_owned())).map_err(away)?;
    let connection = link::connect(&address, "switchboard doctor").await.map_err(away)?;
    let (partitions, dead) = queues(&connection, settings.partitions).await;
    let others = topology::find_others(&connection, settings.partitions).await;
    link::farewell(&connection).await;
    Ok(Look { server, partitions, dead, others })
}

/// Which nodes and which members of queues are up; `None` where there is nobody to ask.
///
/// # Errors
/// Whoever is asked does not say, in words.
pub async fn cluster(settings: &Settings) -> Option<Result<Cluster, String>> {
    match settings.address() {
        Ok(address) => management::ask(settings, &address.uris[0]).await,
        Err(error) => Some(Err(error.to_string())),
    }
}

/// How many accepted messages the broker has and has given to no daemon. Those that daemons have in hand it does not tell.
///
/// # Errors
/// It cannot be reached, or one of its queues is another one, or silent.
pub async fn waiting(settings: &Settings) -> Result<u64, LookError> {
    let address = settings.address()?;
    let away = |why| LookError::Away { place: address.place.clone(), why };
    let connection = link::connect(&address, "switchboard ledger").await.map_err(away)?;
    let (partitions, dead) = queues(&connection, settings.partitions).await;
    link::farewell(&connection).await;
    partitions
        .iter()
        .chain([&dead])
        .map(Found::waiting)
        .sum::<Result<u64, _>>()
        .map_err(|error| away(error.to_string()))
}

async fn queues(connection: &Connection, partitions: u16) -> (Vec<Found>, Found) {
    let found = stream::iter(0..partitions).map(|at| topology::find_partition(connection, at));
    (found.buffered(AT_ONCE).collect().await, topology::find_dead(connection).await)
}
