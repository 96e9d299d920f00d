//! Redemption codes: money for whoever has the code.

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use super::operations::{Done, Movement};
use super::system;
use crate::domain::{
    Listed, Page, RedemptionCode, Status, TransactionKind, WalletTransaction, now_unix_ms,
};
use crate::secrets::{NewCode, Secret, hash_code};
use crate::store::bounded::Bounded;
use crate::store::query::Conditions;
use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::write::Write;
use crate::store::{Change, Error, Result, Store};

/// Which codes are wanted.
#[derive(Debug, Clone, Default)]
pub struct CodeQuery {
    pub batch: Option<String>,
    pub status: Option<i64>,
    /// The code itself: found by its hash.
    pub code: Option<String>,
}

/// Codes that are to be made.
#[derive(Debug, Clone)]
pub struct NewCodes {
    pub batch: String,
    pub count: usize,
    pub amount: NanoUsd,
    /// How many groups may redeem each, each of them once.
    pub uses: i64,
    /// 0: never.
    pub expires_at_ms: i64,
}

/// What became of a code that somebody entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    Now(WalletTransaction),
    /// This group has had it.
    Before,
    /// There is no such code.
    Unknown,
    /// It was used as often as it may be, has expired, or was disabled.
    Spent,
    /// The group tried too many codes that do not exist; until then it is not listened to.
    TooManyGuesses {
        until_ms: i64,
    },
}

/// Wrong codes that a group may try within a window.
const MAX_GUESSES: i64 = 10;
const WINDOW_MS: i64 = 60 * 60 * 1000;

const COLUMNS: &str = "SELECT id, created_at, batch, hint, amount, uses, used, expires_at, status \
    FROM redemption_codes";

pub(in crate::store) const LIST: Bounded = Bounded {
    what: "a redemption code",
    table: "redemption_codes",
    id: "redemption_codes.id",
    select: COLUMNS,
    order: &["created_at", "id"],
};

impl CodeQuery {
    /// All but the code.
    pub(in crate::store) fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.text("batch = ?", self.batch.as_deref());
        conditions.int("status = ?", self.status);
        conditions
    }
}

impl Store {
    /// A page of codes in the order in which they were made, and how many there are, counted up to
    /// 10,001.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn redemption_codes(
        &self,
        query: &CodeQuery,
        page: Page,
    ) -> Result<Listed<RedemptionCode>> {
        let mut conditions = query.conditions();
        if let Some(text) = &query.code {
            conditions.int("id = ?", Some(self.code_id(text).await?));
        }
        LIST.page(self.reader(), &conditions, page, code).await
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn redemption_code(&self, id: i64) -> Result<RedemptionCode> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        code(&row.ok_or_else(|| Error::missing("redemption code", id))?)
    }

    /// Makes codes, each with its text for the only time.
    ///
    /// # Errors
    /// When the database is away; none is made then.
    pub async fn create_redemption_codes(
        &self,
        new: NewCodes,
    ) -> Result<Vec<(RedemptionCode, Secret)>> {
        self.write(move |write| Box::pin(write.create_codes(new)))
            .await
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn set_redemption_code_status(
        &self,
        id: i64,
        status: Status,
    ) -> Result<RedemptionCode> {
        self.write(move |write| {
            Box::pin(async move {
                // Gateways know no codes, but others may be changing it at the same time.
                write.changed(Change::Settings);
                let row = sql(
                    "UPDATE redemption_codes SET status = $2 WHERE id = $1 RETURNING id, \
                     created_at, batch, hint, amount, uses, used, expires_at, status",
                )
                .bind(id)
                .bind(status.number())
                .fetch_optional(&mut *write.transaction)
                .await?;
                code(&row.ok_or_else(|| Error::missing("redemption code", id))?)
            })
        })
        .await
    }

    /// Puts what a code is worth into the group's wallet, once for each group.
    ///
    /// # Errors
    /// `NotFound` when the group has no wallet; `Conflict` when a service keeps its money.
    pub async fn redeem(&self, group: &str, text: &str, actor: &str) -> Result<Redeemed> {
        let (group, actor) = (group.to_owned(), actor.to_owned());
        let hash = hash_code(text);
        self.write(move |write| {
            Box::pin(async move { write.redeem(&group, hash.to_vec(), actor).await })
        })
        .await
    }

    async fn code_id(&self, text: &str) -> Result<i64> {
        let row = sql("SELECT id FROM redemption_codes WHERE hash = $1")
            .bind(hash_code(text).to_vec())
            .fetch_optional(self.reader())
            .await?;
        Ok(row.map(|row| row.int("id")).transpose()?.unwrap_or(0))
    }
}

impl Write {
    async fn create_codes(&mut self, new: NewCodes) -> Result<Vec<(RedemptionCode, Secret)>> {
        let now = now_unix_ms();
        let mut made = Vec::with_capacity(new.count);
        for _ in 0..new.count {
            let fresh = NewCode::random();
            let row = sql(
                "INSERT INTO redemption_codes (created_at, batch, hash, hint, amount, uses, \
                 expires_at, status) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id, \
                 created_at, batch, hint, amount, uses, used, expires_at, status",
            )
            .bind(now)
            .bind(new.batch.clone())
            .bind(fresh.hash.to_vec())
            .bind(fresh.hint)
            .bind(new.amount.0)
            .bind(new.uses)
            .bind(new.expires_at_ms)
            .bind(Status::Enabled.number())
            .fetch_one(&mut *self.transaction)
            .await?;
            made.push((code(&row)?, fresh.secret));
        }
        Ok(made)
    }

    async fn redeem(&mut self, group: &str, hash: Vec<u8>, actor: String) -> Result<Redeemed> {
        let wallet = self.own_wallet(group).await?;
        let now = now_unix_ms();
        if let Some(until_ms) = self.guessed_too_often(group, now).await? {
            return Ok(Redeemed::TooManyGuesses { until_ms });
        }
        let row = sql("SELECT id, amount FROM redemption_codes WHERE hash = $1")
            .bind(hash)
            .fetch_optional(&mut *self.transaction)
            .await?;
        let Some(row) = row else {
            self.guessed(group, now).await?;
            return Ok(Redeemed::Unknown);
        };
        let (id, amount) = (row.int("id")?, row.int("amount")?);
        // Of all who are here at once, the database lets as many through as there are uses.
        let taken = sql(
            "UPDATE redemption_codes SET used = used + 1 WHERE id = $1 AND used < uses \
             AND status = 1 AND (expires_at = 0 OR expires_at > $2)",
        )
        .bind(id)
        .bind(now)
        .execute(&mut *self.transaction)
        .await?;
        let had = sql(
            "SELECT postings.id FROM postings \
             JOIN transactions ON transactions.id = postings.transaction_id \
             WHERE postings.account_id = $1 AND transactions.kind = 5 AND transactions.reference = $2",
        )
        .bind(wallet.id)
        .bind(id.to_string())
        .fetch_optional(&mut *self.transaction)
        .await?;
        if had.is_some() {
            if taken.rows_affected() == 1 {
                sql("UPDATE redemption_codes SET used = used - 1 WHERE id = $1")
                    .bind(id)
                    .execute(&mut *self.transaction)
                    .await?;
            }
            return Ok(Redeemed::Before);
        }
        if taken.rows_affected() == 0 {
            return Ok(Redeemed::Spent);
        }
        let order = Movement {
            key: Some(id.to_string()),
            actor,
            ..Movement::default()
        };
        let kind = TransactionKind::Redemption;
        let done = self
            .move_once(&wallet, kind, amount, system::GIFTS, id.to_string(), order)
            .await?;
        Ok(match done {
            Done::Now(transaction) => Redeemed::Now(transaction),
            Done::Before(_) => Redeemed::Before,
        })
    }

    async fn guessed_too_often(&mut self, group: &str, now: i64) -> Result<Option<i64>> {
        let row = sql(
            "SELECT since FROM redemption_failures WHERE group_id = $1 AND count >= $2 \
             AND since > $3",
        )
        .bind(group.to_owned())
        .bind(MAX_GUESSES)
        .bind(now - WINDOW_MS)
        .fetch_optional(&mut *self.transaction)
        .await?;
        row.map(|row| Ok(row.int("since")? + WINDOW_MS)).transpose()
    }

    async fn guessed(&mut self, group: &str, now: i64) -> Result<()> {
        sql(
            "INSERT INTO redemption_failures (group_id, since, count) VALUES ($1, $2, 1) \
             ON CONFLICT (group_id) DO UPDATE SET \
             count = CASE WHEN redemption_failures.since > $3 \
             THEN redemption_failures.count + 1 ELSE 1 END, \
             since = CASE WHEN redemption_failures.since > $3 \
             THEN redemption_failures.since ELSE $2 END",
        )
        .bind(group.to_owned())
        .bind(now)
        .bind(now - WINDOW_MS)
        .execute(&mut *self.transaction)
        .await?;
        Ok(())
    }
}

fn code(row: &AnyRow) -> Result<RedemptionCode> {
    Ok(RedemptionCode {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        batch: row.text("batch")?,
        hint: row.text("hint")?,
        amount: NanoUsd(row.int("amount")?),
        uses: row.int("uses")?,
        used: row.int("used")?,
        expires_at_ms: row.int("expires_at")?,
        status: row.status()?,
    })
}
