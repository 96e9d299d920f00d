//! Conditions that are put together at run time: list filters and lists of ids.

use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row};

use super::Result;
use super::row::readable;
use super::sql::Statement;
use super::sql::sql;
use crate::domain::{Listed, Page};

/// The `WHERE` of a list. Its text comes from this program alone; what a caller gave is bound.
#[derive(Clone, Default)]
pub(super) struct Conditions {
    /// What stands before the `WHERE`, if it is no plain table.
    source: String,
    sql: String,
    values: Vec<Bound>,
}

/// A value in the place of a `$n`.
#[derive(Debug, Clone)]
pub(super) enum Bound {
    Int(i64),
    Text(String),
}

/// A statement whose text comes from this program alone, with its values in their places.
pub(super) fn bound(text: String, values: &[Bound]) -> Statement {
    values.iter().fold(sql(text), |query, value| match value {
        Bound::Int(value) => query.bind(*value),
        Bound::Text(value) => query.bind(value.clone()),
    })
}

impl Conditions {
    /// Adds a condition in which every `?` is the same value; nothing if there is no value.
    pub(super) fn text(&mut self, condition: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.push(condition, Bound::Text(value.to_owned()));
        }
    }

    pub(super) fn int(&mut self, condition: &'static str, value: Option<i64>) {
        if let Some(value) = value {
            self.push(condition, Bound::Int(value));
        }
    }

    pub(super) fn fixed(&mut self, condition: &'static str) {
        self.join();
        self.sql.push_str(condition);
    }

    /// A search for a word anywhere in the columns of the condition, whatever its case. Column and
    /// word are folded by the database, because SQLite knows no more than ASCII.
    pub(super) fn keyword(&mut self, condition: &'static str, word: Option<&str>) {
        if let Some(word) = word.filter(|word| !word.is_empty()) {
            let mut pattern = String::from("%");
            for letter in word.chars() {
                if matches!(letter, '%' | '_' | '\\') {
                    pattern.push('\\');
                }
                pattern.push(letter);
            }
            pattern.push('%');
            self.push(condition, Bound::Text(pattern));
        }
    }

    pub(super) fn ids(&mut self, column: &'static str, ids: &[i64]) {
        self.any_of(column, ids.iter().map(|id| Bound::Int(*id)));
    }

    pub(super) fn names(&mut self, column: &'static str, names: &[String]) {
        self.any_of(column, names.iter().map(|name| Bound::Text(name.clone())));
    }

    /// Names in any case. No index helps, so other conditions have to leave few rows.
    pub(super) fn names_in_any_case(&mut self, lowered: &'static str, names: &[String]) {
        let lower = |name: &String| Bound::Text(name.to_ascii_lowercase());
        self.any_of(lowered, names.iter().map(lower));
    }

    fn any_of(&mut self, column: &'static str, values: impl Iterator<Item = Bound>) {
        self.join();
        let before = self.values.len();
        self.values.extend(values);
        if self.values.len() == before {
            // `IN ()` is not SQL; nothing is in an empty list.
            self.sql.push_str("1 = 0");
            return;
        }
        let places: Vec<_> = (before + 1..=self.values.len())
            .map(|at| format!("${at}"))
            .collect();
        self.sql
            .push_str(&format!("{column} IN ({})", places.join(", ")));
    }

    /// A condition in which every `?1` is the first value, and every `?2` the second.
    pub(super) fn pair(&mut self, condition: &'static str, first: i64, second: i64) {
        let (first, second) = (self.place(first), self.place(second));
        let condition = condition.replace("?1", &first).replace("?2", &second);
        self.join();
        self.sql.push_str(&format!("({condition})"));
    }

    /// From here on conditions are about the first `limit` rows, in this order, of those that the
    /// conditions so far leave.
    pub(super) fn within_newest(&mut self, table: &'static str, order: &str, limit: i64) {
        let limit = self.place(limit);
        let conditions = std::mem::take(&mut self.sql);
        // Their ids are in the index that has the order: no row is read that is not shown.
        self.source = format!(
            " FROM (SELECT id AS newest_id FROM {table}{conditions}{order} LIMIT {limit}) AS newest \
             JOIN {table} ON {table}.id = newest.newest_id"
        );
    }

    /// The place of a value that is no condition.
    pub(super) fn place(&mut self, value: i64) -> String {
        self.values.push(Bound::Int(value));
        format!("${}", self.values.len())
    }

    fn push(&mut self, condition: &'static str, value: Bound) {
        self.join();
        self.values.push(value);
        let place = format!("${}", self.values.len());
        self.sql
            .push_str(&format!("({})", condition.replace('?', &place)));
    }

    fn join(&mut self) {
        self.sql.push_str(if self.sql.is_empty() {
            " WHERE "
        } else {
            " AND "
        });
    }

    /// `head`, the conditions, `tail`, with the values bound.
    pub(super) fn statement(&self, head: &str, tail: &str) -> Statement {
        bound(self.written(head, tail), &self.values)
    }

    fn written(&self, head: &str, tail: &str) -> String {
        let head = match head.rsplit_once(" FROM ") {
            Some((head, _)) if !self.source.is_empty() => format!("{head}{}", self.source),
            _ => head.to_owned(),
        };
        format!("{head}{}{tail}", self.sql)
    }

    /// The statement with something in front of it.
    #[cfg(test)]
    pub(super) fn explained(&self, front: &str, head: &str, tail: &str) -> Statement {
        bound(format!("{front}{}", self.written(head, tail)), &self.values)
    }

    /// One page of what the conditions leave, and how many there are in all.
    ///
    /// `key` breaks ties, so that a row is on one page only; `what` is for the report of a row that
    /// cannot be read.
    pub(super) async fn page<T>(
        &self,
        pool: &AnyPool,
        (what, select, count): (&'static str, &'static str, &'static str),
        page: Page,
        key: &'static str,
        read: impl Fn(&AnyRow) -> Result<T>,
    ) -> Result<Listed<T>> {
        let total: i64 = self
            .statement(count, "")
            .fetch_one(pool)
            .await?
            .try_get(0)?;
        let direction = if page.order.descending { "DESC" } else { "ASC" };
        let mut order = format!(" ORDER BY {} {direction}", page.order.column);
        if page.order.column != key {
            order.push_str(&format!(", {key} {direction}"));
        }
        let at = self.values.len();
        let tail = format!("{order} LIMIT ${} OFFSET ${}", at + 1, at + 2);
        let rows = self
            .statement(select, &tail)
            .bind(page.size)
            .bind(page.offset())
            .fetch_all(pool)
            .await?;
        let items = readable(&rows, what, key, read);
        Ok(Listed { items, total })
    }
}
