//! How much of what a channel sends is bulk, however much else there is to send: pure.

/// One message in so many.
const ONE_IN: usize = 10;

/// Keeps a part of every lease for bulk, so that it goes on slowly where replies alone would fill the channel.
#[derive(Debug, Default)]
pub struct BulkShare {
    /// Messages that went since bulk last had its part; always below [`ONE_IN`].
    since: usize,
}

impl BulkShare {
    /// How many of the next `room` messages are for bulk, where it has as many.
    #[must_use]
    pub fn of(&self, room: usize) -> usize {
        ((self.since + room) / ONE_IN).min(room)
    }

    /// So many were leased, so many of them bulk.
    pub fn leased(&mut self, all: usize, bulk: usize) {
        self.since = (self.since + all).saturating_sub(bulk * ONE_IN).min(ONE_IN - 1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the rooms, replies without end leave bulk its tenth and no more, and without bulk nothing is kept.
        #[test]
        fn bulk_gets_a_tenth(rooms in prop::collection::vec(1_usize..40, 1..200), quiet in 0_usize..50) {
            let mut share = BulkShare::default();
            for _ in 0..quiet {
                share.leased(7, 0);
            }
            let (mut all, mut bulk) = (0, 0);
            for room in rooms {
                let kept = share.of(room);
                prop_assert!(kept <= room);
                share.leased(room, kept);
                (all, bulk) = (all + room, bulk + kept);
                prop_assert!(bulk >= all / ONE_IN && bulk <= all / ONE_IN + 1, "{bulk} of {all}");
            }
        }
    }
}
