//! Addresses that nothing is done for, and those that use the keys of many groups.

mod shared;

pub use shared::SHARED_ADDRESSES;

use sqlx::any::AnyRow;

use super::error::OnConflict;
use super::query::Conditions;
use super::row::Columns;
use super::sql::sql;
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::{Ban, BanPatch, Listed, Page, now_unix_ms};

/// Gateways look at each entry for each call.
const MOST: i64 = 10_000;

const COLUMNS: &str = "SELECT id, created_at, address, reason, expires_at FROM ip_blacklist";

impl Store {
    /// Those whose address or reason holds the word.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn bans(&self, keyword: Option<&str>, page: Page) -> Result<Listed<Ban>> {
        let mut conditions = Conditions::default();
        conditions.keyword(
            "lower(address) LIKE lower(?) ESCAPE '\\' OR lower(reason) LIKE lower(?) ESCAPE '\\'",
            keyword,
        );
        let count = "SELECT count(*) FROM ip_blacklist";
        let what = ("a black-listed address", COLUMNS, count);
        conditions.page(self.reader(), what, page, "id", ban).await
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn ban(&self, id: i64) -> Result<Ban> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        ban(&row.ok_or_else(|| missing(id))?)
    }

    /// All that hold now, for gateways, which keep to their ends by themselves.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn present_bans(&self) -> Result<Vec<Ban>> {
        let mut conditions = Conditions::default();
        conditions.int("expires_at = 0 OR expires_at > ?", Some(now_unix_ms()));
        let rows = conditions
            .statement(COLUMNS, " ORDER BY id")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(ban).collect()
    }

    /// # Errors
    /// `Conflict` when the address is black-listed already, or too many are.
    pub async fn create_ban(&self, new: BanPatch) -> Result<Ban> {
        self.write(move |write| {
            Box::pin(async move {
                let count = sql("SELECT count(*) AS count FROM ip_blacklist")
                    .fetch_one(&mut *write.transaction)
                    .await?
                    .int("count")?;
                if count >= MOST {
                    return Err(Error::Conflict(format!(
                        "{count} addresses are black-listed, which is as many as can be; remove \
                         some, or put CIDR blocks in their place"
                    )));
                }
                let address = new.address.unwrap_or_default();
                let row = sql(
                    "INSERT INTO ip_blacklist (created_at, address, reason, expires_at) \
                     VALUES ($1, $2, $3, $4) \
                     RETURNING id, created_at, address, reason, expires_at",
                )
                .bind(now_unix_ms())
                .bind(address.clone())
                .bind(new.reason.unwrap_or_default())
                .bind(new.expires_at_ms.flatten().unwrap_or(0))
                .fetch_one(&mut *write.transaction)
                .await
                .on_conflict(|| taken(&address))?;
                write.changed(Change::Topology);
                ban(&row)
            })
        })
        .await
    }

    /// Changes what the patch names.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Conflict` when the new address is black-listed already.
    pub async fn update_ban(&self, id: i64, patch: BanPatch) -> Result<Ban> {
        self.write(move |write| {
            Box::pin(async move {
                let row = sql("UPDATE ip_blacklist SET address = coalesce($2, address), \
                     reason = coalesce($3, reason), expires_at = coalesce($4, expires_at) \
                     WHERE id = $1 RETURNING id, created_at, address, reason, expires_at")
                .bind(id)
                .bind(patch.address.clone())
                .bind(patch.reason)
                .bind(patch.expires_at_ms.map(|at| at.unwrap_or(0)))
                .fetch_optional(&mut *write.transaction)
                .await
                .on_conflict(|| taken(&patch.address.unwrap_or_default()))?;
                write.changed(Change::Topology);
                ban(&row.ok_or_else(|| missing(id))?)
            })
        })
        .await
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn delete_ban(&self, id: i64) -> Result<()> {
        self.write(move |write| {
            Box::pin(async move {
                let row = sql("DELETE FROM ip_blacklist WHERE id = $1 RETURNING address")
                    .bind(id)
                    .fetch_optional(&mut *write.transaction)
                    .await?
                    .ok_or_else(|| missing(id))?;
                write.forgive(&row.text("address")?).await
            })
        })
        .await
    }
}

impl Write {
    /// Takes off the list what was to end by then, unless it was put off meanwhile.
    pub(super) async fn lift_ended(&mut self, now_ms: i64) -> Result<()> {
        let rows =
            sql("SELECT id, address FROM ip_blacklist WHERE expires_at > 0 AND expires_at <= $1")
                .bind(now_ms)
                .fetch_all(&mut *self.transaction)
                .await?;
        for row in &rows {
            self.lift(row.int("id")?, &row.text("address")?, now_ms)
                .await?;
        }
        Ok(())
    }

    async fn lift(&mut self, id: i64, address: &str, now_ms: i64) -> Result<()> {
        let done = sql("DELETE FROM ip_blacklist WHERE id = $1 AND address = $2 \
             AND expires_at > 0 AND expires_at <= $3")
        .bind(id)
        .bind(address.to_owned())
        .bind(now_ms)
        .execute(&mut *self.transaction)
        .await?;
        match done.rows_affected() {
            0 => Ok(()),
            _ => self.forgive(address).await,
        }
    }

    /// It is off the list for good: what was done from there until now is forgiven.
    async fn forgive(&mut self, address: &str) -> Result<()> {
        self.changed(Change::Topology);
        self.pardon(address).await
    }

    /// False when the address is there already.
    async fn ban_until(&mut self, address: &str, reason: String, until_ms: i64) -> Result<bool> {
        let made = sql(
            "INSERT INTO ip_blacklist (created_at, address, reason, expires_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (address) DO NOTHING",
        )
        .bind(now_unix_ms())
        .bind(address.to_owned())
        .bind(reason)
        .bind(until_ms)
        .execute(&mut *self.transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        self.changed(Change::Topology);
        Ok(true)
    }
}

fn missing(id: i64) -> Error {
    Error::missing("black-listed address", id)
}

fn taken(address: &str) -> String {
    format!("{address} is black-listed already")
}

fn ban(row: &AnyRow) -> Result<Ban> {
    Ok(Ban {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        address: row.text("address")?,
        reason: row.text("reason")?,
        expires_at_ms: Some(row.int("expires_at")?).filter(|at| *at > 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::with_store;

    #[tokio::test]
    async fn what_was_put_off_meanwhile_does_not_end() {
        with_store(async |store| {
            let new = BanPatch {
                address: Some("203.0.113.9".into()),
                expires_at_ms: Some(Some(1_000)),
                ..BanPatch::default()
            };
            let ban = store.create_ban(new).await.unwrap();
            let later = BanPatch {
                expires_at_ms: Some(Some(9_000)),
                ..BanPatch::default()
            };
            // Read as ended by one control plane, and put off by an administrator.
            let ban = store.update_ban(ban.id, later).await.unwrap();
            let (id, address) = (ban.id, ban.address.clone());
            let lift = store
                .write(move |write| Box::pin(async move { write.lift(id, &address, 1_000).await }));
            lift.await.unwrap();
            assert_eq!(store.ban(ban.id).await.unwrap(), ban);
            assert!(store.pardons(0).await.unwrap().is_empty());
            store.end_what_is_due(9_000).await.unwrap();
            assert!(store.ban(ban.id).await.is_err());
            assert_eq!(store.pardons(0).await.unwrap().len(), 1);
        })
        .await;
    }
}
