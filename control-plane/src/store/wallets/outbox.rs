//! What services have to be told, until they have confirmed it; and what they say there is.

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use crate::domain::{Consumption, Listed, Page, Wallet, now_unix_ms};
use crate::store::bounded::Bounded;
use crate::store::query::Conditions;
use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::write::Write;
use crate::store::{Notice, Result, Store};

/// A wallet whose money is kept by a service, and whose balance is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    pub group: String,
    account: i64,
    /// The account's balance when this was read, without what the service had not confirmed then.
    settled: i64,
}

/// A service is told and asked as many at a time.
const BATCH: usize = 64;

/// Between attempts: twice as long each time, up to ten minutes, for ever.
const FIRST_WAIT_MS: i64 = 1_000;
const LONGEST_WAIT_MS: i64 = 10 * 60 * 1_000;

/// No call takes longer.
const LONGEST_CALL_MS: i64 = 30_000;

const COLUMNS: &str = "SELECT consumptions.id AS id, consumptions.service_id AS service_id, \
    consumptions.created_at AS created_at, consumptions.amount AS amount, \
    consumptions.attempts AS attempts, consumptions.next_at AS next_at, \
    consumptions.error AS error, accounts.group_id AS group_id, \
    transactions.idempotency_key AS idempotency_key, transactions.calls AS calls, \
    consumptions.transaction_id AS transaction_id \
    FROM consumptions JOIN accounts ON accounts.id = consumptions.account_id \
    JOIN transactions ON transactions.id = consumptions.transaction_id";

pub(in crate::store) const ERRORS: Bounded = Bounded {
    what: "a consumption",
    table: "consumptions",
    id: "consumptions.id",
    select: COLUMNS,
    order: &["id"],
};

/// Of a group, or of all.
pub(in crate::store) fn errors_of(group: Option<&str>) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.fixed("consumptions.attempts > 0");
    conditions.fixed("consumptions.error <> ''");
    // Not by the index of accounts, whose order is another.
    conditions.text(
        "consumptions.account_id + 0 IN \
         (SELECT accounts.id FROM accounts WHERE accounts.kind = 1 AND accounts.group_id = ?)",
        group,
    );
    conditions
}

impl Store {
    /// What a service is to be told now, a batch of it, and whether that is full. It is this caller's
    /// until its next time comes: no other control plane tells it meanwhile.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_consumptions(&self, service: i64) -> Result<(Vec<Consumption>, bool)> {
        let now = now_unix_ms();
        let mut conditions = Conditions::default();
        conditions.int("consumptions.service_id = ?", Some(service));
        conditions.int("consumptions.next_at <= ?", Some(now));
        let tail = format!(" ORDER BY consumptions.next_at, consumptions.id LIMIT {BATCH}");
        let rows = conditions
            .statement(COLUMNS, &tail)
            .fetch_all(self.reader())
            .await?;
        // Others may have taken some of them, or all.
        let is_full = rows.len() == BATCH;
        let mut taken = Vec::new();
        for row in rows {
            let due = consumption(&row)?;
            let wait = FIRST_WAIT_MS
                .checked_shl(u32::try_from(due.attempts.clamp(0, 20)).unwrap_or(20))
                .unwrap_or(LONGEST_WAIT_MS)
                .min(LONGEST_WAIT_MS);
            // Nobody else starts a call beside this one.
            let next_at = now + wait.max(LONGEST_CALL_MS);
            let done = sql(
                "UPDATE consumptions SET attempts = attempts + 1, next_at = $2 \
                 WHERE id = $1 AND attempts = $3",
            )
            .bind(due.id)
            .bind(next_at)
            .bind(due.attempts)
            .execute(self.writer())
            .await?;
            if done.rows_affected() == 1 {
                taken.push(Consumption {
                    attempts: due.attempts + 1,
                    next_at_ms: now + wait,
                    ..due
                });
            }
        }
        Ok((taken, is_full))
    }

    /// The service has it.
    ///
    /// # Errors
    /// When the database is away; the service is told again then, with the same key.
    pub async fn consumption_confirmed(&self, consumption: &Consumption) -> Result<()> {
        sql("DELETE FROM consumptions WHERE id = $1")
            .bind(consumption.id)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// What the service said is left when it took this, which counts where less remains by it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lower_credit(&self, consumption: &Consumption, left: NanoUsd) -> Result<()> {
        let (group, service) = (consumption.group.clone(), consumption.service);
        self.write(move |write| Box::pin(async move { write.lower(&group, service, left).await }))
            .await
    }

    /// The service did not take it: it is told again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn consumption_failed(&self, consumption: &Consumption, error: &str) -> Result<()> {
        sql("UPDATE consumptions SET error = $2, next_at = $3 WHERE id = $1")
            .bind(consumption.id)
            .bind(error.to_owned())
            .bind(consumption.next_at_ms)
            .execute(self.writer())
            .await?;
        if consumption.attempts == 1 {
            self.notice(Notice::ConsumeFailed {
                group: consumption.group.clone(),
                amount: consumption.amount,
                error: error.to_owned(),
            });
        }
        Ok(())
    }

    /// What services were told and did not take, so far: a page of it in the order in which it was used,
    /// and how much there is, counted up to 10,001.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn consume_errors(
        &self,
        group: Option<&str>,
        page: Page,
    ) -> Result<Listed<Consumption>> {
        ERRORS
            .page(self.reader(), &errors_of(group), page, consumption)
            .await
    }

    /// Wallets for which a service was not asked for `older_ms`, a batch of them, those first that
    /// waited longest, and whether the batch is full. They are this caller's to ask.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_stale(&self, service: i64, older_ms: i64) -> Result<(Vec<Stale>, bool)> {
        let now = now_unix_ms();
        let mut conditions = Conditions::default();
        conditions.int("service_id = ?", Some(service));
        // As the index has it.
        conditions.fixed("service_id <> 0 AND closed_at = 0");
        conditions.int("credit_at <= ?", Some(now - older_ms));
        let tail = format!(" ORDER BY credit_at LIMIT {BATCH}");
        let rows = conditions
            .statement("SELECT id, group_id, credit_at FROM accounts", &tail)
            .fetch_all(self.reader())
            .await?;
        let is_full = rows.len() == BATCH;
        let mut taken = Vec::new();
        for row in rows {
            let id = row.int("id")?;
            let done = sql("UPDATE accounts SET credit_at = $3 WHERE id = $1 AND credit_at = $2")
                .bind(id)
                .bind(row.int("credit_at")?)
                .bind(now)
                .execute(self.writer())
                .await?;
            if done.rows_affected() == 1 {
                let settled = sql(SETTLED).bind(id).fetch_one(self.reader()).await?;
                taken.push(Stale {
                    group: row.text("group_id")?,
                    account: id,
                    settled: settled.int("settled")?,
                });
            }
        }
        Ok((taken, is_full))
    }

    /// What a service said is left of a group's money.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_credit(&self, stale: &Stale, left: NanoUsd) -> Result<()> {
        let stale = stale.clone();
        self.write(move |write| Box::pin(async move { write.set_credit(stale, left).await }))
            .await
    }

    /// Lets the service be asked at once.
    ///
    /// # Errors
    /// `NotFound` when the group has no wallet.
    pub async fn ask_for_credit(&self, group: &str) -> Result<()> {
        let wallet = self.wallet(group).await?;
        sql("UPDATE accounts SET credit_at = 0 WHERE id = $1")
            .bind(wallet.id)
            .execute(self.writer())
            .await?;
        Ok(())
    }
}

/// In one statement: a booking changes both.
const SETTLED: &str = "SELECT CAST(balance + (SELECT coalesce(sum(amount), 0) FROM consumptions \
    WHERE account_id = accounts.id) AS BIGINT) AS settled FROM accounts WHERE id = $1";

impl Write {
    /// What may be spent is what the service says, without what it did not know when it was asked,
    /// nor what was booked since. The account's own balance goes on from there.
    async fn set_credit(&mut self, stale: Stale, left: NanoUsd) -> Result<()> {
        self.lock_balance(&stale.group).await?;
        // It may have been closed meanwhile.
        let locked =
            sql("UPDATE accounts SET credit_at = $2 WHERE id = $1 AND closed_at = 0 RETURNING id")
                .bind(stale.account)
                .bind(now_unix_ms())
                .fetch_optional(&mut *self.transaction)
                .await?;
        if locked.is_none() {
            return Ok(());
        }
        let wallet = self.wallet(&stale.group).await?;
        self.spendable(&wallet, left.0.saturating_sub(stale.settled))
            .await
    }

    /// When a service is asked next stays as it was: what comes in there is heard of in no other way.
    async fn lower(&mut self, group: &str, service: i64, left: NanoUsd) -> Result<()> {
        self.lock_balance(group).await?;
        // It may have got another service, or none, meanwhile.
        let locked = sql(
            "UPDATE accounts SET credit_at = credit_at WHERE kind = 1 AND group_id = $1 \
             AND service_id = $2 AND closed_at = 0 RETURNING id",
        )
        .bind(group.to_owned())
        .bind(service)
        .fetch_optional(&mut *self.transaction)
        .await?;
        if locked.is_none() {
            return Ok(());
        }
        let wallet = self.wallet(group).await?;
        let settled = sql(SETTLED)
            .bind(wallet.id)
            .fetch_one(&mut *self.transaction)
            .await?;
        let credit = left.0.saturating_sub(settled.int("settled")?);
        if credit >= wallet.credit.0 {
            return Ok(());
        }
        self.spendable(&wallet, credit).await
    }

    async fn spendable(&mut self, wallet: &Wallet, credit: i64) -> Result<()> {
        sql("UPDATE accounts SET credit = $2 WHERE id = $1")
            .bind(wallet.id)
            .bind(credit)
            .execute(&mut *self.transaction)
            .await?;
        let remaining = credit.saturating_add(wallet.balance.0);
        self.balance_moved(wallet, wallet.remaining().0, remaining)
            .await
    }
}

fn consumption(row: &AnyRow) -> Result<Consumption> {
    Ok(Consumption {
        id: row.int("id")?,
        service: row.int("service_id")?,
        group: row.text("group_id")?,
        created_at_ms: row.int("created_at")?,
        transaction: row.int("transaction_id")?,
        key: row.text("idempotency_key")?,
        amount: NanoUsd(row.int("amount")?),
        calls: row.int("calls")?,
        attempts: row.int("attempts")?,
        next_at_ms: row.int("next_at")?,
        error: row.text("error")?,
    })
}
