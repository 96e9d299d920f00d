//! Attempts and errors of the last two minutes, in slices of ten seconds. Pure.

/// Of one model of one channel.
#[derive(Debug, Default)]
pub(super) struct Ring([Slice; SLICES]);

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    /// Which slice of all time it is.
    number: i64,
    attempts: i64,
    errors: i64,
}

const SLICES: usize = 12;
const SLICE_MS: i64 = 10_000;

/// The length of it all.
pub(super) const WINDOW_MS: i64 = 120_000;

impl Ring {
    pub(super) fn add(&mut self, at_ms: i64, bad: bool) {
        let number = at_ms.div_euclid(SLICE_MS);
        let place = usize::try_from(number.rem_euclid(WINDOW_MS / SLICE_MS)).unwrap_or_default();
        let Some(slice) = self.0.get_mut(place) else {
            return;
        };
        if slice.number < number {
            *slice = Slice {
                number,
                ..Slice::default()
            };
        }
        // What is older than all that is counted has no place any more.
        if slice.number == number {
            slice.attempts += 1;
            slice.errors += i64::from(bad);
        }
    }

    /// Attempts and errors until now, of slices that began at `since_ms` or later.
    pub(super) fn sums(&self, now_ms: i64, since_ms: i64) -> (i64, i64) {
        let first = (now_ms - WINDOW_MS).div_euclid(SLICE_MS) + 1;
        let counts = |slice: &&Slice| slice.number >= first && slice.number * SLICE_MS >= since_ms;
        let slices = self.0.iter().filter(counts);
        slices.fold((0, 0), |(attempts, errors), slice| {
            (attempts + slice.attempts, errors + slice.errors)
        })
    }

    /// Nothing in it counts any more.
    pub(super) fn is_old(&self, now_ms: i64) -> bool {
        self.sums(now_ms, i64::MIN) == (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_two_minutes_does_not_count() {
        let start = 1_000 * WINDOW_MS;
        let mut ring = Ring::default();
        ring.add(start, true);
        ring.add(start + 9_999, false);
        ring.add(start + 10_000, true);
        for (later, expected) in [
            (10_000, (3, 2)),
            (WINDOW_MS - 1, (3, 2)),
            (WINDOW_MS, (1, 1)),
            (WINDOW_MS + 10_000, (0, 0)),
        ] {
            assert_eq!(ring.sums(start + later, 0), expected, "{later}");
        }
        assert_eq!(ring.sums(start + 10_000, start + 1), (1, 1), "cleared");
        ring.add(start + WINDOW_MS, false);
        ring.add(start, true);
        assert_eq!(ring.sums(start + WINDOW_MS, 0), (2, 1), "too late to count");
        assert!(ring.is_old(start + 3 * WINDOW_MS));
    }
}
