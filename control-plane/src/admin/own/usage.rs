//! What a user's keys used, by day and model.

use crate::admin::answer::{Reply, Usd, data};
use crate::admin::dashboard::zone;
use crate::admin::params::Params;
use crate::admin::principal::Own;
use crate::admin::routes::{Routes, get};
use crate::admin::{ApiError, State};
use crate::domain::{Period, Tally, now_unix_ms};
use crate::store::{UsageQuery, UsageRow};
use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

pub(super) fn routes() -> Routes {
    Routes::new().own("/self/usage", get(usage))
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Without a beginning, a month; never more than a quarter.
const DEFAULT_DAYS: i64 = 31;
const MOST_DAYS: i64 = 93;
/// The year 9999, beyond which there is no calendar.
const LATEST_MS: i64 = 253_370_764_800_000;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OwnUsageDay")]
struct RowView {
    /// Its beginning, in Unix milliseconds.
    timestamp: i64,
    model: String,
    request_count: i64,
    exception_count: i64,
    input_tokens: i64,
    output_tokens: i64,
    cached_tokens: i64,
    total_tokens: i64,
    used_amount: Usd,
    used_amount_nano_usd: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OwnUsage")]
struct View {
    /// Newest day first, models by name.
    days: Vec<RowView>,
    request_count: i64,
    used_amount: Usd,
    used_amount_nano_usd: i64,
}

/// What one's own keys used, by day and model. Of the days that `start_timestamp` and
/// `end_timestamp` (Unix ms) fall into, both included; days are those of `timezone`, an IANA name, by
/// default the option's (`TimeZone`). Where a zone's days begin at another minute than hours of UTC
/// do, an hour counts to the day in which it begins.
async fn usage(Extract(state): Extract<State>, Own(session): Own, params: Params) -> Reply<View> {
    let zone = match params.text("timezone") {
        Some(name) => zone(&name)?,
        None => state.store.zone().await?,
    };
    let day = |at: i64| Period::Daily.window(&zone, at.clamp(0, LATEST_MS));
    let end_ms = day(params.nonzero("end_timestamp")?.unwrap_or_else(now_unix_ms)).end_ms;
    let start_ms = match params.nonzero("start_timestamp")? {
        Some(start) => day(start).start_ms,
        // From the middle of that day: some days are an hour longer than others.
        None => day(end_ms.saturating_sub(DEFAULT_DAYS * DAY_MS - DAY_MS / 2)).start_ms,
    };
    if end_ms.saturating_sub(start_ms) > MOST_DAYS * DAY_MS + DAY_MS / 2 {
        let rule = format!("must be less than {MOST_DAYS} days before end_timestamp");
        return Err(ApiError::field("start_timestamp", rule));
    }
    let query = UsageQuery {
        group: session.user.group,
        token_id: params.nonzero("token_id")?,
        model: params.text("model_name"),
        zone,
        start_ms,
        end_ms,
    };
    let rows = state.store.usage(&query).await?;
    let mut whole = Tally::default();
    for row in &rows {
        whole.add(&row.tally);
    }
    data(View {
        request_count: whole.request_count,
        used_amount: Usd(whole.amount()),
        used_amount_nano_usd: whole.used_amount,
        days: rows.into_iter().map(RowView::from).collect(),
    })
}

impl From<UsageRow> for RowView {
    fn from(row: UsageRow) -> Self {
        let tally = row.tally;
        Self {
            timestamp: row.day_ms,
            model: row.model,
            request_count: tally.request_count,
            exception_count: tally.exception_count,
            input_tokens: tally.input_tokens,
            output_tokens: tally.output_tokens,
            cached_tokens: tally.cached_tokens,
            total_tokens: tally.total_tokens(),
            used_amount: Usd(tally.amount()),
            used_amount_nano_usd: tally.used_amount,
        }
    }
}
