//! Pages of lists that grow for ever: what one takes does not grow with them.
//!
//! Rows are counted up to a bound, and a word is looked for in the newest of them. An index that holds
//! the order says which rows a page has; they are read when that is known.

use sqlx::AnyPool;
use sqlx::any::AnyRow;

use super::Result;
use super::query::Conditions;
use super::row::{Columns, readable};
use super::sql::Statement;
use crate::domain::{Listed, Page};

/// More rows than this are not counted: a total of one more stands for more.
pub(super) const COUNTED_MAX: i64 = 10_000;

/// So many of the newest rows are searched for a word. Which ones that are is what the other filters
/// say, a time above all.
pub(super) const SEARCHED_MAX: i64 = 10_000;

/// Such a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounded {
    /// One row, for the report of one that cannot be read.
    pub(super) what: &'static str,
    pub(super) table: &'static str,
    /// The key of the table, with its name.
    pub(super) id: &'static str,
    /// What is read of a row, and from where.
    pub(super) select: &'static str,
    /// Columns of the table, the last one being its key.
    pub(super) order: &'static [&'static str],
}

impl Bounded {
    pub(super) fn newest_first(&self) -> String {
        self.ordered(self.table, true)
    }

    /// In a direction.
    pub(super) fn order(&self, descending: bool) -> String {
        self.ordered(self.table, descending)
    }

    fn ordered(&self, table: &str, descending: bool) -> String {
        let direction = if descending { "DESC" } else { "ASC" };
        let columns: Vec<String> = self
            .order
            .iter()
            .map(|column| format!("{table}.{column} {direction}"))
            .collect();
        format!(" ORDER BY {}", columns.join(", "))
    }

    /// What is in the index.
    pub(super) fn keys(&self) -> String {
        format!("SELECT {} FROM {}", self.order.join(", "), self.table)
    }

    /// From here on conditions are about the newest of the rows that they leave.
    pub(super) fn within_newest(&self, conditions: &mut Conditions) {
        conditions.within_newest(self.table, &self.newest_first(), SEARCHED_MAX);
    }

    /// A page of what the conditions leave, and how many there are, counted up to 10,001. Of a page's
    /// order only the direction counts.
    pub(super) async fn page<T>(
        &self,
        pool: &AnyPool,
        conditions: &Conditions,
        page: Page,
        read: impl Fn(&AnyRow) -> Result<T>,
    ) -> Result<Listed<T>> {
        let (found, total) = match page.offset() {
            offset if offset < COUNTED_MAX => {
                let last = offset.saturating_add(page.size).max(COUNTED_MAX + 1);
                self.counted_page(pool, conditions, page, last).await?
            }
            // Beyond what is counted.
            _ => {
                let first = Page { number: 1, ..page };
                let last = COUNTED_MAX + 1;
                let (_, total) = self.counted_page(pool, conditions, first, last).await?;
                let found = match total > COUNTED_MAX {
                    true => self.far(pool, conditions, page).await?,
                    false => Vec::new(),
                };
                (found, total)
            }
        };
        if found.is_empty() {
            let items = Vec::new();
            return Ok(Listed { items, total });
        }
        let mut listed = Conditions::default();
        listed.ids(self.id, &found);
        let rows = listed
            .statement(self.select, &self.order(page.order.descending))
            .fetch_all(pool)
            .await?;
        let items = readable(&rows, self.what, "id", read);
        let total = total.min(COUNTED_MAX + 1);
        Ok(Listed { items, total })
    }

    /// The ids of a page, and how many rows there are among the first `last`.
    async fn counted_page(
        &self,
        pool: &AnyPool,
        conditions: &Conditions,
        page: Page,
        last: i64,
    ) -> Result<(Vec<i64>, i64)> {
        let found = self.counted(conditions, page, last).fetch_all(pool).await?;
        if let Some(row) = found.first() {
            return Ok((ids(&found)?, row.int("total")?));
        }
        // Nothing, or nothing so late.
        if page.offset() == 0 {
            return Ok((Vec::new(), 0));
        }
        let first = Page {
            number: 1,
            size: 1,
            ..page
        };
        let found = self.counted(conditions, first, last).fetch_all(pool);
        let total = found.await?.first().map_or(Ok(0), |row| row.int("total"))?;
        Ok((Vec::new(), total))
    }

    /// With the number of rows beside each id.
    fn counted(&self, conditions: &Conditions, page: Page, last: i64) -> Statement {
        let mut conditions = conditions.clone();
        let (limit, offset) = (conditions.place(page.size), conditions.place(page.offset()));
        let head = format!(
            "SELECT {}, CAST(count(*) OVER () AS BIGINT) AS total FROM ({}",
            self.order.join(", "),
            self.keys()
        );
        let (inner, outer) = (
            self.order(page.order.descending),
            self.ordered("counted", page.order.descending),
        );
        // In the text, so that a plan that is kept for all values knows how few these rows are.
        conditions.statement(
            &head,
            &format!("{inner} LIMIT {last}) AS counted{outer} LIMIT {limit} OFFSET {offset}"),
        )
    }

    /// What a list and a search ask the database: what is asked, of which rows, and in which order.
    #[cfg(test)]
    pub(super) fn asked(&self, conditions: &Conditions) -> Vec<(String, String, Conditions)> {
        let mut searched = conditions.clone();
        self.within_newest(&mut searched);
        let keys = |tail: String| (self.keys(), tail, conditions.clone());
        vec![
            // Counting them comes after their limit.
            keys(format!("{} LIMIT 10001", self.order(true))),
            keys(format!("{} LIMIT 10001", self.order(false))),
            keys(format!("{} LIMIT 10 OFFSET 20000", self.order(true))),
            (self.select.to_owned(), " LIMIT 10".to_owned(), searched),
        ]
    }

    /// The ids of a page that is so late that what is before it is passed over without counting.
    async fn far(&self, pool: &AnyPool, conditions: &Conditions, page: Page) -> Result<Vec<i64>> {
        let mut conditions = conditions.clone();
        let (limit, offset) = (conditions.place(page.size), conditions.place(page.offset()));
        let order = self.order(page.order.descending);
        let tail = format!("{order} LIMIT {limit} OFFSET {offset}");
        let found = conditions.statement(&self.keys(), &tail);
        ids(&found.fetch_all(pool).await?)
    }
}

fn ids(rows: &[AnyRow]) -> Result<Vec<i64>> {
    rows.iter().map(|row| row.int("id")).collect()
}

#[cfg(test)]
mod tests;
