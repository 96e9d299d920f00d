//! What tests leave to chance.

/// Repeats for the same seed; any is a good one.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Evenly from 0 to before `end`, by SplitMix64.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// From 0 to `most`.
    pub(crate) fn amount(&mut self, most: i64) -> i64 {
        i64::try_from(self.below(most.unsigned_abs() + 1)).unwrap()
    }

    /// Any of them, which is not among them then.
    pub(crate) fn take<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        let len = from.len() as u64;
        (len > 0).then(|| from.swap_remove(usize::try_from(self.below(len)).unwrap()))
    }
}
