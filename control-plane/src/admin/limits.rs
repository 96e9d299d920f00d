//! Limits as the API reads and shows them; 0 is without limit.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::ApiError;
use super::fields::Fields;
use crate::domain::{GroupLimits, GroupLimitsPatch, Limits, LimitsPatch, Ratio};

const MAX_PER_MINUTE: i64 = 1_000_000_000_000;
const MAX_CONCURRENCY: i64 = 1_000_000;
const MAX_RATIO: f64 = 1_000.0;

/// Of a token or a model, among its other fields.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Limits")]
pub(super) struct LimitsView {
    rpm: u64,
    tpm: u64,
    max_concurrency: u64,
}

/// Of a group, among its other fields.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GroupLimits")]
pub(super) struct GroupLimitsView {
    rpm_ratio: f64,
    tpm_ratio: f64,
    user_rpm: u64,
    user_tpm: u64,
    user_max_concurrency: u64,
}

/// `rpm`, `tpm` and `max_concurrency`.
pub(super) fn read(fields: &mut Fields) -> Result<LimitsPatch, ApiError> {
    Ok(LimitsPatch {
        rpm: fields.int("rpm", 0, MAX_PER_MINUTE)?,
        tpm: fields.int("tpm", 0, MAX_PER_MINUTE)?,
        max_concurrency: fields.int("max_concurrency", 0, MAX_CONCURRENCY)?,
    })
}

/// A group's ratios, and the limits of each of its users.
pub(super) fn read_group(fields: &mut Fields) -> Result<GroupLimitsPatch, ApiError> {
    Ok(GroupLimitsPatch {
        rpm_ratio: ratio(fields, "rpm_ratio")?,
        tpm_ratio: ratio(fields, "tpm_ratio")?,
        users: LimitsPatch {
            rpm: fields.int("user_rpm", 0, MAX_PER_MINUTE)?,
            tpm: fields.int("user_tpm", 0, MAX_PER_MINUTE)?,
            max_concurrency: fields.int("user_max_concurrency", 0, MAX_CONCURRENCY)?,
        },
    })
}

/// A body that holds one ratio and nothing else.
pub(super) fn only_ratio(mut fields: Fields, name: &str) -> Result<GroupLimitsPatch, ApiError> {
    let value = ratio(&mut fields, name)?;
    fields.finish()?;
    let value = Some(value.ok_or_else(|| ApiError::field(name, "is required"))?);
    let mut patch = GroupLimitsPatch::default();
    match name {
        "rpm_ratio" => patch.rpm_ratio = value,
        _ => patch.tpm_ratio = value,
    }
    Ok(patch)
}

fn ratio(fields: &mut Fields, name: &str) -> Result<Option<Ratio>, ApiError> {
    fields
        .hears(name)
        .is(|| json!({ "type": "number", "minimum": 0, "maximum": MAX_RATIO }));
    let Some(raw) = fields.raw(name) else {
        return Ok(None);
    };
    let number: Option<f64> = serde_json::from_str(raw.get()).ok();
    match number.filter(|number| (0.0..=MAX_RATIO).contains(number)) {
        Some(number) => Ok(Some(Ratio::from_number(number))),
        None => {
            let rule = format!("must be a number from 0 to {MAX_RATIO}; 0 is 1");
            Err(ApiError::field(name, rule))
        }
    }
}

impl From<Limits> for LimitsView {
    fn from(limits: Limits) -> Self {
        Self {
            rpm: limits.rpm,
            tpm: limits.tpm,
            max_concurrency: limits.max_concurrency,
        }
    }
}

impl From<GroupLimits> for GroupLimitsView {
    fn from(limits: GroupLimits) -> Self {
        Self {
            rpm_ratio: limits.rpm_ratio.number(),
            tpm_ratio: limits.tpm_ratio.number(),
            user_rpm: limits.users.rpm,
            user_tpm: limits.users.tpm,
            user_max_concurrency: limits.users.max_concurrency,
        }
    }
}
