//! Which node takes which partitions: the same answer on every node that knows the same nodes, with no message between
//! them.

use sha2::{Digest, Sha256};

/// The number of a node.
pub type NodeId = u8;

/// The partitions of a node, rising.
///
/// Rendezvous hashing with room for an equal share: of all pairs of a partition and a node, those of the highest weight
/// come first, and a node that has its share takes no more. So shares differ by at most one, and a node that comes or goes
/// moves little beyond its own share.
#[must_use]
pub fn own(partitions: u16, nodes: &[NodeId], me: NodeId) -> Vec<u16> {
    let mut nodes = nodes.to_vec();
    nodes.sort_unstable();
    nodes.dedup();
    if !nodes.contains(&me) {
        return Vec::new();
    }
    let share = usize::from(partitions) / nodes.len();
    let mut one_more = usize::from(partitions) % nodes.len();
    let mut pairs: Vec<(u64, u16, NodeId)> = (0..partitions)
        .flat_map(|partition| nodes.iter().map(move |node| (weight(partition, *node), partition, *node)))
        .collect();
    pairs.sort_unstable_by(|one, other| other.cmp(one));
    let mut taken = vec![false; usize::from(partitions)];
    let mut loads = [0_usize; 256];
    let mut mine = Vec::new();
    for (_, partition, node) in pairs {
        let load = &mut loads[usize::from(node)];
        if taken[usize::from(partition)] || *load > share || (*load == share && one_more == 0) {
            continue;
        }
        one_more -= usize::from(*load == share);
        *load += 1;
        taken[usize::from(partition)] = true;
        if node == me {
            mine.push(partition);
        }
    }
    mine.sort_unstable();
    mine
}

fn weight(partition: u16, node: NodeId) -> u64 {
    let [high, low] = partition.to_be_bytes();
    first(&Sha256::digest([high, low, node]))
}

/// The partition of a thread. Must stay the same for ever: another answer would have two daemons process one thread.
#[must_use]
pub fn partition_of(channel: &str, thread: &str, partitions: u16) -> u16 {
    let mut hash = Sha256::new();
    hash.update(channel.as_bytes());
    hash.update([0]);
    hash.update(thread.as_bytes());
    let at = first(&hash.finalize()) % u64::from(partitions.max(1));
    u16::try_from(at).unwrap_or(0)
}

fn first(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn owners(partitions: u16, nodes: &[NodeId]) -> BTreeMap<u16, NodeId> {
        nodes.iter().flat_map(|node| own(partitions, nodes, *node).into_iter().map(|at| (at, *node))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Every partition has one owner, shares differ by at most one, and nobody's view depends on an order.
        #[test]
        fn everything_is_shared_equally(
            partitions in 1_u16..40,
            nodes in proptest::collection::btree_set(0_u8..=255, 1..12),
        ) {
            let nodes: Vec<NodeId> = nodes.into_iter().collect();
            let shares: Vec<usize> = nodes.iter().map(|node| own(partitions, &nodes, *node).len()).collect();
            prop_assert_eq!(shares.iter().sum::<usize>(), usize::from(partitions));
            prop_assert_eq!(owners(partitions, &nodes).len(), usize::from(partitions), "none is taken twice");
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
            let backwards: Vec<NodeId> = nodes.iter().rev().copied().collect();
            for node in &nodes {
                prop_assert_eq!(own(partitions, &nodes, *node), own(partitions, &backwards, *node));
            }
        }

        #[test]
        fn a_thread_has_one_partition(channel in ".{0,8}", thread in ".{0,8}", partitions in 1_u16..64) {
            let at = partition_of(&channel, &thread, partitions);
            prop_assert!(at < partitions);
            prop_assert_eq!(at, partition_of(&channel, &thread, partitions));
        }
    }

    /// What these say was promised to queues that hold messages.
    #[test]
    fn partitions_of_threads_never_change() {
        let at = |thread| partition_of("shop", thread, 16);
        assert_eq!([at("a"), at("b"), at("李伟")], [13, 0, 9]);
        assert_ne!(partition_of("ab", "c", 1 << 15), partition_of("a", "bc", 1 << 15));
    }

    #[test]
    fn a_node_that_comes_or_goes_moves_little() {
        for partitions in [16, 64] {
            for nodes in 2..8_u8 {
                let before = owners(partitions, &(0..nodes).collect::<Vec<_>>());
                let after = owners(partitions, &(0..=nodes).collect::<Vec<_>>());
                let moved = before.iter().filter(|(at, node)| after[at] != **node).count();
                let share = usize::from(partitions).div_ceil(usize::from(nodes) + 1);
                assert!(moved <= 3 * share, "{moved} of {partitions} moved with node {nodes}");
            }
        }
    }

    #[test]
    fn who_is_not_there_takes_nothing() {
        assert!(own(16, &[], 1).is_empty() && own(16, &[2], 1).is_empty());
        assert_eq!(own(3, &[1], 1), [0, 1, 2]);
    }
}
