//! Statements: written once, run on any of the databases.
//!
//! What is written is what SQLite and PostgreSQL both take, with `$1` placeholders, `RETURNING` and
//! `ON CONFLICT`. MySQL and MariaDB have other words for some of it, and for some none, so that one
//! statement becomes two there ([`mysql`]). For that to work, a statement keeps to these rules:
//!
//! - It goes through [`sql`], never through `sqlx::query`. Its values are `$1`, `$2`, … in any order
//!   and as often as wanted.
//! - An `INSERT … RETURNING` writes one row, of a table whose key `id` the database counts up, or has
//!   `ON CONFLICT (the key) DO UPDATE`. Of several rows, what they got is read by their keys.
//! - The `WHERE` of an `UPDATE … RETURNING` holds before and after: it looks at nothing that is `SET`.
//!   `UPDATE t SET a = a WHERE … RETURNING …` reads a row and locks it until the transaction ends.
//! - `SET` does not look at a column that it sets further to the left: MySQL sees the new value.
//! - `ON CONFLICT … DO NOTHING` writes one row, or names the key and is not asked how many it wrote. In
//!   `DO UPDATE SET` the row that was to be inserted is
//!   `excluded`, and the one that is there goes by the table's name.
//! - An `INSERT`, `UPDATE` or `DELETE` does not read its own table in a subquery, which MySQL refuses
//!   (MariaDB takes some): what it needs is read first, and then named.
//! - A `DELETE … RETURNING` of several rows locks first what they hang on: MySQL reads and deletes in
//!   two steps, and what comes between would be deleted without being told.
//! - Whole numbers are divided by `(a - a % b)`, sums are `CAST(sum(…) AS BIGINT)`, numbers become text
//!   by `CAST(… AS TEXT)`; pairs are compared by `a <= $1 AND (a < $1 OR b < $2)`.
//! - In a migration for MySQL, text by which rows are found is `VARCHAR`, and as long as whoever writes
//!   it lets it be; a partial index is a whole one.
//!
//! Transactions are READ COMMITTED where a database has a choice (SQLite writes one after the other):
//! what was read may have changed when it is written, unless it was locked.

#[cfg(test)]
pub(super) mod heard;
mod mysql;
mod sqlite;

use std::borrow::Cow;

use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, Arguments, AssertSqlSafe, Connection};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// A statement. Its text comes from this program alone; what a caller gave is bound.
pub(super) fn sql(text: impl Into<Cow<'static, str>>) -> Statement {
    Statement {
        text: text.into(),
        values: Vec::new(),
    }
}

/// A statement and the values that are bound to it so far.
#[cfg_attr(test, derive(Clone))]
pub(super) struct Statement {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// What stands for a `$n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// Where a statement runs: in a transaction, or by itself.
pub(super) enum On<'c> {
    Connection(&'c mut AnyConnection),
    Pool(&'c AnyPool),
}

impl Statement {
    /// The value of the next placeholder.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(super) async fn execute(self, on: impl Into<On<'_>> + Send) -> Result<AnyQueryResult> {
        Ok(self.run(on.into(), Wanted::Nothing).await?.done)
    }

    pub(super) async fn fetch_all(self, on: impl Into<On<'_>> + Send) -> Result<Vec<AnyRow>> {
        Ok(self.run(on.into(), Wanted::Rows).await?.rows)
    }

    pub(super) async fn fetch_optional(
        self,
        on: impl Into<On<'_>> + Send,
    ) -> Result<Option<AnyRow>> {
        let rows = self.run(on.into(), Wanted::Rows).await?.rows;
        Ok(rows.into_iter().next())
    }

    /// # Errors
    /// Also when there is no row.
    pub(super) async fn fetch_one(self, on: impl Into<On<'_>> + Send) -> Result<AnyRow> {
        self.fetch_optional(on)
            .await?
            .ok_or(sqlx::Error::RowNotFound)
    }

    async fn run(self, on: On<'_>, wanted: Wanted) -> Result<Outcome> {
        #[cfg(test)]
        heard::note(&self);
        match on {
            On::Connection(connection) => self.run_here(connection, wanted).await,
            On::Pool(pool) => {
                let mut connection = pool.acquire().await?;
                if !is_mysql(&connection) || !mysql::needs_transaction(&self.text) {
                    return self.run_here(&mut connection, wanted).await;
                }
                let mut transaction = connection.begin().await?;
                let outcome = self.run_here(&mut transaction, wanted).await?;
                transaction.commit().await?;
                Ok(outcome)
            }
        }
    }

    async fn run_here(self, connection: &mut AnyConnection, wanted: Wanted) -> Result<Outcome> {
        if is_mysql(connection) {
            return mysql::run(connection, &self.text, self.values, wanted).await;
        }
        let text = match connection.backend_name() {
            "SQLite" => sqlite::unnamed(self.text, self.values.len()),
            _ => self.text,
        };
        let mut arguments = AnyArguments::default();
        for value in self.values {
            value.add_to(&mut arguments)?;
        }
        let query = match text {
            Cow::Borrowed(text) => sqlx::query_with(text, arguments),
            Cow::Owned(text) => sqlx::query_with(AssertSqlSafe(text), arguments),
        };
        run(connection, query, wanted).await
    }
}

/// What of a statement's outcome is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Rows,
}

#[derive(Default)]
struct Outcome {
    rows: Vec<AnyRow>,
    /// Of a statement of which no rows are wanted.
    done: AnyQueryResult,
}

async fn run(
    connection: &mut AnyConnection,
    query: Query<'_, Any, AnyArguments>,
    wanted: Wanted,
) -> Result<Outcome> {
    Ok(match wanted {
        Wanted::Nothing => Outcome {
            done: query.execute(connection).await?,
            ..Outcome::default()
        },
        Wanted::Rows => Outcome {
            rows: query.fetch_all(connection).await?,
            ..Outcome::default()
        },
    })
}

/// Also for MariaDB, which sqlx does not tell apart.
pub(super) fn is_mysql(connection: &AnyConnection) -> bool {
    connection.backend_name() == "MySQL"
}

// === impl On ===

impl On<'_> {
    /// For one statement of several.
    pub(super) fn again(&mut self) -> On<'_> {
        match self {
            Self::Connection(connection) => On::Connection(connection),
            Self::Pool(pool) => On::Pool(pool),
        }
    }
}

impl<'c> From<&'c AnyPool> for On<'c> {
    fn from(pool: &'c AnyPool) -> Self {
        Self::Pool(pool)
    }
}

impl<'c> From<&'c mut AnyConnection> for On<'c> {
    fn from(connection: &'c mut AnyConnection) -> Self {
        Self::Connection(connection)
    }
}

// === impl Value ===

impl Value {
    fn add_to(self, arguments: &mut AnyArguments) -> Result<()> {
        match self {
            Self::Int(value) => arguments.add(value),
            Self::Text(value) => arguments.add(value),
            Self::Bytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)
    }
}

macro_rules! value_from {
    ($($variant:ident: $type:ty, $into:expr;)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(Some($into(value)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map($into))
            }
        }
    )*};
}

value_from! {
    Int: i64, std::convert::identity;
    Text: String, std::convert::identity;
    Text: &str, str::to_owned;
    Bytes: Vec<u8>, std::convert::identity;
}
