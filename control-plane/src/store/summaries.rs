//! Summaries: what log rows add up to by minute, hour and day. Written by each booking, read by
//! dashboards, which so never read the rows themselves.

mod query;
mod read;
mod statement;

use std::collections::BTreeMap;

use sqlx::{Any, Transaction};

use super::Result;
use super::rows::{pieces, places};
use super::sql::sql;
use crate::domain::{Log, Span, Tally};

pub use query::{DailyHours, Dimension, Of, SummaryQuery, Summed, Top};

/// Whose a summary is: the key after `span` and `start_at`, in the order of the key's columns.
type Key<'l, Of> = (i64, i64, Of, &'l str);

const CHANNEL_KEY: &[&str] = &["span", "start_at", "channel_id", "model"];
const GROUP_KEY: &[&str] = &["span", "start_at", "group_id", "token_name", "model"];

/// Adds rows to the summaries in which they lie.
pub(super) async fn add(transaction: &mut Transaction<'_, Any>, logs: &[Log]) -> Result<()> {
    let mut channels: BTreeMap<Key<'_, i64>, Tally> = BTreeMap::new();
    let mut groups: BTreeMap<Key<'_, (&str, &str)>, Tally> = BTreeMap::new();
    for log in logs {
        let model = model(log);
        let owner = (log.group.as_str(), log.token_name.as_str());
        // Once for all spans: the parts of an amount are counted anew each time.
        let attempts: Vec<_> = Tally::of_attempts(log).collect();
        let request = Tally::of_request(log);
        for span in Span::ALL {
            let (length, start) = (span.millis(), span.start(log.created_at_ms));
            for (channel, tally) in &attempts {
                let key = (length, start, *channel, model);
                channels.entry(key).or_default().add(tally);
            }
            let key = (length, start, owner, model);
            groups.entry(key).or_default().add(&request);
        }
    }
    let channels: Vec<_> = channels.into_iter().collect();
    for piece in pieces(&channels) {
        let mut query = sql(upsert("channel_summaries", CHANNEL_KEY, piece.len()));
        for ((span, start, channel, model), tally) in piece {
            query = query.bind(*span).bind(*start).bind(*channel);
            query = query.bind((*model).to_owned());
            query = tally
                .values()
                .into_iter()
                .fold(query, |query, value| query.bind(value));
        }
        query.execute(&mut **transaction).await?;
    }
    let groups: Vec<_> = groups.into_iter().collect();
    for piece in pieces(&groups) {
        let mut query = sql(upsert("group_summaries", GROUP_KEY, piece.len()));
        for ((span, start, (group, token), model), tally) in piece {
            query = query.bind(*span).bind(*start).bind((*group).to_owned());
            query = query.bind((*token).to_owned()).bind((*model).to_owned());
            query = tally
                .values()
                .into_iter()
                .fold(query, |query, value| query.bind(value));
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// The name under which a row is counted. What no channel serves is whatever a caller made up, and
/// would make a row for each invention.
fn model(log: &Log) -> &str {
    let invented = log.attempts.is_empty() && log.code == 404;
    if invented { "" } else { &log.model }
}

/// Adds so many rows to a table. Sums stop at the largest number: past it SQLite goes on in floating
/// point and the others fail, and with them the whole batch, again and again.
fn upsert(table: &str, key: &[&str], rows: usize) -> String {
    let columns: Vec<&str> = key.iter().chain(Tally::FIELDS).copied().collect();
    let sums: Vec<String> = Tally::FIELDS
        .iter()
        .map(|field| {
            format!(
                "{field} = CASE WHEN {table}.{field} > 9223372036854775807 - excluded.{field} \
                 THEN 9223372036854775807 ELSE {table}.{field} + excluded.{field} END"
            )
        })
        .collect();
    format!(
        "INSERT INTO {table} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}",
        columns.join(", "),
        places(rows, columns.len()),
        key.join(", "),
        sums.join(", ")
    )
}

#[cfg(test)]
mod tests;
