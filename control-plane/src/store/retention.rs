//! What is no longer wanted goes, a little at a time: nothing here has to do with money, and
//! what is left after a crash goes the next time.

use super::query::Conditions;
use super::row::Columns;
use super::rows::pieces;
use super::sql::sql;
use super::{Result, Store, log_outbox};
use crate::domain::Span;

impl Store {
    /// Deletes the oldest of the log rows that were booked before a time, at most `limit`, with the
    /// bodies of their requests. Answers how many rows.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_logs(&self, before_ms: i64, limit: i64) -> Result<u64> {
        let text =
            "SELECT id, request_id FROM logs WHERE created_at < $1 ORDER BY created_at LIMIT $2";
        let rows = sql(text).bind(before_ms).bind(limit);
        let rows = rows.fetch_all(self.log_reader()?).await?;
        let mut old = Vec::new();
        for row in &rows {
            old.push((row.int("id")?, row.text("request_id")?));
        }
        if self.0.logs.is_some() {
            // One that was moved and is not marked yet is moved again, and recognised there.
            let names: Vec<String> = old.iter().map(|(_, name)| name.clone()).collect();
            let waiting = log_outbox::waiting(self.reader(), &names).await?;
            old.retain(|(_, name)| !waiting.contains(name));
        }
        let (ids, names): (Vec<i64>, Vec<String>) = old.into_iter().unzip();
        // Before the rows: what is interrupted here is found again.
        self.delete_details_of(&names).await?;
        let mut deleted = 0;
        for piece in pieces(&ids) {
            let mut conditions = Conditions::default();
            conditions.ids("id", piece);
            let done = conditions.statement("DELETE FROM logs", "");
            deleted += done.execute(self.log_writer()).await?.rows_affected();
        }
        Ok(deleted)
    }

    /// The same for bodies that were kept, whether or not they have a row.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_details(&self, before_ms: i64, limit: i64) -> Result<u64> {
        let text = "SELECT request_id FROM request_details WHERE created_at < $1 \
                    ORDER BY created_at LIMIT $2";
        let rows = sql(text).bind(before_ms).bind(limit);
        let rows = rows.fetch_all(self.log_reader()?).await?;
        let ids: Vec<String> = rows
            .iter()
            .map(|row| row.text("request_id"))
            .collect::<Result<_>>()?;
        self.delete_details_of(&ids).await
    }

    async fn delete_details_of(&self, request_ids: &[String]) -> Result<u64> {
        let mut deleted = 0;
        for piece in pieces(request_ids) {
            let mut conditions = Conditions::default();
            conditions.names("request_id", piece);
            let done = conditions.statement("DELETE FROM request_details", "");
            deleted += done.execute(self.log_writer()).await?.rows_affected();
        }
        Ok(deleted)
    }

    /// Deletes the oldest of the rows that say who changed what before a time, at most `limit`.
    /// Answers how many.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_audits(&self, before_ms: i64, limit: i64) -> Result<u64> {
        let text = "SELECT id FROM audit_logs WHERE created_at < $1 ORDER BY created_at LIMIT $2";
        let rows = sql(text).bind(before_ms).bind(limit);
        let rows = rows.fetch_all(self.reader()).await?;
        let ids: Vec<i64> = rows
            .iter()
            .map(|row| row.int("id"))
            .collect::<Result<_>>()?;
        let mut deleted = 0;
        for piece in pieces(&ids) {
            let mut conditions = Conditions::default();
            conditions.ids("id", piece);
            let done = conditions.statement("DELETE FROM audit_logs", "");
            deleted += done.execute(self.writer()).await?.rows_affected();
        }
        Ok(deleted)
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
            let oldest = sql(format!(
                "SELECT start_at FROM {table} WHERE span = $1 AND start_at < $2 \
                 ORDER BY start_at LIMIT 1"
            ))
            .bind(span)
            .bind(before_ms)
            .fetch_optional(self.log_reader()?)
            .await?;
            let Some(oldest) = oldest else { continue };
            let done = sql(format!(
                "DELETE FROM {table} WHERE span = $1 AND start_at = $2"
            ))
            .bind(span)
            .bind(oldest.int("start_at")?)
            .execute(self.log_writer())
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
        sql("SELECT created_at FROM logs ORDER BY created_at, id LIMIT 1")
            .fetch_optional(self.log_reader()?)
            .await?
            .map(|row| row.int("created_at"))
            .transpose()
    }
}
