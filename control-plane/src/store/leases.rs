//! Leases of budgets, as they are granted, returned and forgotten.
//!
//! What is outstanding is written in the transaction that grants it, and the budget's own row is
//! locked meanwhile. So neither a restart nor another control plane on the same database grants the
//! same money twice.

mod held;
mod returned;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use tollgate_config::leases::Lease;
use tollgate_policy::lease::Book;

use super::budgets::{self, Budget, Subject};
use super::row::Columns;
use super::sql::sql;
use super::write::Write;
use super::{Error, Result, Store};

/// Grants that get in the way of others are tried again, so often.
const TRIES: usize = 3;

/// What a holder asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) holder: String,
    pub(crate) lease: Lease,
}

/// What the control plane answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Granted {
    pub(crate) lease: Lease,
    /// It lacks something, and there is something that others hold.
    pub(crate) others: Vec<Held>,
    /// It gets nothing now, but may later.
    pub(crate) must_wait: bool,
}

/// A lease and who has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) holder: String,
    pub(crate) lease: Lease,
}

/// A row of the table.
#[derive(Debug, Clone)]
struct Row {
    id: i64,
    holder: String,
    granted: i64,
    returned: i64,
    drawn: i64,
}

impl Store {
    /// Grants slices to all who ask, in one transaction; the answers are in the order of the
    /// questions. What cannot be read as a budget is answered with an empty lease.
    ///
    /// # Errors
    /// When the database is away; nothing is granted then.
    pub(crate) async fn grant_leases(&self, asked: &[Asked], now_ms: i64) -> Result<Vec<Granted>> {
        let zone = self.zone().await?;
        let mut tries = 1;
        loop {
            match self.grant_once(asked, &zone, now_ms).await {
                Err(error) if error.is_contention() && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    /// Locks budgets in the order in which bookings lock them, and then rows of leases in the order of
    /// their ids.
    async fn grant_once(
        &self,
        asked: &[Asked],
        zone: &TimeZone,
        now_ms: i64,
    ) -> Result<Vec<Granted>> {
        let mut answers = vec![Granted::default(); asked.len()];
        let mut subjects: BTreeMap<_, (Subject, BTreeMap<&str, Vec<usize>>)> = BTreeMap::new();
        for (at, asked) in asked.iter().enumerate() {
            if let Some(subject) = Subject::parse(&asked.lease.budget) {
                let entry = subjects.entry(subject.lock_order());
                let (_, holders) = entry.or_insert((subject, BTreeMap::new()));
                holders.entry(&asked.holder).or_default().push(at);
            }
        }
        let mut transaction = self.writer().begin().await?;
        let mut changed: BTreeMap<i64, Row> = BTreeMap::new();
        for (subject, holders) in subjects.into_values() {
            let budget = budgets::read(&mut transaction, &subject, zone, now_ms).await?;
            let name = subject.name();
            let mut rows = match budget.remaining {
                ..=0 => Vec::new(),
                _ => rows(&mut transaction, &name, budget.begins).await?,
            };
            for (holder, places) in holders {
                let granted = if budget.remaining <= 0 {
                    used_up(&name, &budget)
                } else {
                    let own = match rows.iter().position(|row| row.holder == holder) {
                        Some(at) => rows.swap_remove(at),
                        None => {
                            let begins = budget.begins;
                            begin(&mut transaction, (&name, holder), begins, now_ms).await?
                        }
                    };
                    let questions = places.iter().filter_map(|at| Some(&asked.get(*at)?.lease));
                    let (granted, own) = grant((&name, &budget), own, &rows, questions);
                    changed.insert(own.id, own.clone());
                    rows.push(own);
                    granted
                };
                for at in places {
                    if let Some(answer) = answers.get_mut(at) {
                        answer.clone_from(&granted);
                    }
                }
            }
        }
        for row in changed.into_values() {
            write(&mut transaction, &row, now_ms).await?;
        }
        transaction.commit().await?;
        Ok(answers)
    }
}

impl Write {
    /// Whether gateways hold more of a group's balance than it is now. Whoever changes a balance has
    /// its group locked ([`Write::lock_balance`]), so no grant comes between.
    pub(super) async fn is_overdrawn(&mut self, group: &str, balance: i64) -> Result<bool> {
        let outstanding = sql(
            "SELECT CAST(coalesce(sum(granted - returned - drawn), 0) AS BIGINT) AS outstanding \
             FROM leases WHERE budget = $1 AND granted - returned - drawn > 0",
        )
        .bind(Subject::Group(group.to_owned()).name())
        .fetch_one(&mut *self.transaction)
        .await?
        .int("outstanding")?;
        Ok(outstanding > balance)
    }

    /// Lets grants and bookings of a group wait until the end of this transaction. It comes before
    /// the lock of its wallet, as with them.
    pub(super) async fn lock_balance(&mut self, group: &str) -> Result<()> {
        sql("UPDATE groups SET status = status WHERE id = $1")
            .bind(group.to_owned())
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}

fn used_up(name: &str, budget: &Budget) -> Granted {
    Granted {
        lease: Lease {
            budget: name.to_owned(),
            exhausted: budget.used_up.clone(),
            ..Lease::default()
        },
        ..Granted::default()
    }
}

/// One holder's questions about one budget, of which `others` have the rest. Gives its row as it is to
/// be.
fn grant<'a>(
    (name, budget): (&str, &Budget),
    mut own: Row,
    others: &[Row],
    asked: impl Iterator<Item = &'a Lease>,
) -> (Granted, Row) {
    // Who has not seen the last grant has that one to use first.
    let mut need: i64 = 0;
    for lease in asked {
        if lease.id == own.id {
            own.returned = own.returned.max(lease.returned);
            // More only where the database is an older copy.
            own.granted = own.granted.max(lease.granted);
        }
        let seen = if lease.id == own.id { lease.granted } else { 0 };
        if seen >= own.granted {
            need = need.saturating_add(lease.need.max(0));
        }
    }
    let held = others.iter().filter(|row| row.outstanding() > 0);
    let book = Book {
        remaining: budget.remaining,
        own: own.outstanding(),
        others: held
            .clone()
            .map(Row::outstanding)
            .fold(0, i64::saturating_add),
    };
    let mut slice = book.slice(need);
    if budget.is_unlimited {
        // Who asks has not heard yet, and is to hold nothing when there is a limit again.
        slice.amount = slice.amount.min(need);
    }
    own.granted = own.granted.saturating_add(slice.amount);
    let is_short = slice.amount < need;
    let others = held.filter(|_| is_short).map(|row| Held {
        lease: Lease {
            budget: name.to_owned(),
            id: row.id,
            ..Lease::default()
        },
        holder: row.holder.clone(),
    });
    let granted = Granted {
        lease: Lease {
            budget: name.to_owned(),
            id: own.id,
            granted: own.granted,
            until_unix_ms: budget.until_ms,
            is_last: slice.is_last,
            ..Lease::default()
        },
        others: others.collect(),
        must_wait: need > 0 && slice.amount == 0,
    };
    (granted, own)
}

/// # Errors
/// `Conflict` when it is gone: it came back, or its holder was given up, since it was read. Nothing may
/// be told of it then.
async fn write(transaction: &mut Transaction<'_, Any>, row: &Row, now_ms: i64) -> Result<()> {
    let done = sql("UPDATE leases SET granted = $2, \
         returned = CASE WHEN returned < $3 THEN $3 ELSE returned END, changed_at = $4, seen_at = $4 \
         WHERE id = $1")
    .bind(row.id)
    .bind(row.granted)
    .bind(row.returned)
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    match done.rows_affected() {
        0 => Err(Error::Conflict("a lease came back meanwhile".into())),
        _ => Ok(()),
    }
}

async fn rows(
    transaction: &mut Transaction<'_, Any>,
    budget: &str,
    begins: i64,
) -> Result<Vec<Row>> {
    let rows = sql("SELECT id, holder, granted, returned, drawn FROM leases \
         WHERE budget = $1 AND begins = $2")
    .bind(budget.to_owned())
    .bind(begins)
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter().map(row).collect()
}

async fn begin(
    transaction: &mut Transaction<'_, Any>,
    (budget, holder): (&str, &str),
    begins: i64,
    now_ms: i64,
) -> Result<Row> {
    let made = sql(
        "INSERT INTO leases (budget, begins, holder, granted, returned, drawn, changed_at, seen_at) \
         VALUES ($1, $2, $3, 0, 0, 0, $4, $4) RETURNING id, holder, granted, returned, drawn",
    )
    .bind(budget.to_owned())
    .bind(begins)
    .bind(holder.to_owned())
    .bind(now_ms)
    .fetch_one(&mut **transaction)
    .await?;
    row(&made)
}

fn row(row: &AnyRow) -> Result<Row> {
    Ok(Row {
        id: row.int("id")?,
        holder: row.text("holder")?,
        granted: row.int("granted")?,
        returned: row.int("returned")?,
        drawn: row.int("drawn")?,
    })
}

impl Row {
    /// Below zero after a call that cost more than there was.
    fn outstanding(&self) -> i64 {
        self.granted
            .saturating_sub(self.returned)
            .saturating_sub(self.drawn)
    }
}

#[cfg(test)]
mod tests;
