//! Bodies that were kept, by the id of their request.

use sqlx::AnyPool;
use sqlx::any::AnyRow;

use super::log_outbox::with_waiting;
use super::query::Conditions;
use super::row::Columns;
use super::sql::sql;
use super::{Result, Store};
use crate::domain::Detail;

const COLUMNS: &str = "SELECT request_id, group_id, created_at, request_body, response_body, \
    request_body_truncated, response_body_truncated FROM request_details";

impl Store {
    /// Keeps bodies; one that is there already stays as it is. All or none. With a log database of its
    /// own they wait here until they are moved there, but not more of them than
    /// [`WAITING_BYTES_MAX`](super::WAITING_BYTES_MAX).
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep_details(&self, details: &[Detail]) -> Result<()> {
        let waits = self.0.logs.is_some();
        self.write_details(self.writer(), details, waits).await?;
        if waits {
            self.bound_waiting_details().await?;
        }
        Ok(())
    }

    pub(super) async fn write_details(
        &self,
        to: &AnyPool,
        details: &[Detail],
        waits: bool,
    ) -> Result<()> {
        if details.is_empty() {
            return Ok(());
        }
        let mut transaction = to.begin().await?;
        for detail in details {
            let weight = match waits {
                true => weight(detail),
                false => 0,
            };
            sql(
                "INSERT INTO request_details (request_id, group_id, created_at, request_body, \
                 response_body, request_body_truncated, response_body_truncated, waiting_bytes) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (request_id) DO NOTHING",
            )
            .bind(detail.request_id.clone())
            .bind(detail.group.clone())
            .bind(detail.created_at_ms)
            .bind(detail.request_body.clone())
            .bind(detail.response_body.clone())
            .bind(i64::from(detail.request_body_truncated))
            .bind(i64::from(detail.response_body_truncated))
            .bind(weight)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The bodies of these requests, as far as they were kept.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn details_of(&self, request_ids: &[String]) -> Result<Vec<Detail>> {
        let there = details_in(self.log_reader()?, request_ids).await?;
        match self.0.logs {
            None => Ok(there),
            Some(_) => {
                let waiting = details_in(self.reader(), request_ids).await?;
                Ok(with_waiting(there, waiting))
            }
        }
    }

    /// The oldest of those in the main database.
    pub(super) async fn waiting_details(&self, limit: i64) -> Result<Vec<Detail>> {
        let rows = sql(format!("{COLUMNS} ORDER BY created_at LIMIT $1"))
            .bind(limit)
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(detail).collect()
    }
}

/// Of a row, with what it takes beside its bodies.
fn weight(detail: &Detail) -> i64 {
    const BESIDE: usize = 256;
    let bytes = detail.request_body.len() + detail.response_body.len() + BESIDE;
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

async fn details_in(database: &AnyPool, request_ids: &[String]) -> Result<Vec<Detail>> {
    let mut conditions = Conditions::default();
    conditions.names("request_id", request_ids);
    let rows = conditions
        .statement(COLUMNS, "")
        .fetch_all(database)
        .await?;
    rows.iter().map(detail).collect()
}

fn detail(row: &AnyRow) -> Result<Detail> {
    Ok(Detail {
        request_id: row.text("request_id")?,
        group: row.text("group_id")?,
        created_at_ms: row.int("created_at")?,
        request_body: row.text("request_body")?,
        response_body: row.text("response_body")?,
        request_body_truncated: row.flag("request_body_truncated")?,
        response_body_truncated: row.flag("response_body_truncated")?,
    })
}
