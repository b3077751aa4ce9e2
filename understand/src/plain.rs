//! Tables by hashes that are well mixed already.

use std::hash::{BuildHasherDefault, Hasher};

/// Takes a hash for what it is.
pub(crate) type Plain = BuildHasherDefault<PlainHasher>;

/// See [`Plain`].
#[derive(Debug, Clone, Default)]
pub(crate) struct PlainHasher(u64);

impl Hasher for PlainHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
