//! Budgets: what tokens and groups may still spend.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use tollgate_config::leases::{GROUP_BALANCE, TOKEN_PERIOD, TOKEN_TOTAL};
use tollgate_config::meter::TokenRecord;
use tollgate_policy::price::NanoUsd;

use super::query::Conditions;
use super::row::Columns;
use super::sql::sql;
use super::tokens::period;
use super::write::Write;
use super::{Error, Result, Store};
use crate::domain::{Period, Token, options, shown};
use crate::secrets::TokenHash;

/// Whose budget it is, and which. In gateways and in the table of leases it goes by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// All that a token may ever spend: `q17`.
    Total(i64),
    /// What it may spend in a window: `p17`.
    Period(i64),
    /// A group's balance: `gacme`.
    Group(String),
}

/// What a token has spent, and what it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    pub used: NanoUsd,
    /// The least that any of its budgets leaves; `None`: it has none.
    pub left: Option<NanoUsd>,
    pub expires_at_ms: Option<i64>,
}

/// A budget at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Budget {
    /// The limit less what is booked.
    pub(super) remaining: i64,
    /// First day of the window; 0: it has none.
    pub(super) begins: i64,
    /// End of the window; 0: it has none.
    pub(super) until_ms: i64,
    /// There is no limit, or none any more.
    pub(super) is_unlimited: bool,
    /// What a caller reads when nothing remains.
    pub(super) used_up: String,
}

/// Remaining of what has no limit: no sum of calls comes near it, and no arithmetic over it ends.
const UNLIMITED: i64 = i64::MAX / 4;

// === impl Subject ===

impl Subject {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut letters = name.chars();
        let kind = letters.next()?;
        let rest = letters.as_str();
        match kind {
            TOKEN_TOTAL => Some(Self::Total(rest.parse().ok()?)),
            TOKEN_PERIOD => Some(Self::Period(rest.parse().ok()?)),
            GROUP_BALANCE if !rest.is_empty() => Some(Self::Group(rest.to_owned())),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Total(id) => format!("{TOKEN_TOTAL}{id}"),
            Self::Period(id) => format!("{TOKEN_PERIOD}{id}"),
            Self::Group(id) => format!("{GROUP_BALANCE}{id}"),
        }
    }

    /// Tokens by id, then groups: the order in which bookings lock them.
    pub(super) fn lock_order(&self) -> (bool, i64, String) {
        match self {
            Self::Total(id) | Self::Period(id) => (false, *id, self.name()),
            Self::Group(_) => (true, 0, self.name()),
        }
    }
}

/// Names of the budgets that a token's calls draw on, from its row and that of its group's wallet.
pub(super) fn names(row: &AnyRow) -> Result<Vec<String>> {
    let id = row.int("id")?;
    let mut names = Vec::new();
    if row.int("quota")? > 0 {
        names.push(Subject::Total(id).name());
    }
    if row.int("period_quota")? > 0 {
        names.push(Subject::Period(id).name());
    }
    if row.optional_int("balance")?.is_some() {
        names.push(Subject::Group(row.text("group_id")?).name());
    }
    Ok(names)
}

impl Store {
    /// The time zone in which days, weeks and months begin.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn zone(&self) -> Result<TimeZone> {
        Ok(self.options().await?.zone(options::TIME_ZONE))
    }

    /// The token with this hash as gateways know it, and what it has spent and may still spend. What
    /// it was before it was rotated is taken as long as gateways take it.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn spending(&self, hash: &TokenHash, now_ms: i64) -> Result<(TokenRecord, Spending)> {
        let missing = || Error::missing("token", "with this key");
        let id = match self.token_id(hash).await? {
            Some(id) => id,
            None => self.rotated(hash).await?.ok_or_else(missing)?,
        };
        let token = self.token(id, None).await?;
        let mut updates = self.token_updates(&[token.id]).await?.into_iter();
        let record = updates.find(|update| update.hash == hash.as_slice());
        let record = record.and_then(|update| update.record);
        let period_used = self
            .period_used(std::slice::from_ref(&token), now_ms)
            .await?;
        let left = |limit: NanoUsd, used: NanoUsd| NanoUsd((limit.0 - used.0).max(0));
        let mut lefts = Vec::new();
        if token.quota.0 > 0 {
            lefts.push(left(token.quota, token.used_amount));
        }
        if let Some(used) = period_used.get(&token.id) {
            lefts.push(left(token.period_quota, *used));
        }
        if let Some(balance) = self.remaining_balance(&token.group).await? {
            lefts.push(left(balance, NanoUsd(0)));
        }
        let spending = Spending {
            used: token.used_amount,
            left: lefts.into_iter().min(),
            expires_at_ms: token.expires_at_ms,
        };
        Ok((record.ok_or_else(missing)?, spending))
    }

    /// What these tokens have spent in the window of their period quotas in which an instant lies, by
    /// id. A token without such a quota is left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn period_used(
        &self,
        tokens: &[Token],
        now_ms: i64,
    ) -> Result<BTreeMap<i64, NanoUsd>> {
        let zone = self.zone().await?;
        let first_day = |token: &Token| token.period.window(&zone, now_ms).first_day;
        let limited = tokens.iter().filter(|token| token.period_quota.0 > 0);
        let mut used: BTreeMap<i64, (i64, NanoUsd)> = limited
            .map(|token| (token.id, (first_day(token), NanoUsd(0))))
            .collect();
        let ids: Vec<i64> = used.keys().copied().collect();
        let Some(first) = used.values().map(|(first, _)| *first).min() else {
            return Ok(BTreeMap::new());
        };
        let mut conditions = Conditions::default();
        conditions.ids("token_id", &ids);
        conditions.int("day >= ?", Some(first));
        let rows = conditions
            .statement("SELECT token_id, day, amount FROM token_days", "")
            .fetch_all(self.reader())
            .await?;
        for row in &rows {
            if let Some((first, sum)) = used.get_mut(&row.int("token_id")?)
                && row.int("day")? >= *first
            {
                sum.0 = sum.0.saturating_add(row.int("amount")?);
            }
        }
        Ok(used.into_iter().map(|(id, (_, sum))| (id, sum)).collect())
    }
}

/// Reads a budget, and locks it until the transaction ends: bookings and other grants wait.
pub(super) async fn read(
    transaction: &mut Transaction<'_, Any>,
    subject: &Subject,
    zone: &TimeZone,
    now_ms: i64,
) -> Result<Budget> {
    match subject {
        Subject::Total(id) => {
            // It changes nothing, but both databases lock the row for it.
            let row =
                sql("UPDATE tokens SET quota = quota WHERE id = $1 RETURNING quota, used_amount")
                    .bind(*id)
                    .fetch_optional(&mut **transaction)
                    .await?;
            let Some(row) = row else { return Ok(gone()) };
            let quota = row.int("quota")?;
            Ok(Budget {
                remaining: remaining(quota, row.int("used_amount")?),
                is_unlimited: quota == 0,
                begins: 0,
                until_ms: 0,
                used_up: "The quota of this API key is used up.".to_owned(),
            })
        }
        Subject::Period(id) => {
            let row = sql("UPDATE tokens SET quota = quota WHERE id = $1 \
                 RETURNING period_quota, period_type")
            .bind(*id)
            .fetch_optional(&mut **transaction)
            .await?;
            let Some(row) = row else { return Ok(gone()) };
            let period = period(&row)?;
            let window = period.window(zone, now_ms);
            let used = sql(
                "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) AS used FROM token_days \
                 WHERE token_id = $1 AND day >= $2 AND day < $3",
            )
            .bind(*id)
            .bind(window.first_day)
            .bind(window.end_day)
            .fetch_one(&mut **transaction)
            .await?
            .int("used")?;
            let quota = row.int("period_quota")?;
            Ok(Budget {
                remaining: remaining(quota, used),
                is_unlimited: quota == 0,
                begins: window.first_day,
                until_ms: window.end_ms,
                used_up: period_used_up(period, &shown(zone, window.end_ms)),
            })
        }
        Subject::Group(id) => {
            let row = sql("UPDATE groups SET status = status WHERE id = $1 RETURNING id")
                .bind(id.clone())
                .fetch_optional(&mut **transaction)
                .await?;
            if row.is_none() {
                return Ok(gone());
            }
            let balance = group_balance(transaction, id).await?;
            Ok(Budget {
                remaining: balance.map_or(UNLIMITED, |balance| balance.0.min(UNLIMITED)),
                is_unlimited: balance.is_none(),
                begins: 0,
                until_ms: 0,
                // In the words of gateways that know it without asking.
                used_up: "There is no credit left; recharge to go on.".to_owned(),
            })
        }
    }
}

/// What is left of a group's balance after all that is booked; `None`: it has none, and may spend
/// without limit.
async fn group_balance(
    transaction: &mut Transaction<'_, Any>,
    group: &str,
) -> Result<Option<NanoUsd>> {
    let row = sql(
        "SELECT balance, credit FROM accounts WHERE kind = 1 AND group_id = $1 AND closed_at = 0",
    )
    .bind(group.to_owned())
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let left = row.int("balance")?.saturating_add(row.int("credit")?);
    Ok(Some(NanoUsd(left)))
}

impl Write {
    /// Lets bookings and grants of tokens and groups wait until the end of this transaction. They lock
    /// tokens, and then groups, each in the order of their ids: whoever does it in another order waits
    /// for somebody who waits for them.
    pub(super) async fn lock_in_order(&mut self, tokens: &[i64], groups: &[String]) -> Result<()> {
        for token in BTreeSet::from_iter(tokens) {
            sql("UPDATE tokens SET status = status WHERE id = $1")
                .bind(*token)
                .execute(&mut *self.transaction)
                .await?;
        }
        for group in BTreeSet::from_iter(groups) {
            self.lock_balance(group).await?;
        }
        Ok(())
    }
}

fn remaining(limit: i64, used: i64) -> i64 {
    match limit {
        0 => UNLIMITED,
        _ => limit.saturating_sub(used),
    }
}

fn gone() -> Budget {
    Budget {
        remaining: 0,
        begins: 0,
        until_ms: 0,
        is_unlimited: false,
        used_up: "This API key does not exist any more.".to_owned(),
    }
}

fn period_used_up(period: Period, next: &str) -> String {
    let (name, window) = match period {
        Period::Daily => ("daily", "day"),
        Period::Weekly => ("weekly", "week"),
        Period::Monthly => ("monthly", "month"),
    };
    format!("The {name} quota of this API key is used up; the next {window} begins at {next}.")
}
