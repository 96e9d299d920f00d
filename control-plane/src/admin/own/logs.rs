//! A user's own log: their calls, without what is the operator's business.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::answer::{Reply, Usd, data};
use crate::admin::logs::{AmountView, ContextView, UsageView, code_type};
use crate::admin::params::{Params, Segments};
use crate::admin::prices::{MultiplierView, PriceView};
use crate::admin::principal::Own;
use crate::admin::routes::{Routes, get};
use crate::admin::{ApiError, State};
use crate::domain::{ConditionFields, Listed, Log};
use crate::store::LogQuery;

pub(super) fn routes() -> Routes {
    Routes::new()
        .own("/self/logs", get(list))
        .own("/self/logs/", get(list))
        .own("/self/logs/search", get(list))
        .own("/self/logs/{id}", get(show))
}

/// Both are the order of the booking.
const ORDERS: [&str; 2] = ["id", "created_at"];

/// Neither channels nor nodes, nor what an upstream said of itself. `price` for what was used, times
/// `price_multiplier`, is `used_amount`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OwnLog")]
struct View {
    id: i64,
    request_id: String,
    request_at: i64,
    created_at: i64,
    duration_milliseconds: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttfb_milliseconds: Option<i64>,
    token_id: i64,
    token_name: String,
    model: String,
    method: String,
    endpoint: String,
    /// AI Proxy's number of what was asked for; 0 for what it has none for.
    mode: i64,
    stream: bool,
    code: i64,
    outcome: String,
    content: String,
    ip: String,
    user: String,
    usage: UsageView,
    /// What a price may depend on.
    usage_context: ContextView,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceView>,
    /// Under which that was the price; absent: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_condition: Option<ConditionFields>,
    /// What the group paid of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_multiplier: Option<MultiplierView>,
    used_amount: Usd,
    used_amount_nano_usd: i64,
    /// Its parts; absent where they are not known, as of a row that an earlier version booked by
    /// other rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<AmountView>,
    losses: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OwnLogs")]
struct ListView {
    logs: Vec<View>,
    total: i64,
}

/// Calls of one's own, with filters, the newest first.
async fn list(
    Extract(state): Extract<State>,
    Own(session): Own,
    params: Params,
) -> Reply<ListView> {
    let query = LogQuery {
        group: Some(session.user.group),
        token_id: params.nonzero("token_id")?,
        token_name: params.text("token_name"),
        model: params.text("model_name"),
        request_id: params.text("request_id"),
        code: params.nonzero("code")?,
        code_type: code_type(&params)?,
        ip: params.text("ip"),
        user: params.text("user"),
        start_ms: params.nonzero("start_timestamp")?,
        end_ms: params.nonzero("end_timestamp")?,
        keyword: params.text("keyword"),
        ..LogQuery::default()
    };
    let Listed { items, total } = state.store.logs(&query, params.page(&ORDERS)?).await?;
    data(ListView {
        logs: items.into_iter().map(View::from).collect(),
        total,
    })
}

/// A call of one's own.
async fn show(Extract(state): Extract<State>, Own(session): Own, path: Segments) -> Reply<View> {
    let id = path.id()?;
    let log = state.store.log(id).await?;
    if log.group != session.user.group {
        return Err(ApiError::NotFound(format!("log {id} does not exist")));
    }
    data(View::from(log))
}

impl From<Log> for View {
    fn from(log: Log) -> Self {
        let (amount, mode) = (AmountView::of(&log), log.mode());
        Self {
            id: log.id,
            request_id: log.request_id,
            request_at: log.request_at_ms,
            created_at: log.created_at_ms,
            duration_milliseconds: log.duration_ms,
            ttfb_milliseconds: log.ttfb_ms,
            token_id: log.token_id,
            token_name: log.token_name,
            model: log.model,
            method: log.method,
            endpoint: log.path,
            mode,
            stream: log.stream,
            code: log.code,
            outcome: log.outcome,
            content: log.content,
            ip: log.ip,
            user: log.user,
            usage: UsageView::from(log.tokens),
            usage_context: ContextView::from(log.circumstances),
            price: log.price.as_ref().map(|b| PriceView::whole(b.price)),
            price_condition: log
                .price
                .as_ref()
                .and_then(|booked| booked.condition.as_ref())
                .map(ConditionFields::from),
            price_multiplier: log.price.as_ref().map(|b| MultiplierView(b.multiplier)),
            used_amount: Usd(log.amount),
            used_amount_nano_usd: log.amount.0,
            amount,
            losses: log.losses,
        }
    }
}
