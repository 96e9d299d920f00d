//! What happened to a wallet.

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use crate::domain::{Charge, Listed, Page, TransactionKind, WalletTransaction};
use crate::store::bounded::Bounded;
use crate::store::query::Conditions;
use crate::store::row::{Columns, unexpected};
use crate::store::sql::sql;
use crate::store::{Error, Result, Store};

/// Which transactions are wanted.
#[derive(Debug, Clone, Default)]
pub struct TransactionQuery {
    pub kind: Option<TransactionKind>,
    /// At or after, in Unix milliseconds.
    pub start_ms: Option<i64>,
    /// At or before.
    pub end_ms: Option<i64>,
    /// A call of which something was charged or refunded.
    pub request_id: Option<String>,
}

pub(super) const COLUMNS: &str = "SELECT postings.transaction_id AS id, postings.created_at AS created_at, \
    postings.kind AS kind, postings.amount AS amount, postings.balance AS balance, \
    transactions.calls AS calls, transactions.reference AS reference, \
    transactions.note AS note, transactions.actor AS actor \
    FROM postings JOIN transactions ON transactions.id = postings.transaction_id";

const BY_BALANCE: Bounded = Bounded {
    what: "a transaction",
    table: "postings",
    id: "postings.id",
    select: COLUMNS,
    order: &["id"],
};

/// What that comes to, but for what control planes wrote within the same moment.
const BY_TIME: Bounded = Bounded {
    order: &["created_at", "id"],
    ..BY_BALANCE
};

/// Transactions that name a request, at most.
const OF_A_REQUEST_MAX: i64 = 1_000;

impl TransactionQuery {
    fn list(&self) -> Bounded {
        match self.start_ms.is_some() || self.end_ms.is_some() {
            true => BY_TIME,
            false => BY_BALANCE,
        }
    }

    /// All but the request.
    fn conditions(&self, wallet: i64) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.int("postings.account_id = ?", Some(wallet));
        self.filter(&mut conditions);
        conditions
    }

    /// Of few transactions, which are found by themselves: not by going through the wallet's.
    fn of_transactions(&self, wallet: i64, found: &[i64]) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.ids("postings.transaction_id", found);
        conditions.int("postings.account_id + 0 = ?", Some(wallet));
        self.filter(&mut conditions);
        conditions
    }

    fn filter(&self, conditions: &mut Conditions) {
        conditions.int("postings.kind = ?", self.kind.map(TransactionKind::number));
        conditions.int("postings.created_at >= ?", self.start_ms);
        conditions.int("postings.created_at <= ?", self.end_ms);
    }
}

impl Store {
    /// A page of the transactions of a group's open wallet, in the order in which its balance went, and
    /// how many there are, counted up to 10,001.
    ///
    /// # Errors
    /// `NotFound` when the group has none.
    pub async fn wallet_transactions(
        &self,
        group: &str,
        query: &TransactionQuery,
        page: Page,
    ) -> Result<Listed<WalletTransaction>> {
        let wallet = self.wallet(group).await?;
        let conditions = match query.request_id.as_deref() {
            None => query.conditions(wallet.id),
            Some(request) => {
                let found = self.transactions_of(request).await?;
                query.of_transactions(wallet.id, &found)
            }
        };
        query
            .list()
            .page(self.reader(), &conditions, page, transaction)
            .await
    }

    /// What was done with a request: its charge, and its refunds.
    async fn transactions_of(&self, request: &str) -> Result<Vec<i64>> {
        let rows = sql("SELECT transaction_id FROM charges WHERE request_id = $1 \
             UNION SELECT id FROM transactions WHERE reference = $1 AND reference <> '' LIMIT $2")
        .bind(request.to_owned())
        .bind(OF_A_REQUEST_MAX)
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(|row| row.int("transaction_id")).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// `NotFound` when it is not of the group's open wallet.
    pub async fn wallet_transaction(&self, group: &str, id: i64) -> Result<WalletTransaction> {
        let wallet = self.wallet(group).await?;
        let mut conditions = Conditions::default();
        conditions.int("postings.transaction_id = ?", Some(id));
        conditions.int("postings.account_id = ?", Some(wallet.id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        transaction(&row.ok_or_else(|| Error::missing("transaction", id))?)
    }

    /// The calls that a transaction is for.
    ///
    /// # Errors
    /// `NotFound` when it is not of the group's open wallet.
    pub async fn charges(&self, group: &str, id: i64, page: Page) -> Result<Listed<Charge>> {
        self.wallet_transaction(group, id).await?;
        let mut conditions = Conditions::default();
        conditions.int("transaction_id = ?", Some(id));
        let select = "SELECT request_id, amount, refunded FROM charges";
        let count = "SELECT count(*) FROM charges";
        let read = |row: &AnyRow| {
            Ok(Charge {
                request_id: row.text("request_id")?,
                amount: NanoUsd(row.int("amount")?),
                refunded: NanoUsd(row.int("refunded")?),
            })
        };
        let what = ("a charge", select, count);
        conditions
            .page(self.reader(), what, page, "request_id", read)
            .await
    }
}

pub(super) fn transaction(row: &AnyRow) -> Result<WalletTransaction> {
    let kind = TransactionKind::from_number(row.int("kind")?);
    Ok(WalletTransaction {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        kind: kind.ok_or_else(|| unexpected("kind", "not a kind of transaction"))?,
        amount: NanoUsd(row.int("amount")?),
        balance: NanoUsd(row.int("balance")?),
        calls: row.int("calls")?,
        reference: row.text("reference")?,
        note: row.text("note")?,
        actor: row.text("actor")?,
    })
}

#[cfg(test)]
mod tests;
