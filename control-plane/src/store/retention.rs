//! What is no longer wanted goes, a little at a time: each call is one short transaction, and
//! nothing here has to do with money.

use sqlx::AssertSqlSafe;

use super::row::Columns;
use super::{Result, Store};
use crate::domain::Span;

impl Store {
    /// Deletes the oldest of the log rows that were booked before a time, at most `limit`. Answers
    /// how many.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_logs(&self, before_ms: i64, limit: i64) -> Result<u64> {
        let sql = "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE created_at < $1 \
                   ORDER BY created_at LIMIT $2)";
        self.delete_some(sql, before_ms, limit).await
    }

    /// The same for bodies that were kept.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_details(&self, before_ms: i64, limit: i64) -> Result<u64> {
        let sql = "DELETE FROM request_details WHERE request_id IN (SELECT request_id \
                   FROM request_details WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
        self.delete_some(sql, before_ms, limit).await
    }

    /// Deletes the oldest minute of the summaries of minutes, if it began before a time. Answers how
    /// many rows that were.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_oldest_minute(&self, before_ms: i64) -> Result<u64> {
        let span = Span::Minute.millis();
        let mut deleted = 0;
        for table in ["channel_summaries", "group_summaries"] {
            let sql = AssertSqlSafe(format!(
                "DELETE FROM {table} WHERE span = $1 AND start_at = (SELECT start_at FROM {table} \
                 WHERE span = $1 AND start_at < $2 ORDER BY start_at LIMIT 1)"
            ));
            let done = sqlx::query(sql)
                .bind(span)
                .bind(before_ms)
                .execute(self.writer())
                .await?;
            deleted += done.rows_affected();
        }
        Ok(deleted)
    }

    /// When the oldest log row was booked, in Unix milliseconds.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn oldest_log(&self) -> Result<Option<i64>> {
        sqlx::query("SELECT created_at FROM logs ORDER BY created_at, id LIMIT 1")
            .fetch_optional(self.reader())
            .await?
            .map(|row| row.int("created_at"))
            .transpose()
    }

    async fn delete_some(&self, sql: &'static str, before_ms: i64, limit: i64) -> Result<u64> {
        let done = sqlx::query(sql)
            .bind(before_ms)
            .bind(limit)
            .execute(self.writer())
            .await?;
        Ok(done.rows_affected())
    }
}
