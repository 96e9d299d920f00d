//! Reading log rows.

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use super::query::Conditions;
use super::row::{Columns, unexpected};
use super::{Error, Result, Store};
use crate::domain::{BookedPrice, Circumstances, Listed, Log, Page, TokenCounts};

/// Which log rows are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    pub group: Option<String>,
    pub token_id: Option<i64>,
    pub token_name: Option<String>,
    pub model: Option<String>,
    /// The channel of the last attempt.
    pub channel: Option<i64>,
    pub request_id: Option<String>,
    pub upstream_id: Option<String>,
    pub code: Option<i64>,
    pub code_type: CodeType,
    pub ip: Option<String>,
    pub user: Option<String>,
    /// Booked at or after, in Unix milliseconds.
    pub start_ms: Option<i64>,
    /// Booked at or before.
    pub end_ms: Option<i64>,
    /// A word in the ids, names, or the error text.
    pub keyword: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CodeType {
    #[default]
    All,
    Success,
    Error,
}

const COLUMNS: &str = "SELECT id, request_id, node, request_at, created_at, duration_ms, \
    ttfb_ms, token_id, token_name, group_id, model, method, path, dialect, stream, code, outcome, \
    content, ip, caller, channel_id, attempts, input_tokens, output_tokens, cached_tokens, \
    cache_creation_tokens, reasoning_tokens, usage_estimated, upstream_id, losses, price, amount, \
    cache_creation_1h_tokens, image_input_tokens, audio_input_tokens, video_input_tokens, \
    image_output_tokens, audio_output_tokens, web_search_count, web_fetch_count, code_run_count, \
    file_search_count, service_tier, resolution, native_resolution, quality, input_media, \
    input_video, output_audio FROM logs";

impl Store {
    /// # Errors
    /// When the database is away.
    pub async fn logs(&self, query: &LogQuery, page: Page) -> Result<Listed<Log>> {
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", query.group.as_deref());
        conditions.int("token_id = ?", query.token_id);
        conditions.text("token_name = ?", query.token_name.as_deref());
        conditions.text("model = ?", query.model.as_deref());
        conditions.int("channel_id = ?", query.channel);
        conditions.text("request_id = ?", query.request_id.as_deref());
        conditions.text("upstream_id = ?", query.upstream_id.as_deref());
        conditions.int("code = ?", query.code);
        conditions.text("ip = ?", query.ip.as_deref());
        conditions.text("caller = ?", query.user.as_deref());
        conditions.int("created_at >= ?", query.start_ms);
        conditions.int("created_at <= ?", query.end_ms);
        match query.code_type {
            CodeType::All => {}
            CodeType::Success => conditions.fixed("code = 200"),
            CodeType::Error => conditions.fixed("code <> 200"),
        }
        conditions.keyword(
            "lower(request_id) LIKE lower(?) ESCAPE '\\' OR lower(model) LIKE lower(?) ESCAPE '\\' \
             OR lower(token_name) LIKE lower(?) ESCAPE '\\' OR lower(group_id) LIKE lower(?) ESCAPE '\\' \
             OR lower(content) LIKE lower(?) ESCAPE '\\'",
            query.keyword.as_deref(),
        );
        let count = "SELECT count(*) FROM logs";
        conditions
            .page(
                self.reader(),
                ("a log row", COLUMNS, count),
                page,
                "id",
                log,
            )
            .await
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn log(&self, id: i64) -> Result<Log> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        log(&row.ok_or_else(|| Error::missing("log", id))?)
    }
}

fn log(row: &AnyRow) -> Result<Log> {
    let flag = |column| Ok::<_, Error>(row.optional_int(column)?.map(|number| number != 0));
    let price = row
        .optional_text("price")?
        .map(|text| BookedPrice::from_json(&text))
        .transpose();
    Ok(Log {
        id: row.int("id")?,
        request_id: row.text("request_id")?,
        node: row.text("node")?,
        request_at_ms: row.int("request_at")?,
        created_at_ms: row.int("created_at")?,
        duration_ms: row.int("duration_ms")?,
        ttfb_ms: row.optional_int("ttfb_ms")?,
        token_id: row.int("token_id")?,
        token_name: row.text("token_name")?,
        group: row.text("group_id")?,
        model: row.text("model")?,
        method: row.text("method")?,
        path: row.text("path")?,
        dialect: row.text("dialect")?,
        stream: row.flag("stream")?,
        code: row.int("code")?,
        outcome: row.text("outcome")?,
        content: row.text("content")?,
        ip: row.text("ip")?,
        user: row.text("caller")?,
        channel_id: row.int("channel_id")?,
        attempts: row.json("attempts")?,
        tokens: TokenCounts {
            input: row.int("input_tokens")?,
            output: row.int("output_tokens")?,
            cached: row.int("cached_tokens")?,
            cache_creation: row.int("cache_creation_tokens")?,
            reasoning: row.int("reasoning_tokens")?,
            estimated: row.flag("usage_estimated")?,
            cache_creation_1h: row.int("cache_creation_1h_tokens")?,
            image_input: row.int("image_input_tokens")?,
            audio_input: row.int("audio_input_tokens")?,
            video_input: row.int("video_input_tokens")?,
            image_output: row.int("image_output_tokens")?,
            audio_output: row.int("audio_output_tokens")?,
            web_searches: row.int("web_search_count")?,
            web_fetches: row.int("web_fetch_count")?,
            code_runs: row.int("code_run_count")?,
            file_searches: row.int("file_search_count")?,
        },
        circumstances: Circumstances {
            service_tier: row.text("service_tier")?,
            resolution: row.text("resolution")?,
            native_resolution: row.text("native_resolution")?,
            quality: row.text("quality")?,
            input_media: flag("input_media")?,
            input_video: flag("input_video")?,
            output_audio: flag("output_audio")?,
        },
        upstream_id: row.text("upstream_id")?,
        losses: row.json("losses")?,
        price: price.map_err(|error| unexpected("price", error))?,
        amount: NanoUsd(row.int("amount")?),
    })
}
