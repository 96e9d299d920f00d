//! What a group pays of every price.

use std::fmt;
use std::str::FromStr;

use super::{InvalidUsd, NanoUsd};

/// An exact decimal such as 0.85, in thousand-millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Multiplier(i64);

/// Why a multiplier was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidMultiplier {
    Malformed,
    /// More than nine decimals.
    TooPrecise,
    /// Above [`Multiplier::MAX`].
    TooLarge,
    Negative,
}

impl Multiplier {
    pub const ONE: Self = Self(1_000_000_000);

    /// A thousand.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// From thousand-millionths; what is out of range stops at its end.
    #[must_use]
    pub fn from_nano(nano: i64) -> Self {
        Self(nano.clamp(0, Self::MAX.0))
    }

    #[must_use]
    pub fn nano(self) -> i64 {
        self.0
    }
}

impl Default for Multiplier {
    fn default() -> Self {
        Self::ONE
    }
}

/// Reads a decimal number as JSON writes it; nothing is rounded.
impl FromStr for Multiplier {
    type Err = InvalidMultiplier;

    fn from_str(text: &str) -> Result<Self, InvalidMultiplier> {
        // Both have nine decimals.
        let nano = text.parse::<NanoUsd>().map_err(|error| match error {
            InvalidUsd::Malformed => InvalidMultiplier::Malformed,
            InvalidUsd::TooPrecise => InvalidMultiplier::TooPrecise,
            InvalidUsd::TooLarge => InvalidMultiplier::TooLarge,
            InvalidUsd::Negative => InvalidMultiplier::Negative,
        })?;
        match nano.0 > Self::MAX.0 {
            true => Err(InvalidMultiplier::TooLarge),
            false => Ok(Self(nano.0)),
        }
    }
}

/// Decimal without trailing zeros, exact. It is also a JSON number.
impl fmt::Display for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        NanoUsd(self.0).fmt(f)
    }
}

impl fmt::Display for InvalidMultiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "must be a decimal number, such as 0.85",
            Self::TooPrecise => "has more than 9 decimals",
            Self::TooLarge => "must not be above 1000",
            Self::Negative => "must not be negative",
        })
    }
}

impl std::error::Error for InvalidMultiplier {}
