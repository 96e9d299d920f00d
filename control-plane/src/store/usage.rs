//! What a group used, by day and model, summed up from its log.

use tollgate_policy::price::NanoUsd;

use super::query::Conditions;
use super::row::Columns;
use super::{Result, Store};

/// Whose usage is wanted, and when it was booked.
#[derive(Debug, Clone)]
pub struct UsageQuery {
    pub group: String,
    pub token_id: Option<i64>,
    pub model: Option<String>,
    /// At or after, in Unix milliseconds.
    pub start_ms: i64,
    /// Before.
    pub end_ms: i64,
}

/// One model on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Its beginning in UTC, in Unix milliseconds.
    pub day_ms: i64,
    pub model: String,
    pub requests: i64,
    /// Of these, how many were not answered with 200.
    pub errors: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cached_tokens: i64,
    pub amount: NanoUsd,
}

impl Store {
    /// Newest day first, models by name.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>> {
        // A sum of integers is a decimal number in PostgreSQL and MySQL.
        let select = "SELECT created_at - created_at % 86400000 AS day_ms, model, count(*) AS requests, \
            CAST(sum(CASE WHEN code = 200 THEN 0 ELSE 1 END) AS BIGINT) AS errors, \
            CAST(sum(input_tokens) AS BIGINT) AS input_tokens, \
            CAST(sum(output_tokens) AS BIGINT) AS output_tokens, \
            CAST(sum(cached_tokens) AS BIGINT) AS cached_tokens, \
            CAST(sum(amount) AS BIGINT) AS amount FROM logs";
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", Some(&query.group));
        conditions.int("token_id = ?", query.token_id);
        conditions.text("model = ?", query.model.as_deref());
        conditions.int("created_at >= ?", Some(query.start_ms));
        conditions.int("created_at < ?", Some(query.end_ms));
        let tail =
            " GROUP BY created_at - created_at % 86400000, model ORDER BY day_ms DESC, model";
        let rows = conditions
            .statement(select, tail)
            .fetch_all(self.log_reader())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(UsageRow {
                    day_ms: row.int("day_ms")?,
                    model: row.text("model")?,
                    requests: row.int("requests")?,
                    errors: row.int("errors")?,
                    input_tokens: row.int("input_tokens")?,
                    output_tokens: row.int("output_tokens")?,
                    cached_tokens: row.int("cached_tokens")?,
                    amount: NanoUsd(row.int("amount")?),
                })
            })
            .collect()
    }
}
