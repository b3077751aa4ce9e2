//! What comes from outside may find a defect in a reader. It costs that one message its reading, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `read` gives; `None` where it panics, which is in the log then.
pub(crate) fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_costs_one_reading() {
        let letters: Vec<usize> = Vec::new();
        assert_eq!(guarded(|| letters[7]), None);
        assert_eq!(guarded(|| 7), Some(7));
    }
}
