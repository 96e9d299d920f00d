//! The statement that reads summaries of several lengths as one table.

use sqlx::AnyPool;
use sqlx::any::AnyRow;

use super::query::{Of, Part, SummaryQuery};
use crate::store::Result;
use crate::store::query::{Bound, bound};

/// A statement while it grows.
pub(super) struct Sql {
    text: String,
    values: Vec<Bound>,
}

impl Sql {
    /// What sums are told apart by and the fields to be summed, of all parts as one table. Of several
    /// parts each is summed first: databases keep their rows until the last part is read.
    pub(super) fn rows(query: &SummaryQuery, names: &[&str], fields: &[&str]) -> Self {
        let mut sql = Self {
            text: String::new(),
            values: Vec::new(),
        };
        let table = match query.of {
            Of::Channels(_) => "channel_summaries",
            Of::Groups { .. } => "group_summaries",
        };
        let is_summed = query.parts.len() > 1;
        let field = |field: &&str| match is_summed {
            true => format!("SUM({field}) AS {field}"),
            false => (*field).to_owned(),
        };
        let name = |name: &&str, part: Part| match (*name, part.of_each_day) {
            ("start_at", Some(_)) => "start_at - start_at % 86400000 AS start_at".to_owned(),
            (name, _) => name.to_owned(),
        };
        let by: Vec<_> = (1..=names.len()).map(|at| at.to_string()).collect();
        let tail = match is_summed && !by.is_empty() {
            true => format!(" GROUP BY {}", by.join(", ")),
            false => String::new(),
        };
        // A time without length has no parts.
        let none = [Part::nothing()];
        let parts = match query.parts.as_slice() {
            [] => none.as_slice(),
            parts => parts,
        };
        let parts: Vec<String> = parts
            .iter()
            .map(|part| {
                let condition = sql.condition(query, *part);
                let names = names.iter().map(|it| name(it, *part));
                let columns: Vec<_> = names.chain(fields.iter().map(field)).collect();
                let columns = columns.join(", ");
                format!("SELECT {columns} FROM {table} WHERE {condition}{tail}")
            })
            .collect();
        sql.text = format!("({}) AS parts", parts.join(" UNION ALL "));
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
    pub(super) fn place(&mut self, value: impl Into<Bound>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    pub(super) async fn fetch(
        &self,
        pool: &AnyPool,
        head: &str,
        tail: &str,
    ) -> Result<Vec<AnyRow>> {
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
