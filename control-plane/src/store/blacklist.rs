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
                let row = sql("SELECT address FROM ip_blacklist WHERE id = $1")
                    .bind(id)
                    .fetch_optional(&mut *write.transaction)
                    .await?
                    .ok_or_else(|| missing(id))?;
                write.lift(&[row.text("address")?]).await
            })
        })
        .await
    }
}

impl Write {
    /// Takes addresses off the list, for good: what they did until now is forgiven.
    pub(super) async fn lift(&mut self, addresses: &[String]) -> Result<()> {
        for address in addresses {
            sql("DELETE FROM ip_blacklist WHERE address = $1")
                .bind(address.clone())
                .execute(&mut *self.transaction)
                .await?;
            self.pardon(address).await?;
        }
        if !addresses.is_empty() {
            self.changed(Change::Topology);
        }
        Ok(())
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
