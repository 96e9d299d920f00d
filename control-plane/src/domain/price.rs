//! Prices as they are stored: integers, in JSON.

use serde::{Deserialize, Serialize};
use tollgate_policy::price::{NanoUsd, Price, Rate};

/// Parts that charge nothing are left out.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "is_zero")]
    per_request_nano_usd: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<StoredRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<StoredRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cached: Option<StoredRate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_creation: Option<StoredRate>,
}

#[derive(Serialize, Deserialize)]
struct StoredRate {
    nano_usd: i64,
    unit: u32,
}

#[must_use]
pub fn price_to_json(price: &Price) -> String {
    let rate = |rate: Rate| {
        // A free part keeps a unit that was chosen for it.
        (rate != Rate::FREE).then_some(StoredRate {
            nano_usd: rate.price.0,
            unit: rate.unit,
        })
    };
    let stored = Stored {
        per_request_nano_usd: price.per_request.0,
        input: rate(price.input),
        output: rate(price.output),
        cached: rate(price.cached),
        cache_creation: rate(price.cache_creation),
    };
    serde_json::to_string(&stored).unwrap_or_default()
}

/// # Errors
/// When the text is not what [`price_to_json`] writes.
pub fn price_from_json(text: &str) -> Result<Price, serde_json::Error> {
    let stored: Stored = serde_json::from_str(text)?;
    let rate = |rate: Option<StoredRate>| {
        rate.map_or(Rate::FREE, |rate| Rate {
            price: NanoUsd(rate.nano_usd),
            unit: rate.unit,
        })
    };
    Ok(Price {
        per_request: NanoUsd(stored.per_request_nano_usd),
        input: rate(stored.input),
        output: rate(stored.output),
        cached: rate(stored.cached),
        cache_creation: rate(stored.cache_creation),
    })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_survive_storage() {
        let rate = |nano, unit| Rate {
            price: NanoUsd(nano),
            unit,
        };
        let price = Price {
            per_request: NanoUsd(3),
            input: rate(1, 1_000_000),
            output: rate(i64::MAX, 1),
            cached: rate(0, 5),
            cache_creation: Rate::FREE,
        };
        assert_eq!(price_from_json(&price_to_json(&price)).unwrap(), price);
        assert_eq!(price_to_json(&Price::FREE), "{}");
        assert_eq!(price_from_json("{}").unwrap(), Price::FREE);
        assert!(price_from_json("").is_err());
    }
}
