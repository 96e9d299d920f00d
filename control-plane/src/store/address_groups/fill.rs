//! What log rows say that were booked before there was anybody to write it down.

use super::{ADDRESS_MAX, SPANS};
use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::{Result, Store};

/// Rows that are gone through at a time.
const BATCH: i64 = 5_000;

/// Nothing is filled.
const NEVER: i64 = i64::MAX;

impl Store {
    /// Rows that were booked from then on are written down, in Unix milliseconds.
    pub(super) async fn addresses_filled_from(&self) -> Result<i64> {
        sql("SELECT filled_from FROM address_fill WHERE id = 1")
            .fetch_one(self.log_reader()?)
            .await?
            .int("filled_from")
    }

    /// Goes through some of the rows before that. Answers whether there may be more.
    ///
    /// While a program books that does not write it down, the rows are not all there yet: it begins
    /// when the last one is gone, and anew if one comes back.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn fill_addresses(&self) -> Result<bool> {
        let filled_from = self.addresses_filled_from().await?;
        if self.somebody_does_not_write().await? {
            self.fill_from(filled_from, NEVER).await?;
            return Ok(false);
        }
        if filled_from == 0 {
            return Ok(false);
        }
        let first = sql(
            "SELECT min(created_at) AS first FROM (SELECT created_at FROM logs \
             WHERE created_at < $1 ORDER BY created_at DESC LIMIT $2) AS newest",
        )
        .bind(filled_from)
        .bind(BATCH)
        .fetch_one(self.log_reader()?)
        .await?
        .optional_int("first")?;
        let Some(first) = first else {
            self.fill_from(filled_from, 0).await?;
            return Ok(false);
        };
        for span in SPANS {
            let span = span.millis();
            sql(format!(
                "INSERT INTO address_groups (span, start_at, ip, group_id) \
                 SELECT DISTINCT {span}, created_at - created_at % {span}, ip, group_id FROM logs \
                 WHERE created_at >= $1 AND created_at < $2 AND token_id <> 0 AND ip <> '' \
                 AND length(ip) <= {ADDRESS_MAX} ORDER BY 2, 3, 4 \
                 ON CONFLICT (span, start_at, ip, group_id) DO NOTHING"
            ))
            .bind(first)
            .bind(filled_from)
            .execute(self.log_writer())
            .await?;
        }
        self.fill_from(filled_from, first).await?;
        Ok(true)
    }

    /// Whether a control plane of an earlier version is there, or was within the last minute.
    async fn somebody_does_not_write(&self) -> Result<bool> {
        let row = sql("SELECT id FROM control_planes WHERE notes_addresses = 0 LIMIT 1")
            .fetch_optional(self.reader())
            .await?;
        Ok(row.is_some())
    }

    /// Unless another control plane has gone further meanwhile.
    async fn fill_from(&self, was_ms: i64, is_ms: i64) -> Result<()> {
        sql("UPDATE address_fill SET filled_from = $2 WHERE id = 1 AND filled_from = $1")
            .bind(was_ms)
            .bind(is_ms)
            .execute(self.log_writer())
            .await?;
        Ok(())
    }
}
