//! What is to be said of Redis.

use super::{Finding, is_at_least};
use crate::live::redis::{Look, OLDEST};

/// Everything about one server.
pub(super) fn findings(seen: &Look, place: &str) -> Vec<Finding> {
    let mut found = vec![version(seen, place)];
    if seen.is_replica {
        found.push(Finding::wrong(
            format!("the Redis at {place} is a replica, which cannot be written"),
            "name its master, or the sentinels that know it: redis-sentinel://host:port?master=NAME",
        ));
    }
    if seen.memory_most > 0 && seen.eviction == "noeviction" {
        found.push(Finding::wrong(
            format!("Redis refuses writes once it has {} bytes: its maxmemory-policy is noeviction", seen.memory_most),
            "let it forget the oldest of what ends anyway: maxmemory-policy volatile-lru",
        ));
    }
    found
}

fn version(seen: &Look, place: &str) -> Finding {
    let (kind, oldest) = if seen.is_in_cluster { (", in a cluster,", OLDEST.1) } else { ("", OLDEST.0) };
    let what = format!("Redis {} at {place}{kind}", seen.version);
    if is_at_least(&seen.version, (oldest, 0)) {
        return Finding::good(format!("{what} answers"));
    }
    Finding::wrong(format!("{what} is too old"), format!("{oldest} or newer is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_words() {
        let well = Look {
            version: "6.2.1".into(),
            is_in_cluster: false,
            is_replica: false,
            memory_most: 1 << 20,
            eviction: "volatile-lru".into(),
        };
        let noeviction = || "noeviction".to_owned();
        for (seen, words) in [
            (well.clone(), "ok     Redis 6.2.1 at redis://r answers\n"),
            (
                Look { memory_most: 0, eviction: noeviction(), ..well.clone() },
                "ok     Redis 6.2.1 at redis://r answers\n",
            ),
            (Look { version: "5.0.7".into(), ..well.clone() }, "WRONG  Redis 5.0.7 at redis://r is too old"),
            (Look { is_in_cluster: true, ..well.clone() }, "WRONG  Redis 6.2.1 at redis://r, in a cluster, is too old"),
            (
                Look { is_replica: true, ..well.clone() },
                "WRONG  the Redis at redis://r is a replica, which cannot be written",
            ),
            (Look { eviction: noeviction(), ..well.clone() }, "WRONG  Redis refuses writes once it has 1048576 bytes"),
        ] {
            let said: String = findings(&seen, "redis://r").iter().map(|finding| format!("{finding}\n")).collect();
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    }
}
