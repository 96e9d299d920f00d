//! Amounts in integer nano-USD, read and written without losing a digit.

use std::fmt;
use std::str::FromStr;

/// Money: thousand-millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub i64);

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
