//! Reading summaries: sums over a time, by whatever they are to be told apart.

use sqlx::any::AnyRow;

use super::query::{Dimension, SummaryQuery, Summed, Top};
use super::statement::Sql;
use crate::domain::Tally;
use crate::store::row::{Columns, unexpected};
use crate::store::{Result, Store};

impl Store {
    /// Sums, in the order of what they are told apart by.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn summed(&self, query: &SummaryQuery, by: &[Dimension]) -> Result<Vec<Summed>> {
        // A month of hours has many: two connections read it in half the time.
        let halves = match by {
            [Dimension::Time, ..] => query.halves(),
            _ => None,
        };
        let Some((first, second)) = halves else {
            return self.summed_at_once(query, by).await;
        };
        let (mut sums, later) = tokio::try_join!(
            self.summed_at_once(&first, by),
            self.summed_at_once(&second, by)
        )?;
        sums.extend(later);
        Ok(sums)
    }

    async fn summed_at_once(&self, query: &SummaryQuery, by: &[Dimension]) -> Result<Vec<Summed>> {
        let names = names(by);
        let sql = Sql::rows(query, &names, Tally::FIELDS);
        let names = names.join(", ");
        let (head, tail) = match names.as_str() {
            "" => (sums(), String::new()),
            names => (
                format!("{names}, {}", sums()),
                format!(" GROUP BY {names} ORDER BY {names}"),
            ),
        };
        let rows = sql.fetch(self.log_reader()?, &head, &tail).await?;
        rows.iter().map(|row| summed(row, by)).collect()
    }

    /// The `top` ones without their sums, and how many there are in all: of a hundred thousand
    /// summaries, only the column is read that says which they are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ranked(
        &self,
        query: &SummaryQuery,
        by: Dimension,
        top: Top,
    ) -> Result<(Vec<Summed>, i64)> {
        let sql = Sql::rows(query, &[by.column()], &[top.field]);
        let (rows, total) = self.top(query, sql, by.column(), by, top).await?;
        let found: Result<_> = rows.iter().map(|row| named(row, &[by])).collect();
        Ok((found?, total))
    }

    /// The same with their sums: where there are few to rank, they are read at once.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ranked_sums(
        &self,
        query: &SummaryQuery,
        by: Dimension,
        top: Top,
    ) -> Result<(Vec<Summed>, i64)> {
        let sql = Sql::rows(query, &[by.column()], Tally::FIELDS);
        let head = format!("{}, {}", by.column(), sums());
        let (rows, total) = self.top(query, sql, &head, by, top).await?;
        let found: Result<_> = rows.iter().map(|row| summed(row, &[by])).collect();
        Ok((found?, total))
    }

    async fn top(
        &self,
        query: &SummaryQuery,
        mut sql: Sql,
        head: &str,
        by: Dimension,
        top: Top,
    ) -> Result<(Vec<AnyRow>, i64)> {
        let (column, field) = (by.column(), top.field);
        let head = format!(
            "{head}, CAST(SUM({field}) AS BIGINT) AS ranked_by, \
             CAST(count(*) OVER () AS BIGINT) AS number"
        );
        let direction = if top.descending { "DESC" } else { "ASC" };
        let (limit, offset) = (sql.place(top.limit), sql.place(top.offset));
        let tail = format!(
            " GROUP BY {column} ORDER BY ranked_by {direction}, {column} \
             LIMIT {limit} OFFSET {offset}"
        );
        let rows = sql.fetch(self.log_reader()?, &head, &tail).await?;
        let total = match rows.first() {
            Some(row) => row.int("number")?,
            None if top.offset == 0 => 0,
            None => self.number_of(query, by).await?,
        };
        Ok((rows, total))
    }

    /// How many different ones there are.
    async fn number_of(&self, query: &SummaryQuery, by: Dimension) -> Result<i64> {
        let sql = Sql::rows(query, &[by.column()], &[]);
        let head = format!("count(DISTINCT {}) AS number", by.column());
        let rows = sql.fetch(self.log_reader()?, &head, "").await?;
        rows.first().map_or(Ok(0), |row| row.int("number"))
    }
}

/// The sums of all fields, in their order, as one text: a driver hands over each column of each row by
/// itself, which took as long as adding them up.
fn sums() -> String {
    let sums: Vec<String> = Tally::FIELDS
        .iter()
        .map(|field| format!("CAST(COALESCE(SUM({field}), 0) AS BIGINT)"))
        .collect();
    format!("CONCAT_WS(',', {}) AS sums", sums.join(", "))
}

fn names(by: &[Dimension]) -> Vec<&'static str> {
    by.iter().map(|by| by.column()).collect()
}

fn summed(row: &AnyRow, by: &[Dimension]) -> Result<Summed> {
    let text = row.text("sums")?;
    let mut sums = text.split(',').map(str::parse);
    let tally = Tally::read(|field| match sums.next() {
        Some(Ok(sum)) => Ok(sum),
        Some(Err(error)) => Err(unexpected(field, error)),
        None => Err(unexpected(field, "no sum")),
    })?;
    Ok(Summed {
        tally,
        ..named(row, by)?
    })
}

/// What a sum is of, without the sum.
fn named(row: &AnyRow, by: &[Dimension]) -> Result<Summed> {
    let mut summed = Summed::default();
    for dimension in by {
        let column = dimension.column();
        match dimension {
            Dimension::Time => summed.start_ms = row.int(column)?,
            Dimension::Channel => summed.channel = row.int(column)?,
            Dimension::Group => summed.group = row.text(column)?,
            Dimension::TokenName => summed.token_name = row.text(column)?,
            Dimension::Model => summed.model = row.text(column)?,
        }
    }
    Ok(summed)
}
