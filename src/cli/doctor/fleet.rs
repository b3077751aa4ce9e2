//! Several daemons and the three engines that they share.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::{Finding, Findings, ledger, postgres, rabbitmq, redis};
use crate::{
    config::Config,
    inbox, live,
    store::{
        self,
        postgres::{LiveNode, PostgresRecord},
    },
    wiring::{postgres_settings, rabbitmq_settings},
};

/// For how long a partition may have no consumer because it changes hands: a lease, and the next beat.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks at each engine, whatever is wrong with the others, and at the daemons. Answers whether the record can be used.
pub(super) async fn look(config: &Config, findings: &mut Findings) -> bool {
    let usable = record(config, findings).await;
    broker(config, findings).await;
    cache(config, findings).await;
    usable
}

async fn record(config: &Config, findings: &mut Findings) -> bool {
    let place = config.distributed.postgres.place();
    let seen = async {
        let settings = postgres_settings(config)?;
        anyhow::Ok((store::postgres::look(&settings).await?, settings))
    };
    let (seen, settings) = match seen.await {
        Ok(seen) => seen,
        Err(error) => {
            findings.bad(&format!("{place}: {error:#}"), "check distributed.postgres, and the server");
            return false;
        }
    };
    findings.say(postgres::findings(&seen, &place));
    if !postgres::can_be_read(&seen) {
        return false;
    }
    match PostgresRecord::peek(settings).await {
        Ok(record) => {
            ledger(&*record, findings).await;
            match record.database().nodes().await {
                Ok(nodes) => findings.say(daemons(&nodes)),
                Err(error) => findings.bad(&error.to_string(), "look at the log of PostgreSQL"),
            }
        }
        Err(error) => findings.bad(&format!("{place}: {error}"), "check distributed.postgres, and the server"),
    }
    !seen.is_standby
}

fn daemons(nodes: &[LiveNode]) -> Vec<Finding> {
    let mut found = Vec::new();
    for LiveNode { number, card, .. } in nodes {
        let alive = format!("daemon {number} at {} is alive: {}, {}", card.address, card.roles, card.version);
        found.push(Finding::good(alive));
        if card.version != env!("CARGO_PKG_VERSION") {
            let other = format!("daemon {number} is of version {}, and this command of another", card.version);
            found.push(Finding::wrong(other, "finish the upgrade"));
        }
    }
    for role in ["gateway", "worker", "desk"] {
        if !nodes.iter().any(|node| node.card.roles == "all" || node.card.roles == role) {
            let nobody = format!("no daemon that is alive does the work of a {role}");
            found.push(Finding::wrong(nobody, "start one, or one with role = \"all\""));
        }
    }
    found
}

async fn broker(config: &Config, findings: &mut Findings) {
    let place = config.distributed.rabbitmq.place();
    let settings = match rabbitmq_settings(config) {
        Ok(settings) => settings,
        Err(error) => return findings.bad(&format!("{error:#}"), "check distributed.rabbitmq"),
    };
    let patience = Instant::now() + HANDED_OVER_WITHIN;
    let seen = loop {
        match inbox::rabbitmq::look(&settings).await {
            Ok(seen) if rabbitmq::waits_for_consumers(&seen) && Instant::now() < patience => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            seen => break seen,
        }
    };
    match seen {
        Ok(seen) => {
            let cluster = inbox::rabbitmq::cluster(&settings).await;
            findings.say(rabbitmq::findings(&seen, cluster.as_ref(), &place));
        }
        Err(error) => findings.bad(
            &error.to_string(),
            "messages are neither taken nor decided until it does; check distributed.rabbitmq, and the broker",
        ),
    }
}

async fn cache(config: &Config, findings: &mut Findings) {
    let engine = &config.distributed.redis;
    let seen = async {
        let ca = engine.authorities()?.map(String::into_bytes);
        anyhow::Ok(live::redis::look(engine.url.expose_secret(), engine.password()?, ca).await?)
    };
    match seen.await {
        Ok(seen) => findings.say(seen.iter().flat_map(|seen| redis::findings(seen, &engine.place()))),
        Err(error) => findings.bad(
            &format!("{} does not answer: {error:#}", engine.place()),
            "nothing is lost, but consoles and widgets lag behind; start it, or check distributed.redis",
        ),
    }
}

#[cfg(test)]
mod tests {
    use contract::Timestamp;

    use super::*;
    use crate::store::postgres::NodeCard;

    fn node(number: u8, roles: &str, version: &str) -> LiveNode {
        let card = NodeCard {
            name: "a".into(),
            address: "http://10.0.0.5:8080".into(),
            roles: roles.into(),
            version: version.into(),
            started: Timestamp::UNIX_EPOCH,
        };
        LiveNode { number, incarnation: 1, card, left: Duration::from_secs(6) }
    }

    #[test]
    fn every_work_needs_a_daemon_and_all_of_them_one_version() {
        let here = env!("CARGO_PKG_VERSION");
        let wrong = |nodes: &[LiveNode]| -> Vec<String> {
            let wrong = |finding| if let Finding::Wrong(what, _) = finding { Some(what) } else { None };
            daemons(nodes).into_iter().filter_map(wrong).collect()
        };
        assert_eq!(wrong(&[node(0, "all", here)]), [] as [&str; 0]);
        assert_eq!(wrong(&[node(0, "gateway", here), node(1, "desk", here)]).len(), 1, "nobody gives turns");
        let old = wrong(&[node(3, "all", "0.0.1")]);
        assert!(old.len() == 1 && old[0].contains("daemon 3 is of version 0.0.1"), "{old:?}");
        assert_eq!(wrong(&[]).len(), 3);
    }
}
