//! Migrations of MySQL and MariaDB, where a change of a table cannot be undone.
//!
//! How many statements of a version are done is written down with each of them. Whoever comes after a
//! failure or a crash goes on with the first that is not. If that one was done and not written down, the
//! database says that the thing is there already, which is as good.

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};

use super::LOCK_WAIT_S;

type Result<T> = std::result::Result<T, MigrateError>;

/// Whoever waits longer than that for another one's migrations does not start.
const PATIENCE_SECONDS: i64 = 300;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    version    BIGINT        NOT NULL PRIMARY KEY,
    checksum   VARBINARY(64) NOT NULL,
    statements BIGINT        NOT NULL, -- that are done
    done       BIGINT        NOT NULL  -- 1: all of them
)";

/// What is known of a version.
struct Progress {
    version: i64,
    checksum: Vec<u8>,
    statements: usize,
    done: bool,
}

/// The connection holds a lock until it ends.
pub(super) async fn run(connection: &mut AnyConnection, migrations: &Migrator) -> Result<()> {
    let locked =
        sqlx::query("SELECT CAST(GET_LOCK(SHA1(CONCAT('tollgate ', DATABASE())), ?) AS SIGNED)")
            .bind(PATIENCE_SECONDS)
            .fetch_one(&mut *connection)
            .await?
            .try_get::<Option<i64>, _>(0)?;
    if locked != Some(1) {
        let error = std::io::Error::other("another control plane is migrating this database");
        return Err(sqlx::Error::Io(error).into());
    }
    let bounded = format!("SET SESSION lock_wait_timeout = {LOCK_WAIT_S}");
    sqlx::raw_sql(AssertSqlSafe(bounded))
        .execute(&mut *connection)
        .await?;
    run_alone(connection, migrations).await
}

async fn run_alone(connection: &mut AnyConnection, migrations: &Migrator) -> Result<()> {
    if !has_table(connection).await? {
        sqlx::raw_sql(TABLE).execute(&mut *connection).await?;
    }
    let mut known = progress(connection).await?;
    let done = |version| known.iter().any(|it| it.done && it.version == version);
    if !migrations.iter().all(|it| done(it.version)) {
        // Each time: what was restored from a dump brings its tables' rules, and not the database's.
        compare_text_exactly(connection).await?;
    }
    for foreign in known.iter().filter(|it| it.done) {
        if !migrations.version_exists(foreign.version) {
            return Err(MigrateError::VersionMissing(foreign.version));
        }
    }
    for migration in migrations.iter() {
        let at = known.iter().position(|it| it.version == migration.version);
        let begun = at.map(|at| known.swap_remove(at));
        if begun
            .as_ref()
            .is_some_and(|it| it.checksum != *migration.checksum)
        {
            return Err(MigrateError::VersionMismatch(migration.version));
        }
        if !begun.as_ref().is_some_and(|it| it.done) {
            finish(connection, migration, begun).await?;
        }
    }
    Ok(())
}

async fn has_table(connection: &mut AnyConnection) -> Result<bool> {
    let found = sqlx::query(
        "SELECT 1 FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = 'migrations'",
    )
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// New tables compare text byte by byte, with the spaces at its end, as the other databases do. There is
/// no name for that which MySQL and MariaDB both know.
async fn compare_text_exactly(connection: &mut AnyConnection) -> Result<()> {
    let version: String = sqlx::query("SELECT VERSION()")
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    let collation = match version.contains("MariaDB") {
        true => "utf8mb4_nopad_bin",
        false => "utf8mb4_0900_bin",
    };
    let text = format!("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {collation}");
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(connection)
        .await?;
    Ok(())
}

async fn progress(connection: &mut AnyConnection) -> Result<Vec<Progress>> {
    let rows = sqlx::query("SELECT version, checksum, statements, done FROM migrations")
        .fetch_all(connection)
        .await?;
    let read = |row: &sqlx::any::AnyRow| {
        Ok(Progress {
            version: row.try_get(0)?,
            checksum: row.try_get(1)?,
            statements: usize::try_from(row.try_get::<i64, _>(2)?).unwrap_or(usize::MAX),
            done: row.try_get::<i64, _>(3)? == 1,
        })
    };
    rows.iter().map(read).collect()
}

/// Does what is left of a version.
async fn finish(
    connection: &mut AnyConnection,
    migration: &Migration,
    begun: Option<Progress>,
) -> Result<()> {
    let version = migration.version;
    if begun.is_none() {
        sqlx::query(
            "INSERT INTO migrations (version, checksum, statements, done) VALUES (?, ?, 0, 0)",
        )
        .bind(version)
        .bind(migration.checksum.to_vec())
        .execute(&mut *connection)
        .await?;
    }
    let goes_on = begun.is_some();
    let done = begun.map_or(0, |it| it.statements);
    for (at, statement) in statements(migration.sql.as_str())
        .into_iter()
        .enumerate()
        .skip(done)
    {
        // A change of rows is written down in one transaction with it; one of a table commits before.
        let mut transaction = connection.begin().await?;
        let result = sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *transaction)
            .await;
        match result {
            Ok(_) => {}
            Err(error) if goes_on && at == done && was_done(&error) => {}
            Err(error) => return Err(MigrateError::ExecuteMigration(error, version)),
        }
        sqlx::query("UPDATE migrations SET statements = ? WHERE version = ?")
            .bind(i64::try_from(at + 1).unwrap_or(i64::MAX))
            .bind(version)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    sqlx::query("UPDATE migrations SET done = 1 WHERE version = ?")
        .bind(version)
        .execute(connection)
        .await?;
    Ok(())
}

/// A table (1050), column (1060) or index (1061) is there; what was to be removed is not (1091).
fn was_done(error: &sqlx::Error) -> bool {
    let cause = error.as_database_error();
    let cause = cause.and_then(|it| it.try_downcast_ref::<MySqlDatabaseError>());
    cause.is_some_and(|it| matches!(it.number(), 1050 | 1060 | 1061 | 1091))
}

/// The statements of a migration, without comments.
fn statements(text: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut statement = String::new();
    let mut is_quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '-' if !is_quoted && letters.peek() == Some(&'-') => {
                letters.by_ref().find(|letter| *letter == '\n');
                statement.push('\n');
                continue;
            }
            ';' if !is_quoted => {
                statements.push(std::mem::take(&mut statement));
                continue;
            }
            _ => {}
        }
        statement.push(letter);
    }
    statements.push(statement);
    statements.retain(|statement| !statement.trim().is_empty());
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_read_a_statement_at_a_time() {
        let text = "-- It's; a comment\nCREATE TABLE a (b TEXT); -- ;\nINSERT INTO a VALUES ('--; it''s');";
        let found = statements(text);
        let found: Vec<_> = found.iter().map(|it| it.trim()).collect();
        assert_eq!(
            found,
            [
                "CREATE TABLE a (b TEXT)",
                "INSERT INTO a VALUES ('--; it''s')"
            ]
        );
    }
}
