//! Booking: log rows and all that grows with them, in one transaction.

mod budgets;
mod growth;
mod rows;

use std::collections::BTreeMap;

use sqlx::{Any, Transaction};

use super::address_groups::Noted;
use super::limits::Terms;
use super::write::Write;
use super::{Result, Store, address_groups, log_outbox, summaries};
use crate::domain::{Log, now_unix_ms};

pub(super) use rows::known;

/// A log row before it has an id; that field is not looked at.
pub type NewLog = Log;

/// Bookings that get in each other's way are tried again, so often, and once more for each row: another
/// booking may write any of them first, which after that is known.
const TRIES: usize = 5;

impl Store {
    /// Writes log rows and everything that they add, or nothing at all.
    ///
    /// A row whose request id is there already, or stands in `logs` before it, is left out with all
    /// that it would add. Answers with the rows that were written, by request id, without their own
    /// ids.
    ///
    /// # Errors
    /// When the database is away; nothing is written then.
    pub(crate) async fn book(&self, logs: Vec<NewLog>) -> Result<Vec<Log>> {
        let mut logs = once_each(logs);
        if self.0.logs.is_some() {
            let known = self.moved_long_ago(&logs, now_unix_ms()).await?;
            logs.retain(|id, _| !known.contains(id));
        }
        let terms = self.limit_terms().await?;
        let most = TRIES.saturating_add(logs.len());
        let mut tries = 1;
        loop {
            match self.book_once(&logs, &terms).await {
                Err(error) if error.is_contention() && tries < most => tries += 1,
                done => return done,
            }
        }
    }

    async fn book_once(&self, logs: &BTreeMap<String, NewLog>, terms: &Terms) -> Result<Vec<Log>> {
        let mut write = Write::begin(self).await?;
        let is_separate = self.0.logs.is_some();
        let written = insert(&mut write.transaction, logs, is_separate).await?;
        if !written.is_empty() {
            let noted = (!is_separate).then_some(&self.0.noted);
            add(&mut write.transaction, &written, noted).await?;
            write.charge(&written).await?;
        }
        write.reach_levels(terms, &written).await?;
        write.commit_charges().await?;
        if !is_separate {
            self.0.noted.remember(&written);
        }
        Ok(written)
    }
}

/// Inserts the rows that are not there yet, and gives these. Those for a log database of its own are
/// put where they wait for it; a row that was booked before there was one is known all the same.
async fn insert(
    transaction: &mut Transaction<'_, Any>,
    logs: &BTreeMap<String, NewLog>,
    is_separate: bool,
) -> Result<Vec<Log>> {
    let ids: Vec<String> = logs.keys().cloned().collect();
    let mut known = rows::known(&mut **transaction, &ids).await?;
    known.extend(log_outbox::known(transaction, &ids).await?);
    let new = logs.iter().filter(|(id, _)| !known.contains(*id));
    let new: Vec<&NewLog> = new.map(|(_, log)| log).collect();
    match is_separate {
        true => log_outbox::insert(transaction, &new).await?,
        false => rows::insert(transaction, &new).await?,
    }
    Ok(new.into_iter().cloned().collect())
}

/// Rows that arrive in the log database: those that are not there yet, and what they add to the
/// summaries and to what is known of addresses.
pub(super) async fn take(
    transaction: &mut Transaction<'_, Any>,
    logs: &BTreeMap<String, Log>,
) -> Result<()> {
    let ids: Vec<String> = logs.keys().cloned().collect();
    let known = rows::known(&mut **transaction, &ids).await?;
    let new = logs.iter().filter(|(id, _)| !known.contains(*id));
    let new: Vec<&Log> = new.map(|(_, log)| log).collect();
    rows::insert(transaction, &new).await?;
    let new: Vec<Log> = new.into_iter().cloned().collect();
    summaries::add(transaction, &new).await?;
    address_groups::add(transaction, &new).await
}

/// Everything that grows with new rows; `noted` where the log is in this database. Each of these takes the rows that it locks in the order of
/// their keys, so that two bookings wait for each other in one direction only.
async fn add(
    transaction: &mut Transaction<'_, Any>,
    written: &[Log],
    noted: Option<&Noted>,
) -> Result<()> {
    growth::add(transaction, written).await?;
    if let Some(noted) = noted {
        summaries::add(transaction, written).await?;
        address_groups::add(transaction, noted.news(written)).await?;
    }
    budgets::add(transaction, written).await
}

/// Every request once, in the order of their ids, for the same reason.
fn once_each(logs: Vec<NewLog>) -> BTreeMap<String, NewLog> {
    let mut unique = BTreeMap::new();
    for log in logs {
        unique.entry(log.request_id.clone()).or_insert(log);
    }
    unique
}
