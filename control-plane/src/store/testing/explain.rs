//! What databases plan for a statement, as far as tests look at it.

use sqlx::any::AnyRow;
use sqlx::{Executor, Row};

use super::Database;
use crate::store::Store;
use crate::store::query::Conditions;
use crate::store::sql::Statement;

pub(in crate::store) struct Plan {
    /// For people.
    pub(in crate::store) text: String,
    /// How often the table is read whole.
    pub(in crate::store) scans: usize,
    pub(in crate::store) sorts: bool,
}

/// How databases are asked for their plans.
pub(in crate::store) struct Explain {
    database: &'static str,
    connection: sqlx::pool::PoolConnection<sqlx::Any>,
}

impl Explain {
    /// `many_rows` writes some in MariaDB, of which half are what is asked for: it looks into a table to
    /// find out what is quick.
    pub(in crate::store) async fn on(
        database: &Database,
        store: &Store,
        many_rows: &'static str,
    ) -> Self {
        let mut connection = store.writer().acquire().await.unwrap();
        match database.name {
            // The table is empty: without this it would be read whole, which is quick then. What has
            // no index is read whole or sorted all the same.
            "postgres" => {
                let only_indexes = "SET enable_seqscan = off; SET enable_sort = off; \
                                    SET enable_bitmapscan = off";
                connection.execute(only_indexes).await.unwrap();
            }
            "mariadb" => connection.execute(many_rows).await.map(drop).unwrap(),
            _ => {}
        }
        Self {
            database: database.name,
            connection,
        }
    }

    pub(in crate::store) fn front(&self) -> &'static str {
        match self.database {
            "sqlite" => "EXPLAIN QUERY PLAN ",
            _ => "EXPLAIN ",
        }
    }

    /// That a statement reads no more of the table than it shows: it walks an index, and nothing is
    /// sorted, unless it is of few rows.
    pub(in crate::store) async fn walks_an_index(
        &mut self,
        table: &str,
        (head, tail, conditions): (&str, &str, &Conditions),
        is_few_rows: bool,
        what: &str,
    ) {
        let statement = conditions.explained(self.front(), head, tail);
        let plan = self.plan(table, statement).await;
        assert!(!plan.sorts || is_few_rows, "{what}\n{}", plan.text);
        // SQLite calls the rows of a subquery by the name that they have.
        let is_searched = plan.text.contains("CO-ROUTINE") || plan.text.contains("MATERIALIZE");
        assert!(
            plan.scans <= usize::from(is_searched),
            "{what}\n{}",
            plan.text
        );
    }

    pub(in crate::store) async fn plan(&mut self, table: &str, statement: Statement) -> Plan {
        let rows = statement.fetch_all(&mut *self.connection).await.unwrap();
        let step = |row: &AnyRow| -> String {
            match self.database {
                "postgres" => row.get(0),
                "sqlite" => row.get(3),
                _ => {
                    let text = |column| row.get::<Option<String>, _>(column).unwrap_or_default();
                    // It sorts what is little: rows of two milliseconds.
                    let is_much = text("rows").parse().unwrap_or(0) > 100;
                    let extra = match is_much {
                        true => text("Extra"),
                        false => String::new(),
                    };
                    [text("table"), text("type"), text("key"), extra].join(" ")
                }
            }
        };
        let steps: Vec<String> = rows.iter().map(step).collect();
        let is_whole = |step: &&String| {
            step.contains(&format!("Seq Scan on {table}"))
                || (step.starts_with(&format!("SCAN {table}")) && !step.contains("USING"))
                || step.starts_with(&format!("{table} ALL"))
        };
        let text = steps.join("\n");
        let sorts = ["USE TEMP B-TREE", "Sort", "Using filesort"];
        Plan {
            scans: steps.iter().filter(is_whole).count(),
            sorts: sorts.iter().any(|sort| text.contains(sort)),
            text,
        }
    }
}
