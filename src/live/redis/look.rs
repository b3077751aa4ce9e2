//! A look at Redis from outside of any daemon, which changes nothing there.

use std::collections::HashMap;

use redis::{FromRedisValue, RedisError, RedisResult, Value};
use secrecy::SecretString;

use super::server::{AddressError, Server};

/// The oldest major version that has what is used, and of a cluster: it publishes by shards.
pub const OLDEST: (u32, u32) = (6, 7);

/// What one server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// `7.0.15`.
    pub version: String,
    /// Whether it is one of a cluster.
    pub is_in_cluster: bool,
    /// Whether it follows another one, and cannot be written.
    pub is_replica: bool,
    /// How many bytes it may take; 0 is all that there are.
    pub memory_most: u64,
    /// What it does when it has them: `noeviction`, `volatile-lru`, …
    pub eviction: String,
}

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The settings are wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It cannot be reached, or does not let this user in.
    #[error(transparent)]
    Away(#[from] RedisError),
}

/// Looks at the server, or at each one of a cluster that is written to. The arguments are those of
/// [`Settings`](super::Settings).
///
/// # Errors
/// It cannot be reached.
pub async fn look(url: &str, password: Option<SecretString>, ca: Option<Vec<u8>>) -> Result<Vec<Look>, LookError> {
    let mut connection = Server::read(url, password, ca)?.open(None).await?;
    let said: Value = redis::cmd("INFO").query_async(&mut connection).await?;
    let each = match said {
        Value::Map(each) => each.into_iter().map(|(_, said)| said).collect(),
        said => vec![said],
    };
    let texts: RedisResult<Vec<String>> =
        each.into_iter().map(|said| String::from_redis_value(said).map_err(RedisError::from)).collect();
    Ok(texts?.iter().map(|text| read(text)).collect())
}

fn read(text: &str) -> Look {
    let said: HashMap<&str, &str> = text.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let of = |name: &str| said.get(name).copied().unwrap_or_default();
    Look {
        version: of("redis_version").to_owned(),
        is_in_cluster: of("cluster_enabled") == "1",
        is_replica: of("role") == "slave" && of("slave_read_only") != "0",
        memory_most: of("maxmemory").parse().unwrap_or(0),
        eviction: of("maxmemory_policy").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_itself_is_read() {
        let text = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nmaxmemory:1024\r\nmaxmemory_policy:noeviction\r\n\
                    # Replication\r\nrole:slave\r\nslave_read_only:1\r\n# Cluster\r\ncluster_enabled:0\r\n";
        let expected = Look {
            version: "7.0.15".into(),
            is_in_cluster: false,
            is_replica: true,
            memory_most: 1024,
            eviction: "noeviction".into(),
        };
        assert_eq!(read(text), expected);
        assert!(!read(&text.replace("role:slave", "role:master")).is_replica);
    }
}
