//! How much of a worker's memory requests may hold.
//!
//! A VM has 1 GiB, and an allocation that fails ends it with every stream on it. So what grows with
//! a request's body is counted before it is allocated, and the request that would go over the limit
//! is told to come back later.

use std::cell::Cell;

/// All that the requests of one worker may hold.
const HELD_BYTES_MAX: usize = 512 << 20;

/// What a body may grow to while it is read into the neutral form, in the worst case: a list of
/// nothing but empty messages.
pub(crate) const READ_FACTOR: usize = 8;

thread_local! {
    static HELD_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// A share of the memory, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    bytes: usize,
}

impl Hold {
    /// Takes a share, if there is room for it.
    pub(crate) fn take(bytes: usize) -> Option<Self> {
        let mut hold = Self { bytes: 0 };
        hold.grow(bytes).then_some(hold)
    }

    /// Takes a share of what is rarely needed all at once: for what is useful, but could be done
    /// without.
    pub(crate) fn spare(bytes: usize) -> Option<Self> {
        let is_ample = HELD_BYTES.get() <= HELD_BYTES_MAX / 2;
        Self::take(bytes).filter(|_| is_ample)
    }

    /// Takes more. False, and nothing taken, when there is no room.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let held = HELD_BYTES.get().saturating_add(bytes);
        let fits = held <= HELD_BYTES_MAX;
        if fits {
            HELD_BYTES.set(held);
            self.bytes += bytes;
        }
        fits
    }

    /// Gives back all but `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let over = self.bytes.saturating_sub(bytes);
        HELD_BYTES.set(HELD_BYTES.get().saturating_sub(over));
        self.bytes -= over;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_given_back() {
        let mut first = Hold::take(HELD_BYTES_MAX - 10).unwrap();
        assert!(Hold::take(11).is_none());
        assert!(!first.grow(11));
        first.shrink_to(5);
        let second = Hold::take(HELD_BYTES_MAX - 5).unwrap();
        drop(first);
        drop(second);
        assert!(Hold::take(HELD_BYTES_MAX).is_some());
    }
}
