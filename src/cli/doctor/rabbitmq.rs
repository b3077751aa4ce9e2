//! What is to be said of RabbitMQ.

use std::collections::BTreeMap;

use super::{Finding, is_at_least};
use crate::inbox::rabbitmq::{BrokerNode, Cluster, Found, Look, OLDEST, TopologyError};

/// What has to be done where a queue does not answer.
const MAJORITY: &str =
    "most of its members must be up: ask `rabbitmqctl cluster_status`, and start the nodes that are down";

/// Whether there are queues as they should be, and some of them have no consumer: perhaps they change hands.
pub(super) fn waits_for_consumers(seen: &Look) -> bool {
    !idle(seen).is_empty()
}

/// Everything about a broker; `cluster` is what it tells of its nodes, where it was asked.
pub(super) fn findings(seen: &Look, cluster: Option<&Result<Cluster, String>>, place: &str) -> Vec<Finding> {
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
    match cluster {
        Some(Ok(cluster)) => found.extend(members(cluster)),
        Some(Err(why)) => found.push(Finding::wrong(
            format!("which nodes of the broker are up is not known: {why}"),
            "check distributed.rabbitmq_management, and whether the plugin rabbitmq_management is on",
        )),
        None => found.push(Finding::note(
            "AMQP does not tell how many of the broker's nodes and of each queue's members are up: set \
             distributed.rabbitmq_management, or ask `rabbitmq-diagnostics check_if_node_is_quorum_critical` on each node",
        )),
    }
    found
}

/// Which nodes are up, and whether each queue has the members that let one be lost.
fn members(cluster: &Cluster) -> Vec<Finding> {
    let mut found: Vec<Finding> = cluster.nodes.iter().flat_map(node).collect();
    let mut queues: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
    for queue in &cluster.queues {
        queues.entry((queue.online.len(), queue.members.len())).or_default().push(&queue.name);
    }
    let nodes = cluster.nodes.len();
    let untold = queues.remove(&(0, 0));
    for ((online, members), names) in queues {
        let names = names.join(", ");
        if online <= members / 2 {
            found.push(Finding::wrong(
                format!("{online} of {members} members are up, no majority, of {names}: they take and give nothing"),
                "start the nodes that are down",
            ));
        } else if online < members {
            found.push(Finding::wrong(
                format!("{online} of {members} members are up of {names}"),
                "start the nodes that are down, before another one is; a node that is gone for ever leaves by `rabbitmq-queues shrink`",
            ));
        } else if members < nodes.min(3) {
            found.push(Finding::wrong(
                format!(
                    "{members} of the broker's {nodes} nodes have {names}: while one of those is down they take and give nothing"
                ),
                "`rabbitmq-queues grow NODE all` gives a node its copy; queues that were made before it came have none",
            ));
        }
    }
    if let Some(names) = untold {
        // The broker tells of a queue's members some seconds after it was made, or has a leader again.
        found.push(Finding::note(format!("the broker does not tell yet who has {}", names.join(", "))));
    }
    if !found.is_empty() {
        return found;
    }
    if nodes < 3 {
        let few =
            format!("the broker has {nodes} of the 3 nodes with which one may be down, and all that it has are up");
        return vec![Finding::note(few)];
    }
    vec![Finding::good(format!("the broker's {nodes} nodes are up, and all members of its queues"))]
}

/// What is wrong with a node.
fn node(node: &BrokerNode) -> Vec<Finding> {
    let name = &node.name;
    if !node.running {
        return vec![Finding::wrong(
            format!("the broker's node {name} is down"),
            "start it; its log says why it ended",
        )];
    }
    let mut found = Vec::new();
    for (is_short, of) in [(node.mem_alarm, "memory"), (node.disk_free_alarm, "disk")] {
        if is_short {
            found.push(Finding::wrong(
                format!("the broker's node {name} is short of {of}: no node takes messages until it is not"),
                "look for what fills it, and for daemons that do not take their messages; then give it more",
            ));
        }
    }
    if !node.partitions.is_empty() {
        found.push(Finding::wrong(
            format!("the broker's node {name} has lost sight of {}, which were up", node.partitions.join(", ")),
            "mend the network between them, then restart the nodes of the smaller side: https://www.rabbitmq.com/docs/partitions",
        ));
    }
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
    use crate::inbox::rabbitmq::{Greeting, QueueMembers};

    type Told = Option<Result<Cluster, String>>;

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

    /// A broker of three nodes whose queues have these members, and these of them up.
    fn told(queues: [(usize, usize); 2], change: fn(&mut Cluster)) -> Told {
        let names = ["a", "b", "c"].map(str::to_owned);
        let nodes = names.clone().map(|name| BrokerNode {
            name,
            running: true,
            mem_alarm: false,
            disk_free_alarm: false,
            partitions: Vec::new(),
        });
        let queues = [("q0", queues[0]), ("q1", queues[1])].map(|(name, (online, members))| QueueMembers {
            name: name.into(),
            members: names[..members].to_vec(),
            online: names[..online].to_vec(),
        });
        let mut cluster = Cluster { nodes: nodes.into(), queues: queues.into() };
        change(&mut cluster);
        Some(Ok(cluster))
    }

    /// Each row changes one thing, and has what is said of it then.
    #[test]
    fn what_is_wrong_is_said_in_words() {
        type Change = fn(&mut Look, &mut Told);
        let rows: [(Change, &str); 21] = [
            (|_, _| {}, "ok     RabbitMQ 3.10.8 at amqp://mq, cluster shop\n"),
            (|_, _| {}, "ok     the queues of all 3 partitions and of the dead letters answer"),
            (
                |_, _| {},
                "ok     every partition that answers has a daemon that takes its messages; 6 wait in the broker",
            ),
            (|_, _| {}, "note   AMQP does not tell"),
            (
                |seen, _| seen.server.version = "3.9.13".into(),
                "WRONG  RabbitMQ 3.9.13 at amqp://mq, cluster shop is too old",
            ),
            (|seen, _| seen.partitions.fill(Found::Missing), "WRONG  the broker has no queues of Switchboard's yet"),
            (|seen, _| seen.partitions[1] = Found::Missing, "WRONG  the queue of partition 1 is not there"),
            (
                |seen, _| {
                    let there = Found::There { messages: 4, consumers: 0 };
                    (seen.partitions[0], seen.partitions[2]) = (there.clone(), there);
                },
                "WRONG  no daemon takes messages from partitions 0, 2: the conversations in them stand; 10 messages wait",
            ),
            (
                |seen, _| seen.dead = Found::Wrong(TopologyError::Refused("it does not answer".into())),
                "WRONG  the queue of the dead letters does not answer: it does not answer",
            ),
            (
                |seen, _| {
                    let other = TopologyError::Partitions { there: "16".into(), configured: 8 };
                    seen.others = vec![("switchboard.partitions".into(), Found::Wrong(other))];
                },
                "WRONG  switchboard.partitions is not what it should be\n       the broker's messages are divided into 16",
            ),
            (
                |seen, _| seen.dead = Found::There { messages: 5, consumers: 0 },
                "WRONG  5 dead letters are in the broker, and no daemon has brought them to the record",
            ),
            (
                |_, cluster| *cluster = Some(Err("http://mq:15672/: status 500".into())),
                "WRONG  which nodes of the broker are up is not known: http://mq:15672/: status 500",
            ),
            (
                |_, cluster| *cluster = told([(3, 3), (3, 3)], |_| {}),
                "ok     the broker's 3 nodes are up, and all members of its queues\n",
            ),
            (
                |_, cluster| *cluster = told([(1, 1), (1, 1)], |it| it.nodes.truncate(1)),
                "note   the broker has 1 of the 3 nodes with which one may be down, and all that it has are up",
            ),
            (
                |_, cluster| *cluster = told([(2, 3), (2, 3)], |it| it.nodes[1].running = false),
                "WRONG  the broker's node b is down\n",
            ),
            (|_, cluster| *cluster = told([(2, 3), (2, 3)], |_| {}), "WRONG  2 of 3 members are up of q0, q1\n"),
            (
                |_, cluster| *cluster = told([(3, 3), (1, 3)], |_| {}),
                "WRONG  1 of 3 members are up, no majority, of q1: they take and give nothing",
            ),
            (
                |_, cluster| *cluster = told([(3, 3), (0, 0)], |_| {}),
                "note   the broker does not tell yet who has q1\n",
            ),
            (
                |_, cluster| *cluster = told([(3, 3), (1, 1)], |_| {}),
                "WRONG  1 of the broker's 3 nodes have q1: while one of those is down",
            ),
            (
                |_, cluster| *cluster = told([(3, 3), (3, 3)], |it| it.nodes[2].disk_free_alarm = true),
                "WRONG  the broker's node c is short of disk: no node takes messages",
            ),
            (
                |_, cluster| *cluster = told([(3, 3), (3, 3)], |it| it.nodes[0].partitions = vec!["c".into()]),
                "WRONG  the broker's node a has lost sight of c, which were up",
            ),
        ];
        for (change, words) in rows {
            let (mut seen, mut cluster) = (seen(), None);
            change(&mut seen, &mut cluster);
            let said: String =
                findings(&seen, cluster.as_ref(), "amqp://mq").iter().map(|finding| format!("{finding}\n")).collect();
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    }
}
