//! Databases for tests: every test runs on SQLite, and on the servers whose programs are here:
//! `TOLLGATE_POSTGRES_BIN` and `TOLLGATE_MARIADB_BIN` name the folders that they are in.
//!
//! Migrations take longer than most tests. So one database of each kind is migrated, and every test
//! gets a copy of it.

mod explain;
mod mariadb;
mod postgres;
mod random;
mod server;
mod sqlite;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions};
use tempfile::TempDir;

pub(super) use self::explain::Explain;
pub(crate) use self::random::Random;
use self::server::Used;
use super::Store;
use super::row::Columns;
use super::sql::sql;
use crate::secrets::{KeyRing, random};

/// A database of a test's own.
pub(crate) struct Database {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) keys: KeyRing,
    /// Where SQLite's files are.
    pub(crate) folder: TempDir,
    /// On a server: for as long as this value lives.
    _used: Option<Used>,
}

/// Runs a test on each database.
pub(crate) async fn on_each_database(test: impl AsyncFn(Database)) {
    for database in each_database().await {
        test(database).await;
    }
}

fn database(name: &'static str, address: String, folder: TempDir, used: Option<Used>) -> Database {
    Database {
        name,
        address,
        keys: KeyRing::random(),
        folder,
        _used: used,
    }
}

/// Where databases make no difference.
pub(crate) async fn sqlite_alone() -> Database {
    sqlx::any::install_default_drivers();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a %?#é.db");
    sqlite::create(&path).await;
    let address = path.to_str().unwrap().to_owned();
    database("sqlite", address, folder, None)
}

/// New ones, one of each kind.
pub(crate) async fn each_database() -> Vec<Database> {
    let mut databases = vec![sqlite_alone().await];

    let name = format!("t{}", hex::encode(random::<8>()));
    if let Some(server) = server::postgres() {
        postgres::create(server, &name).await;
        let folder = tempfile::tempdir().unwrap();
        let used = Some(server.uses(&name));
        databases.push(database("postgres", server.address(&name), folder, used));
    }
    if let Some(server) = server::mariadb() {
        mariadb::create(server, &name).await;
        let folder = tempfile::tempdir().unwrap();
        let used = Some(server.uses(&name));
        databases.push(database("mariadb", server.address(&name), folder, used));
    }
    databases
}

async fn connect(address: &str) -> AnyConnection {
    let options: AnyConnectOptions = address.parse().unwrap();
    options.connect().await.unwrap()
}

/// The same with the database open.
pub(crate) async fn with_store(test: impl AsyncFn(Store)) {
    on_each_database(async |database| test(database.open().await).await).await;
}

impl Database {
    pub(crate) async fn open(&self) -> Store {
        Store::connect(&self.address, self.keys.clone())
            .await
            .unwrap()
    }

    /// Control planes share it.
    pub(crate) fn is_shared(&self) -> bool {
        self.name != "sqlite"
    }
}

impl Store {
    /// Makes a state that no method makes.
    pub(crate) async fn execute_for_tests(&self, text: String) {
        sql(text).execute(self.writer()).await.unwrap();
    }

    pub(crate) async fn count_for_tests(&self, table: &str) -> i64 {
        let count = sql(format!("SELECT count(*) AS count FROM {table}"));
        let row = count.fetch_one(self.reader()).await.unwrap();
        row.int("count").unwrap()
    }
}
