//! What is watched of a channel: its errors, and the money at its provider.

use tollgate_policy::price::NanoUsd;

/// A share from nothing to all, in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(i64);

/// How a channel is watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelCare {
    /// From this share of errors on, somebody is told; 0: from the one that the option says.
    pub warn_error_rate: Share,
    /// From this share of errors on, a model is banned for a while; 0: never.
    pub max_error_rate: Share,
    /// A model that the provider refuses with 401, 402, 403 or 404 is banned for a while.
    pub no_permission_ban: bool,
    /// Its provider is asked for its balance every ten minutes.
    pub auto_balance_check: bool,
    /// Below it, somebody is told; 0: never. In the provider's currency.
    pub balance_threshold: NanoUsd,
}

/// What a request wants it to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChannelCarePatch {
    pub warn_error_rate: Option<Share>,
    pub max_error_rate: Option<Share>,
    pub no_permission_ban: Option<bool>,
    pub auto_balance_check: Option<bool>,
    pub balance_threshold: Option<NanoUsd>,
}

/// The money at a channel's provider, as it said last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelBalance {
    /// Billionths of its currency.
    pub amount: NanoUsd,
    /// As the provider names it, such as `CNY`; empty when nobody asked yet.
    pub currency: String,
    /// Unix milliseconds; 0: never.
    pub updated_at_ms: i64,
}

/// A model that a channel is not asked for while another can serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelBan {
    pub channel_id: i64,
    pub model: String,
    pub banned_at_ms: i64,
    pub until_ms: i64,
    pub reason: String,
}

// === impl Share ===

impl Share {
    const ALL: i64 = 1_000_000;

    /// `None` beyond all.
    #[must_use]
    pub fn from_millionths(millionths: i64) -> Option<Self> {
        (0..=Self::ALL)
            .contains(&millionths)
            .then_some(Self(millionths))
    }

    /// From a number such as 0.5, to the sixth decimal.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond the integers becomes the largest, which is no share"
    )]
    pub fn from_number(number: f64) -> Option<Self> {
        Self::from_millionths((number * 1e6).round() as i64)
    }

    #[must_use]
    pub fn millionths(self) -> i64 {
        self.0
    }

    /// As a number such as 0.5.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "at most a million")]
    pub fn number(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// `None` for nothing.
    #[must_use]
    pub fn some(self) -> Option<Self> {
        Some(self).filter(|share| share.0 > 0)
    }

    /// Whether `part` of `whole` is as much or more.
    #[must_use]
    pub fn is_reached_by(self, part: i64, whole: i64) -> bool {
        i128::from(part) * i128::from(Self::ALL) >= i128::from(whole) * i128::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_exactly() {
        let half = Share::from_number(0.5).unwrap();
        for (part, whole, reached) in [(5, 10, true), (4, 10, false), (50, 101, false)] {
            assert_eq!(half.is_reached_by(part, whole), reached, "{part}/{whole}");
        }
        for (number, millionths) in [(0.0, Some(0)), (1.0, Some(1_000_000)), (1.1, None)] {
            assert_eq!(
                Share::from_number(number).map(Share::millionths),
                millionths
            );
        }
        assert_eq!(Share::from_number(f64::NAN).and_then(Share::some), None);
    }
}
