//! What a group used, by day and model.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::query::Conditions;
use super::row::Columns;
use super::{Dimension, Of, Result, Store, SummaryQuery};
use crate::domain::{Period, Span, Tally};

/// Whose usage is wanted, and of which days: a whole number of them, in a zone.
#[derive(Debug, Clone)]
pub struct UsageQuery {
    pub group: String,
    /// Of a token by all the names that it had.
    pub token_id: Option<i64>,
    pub model: Option<String>,
    pub zone: TimeZone,
    /// Where the first day begins, in Unix milliseconds.
    pub start_ms: i64,
    /// Where the last one ends.
    pub end_ms: i64,
}

/// One model on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Its beginning, in Unix milliseconds.
    pub day_ms: i64,
    pub model: String,
    pub tally: Tally,
}

impl Store {
    /// Newest day first, models by name.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>> {
        let span = Span::of_days_in(&query.zone);
        let (from_ms, to_ms) = (
            span.first_from(query.start_ms),
            span.first_from(query.end_ms),
        );
        let days = days(query);
        let names = match query.token_id {
            None => BTreeSet::from([None]),
            Some(id) => {
                let names = self
                    .names_of_token(id, &query.group, from_ms, to_ms)
                    .await?;
                names.into_iter().map(Some).collect()
            }
        };
        let mut rows: BTreeMap<(Reverse<i64>, String), Tally> = BTreeMap::new();
        for token_name in names {
            let of = Of::Groups {
                groups: vec![query.group.clone()],
                token_name,
            };
            let each = SummaryQuery::each(of, span, from_ms, to_ms).with_model(query.model.clone());
            let by = [Dimension::Time, Dimension::Model];
            for sum in self.summed(&each, &by).await? {
                let begun = days.partition_point(|day_ms| *day_ms <= sum.start_ms);
                let day_ms = days.get(begun.saturating_sub(1)).copied();
                let row = rows.entry((Reverse(day_ms.unwrap_or(query.start_ms)), sum.model));
                row.or_default().add(&sum.tally);
            }
        }
        let row = |((Reverse(day_ms), model), tally)| UsageRow {
            day_ms,
            model,
            tally,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Summaries know tokens by their names, which change.
    async fn names_of_token(
        &self,
        id: i64,
        group: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<BTreeSet<String>> {
        let mut conditions = Conditions::default();
        conditions.int("token_id = ?", Some(id));
        conditions.text("group_id = ?", Some(group));
        conditions.int("created_at >= ?", Some(from_ms));
        conditions.int("created_at < ?", Some(to_ms));
        let rows = conditions
            .statement("SELECT DISTINCT token_name FROM logs", "")
            .fetch_all(self.log_reader()?)
            .await?;
        rows.iter().map(|row| row.text("token_name")).collect()
    }
}

/// Where days begin, in their order.
fn days(query: &UsageQuery) -> Vec<i64> {
    let (mut days, mut next) = (Vec::new(), query.start_ms);
    while next < query.end_ms {
        days.push(next);
        let end = Period::Daily.window(&query.zone, next).end_ms;
        // Only the calendar's last day has no end.
        if end <= next {
            break;
        }
        next = end;
    }
    days
}
