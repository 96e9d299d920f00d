//! Prices as they are stored: integers, in JSON.

mod booked;
mod change;
mod condition;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Error, Map, Value};
use tollgate_policy::price::{Conditional, NanoUsd, Part, Price, Rate, Tariff};

pub use booked::BookedPrice;
pub use change::{PriceChange, PriceValue};
pub use condition::ConditionFields;

/// Where a price per request stands; the parts stand below their names.
const PER_REQUEST: &str = "per_request_nano_usd";
const CONDITIONAL: &str = "conditional";

#[derive(Serialize, Deserialize)]
struct StoredRate {
    nano_usd: i64,
    unit: u32,
}

#[derive(Serialize, Deserialize)]
struct StoredConditional {
    condition: ConditionFields,
    price: Map<String, Value>,
}

/// Parts that are left out are left out here.
#[must_use]
pub fn tariff_to_json(tariff: &Tariff) -> String {
    let mut stored = price_to_map(&tariff.base);
    if !tariff.conditional.is_empty() {
        let conditional = tariff.conditional.iter().map(|each| StoredConditional {
            condition: ConditionFields::from(&each.condition),
            price: price_to_map(&each.price),
        });
        let conditional: Vec<_> = conditional.collect();
        stored.insert(CONDITIONAL.to_owned(), json(&conditional));
    }
    Value::Object(stored).to_string()
}

/// # Errors
/// When the text is not what [`tariff_to_json`] writes.
pub fn tariff_from_json(text: &str) -> Result<Tariff, Error> {
    let stored: Map<String, Value> = serde_json::from_str(text)?;
    let conditional = match stored.get(CONDITIONAL) {
        Some(conditional) => Vec::<StoredConditional>::deserialize(conditional)?,
        None => Vec::new(),
    };
    let conditional = conditional.into_iter().map(|each| {
        Ok(Conditional {
            condition: each.condition.into(),
            price: price_from_map(&each.price)?,
        })
    });
    Ok(Tariff {
        base: price_from_map(&stored)?,
        conditional: conditional.collect::<Result<_, Error>>()?,
    })
}

fn price_to_map(price: &Price) -> Map<String, Value> {
    let mut stored = Map::new();
    if let Some(amount) = price.per_request {
        stored.insert(PER_REQUEST.to_owned(), amount.0.into());
    }
    for part in Part::ALL {
        if let Some(rate) = price.own(part) {
            let rate = StoredRate {
                nano_usd: rate.price.0,
                unit: rate.unit,
            };
            stored.insert(part.name().to_owned(), json(&rate));
        }
    }
    stored
}

fn price_from_map(stored: &Map<String, Value>) -> Result<Price, Error> {
    let amount = |value: &Value| value.as_i64().map(NanoUsd);
    let mut price = Price::FREE;
    if let Some(value) = stored.get(PER_REQUEST) {
        let amount = amount(value).ok_or_else(|| Error::custom("not a whole number"))?;
        price.per_request = Some(amount);
    }
    for part in Part::ALL {
        if let Some(value) = stored.get(part.name()) {
            let rate = StoredRate::deserialize(value)?;
            let rate = Rate {
                price: NanoUsd(rate.nano_usd),
                unit: rate.unit,
            };
            price.set(part, Some(rate));
        }
    }
    Ok(price)
}

/// Of what always has a JSON form: structures of numbers and texts.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tollgate_policy::price::{Condition, Multiplier, Range};

    use super::*;

    fn rate(nano: i64, unit: u32) -> Rate {
        Rate {
            price: NanoUsd(nano),
            unit,
        }
    }

    fn tariff() -> Tariff {
        let base = Price::for_request(NanoUsd(3));
        Tariff {
            base: base
                .with(Part::Input, rate(1, 1_000_000))
                .with(Part::Output, rate(i64::MAX, 1))
                .with(Part::Cached, rate(0, 5)),
            conditional: vec![Conditional {
                condition: Condition {
                    input_tokens: Range { min: 5, max: 0 },
                    time: Range { min: 0, max: 9 },
                    service_tier: "flex".into(),
                    resolution: vec!["1024x1024".into()],
                    quality: vec!["high".into()],
                    output_audio: Some(false),
                    ..Condition::default()
                },
                price: Price::FREE.with(Part::WebSearch, rate(7, 1000)),
            }],
        }
    }

    #[test]
    fn prices_survive_storage() {
        let tariff = tariff();
        assert_eq!(tariff_from_json(&tariff_to_json(&tariff)).unwrap(), tariff);
        assert_eq!(tariff_to_json(&Tariff::default()), "{}");
        assert_eq!(tariff_from_json("{}").unwrap(), Tariff::default());
        assert!(tariff_from_json("").is_err());
        assert!(tariff_from_json(r#"{"input": 5}"#).is_err());
        assert!(tariff_from_json(r#"{"per_request_nano_usd": "5"}"#).is_err());
        assert!(tariff_from_json(r#"{"conditional": [{"price": {}}]}"#).is_err());
    }

    #[test]
    fn what_the_first_version_wrote_is_still_read() {
        let stored = r#"{"per_request_nano_usd":3,"input":{"nano_usd":1,"unit":1000000},
            "cache_creation":{"nano_usd":2,"unit":1000}}"#;
        let read = tariff_from_json(stored).unwrap().base;
        assert_eq!(read.per_request, Some(NanoUsd(3)));
        assert_eq!(read.rate(Part::Input), rate(1, 1_000_000));
        assert_eq!(read.rate(Part::CacheCreation), rate(2, 1000));
        assert_eq!(read.own(Part::Output), None);
    }

    #[test]
    fn a_booked_price_keeps_all_of_it() {
        let tariff = tariff();
        let booked = BookedPrice {
            price: tariff.base,
            condition: Some(tariff.conditional[0].condition.clone()),
            multiplier: "0.85".parse().unwrap(),
            of_group: true,
        };
        assert_eq!(BookedPrice::from_json(&booked.to_json()).unwrap(), booked);
        let plain = BookedPrice {
            condition: None,
            multiplier: Multiplier::ONE,
            of_group: false,
            ..booked
        };
        assert_eq!(BookedPrice::from_json(&plain.to_json()).unwrap(), plain);
        // The same as the first version wrote.
        assert_eq!(plain.to_json(), tariff_to_json(&Tariff::of(tariff.base)));
    }
}
