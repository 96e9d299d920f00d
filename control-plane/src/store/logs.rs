//! Log rows, and the counters that grow with them.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use tollgate_policy::price::NanoUsd;

use super::query::Conditions;
use super::row::{Columns, to_json, unexpected};
use super::{Error, Result, Store};
use crate::domain::{Listed, Log, Page, TokenCounts, price_from_json, price_to_json};

/// A log row before it has an id; that field is not looked at.
pub type NewLog = Log;

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
    cache_creation_tokens, reasoning_tokens, usage_estimated, upstream_id, losses, price, amount \
    FROM logs";

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

    /// Writes log rows and what they add to tokens, groups and channels, in one transaction.
    ///
    /// A row whose request id is there already is left out, with all that it would add. Answers
    /// how many were written.
    ///
    /// # Errors
    /// When the database is away; nothing is written then.
    pub(crate) async fn insert_logs(&self, logs: &[NewLog]) -> Result<usize> {
        let mut transaction = self.writer().begin().await?;
        let mut written = 0;
        let mut growth = Growth::default();
        for log in logs {
            if insert(&mut transaction, log).await? {
                written += 1;
                growth.add(log);
            }
        }
        growth.apply(&mut transaction).await?;
        transaction.commit().await?;
        Ok(written)
    }
}

async fn insert(transaction: &mut Transaction<'_, Any>, log: &NewLog) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO logs (request_id, node, request_at, created_at, duration_ms, ttfb_ms, \
         token_id, token_name, group_id, model, method, path, dialect, stream, code, outcome, \
         content, ip, caller, channel_id, attempts, input_tokens, output_tokens, cached_tokens, \
         cache_creation_tokens, reasoning_tokens, usage_estimated, upstream_id, losses, price, \
         amount) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
         $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31) \
         ON CONFLICT (request_id) DO NOTHING",
    )
    .bind(log.request_id.clone())
    .bind(log.node.clone())
    .bind(log.request_at_ms)
    .bind(log.created_at_ms)
    .bind(log.duration_ms)
    .bind(log.ttfb_ms)
    .bind(log.token_id)
    .bind(log.token_name.clone())
    .bind(log.group.clone())
    .bind(log.model.clone())
    .bind(log.method.clone())
    .bind(log.path.clone())
    .bind(log.dialect.clone())
    .bind(i64::from(log.stream))
    .bind(log.code)
    .bind(log.outcome.clone())
    .bind(log.content.clone())
    .bind(log.ip.clone())
    .bind(log.user.clone())
    .bind(log.channel_id)
    .bind(to_json(&log.attempts))
    .bind(log.tokens.input)
    .bind(log.tokens.output)
    .bind(log.tokens.cached)
    .bind(log.tokens.cache_creation)
    .bind(log.tokens.reasoning)
    .bind(i64::from(log.tokens.estimated))
    .bind(log.upstream_id.clone())
    .bind(to_json(&log.losses))
    .bind(log.price.as_ref().map(price_to_json))
    .bind(log.amount.0)
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// `column = column + by` that stops at the largest number. Past it SQLite goes on in floating point
/// and PostgreSQL fails, and with it the whole batch, again and again. `by` is not negative.
macro_rules! saturating {
    ($column:literal, $by:literal) => {
        concat!(
            $column,
            " = CASE WHEN ",
            $column,
            " > 9223372036854775807 - ",
            $by,
            " THEN 9223372036854775807 ELSE ",
            $column,
            " + ",
            $by,
            " END"
        )
    };
}

/// What a batch adds, so that each row is updated once. Ordered, so that two batches that share
/// rows take their locks in the same order.
#[derive(Default)]
struct Growth {
    channels: BTreeMap<i64, Counts>,
    groups: BTreeMap<String, Counts>,
    tokens: BTreeMap<i64, Counts>,
}

#[derive(Default)]
struct Counts {
    amount: i64,
    requests: i64,
    retries: i64,
    last_ms: i64,
}

impl Growth {
    fn add(&mut self, log: &NewLog) {
        for (at, attempt) in log.attempts.iter().enumerate() {
            let channel = self.channels.entry(attempt.channel_id).or_default();
            channel.requests += 1;
            channel.retries += i64::from(at > 0);
        }
        // What was used is the last channel's: the one that served.
        if let Some(last) = log.attempts.last() {
            self.channels
                .entry(last.channel_id)
                .or_default()
                .spend(log.amount);
        }
        if log.token_id != 0 {
            let token = self.tokens.entry(log.token_id).or_default();
            token.requests += 1;
            token.spend(log.amount);
            token.last_ms = token.last_ms.max(log.request_at_ms);
            let group = self.groups.entry(log.group.clone()).or_default();
            group.requests += 1;
            group.spend(log.amount);
        }
    }

    /// Rows that are gone meanwhile are not there to be updated, which is fine.
    async fn apply(&self, transaction: &mut Transaction<'_, Any>) -> Result<()> {
        for (id, counts) in &self.tokens {
            sqlx::query(concat!(
                "UPDATE tokens SET ",
                saturating!("used_amount", "$2"),
                ", ",
                saturating!("request_count", "$3"),
                ", accessed_at = CASE WHEN accessed_at > $4 THEN accessed_at ELSE $4 END \
                     WHERE id = $1"
            ))
            .bind(*id)
            .bind(counts.amount)
            .bind(counts.requests)
            .bind(counts.last_ms)
            .execute(&mut **transaction)
            .await?;
        }
        for (id, counts) in &self.groups {
            sqlx::query(concat!(
                "UPDATE groups SET ",
                saturating!("used_amount", "$2"),
                ", ",
                saturating!("request_count", "$3"),
                " WHERE id = $1"
            ))
            .bind(id.clone())
            .bind(counts.amount)
            .bind(counts.requests)
            .execute(&mut **transaction)
            .await?;
        }
        for (id, counts) in &self.channels {
            sqlx::query(concat!(
                "UPDATE channels SET ",
                saturating!("used_amount", "$2"),
                ", ",
                saturating!("request_count", "$3"),
                ", ",
                saturating!("retry_count", "$4"),
                " WHERE id = $1"
            ))
            .bind(*id)
            .bind(counts.amount)
            .bind(counts.requests)
            .bind(counts.retries)
            .execute(&mut **transaction)
            .await?;
        }
        Ok(())
    }
}

impl Counts {
    fn spend(&mut self, amount: NanoUsd) {
        self.amount = self.amount.saturating_add(amount.0.max(0));
    }
}

fn log(row: &AnyRow) -> Result<Log> {
    let price = row
        .optional_text("price")?
        .map(|text| price_from_json(&text))
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
        },
        upstream_id: row.text("upstream_id")?,
        losses: row.json("losses")?,
        price: price.map_err(|error| unexpected("price", error))?,
        amount: NanoUsd(row.int("amount")?),
    })
}
