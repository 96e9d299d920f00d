//! Prices as the API writes them: decimal USD per unit of tokens, exact in both directions.

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_policy::price::{NanoUsd, Price, Rate};

use super::ApiError;
use super::answer::Usd;
use super::fields::Fields;

/// Prices of things that are not counted yet.
const NOT_YET: [&str; 8] = [
    "image_input_price",
    "audio_input_price",
    "video_input_price",
    "image_output_price",
    "audio_output_price",
    "thinking_mode_output_price",
    "web_search_price",
    "conditional_prices",
];

/// Their units, which mean nothing without a price.
const NOT_YET_UNITS: [&str; 7] = [
    "image_input_price_unit",
    "audio_input_price_unit",
    "video_input_price_unit",
    "image_output_price_unit",
    "audio_output_price_unit",
    "thinking_mode_output_price_unit",
    "web_search_price_unit",
];

#[derive(Serialize)]
pub(super) struct PriceView {
    per_request_price: Usd,
    input_price: Usd,
    input_price_unit: u32,
    output_price: Usd,
    output_price_unit: u32,
    cached_price: Usd,
    cached_price_unit: u32,
    cache_creation_price: Usd,
    cache_creation_price_unit: u32,
}

/// Reads the `price` object; a part that is left out is free.
pub(super) fn read(fields: &mut Fields) -> Result<Option<Price>, ApiError> {
    let Some(mut price) = fields.nested("price")? else {
        return Ok(None);
    };
    let read = Price {
        per_request: amount(&mut price, "per_request_price")?,
        input: rate(&mut price, "input_price", "input_price_unit")?,
        output: rate(&mut price, "output_price", "output_price_unit")?,
        cached: rate(&mut price, "cached_price", "cached_price_unit")?,
        cache_creation: rate(
            &mut price,
            "cache_creation_price",
            "cache_creation_price_unit",
        )?,
    };
    price.not_yet(&NOT_YET)?;
    price.ignore(&NOT_YET_UNITS);
    price.finish()?;
    Ok(Some(read))
}

fn rate(fields: &mut Fields, name: &str, unit: &str) -> Result<Rate, ApiError> {
    let price = amount(fields, name)?;
    let unit = match fields.int(unit, 0, i64::from(Rate::MAX_UNIT))? {
        None | Some(0) => Rate::DEFAULT_UNIT,
        Some(unit) => u32::try_from(unit).unwrap_or(Rate::MAX_UNIT),
    };
    Ok(Rate { price, unit })
}

/// A number, or a text with one, read from its digits: as a float, 0.1 would be something else.
fn amount(fields: &mut Fields, name: &str) -> Result<NanoUsd, ApiError> {
    let Some(raw) = fields.raw(name) else {
        return Ok(NanoUsd(0));
    };
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    let digits = text(&raw).unwrap_or_else(|| raw.get().to_owned());
    digits.parse().map_err(|rule| ApiError::field(name, rule))
}

impl From<&Price> for PriceView {
    fn from(price: &Price) -> Self {
        Self {
            per_request_price: Usd(price.per_request),
            input_price: Usd(price.input.price),
            input_price_unit: price.input.unit,
            output_price: Usd(price.output.price),
            output_price_unit: price.output.unit,
            cached_price: Usd(price.cached.price),
            cached_price_unit: price.cached.unit,
            cache_creation_price: Usd(price.cache_creation.price),
            cache_creation_price_unit: price.cache_creation.unit,
        }
    }
}
