//! Moments at which something ends by itself.

use super::row::Columns;
use super::sql::sql;
use super::tokens::hash;
use super::{Change, Result, Store};

impl Store {
    /// The next moment at which something ends, in Unix milliseconds; it may have passed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn next_deadline(&self) -> Result<Option<i64>> {
        let mut next: Option<i64> = None;
        for select in [
            "SELECT min(ends_at) AS ends_at FROM token_overlaps",
            "SELECT min(until_at) AS ends_at FROM channel_bans",
            "SELECT min(expires_at) AS ends_at FROM ip_blacklist WHERE expires_at > 0",
        ] {
            let row = sql(select).fetch_one(self.reader()).await?;
            let ends_at = row.optional_int("ends_at")?;
            next = next.into_iter().chain(ends_at).min();
        }
        Ok(next)
    }

    /// Ends what was to end by `now_ms`, and has gateways told. Of several control planes that do it
    /// at the same time, one does.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn end_what_is_due(&self, now_ms: i64) -> Result<()> {
        self.write(move |write| {
            Box::pin(async move {
                let rows = sql("DELETE FROM token_overlaps WHERE ends_at <= $1 RETURNING hash")
                    .bind(now_ms)
                    .fetch_all(&mut *write.transaction)
                    .await?;
                if !rows.is_empty() {
                    let revoked = rows.iter().map(hash).collect::<Result<_>>()?;
                    write.changed(Change::Revoked(revoked));
                }
                let passed = sql("DELETE FROM channel_bans WHERE until_at <= $1")
                    .bind(now_ms)
                    .execute(&mut *write.transaction)
                    .await?;
                if passed.rows_affected() > 0 {
                    write.changed(Change::Topology);
                }
                write.lift_ended(now_ms).await
            })
        })
        .await
    }
}
