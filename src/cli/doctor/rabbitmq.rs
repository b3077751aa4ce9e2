//! What is to be said of RabbitMQ.

use super::{Finding, is_at_least};
use crate::inbox::rabbitmq::{Found, Look, OLDEST, TopologyError};

/// What has to be done where a queue does not answer.
const MAJORITY: &str =
    "most of its members must be up: ask `rabbitmqctl cluster_status`, and start the nodes that are down";

/// Whether there are queues as they should be, and some of them have no consumer: perhaps they change hands.
pub(super) fn waits_for_consumers(seen: &Look) -> bool {
    !idle(seen).is_empty()
}

/// Everything about a broker.
pub(super) fn findings(seen: &Look, place: &str) -> Vec<Finding> {
    let mut found = vec![version(seen, place)];
    if seen.partitions.iter().all(|queue| matches!(queue, Found::Missing)) {
        found.push(Finding::wrong(
            "the broker has no queues of Switchboard's yet",
            "a daemon makes them when it starts",
        ));
        return found;
    }
    let named =
        (0..).zip(&seen.partitions).map(|(at, queue): (u16, _)| (format!("the queue of partition {at}"), queue));
    let dead = ("the queue of the dead letters".to_owned(), &seen.dead);
    let others = seen.others.iter().map(|(name, other)| (name.clone(), other));
    let wrong: Vec<Finding> =
        named.chain([dead]).chain(others).filter_map(|(name, queue)| unlike(&name, queue)).collect();
    if wrong.is_empty() {
        found.push(Finding::good(format!(
            "the queues of all {} partitions and of the dead letters answer, and are what they should be",
            seen.partitions.len()
        )));
    }
    found.extend(wrong);
    found.push(consumers(seen));
    found.extend(dead_letters(&seen.dead));
    found.push(Finding::note(
        "AMQP does not tell how many of the broker's nodes and of each queue's members are up: ask `rabbitmq-diagnostics \
         check_if_node_is_quorum_critical` on each node",
    ));
    found
}

fn version(seen: &Look, place: &str) -> Finding {
    let server = &seen.server;
    let what = format!("{} {} at {place}, cluster {}", server.product, server.version, server.cluster);
    if is_at_least(&server.version, OLDEST) {
        return Finding::good(what);
    }
    Finding::wrong(format!("{what} is too old"), format!("{}.{} or newer is needed", OLDEST.0, OLDEST.1))
}

/// What a queue or an exchange is not.
fn unlike(name: &str, found: &Found) -> Option<Finding> {
    match found {
        Found::There { .. } => None,
        Found::Missing => {
            Some(Finding::wrong(format!("{name} is not there"), "a daemon makes it within seconds: is one running?"))
        }
        Found::Wrong(TopologyError::Refused(why)) => {
            Some(Finding::wrong(format!("{name} does not answer: {why}"), MAJORITY))
        }
        Found::Wrong(error) => Some(Finding::wrong(
            format!("{name} is not what it should be"),
            format!("{error}; or give this daemon the setting that all others have"),
        )),
    }
}

/// The partitions from which nobody takes messages.
fn idle(seen: &Look) -> Vec<String> {
    let idle = (0..).zip(&seen.partitions).filter(|(_, queue)| matches!(queue, Found::There { consumers: 0, .. }));
    idle.map(|(at, _): (u16, _)| at.to_string()).collect()
}

fn consumers(seen: &Look) -> Finding {
    let waiting: u64 = seen.partitions.iter().map(|queue| u64::from(messages(queue))).sum();
    let idle = idle(seen);
    if idle.is_empty() {
        return Finding::good(format!(
            "every partition that answers has a daemon that takes its messages; {waiting} wait in the broker"
        ));
    }
    let (partitions, them) = if idle.len() == 1 { ("partition", "it") } else { ("partitions", "them") };
    Finding::wrong(
        format!(
            "no daemon takes messages from {partitions} {}: the conversations in {them} stand; {waiting} messages wait in \
             the broker",
            idle.join(", ")
        ),
        "start a worker; where enough of them are alive, restart the one whose log says that it has the partition. A queue \
         that has lost most of its members looks like this too",
    )
}

fn dead_letters(dead: &Found) -> Option<Finding> {
    let messages = messages(dead);
    (messages > 0).then(|| {
        Finding::wrong(
            format!("{messages} dead letters are in the broker, and no daemon has brought them to the record"),
            "daemons do that as long as PostgreSQL works; their logs say what holds them up",
        )
    })
}

const fn messages(found: &Found) -> u32 {
    if let Found::There { messages, .. } = found { *messages } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::rabbitmq::Greeting;

    fn seen() -> Look {
        let server = Greeting { product: "RabbitMQ".into(), version: "3.10.8".into(), cluster: "shop".into() };
        let there = Found::There { messages: 2, consumers: 1 };
        let partitions = vec![there.clone(), there.clone(), there];
        let dead = Found::There { messages: 0, consumers: 1 };
        Look {
            server,
            partitions,
            dead,
            others: vec![("the exchange x".into(), Found::There { messages: 0, consumers: 0 })],
        }
    }

    /// Each row changes one thing, and has what is said of it then.
    #[test]
    fn what_is_wrong_is_said_in_words() {
        type Change = fn(&mut Look);
        let rows: [(Change, &str); 11] = [
            (|_| {}, "ok     RabbitMQ 3.10.8 at amqp://mq, cluster shop\n"),
            (|_| {}, "ok     the queues of all 3 partitions and of the dead letters answer"),
            (|_| {}, "ok     every partition that answers has a daemon that takes its messages; 6 wait in the broker"),
            (|_| {}, "note   AMQP does not tell"),
            (
                |seen| seen.server.version = "3.9.13".into(),
                "WRONG  RabbitMQ 3.9.13 at amqp://mq, cluster shop is too old",
            ),
            (|seen| seen.partitions.fill(Found::Missing), "WRONG  the broker has no queues of Switchboard's yet"),
            (|seen| seen.partitions[1] = Found::Missing, "WRONG  the queue of partition 1 is not there"),
            (
                |seen| {
                    let there = Found::There { messages: 4, consumers: 0 };
                    (seen.partitions[0], seen.partitions[2]) = (there.clone(), there);
                },
                "WRONG  no daemon takes messages from partitions 0, 2: the conversations in them stand; 10 messages wait",
            ),
            (
                |seen| seen.dead = Found::Wrong(TopologyError::Refused("it does not answer".into())),
                "WRONG  the queue of the dead letters does not answer: it does not answer",
            ),
            (
                |seen| {
                    let other = TopologyError::Partitions { there: "16".into(), configured: 8 };
                    seen.others = vec![("switchboard.partitions".into(), Found::Wrong(other))];
                },
                "WRONG  switchboard.partitions is not what it should be\n       the broker's messages are divided into 16",
            ),
            (
                |seen| seen.dead = Found::There { messages: 5, consumers: 0 },
                "WRONG  5 dead letters are in the broker, and no daemon has brought them to the record",
            ),
        ];
        for (change, words) in rows {
            let mut seen = seen();
            change(&mut seen);
            let said: String = findings(&seen, "amqp://mq").iter().map(|finding| format!("{finding}\n")).collect();
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    }
}
