//! Wallets: a ledger with double entry.
//!
//! Every movement of money is a transaction whose postings add up to zero ([`post`] is the only
//! writer of any of it), with a key that is used once. A wallet is an account of a group; the other
//! sides are four accounts of the system's, so that all balances together are zero too. What cannot
//! be seen while money moves is looked for by [`Store::unbalanced`].
//!
//! Wallets are locked before the system's accounts, and these right before the end: whoever moves
//! money waits for others in one direction only, and everybody's account is held as shortly as can be.

mod check;
mod codes;
mod history;
mod opening;
mod operations;
mod outbox;
mod post;
mod services;
mod usage;

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use super::error::OnConflict;
use super::query::Conditions;
use super::row::Columns;
use super::sql::{On, Statement, sql};
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::{Listed, Page, Wallet, now_unix_ms};

pub use check::{Fault, Unbalanced};
#[cfg(test)]
pub(super) use codes::LIST as CODES;
pub use codes::{CodeQuery, NewCodes, Redeemed};
pub use history::TransactionQuery;
pub use operations::{Done, Movement};
pub use outbox::Stale;
#[cfg(test)]
pub(super) use outbox::{ERRORS, errors_of};
pub use services::ServiceAccess;
pub(super) use services::place as service_place;

/// The other sides, by their ids in the database.
mod system {
    pub(super) const RECHARGES: i64 = -1;
    pub(super) const USAGE: i64 = -2;
    pub(super) const GIFTS: i64 = -3;
    pub(super) const ADJUSTMENTS: i64 = -4;
}

/// Of accounts.
const WALLET: i64 = 1;

const COLUMNS: &str = "SELECT id, group_id, service_id, created_at, balance, credit, credit_at \
    FROM accounts";

impl Store {
    /// All open wallets.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn wallets(&self, keyword: Option<&str>, page: Page) -> Result<Listed<Wallet>> {
        let mut conditions = Conditions::default();
        conditions.int("kind = ?", Some(WALLET));
        conditions.int("closed_at = ?", Some(0));
        conditions.keyword("lower(group_id) LIKE lower(?) ESCAPE '\\'", keyword);
        let count = "SELECT count(*) FROM accounts";
        conditions
            .page(
                self.reader(),
                ("a wallet", COLUMNS, count),
                page,
                "id",
                wallet,
            )
            .await
    }

    /// The open wallet of a group.
    ///
    /// # Errors
    /// `NotFound` when it has none, and spends without limit.
    pub async fn wallet(&self, group: &str) -> Result<Wallet> {
        let row = find(group).fetch_optional(self.reader()).await?;
        wallet(&row.ok_or_else(|| missing(group))?)
    }

    /// What a group may still spend; `None`: without limit. Zero or less: nothing.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn remaining_balance(&self, group: &str) -> Result<Option<NanoUsd>> {
        remaining(self.reader(), group).await
    }

    /// Gives a group an empty wallet: from now on it spends what is in there. With a `service`, the
    /// money is kept there and not here.
    ///
    /// # Errors
    /// `NotFound` when there is no such group or service; `Conflict` when it has a wallet.
    pub async fn open_wallet(&self, group: &str, service: Option<i64>) -> Result<Wallet> {
        let group = group.to_owned();
        self.write(move |write| Box::pin(write.open_wallet(group, service)))
            .await
    }

    /// Takes a group's wallet away, so that it spends without limit again. What is in it goes to the
    /// adjustments; its history stays in the database.
    ///
    /// # Errors
    /// `NotFound` when it has none; `Conflict` while a service has not confirmed what was used.
    pub async fn close_wallet(&self, group: &str, actor: &str) -> Result<()> {
        let (group, actor) = (group.to_owned(), actor.to_owned());
        self.write(|write| {
            Box::pin(async move {
                if !write.close_wallet(&group, &actor).await? {
                    return Err(missing(&group));
                }
                write.changed(Change::GroupTokens(group));
                Ok(())
            })
        })
        .await
    }
}

impl Write {
    pub(in crate::store) async fn open_wallet(
        &mut self,
        group: String,
        service: Option<i64>,
    ) -> Result<Wallet> {
        // Locks the group, so that whoever removes it now finds its wallet.
        let found = sql("UPDATE groups SET status = status WHERE id = $1")
            .bind(group.clone())
            .execute(&mut *self.transaction)
            .await?;
        if found.rows_affected() == 0 {
            return Err(Error::missing("group", group));
        }
        if let Some(id) = service {
            sql("SELECT id FROM balance_services WHERE id = $1")
                .bind(id)
                .fetch_optional(&mut *self.transaction)
                .await?
                .ok_or_else(|| Error::missing("balance service", id))?;
        }
        let row = sql(
            "INSERT INTO accounts (kind, group_id, service_id, created_at) \
             VALUES ($1, $2, $3, $4) \
             RETURNING id, group_id, service_id, created_at, balance, credit, credit_at",
        )
        .bind(WALLET)
        .bind(group.clone())
        .bind(service.unwrap_or(0))
        .bind(now_unix_ms())
        .fetch_one(&mut *self.transaction)
        .await
        .on_conflict(|| format!("group {group} has a wallet already"))?;
        self.changed(Change::GroupTokens(group));
        wallet(&row)
    }

    /// Says whether there was one. It announces nothing: the group may be about to go.
    pub(in crate::store) async fn close_wallet(
        &mut self,
        group: &str,
        actor: &str,
    ) -> Result<bool> {
        // Bookings and grants that are under way end first, and what they left is what is closed.
        self.lock_balance(group).await?;
        let Some(row) = find(group).fetch_optional(&mut *self.transaction).await? else {
            return Ok(false);
        };
        let wallet = wallet(&row)?;
        self.empty_wallet(&wallet, actor).await?;
        // Only as it was read: the group may be gone, and then nothing was locked.
        let done = sql(
            "UPDATE accounts SET closed_at = $2 WHERE id = $1 AND closed_at = 0 \
             AND (balance = 0 OR service_id <> 0) AND NOT EXISTS \
             (SELECT 1 FROM consumptions WHERE account_id = accounts.id)",
        )
        .bind(wallet.id)
        .bind(now_unix_ms().max(1))
        .execute(&mut *self.transaction)
        .await
        .on_conflict(|| format!("the wallet of group {group} was just closed; try again"))?;
        if done.rows_affected() == 0 {
            return Err(Error::Conflict(format!(
                "the wallet of group {group} is in use: its calls are being booked; try again"
            )));
        }
        Ok(true)
    }

    /// The open wallet of a group, within this transaction.
    async fn wallet(&mut self, group: &str) -> Result<Wallet> {
        let row = find(group).fetch_optional(&mut *self.transaction).await?;
        wallet(&row.ok_or_else(|| missing(group))?)
    }
}

/// What a group may still spend, as a transaction sees it; `None`: without limit.
pub(super) async fn remaining<'e>(
    database: impl Into<On<'e>> + Send,
    group: &str,
) -> Result<Option<NanoUsd>> {
    let row = find(group).fetch_optional(database).await?;
    let wallet = row.as_ref().map(wallet).transpose()?;
    Ok(wallet.map(|wallet| wallet.remaining()))
}

fn find(group: &str) -> Statement {
    let mut conditions = Conditions::default();
    conditions.int("kind = ?", Some(WALLET));
    conditions.text("group_id = ?", Some(group));
    conditions.int("closed_at = ?", Some(0));
    conditions.statement(COLUMNS, "")
}

fn missing(group: &str) -> Error {
    Error::NotFound(format!(
        "group {group} spends without limit: a wallet of it"
    ))
}

fn wallet(row: &AnyRow) -> Result<Wallet> {
    Ok(Wallet {
        id: row.int("id")?,
        group: row.text("group_id")?,
        created_at_ms: row.int("created_at")?,
        balance: NanoUsd(row.int("balance")?),
        credit: NanoUsd(row.int("credit")?),
        service: Some(row.int("service_id")?).filter(|id| *id != 0),
        credit_at_ms: row.int("credit_at")?,
    })
}

#[cfg(test)]
mod tests;
