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
mod tests {
    use super::*;

    fn rate(nano: i64, unit: u32) -> Rate {
        Rate {
            price: NanoUsd(nano),
            unit,
        }
    }

    /// USD 3 / 15 / 0.30 / 3.75 per million.
    fn sonnet() -> Price {
        Price {
            input: rate(3_000_000, 1000),
            output: rate(15_000_000, 1000),
            cached: rate(300_000, 1000),
            cache_creation: rate(3_750_000, 1000),
            per_request: NanoUsd(0),
        }
    }

    fn usage(input: u64, output: u64, read: u64, written: u64) -> Usage {
        Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: read,
            cache_write_5m_tokens: written,
            ..Usage::default()
        }
    }

    #[test]
    fn the_cost_of_tokens() {
        let check = |price: Price, usage: Usage, expected: i64| {
            assert_eq!(cost(&price, &usage, 200), NanoUsd(expected), "{usage:?}");
        };
        check(sonnet(), usage(0, 0, 0, 0), 0);
        check(sonnet(), usage(1, 0, 0, 0), 3_000);
        check(sonnet(), usage(1000, 1000, 0, 0), 18_000_000);
        // Cache reads and writes are part of the input, at their own rates.
        check(
            sonnet(),
            usage(1000, 0, 600, 300),
            100 * 3_000 + 600 * 300 + 300 * 3_750,
        );
        // Sub-counts beyond the total count as the total.
        check(sonnet(), usage(10, 0, 600, 300), 10 * 300);
        check(sonnet(), usage(10, 0, 4, 300), 4 * 300 + 6 * 3_750);
        // A part without a rate of its own is ordinary input.
        let plain = Price {
            cached: Rate::FREE,
            cache_creation: Rate::FREE,
            ..sonnet()
        };
        check(plain, usage(1000, 0, 600, 300), 3_000_000);
        check(Price::FREE, usage(u64::MAX, u64::MAX, 1, 1), 0);
    }

    #[test]
    fn both_kinds_of_cache_writes_count() {
        let both = Usage {
            cache_write_1h_tokens: 20,
            ..usage(30, 0, 0, 10)
        };
        assert_eq!(cost(&sonnet(), &both, 200), NanoUsd(30 * 3_750));
    }

    #[test]
    fn it_rounds_once_and_half_up() {
        let check = |input: Rate, output: Rate, tokens: (u64, u64), expected: i64| {
            let price = Price {
                input,
                output,
                ..Price::FREE
            };
            assert_eq!(
                cost(&price, &usage(tokens.0, tokens.1, 0, 0), 200),
                NanoUsd(expected)
            );
        };
        check(rate(1, 1000), Rate::FREE, (499, 0), 0);
        check(rate(1, 1000), Rate::FREE, (500, 0), 1);
        check(rate(1, 3), Rate::FREE, (1, 0), 0);
        check(rate(1, 3), Rate::FREE, (2, 0), 1);
        // Two parts that would each vanish if they were rounded apart.
        check(rate(1, 1000), rate(1, 1000), (300, 300), 1);
        // Just below and just above a half, with units that have no common factor.
        let (one, other) = (rate(1, 1_000_000_000), rate(1, 999_999_937));
        check(one, other, (499_999_998, 1), 0);
        check(one, other, (499_999_999, 1), 1);
        check(one, other, (500_000_000, 0), 1);
    }

    #[test]
    fn a_price_per_request_is_for_success_and_replaces_tokens() {
        let price = Price {
            per_request: NanoUsd(7),
            ..sonnet()
        };
        for (status, expected) in [(200, 7), (201, 7), (0, 0), (404, 0), (500, 0)] {
            assert_eq!(
                cost(&price, &usage(1000, 0, 0, 0), status),
                NanoUsd(expected),
                "{status}"
            );
        }
        // Without one, tokens that were used are charged whatever the caller saw.
        assert_eq!(cost(&sonnet(), &usage(1, 0, 0, 0), 502), NanoUsd(3_000));
    }

    #[test]
    fn nothing_overflows_and_nothing_is_negative() {
        let extremes = [
            0,
            1,
            2,
            999,
            1_000_000,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ];
        let rates = [
            rate(i64::MAX, 1),
            rate(1, u32::MAX),
            rate(-5, 0),
            rate(1, Rate::MAX_UNIT),
        ];
        for input in extremes {
            for part in extremes {
                for rate in rates {
                    let price = Price {
                        input: rate,
                        output: rate,
                        cached: rate,
                        cache_creation: rate,
                        per_request: NanoUsd(0),
                    };
                    let usage = Usage {
                        cache_write_1h_tokens: part,
                        ..usage(input, part, part, part)
                    };
                    assert!(cost(&price, &usage, 200) >= NanoUsd(0));
                }
            }
        }
        let dear = Price {
            input: rate(i64::MAX, 1),
            ..Price::FREE
        };
        assert_eq!(
            cost(&dear, &usage(u64::MAX, 0, 0, 0), 200),
            NanoUsd(i64::MAX)
        );
    }

    #[test]
    fn amounts_are_read_exactly() {
        let check = |text: &str, expected: Result<i64, InvalidUsd>| {
            assert_eq!(text.parse::<NanoUsd>(), expected.map(NanoUsd), "{text}");
        };
        check("0", Ok(0));
        check("-0", Ok(0));
        check("0.0", Ok(0));
        check("0e999999999999", Ok(0));
        check("3", Ok(3_000_000_000));
        check("0.0025", Ok(2_500_000));
        check("2.5e-3", Ok(2_500_000));
        check("25E-4", Ok(2_500_000));
        check("1e+3", Ok(1_000_000_000_000));
        check("0.000000001", Ok(1));
        check("0.0000000010", Ok(1));
        check("10000000000e-10", Ok(1_000_000_000));
        check("1000000000", Ok(NanoUsd::MAX.0));
        check("0.0000000001", Err(InvalidUsd::TooPrecise));
        check("0.1234567891", Err(InvalidUsd::TooPrecise));
        check("1e-999999999999", Err(InvalidUsd::TooPrecise));
        check(
            &format!("0.{}", "3".repeat(100_000)),
            Err(InvalidUsd::TooPrecise),
        );
        check("1000000000.000000001", Err(InvalidUsd::TooLarge));
        check("1e400", Err(InvalidUsd::TooLarge));
        check(&"9".repeat(100_000), Err(InvalidUsd::TooLarge));
        check("-0.1", Err(InvalidUsd::Negative));
        for text in [
            "", "-", ".", ".5", "5.", "1,5", "1e", "1e+", "0x10", "NaN", "1 ", "--1",
        ] {
            check(text, Err(InvalidUsd::Malformed));
        }
    }

    #[test]
    fn amounts_are_written_exactly() {
        for text in ["0", "3", "0.0025", "0.000000001", "123456789.987654321"] {
            assert_eq!(text.parse::<NanoUsd>().unwrap().to_string(), text);
        }
        assert_eq!(NanoUsd(-2_500_000).to_string(), "-0.0025");
        assert_eq!(NanoUsd(i64::MIN).to_string(), "-9223372036.854775808");
    }
}
