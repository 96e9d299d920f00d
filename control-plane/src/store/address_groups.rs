//! Which groups called from which addresses: what log rows say of that, by hour and day.
//!
//! Each booking writes it with its rows. Rows that are older than the table, or were booked by a program
//! that did not write it, are gone through in the background, the newest first ([`fill`]); until that is
//! done, the log is asked about them. Nothing is counted here, so that it does not matter how often a
//! row is looked at.

mod fill;
mod noted;

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Any, Transaction};

pub(super) use noted::Noted;

use super::query::{Bound, bound};
use super::row::Columns;
use super::rows::{pieces, places};
use super::sql::sql;
use super::{Result, Store};
use crate::domain::{Log, Span};

/// Hours for the ends of a time, days for what is between.
const SPANS: [Span; 2] = [Span::Hour, Span::Day];

/// The longest address, in bytes: what is longer is none.
const ADDRESS_MAX: usize = 64;

/// Addresses in one answer, those with the most groups first.
const MOST: i64 = 1000;

/// Writes down what rows say.
pub(super) async fn add(
    transaction: &mut Transaction<'_, Any>,
    logs: impl IntoIterator<Item = &Log>,
) -> Result<()> {
    // In the order of the key, so that two bookings wait for each other in one direction only.
    let mut seen: BTreeSet<(i64, i64, &str, &str)> = BTreeSet::new();
    for log in logs {
        if log.token_id == 0 || log.ip.is_empty() || log.ip.len() > ADDRESS_MAX {
            continue;
        }
        for span in SPANS {
            let start = span.start(log.created_at_ms);
            seen.insert((span.millis(), start, &log.ip, &log.group));
        }
    }
    let seen: Vec<_> = seen.into_iter().collect();
    for piece in pieces(&seen) {
        let mut query = sql(format!(
            "INSERT INTO address_groups (span, start_at, ip, group_id) VALUES {} \
             ON CONFLICT (span, start_at, ip, group_id) DO NOTHING",
            places(piece.len(), 4)
        ));
        for (span, start, ip, group) in piece {
            query = query.bind(*span).bind(*start);
            query = query.bind((*ip).to_owned()).bind((*group).to_owned());
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

impl Store {
    /// Addresses from which at least `threshold` groups made calls that were booked in the hours from
    /// that of `start_ms` to that of `end_ms`, and these groups.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ip_groups(
        &self,
        threshold: i64,
        start_ms: i64,
        end_ms: i64,
    ) -> Result<BTreeMap<String, Vec<String>>> {
        let time = (start_ms, end_ms, self.addresses_filled_from().await?);
        let mut calls = Calls::of(time, None);
        let (threshold, most) = (calls.place(threshold), calls.place(MOST));
        let text = format!(
            "SELECT ip, count(DISTINCT group_id) AS shared FROM ({}) AS calls \
             GROUP BY ip HAVING count(DISTINCT group_id) >= {threshold} \
             ORDER BY shared DESC, ip LIMIT {most}",
            calls.text
        );
        let rows = bound(text, &calls.values)
            .fetch_all(self.log_reader()?)
            .await?;
        let mut found = BTreeMap::new();
        for row in &rows {
            found.insert(row.text("ip")?, Vec::new());
        }
        if found.is_empty() {
            return Ok(found);
        }
        let addresses: Vec<&String> = found.keys().collect();
        let calls = Calls::of(time, Some(&addresses));
        let text = format!(
            "SELECT DISTINCT ip, group_id FROM ({}) AS calls ORDER BY group_id",
            calls.text
        );
        let rows = bound(text, &calls.values)
            .fetch_all(self.log_reader()?)
            .await?;
        for row in &rows {
            if let Some(groups) = found.get_mut(&row.text("ip")?) {
                groups.push(row.text("group_id")?);
            }
        }
        Ok(found)
    }

    /// Deletes the oldest hour, or day, that was over before a time. Answers how many rows that were.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_oldest_addresses(&self, before_ms: i64) -> Result<u64> {
        let mut deleted = 0;
        for span in SPANS {
            let oldest = sql(
                "SELECT start_at FROM address_groups WHERE span = $1 AND start_at <= $2 \
                 ORDER BY start_at LIMIT 1",
            )
            .bind(span.millis())
            .bind(before_ms.saturating_sub(span.millis()))
            .fetch_optional(self.log_reader()?)
            .await?;
            let Some(oldest) = oldest else { continue };
            let done = sql("DELETE FROM address_groups WHERE span = $1 AND start_at = $2")
                .bind(span.millis())
                .bind(oldest.int("start_at")?)
                .execute(self.log_writer())
                .await?;
            deleted += done.rows_affected();
        }
        Ok(deleted)
    }
}

/// Calls in a time: the text of a table of addresses and groups, and its values.
struct Calls {
    text: String,
    values: Vec<Bound>,
}

impl Calls {
    /// Those in the hours from that of `start_ms` to that of `end_ms`, from some addresses or all.
    fn of((start_ms, end_ms, filled_from): (i64, i64, i64), addresses: Option<&[&String]>) -> Self {
        let mut calls = Self {
            text: String::new(),
            values: Vec::new(),
        };
        let addresses = match addresses {
            None => String::new(),
            Some(addresses) => {
                let places: Vec<String> = addresses
                    .iter()
                    .map(|address| calls.place(address.as_str()))
                    .collect();
                format!(" AND ip IN ({})", places.join(", "))
            }
        };
        let end_ms = end_ms.saturating_add(1);
        let mut tables = Vec::new();
        for (span, from_ms, to_ms) in Span::parts(start_ms, end_ms) {
            let span = calls.place(span.millis());
            let (from, to) = (calls.place(from_ms), calls.place(to_ms));
            tables.push(format!(
                "SELECT ip, group_id FROM address_groups \
                 WHERE span = {span} AND start_at >= {from} AND start_at < {to}{addresses}"
            ));
        }
        if filled_from > start_ms {
            let from = calls.place(start_ms);
            let to = calls.place(end_ms.min(filled_from));
            tables.push(format!(
                "SELECT ip, group_id FROM logs WHERE created_at >= {from} AND created_at < {to} \
                 AND token_id <> 0 AND ip <> ''{addresses}"
            ));
        }
        calls.text = tables.join(" UNION ALL ");
        calls
    }

    fn place(&mut self, value: impl Into<Bound>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }
}

#[cfg(test)]
mod tests;
