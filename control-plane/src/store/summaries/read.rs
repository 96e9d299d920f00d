//! Reading summaries: sums over a time, by whatever they are to be told apart.

use sqlx::AnyPool;
use sqlx::any::AnyRow;

use crate::domain::{Span, Tally};
use crate::store::query::{Bound, bound};
use crate::store::row::Columns;
use crate::store::{Result, Store};

/// What of the summaries is to be summed.
#[derive(Debug, Clone)]
pub struct SummaryQuery {
    pub of: Of,
    pub model: Option<String>,
    parts: Vec<Part>,
    /// No others than these.
    only: Option<(Dimension, Vec<Bound>)>,
}

/// Whose they are.
#[derive(Debug, Clone)]
pub enum Of {
    /// Attempts: of one channel, or of all.
    Channels(Option<i64>),
    /// Requests: of some groups (none: of all), and of one token name or any.
    Groups {
        groups: Vec<String>,
        token_name: Option<String>,
    },
}

/// A time in summaries of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    span: Span,
    from_ms: i64,
    to_ms: i64,
    /// Only those that begin in this piece of a day, as if they began with the day.
    of_each_day: Option<(i64, i64)>,
}

/// The same hours of several days, all in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyHours {
    /// Beginning of the first day.
    pub from_ms: i64,
    /// End of the last one.
    pub to_ms: i64,
    /// From this time of the day …
    pub first_ms: i64,
    /// … to before this one.
    pub end_ms: i64,
}

/// What sums are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    Time,
    /// [`Of::Channels`] only.
    Channel,
    /// [`Of::Groups`] only.
    Group,
    /// [`Of::Groups`] only.
    TokenName,
    Model,
}

/// A sum. What it was not told apart by is 0 or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summed {
    /// Beginning of the summaries in it, in Unix milliseconds.
    pub start_ms: i64,
    pub channel: i64,
    pub group: String,
    pub token_name: String,
    pub model: String,
    pub tally: Tally,
}

/// The largest sums first, and which of them.
#[derive(Debug, Clone, Copy)]
pub struct Top {
    /// A field of [`Tally`].
    pub field: &'static str,
    pub descending: bool,
    pub limit: i64,
    pub offset: i64,
}

impl Part {
    fn whole(span: Span, from_ms: i64, to_ms: i64) -> Self {
        Self {
            span,
            from_ms,
            to_ms,
            of_each_day: None,
        }
    }
}

impl SummaryQuery {
    /// A whole time, from `start_ms` to before `end_ms`, both widened to whole hours: days are read
    /// from the summaries of days, what is left from those of hours.
    #[must_use]
    pub fn whole(of: Of, start_ms: i64, end_ms: i64) -> Self {
        let parts = Span::parts(start_ms, end_ms).into_iter();
        let parts = parts.map(|(span, from_ms, to_ms)| Part::whole(span, from_ms, to_ms));
        Self {
            of,
            model: None,
            parts: parts.collect(),
            only: None,
        }
    }

    /// The summaries of one length that begin from `start_ms` to before `end_ms`.
    #[must_use]
    pub fn each(of: Of, span: Span, start_ms: i64, end_ms: i64) -> Self {
        Self {
            of,
            model: None,
            parts: vec![Part::whole(span, span.start(start_ms), end_ms)],
            only: None,
        }
    }

    /// The summaries of some hours of days. They count as if they began with their day.
    #[must_use]
    pub fn daily(of: Of, hours: &[DailyHours]) -> Self {
        let part = |hours: &DailyHours| Part {
            of_each_day: Some((hours.first_ms, hours.end_ms)),
            ..Part::whole(Span::Hour, hours.from_ms, hours.to_ms)
        };
        Self {
            of,
            model: None,
            parts: hours.iter().map(part).collect(),
            only: None,
        }
    }

    #[must_use]
    pub fn with_model(mut self, model: Option<String>) -> Self {
        self.model = model;
        self
    }

    /// No others than those that were found.
    #[must_use]
    pub fn only(mut self, by: Dimension, found: &[Summed]) -> Self {
        let values = found.iter().map(|sum| by.value(sum));
        self.only = Some((by, values.collect()));
        self
    }
}

impl Store {
    /// Sums, in the order of what they are told apart by.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn summed(&self, query: &SummaryQuery, by: &[Dimension]) -> Result<Vec<Summed>> {
        let names = names(by);
        let sql = Sql::rows(query, &[names.as_slice(), Tally::FIELDS].concat());
        let sums: Vec<String> = Tally::FIELDS
            .iter()
            .map(|field| format!("CAST(COALESCE(SUM({field}), 0) AS BIGINT) AS {field}"))
            .collect();
        let names = names.join(", ");
        let (head, tail) = match names.as_str() {
            "" => (sums.join(", "), String::new()),
            names => (
                format!("{names}, {}", sums.join(", ")),
                format!(" GROUP BY {names} ORDER BY {names}"),
            ),
        };
        let rows = sql.fetch(self.log_reader()?, &head, &tail).await?;
        let whole = |row: &AnyRow| {
            Ok(Summed {
                tally: Tally::read(|field| row.int(field))?,
                ..named(row, by)?
            })
        };
        rows.iter().map(whole).collect()
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
        let (column, field) = (by.column(), top.field);
        let mut sql = Sql::rows(query, &[column, field]);
        let head = format!("{column}, CAST(count(*) OVER () AS BIGINT) AS number");
        let direction = if top.descending { "DESC" } else { "ASC" };
        let (limit, offset) = (sql.place(top.limit), sql.place(top.offset));
        let tail = format!(
            " GROUP BY {column} ORDER BY SUM({field}) {direction}, {column} \
             LIMIT {limit} OFFSET {offset}"
        );
        let rows = sql.fetch(self.log_reader()?, &head, &tail).await?;
        let total = match rows.first() {
            Some(row) => row.int("number")?,
            None if top.offset == 0 => 0,
            None => self.number_of(query, by).await?,
        };
        let found: Result<_> = rows.iter().map(|row| named(row, &[by])).collect();
        Ok((found?, total))
    }

    /// How many different ones there are.
    async fn number_of(&self, query: &SummaryQuery, by: Dimension) -> Result<i64> {
        let sql = Sql::rows(query, &[by.column()]);
        let head = format!("count(DISTINCT {}) AS number", by.column());
        let rows = sql.fetch(self.log_reader()?, &head, "").await?;
        rows.first().map_or(Ok(0), |row| row.int("number"))
    }
}

/// A statement while it grows.
struct Sql {
    text: String,
    values: Vec<Bound>,
}

impl Sql {
    /// These columns of all parts as one table.
    fn rows(query: &SummaryQuery, columns: &[&str]) -> Self {
        let mut sql = Self {
            text: String::new(),
            values: Vec::new(),
        };
        let table = match query.of {
            Of::Channels(_) => "channel_summaries",
            Of::Groups { .. } => "group_summaries",
        };
        let with_their_day: Vec<&str> = columns
            .iter()
            .map(|column| match *column {
                "start_at" => "start_at - start_at % 86400000 AS start_at",
                column => column,
            })
            .collect();
        let (columns, with_their_day) = (columns.join(", "), with_their_day.join(", "));
        let parts: Vec<String> = query
            .parts
            .iter()
            .map(|part| {
                let condition = sql.condition(query, *part);
                let columns = match part.of_each_day {
                    None => &columns,
                    Some(_) => &with_their_day,
                };
                format!("SELECT {columns} FROM {table} WHERE {condition}")
            })
            .collect();
        let parts = match parts.is_empty() {
            // A time without length.
            true => format!("SELECT {columns} FROM {table} WHERE 1 = 0"),
            false => parts.join(" UNION ALL "),
        };
        sql.text = format!("({parts}) AS parts");
        sql
    }

    fn condition(&mut self, query: &SummaryQuery, part: Part) -> String {
        let mut text = format!("span = {}", self.place(part.span.millis()));
        text.push_str(&format!(" AND start_at >= {}", self.place(part.from_ms)));
        text.push_str(&format!(" AND start_at < {}", self.place(part.to_ms)));
        if let Some((first, end)) = part.of_each_day {
            let (first, end) = (self.place(first), self.place(end));
            text.push_str(&format!(
                " AND start_at % 86400000 >= {first} AND start_at % 86400000 < {end}"
            ));
        }
        let mut also = |column: &str, place: String| {
            text.push_str(&format!(" AND {column} = {place}"));
        };
        match &query.of {
            Of::Channels(None) => {}
            Of::Channels(Some(id)) => also("channel_id", self.place(*id)),
            Of::Groups { groups, token_name } => {
                if let Some(name) = token_name {
                    also("token_name", self.place(name.as_str()));
                }
                if let [group] = groups.as_slice() {
                    also("group_id", self.place(group.as_str()));
                } else if !groups.is_empty() {
                    let places: Vec<_> = groups
                        .iter()
                        .map(|group| self.place(group.as_str()))
                        .collect();
                    text.push_str(&format!(" AND group_id IN ({})", places.join(", ")));
                }
            }
        }
        if let Some((by, values)) = &query.only {
            let places: Vec<_> = values
                .iter()
                .map(|value| self.place(value.clone()))
                .collect();
            let condition = match places.is_empty() {
                true => " AND 1 = 0".to_owned(),
                false => format!(" AND {} IN ({})", by.column(), places.join(", ")),
            };
            text.push_str(&condition);
        }
        if let Some(model) = &query.model {
            text.push_str(&format!(" AND model = {}", self.place(model.as_str())));
        }
        text
    }

    /// The place of a value.
    fn place(&mut self, value: impl Into<Bound>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    async fn fetch(&self, pool: &AnyPool, head: &str, tail: &str) -> Result<Vec<AnyRow>> {
        let text = format!("SELECT {head} FROM {}{tail}", self.text);
        Ok(bound(text, &self.values).fetch_all(pool).await?)
    }
}

impl From<i64> for Bound {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Bound {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl Dimension {
    fn column(self) -> &'static str {
        match self {
            Self::Time => "start_at",
            Self::Channel => "channel_id",
            Self::Group => "group_id",
            Self::TokenName => "token_name",
            Self::Model => "model",
        }
    }

    fn value(self, of: &Summed) -> Bound {
        match self {
            Self::Time => of.start_ms.into(),
            Self::Channel => of.channel.into(),
            Self::Group => of.group.as_str().into(),
            Self::TokenName => of.token_name.as_str().into(),
            Self::Model => of.model.as_str().into(),
        }
    }
}

fn names(by: &[Dimension]) -> Vec<&'static str> {
    by.iter().map(|by| by.column()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_days_and_what_is_left_in_hours() {
        let (hour, day) = (3_600_000, 86_400_000);
        let parts = |start, end| {
            let query = SummaryQuery::whole(Of::Channels(None), start, end);
            let parts = query.parts.into_iter();
            parts
                .map(|part| (part.span, part.from_ms, part.to_ms))
                .collect::<Vec<_>>()
        };
        for (start, end, expected) in [
            (0, 0, vec![]),
            (1, 2, vec![(Span::Hour, 0, hour)]),
            (0, 2 * day, vec![(Span::Day, 0, 2 * day)]),
            (
                day - 1,
                3 * day + 1,
                vec![
                    (Span::Hour, day - hour, day),
                    (Span::Day, day, 3 * day),
                    (Span::Hour, 3 * day, 3 * day + hour),
                ],
            ),
            (hour, day - hour, vec![(Span::Hour, hour, day - hour)]),
        ] {
            assert_eq!(parts(start, end), expected, "{start} {end}");
        }
    }
}
