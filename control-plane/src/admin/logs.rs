//! `/api/logs…` over all groups, and the same handlers under `/api/log/<group>…` for one.

mod amounts;
mod export;

use std::time::{Duration, Instant};

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

pub(super) use amounts::AmountView;

use super::answer::{Reply, Usd, data, data_with_note};
use super::dashboard::{named, top_names};
use super::params::{Params, Segments};
use super::prices::{MultiplierView, PriceView};
use super::routes::{Routes, get};
use super::{ApiError, State};
use crate::domain::{
    AttemptRecord, Circumstances, ConditionFields, Detail, Listed, Log, TokenCounts, now_unix_ms,
};
use crate::housekeeping::LOG_HOURS_MIN;
use crate::store::{CodeType, Dimension, LogQuery, Of, SummaryQuery};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/logs", get(list).delete(delete))
        .read("/logs/", get(list).delete(delete))
        .read("/logs/search", get(list))
        .read("/logs/export", get(export::export))
        .read("/logs/detail/{id}", get(show))
        .read("/log/{group}", get(list))
        .read("/log/{group}/search", get(list))
        .read("/log/{group}/export", get(export::export))
        .read("/log/{group}/detail/{id}", get(show))
}

/// Both are the order of the booking.
const ORDERS: [&str; 2] = ["id", "created_at"];

/// The time whose channels and names a list tells when it is not limited itself.
const NAMES_MS: i64 = 30 * 86_400_000;

/// Rows that are deleted at a time, and how long one request goes on with that.
const DELETED: i64 = 1_000;
const DELETES_FOR: Duration = Duration::from_secs(10);

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Log")]
struct View {
    id: i64,
    request_id: String,
    node: String,
    request_at: i64,
    created_at: i64,
    duration_milliseconds: i64,
    /// Absent when no byte was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttfb_milliseconds: Option<i64>,
    token_id: i64,
    token_name: String,
    group: String,
    model: String,
    method: String,
    endpoint: String,
    dialect: String,
    /// AI Proxy's number of what was asked for; 0 for what it has none for.
    mode: i64,
    stream: bool,
    code: i64,
    outcome: String,
    content: String,
    ip: String,
    user: String,
    channel: i64,
    retry_times: usize,
    /// When the last further attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<i64>,
    attempts: Vec<AttemptRecord>,
    usage: UsageView,
    usage_context: ContextView,
    priced: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<PriceView>,
    /// Under which that was the price; absent: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_condition: Option<ConditionFields>,
    /// What the group paid of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_multiplier: Option<MultiplierView>,
    /// It was the group's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_override: Option<bool>,
    used_amount: Usd,
    used_amount_nano_usd: i64,
    /// Its parts; absent where they are not known, as of a row that an earlier version booked by
    /// other rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<AmountView>,
    upstream_id: String,
    losses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_detail: Option<DetailView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogDetail")]
struct DetailView {
    request_body: String,
    response_body: String,
    request_body_truncated: bool,
    response_body_truncated: bool,
}

/// A row with its bodies, if they were kept, beside its own fields.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WholeLog")]
struct WholeView {
    #[serde(flatten)]
    view: View,
    log_id: i64,
    #[serde(flatten)]
    detail: Option<DetailView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogUsage")]
pub(super) struct UsageView {
    input_tokens: i64,
    output_tokens: i64,
    cached_tokens: i64,
    cache_creation_tokens: i64,
    reasoning_tokens: i64,
    total_tokens: i64,
    /// Counted by the gateway because the upstream did not tell.
    estimated: bool,
    cache_creation_1h_tokens: i64,
    image_input_tokens: i64,
    audio_input_tokens: i64,
    video_input_tokens: i64,
    image_output_tokens: i64,
    audio_output_tokens: i64,
    web_search_count: i64,
    web_fetch_count: i64,
    code_run_count: i64,
    file_search_count: i64,
}

/// What is not known is left out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogUsageContext")]
pub(super) struct ContextView {
    #[serde(skip_serializing_if = "String::is_empty")]
    service_tier: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    resolution: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    native_resolution: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    quality: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_media: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_video: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_audio: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Logs")]
struct ListView {
    logs: Vec<View>,
    /// 10,001 stands for more.
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_names: Option<Vec<String>>,
    models: Vec<String>,
}

/// Calls, with filters, the newest first. The total stops at 10,001, which stands for more.
async fn list(Extract(state): Extract<State>, path: Segments, params: Params) -> Reply<ListView> {
    let query = query(&path, &params)?;
    let page = params.page(&ORDERS)?;
    let Listed { items, total } = state.store.logs(&query, page).await?;
    let mut details = Vec::new();
    if params.flag("include_detail")? {
        let ids: Vec<String> = items.iter().map(|log| log.request_id.clone()).collect();
        details = state.store.details_of(&ids).await?;
    }
    let end = query.end_ms.unwrap_or_else(now_unix_ms);
    let start = query.start_ms.unwrap_or(end.saturating_sub(NAMES_MS));
    let names = |by| {
        let of = match path.group() {
            None => Of::Channels(None),
            Some(group) => Of::Groups {
                groups: vec![group.to_owned()],
                token_name: None,
            },
        };
        top_names(
            &state,
            SummaryQuery::whole(of, start, end.saturating_add(1)),
            by,
        )
    };
    let models = named(names(Dimension::Model).await?);
    let (mut channels, mut token_names) = (None, None);
    if path.group().is_some() {
        let found = names(Dimension::TokenName).await?;
        token_names = Some(found.into_iter().map(|sum| sum.token_name).collect());
    } else {
        let found = names(Dimension::Channel).await?;
        let ids = found.into_iter().map(|sum| sum.channel);
        channels = Some(ids.filter(|id| *id != 0).collect());
    }
    let logs = items.into_iter().map(|log| {
        let found = details.iter().find(|it| it.request_id == log.request_id);
        let request_detail = found.cloned().map(DetailView::from);
        View {
            request_detail,
            ..View::from(log)
        }
    });
    data(ListView {
        logs: logs.collect(),
        total,
        channels,
        token_names,
        models,
    })
}

/// The filters that the path and the query name.
fn query(path: &Segments, params: &Params) -> Result<LogQuery, ApiError> {
    Ok(LogQuery {
        group: path
            .group()
            .map(str::to_owned)
            .or_else(|| params.text("group")),
        token_id: params.nonzero("token_id")?,
        token_name: params.text("token_name"),
        model: params.text("model_name"),
        channel: params.nonzero("channel")?,
        request_id: params.text("request_id"),
        upstream_id: params.text("upstream_id"),
        code: params.nonzero("code")?,
        code_type: code_type(params)?,
        ip: params.text("ip"),
        user: params.text("user"),
        start_ms: params.nonzero("start_timestamp")?,
        end_ms: params.nonzero("end_timestamp")?,
        keyword: params.text("keyword"),
    })
}

/// A call, with its bodies if they were kept.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<WholeView> {
    let id = path.id()?;
    let log = state.store.log(id).await?;
    if path.group().is_some_and(|group| group != log.group) {
        return Err(ApiError::NotFound(format!("log {id} does not exist")));
    }
    let kept = state
        .store
        .details_of(std::slice::from_ref(&log.request_id))
        .await?;
    data(WholeView {
        view: View::from(log),
        log_id: id,
        detail: kept.into_iter().next().map(DetailView::from),
    })
}

/// Deletes log rows that were booked before `timestamp`, with all bodies that were kept before it. It
/// goes on for some seconds at most, and says how many rows.
async fn delete(Extract(state): Extract<State>, params: Params) -> Reply<u64> {
    let before = params.nonzero("timestamp")?.unwrap_or(0);
    let latest = now_unix_ms().saturating_sub(LOG_HOURS_MIN.saturating_mul(3_600_000));
    if before <= 0 || before > latest {
        let rule = format!("must be in Unix milliseconds, {LOG_HOURS_MIN} hours ago or earlier");
        return Err(ApiError::field("timestamp", rule));
    }
    let (begun, mut deleted) = (Instant::now(), 0);
    let full = DELETED.unsigned_abs();
    loop {
        let rows = state.store.delete_logs(before, DELETED).await?;
        deleted += rows;
        // Those of rows that are gone already, too; what rows said of addresses goes last.
        let bodies = state.store.delete_details(before, DELETED).await?;
        let all = rows < full && bodies < full;
        if all && state.store.delete_oldest_addresses(before).await? == 0 {
            return data(deleted);
        }
        if begun.elapsed() > DELETES_FOR {
            return data_with_note(deleted, "there are more; send this again");
        }
    }
}

pub(super) fn code_type(params: &Params) -> Result<CodeType, ApiError> {
    Ok(
        match params.one_of("code_type", &["all", "success", "error"])? {
            Some("success") => CodeType::Success,
            Some("error") => CodeType::Error,
            _ => CodeType::All,
        },
    )
}

impl From<Log> for View {
    fn from(log: Log) -> Self {
        let amount = AmountView::of(&log);
        let (mode, retry_at) = (log.mode(), log.retry_at_ms());
        Self {
            id: log.id,
            request_id: log.request_id,
            node: log.node,
            request_at: log.request_at_ms,
            created_at: log.created_at_ms,
            duration_milliseconds: log.duration_ms,
            ttfb_milliseconds: log.ttfb_ms,
            token_id: log.token_id,
            token_name: log.token_name,
            group: log.group,
            model: log.model,
            method: log.method,
            endpoint: log.path,
            dialect: log.dialect,
            mode,
            stream: log.stream,
            code: log.code,
            outcome: log.outcome,
            content: log.content,
            ip: log.ip,
            user: log.user,
            channel: log.channel_id,
            retry_times: log.attempts.len().saturating_sub(1),
            retry_at,
            attempts: log.attempts,
            usage: UsageView::from(log.tokens),
            usage_context: ContextView::from(log.circumstances),
            priced: log.price.is_some(),
            price: log.price.as_ref().map(|b| PriceView::whole(b.price)),
            price_condition: log
                .price
                .as_ref()
                .and_then(|booked| booked.condition.as_ref())
                .map(ConditionFields::from),
            price_multiplier: log.price.as_ref().map(|b| MultiplierView(b.multiplier)),
            price_override: log.price.as_ref().map(|booked| booked.of_group),
            used_amount: Usd(log.amount),
            used_amount_nano_usd: log.amount.0,
            amount,
            upstream_id: log.upstream_id,
            losses: log.losses,
            request_detail: None,
        }
    }
}

impl From<Detail> for DetailView {
    fn from(detail: Detail) -> Self {
        Self {
            request_body: detail.request_body,
            response_body: detail.response_body,
            request_body_truncated: detail.request_body_truncated,
            response_body_truncated: detail.response_body_truncated,
        }
    }
}

impl From<TokenCounts> for UsageView {
    fn from(tokens: TokenCounts) -> Self {
        Self {
            input_tokens: tokens.input,
            output_tokens: tokens.output,
            cached_tokens: tokens.cached,
            cache_creation_tokens: tokens.cache_creation,
            reasoning_tokens: tokens.reasoning,
            total_tokens: tokens.input.saturating_add(tokens.output),
            estimated: tokens.estimated,
            cache_creation_1h_tokens: tokens.cache_creation_1h,
            image_input_tokens: tokens.image_input,
            audio_input_tokens: tokens.audio_input,
            video_input_tokens: tokens.video_input,
            image_output_tokens: tokens.image_output,
            audio_output_tokens: tokens.audio_output,
            web_search_count: tokens.web_searches,
            web_fetch_count: tokens.web_fetches,
            code_run_count: tokens.code_runs,
            file_search_count: tokens.file_searches,
        }
    }
}

impl From<Circumstances> for ContextView {
    fn from(known: Circumstances) -> Self {
        Self {
            service_tier: known.service_tier,
            resolution: known.resolution,
            native_resolution: known.native_resolution,
            quality: known.quality,
            input_media: known.input_media,
            input_video: known.input_video,
            output_audio: known.output_audio,
        }
    }
}
