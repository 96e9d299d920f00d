//! Amounts as the API writes them: decimal USD, exact in both directions.

use serde_json::json;
use serde_json::value::RawValue;
use tollgate_policy::price::NanoUsd;

use super::ApiError;
use super::fields::{Fields, decimal};

/// A number, or a text with one, read from its digits: as a float, 0.1 would be something else.
pub(super) fn amount(fields: &mut Fields, name: &str) -> Result<Option<NanoUsd>, ApiError> {
    fields.hears(name).is(decimal);
    let Some(raw) = fields.raw(name) else {
        return Ok(None);
    };
    let parsed = digits(&raw).parse();
    parsed
        .map(Some)
        .map_err(|rule: tollgate_policy::price::InvalidUsd| ApiError::field(name, rule))
}

/// The same above zero.
pub(super) fn positive(fields: &mut Fields, name: &str) -> Result<NanoUsd, ApiError> {
    match amount(fields, name)? {
        Some(amount) if amount.0 > 0 => Ok(amount),
        Some(_) => Err(ApiError::field(name, "must be above zero")),
        None => Err(ApiError::field(name, "is required")),
    }
}

/// The same above or below zero.
pub(super) fn signed(fields: &mut Fields, name: &str) -> Result<NanoUsd, ApiError> {
    fields
        .hears(name)
        .is(|| json!({ "type": ["number", "string"], "pattern": r"^-?\d*\.?\d*$" }));
    let raw = fields
        .raw(name)
        .ok_or_else(|| ApiError::field(name, "is required"))?;
    let digits = digits(&raw);
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) if !rest.starts_with('-') => (-1, rest),
        _ => (1, digits.as_str()),
    };
    match digits.parse::<NanoUsd>() {
        Ok(NanoUsd(0)) => Err(ApiError::field(name, "must not be zero")),
        Ok(amount) => Ok(NanoUsd(sign * amount.0)),
        Err(rule) => Err(ApiError::field(name, rule)),
    }
}

fn digits(raw: &RawValue) -> String {
    let text = serde_json::from_str::<String>(raw.get()).ok();
    text.unwrap_or_else(|| raw.get().to_owned())
}
