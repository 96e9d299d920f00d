//! What people do to a wallet: recharge, deduct, adjust, refund.

use tollgate_policy::price::NanoUsd;

use super::post::{MAX_BALANCE, Posted, Transfer, post};
use super::{history, system};
use crate::domain::{TransactionKind, Wallet, WalletTransaction, now_unix_ms};
use crate::secrets::random;
use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::write::Write;
use crate::store::{Change, Error, Notice, Result, Store};

/// An order to move money. Amounts are above zero, except for adjustments.
#[derive(Debug, Clone, Default)]
pub struct Movement {
    pub amount: NanoUsd,
    /// With a key, the same order is carried out once, however often it comes. It is the group's
    /// own; none: every order is a new one.
    pub key: Option<String>,
    pub note: String,
    /// Who asks for it.
    pub actor: String,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    Now(WalletTransaction),
    /// The same order was carried out before, and that counts.
    Before(WalletTransaction),
}

impl Done {
    #[must_use]
    pub fn transaction(self) -> WalletTransaction {
        match self {
            Self::Now(transaction) | Self::Before(transaction) => transaction,
        }
    }
}

impl Store {
    /// Puts money that was paid into a wallet.
    ///
    /// # Errors
    /// `NotFound` when the group has no wallet; `Conflict` when the key was used for something else,
    /// or a service keeps the money.
    pub async fn recharge(&self, group: &str, order: Movement) -> Result<Done> {
        self.move_money(group, TransactionKind::Recharge, order)
            .await
    }

    /// Takes money out of a wallet, which must hold it.
    ///
    /// # Errors
    /// As [`Store::recharge`]; `Conflict` also when there is less in it.
    pub async fn deduct(&self, group: &str, order: Movement) -> Result<Done> {
        self.move_money(group, TransactionKind::Deduction, order)
            .await
    }

    /// Puts a balance right: the amount may be below zero, and so may the wallet after it.
    ///
    /// # Errors
    /// As [`Store::recharge`].
    pub async fn adjust(&self, group: &str, order: Movement) -> Result<Done> {
        self.move_money(group, TransactionKind::Adjustment, order)
            .await
    }

    /// Gives back what a call cost, or a part of it: never more than was charged, all refunds
    /// together. An amount of zero means all that is left.
    ///
    /// # Errors
    /// `NotFound` when the wallet was not charged for this request; `Conflict` when less is left.
    pub async fn refund(&self, group: &str, request_id: &str, order: Movement) -> Result<Done> {
        let (group, request_id) = (group.to_owned(), request_id.to_owned());
        self.write(|write| Box::pin(async move { write.refund(&group, request_id, order).await }))
            .await
    }

    async fn move_money(
        &self,
        group: &str,
        kind: TransactionKind,
        order: Movement,
    ) -> Result<Done> {
        let group = group.to_owned();
        self.write(move |write| {
            Box::pin(async move {
                let wallet = write.own_wallet(&group).await?;
                let (amount, other) = match kind {
                    TransactionKind::Deduction => (-order.amount.0, system::ADJUSTMENTS),
                    TransactionKind::Adjustment => (order.amount.0, system::ADJUSTMENTS),
                    _ => (order.amount.0, system::RECHARGES),
                };
                let done = write
                    .move_once(&wallet, kind, amount, other, String::new(), order)
                    .await?;
                match &done {
                    Done::Now(now) if kind == TransactionKind::Deduction && now.balance.0 < 0 => {
                        let before = NanoUsd(now.balance.0.saturating_sub(now.amount.0));
                        Err(Error::Conflict(format!(
                            "amount is more than the {before} USD in the wallet"
                        )))
                    }
                    _ => Ok(done),
                }
            })
        })
        .await
    }
}

impl Write {
    async fn refund(&mut self, group: &str, request_id: String, order: Movement) -> Result<Done> {
        let wallet = self.own_wallet(group).await?;
        let kind = TransactionKind::Refund;
        if let Some(before) = self.done_before(&wallet, kind, &order).await? {
            let same = before.reference == request_id
                && (order.amount.0 == 0 || order.amount == before.amount);
            return same.then_some(Done::Before(before)).ok_or_else(other_order);
        }
        let row =
            sql("SELECT amount, refunded FROM charges WHERE request_id = $1 AND account_id = $2")
                .bind(request_id.clone())
                .bind(wallet.id)
                .fetch_optional(&mut *self.transaction)
                .await?
                .ok_or_else(|| Error::missing("a charge for request", &request_id))?;
        let (charged, refunded) = (row.int("amount")?, row.int("refunded")?);
        let left = charged - refunded;
        let amount = if order.amount.0 == 0 {
            left
        } else {
            order.amount.0
        };
        if amount > left || amount <= 0 {
            return Err(Error::Conflict(format!(
                "amount is more than what is left to refund: the call cost {} USD, {} of which were \
                 given back",
                NanoUsd(charged),
                NanoUsd(refunded)
            )));
        }
        let done = sql(
            "UPDATE charges SET refunded = refunded + $2 WHERE request_id = $1 AND refunded = $3",
        )
        .bind(request_id.clone())
        .bind(amount)
        .bind(refunded)
        .execute(&mut *self.transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::Conflict(
                "another refund of this request came first; look and try again".into(),
            ));
        }
        self.move_once(&wallet, kind, amount, system::USAGE, request_id, order)
            .await
    }

    /// Takes what is in a wallet out of it, or puts in what it lacks.
    pub(super) async fn empty_wallet(&mut self, wallet: &Wallet, actor: &str) -> Result<()> {
        if wallet.balance.0 == 0 || wallet.service.is_some() {
            return Ok(());
        }
        let order = Movement {
            note: "the wallet was closed".into(),
            actor: actor.into(),
            ..Movement::default()
        };
        let kind = TransactionKind::Adjustment;
        self.move_once(
            wallet,
            kind,
            -wallet.balance.0,
            system::ADJUSTMENTS,
            String::new(),
            order,
        )
        .await?;
        Ok(())
    }

    /// A wallet whose money is here.
    pub(super) async fn own_wallet(&mut self, group: &str) -> Result<Wallet> {
        self.lock_balance(group).await?;
        let wallet = self.wallet(group).await?;
        match wallet.service {
            None => Ok(wallet),
            Some(_) => Err(Error::Conflict(format!(
                "the money of group {group} is kept by a service; change it there"
            ))),
        }
    }

    /// Moves `amount` into the wallet, unless the same order was carried out before.
    pub(super) async fn move_once(
        &mut self,
        wallet: &Wallet,
        kind: TransactionKind,
        amount: i64,
        other: i64,
        reference: String,
        order: Movement,
    ) -> Result<Done> {
        if let Some(before) = self.done_before(wallet, kind, &order).await? {
            let same = before.amount.0 == amount && before.reference == reference;
            return same.then_some(Done::Before(before)).ok_or_else(other_order);
        }
        let within = |balance: i64| (-MAX_BALANCE..=MAX_BALANCE).contains(&balance);
        if !within(wallet.balance.0.saturating_add(amount)) {
            return Err(Error::Conflict("amount is more than a wallet holds".into()));
        }
        let transfer = Transfer {
            kind,
            key: key(wallet, kind, &order),
            wallet: wallet.id,
            other,
            amount,
            calls: 0,
            reference,
            note: order.note,
            actor: order.actor,
        };
        let now_ms = now_unix_ms();
        let posted = post(
            &mut self.transaction,
            now_ms,
            std::slice::from_ref(&transfer),
        )
        .await?;
        let Posted { id, balance } = posted
            .first()
            .copied()
            .ok_or_else(|| Error::missing("transaction", &transfer.key))?;
        self.balance_moved(wallet, balance - amount, balance)
            .await?;
        Ok(Done::Now(WalletTransaction {
            id,
            created_at_ms: now_ms,
            kind,
            amount: NanoUsd(amount),
            balance: NanoUsd(balance),
            calls: 0,
            reference: transfer.reference,
            note: transfer.note,
            actor: transfer.actor,
        }))
    }

    /// What gateways and people have to hear of.
    pub(super) async fn balance_moved(
        &mut self,
        wallet: &Wallet,
        before: i64,
        after: i64,
    ) -> Result<()> {
        if (before > 0) != (after > 0)
            || (after < before && self.is_overdrawn(&wallet.group, after).await?)
        {
            self.changed(Change::GroupTokens(wallet.group.clone()));
        }
        let alert = sql(
            "SELECT balance_alert_threshold FROM groups WHERE id = $1 AND balance_alert_enabled = 1",
        )
        .bind(wallet.group.clone())
        .fetch_optional(&mut *self.transaction)
        .await?;
        if let Some(row) = alert {
            let threshold = row.int("balance_alert_threshold")?;
            if before >= threshold && after < threshold {
                self.noticed(Notice::BalanceLow {
                    group: wallet.group.clone(),
                    balance: NanoUsd(after),
                    threshold: NanoUsd(threshold),
                });
            }
        }
        Ok(())
    }

    async fn done_before(
        &mut self,
        wallet: &Wallet,
        kind: TransactionKind,
        order: &Movement,
    ) -> Result<Option<WalletTransaction>> {
        if order.key.is_none() {
            return Ok(None);
        }
        let statement = format!(
            "{} WHERE postings.account_id = $1 AND transactions.idempotency_key = $2",
            history::COLUMNS
        );
        let row = sql(statement)
            .bind(wallet.id)
            .bind(key(wallet, kind, order))
            .fetch_optional(&mut *self.transaction)
            .await?;
        row.as_ref().map(history::transaction).transpose()
    }
}

/// Nobody's key meets another group's, nor an earlier wallet's of the same group.
fn key(wallet: &Wallet, kind: TransactionKind, order: &Movement) -> String {
    let own = order
        .key
        .clone()
        .unwrap_or_else(|| format!("={}", hex::encode(random::<16>())));
    format!("{}:{}:{own}", kind.name(), wallet.id)
}

fn other_order() -> Error {
    Error::Conflict("idempotency_key was used for another order; choose a new one".into())
}
