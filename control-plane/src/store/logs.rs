//! Reading log rows.

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use super::bounded::Bounded;
use super::query::Conditions;
use super::row::{Columns, readable, unexpected};
use super::{Error, Result, Store};
use crate::domain::{BookedPrice, Circumstances, Draw, Listed, Log, Page, TokenCounts};

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
    /// A word in the ids, names, or the error text; see [`Store::logs`].
    pub keyword: Option<String>,
}

impl LogQuery {
    /// All but the keyword. What a filter repeats is for the partial indexes: they hold no rows
    /// without a value.
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", self.group.as_deref());
        conditions.int("token_id = ?", self.token_id);
        conditions.text("token_name = ?", self.token_name.as_deref());
        conditions.text("model = ?", self.model.as_deref());
        conditions.int("channel_id = ?", self.channel);
        conditions.text("request_id = ?", self.request_id.as_deref());
        let upstream = "upstream_id = ? AND upstream_id <> ''";
        conditions.text(upstream, self.upstream_id.as_deref());
        conditions.int("code = ?", self.code);
        conditions.text("ip = ? AND ip <> ''", self.ip.as_deref());
        conditions.text("caller = ? AND caller <> ''", self.user.as_deref());
        conditions.int("created_at >= ?", self.start_ms);
        conditions.int("created_at <= ?", self.end_ms);
        match self.code_type {
            CodeType::Success => conditions.fixed("code = 200"),
            CodeType::Error => conditions.fixed("code <> 200"),
            CodeType::All if self.code.is_some_and(|code| code != 200) => {
                conditions.fixed("code <> 200");
            }
            CodeType::All => {}
        }
        conditions
    }
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

/// In the order of their booking, which every index ends with; `id` parts those of one batch.
const LIST: Bounded = Bounded {
    what: "a log row",
    table: "logs",
    id: "logs.id",
    select: COLUMNS,
    order: &["created_at", "id"],
};

impl Store {
    /// A page of log rows in the order of their booking, and how many there are, counted up to
    /// 10,001. Of a page's order only the direction counts.
    ///
    /// A keyword that is the id of a request, or an upstream's, finds that; any other is looked for
    /// in the newest 10,000 rows that the other filters leave.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn logs(&self, query: &LogQuery, page: Page) -> Result<Listed<Log>> {
        let Some(keyword) = query.keyword.as_deref().filter(|word| !word.is_empty()) else {
            return self.log_page(&query.conditions(), page).await;
        };
        for exact in ["request_id = ?", "upstream_id = ? AND upstream_id <> ''"] {
            let mut conditions = query.conditions();
            conditions.text(exact, Some(keyword));
            let found = self.log_page(&conditions, page).await?;
            if found.total > 0 {
                return Ok(found);
            }
        }
        let mut conditions = query.conditions();
        LIST.within_newest(&mut conditions);
        conditions.keyword(
            "lower(request_id) LIKE lower(?) ESCAPE '\\' OR lower(model) LIKE lower(?) ESCAPE '\\' \
             OR lower(token_name) LIKE lower(?) ESCAPE '\\' OR lower(group_id) LIKE lower(?) ESCAPE '\\' \
             OR lower(content) LIKE lower(?) ESCAPE '\\'",
            Some(keyword),
        );
        self.log_page(&conditions, page).await
    }

    /// Rows after one in a direction, at most `limit`: what a stream of all of them is read by.
    /// `after` is the booking time and the id of the last one that was read. Keywords are not
    /// looked for.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn logs_after(
        &self,
        query: &LogQuery,
        descending: bool,
        after: Option<(i64, i64)>,
        limit: i64,
    ) -> Result<Vec<Log>> {
        let mut conditions = query.conditions();
        if let Some((created_at_ms, id)) = after {
            let beyond = if descending {
                "created_at <= ?1 AND (created_at < ?1 OR id < ?2)"
            } else {
                "created_at >= ?1 AND (created_at > ?1 OR id > ?2)"
            };
            conditions.pair(beyond, created_at_ms, id);
        }
        let order = LIST.order(descending);
        let tail = format!("{order} LIMIT {}", conditions.place(limit));
        let rows = conditions
            .statement(COLUMNS, &tail)
            .fetch_all(self.log_reader()?)
            .await?;
        Ok(readable(&rows, "a log row", "id", log))
    }

    async fn log_page(&self, conditions: &Conditions, page: Page) -> Result<Listed<Log>> {
        LIST.page(self.log_reader()?, conditions, page, log).await
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn log(&self, id: i64) -> Result<Log> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.log_reader()?)
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
        draw: Draw::default(),
    })
}

#[cfg(test)]
mod tests;
