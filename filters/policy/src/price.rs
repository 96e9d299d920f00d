//! What a call costs: integer nano-USD, computed exactly and rounded once.
//!
//! A [`Tariff`] is what an administrator enters for a model: a price, and others under conditions.
//! For one call it is narrowed to the one [`Price`] that applies ([`Tariff::select`]), and what the
//! call used is counted with that ([`cost()`]).

mod amounts;
mod condition;
mod cost;
mod money;
mod multiplier;
mod resolution;
mod tariff;

pub use amounts::Amounts;
pub use condition::{CallFacts, Condition, Range};
pub use cost::cost;
pub use money::{InvalidUsd, NanoUsd};
pub use multiplier::{InvalidMultiplier, Multiplier};
pub use tariff::{Conditional, InvalidTariff, Selected, Tariff};

/// What `unit` tokens cost, or calls of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub price: NanoUsd,
    /// Between 1 and [`Rate::MAX_UNIT`].
    pub unit: u32,
}

/// What is counted with a rate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Input tokens that none of the other parts takes.
    Input,
    ImageInput,
    AudioInput,
    VideoInput,
    /// Input tokens read from the provider's cache.
    Cached,
    /// Input tokens written to the provider's cache, however long it lives.
    CacheCreation,
    /// Those that live five minutes, where they have a price of their own.
    CacheCreation5m,
    /// Those that live an hour.
    CacheCreation1h,
    /// Output tokens that none of the other parts takes.
    Output,
    ImageOutput,
    AudioOutput,
    /// Output tokens that were thought and not said.
    Reasoning,
    /// Searches that the provider ran.
    WebSearch,
}

/// One price: a rate for each part.
///
/// A part that is left out takes the rate of what the price refines; where it refines nothing, it has
/// no price of its own: cached tokens are then charged like any other input, thinking like any other
/// output. Input, output and searches without a rate cost nothing. **A rate of zero makes its part
/// free**, whatever the others cost.
///
/// A tariff's base is the exception ([`Price::without_zeros`]): it is entered and shown with all its
/// parts, as in AI Proxy, where zero says that a part has no price of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// When not zero, a call that succeeded costs exactly this and nothing else is counted.
    pub per_request: Option<NanoUsd>,
    rates: [Option<Rate>; Part::ALL.len()],
}

// === impl Rate ===

impl Rate {
    /// The largest unit; prices per 1,000,000 tokens are the largest in use.
    pub const MAX_UNIT: u32 = 1_000_000_000;

    /// The unit of a price that names none.
    pub const DEFAULT_UNIT: u32 = 1000;

    pub const FREE: Self = Self {
        price: NanoUsd(0),
        unit: Self::DEFAULT_UNIT,
    };

    #[must_use]
    pub fn is_free(self) -> bool {
        self.price.0 <= 0
    }
}

// === impl Part ===

impl Part {
    pub const ALL: [Self; 13] = [
        Self::Input,
        Self::ImageInput,
        Self::AudioInput,
        Self::VideoInput,
        Self::Cached,
        Self::CacheCreation,
        Self::CacheCreation5m,
        Self::CacheCreation1h,
        Self::Output,
        Self::ImageOutput,
        Self::AudioOutput,
        Self::Reasoning,
        Self::WebSearch,
    ];

    /// Its name in the database; the API's is [`Part::field`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::ImageInput => "image_input",
            Self::AudioInput => "audio_input",
            Self::VideoInput => "video_input",
            Self::Cached => "cached",
            Self::CacheCreation => "cache_creation",
            Self::CacheCreation5m => "cache_creation_5m",
            Self::CacheCreation1h => "cache_creation_1h",
            Self::Output => "output",
            Self::ImageOutput => "image_output",
            Self::AudioOutput => "audio_output",
            Self::Reasoning => "thinking_mode_output",
            Self::WebSearch => "web_search",
        }
    }

    /// AI Proxy's names of its price and of the unit, and ours where it has none.
    #[must_use]
    pub fn field(self) -> (&'static str, &'static str) {
        macro_rules! field {
            ($name:literal) => {
                (concat!($name, "_price"), concat!($name, "_price_unit"))
            };
        }
        match self {
            Self::Input => field!("input"),
            Self::ImageInput => field!("image_input"),
            Self::AudioInput => field!("audio_input"),
            Self::VideoInput => field!("video_input"),
            Self::Cached => field!("cached"),
            Self::CacheCreation => field!("cache_creation"),
            Self::CacheCreation5m => field!("cache_creation_5m"),
            Self::CacheCreation1h => field!("cache_creation_1h"),
            Self::Output => field!("output"),
            Self::ImageOutput => field!("image_output"),
            Self::AudioOutput => field!("audio_output"),
            Self::Reasoning => field!("thinking_mode_output"),
            Self::WebSearch => field!("web_search"),
        }
    }
}

// === impl Price ===

impl Price {
    /// It says nothing.
    pub const FREE: Self = Self {
        per_request: None,
        rates: [None; Part::ALL.len()],
    };

    /// So much for each call that succeeds.
    #[must_use]
    pub fn for_request(amount: NanoUsd) -> Self {
        Self {
            per_request: Some(amount),
            ..Self::FREE
        }
    }

    /// The same with another rate.
    #[must_use]
    pub fn with(mut self, part: Part, rate: Rate) -> Self {
        self.set(part, Some(rate));
        self
    }

    pub fn set(&mut self, part: Part, rate: Option<Rate>) {
        if let Some(place) = self.rates.get_mut(part as usize) {
            *place = rate;
        }
    }

    /// What it says of a part, if it says anything.
    #[must_use]
    pub fn own(&self, part: Part) -> Option<Rate> {
        self.rates.get(part as usize).copied().flatten()
    }

    /// The rate of a part, free where it has none.
    #[must_use]
    pub fn rate(&self, part: Part) -> Rate {
        self.own(part).unwrap_or(Rate::FREE)
    }

    /// This price, with those of `general` for all that it leaves out.
    #[must_use]
    pub fn inherit(mut self, general: &Self) -> Self {
        self.per_request = self.per_request.or(general.per_request);
        for (own, general) in self.rates.iter_mut().zip(general.rates) {
            *own = own.or(general);
        }
        self
    }

    /// The same, with no rate where it has one of zero.
    #[must_use]
    pub fn without_zeros(mut self) -> Self {
        for rate in &mut self.rates {
            *rate = rate.filter(|rate| !rate.is_free());
        }
        self
    }

    /// No part of it charges anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        let charges = |rate: &Option<Rate>| rate.is_some_and(|rate| !rate.is_free());
        self.per_request.is_none_or(|amount| amount.0 <= 0) && !self.rates.iter().any(charges)
    }

    /// A number that every unit divides, if there is one up to [`Price::MAX_COMMON_UNIT`].
    fn common_unit(&self) -> Option<u64> {
        let mut rates = self.rates.iter().flatten();
        rates.try_fold(1, |common, rate| cost::common_multiple(common, rate.unit))
    }

    /// Sums are exact as long as the units have a common multiple up to this.
    pub const MAX_COMMON_UNIT: u64 = 1_000_000_000_000_000_000;
}

#[cfg(test)]
mod tests;
