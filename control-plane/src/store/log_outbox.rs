//! Log rows on their way to a database of their own (`LOG_SQL_DSN`).
//!
//! A booking writes them into an outbox, in its one transaction in the main database, and is done: the
//! log database may be away. From there they are moved, at least once, and taken once: rows and what they
//! add to the summaries are one transaction in the log database, and a row that is there adds nothing.
//! What is left in the outbox is a mark by which a call that gateways send again is recognised.
//!
//! Bodies that are kept wait in the main database's own table of them.

mod backlog;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Any, AnyPool, Transaction};

use super::error::OnConflict;
use super::migrate::{self, Kind};
use super::query::Conditions;
use super::row::{Columns, unexpected};
use super::rows::{pieces, places};
use super::sql::sql;
use super::{Error, Result, Store, booking};
use crate::domain::{Detail, Log};
use crate::secrets::random;

pub use backlog::{Backlog, WAITING_BYTES_MAX};

/// The log database, where it is not the main one.
pub(super) struct LogDatabase {
    kind: Kind,
    /// See [`database_id`]: of the main database.
    main_id: Vec<u8>,
    pub(super) reader: AnyPool,
    pub(super) writer: AnyPool,
    /// Its tables are up to date.
    ready: AtomicBool,
}

/// Rows that are moved in one transaction.
const BATCH: i64 = 512;

/// Bodies, which are larger.
const DETAILS: i64 = 16;

/// Of several control planes one moves, each time so many milliseconds are over.
const EVERY_MS: i64 = 800;

/// Marks of what is in the log database are kept for so long after the booking. What a gateway that was
/// cut off for longer sends again is recognised there ([`Store::moved_long_ago`]).
const MARKS_KEPT_MS: i64 = 3 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl LogDatabase {
    pub(super) fn new(kind: Kind, (reader, writer): (AnyPool, AnyPool), main_id: Vec<u8>) -> Self {
        Self {
            kind,
            main_id,
            reader,
            writer,
            ready: AtomicBool::new(false),
        }
    }

    /// # Errors
    /// Until its tables are up to date.
    pub(super) fn prepared(&self) -> Result<()> {
        match self.ready.load(Ordering::Acquire) {
            true => Ok(()),
            false => Err(Error::LogsUnavailable),
        }
    }

    /// Brings its tables up to date, once.
    pub(super) async fn prepare(&self) -> Result<()> {
        if !self.ready.load(Ordering::Acquire) {
            migrate::run(&self.writer, self.kind, self.kind.migrations()).await?;
            if database_id(&self.writer).await? == self.main_id {
                // What is moved there would be deleted here, and so there.
                return Err(Error::Address(
                    "LOG_SQL_DSN is the database of SQL_DSN; leave it out, or name another".into(),
                ));
            }
            self.ready.store(true, Ordering::Release);
        }
        Ok(())
    }
}

/// What tells a database from all others, however its address is written. Made up when it is asked for
/// first.
pub(super) async fn database_id(pool: &AnyPool) -> Result<Vec<u8>> {
    sql("INSERT INTO meta (name, value) VALUES ('database_id', $1) ON CONFLICT DO NOTHING")
        .bind(random::<16>().to_vec())
        .execute(pool)
        .await?;
    let row = sql("SELECT value FROM meta WHERE name = 'database_id'")
        .fetch_one(pool)
        .await?;
    row.bytes("value")
}

impl Store {
    /// Moves what waits for the log database, if that is ours to do now. Answers how many rows and
    /// bodies that were; nothing if it did not look.
    ///
    /// # Errors
    /// When either database is away; what was moved and not marked is moved again, and taken once.
    pub async fn move_logs(&self) -> Result<Option<usize>> {
        if let Some(logs) = &self.0.logs {
            // Also where nothing waits: people want to read there.
            logs.prepare().await?;
        }
        if !self.logs_wait().await? || !self.take_duty("log_outbox", EVERY_MS).await? {
            return Ok(None);
        }
        self.move_all_logs().await.map(Some)
    }

    /// The same, whoever else does it.
    pub(crate) async fn move_all_logs(&self) -> Result<usize> {
        if let Some(logs) = &self.0.logs {
            logs.prepare().await?;
        }
        let mut moved = 0;
        loop {
            let now = self.move_rows().await? + self.move_details().await?;
            if now == 0 {
                return Ok(moved);
            }
            moved += now;
        }
    }

    async fn logs_wait(&self) -> Result<bool> {
        let row = sql("SELECT request_id FROM log_outbox WHERE waits = 1 LIMIT 1")
            .fetch_optional(self.reader())
            .await?;
        if row.is_some() || self.0.logs.is_none() {
            return Ok(row.is_some());
        }
        let row = sql("SELECT request_id FROM request_details LIMIT 1")
            .fetch_optional(self.reader())
            .await?;
        Ok(row.is_some())
    }

    async fn move_rows(&self) -> Result<usize> {
        let rows = sql("SELECT request_id, log FROM log_outbox WHERE waits = 1 \
             ORDER BY created_at, request_id LIMIT $1")
        .bind(BATCH)
        .fetch_all(self.reader())
        .await?;
        let (mut unreadable, mut logs) = (Vec::new(), BTreeMap::new());
        for row in &rows {
            let id = row.text("request_id")?;
            match row.json::<Log>("log") {
                Ok(log) => drop(logs.insert(id, log)),
                Err(error) => {
                    tracing::error!(id, %error, "a waiting log row cannot be read; it is set aside");
                    unreadable.push(id);
                }
            }
        }
        // Aside: it would hold up all others for ever. A later version may be able to read it.
        self.mark(&unreadable, "UPDATE log_outbox SET waits = 2")
            .await?;
        match self.take(&logs).await {
            // Another control plane moves the same rows: the next look finds what is left.
            Err(error) if error.is_contention() => return Ok(0),
            Err(Error::Statement(_)) if logs.len() > 1 => {
                for id in self.take_each(&logs).await? {
                    logs.remove(&id);
                }
            }
            done => done?,
        }
        let moved: Vec<String> = logs.into_keys().collect();
        self.mark(&moved, "UPDATE log_outbox SET waits = 0, log = ''")
            .await?;
        Ok(rows.len())
    }

    async fn mark(&self, ids: &[String], update: &'static str) -> Result<()> {
        for piece in pieces(ids) {
            let mut conditions = Conditions::default();
            conditions.names("request_id", piece);
            conditions
                .statement(update, "")
                .execute(self.writer())
                .await?;
        }
        Ok(())
    }

    async fn take(&self, logs: &BTreeMap<String, Log>) -> Result<()> {
        let mut transaction = self.log_writer().begin().await?;
        booking::take(&mut transaction, logs).await?;
        Ok(transaction.commit().await?)
    }

    /// One after the other, because one of them is refused. That one is set aside and is in the answer;
    /// if all are, it is the database that is not in order, and they wait.
    async fn take_each(&self, logs: &BTreeMap<String, Log>) -> Result<Vec<String>> {
        let (mut refused, mut reason) = (Vec::new(), None);
        for (id, log) in logs {
            match self
                .take(&BTreeMap::from([(id.clone(), log.clone())]))
                .await
            {
                Err(error @ Error::Statement(_)) => {
                    refused.push(id.clone());
                    reason = Some(error);
                }
                done => done?,
            }
        }
        if let Some(error) = reason {
            if refused.len() == logs.len() {
                return Err(error);
            }
            tracing::error!(?refused, %error, "the log database refuses rows; they are set aside");
            self.mark(&refused, "UPDATE log_outbox SET waits = 2")
                .await?;
        }
        Ok(refused)
    }

    /// Lets rows that were set aside wait again: this program, or the log database, may be another one
    /// by now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn try_set_aside(&self) -> Result<()> {
        sql("UPDATE log_outbox SET waits = 1 WHERE waits = 2")
            .execute(self.writer())
            .await?;
        Ok(())
    }

    async fn move_details(&self) -> Result<usize> {
        if self.0.logs.is_none() {
            return Ok(0);
        }
        let details = self.waiting_details(DETAILS).await?;
        self.write_details(self.log_writer(), &details, false)
            .await?;
        let ids: Vec<String> = details.iter().map(|it| it.request_id.clone()).collect();
        for piece in pieces(&ids) {
            let mut conditions = Conditions::default();
            conditions.names("request_id", piece);
            let done = conditions.statement("DELETE FROM request_details", "");
            done.execute(self.writer()).await?;
        }
        Ok(ids.len())
    }

    /// Of calls that began so long ago that their mark may be gone: which are in the log database.
    ///
    /// # Errors
    /// When that is away: they may not be booked then.
    pub(super) async fn moved_long_ago(
        &self,
        logs: &BTreeMap<String, Log>,
        now_ms: i64,
    ) -> Result<BTreeSet<String>> {
        // No call is booked before it began, give or take what the clocks differ.
        let recent = now_ms.saturating_sub(MARKS_KEPT_MS - DAY_MS);
        let old = logs.values().filter(|log| log.request_at_ms < recent);
        let old: Vec<String> = old.map(|log| log.request_id.clone()).collect();
        match old.is_empty() {
            true => Ok(BTreeSet::new()),
            false => booking::known(self.log_reader()?, &old).await,
        }
    }

    /// Forgets old marks, at most `limit`. Answers how many.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_booking_marks(&self, now_ms: i64, limit: i64) -> Result<u64> {
        let rows = sql(
            "SELECT request_id FROM log_outbox WHERE waits = 0 AND created_at < $1 \
             ORDER BY created_at LIMIT $2",
        )
        .bind(now_ms.saturating_sub(MARKS_KEPT_MS))
        .bind(limit)
        .fetch_all(self.reader())
        .await?;
        let ids: Vec<String> = rows
            .iter()
            .map(|row| row.text("request_id"))
            .collect::<Result<_>>()?;
        let mut deleted = 0;
        for piece in pieces(&ids) {
            let mut conditions = Conditions::default();
            conditions.names("request_id", piece);
            let done = conditions.statement("DELETE FROM log_outbox", "");
            deleted += done.execute(self.writer()).await?.rows_affected();
        }
        Ok(deleted)
    }
}

/// Which of these calls have a mark.
pub(super) async fn known(
    transaction: &mut Transaction<'_, Any>,
    ids: &[String],
) -> Result<Vec<String>> {
    let mut known = Vec::new();
    for piece in pieces(ids) {
        let mut conditions = Conditions::default();
        conditions.names("request_id", piece);
        let rows = conditions
            .statement("SELECT request_id FROM log_outbox", "")
            .fetch_all(&mut **transaction)
            .await?;
        for row in rows {
            known.push(row.text("request_id")?);
        }
    }
    Ok(known)
}

/// Lets rows wait.
///
/// # Errors
/// `Conflict` when one of them is there; the transaction is of no use then.
pub(super) async fn insert(transaction: &mut Transaction<'_, Any>, logs: &[&Log]) -> Result<()> {
    for piece in pieces(logs) {
        let mut query = sql(format!(
            "INSERT INTO log_outbox (request_id, created_at, waits, log) VALUES {}",
            places(piece.len(), 4)
        ));
        for log in piece {
            let text = serde_json::to_string(log).map_err(|error| unexpected("log", error))?;
            query = query
                .bind(log.request_id.clone())
                .bind(log.created_at_ms)
                .bind(1_i64)
                .bind(text);
        }
        query
            .execute(&mut **transaction)
            .await
            .on_conflict(|| "a call was booked meanwhile".to_owned())?;
    }
    Ok(())
}

/// Which of these rows are not marked as moved.
pub(super) async fn waiting(pool: &AnyPool, ids: &[String]) -> Result<BTreeSet<String>> {
    let mut waiting = BTreeSet::new();
    for piece in pieces(ids) {
        let mut conditions = Conditions::default();
        conditions.names("request_id", piece);
        conditions.fixed("waits <> 0");
        let rows = conditions
            .statement("SELECT request_id FROM log_outbox", "")
            .fetch_all(pool)
            .await?;
        for row in rows {
            waiting.insert(row.text("request_id")?);
        }
    }
    Ok(waiting)
}

/// What is yet to be moved, in the place of what is not there yet.
pub(super) fn with_waiting(mut there: Vec<Detail>, waiting: Vec<Detail>) -> Vec<Detail> {
    for detail in waiting {
        if !there.iter().any(|it| it.request_id == detail.request_id) {
            there.push(detail);
        }
    }
    there
}

#[cfg(test)]
mod tests;
