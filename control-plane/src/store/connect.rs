//! Opening a database: which one, its tables, and whether our key fits it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, Executor};
use tokio::sync::broadcast;

use super::address_groups::Noted;
use super::keys::Keys;
use super::log_outbox::{LogDatabase, database_id};
use super::migrate::{self, Kind};
use super::sql::sql;
use super::watch::Revisions;
use super::{Error, Inner, Result, Store};
use crate::secrets::KeyRing;

/// How long a request waits for a connection before the database counts as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Changes that a slow receiver may be behind; past that it rereads everything.
const CHANGES: usize = 1024;

impl Store {
    /// Opens a database and brings its tables up to date.
    ///
    /// `address` is `postgres://…`, `mysql://…` (also for MariaDB), `sqlite:<path>` or the path of an
    /// SQLite file, which is made if it is not there.
    ///
    /// # Errors
    /// When the address is none of these, the database is away, it was written by a newer
    /// Tollgate, or its secrets were sealed with another key.
    pub async fn connect(address: &str, keys: KeyRing) -> Result<Self> {
        Self::connect_with_logs(address, None, keys).await
    }

    /// The same with the log in a database of its own, of any kind. That one may be away.
    ///
    /// # Errors
    /// As [`Store::connect`].
    pub async fn connect_with_logs(
        address: &str,
        log_address: Option<&str>,
        keys: KeyRing,
    ) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let kind = kind(address, MAIN)?;
        let (reader, writer) = open(kind, address, MAIN).await?;
        migrate::run(&writer, kind, kind.migrations()).await?;
        let logs = match log_address.filter(|it| *it != address) {
            Some(log_address) => {
                let main_id = database_id(&writer).await?;
                Some(log_database(log_address, main_id).await?)
            }
            None => None,
        };
        let (changes, _) = broadcast::channel(CHANGES);
        let (notices, _) = broadcast::channel(CHANGES);
        let store = Self(Arc::new(Inner {
            reader,
            writer,
            logs,
            shared: is_shared(kind),
            keys: Keys::new(keys),
            environment: OnceLock::new(),
            changes,
            notices,
            revisions: Revisions::default(),
            noted: Noted::default(),
        }));
        store.check_keys().await?;
        if is_shared(kind) {
            store.watch().await?;
        }
        Ok(store)
    }

    /// Asks the database a trivial question.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ping(&self) -> Result<()> {
        sql("SELECT 1").execute(self.reader()).await?;
        Ok(())
    }

    /// Ends all connections, after the work that is under way.
    pub async fn close(&self) {
        self.writer().close().await;
        self.reader().close().await;
        if let Some(logs) = &self.0.logs {
            logs.writer.close().await;
            logs.reader.close().await;
        }
    }
}

/// That nobody else serves from an SQLite database, for as long as this value lives.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "what counts is that it stays open")] File);

/// Claims the folder of an SQLite database: a second control plane on it would not hear of the
/// first one's changes. `None` for databases that control planes share.
///
/// # Errors
/// When another program has claimed it, or it cannot be opened.
pub fn claim(address: &str) -> Result<Option<Claim>> {
    if is_shared(kind(address, MAIN)?) {
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
              PostgreSQL or MySQL (SQL_DSN) for several",
        )),
        Err(TryLockError::Error(error)) => Err(refuse(&error)),
    }
}

/// The settings that say where databases are.
pub(super) const MAIN: &str = "SQL_DSN";
const LOGS: &str = "LOG_SQL_DSN";

/// The database of the log. One that is away is brought up to date when it is back.
async fn log_database(address: &str, main_id: Vec<u8>) -> Result<LogDatabase> {
    let kind = kind(address, LOGS)?;
    let logs = LogDatabase::new(kind, open(kind, address, LOGS).await?, main_id);
    match logs.prepare().await {
        Err(Error::Unavailable(error)) => {
            tracing::warn!(%error, "the log database is away; log rows wait for it");
        }
        done => done?,
    }
    Ok(logs)
}

fn kind(address: &str, setting: &str) -> Result<Kind> {
    match address.split_once("://") {
        // Never in an error: it is another program's form, such as user:password@tcp(host)/database.
        None if !address.starts_with("sqlite:") && address.contains('@') => {
            Err(Error::Address(format!(
                "{setting} is neither a path nor an address; use mysql://user:password@host/database"
            )))
        }
        None | Some(("sqlite", _)) => Ok(Kind::Sqlite),
        Some(("postgres" | "postgresql", _)) => Ok(Kind::Postgres),
        Some(("mysql" | "mariadb", _)) => Ok(Kind::Mysql),
        // Never in an error: what follows may be a password.
        Some((scheme, _)) => Err(Error::Address(format!(
            "{setting}: {scheme}:// is not a database that Tollgate knows; use postgres://, mysql:// or \
             sqlite:"
        ))),
    }
}

/// Whether control planes share such databases.
fn is_shared(kind: Kind) -> bool {
    kind != Kind::Sqlite
}

/// A pool to read by and one to write by.
pub(super) async fn open(kind: Kind, address: &str, setting: &str) -> Result<(AnyPool, AnyPool)> {
    let pool = match kind {
        Kind::Sqlite => return sqlite(address, setting).await,
        Kind::Postgres => server(postgres(), address, "postgres://", setting).await?,
        Kind::Mysql => {
            if !url::Url::parse(address).is_ok_and(|url| url.path().len() > 1) {
                return Err(Error::Address(format!(
                    "{setting} is not a valid mysql:// address with the name of a database"
                )));
            }
            server(mysql(), address, "mysql://", setting).await?
        }
    };
    Ok((pool.clone(), pool))
}

fn sqlite_path(address: &str) -> &Path {
    let path = address.strip_prefix("sqlite:").unwrap_or(address);
    Path::new(path.strip_prefix("//").unwrap_or(path))
}

async fn server(
    options: AnyPoolOptions,
    address: &str,
    scheme: &str,
    setting: &str,
) -> Result<AnyPool> {
    let options = options.max_connections(16).acquire_timeout(PATIENCE);
    let pool = match setting {
        LOGS => options.connect_lazy(address),
        _ => options.connect(address).await,
    };
    pool.map_err(|error| match error {
        // Its text repeats the address, which holds a password.
        sqlx::Error::Configuration(_) => {
            Error::Address(format!("{setting} is not a valid {scheme} address"))
        }
        error => Error::Unavailable(error),
    })
}

/// That a row is where an index says costs little more than the next one of the table: so it is on disks
/// without heads, and what lists look at was read before. With PostgreSQL's own 4 it reads a million
/// rows to search ten thousand of them for a word.
const POSTGRES_COSTS: &str = "SET random_page_cost = 1.1";

fn postgres() -> AnyPoolOptions {
    AnyPoolOptions::new().after_connect(|connection, _| {
        Box::pin(async move {
            connection.execute(POSTGRES_COSTS).await?;
            Ok(())
        })
    })
}

/// What is refused is an error; a backslash is a letter; no lock is waited for without end; and a
/// conversation may be followed as far back as it goes, for which MySQL and MariaDB have two names.
const MYSQL_MODE: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,\
    ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT', \
    SESSION innodb_lock_wait_timeout = 10, \
    SESSION /*M! max_recursive_iterations = 2000 */ /*!80003 cte_max_recursion_depth = 2000 */";

/// As in PostgreSQL; see [`super::sql`].
const MYSQL_ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

fn mysql() -> AnyPoolOptions {
    AnyPoolOptions::new().after_connect(|connection, _| {
        Box::pin(async move {
            connection.execute(MYSQL_MODE).await?;
            connection.execute(MYSQL_ISOLATION).await?;
            Ok(())
        })
    })
}

async fn sqlite(address: &str, setting: &str) -> Result<(AnyPool, AnyPool)> {
    let path = sqlite_path(address);
    let refuse = |why: &dyn std::fmt::Display| Error::Address(format!("{}: {why}", path.display()));
    if path.as_os_str().is_empty() {
        let why = format!("the path of the database is empty ({setting})");
        return Err(Error::Address(why));
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
    let reader = options(4)
        .connect(&address)
        .await
        .map_err(|error| refuse(&error))?;
    Ok((reader, writer))
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
