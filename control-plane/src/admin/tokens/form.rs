//! What a body says of a token.

use tollgate_policy::Subnet;

use super::window;
use crate::admin::fields::Fields;
use crate::admin::{ApiError, limits, rules};
use crate::domain::{Period, TokenPatch};

/// The year 9999.
const MAX_EXPIRY_MS: i64 = 253_402_300_799_999;

pub(in crate::admin) fn read(mut fields: Fields) -> Result<TokenPatch, ApiError> {
    window::none(&mut fields)?;
    let patch = TokenPatch {
        name: name(&mut fields)?,
        status: fields.status()?,
        models: fields.names("models", rules::MAX_MODEL)?,
        subnets: subnets(&mut fields)?,
        limits: limits::read(&mut fields)?,
        quota: fields.usd("quota")?,
        period_quota: fields.usd("period_quota")?,
        period: period(&mut fields)?,
        expires_at_ms: fields.int("expires_at", 0, MAX_EXPIRY_MS)?,
    };
    fields.ignore(&[
        "id",
        "created_at",
        "group",
        "key",
        "used_amount",
        "used_amount_nano_usd",
        "request_count",
        "accessed_at",
        "rotates_until",
        "period_used_amount",
        "period_last_update_amount",
    ]);
    fields.finish()?;
    Ok(patch)
}

pub(super) fn name(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let name = fields.line("name", rules::MAX_TOKEN_NAME)?;
    if let Some(name) = &name {
        rules::name("name", name, rules::MAX_TOKEN_NAME)?;
    }
    Ok(name)
}

fn subnets(fields: &mut Fields) -> Result<Option<Vec<String>>, ApiError> {
    const LONGEST: usize = 49;
    let subnets = fields.names("subnets", LONGEST)?;
    for subnet in subnets.iter().flatten() {
        if subnet.parse::<Subnet>().is_err() {
            let rule = format!("{subnet:?} is not a CIDR block such as 10.0.0.0/8");
            return Err(ApiError::field("subnets", rule));
        }
    }
    Ok(subnets)
}

/// The kind of window; an empty one is AI Proxy's default.
fn period(fields: &mut Fields) -> Result<Option<Period>, ApiError> {
    fields
        .hears("period_type")
        .one_of(&["", "daily", "weekly", "monthly"]);
    let Some(name) = fields.text("period_type")? else {
        return Ok(None);
    };
    let period = match name.as_str() {
        "" => Some(Period::default()),
        name => Period::from_name(name),
    };
    let rule = "must be daily, weekly or monthly";
    period
        .map(Some)
        .ok_or_else(|| ApiError::field("period_type", rule))
}
