//! A few of many, chosen while they go by: always the same ones of the same many.

/// Keeps the first ones and some that are spread evenly over the rest.
#[derive(Debug, Clone)]
pub(super) struct Sample<T> {
    first: Vec<T>,
    /// Every `stride`-th one after the first ones; thinned out whenever it is full.
    later: Vec<T>,
    stride: u64,
    most_first: usize,
    most_later: usize,
    seen: u64,
}

impl<T> Sample<T> {
    /// Keeps at most `most`, the larger half of them from the beginning.
    pub(super) fn new(most: usize) -> Self {
        let most_first = most.div_ceil(2);
        Self { first: Vec::new(), later: Vec::new(), stride: 1, most_first, most_later: most - most_first, seen: 0 }
    }

    /// One more has come; it is made only if it may be kept.
    pub(super) fn offer(&mut self, make: impl FnOnce() -> T) {
        self.seen += 1;
        if self.first.len() < self.most_first {
            self.first.push(make());
            return;
        }
        if self.most_later == 0 || !(self.seen - self.most_first as u64).is_multiple_of(self.stride) {
            return;
        }
        self.later.push(make());
        if self.later.len() == 2 * self.most_later {
            let mut is_second = true;
            self.later.retain(|_| {
                is_second = !is_second;
                is_second
            });
            self.stride *= 2;
        }
    }

    /// How many have come.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// The ones that are kept, in the order in which they came.
    pub(super) fn take(self) -> Vec<T> {
        let (have, most) = (self.later.len(), self.most_later.min(self.later.len()));
        // The last one is always among them.
        let chosen = |place: &usize| (0..most).any(|n| (n + 1) * have / most == place + 1);
        let later = self.later.into_iter().enumerate().filter(|(place, _)| chosen(place)).map(|(_, item)| item);
        self.first.into_iter().chain(later).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(many: u64, most: usize) -> Vec<u64> {
        let mut sample = Sample::new(most);
        (0..many).for_each(|one| sample.offer(|| one));
        assert_eq!(sample.seen(), many);
        sample.take()
    }

    #[test]
    fn few_are_all_kept_and_of_many_the_first_and_a_spread() {
        assert_eq!(of(3, 5), [0, 1, 2]);
        assert_eq!(of(5, 5), [0, 1, 2, 3, 4]);
        assert_eq!((of(9, 0), of(9, 1)), (vec![], vec![0]));
        let sample = of(100_000, 6);
        assert_eq!((sample.len(), &sample[..3]), (6, &[0, 1, 2][..]));
        assert!(sample[3] > 10_000 && sample[5] > 60_000 && sample.is_sorted(), "{sample:?}");
        assert_eq!(sample, of(100_000, 6));
    }
}
