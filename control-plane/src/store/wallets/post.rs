//! The one place where money moves.

use std::collections::BTreeMap;

use sqlx::{Any, Transaction};

use crate::domain::TransactionKind;
use crate::store::error::OnConflict;
use crate::store::query::Conditions;
use crate::store::row::Columns;
use crate::store::rows::{pieces, places};
use crate::store::sql::sql;
use crate::store::{Error, Result};

/// A transaction that is wanted: `amount` nano-USD from one account to another.
///
/// With two accounts and one amount it adds up to zero, whoever makes it.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    pub(super) kind: TransactionKind,
    /// Used once in all time.
    pub(super) key: String,
    /// The wallet's side.
    pub(super) wallet: i64,
    /// The system's.
    pub(super) other: i64,
    /// Into the wallet, or, below zero, out of it.
    pub(super) amount: i64,
    pub(super) calls: i64,
    pub(super) reference: String,
    pub(super) note: String,
    pub(super) actor: String,
}

/// One that was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posted {
    pub(super) id: i64,
    /// Of the wallet, after it.
    pub(super) balance: i64,
}

/// What one call of [`post`] may move in or out of an account: 1,000 million US dollars.
pub(super) const MAX_MOVE: i64 = 1_000_000_000_000_000_000;

/// Balances stay within this, so that nothing that is added to one leaves an i64, where SQLite would
/// go on in floating point.
pub(super) const MAX_BALANCE: i64 = 8_000_000_000_000_000_000;

/// Writes transactions with their postings and moves the balances, in this order: wallets by their
/// ids, then the system's accounts. Gives what was written, in the order of `transfers`.
///
/// # Errors
/// `Conflict` when a key was used before, or a wallet is closed or would be beyond
/// [`MAX_BALANCE`]; the database's transaction is of no use then.
pub(super) async fn post(
    transaction: &mut Transaction<'_, Any>,
    now_ms: i64,
    transfers: &[Transfer],
) -> Result<Vec<Posted>> {
    let mut ids = transactions(transaction, now_ms, transfers).await?;
    let mut wallets: BTreeMap<i64, i64> = BTreeMap::new();
    let mut others: BTreeMap<i64, i64> = BTreeMap::new();
    for transfer in transfers {
        add(&mut wallets, transfer.wallet, transfer.amount)?;
        add(
            &mut others,
            transfer.other,
            transfer.amount.checked_neg().ok_or_else(too_much)?,
        )?;
    }
    let mut balances = moved(transaction, &wallets).await?;
    balances.extend(moved(transaction, &others).await?);

    // Back to where they were, to go the way again step by step.
    for (account, by) in wallets.iter().chain(&others) {
        if let Some(balance) = balances.get_mut(account) {
            *balance -= by;
        }
    }
    let mut rows = Vec::with_capacity(2 * transfers.len());
    let mut posted = Vec::with_capacity(transfers.len());
    for transfer in transfers {
        let id = ids.remove(&transfer.key).ok_or_else(used_key)?;
        let sides = [
            (transfer.wallet, transfer.amount),
            (transfer.other, -transfer.amount),
        ];
        let mut after = 0;
        for (account, amount) in sides {
            let balance = balances.entry(account).or_default();
            *balance += amount;
            if account == transfer.wallet {
                after = *balance;
            }
            rows.push([
                id,
                account,
                transfer.kind.number(),
                now_ms,
                amount,
                *balance,
            ]);
        }
        posted.push(Posted { id, balance: after });
    }
    for piece in pieces(&rows) {
        let text = format!(
            "INSERT INTO postings (transaction_id, account_id, kind, created_at, amount, balance) \
             VALUES {}",
            places(piece.len(), 6)
        );
        let mut query = sql(text);
        for value in piece.iter().flatten() {
            query = query.bind(*value);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(posted)
}

/// Writes the transactions; gives their ids by their keys.
async fn transactions(
    transaction: &mut Transaction<'_, Any>,
    now_ms: i64,
    transfers: &[Transfer],
) -> Result<BTreeMap<String, i64>> {
    let mut ids = BTreeMap::new();
    for piece in pieces(transfers) {
        let text = format!(
            "INSERT INTO transactions (created_at, kind, idempotency_key, calls, reference, note, \
             actor) VALUES {}",
            places(piece.len(), 7)
        );
        let mut query = sql(text);
        for transfer in piece {
            query = query
                .bind(now_ms)
                .bind(transfer.kind.number())
                .bind(transfer.key.clone())
                .bind(transfer.calls)
                .bind(transfer.reference.clone())
                .bind(transfer.note.clone())
                .bind(transfer.actor.clone());
        }
        let done = query.execute(&mut **transaction).await;
        done.on_conflict(|| used_key().to_string())?;
        let keys: Vec<_> = piece.iter().map(|transfer| transfer.key.clone()).collect();
        let mut conditions = Conditions::default();
        conditions.names("idempotency_key", &keys);
        let rows = conditions
            .statement("SELECT id, idempotency_key FROM transactions", "")
            .fetch_all(&mut **transaction)
            .await?;
        for row in rows {
            ids.insert(row.text("idempotency_key")?, row.int("id")?);
        }
    }
    Ok(ids)
}

/// Moves balances; gives what they are now.
async fn moved(
    transaction: &mut Transaction<'_, Any>,
    accounts: &BTreeMap<i64, i64>,
) -> Result<BTreeMap<i64, i64>> {
    let moves: Vec<_> = accounts.iter().collect();
    let mut balances = BTreeMap::new();
    for piece in pieces(&moves) {
        let mut conditions = Conditions::default();
        let ids: Vec<i64> = piece.iter().map(|(account, _)| **account).collect();
        conditions.ids("id", &ids);
        let mut cases = String::new();
        for (account, by) in piece {
            let (account, by) = (conditions.place(**account), conditions.place(**by));
            cases.push_str(&format!(" WHEN {account} THEN {by}"));
        }
        conditions.int("closed_at = 0 AND balance >= ?", Some(-MAX_BALANCE));
        conditions.int("balance <= ?", Some(MAX_BALANCE));
        let head = format!("UPDATE accounts SET balance = balance + CASE id{cases} END");
        let done = conditions
            .statement(&head, "")
            .execute(&mut **transaction)
            .await?;
        if usize::try_from(done.rows_affected()) != Ok(piece.len()) {
            return Err(Error::Conflict(
                "the wallet was closed meanwhile, or holds as much as it can".into(),
            ));
        }
        let mut conditions = Conditions::default();
        conditions.ids("id", &ids);
        let rows = conditions
            .statement("SELECT id, balance FROM accounts", "")
            .fetch_all(&mut **transaction)
            .await?;
        for row in rows {
            balances.insert(row.int("id")?, row.int("balance")?);
        }
    }
    Ok(balances)
}

fn add(sums: &mut BTreeMap<i64, i64>, account: i64, by: i64) -> Result<()> {
    let sum = sums.entry(account).or_default();
    *sum = sum
        .checked_add(by)
        .filter(|sum| (-MAX_MOVE..=MAX_MOVE).contains(sum))
        .ok_or_else(too_much)?;
    Ok(())
}

fn too_much() -> Error {
    Error::Conflict("the amount is more than can be moved at once".into())
}

fn used_key() -> Error {
    Error::Conflict("a transaction with this idempotency_key is there already".into())
}
