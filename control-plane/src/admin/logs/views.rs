//! Log rows as the API shows them.

use schemars::JsonSchema;
use serde::Serialize;

use super::amounts::AmountView;
use crate::admin::answer::Usd;
use crate::admin::prices::{MultiplierView, PriceView};
use crate::domain::{AttemptRecord, Circumstances, ConditionFields, Detail, Log, TokenCounts};

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Log")]
pub(super) struct View {
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
pub(super) struct DetailView {
    request_body: String,
    response_body: String,
    request_body_truncated: bool,
    response_body_truncated: bool,
}

/// A row with its bodies, if they were kept, beside its own fields.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WholeLog")]
pub(super) struct WholeView {
    #[serde(flatten)]
    pub(super) view: View,
    pub(super) log_id: i64,
    #[serde(flatten)]
    pub(super) detail: Option<DetailView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LogUsage")]
pub(in crate::admin) struct UsageView {
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
pub(in crate::admin) struct ContextView {
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
pub(super) struct ListView {
    pub(super) logs: Vec<View>,
    /// 10,001 stands for more.
    pub(super) total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channels: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_names: Option<Vec<String>>,
    pub(super) models: Vec<String>,
}

impl View {
    /// With its bodies, if they are wanted and were kept.
    pub(super) fn with(log: Log, detail: Option<Detail>) -> Self {
        Self {
            request_detail: detail.map(DetailView::from),
            ..Self::from(log)
        }
    }
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
