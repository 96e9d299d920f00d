//! What a group used, by day and model.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::query::Conditions;
use super::row::Columns;
use super::{Dimension, Of, Result, Store, SummaryQuery};
use crate::domain::{Span, Tally};

/// Whose usage is wanted, and when it was booked.
#[derive(Debug, Clone)]
pub struct UsageQuery {
    pub group: String,
    /// Of a token by all the names that it had.
    pub token_id: Option<i64>,
    pub model: Option<String>,
    /// At or after, in Unix milliseconds.
    pub start_ms: i64,
    /// Before.
    pub end_ms: i64,
}

/// One model on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Its beginning in UTC, in Unix milliseconds.
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
        let names = match query.token_id {
            None => BTreeSet::from([None]),
            Some(id) => {
                let names = self.names_of_token(id, query).await?;
                names.into_iter().map(Some).collect()
            }
        };
        let mut rows: BTreeMap<(Reverse<i64>, String), Tally> = BTreeMap::new();
        for token_name in names {
            let of = Of::Groups {
                groups: vec![query.group.clone()],
                token_name,
            };
            let days = SummaryQuery::each(of, Span::Day, query.start_ms, query.end_ms)
                .with_model(query.model.clone());
            let by = [Dimension::Time, Dimension::Model];
            for sum in self.summed(&days, &by).await? {
                let row = rows.entry((Reverse(sum.start_ms), sum.model));
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
    async fn names_of_token(&self, id: i64, query: &UsageQuery) -> Result<BTreeSet<String>> {
        let mut conditions = Conditions::default();
        conditions.int("token_id = ?", Some(id));
        conditions.text("group_id = ?", Some(&query.group));
        conditions.int("created_at >= ?", Some(query.start_ms));
        conditions.int("created_at < ?", Some(query.end_ms));
        let rows = conditions
            .statement("SELECT DISTINCT token_name FROM logs", "")
            .fetch_all(self.log_reader()?)
            .await?;
        rows.iter().map(|row| row.text("token_name")).collect()
    }
}
