//! Leases of budgets, as they are granted, returned and forgotten.
//!
//! What is outstanding is written in the transaction that grants it, and the budget's own row is
//! locked meanwhile. So neither a restart nor another control plane on the same database grants the
//! same money twice.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use tollgate_config::leases::Lease;
use tollgate_policy::lease::Book;

use super::budgets::{self, Budget, Subject};
use super::row::Columns;
use super::sql::sql;
use super::write::Write;
use super::{Result, Store};

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
        let mut answers = vec![Granted::default(); asked.len()];
        let mut subjects: BTreeMap<_, (Subject, Vec<usize>)> = BTreeMap::new();
        for (at, asked) in asked.iter().enumerate() {
            if let Some(subject) = Subject::parse(&asked.lease.budget) {
                let entry = subjects.entry(subject.lock_order());
                entry.or_insert((subject, Vec::new())).1.push(at);
            }
        }
        let mut transaction = self.writer().begin().await?;
        for (subject, places) in subjects.into_values() {
            let mut budget = budgets::read(&mut transaction, &subject, &zone, now_ms).await?;
            let name = subject.name();
            let mut holders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for at in places {
                if let Some(asked) = asked.get(at) {
                    holders.entry(&asked.holder).or_default().push(at);
                }
            }
            for (holder, places) in holders {
                let questions = places.iter().filter_map(|at| Some(&asked.get(*at)?.lease));
                let questions: Vec<&Lease> = questions.collect();
                let granted = grant(
                    &mut transaction,
                    (&name, holder),
                    &mut budget,
                    &questions,
                    now_ms,
                )
                .await?;
                for at in places {
                    if let Some(answer) = answers.get_mut(at) {
                        answer.clone_from(&granted);
                    }
                }
            }
        }
        transaction.commit().await?;
        Ok(answers)
    }

    /// Takes note of what a holder gave back. Of a lease that rested since `idle_before_ms` it also
    /// believes what has arrived there, and forgets it when nothing is outstanding.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn leases_returned(
        &self,
        holder: &str,
        leases: &[Lease],
        idle_before_ms: i64,
    ) -> Result<()> {
        let mut transaction = self.writer().begin().await?;
        let mut leases: Vec<&Lease> = leases.iter().collect();
        leases.sort_by_key(|lease| lease.id);
        for lease in leases {
            // A grant that was lost on its way is not on its way any more after so long.
            sql("UPDATE leases SET \
                 returned = CASE WHEN returned < $3 THEN $3 ELSE returned END, \
                 granted = CASE WHEN changed_at < $5 AND granted > $4 THEN $4 ELSE granted END \
                 WHERE id = $1 AND holder = $2")
            .bind(lease.id)
            .bind(holder.to_owned())
            .bind(lease.returned.max(0))
            .bind(lease.granted.max(0))
            .bind(idle_before_ms)
            .execute(&mut *transaction)
            .await?;
            sql(
                "DELETE FROM leases WHERE id = $1 AND holder = $2 AND changed_at < $3 \
                 AND granted - returned - drawn <= 0",
            )
            .bind(lease.id)
            .bind(holder.to_owned())
            .bind(idle_before_ms)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Leases that rested since then.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn idle_leases(&self, idle_before_ms: i64) -> Result<Vec<Held>> {
        let rows = sql(
            "SELECT id, budget, holder FROM leases WHERE changed_at < $1 ORDER BY id LIMIT 1000",
        )
        .bind(idle_before_ms)
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(held).collect()
    }

    /// All that a holder has.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn leases_of(&self, holder: &str) -> Result<Vec<Held>> {
        let rows = sql("SELECT id, budget, holder FROM leases WHERE holder = $1")
            .bind(holder.to_owned())
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(held).collect()
    }

    /// All that anybody has of these tokens' budgets.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn leases_of_tokens(&self, tokens: &[i64]) -> Result<Vec<Held>> {
        let mut all = Vec::new();
        for token in tokens {
            let rows =
                sql("SELECT id, budget, holder FROM leases WHERE budget = $1 OR budget = $2")
                    .bind(Subject::Total(*token).name())
                    .bind(Subject::Period(*token).name())
                    .fetch_all(self.reader())
                    .await?;
            for row in &rows {
                all.push(held(row)?);
            }
        }
        Ok(all)
    }

    /// All that anybody has of a group's balance.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn leases_of_group(&self, group: &str) -> Result<Vec<Held>> {
        let rows = sql("SELECT id, budget, holder FROM leases WHERE budget = $1")
            .bind(Subject::Group(group.to_owned()).name())
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(held).collect()
    }

    /// These holders are there; what belongs to nobody who was there since `gone_before_ms` is free
    /// again. Days before `oldest_day` are in no window any more.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn renew_leases(
        &self,
        holders: &[String],
        now_ms: i64,
        gone_before_ms: i64,
        oldest_day: i64,
    ) -> Result<u64> {
        let mut transaction = self.writer().begin().await?;
        for holder in holders {
            sql("UPDATE leases SET seen_at = $2 WHERE holder = $1")
                .bind(holder.clone())
                .bind(now_ms)
                .execute(&mut *transaction)
                .await?;
        }
        let gone = sql("DELETE FROM leases WHERE seen_at < $1")
            .bind(gone_before_ms)
            .execute(&mut *transaction)
            .await?;
        sql("DELETE FROM token_days WHERE day < $1")
            .bind(oldest_day)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(gone.rows_affected())
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

/// One holder's questions about one budget, which has been locked.
async fn grant(
    transaction: &mut Transaction<'_, Any>,
    (budget, holder): (&str, &str),
    state: &mut Budget,
    asked: &[&Lease],
    now_ms: i64,
) -> Result<Granted> {
    if state.remaining <= 0 {
        return Ok(Granted {
            lease: Lease {
                budget: budget.to_owned(),
                exhausted: state.used_up.clone(),
                ..Lease::default()
            },
            ..Granted::default()
        });
    }
    let mut rows = rows(transaction, budget, state.begins).await?;
    let mut own = match rows.iter().position(|row| row.holder == holder) {
        Some(at) => rows.swap_remove(at),
        None => begin(transaction, (budget, holder), state.begins, now_ms).await?,
    };
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
    let others = rows.iter().map(|row| row.outstanding().max(0));
    let book = Book {
        remaining: state.remaining,
        own: own.outstanding(),
        others: others.fold(0, i64::saturating_add),
    };
    let slice = book.slice(need);
    own.granted = own.granted.saturating_add(slice.amount);
    sql(
        "UPDATE leases SET granted = $2, returned = $3, changed_at = $4, seen_at = $4 \
         WHERE id = $1",
    )
    .bind(own.id)
    .bind(own.granted)
    .bind(own.returned)
    .bind(now_ms)
    .execute(&mut **transaction)
    .await?;
    let is_short = slice.amount < need;
    let held = rows.into_iter().filter(|row| row.outstanding() > 0);
    let others = held.filter(|_| is_short).map(|row| Held {
        lease: Lease {
            budget: budget.to_owned(),
            id: row.id,
            ..Lease::default()
        },
        holder: row.holder,
    });
    Ok(Granted {
        lease: Lease {
            budget: budget.to_owned(),
            id: own.id,
            granted: own.granted,
            until_unix_ms: state.until_ms,
            is_last: slice.is_last,
            ..Lease::default()
        },
        others: others.collect(),
        must_wait: need > 0 && slice.amount == 0,
    })
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

fn held(row: &AnyRow) -> Result<Held> {
    Ok(Held {
        holder: row.text("holder")?,
        lease: Lease {
            budget: row.text("budget")?,
            id: row.int("id")?,
            ..Lease::default()
        },
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
