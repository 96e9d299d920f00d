//! Bringing a database's tables up to date, forward only, one version after the other.
//!
//! Each version is safe while the program before it still runs: it adds tables, indexes, and columns
//! that may be left out, and takes nothing away that is read. In SQLite and PostgreSQL a version is one
//! transaction. MySQL commits with every change of a table, so there it is done a statement at a time,
//! and goes on where it stopped ([`mysql`]).
//!
//! Who waits for a lock of a table has everybody wait who comes later. A migration that meets somebody
//! who does not let go therefore fails after [`LOCK_WAIT_S`]: this program does not start and says why,
//! the one before it goes on, and the next start tries again.

mod mysql;

use std::sync::LazyLock;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection, SqlSafeStr};

use super::{Error, Result};

/// The databases that there are words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
    /// And MariaDB.
    Mysql,
}

// The lists are made by `build.rs` from the files in `migrations`.
static SQLITE: LazyLock<Migrator> =
    LazyLock::new(|| migrator(&include!(concat!(env!("OUT_DIR"), "/migrations-sqlite.rs"))));
static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| {
    migrator(&include!(concat!(
        env!("OUT_DIR"),
        "/migrations-postgres.rs"
    )))
});
static MYSQL: LazyLock<Migrator> =
    LazyLock::new(|| migrator(&include!(concat!(env!("OUT_DIR"), "/migrations-mysql.rs"))));

fn migrator(migrations: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |(version, description, text): &(i64, &'static str, &'static str)| {
        let kind = MigrationType::Simple;
        Migration::new(
            *version,
            (*description).into(),
            kind,
            text.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(migrations.iter().map(migration).collect())
}

impl Kind {
    pub(super) fn migrations(self) -> &'static Migrator {
        match self {
            Self::Sqlite => &SQLITE,
            Self::Postgres => &POSTGRES,
            Self::Mysql => &MYSQL,
        }
    }
}

/// How long a migration waits for a table, in whole seconds.
const LOCK_WAIT_S: u32 = if cfg!(test) { 1 } else { 10 };

/// Does what a database lacks of these migrations. Of several who start at once, one does it.
///
/// # Errors
/// `Migration` when a statement is refused, or the database was written by a newer program. A version
/// that is not done whole leaves what was there before as usable as it was.
pub(super) async fn run(pool: &AnyPool, kind: Kind, migrations: &Migrator) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let done = match kind {
        Kind::Sqlite => migrations.run_direct(None, &mut *connection, false).await,
        Kind::Postgres | Kind::Mysql => {
            // What was locked for it is free when the connection ends, however that comes.
            let mut connection = connection.detach();
            let done = match kind {
                Kind::Mysql => mysql::run(&mut connection, migrations).await,
                _ => run_postgres(&mut connection, migrations).await,
            };
            connection.close().await?;
            done
        }
    };
    done.map_err(|error| match error {
        MigrateError::Execute(cause) => away_or(cause, |cause| {
            Error::Migration(MigrateError::Execute(cause))
        }),
        MigrateError::ExecuteMigration(cause, version) => away_or(cause, |cause| {
            Error::Migration(MigrateError::ExecuteMigration(cause, version))
        }),
        error => Error::Migration(error),
    })
}

/// Another control plane's migrations are waited for as long as they take; what is locked twice is ours
/// until the connection ends.
async fn run_postgres(
    connection: &mut AnyConnection,
    migrations: &Migrator,
) -> std::result::Result<(), MigrateError> {
    connection.lock().await?;
    let bounded = format!("SET lock_timeout = '{LOCK_WAIT_S}s'");
    sqlx::raw_sql(AssertSqlSafe(bounded))
        .execute(&mut *connection)
        .await?;
    migrations.run_direct(None, connection, false).await
}

fn away_or(cause: sqlx::Error, refused: impl FnOnce(sqlx::Error) -> Error) -> Error {
    match Error::from(cause) {
        Error::Statement(cause) => refused(cause),
        away => away,
    }
}

#[cfg(test)]
mod tests;
