//! `period_last_update_time`: where the window of a period quota began.
//!
//! In AI Proxy whoever makes a token chooses that. Here windows are calendar days, weeks and months, so
//! it can be sent back as it was shown, and nobody is left to believe that something else was taken.

use crate::admin::fields::Fields;
use crate::admin::{ApiError, State};
use crate::domain::{Period, now_unix_ms};

const FIELD: &str = "period_last_update_time";

/// What a body says; 0 says nothing.
pub(super) fn read(fields: &mut Fields) -> Result<Option<i64>, ApiError> {
    Ok(fields.int(FIELD, 0, i64::MAX)?.filter(|at| *at != 0))
}

/// Of a body that is not to say anything.
pub(super) fn none(fields: &mut Fields) -> Result<(), ApiError> {
    match read(fields)? {
        None => Ok(()),
        Some(_) => Err(refused()),
    }
}

/// It must be where a window of one of these periods began, of now or before.
pub(super) async fn check(
    state: &State,
    begun: Option<i64>,
    periods: &[Period],
) -> Result<(), ApiError> {
    let Some(begun) = begun else { return Ok(()) };
    let zone = state.store.zone().await?;
    let begins = |period: &Period| period.window(&zone, begun).start_ms == begun;
    match begun <= now_unix_ms() && periods.iter().any(begins) {
        true => Ok(()),
        false => Err(refused()),
    }
}

fn refused() -> ApiError {
    let rule = "cannot be chosen: windows begin with the day, the ISO week (Monday) or the month of \
                the option TimeZone; leave it out";
    ApiError::field(FIELD, rule)
}
