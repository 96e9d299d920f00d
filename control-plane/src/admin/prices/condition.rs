//! The condition of a price.

use tollgate_policy::price::{Condition, Range};
use tollgate_protocol::neutral::ServiceTier;

use super::super::ApiError;
use super::super::fields::Fields;

const MAX_TOKENS: i64 = 1 << 40;

/// Unix seconds far in the future, and far below any present in milliseconds.
const MAX_SECONDS: i64 = 100_000_000_000;

/// Longest name of a resolution or a quality.
const MAX_NAME: usize = 32;

/// Met where nobody told a tier.
const UNTOLD: &str = "auto";

/// Whether it can be met at all is for the tariff to say.
pub(super) fn read(mut fields: Fields) -> Result<Condition, ApiError> {
    let condition = Condition {
        input_tokens: range(
            &mut fields,
            ["input_token_min", "input_token_max"],
            MAX_TOKENS,
        )?,
        output_tokens: range(
            &mut fields,
            ["output_token_min", "output_token_max"],
            MAX_TOKENS,
        )?,
        time: range(&mut fields, ["start_time", "end_time"], MAX_SECONDS)?,
        resolution: fields.names("resolution", MAX_NAME)?.unwrap_or_default(),
        quality: fields.names("quality", MAX_NAME)?.unwrap_or_default(),
        service_tier: tier(&mut fields)?,
        input_media: fields.flag("input_media")?,
        input_video: fields.flag("input_video")?,
        output_audio: fields.flag("output_audio")?,
    };
    fields.finish()?;
    Ok(condition)
}

fn range(fields: &mut Fields, [min, max]: [&str; 2], most: i64) -> Result<Range, ApiError> {
    let mut bound = |name| {
        let number = fields.int(name, 0, most)?.unwrap_or(0);
        Ok::<_, ApiError>(u64::try_from(number).unwrap_or(0))
    };
    Ok(Range {
        min: bound(min)?,
        max: bound(max)?,
    })
}

/// By the name that log rows have for it.
fn tier(fields: &mut Fields) -> Result<String, ApiError> {
    let tiers = ServiceTier::ALL.map(ServiceTier::as_str);
    let known = [&["", UNTOLD], &tiers[..]].concat();
    fields.hears("service_tier").one_of(&known);
    let name = fields.line("service_tier", MAX_NAME)?.unwrap_or_default();
    match name.trim().to_ascii_lowercase().as_str() {
        known @ ("" | UNTOLD) => Ok(known.to_owned()),
        other => match ServiceTier::read(other) {
            Some(tier) => Ok(tier.as_str().to_owned()),
            None => {
                let known = ServiceTier::ALL.map(ServiceTier::as_str).join(", ");
                let rule = format!("must be {UNTOLD}, or one of {known}");
                Err(ApiError::field("service_tier", rule))
            }
        },
    }
}
