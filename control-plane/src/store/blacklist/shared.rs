//! Addresses from which the keys of many groups are used: keys that were given away, or stolen.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use crate::domain::{Status, now_unix_ms};
use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::write::Write;
use crate::store::{Change, Notice, Result, Store};

/// The duty of looking for them.
pub const SHARED_ADDRESSES: &str = "shared_addresses";

const PARDONS_KEPT_MS: i64 = 2 * 60 * 60 * 1000;

impl Store {
    /// The groups that made calls from an address that began after `after_ms`, until `end_ms`. When
    /// their usage arrived does not count: it may have waited.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn groups_of_address(
        &self,
        address: &str,
        after_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<String>> {
        // That the address is not empty is for SQLite, whose index has no others.
        let rows = sql(
            "SELECT DISTINCT group_id FROM logs WHERE created_at > $1 AND request_at > $1 \
             AND request_at <= $2 AND ip = $3 AND ip <> '' AND token_id <> 0 ORDER BY group_id",
        )
        .bind(after_ms)
        .bind(end_ms)
        .bind(address.to_owned())
        .fetch_all(self.log_reader()?)
        .await?;
        rows.iter().map(|row| row.text("group_id")).collect()
    }

    /// Addresses and blocks that were taken off the black-list since then, and when.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn pardons(&self, since_ms: i64) -> Result<BTreeMap<String, i64>> {
        let rows = sql("SELECT address, pardoned_at FROM ip_pardons WHERE pardoned_at >= $1")
            .bind(since_ms)
            .fetch_all(self.reader())
            .await?;
        let pardon = |row: &AnyRow| Ok((row.text("address")?, row.int("pardoned_at")?));
        rows.iter().map(pardon).collect()
    }

    /// Disables groups and black-lists the address that used their keys until then. False when it is
    /// black-listed already; nothing is changed then.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ban_shared(
        &self,
        address: String,
        groups: Vec<String>,
        until_ms: i64,
    ) -> Result<bool> {
        self.write(move |write| {
            Box::pin(async move {
                let reason = format!("used the keys of {} groups within an hour", groups.len());
                if !write.ban_until(&address, reason, until_ms).await? {
                    return Ok(false);
                }
                write.lock_in_order(&[], &groups).await?;
                for group in &groups {
                    let done = sql("UPDATE groups SET status = $2 WHERE id = $1 AND status = $3")
                        .bind(group.clone())
                        .bind(Status::Disabled.number())
                        .bind(Status::Enabled.number())
                        .execute(&mut *write.transaction)
                        .await?;
                    if done.rows_affected() == 1 {
                        write.changed(Change::GroupTokens(group.clone()));
                    }
                }
                write.noticed(Notice::AddressBanned { address, groups });
                Ok(true)
            })
        })
        .await
    }

    /// People hear that an address uses the keys of these groups.
    pub fn warn_of_shared(&self, address: String, groups: Vec<String>) {
        self.notice(Notice::SharedKeys { address, groups });
    }

    /// Whether something that is to be done every so often, by one of all control planes, is ours to
    /// do now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_duty(&self, name: &'static str, every_ms: i64) -> Result<bool> {
        let now = now_unix_ms();
        // A clock that was set back must not stop it.
        let done = sql(
            "UPDATE duties SET done_at = $2 WHERE name = $1 AND (done_at <= $3 OR done_at > $2)",
        )
        .bind(name)
        .bind(now)
        .bind(now.saturating_sub(every_ms))
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Write {
    /// What was called from this address or block until now does not count against it any more.
    pub(in crate::store) async fn pardon(&mut self, address: &str) -> Result<()> {
        let now = now_unix_ms();
        // Nobody looks further back than an hour.
        sql("DELETE FROM ip_pardons WHERE address = $1 OR pardoned_at < $2")
            .bind(address.to_owned())
            .bind(now - PARDONS_KEPT_MS)
            .execute(&mut *self.transaction)
            .await?;
        sql("INSERT INTO ip_pardons (address, pardoned_at) VALUES ($1, $2)")
            .bind(address.to_owned())
            .bind(now)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Lets a duty be done at once.
    pub(in crate::store) async fn make_due(&mut self, duty: &'static str) -> Result<()> {
        sql("UPDATE duties SET done_at = 0 WHERE name = $1")
            .bind(duty)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
