//! What can go wrong with the database, by what the caller can do about it.

use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;

use crate::secrets::UnsealError;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing; the text says what.
    #[error("{0} does not exist")]
    NotFound(String),
    /// It contradicts something that exists; the text says what.
    #[error("{0}")]
    Conflict(String),
    /// Something was written since, by whomever; see [`super::unless_written_since`].
    #[error("something else was written meanwhile")]
    WrittenSince,
    /// The database is away or too busy; trying again later makes sense.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The same of a log database that has not been there since the start.
    #[error("the log database (LOG_SQL_DSN) is not available")]
    LogsUnavailable,
    /// `SQL_DSN` or the database's path.
    #[error("{0}")]
    Address(String),
    #[error("cannot bring the database up to date: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The secret key is not the one that this database was written with.
    #[error("the secret key does not fit this database: {0}")]
    SecretKey(#[source] UnsealError),
    #[error("the demo token cannot be kept: {0}")]
    DemoToken(#[source] std::io::Error),
    /// A row that this program did not write.
    #[error("{column} holds something unexpected: {why}")]
    Row { column: String, why: String },
    #[error("the database refused a statement: {0}")]
    Statement(#[source] sqlx::Error),
}

impl Error {
    /// Work was cut short; whether it was done is not known.
    pub(crate) fn cut_short() -> Self {
        Self::Unavailable(sqlx::Error::WorkerCrashed)
    }

    /// Whether the database broke off the work because two writers waited for each other, or one for
    /// too long: what was done is undone, and may be begun anew. Class 40 in PostgreSQL and MySQL, and
    /// MySQL's error 1205.
    pub(super) fn is_deadlock(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(cause)) = self else {
            return false;
        };
        cause
            .code()
            .is_some_and(|code| code.len() == 5 && code.starts_with("40"))
            || mysql_number(&**cause) == Some(1205)
    }

    /// Others wrote the same things at the same time. Nothing was written, and trying again at once
    /// makes sense.
    pub(super) fn is_contention(&self) -> bool {
        matches!(self, Self::Conflict(_)) || self.is_deadlock()
    }

    pub(super) fn missing(what: &str, id: impl std::fmt::Display) -> Self {
        Self::NotFound(format!("{what} {id}"))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(cause)
                if is_away(cause.code().as_deref()) || is_away_in_mysql(&**cause) =>
            {
                Self::Unavailable(error)
            }
            _ => Self::Statement(error),
        }
    }
}

/// SQL's classes 08 (connection), 40 (rolled back, as after a deadlock), 53 (out of
/// resources), 57P (PostgreSQL is shutting down, starting up) and 25006 (read-only, as on a standby); SQLite's BUSY 5, LOCKED 6, IOERR 10, FULL 13 and
/// CANTOPEN 14, which stand in the low byte of its code.
fn is_away(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return code.starts_with("08")
            || code.starts_with("40")
            || code.starts_with("53")
            || code.starts_with("57P")
            || code == "25006";
    }
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

/// Those of MySQL's and MariaDB's errors that have no code of their own in SQL: the disk is full (1021,
/// 1114), a lock was waited for too long (1205), read-only (1290), the host is blocked (1129), and
/// connections or statements that somebody ended (1317, 1927).
fn is_away_in_mysql(error: &(dyn DatabaseError + 'static)) -> bool {
    mysql_number(error)
        .is_some_and(|number| matches!(number, 1021 | 1114 | 1129 | 1205 | 1290 | 1317 | 1927))
}

fn mysql_number(error: &(dyn DatabaseError + 'static)) -> Option<u16> {
    let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}

/// Says in the API's words what a broken constraint means.
pub(super) trait OnConflict<T> {
    fn on_conflict(self, text: impl FnOnce() -> String) -> Result<T>;
}

impl<T> OnConflict<T> for std::result::Result<T, sqlx::Error> {
    fn on_conflict(self, text: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| match error.as_database_error() {
            Some(cause) if cause.is_unique_violation() || cause.is_foreign_key_violation() => {
                Error::Conflict(text())
            }
            _ => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_mean_away() {
        for code in [
            "08006", "40P01", "53300", "57P01", "25006", "5", "261", "13", "2570",
        ] {
            assert!(is_away(Some(code)), "{code}");
        }
        for code in ["23505", "42601", "57014", "1", "19", "2067", "x"] {
            assert!(!is_away(Some(code)), "{code}");
        }
        assert!(!is_away(None));
    }
}
