//! What a call costs: integer nano-USD, computed exactly and rounded once.

use std::fmt;
use std::str::FromStr;

use tollgate_config::meter::Usage;

/// Money: thousand-millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i64);

/// What `unit` tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub price: NanoUsd,
    /// Between 1 and [`Rate::MAX_UNIT`] tokens.
    pub unit: u32,
}

/// The price of a model.
///
/// A rate of zero for cached tokens means "no price of their own", as in AI Proxy: they are then
/// charged like any other input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// When not zero, a call that succeeded costs exactly this and tokens cost nothing.
    pub per_request: NanoUsd,
    pub input: Rate,
    pub output: Rate,
    /// Input tokens read from the provider's cache.
    pub cached: Rate,
    /// Input tokens written to the provider's cache, however long it lives.
    pub cache_creation: Rate,
}

/// Why a decimal amount was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidUsd {
    /// Not a decimal number.
    Malformed,
    /// More than nine decimals: it cannot be stored exactly.
    TooPrecise,
    /// Above [`NanoUsd::MAX`].
    TooLarge,
    Negative,
}

/// What a call with this usage costs, whose caller got HTTP `status` (0: none was sent).
///
/// Tokens are charged whatever the status, because the provider charges them too; the fixed price
/// per request is charged for a 2xx only. The sum is exact and rounded once, half up. Sub-counts
/// above their total count as the total, so the cost is never negative; an amount beyond `i64`
/// stops at its end.
#[must_use]
pub fn cost(price: &Price, usage: &Usage, status: u32) -> NanoUsd {
    if price.per_request.0 > 0 {
        return if (200..300).contains(&status) {
            price.per_request
        } else {
            NanoUsd(0)
        };
    }

    let mut input = usage.input_tokens;
    let mut take = |rate: Rate, tokens: u64| {
        let tokens = if rate.price.0 > 0 {
            tokens.min(input)
        } else {
            0
        };
        input -= tokens;
        tokens
    };
    let written = usage
        .cache_write_5m_tokens
        .saturating_add(usage.cache_write_1h_tokens);
    let cached = take(price.cached, usage.cache_read_tokens);
    let created = take(price.cache_creation, written);

    sum([
        (price.input, input),
        (price.cached, cached),
        (price.cache_creation, created),
        (price.output, usage.output_tokens),
    ])
}

/// Σ tokens × price ÷ unit, rounded half up.
///
/// Whole parts are added as they are; what remains of each division is brought to the product of
/// the units, which with four units of at most 10⁹ stays below `i128::MAX`.
fn sum(parts: [(Rate, u64); 4]) -> NanoUsd {
    let mut whole: i128 = 0;
    let (mut numerator, mut denominator): (i128, i128) = (0, 1);
    for (rate, tokens) in parts {
        let unit = i128::from(rate.unit.clamp(1, Rate::MAX_UNIT));
        // At most 2⁶⁴ × 2⁶³, which is what an i128 holds.
        let product = i128::from(tokens) * i128::from(rate.price.0.max(0));
        whole = whole.saturating_add(product / unit);
        numerator = numerator * unit + (product % unit) * denominator;
        denominator *= unit;
    }
    whole = whole.saturating_add((numerator + denominator / 2) / denominator);
    NanoUsd(i64::try_from(whole).unwrap_or(i64::MAX))
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
}

// === impl Price ===

impl Price {
    pub const FREE: Self = Self {
        per_request: NanoUsd(0),
        input: Rate::FREE,
        output: Rate::FREE,
        cached: Rate::FREE,
        cache_creation: Rate::FREE,
    };

    /// No part of it charges anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        let rates = [self.input, self.output, self.cached, self.cache_creation];
        self.per_request.0 == 0 && rates.iter().all(|rate| rate.price.0 == 0)
    }
}

impl Default for Price {
    fn default() -> Self {
        Self::FREE
    }
}

// === impl NanoUsd ===

impl NanoUsd {
    /// The largest amount that can be entered: a thousand million US dollars.
    pub const MAX: Self = Self(1_000_000_000 * Self::PER_USD);

    const PER_USD: i64 = 1_000_000_000;
}

/// Reads a decimal amount in USD as JSON writes numbers: `0.0025`, `3`, `2.5e-3`.
///
/// Nothing is rounded: an amount that needs more than nine decimals is refused, so that what was
/// entered is what is charged.
impl FromStr for NanoUsd {
    type Err = InvalidUsd;

    fn from_str(text: &str) -> Result<Self, InvalidUsd> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(InvalidUsd::Malformed),
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let mut digits: Vec<u8> = Vec::new();
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return Err(InvalidUsd::Malformed);
            }
            digits.push(byte - b'0');
        }
        if whole.is_empty() {
            return Err(InvalidUsd::Malformed);
        }

        // value = digits × 10^scale, in nano-USD
        let fraction_len = i64::try_from(fraction.len()).map_err(|_| InvalidUsd::TooPrecise)?;
        let mut scale = exponent - fraction_len + 9;
        while digits.last() == Some(&0) {
            digits.pop();
            scale += 1;
        }
        let mut nano: i64 = 0;
        for digit in digits.iter().skip_while(|digit| **digit == 0) {
            nano = nano
                .checked_mul(10)
                .and_then(|nano| nano.checked_add(i64::from(*digit)))
                // Too many digits for the largest amount: they are decimals, or it is too large.
                .ok_or(if scale < 0 {
                    InvalidUsd::TooPrecise
                } else {
                    InvalidUsd::TooLarge
                })?;
        }
        if nano == 0 {
            return Ok(Self(0));
        }
        if scale < 0 {
            return Err(InvalidUsd::TooPrecise);
        }
        let nano = u32::try_from(scale)
            .ok()
            .and_then(|scale| 10_i64.checked_pow(scale))
            .and_then(|power| nano.checked_mul(power))
            .filter(|nano| *nano <= Self::MAX.0)
            .ok_or(InvalidUsd::TooLarge)?;
        if negative {
            Err(InvalidUsd::Negative)
        } else {
            Ok(Self(nano))
        }
    }
}

/// An exponent, stopped at a size where every digit string is out of range anyway.
fn parse_exponent(text: &str) -> Result<i64, InvalidUsd> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidUsd::Malformed);
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000_000);
    Ok(if text.starts_with('-') { -size } else { size })
}

/// Decimal USD without trailing zeros, exact: `0.0025`. It is also a JSON number.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        let per_usd = Self::PER_USD.unsigned_abs();
        let (whole, fraction) = (nano / per_usd, nano % per_usd);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{fraction:09}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

// === impl InvalidUsd ===

impl fmt::Display for InvalidUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "must be a decimal number in USD, such as 0.0025",
            Self::TooPrecise => {
                "has more than 9 decimals; give the price of more tokens with a larger unit"
            }
            Self::TooLarge => "must not be above 1000000000 USD",
            Self::Negative => "must not be negative",
        })
    }
}

impl std::error::Error for InvalidUsd {}

#[cfg(test)]
mod tests;
