//! What calls cost, taken out of the wallets of their groups.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Any, Transaction};
use tollgate_policy::price::NanoUsd;

use super::post::{self, Transfer, post};
use super::{WALLET, system};
use crate::domain::{Log, TransactionKind, now_unix_ms};
use crate::store::query::Conditions;
use crate::store::row::Columns;
use crate::store::rows::{pieces, places};
use crate::store::sql::sql;
use crate::store::write::Write;
use crate::store::{Change, Notice, Result};

/// Charges that go into one posting at most: their sum is far below what one can move.
const CHUNK: usize = 512;

/// A group's wallet before the charge.
struct Purse {
    account: i64,
    service: i64,
    credit: i64,
    /// When its group was made.
    since_ms: i64,
    /// The alert is to sound below this.
    alert_below: Option<i64>,
}

/// What became of the wallets, to be announced after the commit.
#[derive(Debug, Default)]
struct Charged {
    changes: Vec<Change>,
    notices: Vec<Notice>,
}

impl Write {
    /// Takes what calls cost out of their groups' wallets, each call once, whatever is left in them.
    ///
    /// Groups without a wallet are charged nothing, nor are they for calls of a group that had their
    /// name before them. A group's calls are one transaction, with a line
    /// for each ([`crate::domain::Charge`]). It never fails because of what is in the rows.
    pub(in crate::store) async fn charge(&mut self, logs: &[Log]) -> Result<()> {
        let mut charged = Charged::default();
        for chunk in logs.chunks(CHUNK) {
            charge_chunk(&mut self.transaction, chunk, &mut charged).await?;
        }
        for change in charged.changes {
            self.changed(change);
        }
        for notice in charged.notices {
            self.noticed(notice);
        }
        Ok(())
    }

    /// Commits a booking. When that fails it may be there all the same, and is not charged again: so
    /// the word of wallets that it emptied goes out now.
    pub(in crate::store) async fn commit_charges(self) -> Result<()> {
        let (store, changes) = (self.store.clone(), self.changes.clone());
        let done = self.commit().await;
        if done.is_err() {
            for change in changes {
                store.announce(change);
            }
        }
        done
    }
}

async fn charge_chunk(
    transaction: &mut Transaction<'_, Any>,
    logs: &[Log],
    charged: &mut Charged,
) -> Result<()> {
    // A call without a token is nobody's.
    let costly = logs
        .iter()
        .filter(|log| log.amount.0 > 0 && log.token_id != 0);
    let mut groups: BTreeMap<&str, Vec<&Log>> = BTreeMap::new();
    for log in costly {
        groups.entry(&log.group).or_default().push(log);
    }
    if groups.is_empty() {
        return Ok(());
    }
    let purses = purses(transaction, groups.keys()).await?;
    groups.retain(|group, _| purses.contains_key(*group));
    if groups.is_empty() {
        return Ok(());
    }
    let mut known = known(transaction, groups.values().flatten()).await?;
    known.extend(of_namesakes(transaction, &groups, &purses).await?);
    let mut once = BTreeSet::new();
    for calls in groups.values_mut() {
        calls.retain(|log| !known.contains(&log.request_id) && once.insert(&log.request_id));
    }
    groups.retain(|_, calls| !calls.is_empty());

    let mut transfers = Vec::with_capacity(groups.len());
    for (group, calls) in &groups {
        let (Some(purse), Some(first)) = (purses.get(*group), calls.first()) else {
            continue;
        };
        let amount: i64 = calls.iter().map(|log| log.amount.0).sum();
        transfers.push(Transfer {
            kind: TransactionKind::Usage,
            key: format!("usage:{}", first.request_id),
            wallet: purse.account,
            other: system::USAGE,
            amount: -amount,
            calls: i64::try_from(calls.len()).unwrap_or(i64::MAX),
            reference: String::new(),
            note: String::new(),
            actor: String::new(),
        });
    }
    let now_ms = now_unix_ms();
    let posted = post(transaction, now_ms, &transfers).await?;

    let mut lines = Vec::with_capacity(logs.len());
    let mut unconfirmed = Vec::new();
    for (((group, calls), transfer), posted) in groups.iter().zip(&transfers).zip(&posted) {
        lines.extend(calls.iter().map(|log| (*log, transfer.wallet, posted.id)));
        let Some(purse) = purses.get(*group) else {
            continue;
        };
        if purse.service != 0 {
            unconfirmed.push([
                purse.service,
                purse.account,
                posted.id,
                now_ms,
                -transfer.amount,
                now_ms,
            ]);
        }
        let after = posted.balance.saturating_add(purse.credit);
        let before = after.saturating_sub(transfer.amount);
        if before > 0 && after <= 0 {
            charged
                .changes
                .push(Change::GroupTokens((*group).to_owned()));
        }
        let threshold = purse.alert_below.unwrap_or(i64::MIN);
        if before >= threshold && after < threshold {
            charged.notices.push(Notice::BalanceLow {
                group: (*group).to_owned(),
                balance: NanoUsd(after),
                threshold: NanoUsd(threshold),
            });
        }
    }
    write_lines(transaction, &lines).await?;
    write_unconfirmed(transaction, &unconfirmed).await
}

/// The open wallets of these groups, without those that can hold no more.
async fn purses<'a>(
    transaction: &mut Transaction<'_, Any>,
    groups: impl Iterator<Item = &'a &'a str>,
) -> Result<BTreeMap<String, Purse>> {
    let mut names: Vec<String> = groups.map(|group| (*group).to_owned()).collect();
    // The system's accounts have no group.
    names.push(String::new());
    let mut conditions = Conditions::default();
    conditions.names("accounts.group_id", &names);
    conditions.int("accounts.closed_at = ?", Some(0));
    let rows = conditions
        .statement(
            "SELECT accounts.id AS id, accounts.kind AS kind, accounts.group_id AS group_id, \
             accounts.service_id AS service_id, accounts.balance AS balance, \
             accounts.credit AS credit, groups.created_at AS since, \
             groups.balance_alert_enabled AS alert, \
             groups.balance_alert_threshold AS threshold \
             FROM accounts LEFT JOIN groups ON groups.id = accounts.group_id",
            "",
        )
        .fetch_all(&mut **transaction)
        .await?;
    let mut purses = BTreeMap::new();
    for row in rows {
        let (id, balance) = (row.int("id")?, row.int("balance")?);
        let is_full = balance.saturating_abs() > post::MAX_BALANCE - post::MAX_MOVE;
        if is_full && (id == system::USAGE || id > 0) {
            // Failing would hold up everybody's usage for ever.
            tracing::error!(
                account = id,
                balance,
                "an account can hold no more: usage is not charged"
            );
        }
        if is_full && id == system::USAGE {
            return Ok(BTreeMap::new());
        }
        if is_full || row.int("kind")? != WALLET {
            continue;
        }
        let alert = row.optional_int("alert")?.unwrap_or(0) != 0;
        let threshold = row.optional_int("threshold")?;
        let purse = Purse {
            account: id,
            service: row.int("service_id")?,
            credit: row.int("credit")?,
            since_ms: row.optional_int("since")?.unwrap_or(0),
            alert_below: threshold.filter(|_| alert),
        };
        purses.insert(row.text("group_id")?, purse);
    }
    Ok(purses)
}

/// Which of these calls have been charged. Log rows are forgotten after a time, charges are not.
async fn known<'a>(
    transaction: &mut Transaction<'_, Any>,
    logs: impl Iterator<Item = &'a &'a Log>,
) -> Result<BTreeSet<String>> {
    let ids: Vec<String> = logs.map(|log| log.request_id.clone()).collect();
    let mut known = BTreeSet::new();
    for piece in pieces(&ids) {
        let mut conditions = Conditions::default();
        conditions.names("request_id", piece);
        let rows = conditions
            .statement("SELECT request_id FROM charges", "")
            .fetch_all(&mut **transaction)
            .await?;
        for row in rows {
            known.insert(row.text("request_id")?);
        }
    }
    Ok(known)
}

/// Calls of a group that is gone, and whose name another has since: they began before that one was
/// there, with a token that went with the first. (A gateway's clock may be behind: then the token is
/// there.)
async fn of_namesakes(
    transaction: &mut Transaction<'_, Any>,
    groups: &BTreeMap<&str, Vec<&Log>>,
    purses: &BTreeMap<String, Purse>,
) -> Result<Vec<String>> {
    let mut early: Vec<&Log> = Vec::new();
    for (group, calls) in groups {
        let since_ms = purses.get(*group).map_or(0, |purse| purse.since_ms);
        let is_early = |log: &&Log| log.request_at_ms > 0 && log.request_at_ms < since_ms;
        early.extend(calls.iter().copied().filter(is_early));
    }
    let tokens: BTreeSet<i64> = early.iter().map(|log| log.token_id).collect();
    let tokens: Vec<i64> = tokens.into_iter().collect();
    let mut there = BTreeSet::new();
    for piece in pieces(&tokens) {
        let mut conditions = Conditions::default();
        conditions.ids("id", piece);
        let rows = conditions
            .statement("SELECT id FROM tokens", "")
            .fetch_all(&mut **transaction)
            .await?;
        for row in rows {
            there.insert(row.int("id")?);
        }
    }
    early.retain(|log| !there.contains(&log.token_id));
    Ok(early.iter().map(|log| log.request_id.clone()).collect())
}

async fn write_lines(
    transaction: &mut Transaction<'_, Any>,
    lines: &[(&Log, i64, i64)],
) -> Result<()> {
    for piece in pieces(lines) {
        let text = format!(
            "INSERT INTO charges (request_id, transaction_id, account_id, amount) VALUES {}",
            places(piece.len(), 4)
        );
        let mut query = sql(text);
        for (log, account, id) in piece {
            query = query
                .bind(log.request_id.clone())
                .bind(*id)
                .bind(*account)
                .bind(log.amount.0);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// What a service has to be told of.
async fn write_unconfirmed(
    transaction: &mut Transaction<'_, Any>,
    rows: &[[i64; 6]],
) -> Result<()> {
    for piece in pieces(rows) {
        let text = format!(
            "INSERT INTO consumptions (service_id, account_id, transaction_id, created_at, amount, \
             next_at) VALUES {}",
            places(piece.len(), 6)
        );
        let mut query = sql(text);
        for value in piece.iter().flatten() {
            query = query.bind(*value);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
