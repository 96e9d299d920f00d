//! Opening a database: which one, its tables, and whether our key fits it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::Migrator;
use sqlx::{AnyPool, Executor};
use tokio::sync::broadcast;

use super::keys::Keys;
use super::watch::Revisions;
use super::{Error, Inner, Result, Store};
use crate::secrets::KeyRing;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a request waits for a connection before the database counts as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Changes that a slow receiver may be behind; past that it rereads everything.
const CHANGES: usize = 1024;

impl Store {
    /// Opens a database and brings its tables up to date.
    ///
    /// `address` is `postgres://…`, `sqlite:<path>` or the path of an SQLite file, which is made
    /// if it is not there.
    ///
    /// # Errors
    /// When the address is none of these, the database is away, it was written by a newer
    /// Tollgate, or its secrets were sealed with another key.
    pub async fn connect(address: &str, keys: KeyRing) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let shared = is_postgres(address);
        let (reader, writer) = match scheme(address) {
            _ if shared => {
                let pool = postgres(address).await?;
                (pool.clone(), pool)
            }
            // Never in an error: what follows may be a password.
            Some(scheme) if scheme != "sqlite" => {
                return Err(Error::Address(format!(
                    "SQL_DSN: {scheme}:// is not a database that Tollgate knows; use postgres:// \
                     or sqlite:"
                )));
            }
            _ => sqlite(address).await?,
        };
        let (changes, _) = broadcast::channel(CHANGES);
        let (notices, _) = broadcast::channel(CHANGES);
        let store = Self(Arc::new(Inner {
            reader,
            writer,
            shared,
            keys: Keys::new(keys),
            environment: OnceLock::new(),
            changes,
            notices,
            revisions: Revisions::default(),
        }));
        store.check_keys().await?;
        if shared {
            store.watch().await?;
        }
        Ok(store)
    }

    /// Asks the database a trivial question.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(self.reader()).await?;
        Ok(())
    }

    /// Ends all connections, after the work that is under way.
    pub async fn close(&self) {
        self.writer().close().await;
        self.reader().close().await;
    }
}

/// That nobody else serves from an SQLite database, for as long as this value lives.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "what counts is that it stays open")] File);

/// Claims the folder of an SQLite database: a second control plane on it would not hear of the
/// first one's changes. `None` for PostgreSQL, which control planes share.
///
/// # Errors
/// When another program has claimed it, or it cannot be opened.
pub fn claim(address: &str) -> Result<Option<Claim>> {
    if is_postgres(address) {
        return Ok(None);
    }
    let path = sqlite_path(address);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let refuse =
        |why: &dyn std::fmt::Display| Error::Address(format!("{}: {why}", folder.display()));
    let folder = File::open(folder).map_err(|error| refuse(&error))?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(Claim(folder))),
        Err(TryLockError::WouldBlock) => Err(refuse(
            &"another tollgate serves from this folder; end it, choose another folder, or use \
              PostgreSQL (SQL_DSN) for several",
        )),
        Err(TryLockError::Error(error)) => Err(refuse(&error)),
    }
}

fn scheme(address: &str) -> Option<&str> {
    address.split_once("://").map(|(scheme, _)| scheme)
}

fn is_postgres(address: &str) -> bool {
    matches!(scheme(address), Some("postgres" | "postgresql"))
}

fn sqlite_path(address: &str) -> &Path {
    let path = address.strip_prefix("sqlite:").unwrap_or(address);
    Path::new(path.strip_prefix("//").unwrap_or(path))
}

async fn postgres(address: &str) -> Result<AnyPool> {
    let pool = AnyPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(PATIENCE)
        .connect(address)
        .await
        .map_err(|error| match error {
            // Its text repeats the address, which holds a password.
            sqlx::Error::Configuration(_) => {
                Error::Address("SQL_DSN is not a valid postgres:// address".into())
            }
            error => Error::Unavailable(error),
        })?;
    POSTGRES.run(&pool).await.map_err(migration)?;
    Ok(pool)
}

async fn sqlite(address: &str) -> Result<(AnyPool, AnyPool)> {
    let path = sqlite_path(address);
    let refuse = |why: &dyn std::fmt::Display| Error::Address(format!("{}: {why}", path.display()));
    if path.as_os_str().is_empty() {
        return Err(Error::Address("the path of the database is empty".into()));
    }
    // Made here and not by SQLite, so that it is private; its -wal and -shm files inherit that.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| refuse(&error))?;
    let path = std::path::absolute(path).map_err(|error| refuse(&error))?;
    let path = path
        .to_str()
        .ok_or_else(|| refuse(&"the path is not UTF-8"))?;
    let address = format!("sqlite://{}?mode=rw", percent_encode(path));

    let options = |connections: u32| {
        AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // WAL: readers do not wait for the writer. FULL: what was acknowledged
                    // survives a power cut.
                    connection
                        .execute(
                            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                             PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON",
                        )
                        .await?;
                    Ok(())
                })
            })
    };
    let writer = options(1)
        .connect(&address)
        .await
        .map_err(|error| refuse(&error))?;
    SQLITE.run(&writer).await.map_err(migration)?;
    let reader = options(4)
        .connect(&address)
        .await
        .map_err(|error| refuse(&error))?;
    Ok((reader, writer))
}

fn migration(error: sqlx::migrate::MigrateError) -> Error {
    match error {
        sqlx::migrate::MigrateError::Execute(cause) => match Error::from(cause) {
            Error::Statement(cause) => {
                Error::Migration(sqlx::migrate::MigrateError::Execute(cause))
            }
            away => away,
        },
        error => Error::Migration(error),
    }
}

/// A path as part of a URL.
pub(super) fn percent_encode(path: &str) -> String {
    path.bytes()
        .fold(String::with_capacity(path.len()), |mut url, byte| {
            if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
                url.push(char::from(byte));
            } else {
                url.push_str(&format!("%{byte:02X}"));
            }
            url
        })
}
