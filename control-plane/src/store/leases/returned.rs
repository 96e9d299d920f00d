//! Leases that come back, and those whose holders are gone.
//!
//! Whoever changes several rows of the table does so one after the other, in the order of their ids, as
//! grants and bookings do: so they wait for each other in one direction only.

use tollgate_config::leases::Lease;

use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::{Result, Store};

/// Rows that are locked at the same time.
const PIECE: usize = 128;

impl Store {
    /// Takes note of what a holder gave back. Of a lease that rested since `idle_before_ms` it also
    /// believes what has arrived there, and forgets it when nothing is outstanding.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn leases_returned(
        &self,
        holder: &str,
        leases: &[Lease],
        idle_before_ms: i64,
    ) -> Result<()> {
        let mut transaction = self.writer().begin().await?;
        let mut leases: Vec<&Lease> = leases.iter().collect();
        leases.sort_by_key(|lease| lease.id);
        for lease in leases {
            // A grant that was lost on its way is not on its way any more after so long.
            sql("UPDATE leases SET \
                 returned = CASE WHEN returned < $3 THEN $3 ELSE returned END, wanted = 0, \
                 granted = CASE WHEN changed_at < $5 AND granted > $4 THEN $4 ELSE granted END \
                 WHERE id = $1 AND holder = $2")
            .bind(lease.id)
            .bind(holder.to_owned())
            .bind(lease.returned.max(0))
            .bind(lease.granted.max(0))
            .bind(idle_before_ms)
            .execute(&mut *transaction)
            .await?;
            sql(
                "DELETE FROM leases WHERE id = $1 AND holder = $2 AND changed_at < $3 \
                 AND granted - returned - drawn <= 0",
            )
            .bind(lease.id)
            .bind(holder.to_owned())
            .bind(idle_before_ms)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// These holders are there now. Written down is that where they were seen last before `due_before_ms`:
    /// a lease in use is seen with every grant as well.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn renew_leases(
        &self,
        holders: &[String],
        now_ms: i64,
        due_before_ms: i64,
    ) -> Result<()> {
        let mut ids = Vec::new();
        for holder in holders {
            let rows = sql("SELECT id FROM leases WHERE holder = $1 AND seen_at < $2")
                .bind(holder.clone())
                .bind(due_before_ms)
                .fetch_all(self.reader())
                .await?;
            for row in &rows {
                ids.push(row.int("id")?);
            }
        }
        let renew = "UPDATE leases SET seen_at = $2 WHERE id = $1";
        self.each_lease(renew, ids, now_ms).await?;
        Ok(())
    }

    /// What belongs to nobody who was there since then is free again; how many leases that were.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn free_leases(&self, gone_before_ms: i64) -> Result<u64> {
        let gone = sql("SELECT id FROM leases WHERE seen_at < $1")
            .bind(gone_before_ms)
            .fetch_all(self.reader())
            .await?;
        let gone: Vec<i64> = gone
            .iter()
            .map(|row| row.int("id"))
            .collect::<Result<_>>()?;
        // Unless it is back.
        let free = "DELETE FROM leases WHERE id = $1 AND seen_at < $2";
        self.each_lease(free, gone, gone_before_ms).await
    }

    /// Forgets what tokens spent on days before that one, which are in no window any more.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn forget_days(&self, oldest_day: i64) -> Result<()> {
        sql("DELETE FROM token_days WHERE day < $1")
            .bind(oldest_day)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Does something with each of these rows; how many there were.
    async fn each_lease(&self, what: &'static str, mut ids: Vec<i64>, time_ms: i64) -> Result<u64> {
        ids.sort_unstable();
        let mut changed = 0;
        for piece in ids.chunks(PIECE) {
            let mut transaction = self.writer().begin().await?;
            for id in piece {
                let done = sql(what).bind(*id).bind(time_ms);
                changed += done.execute(&mut *transaction).await?.rows_affected();
            }
            transaction.commit().await?;
        }
        Ok(changed)
    }
}
