//! `/api/redemption_codes…`: codes that are worth money to whoever has them.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Reply, Usd, data, data_with_note};
use super::body::Body;
use super::params::{Params, Segments};
use super::routes::{Routes, get, post};
use super::{ApiError, State, money};
use crate::domain::{Listed, RedemptionCode, now_unix_ms};
use crate::store::{CodeQuery, NewCodes};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/redemption_codes", get(list).post(create))
        .read("/redemption_codes/", get(list).post(create))
        .read("/redemption_codes/{id}", get(show))
        .route("/redemption_codes/{id}/status", post(set_status))
}

/// Codes of one batch, and uses of one code.
const MAX_COUNT: i64 = 1000;
const MAX_USES: i64 = 1_000_000;
const MAX_BATCH: usize = 64;

const ORDERS: [&str; 2] = ["id", "created_at"];

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RedemptionCode")]
struct View {
    id: i64,
    created_at: i64,
    batch: String,
    /// Whole in the answer that makes it, masked ever after.
    code: String,
    amount: Usd,
    amount_nano_usd: i64,
    uses: i64,
    used: i64,
    /// 0: never.
    expires_at: i64,
    status: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RedemptionCodes")]
struct ListView {
    redemption_codes: Vec<View>,
    /// 10,001 stands for more.
    total: i64,
}

/// Redemption codes, masked, in the order in which they were made.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let query = CodeQuery {
        batch: params.text("batch"),
        status: params.nonzero("status")?,
        code: params.text("code"),
    };
    let page = params.page(&ORDERS)?;
    let Listed { items, total } = state.store.redemption_codes(&query, page).await?;
    data(ListView {
        redemption_codes: items.into_iter().map(View::from).collect(),
        total,
    })
}

/// A redemption code, masked.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    data(View::from(state.store.redemption_code(path.id()?).await?))
}

/// Makes codes that are worth money. They are shown this once only.
async fn create(Extract(state): Extract<State>, body: Body) -> Reply<Vec<View>> {
    let mut fields = body.object()?;
    let count = fields.int("count", 1, MAX_COUNT)?.unwrap_or(1);
    let new = NewCodes {
        batch: fields.line("batch", MAX_BATCH)?.unwrap_or_default(),
        count: usize::try_from(count).unwrap_or(1),
        amount: money::positive(&mut fields, "amount")?,
        uses: fields.int("uses", 1, MAX_USES)?.unwrap_or(1),
        expires_at_ms: fields.int("expires_at", 0, i64::MAX)?.unwrap_or(0),
    };
    fields.finish()?;
    if new.expires_at_ms != 0 && new.expires_at_ms <= now_unix_ms() {
        let rule = "must be in the future, in Unix milliseconds; 0: never";
        return Err(ApiError::field("expires_at", rule));
    }
    let made = state.store.create_redemption_codes(new).await?;
    let views: Vec<_> = made
        .into_iter()
        .map(|(code, secret)| View {
            code: secret.expose().to_owned(),
            ..View::from(code)
        })
        .collect();
    data_with_note(views, "the codes are shown this once only")
}

/// Enables (1) or disables (2) a redemption code.
async fn set_status(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    let mut fields = body.object()?;
    let status = fields.required_status()?;
    fields.finish()?;
    let code = state
        .store
        .set_redemption_code_status(path.id()?, status)
        .await?;
    data(View::from(code))
}

impl From<RedemptionCode> for View {
    fn from(code: RedemptionCode) -> Self {
        Self {
            id: code.id,
            created_at: code.created_at_ms,
            batch: code.batch,
            code: format!("…{}", code.hint),
            amount: Usd(code.amount),
            amount_nano_usd: code.amount.0,
            uses: code.uses,
            used: code.used,
            expires_at: code.expires_at_ms,
            status: code.status.number(),
        }
    }
}
