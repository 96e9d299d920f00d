//! Limits as administrators set them: of tokens, of models, of groups and their users.

use tollgate_policy::price::NanoUsd;

pub use tollgate_config::meter::Limits;

/// What a request wants limits to be; 0 removes one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitsPatch {
    pub rpm: Option<i64>,
    pub tpm: Option<i64>,
    pub max_concurrency: Option<i64>,
}

/// What limits are multiplied with, in millionths; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio(i64);

/// What a group has of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupLimits {
    /// Of models' limits.
    pub rpm_ratio: Ratio,
    pub tpm_ratio: Ratio,
    /// Of each end user, as requests name them.
    pub users: Limits,
}

/// What a request wants them to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupLimitsPatch {
    pub rpm_ratio: Option<Ratio>,
    pub tpm_ratio: Option<Ratio>,
    pub users: LimitsPatch,
}

/// Whoever has spent more may ask for more: the ratio of the highest level that a group has
/// reached, on top of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumeLevels(Vec<(NanoUsd, Ratio)>);

// === impl LimitsPatch ===

impl LimitsPatch {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Ratio ===

impl Ratio {
    pub const ONE: Self = Self(1_000_000);

    /// From millionths. 0 leaves limits as they are, like 1.
    #[must_use]
    pub fn from_millionths(millionths: i64) -> Self {
        match millionths {
            ..=0 => Self::ONE,
            millionths => Self(millionths),
        }
    }

    /// From a number such as 1.5, to the sixth decimal.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond the integers becomes the largest"
    )]
    pub fn from_number(ratio: f64) -> Self {
        Self::from_millionths((ratio * 1e6).round() as i64)
    }

    #[must_use]
    pub fn millionths(self) -> i64 {
        self.0
    }

    /// As a number such as 1.5.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "ratios that are set have far fewer digits"
    )]
    pub fn number(self) -> f64 {
        self.0 as f64 / 1e6
    }

    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let product = i128::from(self.0) * i128::from(other.0) / i128::from(Self::ONE.0);
        Self(i64::try_from(product).unwrap_or(i64::MAX).max(1))
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self::ONE
    }
}

// === impl ConsumeLevels ===

impl ConsumeLevels {
    /// Amounts and the ratio from each on.
    #[must_use]
    pub fn new(mut levels: Vec<(NanoUsd, Ratio)>) -> Self {
        levels.sort_by_key(|(from, _)| *from);
        Self(levels)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ratio of a group that has spent so much; 1 below the lowest level.
    #[must_use]
    pub fn ratio(&self, used: NanoUsd) -> Ratio {
        let reached = self.0.iter().rev().find(|(from, _)| *from <= used);
        reached.map_or(Ratio::ONE, |(_, ratio)| *ratio)
    }

    /// Whether a group that has spent `used`, `added` of it just now, has reached another level.
    #[must_use]
    pub fn is_crossed(&self, used: NanoUsd, added: NanoUsd) -> bool {
        let before = NanoUsd(used.0.saturating_sub(added.0));
        self.0
            .iter()
            .any(|(from, _)| before < *from && *from <= used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_exact_to_the_millionth_and_never_zero() {
        for (number, millionths) in [
            (0.0, 1_000_000),
            (1.0, 1_000_000),
            (0.5, 500_000),
            (1.15, 1_150_000),
            (2.000_001, 2_000_001),
            (0.000_001, 1),
            (1e300, i64::MAX),
        ] {
            assert_eq!(Ratio::from_number(number).millionths(), millionths);
        }
        let half = Ratio::from_number(0.5);
        assert_eq!(half.times(Ratio::from_number(3.0)).number(), 1.5);
        let least = Ratio::from_millionths(1);
        assert_eq!(least.times(least), least);
    }

    #[test]
    fn the_highest_level_that_was_reached_counts() {
        let level = |usd: i64, ratio: f64| (NanoUsd(usd), Ratio::from_number(ratio));
        let levels = ConsumeLevels::new(vec![level(100, 3.0), level(10, 2.0), level(0, 0.5)]);
        for (used, ratio) in [
            (-1, 1.0),
            (0, 0.5),
            (9, 0.5),
            (10, 2.0),
            (99, 2.0),
            (500, 3.0),
        ] {
            assert_eq!(levels.ratio(NanoUsd(used)).number(), ratio, "{used}");
        }
        for (used, added, crossed) in [
            (9, 9, false),
            (10, 1, true),
            (10, 0, false),
            (99, 89, false),
            (99, 90, true),
            (500, 1, false),
            (500, 500, true),
        ] {
            let seen = levels.is_crossed(NanoUsd(used), NanoUsd(added));
            assert_eq!(seen, crossed, "{used} {added}");
        }
        assert_eq!(ConsumeLevels::default().ratio(NanoUsd(5)), Ratio::ONE);
    }
}
