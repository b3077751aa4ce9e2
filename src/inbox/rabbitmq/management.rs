//! What RabbitMQ's management interface tells and AMQP does not: which nodes are up, and which members of each queue.
//!
//! Its API is in <https://www.rabbitmq.com/docs/http-api-reference>. What it says of a queue is up to some seconds old.

use std::time::Duration;

use lapin::uri::AMQPUri;
use reqwest::{Certificate, Client, Url, redirect::Policy};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Settings, topology};

/// How long an answer may take.
const WITHIN: Duration = Duration::from_secs(5);

/// The nodes of a broker, and who has its queues.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// All that belong to it, up or down.
    pub nodes: Vec<BrokerNode>,
    /// Switchboard's queues.
    pub queues: Vec<QueueMembers>,
}

/// A node of a broker.
#[derive(Debug, Clone, Deserialize)]
pub struct BrokerNode {
    /// Its name in the cluster.
    pub name: String,
    /// Whether it is up.
    pub running: bool,
    /// It has run short of memory, and takes no messages.
    #[serde(default)]
    pub mem_alarm: bool,
    /// It has run short of disk, and takes no messages.
    #[serde(default)]
    pub disk_free_alarm: bool,
    /// The nodes that it has lost sight of while they were up.
    #[serde(default)]
    pub partitions: Vec<String>,
}

/// A quorum queue, and the nodes that have a copy of it.
#[derive(Debug, Clone, Deserialize)]
pub struct QueueMembers {
    /// Its name.
    pub name: String,
    /// All of them.
    #[serde(default)]
    pub members: Vec<String>,
    /// Those that are up. Without a majority of the members it takes and gives nothing.
    #[serde(default)]
    pub online: Vec<String>,
}

/// Asks the first of the interfaces that answers, as this user and about this virtual host; `None` where there are none.
///
/// # Errors
/// None of them answers, in words.
pub(super) async fn ask(settings: &Settings, uri: &AMQPUri) -> Option<Result<Cluster, String>> {
    if settings.management.is_empty() {
        return None;
    }
    let client = match client(settings.authorities.as_deref().unwrap_or_default()) {
        Ok(client) => client,
        Err(error) => return Some(Err(format!("distributed.rabbitmq.ca cannot be used: {}", words(error)))),
    };
    let mut why = Vec::new();
    for interface in &settings.management {
        match cluster(&client, interface, uri).await {
            Ok(cluster) => return Some(Ok(cluster)),
            Err(error) => why.push(format!("{interface}: {error}")),
        }
    }
    Some(Err(why.join("; ")))
}

fn client(authorities: &str) -> Result<Client, reqwest::Error> {
    let authorities = Certificate::from_pem_bundle(authorities.as_bytes())?;
    let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(WITHIN);
    if authorities.is_empty() { client } else { client.tls_certs_merge(authorities) }.build()
}

async fn cluster(client: &Client, interface: &Url, uri: &AMQPUri) -> Result<Cluster, String> {
    let nodes = get(client, uri, interface, &["nodes"], "name,running,mem_alarm,disk_free_alarm,partitions").await?;
    let mut queues: Vec<QueueMembers> =
        get(client, uri, interface, &["queues", &uri.vhost], "name,members,online").await?;
    queues.retain(|queue| topology::is_ours(&queue.name));
    Ok(Cluster { nodes, queues })
}

async fn get<T: DeserializeOwned>(
    client: &Client,
    uri: &AMQPUri,
    interface: &Url,
    path: &[&str],
    columns: &str,
) -> Result<T, String> {
    let mut url = interface.clone();
    url.path_segments_mut().map_err(|()| "it is no address".to_owned())?.pop_if_empty().push("api").extend(path);
    url.query_pairs_mut().append_pair("columns", columns);
    let user = &uri.authority.userinfo;
    let answer = client.get(url).basic_auth(&user.username, Some(&user.password)).send().await.map_err(words)?;
    match answer.status().as_u16() {
        200 => answer.json().await.map_err(words),
        401 => {
            Err("it does not let the user of distributed.rabbitmq.url in, who needs the tag `monitoring`".to_owned())
        }
        status => Err(format!("status {status}")),
    }
}

fn words(error: reqwest::Error) -> String {
    format!("{:#}", anyhow::Error::from(error.without_url()))
}
