//! A rate: so many per minute, as a leaky bucket (GCRA, ITU-T I.371).
//!
//! A call pours in what it costs; a minute's worth runs out per minute, evenly. What does not fit is
//! refused. So a caller who rested may use a whole minute's worth at once, and from then on as much
//! as runs out: over any span of `t` minutes at most `limit × (1 + t)`. That is how OpenAI and
//! Anthropic count too, and what their headers mean by "reset": the time until the bucket is empty.

/// The time in which a limit runs out.
pub const PERIOD_MS: u64 = 60_000;

/// How many periods a call can leave behind that used more than it had reserved.
const DEBT_PERIODS: u64 = 10;

/// What is in a bucket. All of it is whole numbers: one unit is a 60,000th of a request or token, so
/// that a limit of `n` loses `n` units per millisecond, and nothing is ever rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    pub(super) level: u64,
    /// When it had that level, in Unix milliseconds.
    pub(super) at_ms: i64,
    /// When it was last empty.
    pub(super) empty_ms: i64,
}

/// What a caller is told of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub limit: u64,
    /// So many more would be let through at this moment.
    pub remaining: u64,
    /// Until all of the limit is there again, in milliseconds.
    pub reset_ms: u64,
}

// === impl Rate ===

impl Rate {
    /// What is told of a limit that is none.
    pub const NONE: Self = Self {
        limit: 0,
        remaining: 0,
        reset_ms: 0,
    };

    /// Of a bucket that has this level, in 60,000ths.
    #[must_use]
    pub fn of(limit: u64, level: u64) -> Self {
        Self {
            limit,
            remaining: units(limit).saturating_sub(level) / PERIOD_MS,
            reset_ms: level.div_ceil(limit.max(1)),
        }
    }
}

// === impl Bucket ===

impl Bucket {
    /// Pours in `cost`, as it is at `now_ms`. What costs more than the whole limit needs all of it,
    /// and is counted as that.
    ///
    /// # Errors
    /// When it does not fit: the milliseconds until it does. Nothing is poured in then.
    pub fn pour(&mut self, limit: u64, cost: u64, now_ms: i64) -> Result<(), u64> {
        let mut bucket = self.leaked(limit, now_ms);
        bucket.level = bucket.level.saturating_add(units(cost.min(limit)));
        match bucket.level.checked_sub(units(limit)) {
            None | Some(0) => {
                *self = bucket;
                Ok(())
            }
            Some(over) => Err(over.div_ceil(limit.max(1))),
        }
    }

    /// A call that had reserved `reserved` at `reserved_ms` has used `used`.
    ///
    /// What it did not use is taken out again, unless all of it has run out meanwhile: then it is
    /// others' now.
    pub fn correct(
        &mut self,
        limit: u64,
        (reserved, reserved_ms): (u64, i64),
        used: u64,
        now_ms: i64,
    ) {
        let reserved = reserved.min(limit);
        let mut bucket = self.leaked(limit, now_ms);
        if used >= reserved {
            let level = bucket.level.saturating_add(units(used - reserved));
            let most = units(limit).saturating_mul(DEBT_PERIODS);
            bucket.level = level.min(most.max(bucket.level));
        } else if bucket.empty_ms <= reserved_ms {
            bucket.level = bucket.level.saturating_sub(units(reserved - used));
        }
        *self = bucket;
    }

    /// What a caller is told.
    #[must_use]
    pub fn rate(&self, limit: u64, now_ms: i64) -> Rate {
        Rate::of(limit, self.leaked(limit, now_ms).level)
    }

    /// As it is at `now_ms`. A clock that was set back lets nothing run out, and holds nothing back.
    fn leaked(&self, limit: u64, now_ms: i64) -> Self {
        let passed = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(0);
        let level = self.level.saturating_sub(passed.saturating_mul(limit));
        Self {
            level,
            at_ms: now_ms,
            empty_ms: if level == 0 {
                now_ms
            } else {
                self.empty_ms.min(now_ms)
            },
        }
    }
}

fn units(count: u64) -> u64 {
    count.saturating_mul(PERIOD_MS)
}
