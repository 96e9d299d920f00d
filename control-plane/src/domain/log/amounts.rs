//! What a logged call cost, by part: counted from what its row keeps, when it is asked for.

use tollgate_config::meter::Usage;
use tollgate_policy::price::{Amounts, NanoUsd};

use super::{Log, TokenCounts};

/// The most that one call costs: a million US dollars. More is a mistake in a price.
pub const MAX_CALL_AMOUNT: NanoUsd = NanoUsd(1_000_000_000_000_000);

impl Log {
    /// The parts of its amount, which together are exactly that; `None`: it was booked by other
    /// rules than those of now, and nobody knows its parts.
    #[must_use]
    pub fn amounts(&self) -> Option<Amounts> {
        let amounts = match &self.price {
            None => Amounts::default(),
            Some(booked) => Amounts::of(
                &booked.price,
                &self.tokens.usage(),
                u32::try_from(self.code).unwrap_or(0),
                booked.multiplier,
                MAX_CALL_AMOUNT,
            ),
        };
        (amounts.total() == self.amount).then_some(amounts)
    }
}

impl TokenCounts {
    /// As the gateway counted it.
    fn usage(&self) -> Usage {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let short = self.cache_creation.saturating_sub(self.cache_creation_1h);
        Usage {
            input_tokens: count(self.input),
            output_tokens: count(self.output),
            cache_read_tokens: count(self.cached),
            cache_write_5m_tokens: count(short),
            cache_write_1h_tokens: count(self.cache_creation_1h),
            reasoning_tokens: count(self.reasoning),
            image_input_tokens: count(self.image_input),
            audio_input_tokens: count(self.audio_input),
            video_input_tokens: count(self.video_input),
            image_output_tokens: count(self.image_output),
            audio_output_tokens: count(self.audio_output),
            web_searches: count(self.web_searches),
            ..Usage::default()
        }
    }
}
