//! How much waits for the log database, and the bound of what may: bodies are many times larger than
//! rows, and nobody's money hangs on them.

use crate::store::query::Conditions;
use crate::store::row::Columns;
use crate::store::rows::pieces;
use crate::store::sql::sql;
use crate::store::{Result, Store};

/// Of bodies that wait in the main database. Past that, the oldest go; rows wait however many they are.
pub const WAITING_BYTES_MAX: i64 = 256 << 20;

/// Bodies that are looked at and removed at a time.
const BATCH: i64 = 128;

/// What waits in the main database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    pub rows: i64,
    /// When the oldest of them was booked, in Unix milliseconds.
    pub oldest_at_ms: Option<i64>,
    /// Rows that cannot be read, or that the log database refuses. They are tried again at each start.
    pub set_aside: i64,
    pub bodies: i64,
    pub body_bytes: i64,
    /// Bodies that were removed before they were moved, since ever.
    pub lost_bodies: i64,
}

impl Store {
    /// What waits for the log database; `None` where the log is in the main one and nothing waits.
    ///
    /// # Errors
    /// When the main database is away.
    pub async fn log_backlog(&self) -> Result<Option<Backlog>> {
        let rows = sql(
            "SELECT waits, count(*) AS number, min(created_at) AS oldest FROM log_outbox \
             WHERE waits IN (1, 2) GROUP BY waits",
        )
        .fetch_all(self.reader())
        .await?;
        let mut backlog = Backlog::default();
        for row in &rows {
            if row.int("waits")? == 1 {
                backlog.rows = row.int("number")?;
                backlog.oldest_at_ms = row.optional_int("oldest")?;
            } else {
                backlog.set_aside = row.int("number")?;
            }
        }
        if self.0.logs.is_none() {
            return Ok((backlog != Backlog::default()).then_some(backlog));
        }
        (backlog.bodies, backlog.body_bytes) = self.waiting_weight().await?;
        backlog.lost_bodies = sql("SELECT number FROM counts WHERE name = 'lost_bodies'")
            .fetch_one(self.reader())
            .await?
            .int("number")?;
        Ok(Some(backlog))
    }

    /// Removes the oldest bodies that wait until no more than [`WAITING_BYTES_MAX`] are left.
    pub(in crate::store) async fn bound_waiting_details(&self) -> Result<()> {
        self.bound_waiting_to(WAITING_BYTES_MAX).await
    }

    pub(super) async fn bound_waiting_to(&self, max_bytes: i64) -> Result<()> {
        let (_, bytes) = self.waiting_weight().await?;
        let mut over = bytes - max_bytes;
        while over > 0 {
            let rows = sql(
                "SELECT request_id, waiting_bytes FROM request_details WHERE waiting_bytes > 0 \
                 ORDER BY created_at, request_id LIMIT $1",
            )
            .bind(BATCH)
            .fetch_all(self.reader())
            .await?;
            let mut ids = Vec::new();
            for row in &rows {
                if over > 0 {
                    ids.push(row.text("request_id")?);
                    over -= row.int("waiting_bytes")?;
                }
            }
            if ids.is_empty() {
                break;
            }
            self.lose_bodies(&ids).await?;
        }
        Ok(())
    }

    async fn waiting_weight(&self) -> Result<(i64, i64)> {
        let row = sql(
            "SELECT count(*) AS number, CAST(coalesce(sum(waiting_bytes), 0) AS BIGINT) AS bytes \
             FROM request_details WHERE waiting_bytes > 0",
        )
        .fetch_one(self.reader())
        .await?;
        Ok((row.int("number")?, row.int("bytes")?))
    }

    async fn lose_bodies(&self, ids: &[String]) -> Result<()> {
        let mut transaction = self.writer().begin().await?;
        let mut lost: i64 = 0;
        for piece in pieces(ids) {
            let mut conditions = Conditions::default();
            conditions.names("request_id", piece);
            let gone = conditions.statement("DELETE FROM request_details", "");
            let gone = gone.execute(&mut *transaction).await?.rows_affected();
            lost = lost.saturating_add_unsigned(gone);
        }
        sql("UPDATE counts SET number = number + $1 WHERE name = 'lost_bodies'")
            .bind(lost)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        tracing::error!(
            lost,
            "bodies that waited for the log database are removed: too many wait"
        );
        Ok(())
    }
}
