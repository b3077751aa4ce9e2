//! One connection to the broker, made again whenever it is lost, for as long as the inbox is open.
//!
//! The client library's own recovery is not used: it gives up, and it never mends a channel that the broker closed. Here
//! whoever needs a channel waits for a connection and makes one.

use std::{sync::Arc, time::Duration};

use contract::Stop;
use lapin::{Channel, Connection, ConnectionProperties, types::LongString, uri::AMQPUri};
use tokio::{net::TcpStream, sync::watch};

use super::settings::{Address, place};

/// How long an answer of the broker may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long the broker may take to greet: one that only just starts may take a connection and never answer on it.
pub(super) const GREETING: Duration = Duration::from_secs(5);
/// How long a farewell may take: the broker notices anyway.
const FAREWELL: Duration = Duration::from_secs(2);
/// Pauses between attempts.
const PAUSES: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(2);
/// How often a connection is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A connection, or why there is none.
pub(super) struct Link {
    address: Address,
    /// What the broker shows of it.
    name: String,
    state: watch::Sender<State>,
    stop: Stop,
}

#[derive(Clone)]
enum State {
    Away(Arc<str>),
    Here(Arc<Connection>),
}

impl Link {
    /// A link that has not been made yet; [`keep`](Self::keep) makes it.
    pub fn new(address: Address, name: String, stop: Stop) -> Self {
        let state = watch::Sender::new(State::Away("it has not answered yet".into()));
        Self { address, name, state, stop }
    }

    /// Keeps the connection until stopped, then closes it.
    pub async fn keep(self: Arc<Self>) {
        let mut pause = PAUSES.start;
        let mut lives = 0_u64;
        while !self.stop.is_cancelled() {
            match connect(&self.address, &self.name).await {
                Ok(connection) => {
                    pause = PAUSES.start;
                    lives += 1;
                    if lives > 1 {
                        metrics::counter!("switchboard_broker_reconnects_total").increment(1);
                        tracing::info!(broker = self.address.place, "The broker is back.");
                    }
                    self.stay(connection).await;
                }
                Err(error) => {
                    if matches!(&*self.state.borrow(), State::Away(known) if **known != *error) {
                        tracing::warn!(
                            broker = self.address.place,
                            error,
                            "The broker cannot be reached; it is tried for ever."
                        );
                    }
                    self.state.send_replace(State::Away(error.into()));
                }
            }
            let _ = tokio::time::timeout(pause, self.stop.cancelled()).await;
            pause = (pause * 2).min(PAUSES.end);
        }
    }

    /// Returns when the connection is lost, or when stopped.
    async fn stay(&self, connection: Connection) {
        let connection = Arc::new(connection);
        self.state.send_replace(State::Here(Arc::clone(&connection)));
        let mut looks = tokio::time::interval(LOOK_EVERY);
        while connection.status().connected() {
            tokio::select! {
                _ = looks.tick() => {}
                () = self.stop.cancelled() => break,
            }
            if !matches!(&*self.state.borrow(), State::Here(_)) {
                break;
            }
        }
        self.state.send_if_modified(|state| {
            let here = matches!(state, State::Here(_));
            if here {
                *state = State::Away("the connection was lost".into());
            }
            here
        });
        if !self.stop.is_cancelled() {
            tracing::warn!(broker = self.address.place, "The broker is away.");
        }
        farewell(&connection).await;
    }

    /// The connection, if there is one now.
    ///
    /// # Errors
    /// Why there is none.
    pub fn now(&self) -> Result<Arc<Connection>, String> {
        match &*self.state.borrow() {
            State::Here(connection) if connection.status().connected() => Ok(Arc::clone(connection)),
            State::Here(_) => Err(self.away("the connection was lost")),
            State::Away(why) => Err(self.away(why)),
        }
    }

    fn away(&self, why: &str) -> String {
        format!("the broker at {} is away: {why}", self.address.place)
    }

    /// Waits for a connection; `None` when stopped.
    pub async fn connection(&self) -> Option<Arc<Connection>> {
        let mut state = self.state.subscribe();
        loop {
            if let State::Here(connection) = &*state.borrow_and_update()
                && connection.status().connected()
            {
                return Some(Arc::clone(connection));
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                changed = state.changed() => changed.ok()?,
                // A lost connection is noticed at the next look.
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Gives the connection up, because it does not do what it should: another one is made.
    pub fn renew(&self, why: &str) {
        self.state.send_replace(State::Away(why.into()));
    }
}

/// A connection to whichever node of the broker answers; `name` is what the broker shows of it.
///
/// # Errors
/// No node can be reached, or lets this user in.
pub(super) async fn connect(address: &Address, name: &str) -> Result<Connection, String> {
    let nodes = address.uris.len();
    // Connections of different names begin with different nodes.
    let first = name.bytes().map(usize::from).sum::<usize>() % nodes;
    let mut problems = Vec::new();
    for uri in address.uris.iter().cycle().skip(first).take(nodes) {
        match connect_to(uri, address, name).await {
            Ok(connection) => return Ok(connection),
            Err(problem) if nodes == 1 => return Err(problem),
            Err(problem) => problems.push(format!("{}: {problem}", place(uri))),
        }
    }
    Err(problems.join("; "))
}

async fn connect_to(uri: &AMQPUri, address: &Address, name: &str) -> Result<Connection, String> {
    let properties = ConnectionProperties::default().with_connection_name(LongString::from(name));
    let runtime = lapin::runtime::default_runtime().map_err(|error| error.to_string())?;
    let connected = async {
        // Each attempt of the library that is refused leaves two tasks behind for ever: it tries where somebody listens.
        let at = (uri.authority.host.as_str(), uri.authority.port);
        drop(TcpStream::connect(at).await.map_err(|error| error.to_string())?);
        let connecting = Connection::connect_uri_with_config(uri.clone(), properties, address.tls(), runtime);
        connecting.await.map_err(|error| error.to_string())
    };
    match tokio::time::timeout(GREETING, connected).await {
        Ok(connected) => connected,
        Err(_) => Err(format!("it did not greet within {} s", GREETING.as_secs())),
    }
}

/// Ends a connection. A close may hang, and a lost connection cannot say goodbye.
pub(super) async fn farewell(connection: &Connection) {
    let _ = tokio::time::timeout(FAREWELL, connection.close(200, "goodbye".into())).await;
}

/// A new channel.
///
/// # Errors
/// The broker does not give one in time.
pub(super) async fn channel(connection: &Connection) -> Result<Channel, String> {
    in_time(connection.create_channel()).await
}

/// An answer of the broker, in time.
pub(super) async fn in_time<T>(answer: impl Future<Output = lapin::Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the broker did not answer within {} s", PATIENCE.as_secs())),
    }
}

/// Closes a channel; what was delivered on it and not settled goes back to the head of its queue, in its order.
pub(super) async fn close(channel: &Channel) {
    let _ = tokio::time::timeout(FAREWELL, channel.close(200, "done".into())).await;
}
