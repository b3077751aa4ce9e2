//! What a broker says of itself before anybody has logged in. The client library throws that away, so it is asked for on a
//! connection that ends there.

use futures::{AsyncReadExt, AsyncWriteExt};
use lapin::{
    protocol::{AMQPClass, connection::AMQPMethod, parse_class},
    tcp::AMQPUriTcpExt,
    types::{AMQPValue, FieldTable},
    uri::AMQPUri,
};

use super::settings::Address;

/// What a client of AMQP 0-9-1 says first.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// The kind of frame that the answer is, and the most that it may be long.
const METHOD: u8 = 1;
const LARGEST: u32 = 1 << 17;

/// Which broker it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Greeting {
    /// `RabbitMQ`.
    pub product: String,
    /// `3.10.8`.
    pub version: String,
    /// The cluster that it is a part of; one alone has a name too.
    pub cluster: String,
}

/// Asks whichever node answers for it.
///
/// # Errors
/// None can be reached, or it is no broker.
pub(super) async fn greet(address: &Address) -> Result<Greeting, String> {
    let mut problem = String::new();
    for uri in &address.uris {
        match greet_at(uri, address).await {
            Ok(greeting) => return Ok(greeting),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

async fn greet_at(uri: &AMQPUri, address: &Address) -> Result<Greeting, String> {
    let words = |error: std::io::Error| error.to_string();
    let runtime = lapin::runtime::default_runtime().map_err(|error| error.to_string())?;
    let tls = address.tls();
    let mut stream = uri.connect_with_config_async(tls.as_ref(), &runtime).await.map_err(words)?;
    stream.write_all(HEADER).await.map_err(words)?;
    stream.flush().await.map_err(words)?;
    let mut head = [0; 7];
    stream.read_exact(&mut head).await.map_err(words)?;
    let [kind, _, _, length @ ..] = head;
    let length = u32::from_be_bytes(length);
    let stranger = || "it does not speak AMQP 0-9-1".to_owned();
    if kind != METHOD || length > LARGEST {
        return Err(stranger());
    }
    let mut method = vec![0; usize::try_from(length).unwrap_or(0)];
    stream.read_exact(&mut method).await.map_err(words)?;
    match parse_class(&method[..]) {
        Ok((_, AMQPClass::Connection(AMQPMethod::Start(start)))) => Ok(read(&start.server_properties)),
        _ => Err(stranger()),
    }
}

fn read(properties: &FieldTable) -> Greeting {
    let text = |name: &str| match properties.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        Some(AMQPValue::ShortString(text)) => text.to_string(),
        _ => String::new(),
    };
    Greeting { product: text("product"), version: text("version"), cluster: text("cluster_name") }
}
